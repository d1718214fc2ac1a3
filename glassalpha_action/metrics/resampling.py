"""Resampling rows by the thousand from counts: multinomial draws over the cube's cells, the bootstrap exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Floats
from glassalpha_action.metrics.intervals import Interval

DRAWS = 1_000
SEED = 20_250_101
BINS = 50


@dataclass(frozen=True, slots=True)
class Cells:
    """By label and bin of scores, shape (2, bins): effective rows, the weight of one of them, and their mean score."""

    size: Floats
    each: Floats
    mean: Floats

    @property
    def mass(self) -> Floats:
        """Weight by label and bin."""
        return np.asarray(self.size * self.each)

    def drawn(self) -> Floats:
        """(draws, 2, bins): the weight in each cell had other rows of the same population come, seeded."""
        n = self.size.sum()
        rows = np.random.default_rng(SEED).multinomial(round(n), self.size.ravel() / n, DRAWS)
        return np.asarray(rows.reshape(DRAWS, *self.size.shape) * self.each)


def cells(whole: Slice, bins: int = BINS) -> Cells:
    """The cells of a slice with rows, over all its levels and decisions, in so many bins of equal width."""
    where = np.minimum((whole.edges[:-1] * bins + 1e-9).astype(int), bins - 1)
    place = np.zeros((where.size, bins))
    place[np.arange(where.size), where] = 1
    mass, square, score = (v.sum(axis=(0, 2)) @ place for v in (whole.mass, whole.mass_square, whole.score))
    each = np.divide(square, mass, where=mass > 0, out=np.ones(mass.shape))
    mean = np.divide(score, mass, where=mass > 0, out=np.zeros(mass.shape))
    return Cells(mass / each, each, mean)


def centred(values: Floats, value: float, confidence: float) -> Interval:
    """Percentiles of the draws' `values` less their bias, within 0 to 1.

    Resampling adds noise, which only ever adds to a distance: uncorrected percentiles can miss the estimate itself.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(values - (values.mean() - value), [tail, 1 - tail])
    return min(value, max(0.0, float(low))), max(value, min(1.0, float(high)))
