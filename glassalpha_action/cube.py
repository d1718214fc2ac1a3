"""The sufficient statistics: counts and score sums of rows grouped by attributes, label, decision and score bin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from glassalpha_action.evidence import MISSING, Evidence, Floats, Ints

GRID = 200
SCALE = 2**32
CHUNK = 1 << 18
DENSE_LIMIT = 1 << 22


@dataclass(frozen=True, slots=True)
class Axis:
    """One attribute of a cube: its levels and the reference named for it."""

    name: str
    levels: tuple[str, ...]
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A cube seen along one axis (or none: one level, the whole).

    `count`, `score` and `square` have shape (levels, 2 labels, 2 decisions, bins): rows, sums of ⌊p·2³²⌋ and sums of
    ⌊p·2³²⌋²/2³² (whole part per row). `edges` (bins + 1,) bound the score bins; without scores there is one bin.
    """

    axis: Axis
    count: Ints
    score: Ints
    square: Ints
    edges: Floats
    favorable_positive: bool
    scored: bool

    @property
    def n(self) -> Ints:
        """Rows per level, shape (levels,)."""
        return np.asarray(self.count.sum(axis=(1, 2, 3)))

    @property
    def confusion(self) -> Ints:
        """Rows by level, label and decision, shape (levels, 2, 2); index 1 is positive."""
        return np.asarray(self.count.sum(axis=3))

    @property
    def compared(self) -> list[int]:
        """The levels that gaps compare: those with rows, a missing value not being one."""
        n = self.n
        return [i for i, level in enumerate(self.axis.levels) if level != MISSING and n[i] > 0]

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

    Two cubes of one layout add: cube(A) + cube(B) is cube(A and B).
    """

    axes: tuple[Axis, ...]
    edges: Floats
    key: Ints
    count: Ints
    score: Ints
    square: Ints
    favorable_positive: bool
    scored: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of each axis, then 2 labels, 2 decisions and the score bins."""
        return (*(len(a.levels) for a in self.axes), 2, 2, len(self.edges) - 1)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.count.sum())

    def __add__(self, other: Cube) -> Cube:
        if self.axes != other.axes or not np.array_equal(self.edges, other.edges):
            raise ValueError("cubes of different axes or score bins do not add")
        key, where = np.unique(np.concatenate([self.key, other.key]), return_inverse=True)
        sums = []
        for mine, theirs in ((self.count, other.count), (self.score, other.score), (self.square, other.square)):
            total = np.zeros(key.size, np.int64)
            np.add.at(total, where, np.concatenate([mine, theirs]))
            sums.append(total)
        return replace(self, key=key, count=sums[0], score=sums[1], square=sums[2])

    def confusion(self, *names: str) -> Ints:
        """Rows by the levels of each of `names`, label and decision, shape (levels…, 2, 2)."""
        index = np.unravel_index(self.key, self.shape)
        kept = [*(next(i for i, a in enumerate(self.axes) if a.name == name) for name in names), -3, -2]
        shape = tuple(self.shape[i] for i in kept)
        flat = np.ravel_multi_index(tuple(index[i] for i in kept), shape)
        return np.bincount(flat, self.count, math.prod(shape)).astype(np.int64).reshape(shape)

    def by(self, *names: str) -> Slice:
        """The cube summed over every axis but `names`; several names make one axis of their combinations."""
        index = np.unravel_index(self.key, self.shape)
        kept = [next(i for i, a in enumerate(self.axes) if a.name == name) for name in names]
        axes = [self.axes[i] for i in kept]
        levels = [""] if not axes else list(axes[0].levels)
        for axis in axes[1:]:
            levels = [f"{left} & {right}" for left in levels for right in axis.levels]
        shape = (len(levels), *self.shape[-3:])
        level = np.zeros(self.key.size, np.int64)
        for i in kept:
            level = level * self.shape[i] + index[i]
        flat = np.ravel_multi_index((level, *index[-3:]), shape)
        sums = []
        for values in (self.count, self.score, self.square):
            total = np.zeros(math.prod(shape), np.int64)
            np.add.at(total, flat, values)
            sums.append(total.reshape(shape))
        axis = replace(axes[0], name=" & ".join(names), levels=tuple(levels)) if axes else Axis("", ("",))
        count, score, square = sums
        return Slice(axis, count, score, square, self.edges, self.favorable_positive, self.scored)


def bin_edges(threshold: float | None) -> Floats:
    """Edges of the score bins: every 1/200, and the decision threshold so that a bin never straddles it."""
    grid = np.arange(GRID + 1) / GRID
    return np.unique(np.append(grid, threshold)) if threshold is not None and 0 < threshold < 1 else grid


def build(evidence: Evidence) -> Cube:
    """Group the evidence's rows, a chunk at a time. A score on an edge belongs to the bin above it; 1.0 to the last."""
    axes = tuple(Axis(a.name, a.levels, a.reference) for a in evidence.attributes)
    scored = evidence.score is not None
    edges = bin_edges(evidence.threshold) if scored else np.array([0.0, 1.0])
    empty = np.zeros(0, np.int64)
    cube = Cube(axes, edges, empty, empty, empty, empty, evidence.favorable_positive, scored)
    for start in range(0, evidence.rows, CHUNK):
        cube += _chunk(cube, evidence, slice(start, start + CHUNK))
    return cube


def _chunk(layout: Cube, evidence: Evidence, rows: slice) -> Cube:
    label, decision = evidence.label[rows], evidence.decision[rows]
    bins = len(layout.edges) - 1
    key = np.zeros(label.size, np.int64)
    for attribute in evidence.attributes:
        key = key * len(attribute.levels) + attribute.codes[rows]
    key = (key * 2 + label) * 2 + decision
    if evidence.score is None:
        units = np.zeros(label.size)
        key = key * bins
    else:
        score = evidence.score[rows]
        key = key * bins + np.minimum(np.searchsorted(layout.edges, score, side="right") - 1, bins - 1)
        units = np.minimum(np.floor(score * SCALE), SCALE - 1)
    square = ((units.astype(np.uint64) ** 2) >> np.uint64(32)).astype(np.float64)
    size = math.prod(layout.shape)
    if size <= DENSE_LIMIT:
        counted = np.bincount(key, minlength=size)
        cells, where = np.flatnonzero(counted), key
    else:
        cells, where = np.unique(key, return_inverse=True)
        counted = np.bincount(where)
    # Sums of at most 2¹⁸ whole numbers below 2³² stay below 2⁵³, where float64 is exact.
    sums = [np.bincount(where, weights=v).astype(np.int64) for v in (units, square)]
    if size <= DENSE_LIMIT:
        counted, sums = counted[cells], [s[cells] for s in sums]
    return replace(layout, key=cells.astype(np.int64), count=counted.astype(np.int64), score=sums[0], square=sums[1])
