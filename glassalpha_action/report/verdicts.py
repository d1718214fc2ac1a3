"""What an audit came to, in words: the verdict and why, each gate, each requirement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from glassalpha_action.records import Audit, Definition, Judged, Measurement, Verdict
from glassalpha_action.report import rules, words
from glassalpha_action.report.words import Look
from glassalpha_action.vocabulary import (
    MODEL_PRESENT,
    RULES_APPLY,
    SATISFIED,
    WORST_OUTCOME_FIRST,
    Outcome,
    Severity,
    Status,
    first_sentence,
)

RANK = tuple(outcome for outcome in WORST_OUTCOME_FIRST if outcome not in SATISFIED)
BESIDE = {
    MODEL_PRESENT: "a model of the base commit is no longer configured",
    RULES_APPLY: "the base commit's rules cannot be applied",
}
SEVERITY_RANK = (Severity.error, Severity.warning, Severity.info)


@dataclass(frozen=True)
class Banner:
    """The first thing a reader sees: the status, one sentence why, and what limits it at once.

    `sentence` is the word and `why`; `why` is empty where nothing was judged.
    """

    look: Look
    word: str
    sentence: str
    stamp: str
    notes: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class Part:
    """A gate's outcome for one attribute."""

    group: str
    look: Look
    value: str
    span: str
    n: str
    reason: str


@dataclass(frozen=True)
class Gate:
    """One gate as a reader needs it. Every text may be empty but `name`, `value`, `required` and `group`."""

    name: str
    metric: str
    definition: str
    issue: str
    look: Look
    raw: str
    severity: str
    value: str
    interval: str
    span: str
    required: str
    n: str
    group: str
    clause: str
    rationale: str
    message: str
    step: str
    explain: str
    parts: tuple[Part, ...]


def banner(audit: Audit) -> Banner:
    """The verdict of the whole audit."""
    status = audit.status if audit.enforced else audit.would_be or audit.status
    look = words.STATUSES[status]
    word = look.word if audit.enforced or status is Status.NO_POLICY else f"Would be {look.word.lower()}"
    judged = status is not Status.NO_POLICY
    why = f"{_why(audit)}.{_weights(audit) if status is Status.BLOCKED else ''}" if judged else ""
    sentence = f"{word}: {why}" if judged else "No policy applies to this model, so nothing was judged."
    notes = (
        *rules.notes(audit),
        *(("This status is not enforced: it does not stop a release.",) if judged and not audit.enforced else ()),
    )
    stamp = "NOT FOR APPROVAL" if audit.profile == "dev" else ""
    return Banner(look, word, sentence, stamp, notes, why)


def _why(audit: Audit) -> str:
    gates = len(audit.verdicts)
    found = Counter(v.outcome for v in audit.verdicts if v.severity is not Severity.info or v.outcome not in RANK)
    informing = sum(v.severity is Severity.info and v.outcome in RANK for v in audit.verdicts)
    phrases = {
        Outcome.FAIL: ("failed", "failed"),
        Outcome.ERROR: ("could not be judged",) * 2,
        Outcome.MISSING: ("was not measured", "were not measured"),
        Outcome.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
        Outcome.WAIVED: ("is waived", "are waived"),
    }
    parts = [(found[outcome], phrases[outcome][found[outcome] > 1]) for outcome in RANK if found[outcome]]
    text = [f"{number:,} {phrase}" for number, phrase in parts]
    if text:
        text[0] = f"{parts[0][0]:,} of {words.count(gates, 'gate')} {parts[0][1]}"
    elif gates == informing and (gates or not audit.policy):
        text = []
    elif found[Outcome.PASS] == gates:
        text = [
            f"all {gates:,} gates passed" if gates > 1 else "the one gate passed" if gates else "the policy has no gate"
        ]
    else:
        text = [f"{found[Outcome.PASS]:,} of {words.count(gates, 'gate')} passed"]
    if found[Outcome.NOT_APPLICABLE]:
        text.append(
            f"{found[Outcome.NOT_APPLICABLE]:,} {'does' if found[Outcome.NOT_APPLICABLE] == 1 else 'do'} not apply"
        )
    if informing:
        text.append(f"{words.count(informing, 'info gate')} did not pass")
    unmet = [requirement.name for requirement in audit.requirements if not requirement.met]
    text += [phrase for name, phrase in BESIDE.items() if name in unmet]
    if unmet := [name for name in unmet if name not in BESIDE]:
        text.append(f"{words.count(len(unmet), 'requirement')} {'is' if len(unmet) == 1 else 'are'} not met")
    return words.listed(text)


def _weights(audit: Audit) -> str:
    """What of it blocks, where only some does."""
    failed = Counter(verdict.severity for verdict in audit.verdicts if verdict.failed)
    errors, warnings = failed[Severity.error], failed[Severity.warning]
    unmet = sum(not requirement.met for requirement in audit.requirements)
    if not warnings or not errors + unmet:
        return ""
    found = [words.count(number, one) for number, one in ((errors, "error gate"), (unmet, "requirement")) if number]
    blocking = f"{words.listed(found)} {'blocks' if errors + unmet == 1 else 'block'}"
    asking = f"{words.count(warnings, 'warning gate')} {'asks' if warnings == 1 else 'ask'} for review"
    return f" {blocking}, {asking}."


def confidence(audit: Audit) -> str:
    """The heading of an interval column over measurements of every family."""
    levels = {m.confidence for m in audit.measurements if m.low is not None}
    return f"{100 * levels.pop():g}% interval" if len(levels) == 1 else "Interval"


def gates(audit: Audit) -> tuple[Gate, ...]:
    """Every gate, in the policy's order."""
    return tuple(_gate(verdict, audit) for verdict in audit.verdicts)


def attention(audit: Audit) -> tuple[Gate, ...]:
    """The gates that did not pass, the gravest first."""
    graded = [
        (SEVERITY_RANK.index(verdict.severity), RANK.index(verdict.outcome), place)
        for place, verdict in enumerate(audit.verdicts)
        if verdict.outcome in RANK
    ]
    every = gates(audit)
    return tuple(every[place] for _, _, place in sorted(graded))


def _measured(audit: Audit, metric: str, attribute: str | None, value: float | None) -> Measurement | None:
    """The measurement behind a judgement; one metric may be measured at several parameters."""
    found = [m for m in audit.measurements if m.metric == metric and m.attribute == attribute]
    return next((m for m in found if m.value == value), found[0] if found else None)


def _gate(verdict: Verdict, audit: Audit) -> Gate:
    measurement = _measured(audit, verdict.metric, verdict.attribute, verdict.value)
    definition = audit.glossary.get(verdict.metric)
    interval = (verdict.unit, verdict.low, verdict.high)
    return Gate(
        name=words.name(verdict.gate),
        metric=words.name(verdict.title),
        definition=first_sentence(definition.definition) if definition else "",
        issue=_issue(verdict, definition),
        look=words.OUTCOMES[verdict.outcome],
        raw=_raw(verdict),
        severity=words.SEVERITIES[verdict.severity],
        value=words.shown(verdict.unit, verdict.value, verdict.threshold),
        interval=words.interval(*interval, measurement.confidence if measurement else None),
        span=words.span(*interval),
        required=words.required(verdict.unit, verdict.comparison, verdict.threshold),
        n="" if verdict.n is None else f"{verdict.n:,}",
        group=words.groups(verdict.attribute, verdict.groups, _rows(audit, verdict.attribute, measurement)),
        clause=verdict.clause or "",
        rationale=verdict.rationale or "",
        message=verdict.message,
        step=_step(verdict, definition),
        explain=explain(verdict),
        parts=tuple(
            _part(verdict, part, audit)
            for part in verdict.judged
            if (part.attribute, part.groups) != (verdict.attribute, verdict.groups)
        ),
    )


def _raw(verdict: Verdict) -> str:
    """What the outcome alone does not say: the waiver, the softer level, the day from which it blocks."""
    raw = words.OUTCOMES[verdict.raw_outcome].word.lower()
    if verdict.waiver:
        return f"{raw}, waived by {words.name(verdict.waiver)}"
    if verdict.raw_outcome is not verdict.outcome:
        return f"before: {raw}"
    if verdict.policy_threshold is not None:
        return f"blocks only beyond {words.required(verdict.unit, verdict.comparison, verdict.policy_threshold)}"
    if verdict.policy_severity and verdict.policy_severity is not verdict.severity:
        return f"an {words.SEVERITIES[verdict.policy_severity]} later"
    return ""


def _issue(verdict: Verdict, definition: Definition | None) -> str:
    return definition.advice.issue if definition and verdict.outcome is Outcome.FAIL else ""


def _step(verdict: Verdict, definition: Definition | None) -> str:
    """What to do next; a metric's own advice is for a gate that fails, never for one that nothing decided."""
    if verdict.outcome not in RANK:
        return ""
    fixes = definition.advice.fixes if definition and verdict.raw_outcome is Outcome.FAIL else ()
    return verdict.remediation or next(iter(fixes), "")


def explain(verdict: Verdict) -> str:
    """The command that says what the failed gate means; empty where it did not fail."""
    return f"glassalpha explain failed-gate {verdict.metric}" if verdict.outcome is Outcome.FAIL else ""


def _part(verdict: Verdict, part: Judged, audit: Audit) -> Part:
    measurement = _measured(audit, verdict.metric, part.attribute, part.value)
    return Part(
        group=words.groups(part.attribute, part.groups, _rows(audit, part.attribute, measurement)),
        look=words.OUTCOMES[part.outcome],
        value=words.shown(verdict.unit, part.value, verdict.threshold),
        span=words.span(verdict.unit, part.low, part.high),
        n=f"{part.n:,}",
        reason=part.reason or "also judged",
    )


def _rows(audit: Audit, attribute: str | None, measurement: Measurement | None) -> dict[str, int]:
    """The rows of each level: as the measurement counted them, else as they stand in the data."""
    found = {level.level: level.n for a in audit.data.attributes if a.name == attribute for level in a.levels}
    return found | {group.level: group.n for group in measurement.groups} if measurement else found
