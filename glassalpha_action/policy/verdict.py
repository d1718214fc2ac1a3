"""Decides: whether a measurement satisfies a gate, and what all the verdicts together come to. Nothing else does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from glassalpha_action.evidence import MISSING
from glassalpha_action.policy.schema import Gate, Limit, LoadedPolicy, Policy, Statistics
from glassalpha_action.records import (
    Comparison,
    Definition,
    Judged,
    Measurement,
    ModelCard,
    Outcome,
    Provenance,
    Requirement,
    Severity,
    Status,
    Unit,
    Verdict,
)

TOLERANCE = Fraction(1, 10**9)
WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.MISSING, Outcome.INCONCLUSIVE, Outcome.PASS)


def exact(number: float) -> Fraction:
    """The decimal a person wrote: 0.1 is one tenth, not the nearest double."""
    return Fraction(repr(number))


def holds(value: Fraction, comparison: Comparison, threshold: Limit, tolerance: Fraction = Fraction(0)) -> bool:
    """Whether `value` satisfies the comparison; within `tolerance` of the threshold it counts as equal to it."""
    if comparison is Comparison.present:
        return True
    if isinstance(threshold, tuple):
        return exact(threshold[0]) - tolerance <= value <= exact(threshold[1]) + tolerance
    if threshold is None:
        raise ValueError(f"{comparison.value} without a threshold")
    apart = value - exact(threshold)
    equal = abs(apart) <= tolerance
    return {
        Comparison.greater_than: apart > 0 and not equal,
        Comparison.greater_than_or_equal: apart > 0 or equal,
        Comparison.less_than: apart < 0 and not equal,
        Comparison.less_than_or_equal: apart < 0 or equal,
        Comparison.equals: equal,
    }[comparison]


def _point(found: Measurement, gate: Gate) -> bool:
    if found.exact is not None:
        return holds(Fraction(found.exact), gate.comparison, gate.threshold)
    return holds(Fraction(found.value or 0.0), gate.comparison, gate.threshold, TOLERANCE)


def _bound(found: Measurement, gate: Gate, low: float, high: float) -> Outcome:
    """PASS with the whole interval on the right side, FAIL with all of it on the wrong one."""
    if gate.comparison is Comparison.between:
        lowest, highest = gate.threshold if isinstance(gate.threshold, tuple) else (low, high)
        inside, outside = lowest <= low and high <= highest, high < lowest or low > highest
    else:
        ends = [holds(Fraction(end), gate.comparison, gate.threshold, TOLERANCE) for end in (low, high)]
        inside, outside = all(ends), not any(ends)
        if gate.comparison is Comparison.equals:
            outside = high < (found.value or 0.0) or not low <= _limit(gate) <= high
    if found.p_value is not None and not inside:
        outside = not _point(found, gate) and found.p_value < 0.05
        inside = not outside and _point(found, gate) and inside
    return Outcome.PASS if inside else Outcome.FAIL if outside else Outcome.INCONCLUSIVE


def _limit(gate: Gate) -> float:
    return gate.threshold if isinstance(gate.threshold, float) else math.nan


def _judged(found: Measurement, gate: Gate, statistics: Statistics) -> Judged:
    if found.value is None:
        outcome = Outcome.MISSING
    elif (
        statistics.decision == "bound"
        and found.low is not None
        and found.high is not None
        and gate.comparison is not Comparison.present
    ):
        outcome = _bound(found, gate, found.low, found.high)
    else:
        outcome = Outcome.PASS if _point(found, gate) else Outcome.FAIL
    unknown = [g.level for g in found.groups if g.value is None and g.n > 0 and g.level != MISSING]
    if outcome is Outcome.PASS and unknown:
        outcome = Outcome.INCONCLUSIVE
    return Judged(
        attribute=found.attribute,
        outcome=outcome,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        groups=found.between,
        reason=found.reason or (_left_out(unknown) if unknown else None),
    )


def _left_out(levels: Sequence[str]) -> str:
    return f"not estimable for {', '.join(levels)}"


def _badness(judged: Judged, gate: Gate) -> tuple[int, float]:
    value = judged.value if judged.value is not None else math.inf
    limits = gate.threshold if isinstance(gate.threshold, tuple) else (_limit(gate), _limit(gate))
    if gate.comparison in {Comparison.between, Comparison.equals}:
        value = -max(limits[0] - value, value - limits[1])
    elif gate.comparison not in {Comparison.greater_than, Comparison.greater_than_or_equal}:
        value = -value
    return WORST_FIRST.index(judged.outcome), value


def judge(
    gate: Gate, found: Sequence[Measurement], statistics: Statistics, definition: Definition, line: int | None = None
) -> Verdict:
    """The verdict of `gate` on the measurements of its metric, one for each attribute it compares.

    The outcome is the worst outcome, then the worst value. `definition` is the metric's; its first fix is named where
    the gate has no remediation of its own.
    """
    scope = gate.scope.attributes if gate.scope else None
    seen = [m for m in found if scope is None or m.attribute in scope]
    judged = sorted((_judged(m, gate, statistics) for m in seen), key=lambda j: _badness(j, gate))
    for name in [a for a in scope or () if a not in {m.attribute for m in found}]:
        judged.insert(
            0,
            Judged(
                attribute=name,
                outcome=Outcome.MISSING,
                value=None,
                n=0,
                reason="the audit declares no such protected attribute",
            ),
        )
    if not judged:
        judged = [
            Judged(
                attribute=None,
                outcome=Outcome.MISSING,
                value=None,
                n=0,
                reason="the audit declares no protected attribute",
            )
        ]
    judged.sort(key=lambda j: _badness(j, gate))
    worst = judged[0]
    chosen = next((m for m in seen if m.attribute == worst.attribute), None)
    return Verdict(
        gate=gate.name,
        gate_id=gate.key,
        metric=definition.id,
        title=definition.title,
        unit=definition.unit,
        outcome=worst.outcome,
        raw_outcome=worst.outcome,
        value=worst.value,
        threshold=gate.threshold,
        comparison=gate.comparison,
        severity=gate.severity,
        attribute=worst.attribute,
        groups=worst.groups,
        low=worst.low,
        high=worst.high,
        n=worst.n,
        clause=gate.clause,
        rationale=gate.rationale,
        message=_message(worst, gate, chosen, definition.unit),
        judged=tuple(judged),
        line=line,
        remediation=None if worst.outcome is Outcome.PASS else gate.remediation or definition.advice.fixes[0],
    )


def not_applicable(gate: Gate, definition: Definition, use_case: str | None, line: int | None) -> Verdict:
    """The verdict where the policy does not apply to the model's use case."""
    return Verdict(
        gate=gate.name,
        gate_id=gate.key,
        metric=definition.id,
        title=definition.title,
        unit=definition.unit,
        outcome=Outcome.NOT_APPLICABLE,
        raw_outcome=Outcome.NOT_APPLICABLE,
        value=None,
        threshold=gate.threshold,
        comparison=gate.comparison,
        severity=gate.severity,
        clause=gate.clause,
        rationale=gate.rationale,
        line=line,
        message=f"The policy does not apply to the use case {use_case or '(none declared)'}.",
    )


def _limits(gate: Gate, unit: Unit, value: float | None) -> str:
    if isinstance(gate.threshold, tuple):
        return f"{unit.show(gate.threshold[0])} to {unit.show(gate.threshold[1])}"
    return "" if gate.threshold is None else unit.show(gate.threshold, value)


def _message(worst: Judged, gate: Gate, found: Measurement | None, unit: Unit) -> str:
    """One sentence: the value against the threshold, for whom, and how sure it is."""
    if worst.value is None or found is None:
        about = f" for {worst.attribute}" if worst.attribute else ""
        return f"Not measured{about}: {worst.reason}."
    limit = gate.threshold if isinstance(gate.threshold, float) else None
    met = (
        "is measured"
        if gate.comparison is Comparison.present
        else (f"is {'' if _point(found, gate) else 'not '}{gate.comparison.sign} {_limits(gate, unit, worst.value)}")
    )
    parts = [f"{unit.show(worst.value, limit)} {met}"]
    if worst.attribute:
        parts.append(f" for {worst.attribute}: {_compared(found)}" if found.between else f" for {worst.attribute}")
    if worst.low is not None and worst.high is not None:
        parts.append(
            f" ({(found.confidence or 0.95) * 100:g}% interval {unit.show(worst.low)} to {unit.show(worst.high)})"
        )
    text = "".join(parts) + "."
    if worst.outcome is Outcome.INCONCLUSIVE:
        text += f" {_undecided(worst, gate)}"
    return text + (f" {found.detail}" if found.detail else "")


def _compared(found: Measurement) -> str:
    """The groups the value lies between, each with its rate and its rows."""
    by_level = {g.level: g for g in found.groups}
    named = []
    for level in found.between:
        group = by_level.get(level)
        rate = (
            f" {found.unit.show(group.value)}"
            if group and group.value is not None and found.unit is not Unit.rows
            else ""
        )
        named.append(f"{level}{rate}" + (f" (n {group.n:,})" if group else ""))
    return " against ".join(named)


def _undecided(worst: Judged, gate: Gate) -> str:
    if worst.reason:
        return f"Inconclusive: {worst.reason}."
    if worst.value is None or worst.low is None or worst.high is None or not isinstance(gate.threshold, float):
        return "Inconclusive."
    distance = abs(worst.value - gate.threshold)
    reach = worst.high - worst.value if worst.value < gate.threshold else worst.value - worst.low
    if distance < 1e-9:
        return "Inconclusive: the value lies on the threshold, where no number of rows decides."
    rows = math.ceil(worst.n * (reach / distance) ** 2 - 1e-6)
    return f"Inconclusive: the interval holds the threshold; about {max(rows, worst.n + 1):,} rows would decide."


def requirements(policy: Policy, provenance: Provenance) -> tuple[Requirement, ...]:
    """Each reproducibility requirement the policy makes, whether it is met, and how to meet it."""
    asked = policy.reproducibility
    digests = (provenance.config_sha256, provenance.data_sha256, provenance.predictions_sha256)
    table = (
        (
            "strict_mode_required",
            asked.strict_mode_required,
            provenance.strict,
            "The audit ran in strict mode.",
            "Run the audit with --strict, or set `reproducibility: strict: true` in audit.yaml.",
        ),
        (
            "seed_required",
            asked.seed_required,
            provenance.seed is not None,
            f"The random seed is {provenance.seed}.",
            "Set `reproducibility: random_seed:` in audit.yaml.",
        ),
        (
            "manifest_required",
            asked.manifest_required,
            all(digests),
            "Digests of every input are recorded.",
            "Audit from files, so that the digests of config, data and model can be recorded.",
        ),
        (
            "git_commit_required",
            asked.git_commit_required,
            provenance.git_commit is not None and provenance.git_clean is not False,
            f"The inputs stand at commit {(provenance.git_commit or '')[:12]}.",
            "Commit the audit's files, with every change to them, to git and run the audit inside that checkout.",
        ),
    )
    return tuple(
        Requirement(name=name, met=bool(met), message=yes if met else no)
        for name, wanted, met, yes, no in table
        if wanted
    )


def status(verdicts: Sequence[Verdict], unmet: Sequence[Requirement], policy: Policy) -> Status:
    """What the verdicts come to: BLOCKED, else REVIEW, else PASSED."""
    rules = policy.statistics
    blocking = {Outcome.FAIL, Outcome.ERROR}
    blocking |= {Outcome.MISSING} if rules.on_missing == "block" else set()
    blocking |= {Outcome.INCONCLUSIVE} if rules.on_inconclusive == "block" else set()
    errors = {v.outcome for v in verdicts if v.severity is Severity.error}
    warnings = {v.outcome for v in verdicts if v.severity is Severity.warning}
    found = Status.PASSED
    if (errors | warnings) & {Outcome.FAIL, Outcome.ERROR, Outcome.MISSING, Outcome.INCONCLUSIVE, Outcome.WAIVED}:
        found = Status.REVIEW
    if errors & blocking or unmet:
        found = Status.BLOCKED
    return Status.REVIEW if found is Status.BLOCKED and policy.enforcement == "advisory" else found


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy makes of a model, and whether that binds; `notes` say why where it does not."""

    status: Status = Status.NO_POLICY
    verdicts: tuple[Verdict, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    notes: tuple[str, ...] = ()
    enforced: bool = True


def decide(
    loaded: LoadedPolicy,
    measured: Sequence[tuple[Definition, Sequence[Measurement]]],
    provenance: Provenance,
    model: ModelCard,
    today: date,
    profile: str,
) -> Decision:
    """Judge every gate and say what they come to; `measured` has, gate by gate, its metric and its measurements."""
    policy = loaded.policy
    gates = [(gate, *one, loaded.line(i)) for i, (gate, one) in enumerate(zip(policy.gates, measured, strict=True))]
    if policy.applies_to and model.use_case not in policy.applies_to:
        note = (
            f"The policy applies to {', '.join(policy.applies_to)}, not to the use case {model.use_case or '(none)'}."
        )
        return Decision(
            verdicts=tuple(not_applicable(gate, metric, model.use_case, line) for gate, metric, _, line in gates),
            notes=(note, *unbound(profile)),
            enforced=not unbound(profile),
        )
    verdicts = tuple(judge(gate, found, policy.statistics, metric, line) for gate, metric, found, line in gates)
    required = requirements(policy, provenance)
    notes = unenforced(policy, today, profile)
    overall = status(verdicts, [r for r in required if not r.met], policy)
    return Decision(overall, verdicts, required, notes, enforced=not notes)


def without_policy(profile: str) -> Decision:
    """What is decided where no policy was given."""
    notes = unbound(profile)
    return Decision(notes=("No policy was given, so nothing was judged.", *notes), enforced=not notes)


def unbound(profile: str) -> tuple[str, ...]:
    """The stamp on an audit that is not for approval."""
    if profile != "dev":
        return ()
    return ("NOT FOR APPROVAL: a dev-profile audit samples rows and skips slow sections.",)


def unenforced(policy: Policy, today: date, profile: str) -> tuple[str, ...]:
    """Why the status does not bind, where it does not."""
    notes = list(unbound(profile))
    if policy.effective_date and policy.effective_date > today:
        notes.append(
            f"The policy takes effect on {policy.effective_date.isoformat()}; until then its gates do not block."
        )
    if policy.enforcement == "advisory":
        notes.append("The policy is advisory: its gates ask for review and do not block.")
    return tuple(notes)
