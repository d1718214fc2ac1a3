"""Compares exactly: numbers with thresholds, and the values that one comparison accepts with those of another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, WithJsonSchema

from glassalpha_action.vocabulary import Comparison

Limit = float | tuple[float, float] | None
TOLERANCE = Fraction(1, 10**9)
Effect = Literal["weakened", "strengthened", "neutral"]


def _threshold(value: Any) -> Limit:
    def number(one: Any) -> bool:
        return isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e15

    if value is None or number(value):
        return None if value is None else float(value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(number(v) for v in value) and value[0] <= value[1]:
        return float(value[0]), float(value[1])
    raise ValueError("must be a number, or [low, high] for `between`")


Threshold = Annotated[
    Limit,
    PlainValidator(_threshold),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}]}
    ),
]


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


Edge = tuple[Fraction | float, int]


@dataclass(frozen=True, slots=True)
class Span:
    """The values between two edges; an edge is a number and whether it lies inside (0) or just outside (±1)."""

    low: Edge
    high: Edge

    def within(self, other: Span) -> bool:
        """Whether the other span holds every value of this one."""
        return other.low <= self.low and self.high <= other.high

    def reaching(self, value: float) -> Span:
        """The span stretched to hold `value`."""
        edge: Edge = (exact(value), 0)
        return Span(min(self.low, edge), max(self.high, edge))

    def holds(self, value: Fraction, tolerance: Fraction = Fraction(0)) -> bool:
        """Whether `value` lies in it; within `tolerance` of an edge that lies inside, it does."""
        low, high = value - self.low[0], self.high[0] - value
        return (low > 0 or (self.low[1] == 0 and low >= -tolerance)) and (
            high > 0 or (self.high[1] == 0 and high >= -tolerance)
        )


def accepted(comparison: Comparison, threshold: Limit) -> Span:
    """The values that satisfy the comparison."""
    if isinstance(threshold, tuple):
        return Span((exact(threshold[0]), 0), (exact(threshold[1]), 0))
    if comparison is Comparison.present or threshold is None:
        return Span((-math.inf, 0), (math.inf, 0))
    at, lowest, highest = exact(threshold), (-math.inf, 0), (math.inf, 0)
    return {
        Comparison.greater_than: Span((at, 1), highest),
        Comparison.greater_than_or_equal: Span((at, 0), highest),
        Comparison.less_than: Span(lowest, (at, -1)),
        Comparison.less_than_or_equal: Span(lowest, (at, 0)),
    }.get(comparison, Span((at, 0), (at, 0)))


def effect_of(base: Span, head: Span) -> Effect:
    """What it is to accept `head` instead of `base`: weakened where anything is accepted that was not before."""
    if base == head:
        return "neutral"
    return "strengthened" if head.within(base) else "weakened"


def require_limit(comparison: Comparison, threshold: Limit) -> None:
    """Raise ValueError unless the threshold is what the comparison takes."""
    pair = isinstance(threshold, tuple)
    if comparison is Comparison.between and not pair:
        raise ValueError("`between` needs `threshold: [low, high]`")
    if comparison is Comparison.present and threshold is not None:
        raise ValueError("`present` asks only that the metric is measured; remove `threshold`")
    if comparison not in {Comparison.between, Comparison.present} and (pair or threshold is None):
        raise ValueError(f"`{comparison.value}` needs `threshold`, one number")


def require_softer(comparison: Comparison, threshold: Limit, warn: Limit) -> None:
    """Raise ValueError unless whatever passes the softer level passes the threshold as well."""
    if warn is None:
        return
    if isinstance(warn, tuple) is isinstance(threshold, tuple):
        outer, inner = accepted(comparison, threshold), accepted(comparison, warn)
        if inner != outer and inner.within(outer):
            return
    raise ValueError("`warn_threshold` must lie on the passing side of `threshold`, so that it is met earlier")
