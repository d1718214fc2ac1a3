"""Confidence intervals for rates, differences and ratios of rates, and gaps between many groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from glassalpha_action.evidence import Floats

Interval = tuple[float, float]
# The logarithm beyond which a ratio is none that a number holds.
FARTHEST = 700.0
HALVINGS = 60


def z_of(confidence: float) -> float:
    """The two-sided standard normal quantile of a confidence level."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927). `n` > 0."""
    z = z_of(confidence)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends rounding could leave the rate itself outside its interval by one unit in the last place.
    return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))


def newcombe(a: tuple[float, float], b: tuple[float, float], confidence: float) -> Interval:
    """Newcombe's hybrid score interval of the difference rate(a) − rate(b) (Newcombe 1998, method 10).

    `a` and `b` are (successes, n), each n > 0.
    """
    pa, pb = a[0] / a[1], b[0] / b[1]
    la, ua = wilson(*a, confidence)
    lb, ub = wilson(*b, confidence)
    d = pa - pb
    return max(-1.0, d - math.hypot(pa - la, ub - pb)), min(1.0, d + math.hypot(ua - pa, pb - lb))


def mann_whitney(share: float, sizes: tuple[float, float], confidence: float) -> Interval:
    """Newcombe's interval of the share of pairs ranked right, from `sizes` > 1 of the two labels (2006, method 5).

    All values that a score test would keep, their variance being Hanley and McNeil's with both sizes at their mean; it
    has a width even where every pair, or none, is ranked right.
    """
    pairs, more = sizes[0] * sizes[1], (sizes[0] + sizes[1]) / 2 - 1
    z = z_of(confidence)

    def kept(value: float, of: float) -> bool:
        variance = value * (1 - value) * (1 + more * ((1 - value) / (2 - value) + value / (1 + value))) / pairs
        return of - value <= z * math.sqrt(variance)

    def lower(of: float) -> float:
        low, high = 0.0, of
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if kept(middle, of) else (middle, high)
        return low

    return lower(share), 1 - lower(1 - share)


def simultaneous(confidence: float, comparisons: float) -> float:
    """Bonferroni's confidence of each of so many intervals that together hold with `confidence`."""
    return 1 - (1 - confidence) / max(1.0, comparisons)


def farthest(value: Floats, low: Floats, high: Floats) -> Interval:
    """Interval of max − min of independent estimates (k,), k > 1, from the limits of each, over all pairs at once.

    A pair's limits come from its members' as Newcombe's do from Wilson's (the method of variance estimates recovery).
    """
    below, above = np.maximum(0, value - low), np.maximum(0, high - value)
    apart = value[:, None] - value
    others = ~np.eye(value.size, dtype=bool)
    least = (apart - np.hypot(below[:, None], above))[others].max()
    most = (apart + np.hypot(above[:, None], below))[others].max()
    return max(0.0, float(least)), float(most)


def gap(rates: Sequence[tuple[float, float]], confidence: float, families: int = 1) -> Interval:
    """Interval of max − min over groups of (successes, n): Newcombe's over all pairs at once, Bonferroni-corrected.

    `families` > 1 corrects further, for a gap that is the larger of several.
    """
    corrected = simultaneous(confidence, len(rates) * (len(rates) - 1) / 2 * families)
    p = np.array([k / n for k, n in rates])
    low, high = np.array([wilson(k, n, corrected) for k, n in rates]).T
    least, most = farthest(p, low, high)
    return least, min(1.0, most)


def ratios(rates: Sequence[tuple[float, float]], confidence: float) -> tuple[Floats, Floats]:
    """(k, k) each: the limits of rate i / rate j by Katz's log interval, for k (successes, n) (Katz et al. 1978).

    Where a rate is 0 or 1 Katz's has no width to go by, and the limits come from Wilson's of each rate instead (Zou
    and Donner 2008). Nothing bounds a ratio to a rate of 0: its limits are 0 and infinity.
    """
    hits, n = np.array(rates, dtype=np.float64).T
    p = hits / n
    low, high = np.array([wilson(*one, confidence) for one in rates]).T
    inner, some = (hits > 0) & (hits < n), hits > 0
    log = np.log(np.where(some, p, 1.0))
    variance = np.where(some, 1 / np.where(some, hits, 1.0) - 1 / n, 0.0)
    half = z_of(confidence) * np.sqrt(variance[:, None] + variance)
    apart = log[:, None] - log
    katz = np.exp(apart - half), np.exp(np.minimum(apart + half, FARTHEST))
    product = p[:, None] * p
    under = product**2 - (low * (2 * p - low))[:, None] * (high * (2 * p - high))
    over = product**2 - (high * (2 * p - high))[:, None] * (low * (2 * p - low))
    # So few effective rows that the base vanishes bound nothing from above: the limit is the farthest that Katz's has.
    base = np.where(some, high * (2 * p - high), 1.0), np.where(some, low * (2 * p - low), 1.0)
    least = np.maximum(0.0, (product - np.sqrt(np.maximum(0.0, under))) / base[0])
    most = product + np.sqrt(np.maximum(0.0, over))
    beyond = np.full(most.shape, math.exp(FARTHEST))
    most = np.divide(most, base[1], where=most < base[1] * beyond, out=beyond)
    both = inner[:, None] & inner
    return np.where(some, np.where(both, katz[0], least), 0.0), np.where(some, np.where(both, katz[1], most), np.inf)


def ratio(a: tuple[float, float], b: tuple[float, float], confidence: float) -> Interval:
    """The interval of rate(a) / rate(b), each (successes, n); `b` with a success."""
    low, high = ratios([a, b], confidence)
    return float(low[0, 1]), float(high[0, 1])


def least_ratio(rates: Sequence[tuple[float, float]], confidence: float) -> Interval:
    """Interval of min / max over groups of (successes, n), not all 0: over all pairs at once, Bonferroni-corrected."""
    low, high = ratios(rates, simultaneous(confidence, len(rates) * (len(rates) - 1) / 2))
    others = ~np.eye(len(rates), dtype=bool)
    return float(low[others].min()), min(1.0, float(high[others].min()))


def logit(share: float, n: float, confidence: float) -> Interval:
    """The interval of a share by its log odds, its variance as if binomial of `n`; Wilson's where that is below 1.

    The log odds of a share so near 0 or 1 have a variance without bound.
    """
    if n * share * (1 - share) < 1:
        low, high = wilson(share * n, n, confidence)
        return min(low, share), max(high, share)
    half = z_of(confidence) / math.sqrt(n * share * (1 - share))
    odds = math.log(share / (1 - share))
    return 1 / (1 + math.exp(half - odds)), 1 / (1 + math.exp(-half - odds))
