"""What stands behind the numbers: the model and its data, the limits of the evidence, where everything came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from glassalpha_action.records import Audit, DataSummary, Level, PolicyText, Verdict
from glassalpha_action.report import words
from glassalpha_action.vocabulary import Outcome, Unit, day, first_sentence

Definitions = tuple[tuple[str, str], ...]
SMALL_GROUP = 30
WIDE_INTERVAL = 0.2
MOST_UNMEASURED = 40
# A width of 0.2 says little of a number that has no scale of its own.
NARROW = {Unit.share, Unit.difference, Unit.ratio, Unit.probability}
MOST_FEATURES = 60
PREDICTED = {"classification": ", the outcome the score predicts", "regression": "", "dataset": ""}
ENFORCEMENT = {
    "advisory": "advisory: its gates ask for review and never block",
    "soft_mandatory": "mandatory, with waivers: a failed error gate blocks unless it is waived",
    "hard_mandatory": "mandatory, without waivers: a failed error gate blocks",
}
DEV_PROFILE = (
    "This audit ran in the dev profile: rows may be a sample and slow sections may be left out. No approval accepts it."
)


@dataclass(frozen=True)
class Fact:
    """A label with its text; `code` texts are identifiers, and a `digest` may be shown shortened."""

    label: str
    text: str
    code: bool = False
    digest: bool = False


@dataclass(frozen=True)
class Attribute:
    """A protected attribute as found in the data: its levels as (level, rows, share of rows, share of positives)."""

    name: str
    reference: str
    missing: int
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class Limit:
    """One limit of the evidence: a heading and its sentences."""

    title: str
    sentences: tuple[str, ...]


def card(audit: Audit) -> tuple[Fact, ...]:
    """Who and what the model is, as declared; only what was declared."""
    model = audit.model
    policy = (
        f"{words.name(audit.policy.name)}, version {words.name(audit.policy.version, 30)}"
        if audit.policy
        else "none applies"
    )
    declared = (
        ("Version", model.version),
        ("Use case", model.use_case),
        ("Owner", model.owner),
        ("Team", model.team),
        ("Developer", model.developer),
        ("Validator", model.validator),
        ("Tier", model.tier),
        ("Lifecycle", model.lifecycle),
    )
    return (
        Fact("Model", words.name(model.id, 120), True),
        *(Fact(label, words.name(text, 120)) for label, text in declared if text),
        Fact("Policy", policy),
        Fact("Audited on", audit.provenance.as_of),
        *([Fact("Next audit due", audit.reaudit_by)] if audit.reaudit_by else []),
    )


def data(audit: Audit) -> tuple[Fact, ...]:
    """The data the audit looked at and the declarations that give them meaning."""
    found, model = audit.data, audit.model
    labelled = bool(found.positive_label)
    positives = f"{found.positives:,} of {words.count(found.rows, 'row')} ({_share(found.positives, found.rows)})"
    features = [words.name(feature, 40) for feature in found.features]
    facts = [
        Fact("Intended use", model.intended_use or ""),
        Fact("Declared limitations", model.limitations or ""),
        Fact("Rows", f"{found.rows:,}"),
        Fact("Outcome column", words.name(found.target) + (", an amount" if found.task == "regression" else "")),
        Fact(
            "Positive label",
            f"{words.name(found.positive_label)}{PREDICTED[found.task]}: {positives}" if labelled else "",
        ),
        Fact(
            "Favourable label",
            f"{words.name(found.favorable_label)}, the outcome a person would wish for"
            if found.favorable_label
            else "",
        ),
        Fact(
            "Decision threshold",
            f"a score of {found.threshold:g} or more counts as positive" if found.threshold is not None else "",
        ),
        Fact("Weights", "Rows carry weights: rates are weighted, n counts rows." if found.weighted else ""),
        Fact("Features", f"{len(features):,}: {words.listed(features, MOST_FEATURES)}" if features else ""),
    ]
    return tuple(fact for fact in facts if fact.text)


def attributes(found: DataSummary) -> tuple[Attribute, ...]:
    """The protected attributes with their levels."""

    def positives(level: Level) -> str:
        return _share(level.positives, level.n) if found.positive_label else "no labels"

    return tuple(
        Attribute(
            words.name(a.name),
            words.name(a.reference),
            a.missing,
            tuple(
                (words.name(level.level), f"{level.n:,}", _share(level.n, found.rows), positives(level))
                for level in a.levels
            ),
        )
        for a in found.attributes
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "no rows"


def limits(audit: Audit) -> tuple[Limit, ...]:
    """What this evidence cannot show; only limits that apply."""
    dev = (DEV_PROFILE,) if audit.profile == "dev" else ()
    found = (
        ("Not for approval", dev),
        ("Not enforced", tuple(_not_enforced(audit))),
        ("Policy not reviewed in time", tuple(_overdue_policy(audit))),
        ("Not measured", tuple(_unmeasured(audit))),
        ("Small groups", tuple(_small_groups(audit))),
        ("Too few rows to be sure", tuple(_undecided(audit))),
        ("Wide intervals", tuple(_wide(audit))),
        ("Notes on the data", tuple(words.sentence(note) for note in audit.data.notes)),
        ("Warnings about the data", tuple(words.sentence(warning) for warning in audit.data.warnings)),
    )
    return tuple(Limit(title, tuple(dict.fromkeys(sentences))) for title, sentences in found if sentences)


def _not_enforced(audit: Audit) -> Iterator[str]:
    if not audit.enforced:
        yield "The status is shown as what it would be; it does not stop a release."
        yield from (words.sentence(note) for note in audit.notes)


def _overdue_policy(audit: Audit) -> Iterator[str]:
    late = audit.policy and days_overdue(audit.policy, audit.provenance.as_of)
    if audit.policy and late:
        yield (
            f"{words.name(audit.policy.name)} was to be reviewed by {audit.policy.next_review}, "
            f"{words.count(late, 'day')} before this audit: its thresholds may no longer be what is asked for."
        )


def days_overdue(policy: PolicyText, as_of: str) -> int:
    """Days from the policy's next review to the day `as_of`; 0 where it is not overdue, or no day is declared."""
    try:
        return max(0, (date.fromisoformat(as_of) - day(policy.next_review)).days)
    except ValueError:
        return 0


def _unmeasured(audit: Audit) -> Iterator[str]:
    """What has no value, once for each reason, and the groups that have none though their metric does."""
    without: dict[str, dict[str, list[str]]] = {}
    silent: dict[str, dict[str, list[str]]] = {}
    for m in audit.measurements:
        about = words.name(m.attribute) if m.attribute else ""
        if m.value is None:
            reason = words.sentence(m.reason or "no reason recorded")
            without.setdefault(reason, {}).setdefault(words.name(m.title), []).append(about)
            continue
        for group in m.groups:
            if group.value is None and group.reason:
                what = f"{words.name(m.of or m.title)} of {words.name(group.level)}"
                silent.setdefault(words.sentence(group.reason), {}).setdefault(what, []).append(about)
    for reasons in (without, silent):
        for reason, lacking in reasons.items():
            named = [f"{title}{_for(abouts)}" for title, abouts in lacking.items()]
            yield f"{words.listed(named, MOST_UNMEASURED)}: {reason[:1].lower()}{reason[1:]}"


def _for(abouts: list[str]) -> str:
    """For which attributes, where for any."""
    named = list(dict.fromkeys(about for about in abouts if about))
    return f" (by {words.listed(named, 4)})" if named else ""


def _small_groups(audit: Audit) -> Iterator[str]:
    for a in audit.data.attributes:
        small = [f"{words.name(level.level)} (n {level.n:,})" for level in a.levels if level.n < SMALL_GROUP]
        if small:
            yield (
                f"{words.name(a.name)} has {words.count(len(small), 'group')} of fewer than {SMALL_GROUP} rows, "
                f"whose rates say little: {words.listed(small)}."
            )


def _undecided(audit: Audit) -> Iterator[str]:
    for verdict in audit.verdicts:
        if verdict.outcome in {Outcome.PASS, Outcome.FAIL} and _straddles(verdict):
            about = f" for {words.name(verdict.attribute)}" if verdict.attribute else ""
            interval = words.interval(verdict.unit, verdict.low, verdict.high)
            required = words.required(verdict.unit, verdict.comparison, verdict.threshold)
            yield (
                f"{words.name(verdict.gate)}{about}: the {interval} reaches across the threshold ({required}), "
                "so chance alone could turn this outcome round."
            )


def _straddles(verdict: Verdict) -> bool:
    if verdict.low is None or verdict.high is None or verdict.threshold is None:
        return False
    edges = verdict.threshold if isinstance(verdict.threshold, tuple) else (verdict.threshold,)
    return any(verdict.low < edge < verdict.high for edge in edges)


def _wide(audit: Audit) -> Iterator[str]:
    wide: dict[str, list[str]] = {}
    for m in audit.measurements:
        known = m.low is not None and m.high is not None and m.unit in NARROW
        if known and (m.high or 0.0) - (m.low or 0.0) > WIDE_INTERVAL:
            wide.setdefault(words.name(m.title), []).append(words.name(m.attribute) if m.attribute else "")
    if wide:
        named = words.listed((f"{title}{_for(abouts)}" for title, abouts in wide.items()), MOST_UNMEASURED)
        yield f"The interval spans more than {WIDE_INTERVAL:g}: {named}."


def definitions(audit: Audit) -> tuple[Definitions, Definitions]:
    """The whole definition of each metric of which the report shows only the first sentence: gates' metrics, others."""
    judged = dict.fromkeys(v.metric for v in audit.verdicts)
    return _defined(audit, judged), _defined(audit, [m.metric for m in audit.measurements if m.metric not in judged])


def _defined(audit: Audit, metrics: Iterable[str]) -> Definitions:
    known = [audit.glossary[metric] for metric in dict.fromkeys(metrics) if metric in audit.glossary]
    return tuple((words.name(d.title), d.definition) for d in known if first_sentence(d.definition) != d.definition)


def provenance(audit: Audit) -> tuple[Fact, ...]:
    """Digests, seed, commit, isolation and versions; what was not recorded says so."""
    p = audit.provenance
    ran = p.model_format != "predictions"
    commit = {True: "clean: no tracked file was modified", False: "with modified files", None: "state not recorded"}[
        p.git_clean
    ]
    isolation = words.listed(words.name(layer) for layer in p.isolation) or (
        "no isolation layer was in force" if ran else "not needed: no model code ran"
    )
    facts = [
        Fact("Audit id", audit.audit_id, True, True),
        Fact("Audited on", p.as_of),
        Fact("Tool version", p.tool_version, True),
        Fact(
            "Model format", words.name(p.model_format) if ran else "predictions given with the data; no model code ran"
        ),
        _digest("Model digest", p.model_sha256),
        _digest("Predictions digest", p.predictions_sha256),
        _digest("Data digest", p.data_sha256),
        _digest("Configuration digest", p.config_sha256),
        _digest("Policy digest", p.policy_sha256 or (audit.policy.sha256 if audit.policy else None)),
        Fact("Random seed", str(p.seed) if p.seed is not None else "not set"),
        Fact("Strict mode", "on" if p.strict else "off"),
        Fact("Git commit", p.git_commit, True, True) if p.git_commit else Fact("Git commit", "not recorded"),
        Fact("Working tree", commit if p.git_commit else ""),
        Fact("Isolation of the model", isolation),
        Fact(
            "Library versions",
            words.listed((f"{words.name(k, 40)} {words.name(v, 40)}" for k, v in sorted(p.versions.items())), 40),
        ),
    ]
    return tuple(
        fact for fact in facts if fact.text and not (fact.label == "Model digest" and not ran and not p.model_sha256)
    )


def _digest(label: str, value: str | None) -> Fact:
    return Fact(label, value, True, True) if value else Fact(label, "not recorded")


def policy(audit: Audit) -> tuple[Fact, ...]:
    """The policy's own facts, beside its text."""
    text = audit.policy
    if text is None:
        return ()
    facts = (
        ("Name", text.name),
        ("Version", text.version),
        ("Enforcement", ENFORCEMENT[text.enforcement]),
        ("Announced on", text.announced_date),
        ("Effective from", text.effective_date),
        ("Last day", text.sunset_date),
        ("Citation", text.citation),
        ("Citations", words.listed(words.name(citation, 160) for citation in text.citations)),
        ("Extends", f"{text.extends.name}, version {text.extends.version}" if text.extends else None),
        ("Owner", text.owner),
        ("Next review", text.next_review),
        ("Questions", questions(audit)),
    )
    return tuple(Fact(label, words.name(value, 600)) for label, value in facts if value)


def questions(audit: Audit) -> str:
    """Whom to ask, as the policy names them: "Policy questions: risk@example.com"; empty where it names nobody."""
    contacts = audit.policy.contacts if audit.policy else {}
    return "; ".join(
        f"{words.human(words.name(what, 40))} questions: {words.name(who)}" for what, who in contacts.items()
    )
