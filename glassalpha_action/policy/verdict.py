"""Decides: whether a measurement satisfies a gate, and what all the verdicts together come to. Nothing else does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from glassalpha_action.policy import waivers as exceptions
from glassalpha_action.policy.baseline import Baselines, worsened
from glassalpha_action.policy.binding import CLASSIFICATION, outside, passed_over, unbound, unenforced
from glassalpha_action.policy.compare import TOLERANCE, holds
from glassalpha_action.policy.doubts import asked, doubts
from glassalpha_action.policy.requirements import requirements
from glassalpha_action.policy.schema import Gate, LoadedPolicy, Policy, Statistics
from glassalpha_action.policy.steps import step
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.policy.wording import besides, limits, message
from glassalpha_action.records import (
    Change,
    CubeOrigin,
    Definition,
    Judged,
    Measurement,
    ModelCard,
    Provenance,
    Requirement,
    Verdict,
    WaiverUse,
)
from glassalpha_action.vocabulary import SATISFIED, WORST_OUTCOME_FIRST, Comparison, Outcome, Severity, Status

# A p-value from a thousand redraws is never smaller, so that a higher confidence could not fail anything.
SHOWN_BY_REDRAWS = 0.001


def _point(found: Measurement, gate: Gate, value: float | None = None) -> bool:
    if found.exact is not None and value is None:
        return holds(Fraction(found.exact), gate.comparison, gate.threshold)
    at = found.value if value is None else value
    return holds(Fraction(at or 0.0), gate.comparison, gate.threshold, TOLERANCE)


def _bound(found: Measurement, gate: Gate, low: float, high: float, confidence: float) -> Outcome:
    """PASS with the whole interval on the right side, FAIL with all of it on the wrong one.

    A metric of the whole model that has a p-value is above zero by chance alone: it fails where its value is on the
    wrong side and chance does not explain it at this confidence.
    """
    if gate.comparison is Comparison.between:
        lowest, highest = gate.threshold if isinstance(gate.threshold, tuple) else (low, high)
        inside, outside = lowest <= low and high <= highest, high < lowest or low > highest
    else:
        ends = [_point(found, gate, end) for end in (low, high)]
        inside, outside = all(ends), not any(ends)
        if gate.comparison is Comparison.equals:
            outside = not low <= _limit(gate) <= high
    # A p-value of one group against another speaks of parity, not of the threshold: it is shown and decides nothing.
    if found.p_value is not None and found.attribute is None and not inside:
        outside = not _point(found, gate) and found.p_value < max(1 - confidence, SHOWN_BY_REDRAWS)
    return Outcome.PASS if inside else Outcome.FAIL if outside else Outcome.INCONCLUSIVE


def _limit(gate: Gate) -> float:
    return gate.threshold if isinstance(gate.threshold, float) else math.nan


def _estimated(found: Measurement, gate: Gate) -> Outcome:
    """By the estimate; where that is known only between bounds, both must agree."""
    met = {_point(found, gate)} | {_point(found, gate, bound) for bound in found.bounds or ()}
    if len(met) > 1:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if met == {True} else Outcome.FAIL


def _judged(
    found: Measurement,
    gate: Gate,
    statistics: Statistics,
    undecided: str | None = None,
    origin: CubeOrigin | None = None,
) -> Judged:
    """One gate on one measurement; `undecided` is why there is nothing to decide by."""
    reasons = [undecided] if undecided else []
    if found.value is None or not math.isfinite(found.value):
        outcome = Outcome.MISSING
    elif gate.comparison is not Comparison.present and statistics.decision == "bound" and (ends := _ends(found)):
        outcome = _bound(found, gate, *ends, statistics.confidence)
    else:
        outcome = _estimated(found, gate)
        if outcome is Outcome.INCONCLUSIVE and found.bounds:
            low, high = (found.unit.show(end) for end in found.bounds)
            reasons.append(f"without the rows the value is known only to lie from {low} to {high}")
    if outcome is Outcome.PASS:
        reasons += doubts(found, statistics, origin)
    if undecided or (reasons and outcome is Outcome.PASS):
        outcome = Outcome.MISSING if outcome is Outcome.MISSING else Outcome.INCONCLUSIVE
    known = outcome is not Outcome.MISSING and not undecided
    return Judged(
        attribute=found.attribute,
        outcome=outcome,
        value=found.value if known else None,
        low=found.low if known else None,
        high=found.high if known else None,
        n=found.n,
        groups=found.between,
        reason=found.reason or "; ".join(reasons) or (None if known else "its value is not a number"),
    )


def _ends(found: Measurement) -> tuple[float, float] | None:
    """The interval, with what the value surely lies between in it; None where there is none."""
    if found.low is None or found.high is None:
        return None
    sure = found.bounds or (found.low, found.high)
    return min(found.low, sure[0]), max(found.high, sure[1])


def _softly(
    found: Measurement, gate: Gate, statistics: Statistics, undecided: str | None, origin: CubeOrigin | None
) -> Judged:
    """Judged by the threshold, and where that is met by the softer one as well."""
    judged = _judged(found, gate, statistics, undecided, origin)
    if gate.warn_threshold is None or judged.outcome is not Outcome.PASS:
        return judged
    soft = _judged(found, gate.model_copy(update={"threshold": gate.warn_threshold}), statistics)
    return judged if soft.outcome is Outcome.PASS else soft.model_copy(update={"warned": True})


def _blocking(statistics: Statistics) -> frozenset[Outcome]:
    """The outcomes of an error gate that block."""
    found = {Outcome.FAIL, Outcome.ERROR}
    found |= {Outcome.MISSING} if statistics.on_missing == "block" else set()
    found |= {Outcome.INCONCLUSIVE} if statistics.on_inconclusive == "block" else set()
    return frozenset(found)


def _badness(judged: Judged, gate: Gate, statistics: Statistics) -> tuple[bool, int, float]:
    """What blocks comes first, then the worst outcome, then the worst value."""
    value = judged.value if judged.value is not None else math.inf
    bounds = gate.threshold if isinstance(gate.threshold, tuple) else (_limit(gate), _limit(gate))
    if gate.comparison in {Comparison.between, Comparison.equals}:
        value = -max(bounds[0] - value, value - bounds[1])
    elif gate.comparison not in {Comparison.greater_than, Comparison.greater_than_or_equal}:
        value = -value
    harmless = judged.warned or judged.outcome not in _blocking(statistics)
    return harmless, WORST_OUTCOME_FIRST.index(judged.outcome), value


def _in_scope(gate: Gate, found: Sequence[Measurement]) -> list[Measurement]:
    scope = gate.scope
    if scope is None:
        return [m for m in found if not m.combines and not m.counts_missing]
    return [
        m
        for m in found
        if m.counts_missing == scope.missing
        and (
            m.combines in scope.intersections
            if m.combines
            else scope.attributes is None or m.attribute in scope.attributes
        )
    ]


def _absent(gate: Gate, seen: Sequence[Measurement]) -> list[Judged]:
    """What the scope names and the audit does not have; where nothing at all was measured, that."""
    there = {m.attribute for m in seen}
    named = [*(gate.scope.attributes or ()), *gate.scope.combined] if gate.scope else []
    gone = [name for name in named if name not in there]
    reason = "the audit declares no such protected attribute"
    if not seen and not gone:
        return [_nothing(None, "the audit declares no protected attribute")]
    return [_nothing(name, reason) for name in gone]


def _nothing(attribute: str | None, reason: str) -> Judged:
    return Judged(attribute=attribute, outcome=Outcome.MISSING, value=None, n=0, reason=reason)


def judge(
    gate: Gate,
    found: Sequence[Measurement],
    statistics: Statistics,
    definition: Definition,
    line: int | None = None,
    *,
    today: date | None = None,
    baselines: Baselines | None = None,
    origin: CubeOrigin | None = None,
) -> Verdict:
    """The verdict of `gate` on the measurements of its metric, one for each attribute it compares.

    The outcome is the worst outcome, then the worst value. `definition` is the metric's; where the gate fails, its
    first fix is named unless the gate has a remediation of its own. Before the gate's `enforce_from`, as of `today`,
    it warns. `baselines` holds the measurements of earlier models under `base_commit` (on the same rows) and
    `last_audit`; an empty one says that there is none. `origin` is where counts came from that stand for the rows.
    """
    seen = _in_scope(gate, found)
    against = [worsened(m, gate, baselines or {}) for m in seen]
    judged = _absent(gate, seen)
    for m, earlier, undecided in against:
        judged.append(_softly(m, gate, statistics, undecided, origin).model_copy(update={"baseline": earlier}))
    judged.sort(key=lambda j: _badness(j, gate, statistics))
    worst = judged[0]
    chosen = next((m for m, _, _ in against if m.attribute == worst.attribute), None)
    decided = gate.model_copy(update={"threshold": gate.warn_threshold}) if worst.warned else gate
    later = gate.severity is Severity.error and today is not None and gate.enforce_from and gate.enforce_from > today
    met = chosen is not None and worst.value is not None and _point(chosen, decided)
    said = message(worst, decided, chosen, definition.unit, met) + besides(judged, decided, definition.unit)
    if worst.warned:
        said += f" It is a warning: the gate blocks from {limits(gate.threshold, definition.unit)}."
    elif later and gate.enforce_from and worst.outcome is not Outcome.PASS:
        said += f" Until {gate.enforce_from.isoformat()} it is a warning; from then on the gate blocks."
    return Verdict(
        gate=gate.name,
        gate_id=gate.key,
        metric=definition.id,
        title=f"{definition.title}, worsening" if gate.baseline else definition.title,
        unit=definition.unit,
        outcome=worst.outcome,
        raw_outcome=worst.outcome,
        value=worst.value,
        threshold=decided.threshold,
        comparison=gate.comparison,
        severity=Severity.warning if worst.warned or later else gate.severity,
        policy_severity=gate.severity if worst.warned or later else None,
        policy_threshold=gate.threshold if worst.warned else None,
        attribute=worst.attribute,
        groups=worst.groups,
        low=worst.low,
        high=worst.high,
        n=worst.n,
        clause=gate.clause,
        rationale=gate.rationale,
        message=said,
        judged=tuple(judged),
        line=line,
        remediation=_next(worst, gate, definition),
        baseline=worst.baseline,
    )


def _next(worst: Judged, gate: Gate, definition: Definition) -> str | None:
    """What to do about the outcome: of one that is not decided what its reason asks for, as nothing else is known."""
    if worst.outcome is Outcome.PASS:
        return None
    if worst.outcome is Outcome.FAIL:
        return gate.remediation or next(iter(definition.advice.fixes), None)
    return step(worst.reason)


def not_applicable(gate: Gate, definition: Definition, why: str, line: int | None) -> Verdict:
    """The verdict where the policy or the gate does not apply to the model, or no longer does."""
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
        message=why,
    )


def status(
    verdicts: Sequence[Verdict], unmet: Sequence[Requirement], policy: Policy, changes: Sequence[Change] = ()
) -> Status:
    """What the verdicts come to: BLOCKED, else REVIEW, else PASSED, which takes that no one need look at `changes`."""
    errors = {v.outcome for v in verdicts if v.severity is Severity.error}
    warnings = {v.outcome for v in verdicts if v.severity is Severity.warning}
    found = Status.PASSED
    waived = any(v.outcome is Outcome.WAIVED for v in verdicts)
    if waived or asked(changes) or (errors | warnings) - SATISFIED:
        found = Status.REVIEW
    if errors & _blocking(policy.statistics) or unmet:
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
    waivers: tuple[WaiverUse, ...] = ()
    reaudit_by: str | None = None


def decide(
    loaded: LoadedPolicy | None,
    measured: Sequence[tuple[Definition, Sequence[Measurement]]],
    provenance: Provenance,
    model: ModelCard,
    today: date,
    profile: str,
    *,
    waivers: Sequence[Waiver] = (),
    baselines: Mapping[str, Sequence[Measurement]] | None = None,
    beside: Sequence[Requirement] = (),
    changes: Sequence[Change] = (),
    task: str = CLASSIFICATION,
) -> Decision:
    """Judge every gate and say what they come to.

    `measured` has, gate by gate, its metric and its measurements. `waivers` are those at hand, for any model.
    `baselines` is as `judge` takes it. `beside` are requirements that do not come from the policy: one that is not met
    blocks, whatever the policy says. `changes` are those since the base commit: some ask for a person's look. `task` is
    what the model does, by which gates may choose.
    """
    if loaded is None:
        return _beside(without_policy(profile, retired=model.lifecycle == "retired"), beside)
    policy = loaded.policy
    gates = [gate.of(model.id) for gate in policy.gates]
    rows = [(gate, *one, loaded.line(i)) for i, (gate, one) in enumerate(zip(gates, measured, strict=True))]
    if why := outside(policy, model, task, today):
        none = tuple(not_applicable(gate, metric, why, line) for gate, metric, _, line in rows)
        stamp = unbound(profile)
        return _beside(Decision(verdicts=none, notes=(why, *stamp), enforced=not stamp), beside)
    verdicts = tuple(
        not_applicable(gate, metric, why, line)
        if (why := passed_over(gate, task))
        else judge(
            gate, found, policy.statistics, metric, line, today=today, baselines=baselines, origin=provenance.cube
        )
        for gate, metric, found, line in rows
    )
    applied = exceptions.apply(verdicts, gates, waivers, policy, model.id, today)
    required = requirements(policy, provenance, model)
    loose = unenforced(policy, today, profile)
    overall = status(applied.verdicts, [r for r in required if not r.met], policy, changes)
    days = next((n for name, n in policy.reaudit_days_by_status.items() if name == overall.value), None)
    return _beside(
        Decision(
            overall,
            applied.verdicts,
            required,
            (*loose, *exceptions.expiring(applied.uses, today)),
            enforced=not loose,
            waivers=applied.uses,
            reaudit_by=_later(today, days).isoformat() if days else None,
        ),
        beside,
    )


def _later(day: date, days: int) -> date:
    return date.fromordinal(min(day.toordinal() + days, date.max.toordinal()))


def _beside(decision: Decision, beside: Sequence[Requirement]) -> Decision:
    """The decision with what is required beside the policy; what of it is not met blocks and binds."""
    unmet = any(not r.met for r in beside)
    return replace(
        decision,
        status=Status.BLOCKED if unmet else decision.status,
        enforced=decision.enforced or unmet,
        requirements=(*decision.requirements, *beside),
    )


def without_policy(profile: str, *, retired: bool = False) -> Decision:
    """What is decided where no policy was given; a retired model needs none."""
    notes = (*unbound(profile), *(["The model is retired."] if retired else []))
    return Decision(notes=("No policy was given, so nothing was judged.", *notes), enforced=not notes)
