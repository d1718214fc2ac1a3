"""Says what changed between two policies or two sets of waivers, and whether each change weakens or strengthens."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from glassalpha_action.policy.compare import Effect, accepted, effect_of
from glassalpha_action.policy.schema import Gate, Limit, LoadedPolicy, Policy
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.records import Change, Comparison, Severity

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
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    if isinstance(value, tuple | frozenset | list):
        return ", ".join(shown(one) for one in (sorted(value) if isinstance(value, frozenset) else value))
    return str(getattr(value, "value", value))


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
        said = f"{name} asked for {required(base.comparison, base.threshold)} and now asks for {required(head.comparison, head.threshold)}."
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


def _scopes(base: Gate, head: Gate, at: str, name: str) -> Iterator[Change]:
    before, after = base.scope, head.scope
    if before == after:
        return
    effects = {
        wider(before.attributes if before else None, after.attributes if after else None),
        wider(
            [" & ".join(sorted(n)) for n in before.intersections] if before else [],
            [" & ".join(sorted(n)) for n in after.intersections] if after else [],
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


def rule_changes(base: Policy, head: Policy) -> list[Change]:
    """What changed between two policies beside their gates."""
    found = [
        change("applies_to", wider(base.applies_to or None, head.applies_to or None), "`applies_to`", base.applies_to or "all", head.applies_to or "all"),
        change("enforcement", ranked("enforcement", base.enforcement, head.enforcement), "`enforcement`", base.enforcement, head.enforcement),
        change("effective_date", _less(_day(base.effective_date, 0), _day(head.effective_date, 0)), "`effective_date`", base.effective_date, head.effective_date),
        change("sunset_date", _more(_day(base.sunset_date, math.inf), _day(head.sunset_date, math.inf)), "`sunset_date`", base.sunset_date, head.sunset_date),
        change("required_evidence", wider(base.required_evidence, head.required_evidence), "`required_evidence`", base.required_evidence, head.required_evidence),
        change("exceptions.max_days", _less(base.exceptions.max_days, head.exceptions.max_days), "`exceptions.max_days`", base.exceptions.max_days, head.exceptions.max_days),
        change("exceptions.approver_roles", _approvers(base, head), "`exceptions.approver_roles`", dict(base.exceptions.approver_roles), dict(head.exceptions.approver_roles)),
    ]  # fmt: skip
    found += _statistics_changes(base, head)
    for name in type(base.reproducibility).model_fields:
        before, after = getattr(base.reproducibility, name), getattr(head.reproducibility, name)
        found.append(change(f"reproducibility.{name}", ranked("flag", before, after), f"`{name}`", before, after))
    for name in sorted({*base.reaudit_days_by_status, *head.reaudit_days_by_status}):
        days = [p.reaudit_days_by_status.get(name) for p in (base, head)]  # type: ignore[call-overload]
        effect = _less(*(math.inf if d is None else d for d in days))
        found.append(change(f"reaudit_days_by_status.{name}", effect, f"`reaudit_days_by_status.{name}`", *days))
    kept = [c for c in found if c.effect != "neutral" or " changed from " not in c.message or _differs(c)]
    for name in NEUTRAL:
        before, after = getattr(base, name), getattr(head, name)
        if before != after:
            simple = not hasattr(before, "model_dump")
            said = f"`{name}` changed from {shown(before)} to {shown(after)}." if simple else f"`{name}` changed."
            kept.append(Change(what=name, effect="neutral", message=said))
    return kept
