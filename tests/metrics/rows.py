"""Evidence written out in tests, and a metric measured on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from glassalpha_action.cube import build
from glassalpha_action.evidence import MISSING, Attribute, Evidence
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.records import Measurement


def attribute(name: str, values: Sequence[str | None], reference: str | None = None) -> Attribute:
    """An attribute of these values, None being a missing one."""
    levels = tuple(sorted({v for v in values if v is not None}))
    codes = np.array([levels.index(v) if v is not None else len(levels) for v in values], dtype=np.int32)
    return Attribute(name, (*levels, MISSING) if None in values else levels, codes, reference)


def evidence(
    label: Sequence[int],
    decision: Sequence[int] | None = None,
    score: Sequence[float] | None = None,
    *,
    threshold: float | None = 0.5,
    favorable_positive: bool = True,
    **groups: Sequence[str | None],
) -> Evidence:
    """Rows with these labels, decisions (from the scores where not given) and groups."""
    scores = None if score is None else np.asarray(score, dtype=np.float64)
    if decision is None:
        assert scores is not None
        assert threshold is not None
        decided = scores >= threshold
    else:
        decided = np.asarray(decision, dtype=bool)
    return Evidence(
        np.asarray(label, dtype=bool),
        decided,
        scores,
        tuple(attribute(name, values) for name, values in groups.items()),
        favorable_positive,
        threshold if decision is None else None,
    )


def measure(metric: str, rows: Evidence, confidence: float = 0.95, **params: float) -> list[Measurement]:
    """The metric's measurements, one for each attribute where it compares groups."""
    return list(CATALOGUE[metric].measure(rows, build(rows), confidence, params))


def single(metric: str, rows: Evidence, confidence: float = 0.95, **params: float) -> Measurement:
    """The metric's only measurement."""
    (found,) = measure(metric, rows, confidence, **params)
    return found


def counts(**groups: tuple[int, int, int, int]) -> Evidence:
    """Rows of one attribute `g` without scores, from each level's (true negatives, false positives, false negatives,
    true positives)."""
    label: list[int] = []
    decision: list[int] = []
    level: list[str] = []
    for name, cells in groups.items():
        for (y, d), n in zip(((0, 0), (0, 1), (1, 0), (1, 1)), cells, strict=True):
            label += [y] * n
            decision += [d] * n
            level += [name] * n
    return evidence(label, decision, g=level)


def random_rows(seed: int, n: int = 400, *, digits: int = 2, levels: str = "abc") -> Evidence:
    """Seeded rows whose scores (rounded, so that many tie) say something about the label, in two attributes."""
    draw = np.random.default_rng(seed)
    score = np.round(draw.uniform(size=n), digits)
    label = (draw.uniform(size=n) < 0.15 + 0.7 * score).astype(int)
    g = draw.choice(list(levels), size=n, p=np.arange(1, len(levels) + 1) / sum(range(1, len(levels) + 1)))
    h = draw.choice(["x", "y"], size=n)
    return evidence(label.tolist(), score=score.tolist(), g=g.tolist(), h=h.tolist())


@st.composite
def any_rows(draw: st.DrawFn, most: int = 40) -> Evidence:
    """Any evidence at all: one class, one group, missing values, scores at the edges, or no scores."""
    n = draw(st.integers(1, most))

    def column(values: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(values, min_size=n, max_size=n))

    label = column(st.integers(0, 1))
    edge = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 0.1 + 0.2, float(np.nextafter(0.3, 0))])
    score = column(st.one_of(edge, st.floats(0, 1))) if draw(st.booleans()) else None
    groups = {name: column(st.sampled_from(["a", "b", "c", None])) for name in draw(st.sampled_from(["", "g", "gh"]))}
    return evidence(
        label,
        None if score else column(st.integers(0, 1)),
        score,  # type: ignore[arg-type]
        favorable_positive=draw(st.booleans()),
        **groups,
    )  # type: ignore[arg-type]
