"""The data behind the figures: ROC curves, reliability bins and score histograms, read off the cube."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from glassalpha_action.cube import Cube, Slice
from glassalpha_action.evidence import Ints
from glassalpha_action.metrics.calibration import BINS, coarse
from glassalpha_action.metrics.rates import rate
from glassalpha_action.records import CalibrationBin, Charts, Measurement, RocCurve

POINTS = 30


def charts(cube: Cube, measured: Iterable[Measurement], confidence: float) -> Charts:
    """Every figure's data; none without scores or rows."""
    whole = cube.by()
    if not whole.scored or not whole.count.sum():
        return Charts()
    auc = next((m.value for m in measured if m.metric == "roc_auc"), None)
    roc = [_roc(whole.mass[0], auc, None, None)]
    for axis in cube.axes:
        group = cube.by(axis.name)
        roc += [_roc(group.mass[i], None, axis.name, axis.levels[i]) for i in group.compared]
    return Charts(
        roc=tuple(r for r in roc if r),
        calibration=tuple(_reliability(whole, confidence)),
        score_histogram=_histogram(whole),
    )


def _roc(count: Ints, auc: float | None, attribute: str | None, level: str | None) -> RocCurve | None:
    """The curve through the thresholds at the bins' edges; None where a class is absent."""
    by_label = count.sum(axis=1)
    totals = by_label.sum(axis=1)
    if not totals.all():
        return None
    rates = np.cumsum(by_label[:, ::-1], axis=1) / totals[:, None]
    path = np.unique(np.column_stack([np.append(0, rates[0]), np.append(0, rates[1])]), axis=0)
    area = float(((path[1:, 0] - path[:-1, 0]) * (path[1:, 1] + path[:-1, 1])).sum() / 2)
    kept = path[np.unique(np.linspace(0, len(path) - 1, min(len(path), POINTS)).round().astype(int))]
    return RocCurve(
        attribute=attribute,
        level=level,
        auc=round(auc if auc is not None else area, 4),
        fpr=tuple(round(float(x), 4) for x in kept[:, 0]),
        tpr=tuple(round(float(y), 4) for y in kept[:, 1]),
    )


def _reliability(whole: Slice, confidence: float) -> Iterator[CalibrationBin]:
    where = coarse(whole)
    for b in range(BINS):
        chosen = where == b
        n = int(whole.count[0][..., chosen].sum())
        mass, square = whole.mass[0].sum(axis=1)[:, chosen].sum(axis=1), whole.mass_square[0][..., chosen].sum()
        if n:
            positive = rate(mass[1], mass.sum(), square)
            low, high = positive.interval(confidence)
            yield CalibrationBin(
                low=b / BINS,
                high=(b + 1) / BINS,
                n=n,
                observed=round(float(positive.value), 6),
                mean_score=round(float(whole.score[0][..., chosen].sum() / mass.sum()), 6),
                observed_low=round(low, 6),
                observed_high=round(high, 6),
            )


def _histogram(whole: Slice) -> tuple[tuple[float, int, int], ...]:
    """(left edge, negatives, positives) in twenty equal bins of scores."""
    where = np.minimum(np.searchsorted(np.arange(1, 20) / 20, whole.edges[:-1], side="right"), 19)
    by_label = whole.count[0].sum(axis=1)
    counts = [np.bincount(where, row, 20).astype(int) for row in by_label]
    return tuple((k / 20, int(counts[0][k]), int(counts[1][k])) for k in range(20))
