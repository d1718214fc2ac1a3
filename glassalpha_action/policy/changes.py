"""Says what changed between two policies or two sets of waivers, and whether each change weakens or strengthens."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from glassalpha_action.documents import Document
from glassalpha_action.policy.compare import Effect, Limit, accepted, effect_of
from glassalpha_action.policy.schema import Gate, LoadedPolicy, Policy, Reproducibility, Statistics
from glassalpha_action.policy.waivers import Waiver, place
from glassalpha_action.records import Change
from glassalpha_action.vocabulary import AND, Comparison, Severity

RANKS: Mapping[str, Sequence[Any]] = {
    "severity": (Severity.info, Severity.warning, Severity.error),
    "enforcement": ("advisory", "soft_mandatory", "hard_mandatory"),
    "on_missing": ("review", "block"),
    "on_inconclusive": ("review", "block"),
    "flag": (False, True),
}
NEUTRAL = ("policy_name", "policy_id", "version", "announced_date", "citation", "citations", "contacts", "review_cycle")


def shown(value: Any) -> str:
    """A value of a policy as a reader writes it."""
    if value is None or value in ((), {}):
        return "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, float):
        return f"{value:.12g}"
    text = str(getattr(value, "value", value))
    return text.lower() if isinstance(value, bool) else text


def ranked(kind: str, base: Any, head: Any) -> Effect:
    """How two levels of one scale compare; the scale is named in RANKS, weakest first."""
    return _more(RANKS[kind].index(base), RANKS[kind].index(head))


def _more(base: float, head: float) -> Effect:
    """More is stricter."""
    return "neutral" if base == head else "strengthened" if head > base else "weakened"


def _less(base: float, head: float) -> Effect:
    """Less is stricter."""
    return _more(head, base)


def wider(base: Collection[str] | None, head: Collection[str] | None) -> Effect:
    """How two sets of what is judged compare; None is everything."""
    if base is None or head is None:
        return "neutral" if base is head else "strengthened" if head is None else "weakened"
    return "neutral" if set(base) == set(head) else "strengthened" if set(base) < set(head) else "weakened"


def change(what: str, effect: Effect, said: str, base: Any, head: Any) -> Change:
    """A change from one value to another, in a sentence."""
    return Change(what=what, effect=effect, message=f"{said} changed from {shown(base)} to {shown(head)}.")


def gate_changes(base: Gate, head: Gate) -> list[Change]:
    """What changed between two forms of one gate."""
    return list(_gate_changes(base, head))


def _gate_changes(base: Gate, head: Gate) -> Iterator[Change]:
    at, name = f"gates.{head.key}", f"The gate {head.name}"
    if base.metric != head.metric:
        said = f"{name} asks for {head.metric} and no longer for {base.metric}."
        yield Change(what=f"{at}.metric", effect="weakened", message=said)
    yield from _limits(base, head, at, name)
    rules: tuple[tuple[str, Any, Any, Effect], ...] = (
        ("severity", base.severity, head.severity, ranked("severity", base.severity, head.severity)),
        ("locked", base.locked, head.locked, ranked("flag", base.locked, head.locked)),
        (
            "enforce_from",
            base.enforce_from,
            head.enforce_from,
            _less(_day(base.enforce_from, 0), _day(head.enforce_from, 0)),
        ),
        ("params", dict(base.params), dict(head.params), "weakened" if base.params != head.params else "neutral"),
        ("baseline", _baseline(base), _baseline(head), _against(base, head)),
    )
    for field, before, after, effect in rules:
        if before != after:
            yield change(f"{at}.{field}", effect, f"{name}: `{field}`", before, after)
    yield from _tasks(base, head, at, name)
    yield from _scopes(base, head, at, name)
    for model in sorted({*base.overrides, *head.overrides}):
        if base.overrides.get(model) != head.overrides.get(model):
            yield from _override(base, head, model)
    for field in ("name", "clause", "rationale", "remediation"):
        if getattr(base, field) != getattr(head, field):
            said = f"{name}: `{field}` changed."
            if field == "name":
                said = f"The gate {base.name} is called {head.name} now."
            yield Change(what=f"{at}.{field}", effect="neutral", message=said)


def _day(day: date | None, otherwise: float) -> float:
    return day.toordinal() if day else otherwise


def _limits(base: Gate, head: Gate, at: str, name: str) -> Iterator[Change]:
    """Changes of what the gate accepts, and of what it accepts without a warning."""
    if bool(base.baseline) != bool(head.baseline):
        return
    if (base.comparison, base.threshold) != (head.comparison, head.threshold):
        effect = effect_of(accepted(base.comparison, base.threshold), accepted(head.comparison, head.threshold))
        before, after = required(base.comparison, base.threshold), required(head.comparison, head.threshold)
        said = f"{name} asked for {before} and now asks for {after}."
        yield Change(what=f"{at}.threshold", effect=effect, message=said)
    if base.warn_threshold != head.warn_threshold:
        spans = [
            accepted(g.comparison, g.threshold if g.warn_threshold is None else g.warn_threshold) for g in (base, head)
        ]
        yield change(
            f"{at}.warn_threshold",
            effect_of(spans[0], spans[1]),
            f"{name}: `warn_threshold`",
            base.warn_threshold,
            head.warn_threshold,
        )


def required(comparison: Comparison, threshold: Limit) -> str:
    """What a comparison asks for, as a reader writes it."""
    if isinstance(threshold, tuple):
        return f"{shown(threshold[0])} to {shown(threshold[1])}"
    return f"{comparison.sign} {shown(threshold)}" if threshold is not None else "a measurement"


def _baseline(gate: Gate) -> Any:
    return gate.baseline.model_dump(exclude={"no_worse_than"}) if gate.baseline else None


def _against(base: Gate, head: Gate) -> Effect:
    """An earlier model instead of a threshold, or the reverse, accepts what was not accepted before."""
    if base.baseline is None or head.baseline is None:
        return "neutral" if base.baseline is head.baseline else "weakened"
    before = (base.baseline.ref == "base_commit", base.baseline.paired)
    after = (head.baseline.ref == "base_commit", head.baseline.paired)
    return _more(sum(before), sum(after))


def _tasks(base: Gate, head: Gate, at: str, name: str) -> Iterator[Change]:
    before, after = ({gate.applies_to.task} if gate.applies_to else None for gate in (base, head))
    if before != after:
        said = [f"models of the task {min(tasks)}" if tasks else "every model" for tasks in (before, after)]
        effect = wider(before, after)
        yield Change(
            what=f"{at}.applies_to", effect=effect, message=f"{name} judged {said[0]} and now judges {said[1]}."
        )


def _scopes(base: Gate, head: Gate, at: str, name: str) -> Iterator[Change]:
    before, after = base.scope, head.scope
    if before == after:
        return
    effects = {
        wider(before.attributes if before else None, after.attributes if after else None),
        wider(
            [AND.join(sorted(n)) for n in before.intersections] if before else [],
            [AND.join(sorted(n)) for n in after.intersections] if after else [],
        ),
        ranked("flag", bool(before and before.missing), bool(after and after.missing)),
    }
    yield Change(
        what=f"{at}.scope",
        effect=_worst(effects),
        message=f"{name} judged {_judged(base)} and now judges {_judged(head)}.",
    )


def _judged(gate: Gate) -> str:
    if gate.scope is None:
        return "every attribute"
    parts = [shown(gate.scope.attributes) if gate.scope.attributes else "every attribute", *gate.scope.combined]
    return ", ".join(parts) + (" with missing values as a group" if gate.scope.missing else "")


def _worst(effects: Collection[Effect]) -> Effect:
    return "weakened" if "weakened" in effects else "strengthened" if "strengthened" in effects else "neutral"


def _override(base: Gate, head: Gate, model: str) -> Iterator[Change]:
    """What an override that came, went or changed means for its model."""
    bare = {"overrides": {}, "name": head.name, "id": head.key}
    found = _gate_changes(base.of(model).model_copy(update=bare), head.of(model).model_copy(update=bare))
    effects = {c.effect for c in found if c.what.endswith((".threshold", ".warn_threshold", ".severity"))}
    before, after = (g.of(model) for g in (base, head))
    said = (
        f"The gate {head.name} held {model} to {_held(before)} and now holds it to {_held(after)}."
        if _held(before) != _held(after)
        else f"The gate {head.name}: the override for {model} changed in words only."
    )
    yield Change(what=f"gates.{head.key}.overrides.{model}", effect=_worst(effects), message=said)


def _held(gate: Gate) -> str:
    warned = f", warning at {shown(gate.warn_threshold)}" if gate.warn_threshold is not None else ""
    return f"{required(gate.comparison, gate.threshold)} as {gate.severity.value}{warned}"


RULES: Mapping[str, Callable[[Any, Any], Effect]] = {
    "applies_to": lambda base, head: wider(base or None, head or None),
    "enforcement": lambda base, head: ranked("enforcement", base, head),
    "effective_date": lambda base, head: _less(_day(base, 0), _day(head, 0)),
    "sunset_date": lambda base, head: _more(_day(base, math.inf), _day(head, math.inf)),
    "statistics.on_missing": lambda base, head: ranked("on_missing", base, head),
    "statistics.on_inconclusive": lambda base, head: ranked("on_inconclusive", base, head),
    "statistics.min_group_n": lambda base, head: _more(base or 0, head or 0),
    "statistics.min_group_share": lambda base, head: _more(base or 0, head or 0),
    "required_evidence": wider,
    "exceptions.max_days": _less,
    "exceptions.approver_roles": lambda base, head: wider(_people(head), _people(base)),
    **{
        f"reproducibility.{name}": lambda base, head: ranked("flag", base, head)
        for name in Reproducibility.model_fields
    },
    **dict.fromkeys(NEUTRAL, lambda *_: "neutral"),
}


def _people(roles: Mapping[str, Sequence[str]]) -> frozenset[str] | None:
    """Everyone who may approve; None is anyone."""
    return frozenset(roles) | {name for people in roles.values() for name in people} if roles else None


def rule_changes(base: Policy, head: Policy) -> list[Change]:
    """What changed between two policies beside their gates."""
    found = []
    for path, effect in RULES.items():
        before, after = base, head
        for name in path.split("."):
            before, after = getattr(before, name), getattr(after, name)
        if before != after:
            found.append(_rule(path, effect(before, after), before, after))
    for status in sorted({*base.reaudit_days_by_status, *head.reaudit_days_by_status}):
        days = [dict(policy.reaudit_days_by_status).get(status) for policy in (base, head)]
        if days[0] != days[1]:
            ends = [math.inf if day is None else day for day in days]
            found.append(_rule(f"reaudit_days_by_status.{status}", _less(ends[0], ends[1]), *days))
    return [*found, *_decision_changes(base.statistics, head.statistics)]


def _rule(path: str, effect: Effect, before: Any, after: Any) -> Change:
    if isinstance(before, Document):
        return Change(what=path, effect=effect, message=f"`{path}` changed.")
    everything = path == "applies_to"
    return change(
        path, effect, f"`{path}`", *("every use case" if everything and not v else v for v in (before, after))
    )


def _decision_changes(base: Statistics, head: Statistics) -> Iterator[Change]:
    """How sure a gate must be. Where undecided gates do not block, every change lets something pass or fail less."""
    strict = "block" == base.on_inconclusive == head.on_inconclusive
    if base.decision != head.decision:
        effect: Effect = "strengthened" if strict and head.decision == "bound" else "weakened"
        yield change("statistics.decision", effect, "`statistics.decision`", base.decision, head.decision)
    if base.confidence != head.confidence:
        effect = _more(base.confidence, head.confidence) if strict else "weakened"
        if "point" in {base.decision, head.decision}:
            effect = "neutral"
        yield change("statistics.confidence", effect, "`statistics.confidence`", base.confidence, head.confidence)


def policy_changes(base: LoadedPolicy | None, head: LoadedPolicy | None) -> tuple[Change, ...]:
    """Every change from one policy to another; None is no policy at all."""
    if base is None or head is None:
        if base is head:
            return ()
        effect: Effect = "weakened" if head is None else "strengthened"
        found = base or head
        name = found.policy.policy_name if found else ""
        said = f"The policy {name} no longer judges the model." if base else f"The policy {name} judges the model now."
        return (Change(what="policy", effect=effect, message=said),)
    return (
        *_gates_changes(base.policy, head.policy),
        *rule_changes(base.policy, head.policy),
        *_extends_changes(base, head),
    )


def _gates_changes(base: Policy, head: Policy) -> Iterator[Change]:
    gone = {gate.key: gate for gate in base.gates}
    new = {gate.key: gate for gate in head.gates}
    for key in [key for key in gone if key in new]:
        yield from _gate_changes(gone.pop(key), new.pop(key))
    for gate in list(gone.values()):
        renamed = next((other for other in new.values() if other.metric == gate.metric), None)
        if renamed:
            del gone[gate.key], new[renamed.key]
            said = f"The gate {gate.name} ({gate.key}) is {renamed.name} ({renamed.key}) now; waivers name the new one."
            yield Change(what=f"gates.{renamed.key}.id", effect="neutral", message=said)
            yield from (c for c in _gate_changes(gate, renamed) if not c.what.endswith(".name"))
    for gate in gone.values():
        effect: Effect = "neutral" if gate.severity is Severity.info else "weakened"
        yield Change(what=f"gates.{gate.key}", effect=effect, message=f"The gate {gate.name} ({_held(gate)}) is gone.")
    for gate in new.values():
        effect = "neutral" if gate.severity is Severity.info else "strengthened"
        yield Change(what=f"gates.{gate.key}", effect=effect, message=f"The gate {gate.name} ({_held(gate)}) is new.")


def _extends_changes(base: LoadedPolicy, head: LoadedPolicy) -> Iterator[Change]:
    """What is extended; what its own changes mean is seen in the gates and rules that come from it."""
    before, after = base.policy.extends, head.policy.extends
    if (before and before.source) != (after and after.source):
        names = [e.source if e else None for e in (before, after)]
        yield change("extends.source", "neutral", "`extends`", *names)
    if before and after and before.sha256 != after.sha256:
        effect: Effect = "weakened" if after.sha256 is None else "neutral" if before.sha256 else "strengthened"
        yield change("extends.sha256", effect, "The digest that `extends` pins", before.sha256, after.sha256)
    elif base.base and head.base and base.base.sha256 != head.base.sha256:
        yield change("extends", "neutral", "The digest of the policy extended", base.base.sha256, head.base.sha256)


def waiver_changes(base: Sequence[Waiver], head: Sequence[Waiver], gates: Sequence[Gate]) -> tuple[Change, ...]:
    """Every change from one set of waivers to another.

    `gates` are the head's; a waiver of a gate that is not among them counts as weakened where its ceiling moves.
    """
    mine = [{w.id: w for w in ws} for ws in (base, head)]
    return tuple(
        found
        for key in sorted({*mine[0], *mine[1]})
        for found in _waiver_changes(mine[0].get(key), mine[1].get(key), gates)
    )


def _waiver_changes(base: Waiver | None, head: Waiver | None, gates: Sequence[Gate]) -> Iterator[Change]:
    one = head or base
    if one is None or base == head:
        return
    at = f"waivers.{one.id}"
    if base is None or head is None:
        said = f"Waiver {one.id} of the gate {one.gate} for {one.model_id}, until {one.expires.isoformat()},"
        yield Change(
            what=at,
            effect="weakened" if head else "strengthened",
            message=f"{said} {'is new' if head else 'is gone'}.",
        )
        return
    for name in Waiver.model_fields:
        before, after = getattr(base, name), getattr(head, name)
        effect: Effect = "weakened" if name in {"gate", "model_id", "owner", "approved_by"} else "neutral"
        if name == "expires":
            effect = _less(before.toordinal(), after.toordinal())
        if name == "ceiling":
            at_gate = place(head, gates)
            effect = _ceilings(before, after, None if at_gate is None else gates[at_gate])
        if before != after:
            yield change(f"{at}.{name}", effect, f"Waiver {one.id}: `{name}`", before, after)


def _ceilings(before: float, after: float, gate: Gate | None) -> Effect:
    if gate is None:
        return "weakened"
    span = accepted(gate.comparison, gate.threshold)
    return effect_of(span.reaching(before), span.reaching(after))
