"""How near predicted amounts come to those that came true, and whether they do so for every group alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Evidence, Floats
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import counted, membership, weights
from glassalpha_action.metrics.intervals import Interval, farthest, simultaneous, z_of
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

# A spread that much smaller than the errors is what rounding leaves of equal outcomes.
MOST_TIMES = 1e30
NO_ROWS = "no row has an outcome and a prediction"


@dataclass(frozen=True, slots=True)
class Mean:
    """A weighted mean of n values, and the variance of that mean; None with fewer than two rows."""

    value: float
    variance: float | None
    n: int

    def interval(self, confidence: float) -> tuple[float, float] | tuple[None, None]:
        """The normal interval."""
        if self.variance is None:
            return None, None
        half = z_of(confidence) * math.sqrt(self.variance)
        return self.value - half, self.value + half


def mean(values: Floats, weight: Floats) -> Mean:
    """The mean of `values` (n,), n > 0, with its variance at Kish's effective size; exact sums, in any order."""
    total = math.fsum(weight)
    value = math.fsum(values * weight) / total
    size = total**2 / math.fsum(weight**2)
    if values.size < 2 or size <= 1:
        return Mean(value, None, values.size)
    spread = math.fsum(weight * (values - value) ** 2) / total * size / (size - 1)
    return Mean(value, spread / size, values.size)


def _both(rows: Evidence) -> tuple[Evidence, Floats, Floats]:
    """The rows that count, their outcomes and predictions, (n,) each."""
    rows = counted(rows)
    nothing = np.zeros(0)
    return (
        rows,
        nothing if rows.outcome is None else rows.outcome,
        nothing if rows.prediction is None else rows.prediction,
    )


@metric(
    "Root mean squared error",
    unit=Unit.score,
    better=Better.lower,
    judges="amounts",
    issue="Predicted amounts miss the true ones by more than the policy allows.",
    causes=["Features that say too little about the amount", "A few very large errors, which count by their square"],
    fixes=[
        "Compare with the mean absolute error: far above it, a few large errors are to blame; look at those rows.",
        "Model the logarithm of a skewed amount, or add features that explain the large ones.",
    ],
)
def rmse(rows: Evidence, confidence: float) -> Estimate:
    """√ mean (prediction − outcome)², in the unit of the outcome.

    From 0 up; 0 is perfect. Large errors count by their square. Not estimable without rows. Interval: normal for the
    mean of squares, its ends' roots taken.
    """
    rows, outcome, prediction = _both(rows)
    if not rows.rows:
        return undefined(NO_ROWS, 0)
    square = mean((prediction - outcome) ** 2, weights(rows))
    low, high = square.interval(confidence)
    ends = (None, None) if low is None or high is None else (math.sqrt(max(0.0, low)), math.sqrt(high))
    return Estimate(math.sqrt(square.value), rows.rows, *ends)


@metric(
    "Mean absolute error",
    unit=Unit.score,
    better=Better.lower,
    judges="amounts",
    issue="Predicted amounts miss the true ones by more than the policy allows.",
    causes=["Features that say too little about the amount", "A model made for another period or population"],
    fixes=[
        "Look at the rows with the largest errors for what they have in common that the model is not given.",
        "Train on a later period, or fit the median (absolute error) where outliers steer the mean.",
    ],
)
def mae(rows: Evidence, confidence: float) -> Estimate:
    """Mean |prediction − outcome|, in the unit of the outcome.

    From 0 up; 0 is perfect. Not estimable without rows. Interval: normal for the mean.
    """
    rows, outcome, prediction = _both(rows)
    if not rows.rows:
        return undefined(NO_ROWS, 0)
    error = mean(np.abs(prediction - outcome), weights(rows))
    low, high = error.interval(confidence)
    return Estimate(error.value, rows.rows, None if low is None else max(0.0, low), high)


@metric(
    "Share of variance explained",
    unit=Unit.score,
    better=Better.higher,
    judges="amounts",
    lowest=-math.inf,
    highest=1.0,
    issue="The model explains less of the differences between amounts than the policy asks.",
    causes=["Features that say too little about the amount", "Predictions that are biased up or down as a whole"],
    fixes=[
        "Compare the mean prediction with the mean outcome: a bias of all predictions is the easiest to mend.",
        "Add features that explain the differences between amounts.",
    ],
    aliases=["r_squared"],
)
def r2(rows: Evidence) -> Estimate:
    """1 − Σ(outcome − prediction)² / Σ(outcome − mean outcome)².

    At most 1; 0 is what predicting the mean for everyone reaches, below 0 is worse than that. Not estimable with fewer
    than two rows or when all outcomes are equal. No interval.
    """
    rows, outcome, prediction = _both(rows)
    weight = weights(rows)
    spread = math.fsum(weight * (outcome - mean(outcome, weight).value) ** 2) if rows.rows else 0.0
    if rows.rows < 2 or spread <= 0:
        return undefined("all outcomes are equal, so there is nothing to explain", rows.rows)
    missed = math.fsum(weight * (outcome - prediction) ** 2)
    if missed > spread * MOST_TIMES:
        return undefined("the outcomes are all but equal, so there is nothing to explain", rows.rows)
    return Estimate(1 - missed / spread, rows.rows)


def _means(rows: Evidence, group: Slice, values: Floats) -> list[Mean | None]:
    """The mean of each level, None where it has no rows."""
    codes, weight = membership(rows, group), weights(rows)
    chosen = [codes == i for i in range(len(group.axis.levels))]
    return [mean(values[one], weight[one]) if one.any() else None for one in chosen]


def _described(group: Slice, means: Iterable[Mean | None], confidence: float) -> tuple[Group, ...]:
    found = []
    for level, one in zip(group.axis.levels, means, strict=True):
        low, high = one.interval(confidence) if one else (None, None)
        if one is None:
            found.append(Group(level=level, n=0, reason="no row"))
        else:
            found.append(Group(level=level, n=one.n, value=one.value, low=low, high=high))
    return tuple(found)


@metric(
    "Difference in mean errors",
    unit=Unit.score,
    better=Better.lower,
    judges="amounts",
    issue="The model overcharges or undercharges one group against another by more than the policy allows.",
    causes=[
        "Fewer or poorer training rows for one group",
        "A feature that means something else in one group",
        "Outcomes recorded differently for different groups",
    ],
    fixes=[
        "See for whom predictions lie above the outcomes and for whom below: the groups stand beside the value.",
        "Add what the model does not know about the group that it gets wrong, or more of its training rows.",
    ],
)
def mean_error_difference(rows: Evidence, group: Slice, confidence: float) -> Estimate:
    """The largest difference between two groups' mean errors: max − min of mean(prediction − outcome) over the levels.

    In the unit of the outcome, from 0 up; 0 says that all groups are over- or underpredicted alike. Not estimable with
    one group. Interval: normal for each pair, Bonferroni-corrected over all pairs; none where a group has one row.
    """
    rows, outcome, prediction = _both(rows)
    if len(group.compared) < 2:
        return undefined("only one group has rows, so there is nothing to compare", rows.rows)
    means = _means(rows, group, prediction - outcome)
    groups = _described(group, means, confidence)
    compared = {i: one for i in group.compared if (one := means[i]) is not None}
    lowest, highest = (end(compared, key=lambda i: compared[i].value) for end in (min, max))
    value = compared[highest].value - compared[lowest].value
    low, high = _gap_interval(list(compared.values()), confidence)
    between = (group.axis.levels[lowest], group.axis.levels[highest])
    return Estimate(value, rows.rows, low, high, between=between, groups=groups, of="mean error")


def _gap_interval(means: list[Mean], confidence: float) -> Interval | tuple[None, None]:
    """Of max − min of the means: over all pairs at once."""
    if any(one.variance is None for one in means):
        return None, None
    centre = np.array([one.value for one in means])
    variance = np.array([one.variance for one in means], dtype=np.float64)
    half = z_of(simultaneous(confidence, len(means) * (len(means) - 1) / 2)) * np.sqrt(variance)
    return farthest(centre, centre - half, centre + half)


def _logarithm(one: Mean) -> Mean:
    """The logarithm of a mean above 0, its variance by the delta method."""
    variance = None if one.variance is None else one.variance / one.value**2
    return Mean(math.log(one.value), variance, one.n)


@metric(
    "Ratio of mean predictions",
    unit=Unit.ratio,
    better=Better.higher,
    judges="amounts",
    highest=1.0,
    issue="The group with the lowest predicted amounts is given too small a part of what the highest group is given.",
    causes=[
        "A real difference in outcomes between the groups, which the model has learned",
        "Features that stand in for the attribute",
    ],
    fixes=[
        "Compare with the groups' mean outcomes: a difference the outcomes do not show comes from the model.",
        "Look for a proxy among the features (`proxy_strength`), and audit again without it.",
    ],
)
def mean_prediction_ratio(rows: Evidence, group: Slice, confidence: float) -> Estimate:
    """The lowest mean prediction of any group divided by the highest: min / max over the levels of the attribute.

    Range 0 to 1; 1 says that all groups are predicted the same amount on average. It does not look at outcomes. Not
    estimable with one group, or where a group's mean prediction is not above 0. Interval: normal for the logarithm of
    each pair's ratio (delta method), Bonferroni-corrected over all pairs; none where a group has one row.
    """
    rows, _, prediction = _both(rows)
    if len(group.compared) < 2:
        return undefined("only one group has rows, so there is nothing to compare", rows.rows)
    means = _means(rows, group, prediction)
    groups = _described(group, means, confidence)
    compared = {i: one for i in group.compared if (one := means[i]) is not None}
    lowest, highest = (end(compared, key=lambda i: compared[i].value) for end in (min, max))
    least, most = compared[lowest], compared[highest]
    if least.value <= 0:
        return undefined("a group's mean prediction is not above 0, so a ratio means nothing", rows.rows, groups)
    value = least.value / most.value
    logs = [_logarithm(one) for one in compared.values()]
    close, far = _gap_interval(logs, confidence)
    low = None if far is None else min(value, math.exp(-far))
    high = None if close is None else max(value, math.exp(-close))
    between = (group.axis.levels[lowest], group.axis.levels[highest])
    return Estimate(value, rows.rows, low, high, between=between, groups=groups, of="mean prediction")
