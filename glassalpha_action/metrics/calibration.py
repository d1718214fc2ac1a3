"""Whether the scores mean what they say: of the rows scored 0.3, three in ten should be positive."""

from __future__ import annotations

import math

import numpy as np

from glassalpha_action.cube import SCALE, Slice
from glassalpha_action.evidence import Floats, Ints
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.performance import NO_SCORES
from glassalpha_action.records import Better, Unit

BINS = 10
DRAWS = 1_000
SEED = 20_250_101
# Scores are cut to 2⁻³², so two errors that tie may differ by as much.
ROUNDING = 1e-9

ADVICE_FIXES = [
    "Plot the reliability chart: a curve below the diagonal says the scores are too high, above it too low.",
    "Recalibrate on rows held out from training: scikit-learn's CalibratedClassifierCV, Platt or isotonic.",
    "If classes were re-weighted or resampled in training, undo it for the scores: it shifts every probability.",
]


def coarse(whole: Slice) -> Ints:
    """For each fine score bin, which of the ten equal-width bins it lies in."""
    return np.minimum(np.searchsorted(np.arange(1, BINS) / BINS, whole.edges[:-1], side="right"), BINS - 1)


def binned(whole: Slice) -> tuple[Floats, Floats, Floats]:
    """Rows, positives and summed scores in each of the ten bins, over all levels, shape (10,) each."""
    label = whole.count.sum(axis=(0, 2))
    score = whole.score.sum(axis=(0, 1, 2)) / SCALE
    where = coarse(whole)
    rows, positives, scores = (
        np.asarray(np.bincount(where, one, BINS), dtype=np.float64) for one in (label.sum(axis=0), label[1], score)
    )
    return rows, positives, scores


def calibration_error(positives: Floats, score: Floats, n: float | Floats) -> Floats:
    """Σ |positives − Σ score| / n over the last axis of bins."""
    return np.asarray(np.abs(positives - score).sum(axis=-1) / n)


@metric(
    "Expected calibration error",
    unit=Unit.difference,
    better=Better.lower,
    issue="The predicted probabilities differ from the observed rates by more than the policy allows.",
    causes=[
        "Re-weighted or resampled classes in training",
        "A model that pushes scores to the ends (boosted trees, naive Bayes) used without calibration",
        "A base rate that has changed since training",
    ],
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
    if not whole.scored:
        return undefined(NO_SCORES, n)
    if n == 0:
        return undefined("there are no rows", 0)
    _, positives, score = binned(whole)
    value = float(calibration_error(positives, score, n))
    cells = whole.count.sum(axis=(0, 2))
    mean = np.divide(
        whole.score.sum(axis=(0, 1, 2)) / SCALE,
        cells.sum(axis=0),
        where=cells.sum(axis=0) > 0,
        out=np.zeros(cells.shape[1]),
    )
    square = whole.square.sum(axis=(0, 1, 2)) / SCALE
    variance = np.maximum(0, np.bincount(coarse(whole), mean * cells.sum(axis=0) - square, BINS))
    floor = float(np.sqrt(2 * variance / math.pi).sum() / n)
    low, high = _interval(whole, mean, value, confidence)
    return Estimate(
        value,
        n,
        low,
        high,
        p_value=_consistency(whole, mean, value),
        detail=f"A perfectly calibrated model would show about {floor:.3f} on this many rows.",
    )


def _spread(whole: Slice) -> Floats:
    """A (bins, 10) matrix that sums fine bins into the ten."""
    return np.asarray(np.eye(BINS)[coarse(whole)])


def _interval(whole: Slice, mean: Floats, value: float, confidence: float) -> tuple[float, float]:
    """Percentiles of the bootstrap less its bias: resampling adds noise, which only ever adds to an ECE."""
    cells = whole.count.sum(axis=(0, 2))
    n = int(cells.sum())
    drawn = np.random.default_rng(SEED).multinomial(n, cells.ravel() / n, DRAWS).reshape(DRAWS, *cells.shape)
    errors = calibration_error(drawn[:, 1] @ _spread(whole), (drawn.sum(axis=1) * mean) @ _spread(whole), n)
    tail = (1 - confidence) / 2
    low, high = np.quantile(errors - (errors.mean() - value), [tail, 1 - tail])
    return min(value, max(0.0, float(low))), max(value, min(1.0, float(high)))


def _consistency(whole: Slice, mean: Floats, value: float) -> float:
    """The share of calibrated worlds that look at least as miscalibrated as this one."""
    rows = whole.count.sum(axis=(0, 1, 2))
    drawn = np.random.default_rng(SEED).binomial(rows, np.clip(mean, 0, 1), (DRAWS, rows.size))
    errors = calibration_error(drawn @ _spread(whole), (rows * mean) @ _spread(whole), int(rows.sum()))
    return float((1 + (errors >= value - ROUNDING).sum()) / (1 + DRAWS))


@metric(
    "Brier score",
    unit=Unit.score,
    better=Better.lower,
    issue="The predicted probabilities are further from the outcomes than the policy allows.",
    causes=["Poor calibration", "Poor discrimination: the scores of positives and negatives overlap"],
    fixes=ADVICE_FIXES,
)
def brier_score(whole: Slice, confidence: float) -> Estimate:
    """The mean squared distance between the predicted probability and the outcome: mean((p − y)²).

    Range 0 to 1; always saying the base rate b scores b(1 − b). Not estimable without scores or rows. Interval:
    multinomial bootstrap over cells. Source: Brier 1950.
    """
    n = int(whole.count.sum())
    if not whole.scored:
        return undefined(NO_SCORES, n)
    if n == 0:
        return undefined("there are no rows", 0)
    count = whole.count.sum(axis=(0, 2))
    score, square = whole.score.sum(axis=(0, 2)) / SCALE, whole.square.sum(axis=(0, 2)) / SCALE
    loss = square - np.array([[0], [1]]) * (2 * score - count)
    per_row = np.divide(loss, count, where=count > 0, out=np.zeros(count.shape)).ravel()
    drawn = np.random.default_rng(SEED).multinomial(n, count.ravel() / n, DRAWS)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn @ per_row / n, [tail, 1 - tail])
    value = float(loss.sum() / n)
    return Estimate(value, n, min(value, float(low)), max(value, float(high)))
