"""Replays recorded audits under another policy: which models, teams and gates would come out otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from glassalpha_action.policy.recorded import beside, recorded
from glassalpha_action.policy.schema import Gate, LoadedPolicy
from glassalpha_action.policy.verdict import Decision, decide
from glassalpha_action.policy.waivers import recalled
from glassalpha_action.records import Audit, Definition, Measurement, Verdict
from glassalpha_action.vocabulary import FAILED, Outcome, Status

UNREALISTIC_SHARE = 0.80
LEAST_MODELS = 5


@dataclass(frozen=True, slots=True)
class GateFlip:
    """One gate that came out otherwise; None is a gate that the other policy does not have."""

    gate: str
    before: Outcome | None
    after: Outcome | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One audit, as recorded and as the policy would judge it; `unmet` are requirements that it newly does not meet."""

    model_id: str
    team: str
    as_of: str
    before: Status
    after: Status
    gates: tuple[GateFlip, ...]
    unmet: tuple[str, ...]
    decision: Decision
    latest: bool

    @property
    def flipped(self) -> bool:
        """Whether the status changes."""
        return self.before is not self.after


@dataclass(frozen=True, slots=True)
class GateLoad:
    """How many models fail a gate at their latest audit, of those that it judges."""

    gate: str
    gate_id: str
    severity: str
    models: int
    failing: int
    inconclusive: int

    @property
    def share(self) -> float:
        """The share of the judged models that fail."""
        return self.failing / self.models if self.models else 0.0

    @property
    def unrealistic(self) -> bool:
        """Whether so many models fail that the threshold, not the models, may be at fault."""
        return self.models >= LEAST_MODELS and self.share >= UNREALISTIC_SHARE


@dataclass(frozen=True, slots=True)
class TeamLoad:
    """A team's models at their latest audit, by status before and after, and how many of its audits flip in all."""

    team: str
    models: int
    before: Mapping[Status, int]
    after: Mapping[Status, int]
    flipped: tuple[str, ...]
    flipped_audits: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """Every replayed audit by model and day, and what they come to by gate and by team."""

    replays: tuple[Replayed, ...]
    gates: tuple[GateLoad, ...]
    teams: tuple[TeamLoad, ...]

    @property
    def latest(self) -> tuple[Replayed, ...]:
        """The latest audit of each model."""
        return tuple(one for one in self.replays if one.latest)


def simulate(loaded: LoadedPolicy, audits: Iterable[Audit], definitions: Mapping[str, Definition]) -> Simulation:
    """Judge `audits` by `loaded` as if it were in force on the day of each.

    Metrics are those of each audit's own glossary; what an audit did not measure is MISSING, and `definitions` (by name
    and alias) says what it would have been. Waivers are those each audit records; a baseline gate compares with the
    audit before, where none is recorded. Of a model's audits of one day, `audits` has the last one last.
    """
    policy = _in_force(loaded)
    ordered = _ordered(audits)
    last = {audit.audit_id for audit in latest(ordered)}
    replays = []
    earlier: Audit | None = None
    for audit in ordered:
        before = earlier if earlier and earlier.model.id == audit.model.id else None
        replays.append(_replayed(policy, audit, before, definitions, latest=audit.audit_id in last))
        earlier = audit
    standing = [one for one in replays if one.latest]
    return Simulation(tuple(replays), _gate_loads(policy, standing), _team_loads(replays))


def latest(audits: Iterable[Audit]) -> list[Audit]:
    """The latest audit of each model, by model; of those of one day the last given."""
    return list({audit.model.id: audit for audit in _ordered(audits)}.values())


def _ordered(audits: Iterable[Audit]) -> list[Audit]:
    unique = {audit.audit_id: audit for audit in audits}
    return sorted(unique.values(), key=lambda a: (a.model.id, a.provenance.as_of))


def _judged(
    loaded: LoadedPolicy, audit: Audit, before: Audit | None, definitions: Mapping[str, Definition]
) -> Decision:
    measured = [_measured(audit, gate, definitions) for gate in loaded.policy.gates]
    today = date.fromisoformat(audit.provenance.as_of)
    baselines = audit.baselines or {"last_audit": before.measurements if before else ()}
    return decide(
        loaded, measured, audit.provenance, audit.model, today, audit.profile,
        waivers=recalled(audit.waivers), baselines=baselines, beside=beside(audit), changes=audit.changes,
        task=audit.data.task,
    )  # fmt: skip


def _in_force(loaded: LoadedPolicy) -> LoadedPolicy:
    """The policy with its dates taken off, so that every gate bites."""
    gates = tuple(gate.model_copy(update={"enforce_from": None}) for gate in loaded.policy.gates)
    dateless = {"announced_date": None, "effective_date": None, "sunset_date": None, "gates": gates}
    return replace(loaded, policy=loaded.policy.model_copy(update=dateless))


def _measured(
    audit: Audit, gate: Gate, definitions: Mapping[str, Definition]
) -> tuple[Definition, Sequence[Measurement]]:
    """What the audit measured for the gate; where it measured nothing, that."""
    definition, found = recorded(audit, gate, definitions)
    return definition, found or [_unmeasured(audit, definition, gate)]


def _unmeasured(audit: Audit, metric: Definition, gate: Gate) -> Measurement:
    at = "".join(f" at {name} {value:g}" for name, value in gate.params.items())
    return Measurement(
        metric=metric.id,
        title=metric.title,
        unit=metric.unit,
        better=metric.better,
        value=None,
        reason=f"the audit of {audit.provenance.as_of} did not measure it{at}",
        n=audit.data.rows,
        params=gate.params,
    )


def _replayed(
    loaded: LoadedPolicy, audit: Audit, before: Audit | None, definitions: Mapping[str, Definition], *, latest: bool
) -> Replayed:
    decision = _judged(loaded, audit, before, definitions)
    known = {r.name for r in audit.requirements if not r.met}
    return Replayed(
        model_id=audit.model.id,
        team=audit.model.team or "(no team)",
        as_of=audit.provenance.as_of,
        before=audit.status,
        after=decision.status,
        gates=tuple(_flips(audit.verdicts, decision.verdicts)),
        unmet=tuple(r.name for r in decision.requirements if not r.met and r.name not in known),
        decision=decision,
        latest=latest,
    )


def _flips(before: Sequence[Verdict], after: Sequence[Verdict]) -> Iterable[GateFlip]:
    said = {v.gate_id: v for v in before}
    found = {v.gate_id: v for v in after}
    for key in dict.fromkeys([*found, *said]):
        old, new = said.get(key), found.get(key)
        outcomes = (old.raw_outcome if old else None, new.raw_outcome if new else None)
        if outcomes[0] is not outcomes[1]:
            yield GateFlip(new.gate if new else old.gate if old else key, *outcomes)


def _gate_loads(loaded: LoadedPolicy, latest: Sequence[Replayed]) -> tuple[GateLoad, ...]:
    loads = []
    for gate in loaded.policy.gates:
        found = [v for one in latest for v in one.decision.verdicts if v.gate_id == gate.key]
        judged = [v.raw_outcome for v in found if v.raw_outcome is not Outcome.NOT_APPLICABLE]
        loads.append(
            GateLoad(
                gate=gate.name,
                gate_id=gate.key,
                severity=gate.severity.value,
                models=len(judged),
                failing=sum(outcome in FAILED for outcome in judged),
                inconclusive=judged.count(Outcome.INCONCLUSIVE),
            )
        )
    return tuple(loads)


def _team_loads(replays: Sequence[Replayed]) -> tuple[TeamLoad, ...]:
    teams = []
    for team in sorted({one.team for one in replays}):
        mine = [one for one in replays if one.team == team]
        latest = [one for one in mine if one.latest]
        teams.append(
            TeamLoad(
                team=team,
                models=len(latest),
                before=Counter(one.before for one in latest),
                after=Counter(one.after for one in latest),
                flipped=tuple(one.model_id for one in latest if one.flipped),
                flipped_audits=sum(one.flipped for one in mine),
            )
        )
    return tuple(teams)
