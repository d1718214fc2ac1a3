"""Features, weights and probes written out in tests, and evidence that has them, or any of all that there can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from glassalpha_action.evidence import REGRESSION, Attributions, Evidence, Feature, Floats, Probes, Reference
from tests.metrics.rows import evidence


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


def drawn(seed: int) -> Evidence:
    """Rows of a model that was asked everything, or of amounts: few or many, separable or not, most of them weighted.

    Weights lie close together, or as far apart as they may.
    """
    draw = np.random.default_rng(seed)
    n = int(draw.choice([6, 12, 60, 200]))
    label = draw.uniform(size=n) < draw.choice([0.1, 0.5, 0.9])
    score = (
        np.where(label, draw.uniform(0.6, 1, n), draw.uniform(0, 0.4, n)) if draw.integers(2) else draw.uniform(size=n)
    )
    score = np.round(score, int(draw.choice([1, 3, 17])))
    levels = np.array(["a", "b", "c"][: int(draw.integers(1, 4))])
    rows = evidence(
        label.tolist(),
        score=score.tolist(),
        favorable_positive=bool(draw.integers(2)),
        **{name: draw.choice(levels, n).tolist() for name in "gh"},
    )
    weight = draw.choice([1e-12, 1e-6, 1.0, 1e6, 1e12], n) if draw.integers(2) else draw.uniform(0.5, 2, n)
    columns = {"x": draw.normal(size=n) * 10.0 ** draw.integers(-9, 9), "c": draw.choice(["u", "v"], n)}
    columns["z"] = np.where(draw.uniform(size=n) < 0.3, np.nan, draw.exponential(size=n))
    rows = having(rows, {name: list(v) for name, v in columns.items()}, weight if draw.integers(4) else None)
    then = tuple(feature(f, list(draw.permutation(columns[f]))) for f in "xcz")
    rows = replace(
        rows, inputs=("x", "c", "z", *"g"[: draw.integers(2)]), reference=Reference(then, draw.uniform(size=n))
    )
    if not draw.integers(3):
        outcome = draw.normal(size=n) * 10.0 ** draw.integers(-6, 6)
        return replace(rows, outcome=outcome, prediction=outcome + draw.normal(size=n), holds=REGRESSION)
    asked = np.flatnonzero(rows.decision != rows.favorable_positive)
    rows = probes(
        rows,
        permuted={name: draw.choice([0.0, 0.5, 1.0], (5, n)).tolist() for name in "xcz"},
        perturbed=np.clip(score + draw.normal(size=(5, n)) / 9, 0, 1),
        unfavorable=asked.tolist(),
        replaced={name: draw.uniform(size=asked.size).tolist() for name in "xcz"},
    )
    assert rows.probes is not None
    explained = Attributions(("x", "c", "z"), np.arange(n), draw.normal(size=(n, 3)), 0.0, log_odds=True, detail="")
    return replace(rows, probes=replace(rows.probes, explained=explained))
