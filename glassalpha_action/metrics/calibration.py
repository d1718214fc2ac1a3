"""Whether the scores mean what they say: of the rows scored 0.3, three in ten should be positive."""

from __future__ import annotations

import math

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Evidence, Floats, Ints
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import simultaneous, wilson, z_of
from glassalpha_action.metrics.ladder import tenths
from glassalpha_action.metrics.performance import NO_SCORES
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.metrics.recalibration import recalibrated
from glassalpha_action.metrics.resampling import BINS as FINE
from glassalpha_action.metrics.resampling import DRAWS, SEED, Cells, cells, centred
from glassalpha_action.vocabulary import Better, Unit

BINS = 10
# Scores are cut to 2⁻³², so two errors that tie may differ by as much.
ROUNDING = 1e-9
TENTHS = np.repeat(np.eye(BINS), FINE // BINS, axis=0)
# Bins of equal mass are made of these: narrow ones, for all scores may lie close together.
NARROW = 100

CAUSES = [
    "Re-weighted or resampled classes in training",
    "A model that pushes scores to the ends (boosted trees, naive Bayes) used without calibration",
    "A base rate that has changed since training",
]
ADVICE_FIXES = [
    "Recalibrate on rows held out from training: scikit-learn's CalibratedClassifierCV, Platt or isotonic.",
    "Read the reliability chart: a curve below the diagonal says the scores are too high, above it too low.",
    "If classes were re-weighted or resampled in training, undo it for the scores: it shifts every probability.",
]


def coarse(whole: Slice) -> Ints:
    """For each fine score bin, which of the ten equal-width bins it lies in."""
    return np.minimum(np.searchsorted(np.arange(1, BINS) / BINS, whole.edges[:-1], side="right"), BINS - 1)


def binned(whole: Slice) -> tuple[Floats, Floats, Floats]:
    """Rows, positives and summed scores in each of the ten bins, over all levels, shape (10,) each."""
    label = whole.mass.sum(axis=(0, 2))
    score = whole.score.sum(axis=(0, 1, 2))
    where = coarse(whole)
    rows, positives, scores = (
        np.asarray(np.bincount(where, one, BINS), dtype=np.float64) for one in (label.sum(axis=0), label[1], score)
    )
    return rows, positives, scores


def unscored(whole: Slice) -> str | None:
    """Why there is nothing to calibrate."""
    if not whole.scored:
        return NO_SCORES
    return None if whole.count.sum() else "there are no rows"


def calibration_error(positives: Floats, score: Floats, n: float | Floats) -> Floats:
    """Σ |positives − Σ score| / n over the last axis of bins."""
    return np.asarray(np.abs(positives - score).sum(axis=-1) / n)


@metric(
    "Expected calibration error",
    unit=Unit.difference,
    better=Better.lower,
    issue="The predicted probabilities differ from the observed rates by more than the policy allows.",
    causes=CAUSES,
    fixes=ADVICE_FIXES,
    aliases=["ece"],
)
def expected_calibration_error(whole: Slice, confidence: float) -> Estimate:
    """The mean distance between predicted probability and observed rate, over ten bins of scores.

    Bins are equal in width, [0, 0.1), …, [0.9, 1.0], the last one closed; ECE = Σ n_b/n · |mean(y) − mean(p)|. Range
    0 to 1. Even a perfectly calibrated model scores above 0 on a finite sample: the noise floor stands beside it,
    Σ √(2 v_b / π) / n with v_b = Σ p(1 − p) over the bin, and the p-value is the share of 1,000 redraws of the
    labels from the scores that come out at least as large. Not estimable without scores or rows. Interval:
    multinomial bootstrap over cells, centred on the estimate. Source: Naeini et al. 2015; Bröcker and Smith 2007.
    """
    n = int(whole.count.sum())
    reason = unscored(whole)
    if reason:
        return undefined(reason, n)
    mass, positives, score = binned(whole)
    value = float(calibration_error(positives, score, mass.sum()))
    drawable = cells(whole)
    # Σ w²p(1 − p) over a bin is the variance of its weighted sum of labels; without weights it is Σ p(1 − p).
    variance = np.bincount(coarse(whole), _variance(whole), BINS)
    floor = float(np.sqrt(2 * variance / math.pi).sum() / mass.sum())
    low, high = _interval(drawable, value, confidence)
    return Estimate(
        value,
        n,
        low,
        high,
        p_value=_consistency(drawable, value),
        detail=f"A perfectly calibrated model would show about {floor:.3f} on this many rows.",
    )


def _variance(whole: Slice) -> Floats:
    """Σ w² p(1 − p) in each fine bin, the scores' own Σ p(1 − p) where rows carry no weights."""
    mass, score = whole.mass.sum(axis=(0, 1, 2)), whole.score.sum(axis=(0, 1, 2))
    spread = np.maximum(0, score - whole.square.sum(axis=(0, 1, 2)))
    scale = np.divide(whole.mass_square.sum(axis=(0, 1, 2)), mass, where=mass > 0, out=np.zeros(mass.size))
    return np.asarray(spread * scale)


def _interval(drawable: Cells, value: float, confidence: float) -> tuple[float, float]:
    mass = drawable.drawn()
    score = (mass * drawable.mean).sum(axis=1)
    errors = calibration_error(mass[:, 1] @ TENTHS, score @ TENTHS, mass.sum(axis=(1, 2)))
    return centred(errors, value, confidence)


def _consistency(drawable: Cells, value: float) -> float:
    """The share of calibrated worlds that look at least as miscalibrated as this one."""
    mass, rows = drawable.mass.sum(axis=0), np.rint(drawable.size.sum(axis=0)).astype(int)
    score = (drawable.mass * drawable.mean).sum(axis=0)
    chance = np.divide(score, mass, where=mass > 0, out=np.zeros(mass.size))
    drawn = np.random.default_rng(SEED).binomial(rows, np.clip(chance, 0, 1), (DRAWS, rows.size))
    positives = drawn * np.divide(mass, rows, where=rows > 0, out=np.zeros(mass.size))
    errors = calibration_error(positives @ TENTHS, score @ TENTHS, mass.sum())
    return float((1 + (errors >= value - ROUNDING).sum()) / (1 + DRAWS))


@metric(
    "Brier score",
    unit=Unit.score,
    better=Better.lower,
    highest=1.0,
    issue="The predicted probabilities are further from the outcomes than the policy allows.",
    causes=["Poor calibration", "Poor discrimination: the scores of positives and negatives overlap"],
    fixes=ADVICE_FIXES,
)
def brier_score(whole: Slice, confidence: float) -> Estimate:
    """The mean squared distance between the predicted probability and the outcome: mean((p − y)²).

    Range 0 to 1; always saying the base rate b scores b(1 − b). Not estimable without scores or rows. Interval:
    normal, from the spread of the squared distances over cells of the cube. Source: Brier 1950.
    """
    n = int(whole.count.sum())
    reason = unscored(whole)
    if reason:
        return undefined(reason, n)
    mass = whole.mass.sum(axis=(0, 2))
    score, square = whole.score.sum(axis=(0, 2)), whole.square.sum(axis=(0, 2))
    loss = square - np.array([[0], [1]]) * (2 * score - mass)
    per_row = np.divide(loss, mass, where=mass > 0, out=np.zeros(mass.shape)).ravel()
    value = float(loss.sum() / mass.sum())
    effective = float(mass.sum()) ** 2 / float(whole.mass_square.sum())
    share = mass.ravel() / mass.sum()
    # The sum over cells of a multinomial sample is normal to all purposes: its variance is the bootstrap's limit.
    half = z_of(confidence) * math.sqrt(max(0.0, float(share @ per_row**2) - value**2) / effective)
    return Estimate(value, n, max(0.0, value - half), min(1.0, value + half))


@metric(
    "Maximum calibration error",
    unit=Unit.difference,
    better=Better.lower,
    issue="In one range of scores the predicted probabilities differ from the observed rates by more than allowed.",
    causes=["A range of scores with few rows", "A model that is wrong about one kind of applicant", *CAUSES],
    fixes=[
        "Look at the named range of scores in the reliability chart, and at how many rows it holds.",
        *ADVICE_FIXES[1:],
    ],
    aliases=["mce"],
)
def maximum_calibration_error(whole: Slice, confidence: float) -> Estimate:
    """The largest distance between predicted probability and observed rate in any of ten bins of scores.

    The bins are those of the expected calibration error; MCE = max |mean(y) − mean(p)| over bins with rows. Range 0 to
    1. A bin with few rows easily shows the largest distance by chance: read the interval. Not estimable without scores
    or rows. Interval: Wilson's of each bin's rate, Bonferroni-corrected over bins. Source: Naeini et al. 2015.
    """
    n, reason = int(whole.count.sum()), unscored(whole)
    if reason:
        return undefined(reason, n)
    mass, positives, score = binned(whole)
    size = mass**2 / np.where(mass > 0, np.bincount(coarse(whole), whole.mass_square.sum(axis=(0, 1, 2)), BINS), 1.0)
    there = np.flatnonzero(mass)
    apart = np.abs(positives - score)[there] / mass[there]
    corrected = simultaneous(confidence, there.size)
    ends = [np.array(wilson(positives[b] / mass[b] * size[b], size[b], corrected)) - score[b] / mass[b] for b in there]
    worst = int(there[apart.argmax()])
    return Estimate(
        float(apart.max()),
        n,
        min(float(apart.max()), max(max(0.0, low, -high) for low, high in ends)),
        max(float(apart.max()), *(max(abs(low), abs(high)) for low, high in ends)),
        detail=f"It lies between scores of {worst / BINS:.1f} and {(worst + 1) / BINS:.1f}, where "
        f"{mass[worst]:,.0f} rows score {score[worst] / mass[worst]:.3f} on average "
        f"and {positives[worst] / mass[worst]:.3f} of them are positive.",
    )


@metric(
    "Debiased calibration error",
    unit=Unit.difference,
    better=Better.lower,
    issue="The predicted probabilities differ from the observed rates by more than the policy allows.",
    causes=CAUSES,
    fixes=ADVICE_FIXES,
)
def debiased_calibration_error(rows: Evidence, ranking: Ranking, whole: Slice, confidence: float) -> Estimate:  # noqa: ARG001
    """The root mean squared distance between predicted probability and observed rate, less what noise adds to it.

    √ Σ n_b/n · [(mean(y) − mean(p))² − mean(y)·(1 − mean(y))/(n_b − 1)], floored at 0, over ten bins of equal mass;
    rows of one score stay in one bin. Unlike the expected calibration error it tends to 0 for a calibrated model on
    any number of rows. Range 0 to 1. Needs rows. Not estimable without scores, or with fewer than two rows in a bin.
    Interval: multinomial bootstrap over cells, centred on the estimate. Source: Kumar, Liang and Ma 2019.
    """
    n, reason = ranking.cube.rows, unscored(whole)
    if reason:
        return undefined(reason, n)
    sums = ranking.whole.tenths()
    if (sums[0][sums[0] > 0] <= 1).any():
        return undefined("one of the ten bins holds fewer than two rows, by weight", n)
    value = float(_debiased(sums))
    drawable = cells(whole, NARROW)
    drawn = drawable.drawn()
    place = np.repeat(np.eye(BINS), np.diff(tenths(drawable.mass.sum(axis=0))), axis=0)
    again = np.array([drawn.sum(axis=1) @ place, drawn[:, 1] @ place, (drawn * drawable.mean).sum(axis=1) @ place])
    return Estimate(value, n, *centred(_debiased(again), value, confidence))


def _debiased(sums: Floats) -> Floats:
    """The error from (mass, positives, summed scores), each (…, bins). Bins with a mass of at most 1 add nothing."""
    mass, positives, score = sums
    some = mass > 1
    n, below = np.where(some, mass, 2.0), np.where(some, mass - 1, 1.0)
    rate = positives / n
    squares = np.where(some, mass * ((rate - score / n) ** 2 - rate * (1 - rate) / below), 0.0)
    return np.asarray(np.sqrt(np.maximum(0.0, squares.sum(axis=-1) / mass.sum(axis=-1))))


def offsets(group: Slice) -> tuple[Floats, Floats]:
    """mean(y) − mean(p) of each level and its standard error, (levels,) each; not a number where a level has no rows.

    The variance of y − p is the observed one, or that which the scores themselves say, p(1 − p), if that is larger:
    a few rows that happen to agree say little.
    """
    mass, squares = group.mass.sum(axis=(1, 2, 3)), group.mass_square.sum(axis=(1, 2, 3))
    score, square = group.score.sum(axis=(2, 3)), group.square.sum(axis=(1, 2, 3))
    positive = group.mass[:, 1].sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (positive - score.sum(axis=1)) / mass
        observed = (square - 2 * score[:, 1] + positive) / mass - mean**2
        said = (score.sum(axis=1) - square) / mass
        return mean, np.sqrt(np.maximum(0.0, np.maximum(observed, said)) * squares) / mass


@metric(
    "Calibration in the large",
    unit=Unit.difference,
    better=Better.neither,
    lowest=-1.0,
    issue="On the whole, the predicted probabilities are too low (above 0) or too high (below 0).",
    causes=["A base rate that has changed since training", *CAUSES[:2]],
    fixes=[
        "Refit the intercept on recent held-out rows: it moves all scores alike and changes no ranking.",
        "Ask whether the base rate of the held-out rows is that of the people the model is meant for.",
        *ADVICE_FIXES[2:],
    ],
)
def calibration_in_the_large(whole: Slice, confidence: float) -> Estimate:
    """Observed rate less mean predicted probability: mean(y) − mean(p).

    Range −1 to 1; 0 is right on the whole, above 0 the scores are too low, below 0 too high. Best bounded from both
    sides (`between`). Not estimable without scores or rows. Interval: normal, from the spread of y − p, which is taken
    as no less than the scores themselves imply. Source: Steyerberg 2019.
    """
    n, reason = int(whole.count.sum()), unscored(whole)
    if reason:
        return undefined(reason, n)
    mean, error = (float(one[0]) for one in offsets(whole))
    half = z_of(confidence) * error
    return Estimate(mean, n, max(-1.0, mean - half), min(1.0, mean + half))


@metric(
    "Calibration slope",
    unit=Unit.ratio,
    better=Better.neither,
    lowest=-math.inf,
    issue="The predicted probabilities are too extreme (below 1) or too timid (above 1).",
    causes=["Below 1: a model fitted to noise in the training rows", "Above 1: too much shrinkage", *CAUSES[1:]],
    fixes=[ADVICE_FIXES[1], "Below 1, regularise the model more or train on more rows; above 1, regularise it less."],
)
def calibration_slope(rows: Evidence, ranking: Ranking, confidence: float) -> Estimate:  # noqa: ARG001
    """How the log odds of the outcome rise with the log odds of the score: b in logit P(y) = a + b·logit(p).

    Fitted by maximum likelihood (logistic recalibration), scores cut to 10⁻⁶ from 0 and 1. 1 is right; below 1 the
    scores are too extreme, above 1 too timid, 0 says nothing. Best bounded from both sides (`between`). Needs rows.
    Not estimable without scores, when all rows carry one label or have one score, or when a threshold separates the
    labels (the slope is infinite). Interval: Wald. Source: Cox 1958; Steyerberg 2019.
    """
    if not ranking.scored:
        return undefined(NO_SCORES, ranking.cube.rows)
    found = recalibrated(ranking.whole)
    if isinstance(found, str):
        return undefined(found, ranking.cube.rows)
    half = z_of(confidence) * found.error
    return Estimate(
        found.slope,
        ranking.cube.rows,
        found.slope - half,
        found.slope + half,
        detail=f"The intercept beside it is {found.intercept:.3f}.",
    )
