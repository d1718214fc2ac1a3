"""Whether people alike are treated alike, and how far groups and their features lie apart."""

from __future__ import annotations

import math

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.digests import settled
from glassalpha_action.evidence import Evidence, Feature, Flags, Floats, Ints
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import (
    MOST_LISTED,
    NO_FEATURES,
    counted,
    membership,
    mixed,
    row_hashes,
    taken,
    weights,
)
from glassalpha_action.metrics.intervals import simultaneous, z_of
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import AND, Better, Unit

NEIGHBOURS = 5
SAMPLE = 2_000
ROUNDING = 1e-14


@metric(
    "Consistency",
    unit=Unit.share,
    better=Better.higher,
    family="fairness",
    issue="People who are alike in their features are decided differently.",
    causes=[
        "A model that turns on small differences, such as a deep tree",
        "Many scores close to the decision threshold",
    ],
    fixes=[
        "Look at rows near the threshold whose neighbours are decided otherwise, for the feature that turns it.",
        "Regularise the model more, or smooth features that jump; then audit again.",
    ],
    aliases=["individual_fairness"],
)
def consistency(rows: Evidence) -> Estimate:
    """One minus the mean distance between a row's decision and the mean decision of its five nearest neighbours.

    1 − mean|ŷᵢ − mean ŷ of the 5 rows nearest to i|, ŷ being 1 or 0. Distance is Euclidean over the columns the model
    is given (all features where nobody says; never a protected attribute that the model is not given): a number in
    standard deviations, a category 0 where equal and 1 where not, and so a missing value. Neighbours equally far share
    the places left to them. On a seeded sample of at most 2,000 rows, whatever they weigh. Range 0 to 1; 1 says that
    rows alike are decided alike. Not estimable with fewer than six rows or without features. Source: Zemel et al. 2013.
    """
    rows = counted(rows)
    features = [f for f in rows.features if rows.inputs is None or f.name in rows.inputs]
    if not features:
        return undefined(NO_FEATURES, rows.rows)
    if rows.rows <= NEIGHBOURS:
        return undefined(f"fewer than {NEIGHBOURS + 1} rows, so no row has {NEIGHBOURS} neighbours", rows.rows)
    chosen = _sampled(rows, features)
    near = _neighbours_decided([taken(f, chosen) for f in features], rows.decision[chosen].astype(np.float64))
    apart = math.fsum(np.abs(rows.decision[chosen] - near)) / chosen.size
    sampled = f"On a sample of {chosen.size:,} of {rows.rows:,} rows." if chosen.size < rows.rows else None
    return Estimate(settled(1 - apart), int(chosen.size), detail=sampled)


def _sampled(rows: Evidence, features: list[Feature]) -> Ints:
    """At most SAMPLE rows, drawn and ordered by what is in them and the seed, so that their order does not matter."""
    content = np.sort(hashes := row_hashes([*features, rows.decision], rows.rows))
    order = np.argsort(hashes, kind="stable")
    first = np.searchsorted(content, content, side="left")
    # Equal rows are told apart by counting them, so that each has its own chance.
    nth = (np.arange(rows.rows) - first).astype(np.uint64)
    lot = mixed(content ^ mixed(nth + np.full(1, rows.seed, np.uint64)))
    return np.asarray(order[np.argsort(lot, kind="stable")[:SAMPLE]], dtype=np.int64)


def _neighbours_decided(features: list[Feature], decision: Floats) -> Floats:
    """For each row the mean decision of its nearest others, (n,)."""
    far = np.zeros((decision.size, decision.size))
    for feature in features:
        far += _distances(feature)
    np.fill_diagonal(far, np.inf)
    last = np.partition(far, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS]
    nearer, equal = far < last, far == last
    left = NEIGHBOURS - nearer.sum(axis=1)
    return np.asarray((nearer @ decision + left * (equal @ decision) / equal.sum(axis=1)) / NEIGHBOURS)


def _distances(feature: Feature) -> Floats:
    """Squared distances between every two rows in one feature, (n, n)."""
    if feature.values is None:
        codes = feature.codes if feature.codes is not None else np.zeros(0, np.int32)
        return np.asarray(codes[:, None] != codes, dtype=np.float64)
    known = np.isfinite(feature.values)
    scaled = np.where(known, feature.values, 0.0)
    scaled = scaled / (np.abs(scaled).max(initial=0.0) or 1.0)
    present = np.sort(scaled[known])
    spread = float(present.std()) if present.size else 0.0
    z = np.where(known, scaled / (spread or 1.0), 0.0)
    return np.where(known[:, None] != known, 1.0, (z[:, None] - z) ** 2)


@metric(
    "Standardized mean difference",
    unit=Unit.score,
    better=Better.lower,
    judges="rows",
    family="fairness",
    issue="A feature is distributed very differently in two groups, so that a model can tell them apart by it.",
    causes=[
        "The groups differ in the world the data come from",
        "One group's rows were chosen or measured in another way",
    ],
    fixes=[
        "Look at the named feature: ask whether the difference is real, and whether the outcome justifies its use.",
        "Check how the feature was measured for both groups; then decide whether the model needs it.",
    ],
)
def standardized_mean_difference(rows: Evidence, group: Slice, confidence: float) -> Estimate:
    """The largest difference between two groups' means of a numeric feature, in standard deviations.

    |mean₁ − mean₂| / √((s₁² + s₂²) / 2), over every two levels with at least two values; the value is the largest over
    features, all of which stand beside it. From 0 up; 0.1 is called negligible, 0.8 large. Not estimable with one group
    or without numeric features. Interval: Hedges and Olkin's for each pair, Bonferroni-corrected over all pairs and
    features. Source: Cohen 1988; Hedges and Olkin 1985; Austin 2009.
    """
    rows = counted(rows)
    features = [f for f in rows.features if f.values is not None and f.name not in group.axis.name.split(AND)]
    if len(group.compared) < 2:
        return undefined("only one group has rows, so there is nothing to compare", rows.rows)
    if not features:
        return undefined("the data hold no numeric feature columns", rows.rows)
    apart = [one for f in features if (one := _apart(rows, f, group)) is not None]
    endless = tuple(
        Group(level=one.name, n=one.n, reason="it is the same throughout each of two groups, and differs between them")
        for one in apart
        if one.endless
    )
    apart = [one for one in apart if one.pairs]
    if not apart:
        return undefined("no feature varies within two groups that have two values of it or more", rows.rows, endless)
    pairs = sum(one.pairs for one in apart)
    corrected = simultaneous(confidence, pairs)
    ends = [one.interval(corrected) for one in apart]
    largest = max(apart, key=lambda one: one.value)
    listed = sorted(apart, key=lambda one: -one.value)[:MOST_LISTED]
    named = {one.level for one in endless}
    groups = tuple(Group(level=o.name, n=o.n, value=settled(o.value)) for o in listed if o.name not in named)
    a, b = largest.between
    return Estimate(
        settled(largest.value),
        rows.rows,
        min(settled(largest.value), max(end[0] for end in ends)),
        max(settled(largest.value), *(end[1] for end in ends)),
        between=(group.axis.levels[a], group.axis.levels[b]),
        groups=(*endless, *groups),
        of="standardized mean difference",
        subject="Feature",
        detail=f"The feature is `{largest.name}`.",
    )


class _Apart:
    """How far one feature's means lie apart in every two of the levels that have a mean and a spread.

    `mean`, `variance` and effective `size` are of these levels. Distances between very many of them are made where
    they are needed and not kept.
    """

    def __init__(self, name: str, levels: list[int], mean: Floats, variance: Floats, size: Floats, n: int) -> None:
        self.name, self.n = name, n
        self._mean, self._variance, self._size = mean, variance, size
        distance, known, endless = self._pairs()
        self.endless, self.pairs = endless, int(known.sum())
        first, second = np.unravel_index(int(distance.argmax()), distance.shape)
        self.between = (levels[first], levels[second])
        self.value = float(distance[first, second])

    def _pairs(self) -> tuple[Floats, Flags, bool]:
        """Distances (levels, levels), which of them are known and above the diagonal, and whether any has no end."""
        pooled = np.sqrt((self._variance[:, None] + self._variance) / 2)
        difference = np.abs(self._mean[:, None] - self._mean)
        difference[difference <= ROUNDING * np.abs(self._mean).max()] = 0.0
        known = np.triu((pooled > 0) | (difference == 0), 1)
        distance = np.where(known, difference / np.where(pooled > 0, pooled, 1.0), -1.0)
        return distance, known, bool(((pooled == 0) & (difference > 0)).any())

    def interval(self, confidence: float) -> tuple[float, float]:
        """The largest lower and the largest upper end over all pairs."""
        distance, known, _ = self._pairs()
        n1, n2 = self._size[:, None], self._size
        half = z_of(confidence) * np.sqrt((n1 + n2) / (n1 * n2) + distance**2 / (2 * (n1 + n2)))
        lows, highs = (distance - half)[known], (distance + half)[known]
        return max(0.0, settled(float(lows.max()))), settled(float(highs.max()))


def _apart(rows: Evidence, feature: Feature, group: Slice) -> _Apart | None:
    """None where no two levels can be compared."""
    values = feature.values if feature.values is not None else np.zeros(0)
    known: Flags = np.isfinite(values)
    codes, weight = membership(rows, group)[known], weights(rows)[known]
    scaled = values[known] / (np.abs(values[known]).max(initial=0.0) or 1.0)
    size = len(group.axis.levels)
    total = np.bincount(codes, weight, size)
    square = np.bincount(codes, weight**2, size)
    count = np.bincount(codes, minlength=size)
    levels = [i for i in group.compared if count[i] > 1 and total[i] > 1]
    if len(levels) < 2:
        return None
    mean = np.bincount(codes, weight * scaled, size) / np.where(total > 0, total, 1.0)
    spread = np.bincount(codes, weight * (scaled - mean[codes]) ** 2, size) / np.where(total > 1, total - 1, 1.0)
    # What rounding leaves of a constant is no spread.
    spread = np.where(spread < (ROUNDING * np.abs(mean)) ** 2, 0.0, spread)
    return _Apart(
        feature.name, levels, mean[levels], spread[levels], (total**2 / np.where(square > 0, square, 1.0))[levels],
        int(known.sum()),
    )  # fmt: skip
