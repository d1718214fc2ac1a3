"""Whether the scores mean what they say: of the rows scored 0.3, three in ten should be positive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Floats, Ints
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import z_of
from glassalpha_action.metrics.performance import NO_SCORES
from glassalpha_action.records import Better, Unit

BINS = 10
DRAWS = 1_000
SEED = 20_250_101
# Scores are cut to 2⁻³², so two errors that tie may differ by as much.
ROUNDING = 1e-9
RESAMPLING = 100

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
    label = whole.mass.sum(axis=(0, 2))
    score = whole.score.sum(axis=(0, 1, 2))
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
    mass, positives, score = binned(whole)
    value = float(calibration_error(positives, score, mass.sum()))
    cells = _cells(whole)
    # Σ w²p(1 − p) over a bin is the variance of its weighted sum of labels; without weights it is Σ p(1 − p).
    variance = np.bincount(coarse(whole), _variance(whole), BINS)
    floor = float(np.sqrt(2 * variance / math.pi).sum() / mass.sum())
    low, high = _interval(cells, value, confidence)
    return Estimate(
        value,
        n,
        low,
        high,
        p_value=_consistency(cells, value),
        detail=f"A perfectly calibrated model would show about {floor:.3f} on this many rows.",
    )


def _variance(whole: Slice) -> Floats:
    """Σ w² p(1 − p) in each fine bin, the scores' own Σ p(1 − p) where rows carry no weights."""
    mass, score = whole.mass.sum(axis=(0, 1, 2)), whole.score.sum(axis=(0, 1, 2))
    spread = np.maximum(0, score - whole.square.sum(axis=(0, 1, 2)))
    scale = np.divide(whole.mass_square.sum(axis=(0, 1, 2)), mass, where=mass > 0, out=np.zeros(mass.size))
    return np.asarray(spread * scale)


@dataclass(frozen=True, slots=True)
class _Cells:
    """What resampling needs: by label and resampling bin, effective rows, the weight of one, and the mean score."""

    size: Floats
    each: Floats
    mean: Floats
    spread: Floats

    @property
    def mass(self) -> float:
        """The weight of all rows."""
        return float((self.size * self.each).sum())


def _cells(whole: Slice) -> _Cells:
    where = np.minimum((whole.edges[:-1] * RESAMPLING + 1e-9).astype(int), RESAMPLING - 1)
    place = np.zeros((where.size, RESAMPLING))
    place[np.arange(where.size), where] = 1
    mass, square, score = (v.sum(axis=(0, 2)) @ place for v in (whole.mass, whole.mass_square, whole.score))
    each = np.divide(square, mass, where=mass > 0, out=np.ones(mass.shape))
    mean = np.divide(score, mass, where=mass > 0, out=np.zeros(mass.shape))
    return _Cells(mass / each, each, mean, np.repeat(np.eye(BINS), RESAMPLING // BINS, axis=0))


def _interval(cells: _Cells, value: float, confidence: float) -> tuple[float, float]:
    """Percentiles of the bootstrap less its bias: resampling adds noise, which only ever adds to an ECE."""
    n = cells.size.sum()
    drawn = np.random.default_rng(SEED).multinomial(round(n), cells.size.ravel() / n, DRAWS)
    mass = drawn.reshape(DRAWS, *cells.size.shape) * cells.each
    score = (mass * cells.mean).sum(axis=1)
    errors = calibration_error(mass[:, 1] @ cells.spread, score @ cells.spread, mass.sum(axis=(1, 2)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(errors - (errors.mean() - value), [tail, 1 - tail])
    return min(value, max(0.0, float(low))), max(value, min(1.0, float(high)))


def _consistency(cells: _Cells, value: float) -> float:
    """The share of calibrated worlds that look at least as miscalibrated as this one."""
    size = cells.size.sum(axis=0)
    mass = (cells.size * cells.each).sum(axis=0)
    score = (cells.size * cells.each * cells.mean).sum(axis=0)
    chance = np.divide(score, mass, where=mass > 0, out=np.zeros(mass.size))
    rows = np.rint(size).astype(int)
    drawn = np.random.default_rng(SEED).binomial(rows, np.clip(chance, 0, 1), (DRAWS, rows.size))
    positives = drawn * np.divide(mass, rows, where=rows > 0, out=np.zeros(mass.size))
    errors = calibration_error(positives @ cells.spread, score @ cells.spread, mass.sum())
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
    normal, from the spread of the squared distances over cells of the cube. Source: Brier 1950.
    """
    n = int(whole.count.sum())
    if not whole.scored:
        return undefined(NO_SCORES, n)
    if n == 0:
        return undefined("there are no rows", 0)
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
