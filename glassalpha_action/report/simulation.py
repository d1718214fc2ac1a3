"""A replay of recorded audits under another policy, as text for a terminal and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glassalpha_action.policy.schema import Policy
from glassalpha_action.policy.simulate import GateFlip, GateLoad, Replayed, Simulation, TeamLoad
from glassalpha_action.report.words import count, human, name
from glassalpha_action.vocabulary import WORST_STATUS_FIRST, Outcome, Status


def render_simulation(found: Simulation, policy: Policy) -> str:
    """What would flip, by team, and which gates most models fail."""
    latest = found.latest
    flips = [sum(one.flipped for one in some) for some in (latest, found.replays)]
    title = f"{name(policy.policy_name)} {name(policy.version)}, as if in force"
    after, before = (_counts({s: kept.count(s) for s in WORST_STATUS_FIRST}) for kept in _statuses(latest))
    lines = [
        f"{title}: {count(len(found.replays), 'audit')} of {count(len(latest), 'model')} judged again.",
        f"Latest audits: {after} (recorded: {before}).",
        f"{count(flips[0], 'model')} would flip at the latest audit, {count(flips[1], 'audit')} in all.",
        "",
        "Gates, at each model's latest audit",
    ]
    lines += [f"  {_gate(gate)}" for gate in found.gates]
    for team in found.teams:
        lines += ["", f"Team {name(team.team)}: {_team(team)}"]
        mine = [one for one in found.replays if one.team == team.team and one.flipped]
        for model in dict.fromkeys(one.model_id for one in mine):
            lines += _model([one for one in mine if one.model_id == model])
    return "\n".join(lines) + "\n"


def _statuses(latest: Sequence[Replayed]) -> tuple[list[Status], list[Status]]:
    return [one.after for one in latest], [one.before for one in latest]


def _counts(statuses: Mapping[Status, int]) -> str:
    return ", ".join(f"{statuses[s]} {s.value}" for s in WORST_STATUS_FIRST if statuses.get(s)) or "none"


def _gate(gate: GateLoad) -> str:
    text = f"{gate.severity:<8} {name(gate.gate, 60)}: {gate.failing} of {gate.models} fail ({gate.share:.0%})"
    text += f", {gate.inconclusive} inconclusive" if gate.inconclusive else ""
    return f"{text}  <- 80% or more of the models fail: the threshold may be unrealistic" if gate.unrealistic else text


def _team(team: TeamLoad) -> str:
    return (
        f"{count(team.models, 'model')}, {_counts(team.before)} → {_counts(team.after)}; "
        f"{count(len(team.flipped), 'model')} and {count(team.flipped_audits, 'audit')} flip"
    )


def _model(audits: list[Replayed]) -> Iterator[str]:
    """A model's flips, months that flip alike on one line."""
    alike: dict[tuple[str, str], list[Replayed]] = {}
    for one in audits:
        why = "; ".join([*map(_flip, filter(_matters, one.gates)), *(f"{human(unmet)} not met" for unmet in one.unmet)])
        alike.setdefault((f"{one.before.value} → {one.after.value}", why), []).append(one)
    for (change, why), some in alike.items():
        days = [one.as_of for one in some]
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} audits)"
        yield f"  {name(some[0].model_id)}  {change}  {when}{f': {why}' if why else ''}"


def _matters(flip: GateFlip) -> bool:
    """Whether the gate can be why a status flips: one that came or went without ever failing is not."""
    return not {flip.before, flip.after} <= {None, Outcome.PASS, Outcome.NOT_APPLICABLE}


def _flip(flip: GateFlip) -> str:
    if flip.before and flip.after:
        return f"{name(flip.gate, 60)} {flip.before.value} → {flip.after.value}"
    return f"{name(flip.gate, 60)} " + (f"{flip.after.value} (new)" if flip.after else "gone")


def as_data(found: Simulation) -> dict[str, Any]:
    """The replay as plain data."""
    return {
        "audits": [
            {
                "model_id": one.model_id, "team": one.team, "as_of": one.as_of, "latest": one.latest,
                "before": one.before.value, "after": one.after.value, "flipped": one.flipped,
                "gates": [
                    {"gate": f.gate, "before": f.before and f.before.value, "after": f.after and f.after.value}
                    for f in one.gates
                ],
                "unmet": list(one.unmet),
            }
            for one in found.replays
        ],
        "gates": [
            {"gate": g.gate, "id": g.gate_id, "severity": g.severity, "models": g.models, "failing": g.failing,
             "inconclusive": g.inconclusive, "share": g.share, "unrealistic": g.unrealistic}
            for g in found.gates
        ],
        "teams": [
            {"team": t.team, "models": t.models, "before": {s.value: n for s, n in t.before.items()},
             "after": {s.value: n for s, n in t.after.items()}, "flipped": list(t.flipped),
             "flipped_audits": t.flipped_audits}
            for t in found.teams
        ],
    }  # fmt: skip
