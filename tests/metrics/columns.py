"""Features, weights and probes written out in tests, and evidence that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from glassalpha_action.evidence import Evidence, Feature, Floats, Probes


def feature(name: str, values: Sequence[object]) -> Feature:
    """A numeric feature of numbers and None, else one of levels."""
    known = [v for v in values if v is not None]
    if all(isinstance(v, int | float | np.number) for v in known):
        return Feature(name, np.array([np.nan if v is None else v for v in values], dtype=np.float64))
    levels = sorted({str(v) for v in known})
    codes = np.array([-1 if v is None else levels.index(str(v)) for v in values], dtype=np.int32)
    return Feature(name, None, codes, tuple(levels))


def having(
    rows: Evidence, columns: Mapping[str, Sequence[object]], weight: Sequence[float] | None = None, **more: object
) -> Evidence:
    """`rows` with these feature columns, weights and whatever else evidence may hold."""
    features = tuple(feature(name, values) for name, values in columns.items())
    given = None if weight is None else np.asarray(weight, dtype=np.float64)
    return replace(rows, features=features, weight=given, **more)  # type: ignore[arg-type]


def probes(
    rows: Evidence,
    *,
    permuted: Mapping[str, Sequence[Sequence[float]]] | None = None,
    perturbed: Sequence[Sequence[float]] | Floats = (),
    unfavorable: Sequence[int] = (),
    replaced: Mapping[str, Sequence[float]] | None = None,
) -> Evidence:
    """`rows` whose model was asked about all of them, with these answers."""
    every = np.arange(rows.rows, dtype=np.int64)
    return replace(
        rows,
        probes=Probes(
            every,
            {name: np.asarray(scores, dtype=np.float64) for name, scores in (permuted or {}).items()},
            np.asarray(perturbed, dtype=np.float64).reshape(-1, rows.rows),
            np.asarray(unfavorable, dtype=np.int64),
            {name: np.asarray(scores, dtype=np.float64) for name, scores in (replaced or {}).items()},
        ),
    )
