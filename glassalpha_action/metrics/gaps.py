"""The distance between the groups farthest apart, and the ratio of the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Floats
from glassalpha_action.metrics.catalogue import Estimate, undefined
from glassalpha_action.metrics.intervals import Interval, farthest, gap, least_ratio, simultaneous, z_of
from glassalpha_action.metrics.rates import Rate
from glassalpha_action.records import Group

ONE_GROUP = "only one group has rows, so there is nothing to compare"


def described(group: Slice, rates: Sequence[Rate], confidence: float, empty: str) -> tuple[Group, ...]:
    """Each level with its rate and Wilson interval, or why it has none."""
    found = []
    for level, n, one in zip(group.axis.levels, group.n, rates, strict=True):
        if not one.known:
            found.append(Group(level=level, n=int(n), reason=empty))
        else:
            low, high = one.interval(confidence)
            found.append(Group(level=level, n=int(n), value=float(one.value), low=low, high=high))
    return tuple(found)


def left_out(group: Slice, known: Sequence[int], empty: str) -> str | None:
    """The sentence that names the levels without a value."""
    missed = [group.axis.levels[i] for i in group.compared if i not in set(known)]
    return f"Left out, because there is {empty}: {', '.join(missed)}." if missed else None


def comparable(
    group: Slice, rates: Sequence[Rate], groups: tuple[Group, ...], of: str, empty: str
) -> list[int] | Estimate:
    """The levels that have a rate, or why they cannot be compared."""
    known = [i for i in group.compared if rates[i].known]
    n = int(group.n.sum())
    if len(group.compared) < 2:
        return undefined(ONE_GROUP, n, groups, of)
    if len(known) < 2:
        return undefined(f"fewer than two groups have a {of}: {empty} in the others", n, groups, of)
    return known


def rate_gap(
    group: Slice, rates: Sequence[Rate], confidence: float, of: str, empty: str, families: int = 1
) -> Estimate:
    """max − min of the rates over the levels that have one, exact, with its simultaneous interval."""
    groups = described(group, rates, confidence, empty)
    known = comparable(group, rates, groups, of, empty)
    if isinstance(known, Estimate):
        return known
    lowest = min(known, key=lambda i: rates[i].value)
    highest = max(known, key=lambda i: rates[i].value)
    low, high = gap([rates[i].effective for i in known], confidence, families)
    return Estimate(
        rates[highest].value - rates[lowest].value,
        int(group.n.sum()),
        low,
        high,
        groups=groups,
        of=of,
        between=(group.axis.levels[lowest], group.axis.levels[highest]),
        detail=left_out(group, known, empty),
    )


def rate_ratio(group: Slice, rates: Sequence[Rate], confidence: float, of: str, empty: str, none: str) -> Estimate:
    """min / max of the rates over the levels that have one, exact, with its simultaneous interval.

    `none` is the reason where every rate is 0.
    """
    groups = described(group, rates, confidence, empty)
    known = comparable(group, rates, groups, of, empty)
    if isinstance(known, Estimate):
        return known
    lowest = min(known, key=lambda i: rates[i].value)
    highest = max(known, key=lambda i: rates[i].value)
    if rates[highest].hits == 0:
        return undefined(none, int(group.n.sum()), groups, of)
    low, high = least_ratio([rates[i].effective for i in known], confidence)
    return Estimate(
        rates[lowest].value / rates[highest].value,
        int(group.n.sum()),
        low,
        high,
        groups=groups,
        of=of,
        between=(group.axis.levels[lowest], group.axis.levels[highest]),
        detail=left_out(group, known, empty),
    )


def mean_gap(value: Floats, error: Floats, confidence: float) -> tuple[Interval, Floats]:
    """Normal limits: of max − min of estimates (k,) with standard errors, and (2, k) of each by itself."""
    corrected = z_of(simultaneous(confidence, value.size * (value.size - 1) / 2)) * error
    alone = z_of(confidence) * error
    return farthest(value, value - corrected, value + corrected), np.array([value - alone, value + alone])
