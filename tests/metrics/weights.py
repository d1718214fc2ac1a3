"""The same evidence with weights, and with each row written as often as its weight says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from glassalpha_action.evidence import Evidence, Floats
from tests.metrics.rows import random_rows


def weighed(rows: Evidence, weight: Floats) -> Evidence:
    """The rows with these weights."""
    return replace(rows, weight=np.asarray(weight, dtype=np.float64))


def taken(rows: Evidence, index: np.ndarray) -> Evidence:
    """The rows of these numbers, one of them as often as it is named."""
    features = tuple(
        replace(
            f,
            values=None if f.values is None else f.values[index],
            codes=None if f.codes is None else f.codes[index],
        )
        for f in rows.features
    )
    return replace(
        rows,
        label=rows.label[index],
        decision=rows.decision[index],
        score=None if rows.score is None else rows.score[index],
        attributes=tuple(replace(a, codes=a.codes[index]) for a in rows.attributes),
        weight=None if rows.weight is None else rows.weight[index],
        features=features,
    )


def random_weights(seed: int, n: int = 400, *, digits: int = 2) -> Evidence:
    """Seeded rows with weights between 0 and 3, some of them 0."""
    draw = np.random.default_rng(seed + 100)
    weight = draw.uniform(0, 3, n) * (draw.uniform(size=n) > 0.1)
    return weighed(random_rows(seed, n, digits=digits), weight)
