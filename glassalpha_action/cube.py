"""The sufficient statistics: counts and score sums of rows grouped by attributes, label, decision and score bin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glassalpha_action.evidence import MISSING, Evidence, Floats, Ints, Mass

GRID = 1_000
SCALE = 2**32
CHUNK = 1 << 18
DENSE_LIMIT = 1 << 20
AND = " & "
N = TypeVar("N", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Axis:
    """One attribute of a cube: its levels and the reference named for it."""

    name: str
    levels: tuple[str, ...]
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A cube seen along one axis (or none: one level, the whole).

    `whole` has shape (3, levels, 2 labels, 2 decisions, bins): rows, sums of ⌊p·2³²⌋ and of ⌊⌊p·2³²⌋²/2³²⌋, exact.
    `weighed` has shape (4, levels, 2, 2, bins): sums of w, w², w·p and w·p²; its first axis is empty without weights.
    `edges` (bins + 1,) bound the score bins; without scores there is one bin.
    """

    axis: Axis
    whole: Ints
    weighed: Floats
    edges: Floats
    favorable_positive: bool
    scored: bool

    @property
    def weighted(self) -> bool:
        """Whether rows carry weights."""
        return len(self.weighed) > 0

    @property
    def count(self) -> Ints:
        """Rows by level, label, decision and bin."""
        return np.asarray(self.whole[0])

    @property
    def mass(self) -> Mass:
        """Sums of weights by level, label, decision and bin: the counts, as whole numbers, without weights."""
        return np.asarray(self.weighed[0] if self.weighted else self.whole[0])

    @property
    def mass_square(self) -> Mass:
        """Sums of squared weights, laid out as `mass`."""
        return np.asarray(self.weighed[1] if self.weighted else self.whole[0])

    @property
    def score(self) -> Floats:
        """Sums of w·p, laid out as `mass`."""
        return np.asarray(self.weighed[2] if self.weighted else self.whole[1] / SCALE)

    @property
    def square(self) -> Floats:
        """Sums of w·p², laid out as `mass`."""
        return np.asarray(self.weighed[3] if self.weighted else self.whole[2] / SCALE)

    @property
    def n(self) -> Ints:
        """Rows per level, shape (levels,)."""
        return np.asarray(self.count.sum(axis=(1, 2, 3)))

    @property
    def confusion(self) -> Mass:
        """Mass by level, label and decision, shape (levels, 2, 2); index 1 is positive."""
        return np.asarray(self.mass.sum(axis=3))

    @property
    def confusion_square(self) -> Mass:
        """Squared weights by level, label and decision, shape (levels, 2, 2): what an effective size is made from."""
        return np.asarray(self.mass_square.sum(axis=3))

    @property
    def compared(self) -> list[int]:
        """The levels that gaps compare: those with rows, a missing value not being one."""
        n = self.n
        return [i for i, level in enumerate(self.axis.levels) if MISSING not in level.split(AND) and n[i] > 0]

    @property
    def reference(self) -> int:
        """Index of the reference level: the one named, else the largest, the first of equals."""
        if self.axis.reference in self.axis.levels:
            return self.axis.levels.index(str(self.axis.reference))
        n = self.n
        return max(self.compared, key=lambda i: int(n[i]), default=0)


@dataclass(frozen=True, slots=True)
class Cube:
    """Cells with rows in them: `key` (cells,) is the flat index into `shape` = (levels…, 2 labels, 2 decisions, bins).

    `whole` (3, cells) and `weighed` (4 or 0, cells) are the sums that Slice describes. Two cubes of one layout add:
    cube(A) + cube(B) is cube(A and B).
    """

    axes: tuple[Axis, ...]
    edges: Floats
    key: Ints
    whole: Ints
    weighed: Floats
    favorable_positive: bool
    scored: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of each axis, then 2 labels, 2 decisions and the score bins."""
        return (*(len(a.levels) for a in self.axes), 2, 2, len(self.edges) - 1)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.whole[0].sum())

    def __add__(self, other: Cube) -> Cube:
        return added([self, other])

    def confusion(self, *names: str) -> Mass:
        """Mass by the levels of each of `names`, label and decision, shape (levels…, 2, 2)."""
        index = np.unravel_index(self.key, self.shape)
        kept = [*(self._position(name) for name in names), -3, -2]
        shape = tuple(self.shape[i] for i in kept)
        flat = np.ravel_multi_index(tuple(index[i] for i in kept), shape)
        if len(self.weighed):
            return _summed(flat, self.weighed[:1], math.prod(shape)).reshape(shape)
        return _summed(flat, self.whole[:1], math.prod(shape)).reshape(shape)

    def by(self, *names: str) -> Slice:
        """The cube summed over every axis but `names`; several names make one axis of their combinations."""
        index = np.unravel_index(self.key, self.shape)
        kept = [self._position(name) for name in names]
        axes = [self.axes[i] for i in kept]
        levels = [""] if not axes else list(axes[0].levels)
        for axis in axes[1:]:
            levels = [f"{left}{AND}{right}" for left in levels for right in axis.levels]
        shape = (len(levels), *self.shape[-3:])
        level = np.zeros(self.key.size, np.int64)
        for i in kept:
            level = level * self.shape[i] + index[i]
        flat = np.ravel_multi_index((level, *index[-3:]), shape)
        size = math.prod(shape)
        reference = axes[0].reference if len(axes) == 1 else None
        return Slice(
            Axis(AND.join(names), tuple(levels), reference),
            _summed(flat, self.whole, size).reshape(-1, *shape),
            _summed(flat, self.weighed, size).reshape(-1, *shape),
            self.edges,
            self.favorable_positive,
            self.scored,
        )

    def _position(self, name: str) -> int:
        return next(i for i, a in enumerate(self.axes) if a.name == name)


def added(cubes: Iterable[Cube]) -> Cube:
    """The sum of at least one cube of one layout. Raises ValueError where axes or score bins differ."""
    first, *others = cubes
    if any(c.axes != first.axes or not np.array_equal(c.edges, first.edges) for c in others):
        raise ValueError("cubes of different axes or score bins do not add")
    if not others:
        return first
    every = [first, *others]
    key, where = np.unique(np.concatenate([c.key for c in every]), return_inverse=True)
    return replace(
        first,
        key=key,
        whole=_summed(where, np.concatenate([c.whole for c in every], axis=1), key.size),
        weighed=_summed(where, np.concatenate([c.weighed for c in every], axis=1), key.size),
    )


def bin_edges(threshold: float | None, grid: int = GRID) -> Floats:
    """Edges of the score bins: every 1/grid, and the decision threshold so that a bin never straddles it."""
    edges = np.arange(grid + 1) / grid
    return np.unique(np.append(edges, threshold)) if threshold is not None and 0 < threshold < 1 else edges


def build(evidence: Evidence, grid: int = GRID) -> Cube:
    """Group the evidence's rows, a chunk at a time. A score on an edge belongs to the bin above it; 1.0 to the last.

    `grid` is the number of equal score bins, a multiple of 10. Rows of weight zero are absent.
    """
    axes = tuple(Axis(a.name, a.levels, a.reference) for a in evidence.attributes)
    scored = evidence.score is not None
    edges = bin_edges(evidence.threshold, grid) if scored else np.array([0.0, 1.0])
    sums = 4 if evidence.weight is not None else 0
    layout = Cube(axes, edges, np.zeros(0, np.int64), np.zeros((3, 0), np.int64), np.zeros((sums, 0)),
                  evidence.favorable_positive, scored)  # fmt: skip
    chunks = (_chunk(layout, evidence, slice(start, start + CHUNK)) for start in range(0, evidence.rows, CHUNK))
    return added([layout, *chunks])


def _chunk(layout: Cube, evidence: Evidence, rows: slice) -> Cube:
    label, decision = evidence.label[rows], evidence.decision[rows]
    weight = evidence.weight[rows] if evidence.weight is not None else None
    bins = len(layout.edges) - 1
    key = np.zeros(label.size, np.int64)
    for attribute in evidence.attributes:
        key = key * len(attribute.levels) + attribute.codes[rows]
    key = ((key * 2 + label) * 2 + decision) * bins
    score = np.zeros(label.size) if evidence.score is None else evidence.score[rows]
    if evidence.score is not None:
        key += _bins(score, layout.edges)
    if weight is not None:
        kept = weight > 0
        key, score, weight = key[kept], score[kept], weight[kept]
    units = np.minimum((score * SCALE).astype(np.uint64), np.uint64(SCALE - 1))
    # Sums of at most 2¹⁸ whole numbers below 2³² stay below 2⁵³, where float64 is exact.
    values = [units.astype(np.float64), ((units * units) >> np.uint64(32)).astype(np.float64)]
    weighed = [] if weight is None else [weight, weight**2, weight * score, weight * score**2]
    size = math.prod(layout.shape)
    if size <= DENSE_LIMIT:
        counted = np.bincount(key, minlength=size)
        cells, where, kept_cells = np.flatnonzero(counted), key, counted > 0
    else:
        cells, where, counted = np.unique(key, return_inverse=True, return_counts=True)
        kept_cells = np.ones(cells.size, bool)

    def summed(these: list[Floats]) -> Floats:
        sums = [np.bincount(where, v, kept_cells.size)[kept_cells] for v in these]
        return np.asarray(sums, dtype=np.float64).reshape(len(these), cells.size)

    whole = np.vstack([counted[kept_cells][None], summed(values).astype(np.int64)])
    return replace(layout, key=cells.astype(np.int64), whole=whole.astype(np.int64), weighed=summed(weighed))


def _bins(score: Floats, edges: Floats) -> Ints:
    """The bin of each score: a first guess from equal widths, put right by the edges themselves."""
    bins = len(edges) - 1
    guess = np.minimum((score * GRID).astype(np.int64), GRID - 1)
    start = np.searchsorted(edges, np.arange(GRID) / GRID, side="right") - 1
    found = start[guess]
    above = np.append(edges[1:-1], np.inf)
    found -= score < edges[found]
    for _ in range(2):
        found += score >= above[found]
    return np.minimum(found, bins - 1)


def _summed(where: Ints, values: NDArray[N], size: int) -> NDArray[N]:
    """Each row of `values` (k, cells) summed into `size` places; whole numbers stay exact."""
    total = np.zeros((len(values), size), values.dtype)
    for row, out in zip(values, total, strict=True):
        np.add.at(out, where, row)
    return total
