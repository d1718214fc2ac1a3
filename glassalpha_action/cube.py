"""The sufficient statistics: counts and score sums of rows grouped by attributes, label, decision and score bin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassalpha_action.evidence import MISSING, Evidence, Floats, Ints, Mass
from glassalpha_action.vocabulary import AND

GRID = 1_000
SCALE = 2**32
# Rows at a time: few enough to stay in cache, as many as the cells they are counted into.
CHUNK, LARGEST_CHUNK = 1 << 16, 1 << 18
DENSE_LIMIT = 1 << 20
MOST_SMALL = 1 << 31
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
            _summed(flat, self.whole, size).reshape(len(self.whole), *shape),
            _summed(flat, self.weighed, size).reshape(len(self.weighed), *shape),
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
    size = math.prod(layout.shape)
    chunk = max(CHUNK, min(size, LARGEST_CHUNK))
    rows = (_rows(layout, evidence, grid, slice(at, at + chunk)) for at in range(0, evidence.rows, chunk))
    return _dense(layout, rows) if size <= DENSE_LIMIT else added([layout, *(_sparse(layout, *one) for one in rows)])


def _rows(layout: Cube, evidence: Evidence, grid: int, rows: slice) -> tuple[Ints, list[Floats], list[Floats]]:
    """Of some rows the cell of each, the values that `whole` sums beside their number, and those `weighed` sums."""
    label, decision = evidence.label[rows], evidence.decision[rows]
    key: NDArray[Any] = np.zeros(label.size, np.int32 if math.prod(layout.shape) < MOST_SMALL else np.int64)
    for attribute in evidence.attributes:
        key *= len(attribute.levels)
        key += attribute.codes[rows]
    for flag in (label, decision):
        key *= 2
        key += flag
    key *= len(layout.edges) - 1
    score = np.zeros(label.size) if evidence.score is None else evidence.score[rows]
    if evidence.score is not None:
        key += _bins(score, grid, layout.edges, evidence.threshold).astype(key.dtype)
    if evidence.weight is None:
        return key.astype(np.int64), _units(score), []
    weight = evidence.weight[rows]
    kept = weight > 0
    key, score, weight = key[kept], score[kept], weight[kept]
    return key.astype(np.int64), _units(score), [weight, weight**2, weight * score, weight * score**2]


def _units(score: Floats) -> list[Floats]:
    """⌊p·2³²⌋ and ⌊⌊p·2³²⌋²/2³²⌋ of each score; sums of 2²⁰ such stay below 2⁵³, where float64 is exact."""
    units = np.minimum((score * SCALE).astype(np.int64), SCALE - 1)
    squares = (units * units).view(np.uint64) >> np.uint64(32)
    return [units.astype(np.float64), squares.view(np.int64).astype(np.float64)]


def _bins(score: Floats, grid: int, edges: Floats, threshold: float | None) -> Floats:
    """The bin of each score: the nearest edge is settled by comparing with it, and so is the threshold."""
    found = np.rint(score * grid)
    found -= score < found / grid
    np.minimum(found, grid - 1, out=found)
    if threshold is not None and len(edges) > grid + 1:
        found += score >= threshold
    return found


def _dense(layout: Cube, rows: Iterable[tuple[Ints, list[Floats], list[Floats]]]) -> Cube:
    """The cube of rows counted into every cell there could be."""
    size = math.prod(layout.shape)
    whole, weighed = np.zeros((3, size), np.int64), np.zeros((len(layout.weighed), size))
    for key, values, weights in rows:
        whole[0] += np.bincount(key, minlength=size)
        for i, one in enumerate(values):
            whole[1 + i] += np.bincount(key, one, size).astype(np.int64)
        for i, one in enumerate(weights):
            weighed[i] += np.bincount(key, one, size)
    key = np.flatnonzero(whole[0])
    return replace(layout, key=key, whole=whole[:, key], weighed=weighed[:, key])


def _sparse(layout: Cube, key: Ints, values: list[Floats], weights: list[Floats]) -> Cube:
    """The cube of some rows, counted into the cells that they are in."""
    cells, where, counted = np.unique(key, return_inverse=True, return_counts=True)

    def summed(these: list[Floats]) -> Floats:
        sums = [np.bincount(where, one, cells.size) for one in these]
        return np.asarray(sums, dtype=np.float64).reshape(len(these), cells.size)

    whole = np.vstack([counted[None], summed(values).astype(np.int64)])
    return replace(layout, key=cells, whole=whole.astype(np.int64), weighed=summed(weights))


def _summed(where: Ints, values: NDArray[N], size: int) -> NDArray[N]:
    """Each row of `values` (k, cells) summed into `size` places; whole numbers stay exact."""
    total = np.zeros((len(values), size), values.dtype)
    for row, out in zip(values, total, strict=True):
        np.add.at(out, where, row)
    return total
