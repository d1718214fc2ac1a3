"""The distance between the groups farthest apart, and the ratio of the lowest to the highest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Floats
from glassalpha_action.metrics.catalogue import Estimate, undefined
from glassalpha_action.metrics.intervals import Interval, farthest, gap, least_ratio, simultaneous, z_of
from glassalpha_action.metrics.rates import Rate
from glassalpha_action.records import Group

Effective = Sequence[tuple[float, float]]
Found = tuple[Fraction | float, Interval]
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

    def apart(lowest: Rate, highest: Rate, every: Effective) -> Found:
        return highest.value - lowest.value, gap(every, confidence, families)

    return _between(group, rates, confidence, of, empty, apart)


def rate_ratio(group: Slice, rates: Sequence[Rate], confidence: float, of: str, empty: str, none: str) -> Estimate:
    """min / max of the rates over the levels that have one, exact, with its simultaneous interval.

    `none` is the reason where every rate is 0.
    """

    def part(lowest: Rate, highest: Rate, every: Effective) -> Found | str:
        return none if highest.hits == 0 else (lowest.value / highest.value, least_ratio(every, confidence))

    return _between(group, rates, confidence, of, empty, part)


def _between(
    group: Slice,
    rates: Sequence[Rate],
    confidence: float,
    of: str,
    empty: str,
    measured: Callable[[Rate, Rate, Effective], Found | str],
) -> Estimate:
    """What `measured` makes of the lowest rate, the highest and all of them: a number and its interval, or a reason."""
    groups = described(group, rates, confidence, empty)
    known = comparable(group, rates, groups, of, empty)
    if isinstance(known, Estimate):
        return known
    lowest, highest = (end(known, key=lambda i: rates[i].value) for end in (min, max))
    n, found = int(group.n.sum()), measured(rates[lowest], rates[highest], [rates[i].effective for i in known])
    if isinstance(found, str):
        return undefined(found, n, groups, of)
    value, (low, high) = found
    between = (group.axis.levels[lowest], group.axis.levels[highest])
    return Estimate(value, n, low, high, groups=groups, of=of, between=between, detail=left_out(group, known, empty))


def estimate_gap(
    group: Slice,
    values: Floats,
    errors: Floats,
    confidence: float,
    of: str,
    empty: str,
    ends: Interval,
    bounds: Floats | None = None,
) -> Estimate:
    """max − min of each level's estimate, not a number where it has none, from their standard errors, (levels,) each.

    `ends` are the least and most an estimate can be; `bounds` (levels, 2) what each surely lies between where it is not
    exact.
    """
    half = z_of(confidence) * errors
    groups = tuple(
        Group(level=level, n=int(n), reason=empty)
        if np.isnan(value)
        else Group(level=level, n=int(n), value=value, low=max(ends[0], value - h), high=min(ends[1], value + h))
        for level, n, value, h in zip(group.axis.levels, group.n, values.tolist(), half.tolist(), strict=True)
    )
    known = [i for i in group.compared if not np.isnan(values[i])]
    n = int(group.n.sum())
    if len(group.compared) < 2:
        return undefined(ONE_GROUP, n, groups, of)
    if len(known) < 2:
        return undefined(f"fewer than two groups have a value: {empty} in the others", n, groups, of)
    value, limit = values[known], z_of(simultaneous(confidence, len(known) * (len(known) - 1) / 2)) * errors[known]
    inner = (value, value) if bounds is None else (bounds[known, 0], bounds[known, 1])
    low, high = farthest(value, np.maximum(ends[0], inner[0] - limit), np.minimum(ends[1], inner[1] + limit))
    lowest, highest = known[int(value.argmin())], known[int(value.argmax())]
    return Estimate(
        float(values[highest] - values[lowest]),
        n,
        low,
        min(ends[1] - ends[0], high),
        groups=groups,
        of=of,
        between=(group.axis.levels[lowest], group.axis.levels[highest]),
        detail=left_out(group, known, empty),
        bounds=None if bounds is None else _apart(*inner),
    )


def _apart(low: Floats, high: Floats) -> Interval:
    """What max − min lies between when each of several numbers lies between two."""
    apart = low[:, None] - high
    return max(0.0, float(apart[~np.eye(low.size, dtype=bool)].max())), float(high.max() - low.min())
