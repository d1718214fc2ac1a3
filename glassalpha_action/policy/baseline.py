"""How much worse a model is than an earlier one: the difference of two measurements, as a measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from glassalpha_action.digests import settled
from glassalpha_action.policy.schema import Baseline, Gate
from glassalpha_action.records import Measurement
from glassalpha_action.vocabulary import Better

Baselines = Mapping[str, Sequence[Measurement]]


def source(asked: Baseline, baselines: Baselines) -> str | None:
    """Which of `baselines` the gate compares with: the first that was looked at and found; None where none was."""
    order = ("last_audit",) if asked.ref == "last_audit" else ("base_commit",) if asked.paired else BOTH
    looked = [name for name in order if name in baselines]
    return next((name for name in looked if baselines[name]), looked[0] if looked else None)


BOTH = ("base_commit", "last_audit")
PHRASES = {
    "base_commit": "the base commit's model on the same rows",
    "last_audit": "the last recorded audit, on other rows",
}


def worsened(found: Measurement, gate: Gate, baselines: Baselines) -> tuple[Measurement, float | None, str | None]:
    """`found` with its value replaced by its worsening, the earlier value, and why it cannot be decided, if so.

    Where nothing could be looked at, the measurement has no value. Where one looked and there is no earlier model, or
    none with this measurement, the third says so.
    """
    if gate.baseline is None or found.value is None:
        return found, None, None
    name = source(gate.baseline, baselines)
    if name is None:
        reason = (
            "the base commit's model could not be run on the same rows"
            if gate.baseline.paired
            else "neither the base commit's model nor a recorded audit was at hand to compare with"
        )
        return _without_value(found, reason), None, None
    if not baselines[name]:
        return found, None, "there is no earlier model to compare with yet"
    earlier = next((m for m in baselines[name] if _alike(m, found)), None)
    if earlier is None or earlier.value is None:
        return found, None, f"{PHRASES[name]} has no value to compare with"
    return _difference(found, earlier, name), earlier.value, None


def _alike(one: Measurement, other: Measurement) -> bool:
    keys = ("metric", "attribute", "combines", "counts_missing")
    return dict(one.params) == dict(other.params) and all(getattr(one, k) == getattr(other, k) for k in keys)


def _without_value(found: Measurement, reason: str) -> Measurement:
    gone = {"value": None, "exact": None, "low": None, "high": None, "bounds": None, "reason": reason}
    return found.model_copy(update=gone)


def _difference(found: Measurement, earlier: Measurement, name: str) -> Measurement:
    """The worsening; of two independent samples with the interval that their own make (Donner and Zou 2012)."""
    worse, better = (earlier, found) if found.better is Better.higher else (found, earlier)
    exact = Fraction(worse.exact) - Fraction(better.exact) if worse.exact and better.exact else None
    value = float(exact) if exact is not None else (worse.value or 0.0) - (better.value or 0.0)
    ends = _interval(worse, better, value) if name == "last_audit" else None
    sure = _surely(worse, better)
    if found.better is Better.neither:
        sure = _folded(*sure) if sure else None
        exact = abs(exact) if exact is not None else None
        ends = _folded(*ends) if ends else None
        value = abs(value)
    unit = found.unit
    now, then = unit.show(found.value or 0.0, earlier.value), unit.show(earlier.value or 0.0, found.value)
    said = f"{now} now against {then} of {PHRASES[name]}."
    update = {
        "value": settled(value),
        "exact": str(exact) if exact is not None else None,
        "low": settled(ends[0]) if ends else None,
        "high": settled(ends[1]) if ends else None,
        "p_value": None,
        "bounds": sure and (settled(sure[0]), settled(sure[1])),
        "detail": f"{said} {found.detail}" if found.detail else said,
    }
    return found.model_copy(update=update)


def _surely(worse: Measurement, better: Measurement) -> tuple[float, float] | None:
    """What worse − better lies between, where either is known only between bounds."""
    if not (worse.bounds or better.bounds) or worse.value is None or better.value is None:
        return None
    upper, lower = worse.bounds or (worse.value, worse.value), better.bounds or (better.value, better.value)
    return upper[0] - lower[1], upper[1] - lower[0]


def _interval(worse: Measurement, better: Measurement, value: float) -> tuple[float, float] | None:
    """Of worse − better, from the intervals of both; None where one has none."""
    if worse.value is None or better.value is None:
        return None
    if worse.low is None or worse.high is None or better.low is None or better.high is None:
        return None
    down = math.hypot(worse.value - worse.low, better.high - better.value)
    up = math.hypot(worse.high - worse.value, better.value - better.low)
    return value - down, value + up


def _folded(low: float, high: float) -> tuple[float, float]:
    """The interval of the absolute value."""
    ends = sorted((abs(low), abs(high)))
    return (0.0 if low <= 0 <= high else ends[0], ends[1])
