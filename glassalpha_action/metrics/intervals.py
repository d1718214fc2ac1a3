"""Confidence intervals for rates, differences of rates, gaps between many groups, and the area under a ROC curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from glassalpha_action.evidence import Floats

Interval = tuple[float, float]


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


def gap(rates: Sequence[tuple[float, float]], confidence: float, families: int = 1) -> Interval:
    """Interval of max − min over groups of (successes, n): Newcombe's over all pairs at once, Bonferroni-corrected.

    `families` > 1 corrects further, for a gap that is the larger of several.
    """
    pairs = len(rates) * (len(rates) - 1) / 2
    corrected = 1 - (1 - confidence) / (pairs * families)
    p = np.array([k / n for k, n in rates])
    below, above = np.abs(np.array([wilson(k, n, corrected) for k, n in rates]).T - p)
    apart = p[:, None] - p
    others = ~np.eye(len(rates), dtype=bool)
    low = (apart - np.hypot(below[:, None], above))[others].max()
    high = (apart + np.hypot(above[:, None], below))[others].max()
    return max(0.0, float(low)), min(1.0, float(high))


def delong(auc: float, positive: Floats, negative: Floats, confidence: float) -> Interval | None:
    """DeLong's interval of an AUC from its placements (DeLong, DeLong, Clarke-Pearson 1988).

    `positive` (n₁,) holds for each positive row the share of negatives it outranks, ties half; `negative` (n₀,) the
    share of positives that outrank each negative row. None with fewer than two of either.
    """
    if positive.size < 2 or negative.size < 2:
        return None
    error = math.sqrt(np.var(positive, ddof=1) / positive.size + np.var(negative, ddof=1) / negative.size)
    half = z_of(confidence) * error
    return max(0.0, auc - half), min(1.0, auc + half)


def ratio(a: tuple[float, float], b: tuple[float, float], confidence: float) -> Interval | None:
    """Katz's log interval of rate(a) / rate(b) (Katz et al. 1978); None where a rate is 0."""
    if a[0] == 0 or b[0] == 0:
        return None
    log = math.log((a[0] / a[1]) / (b[0] / b[1]))
    error = math.sqrt(max(0.0, 1 / a[0] - 1 / a[1] + 1 / b[0] - 1 / b[1]))
    half = z_of(confidence) * error
    return math.exp(log - half), math.exp(log + half)
