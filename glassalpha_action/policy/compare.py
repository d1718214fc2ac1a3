"""Compares exactly: numbers with thresholds, and the values that one comparison accepts with those of another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from glassalpha_action.policy.schema import Limit
from glassalpha_action.records import Comparison

TOLERANCE = Fraction(1, 10**9)
Effect = Literal["weakened", "strengthened", "neutral"]


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
