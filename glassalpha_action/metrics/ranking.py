"""How scores rank positives above negatives: exact from rows, between bounds from a cube's score bins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from glassalpha_action.cube import AND, Cube
from glassalpha_action.evidence import Attribute, Evidence, Flags, Floats, Mass
from glassalpha_action.metrics.intervals import Interval, z_of

PAIR_LIMIT = 1 << 27
# Small enough to stay in cache, and for BLAS not to start threads.
CHUNK = 1 << 13


@dataclass(frozen=True)
class Ladder:
    """Mass of positives and negatives (and of their squared weights) at each step of ascending score, shape (steps,).

    In an exact ladder a step is one score; otherwise it is a bin, within which the order is not known.
    """

    positive: Mass
    negative: Mass
    positive_square: Mass
    negative_square: Mass
    exact: bool

    @cached_property
    def pairs(self) -> int | float:
        """Pairs of a positive and a negative, by weight."""
        pairs: int | float = (self.positive.sum() * self.negative.sum()).item()
        return pairs

    @cached_property
    def _moments(self) -> tuple[int | float, float, float]:
        """Twice the wins with ties half, and each label's sum of squared placements."""
        positives, negatives = self.positive.sum(), self.negative.sum()
        twice: int | float = 0
        squares = [0.0, 0.0]
        below, passed = negatives - negatives, positives - positives
        for start in range(0, self.positive.size, CHUNK):
            positive, negative = self.positive[start : start + CHUNK], self.negative[start : start + CHUNK]
            beneath, seen = np.cumsum(negative) + below, np.cumsum(positive) + passed
            under, over = 2 * beneath - negative, 2 * (positives - seen) + positive
            twice += np.dot(positive, under).item()
            for k, (mass, placement) in enumerate(
                ((positive, under / (2 * negatives)), (negative, over / (2 * positives)))
            ):
                squares[k] += float(np.dot(mass * placement, placement))
            below, passed = beneath[-1], seen[-1]
        return twice, squares[0], squares[1]

    @property
    def auc(self) -> Fraction | float:
        """Wins and half the ties over all pairs; a fraction where rows carry no weights. Needs both labels."""
        twice = self._moments[0]
        if isinstance(twice, int) and isinstance(self.pairs, int):
            return Fraction(twice, 2 * self.pairs)
        return float(twice / (2 * self.pairs))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """What the AUC lies between, whatever the order within steps; None where it is exact."""
        if self.exact:
            return None
        # Twice the wins counts a tie once: taking ties away gives the least, adding them the most.
        ties = float((self.positive * self.negative).sum())
        twice = float(self._moments[0])
        return (twice - ties) / (2 * self.pairs), (twice + ties) / (2 * self.pairs)

    def interval(self, confidence: float) -> Interval | None:
        """DeLong's, widened by the bounds where the AUC is not exact; None with fewer than two rows of a label."""
        auc, variance = float(self.auc), 0.0
        for mass, square, squares in (
            (self.positive, self.positive_square, self._moments[1]),
            (self.negative, self.negative_square, self._moments[2]),
        ):
            total = float(mass.sum())
            size = total**2 / float(square.sum())
            if size < 2:
                return None
            variance += max(0.0, squares / total - auc**2) / (size - 1)
        half = z_of(confidence) * math.sqrt(variance)
        low, high = self.bounds or (auc, auc)
        return max(0.0, low - half), min(1.0, high + half)


@dataclass(frozen=True)
class Ranking:
    """The ladders of the whole and of each level, from rows where they are at hand, else from the cube."""

    rows: Evidence | None
    cube: Cube

    @property
    def scored(self) -> bool:
        """Whether there are scores."""
        return self.cube.scored

    @cached_property
    def whole(self) -> Ladder:
        """Everybody's ladder."""
        return self._ladder(None) if self.rows is not None else self._binned("", 0)

    def level(self, name: str, level: int) -> Ladder:
        """The ladder of one level of the axis `name`; an axis of combinations is named as the cube names it."""
        if self.rows is None:
            return self._binned(name, level)
        chosen = np.ones(self.rows.rows, bool)
        wanted = np.unravel_index(level, [len(self._attribute(n).levels) for n in name.split(AND)])
        for one, code in zip(name.split(AND), wanted, strict=True):
            chosen &= self._attribute(one).codes == code
        return self._ladder(chosen)

    def wins(self, name: str) -> Floats:
        """(levels, levels): pairs of a positive of one level and a negative of another ranked right, ties half.

        Very many levels of very many rows are counted by score bins, ties within a bin half.
        """
        group = self.cube.by(name)
        if self.rows is None or len(group.axis.levels) * self.rows.rows > PAIR_LIMIT:
            positive, negative = group.mass[:, 1].sum(axis=1), group.mass[:, 0].sum(axis=1)
            below = np.cumsum(negative, axis=1) - negative / 2
            return np.asarray(positive @ below.T)
        return self._ranked_wins(name, len(group.axis.levels))

    def _ranked_wins(self, name: str, levels: int) -> Floats:
        rows, code = self.rows, self._attribute(name).codes
        if rows is None or rows.score is None:
            raise ValueError("ranking needs rows with scores")
        weight = np.ones(rows.rows) if rows.weight is None else rows.weight
        order = np.argsort(rows.score, kind="stable")
        score, label, code, weight = rows.score[order], rows.label[order], code[order], weight[order]
        first = np.searchsorted(score, score[label], "left")
        last = np.searchsorted(score, score[label], "right")
        columns = []
        for g in range(levels):
            below = np.append(0, np.cumsum(np.where(~label & (code == g), weight, 0)))
            columns.append(np.bincount(code[label], (below[first] + below[last]) / 2 * weight[label], levels))
        return np.column_stack(columns)

    def _attribute(self, name: str) -> Attribute:
        if self.rows is None:
            raise ValueError("ranking by level needs rows")
        return next(a for a in self.rows.attributes if a.name == name)

    def _ladder(self, chosen: Flags | None) -> Ladder:
        """The exact ladder of the chosen rows, or of all of them."""
        rows = self.rows
        if rows is None or rows.score is None:
            raise ValueError("a ladder needs rows with scores")
        kept = slice(None) if chosen is None else chosen
        score, label = rows.score[kept], rows.label[kept]
        if rows.weight is None:
            # The bits of a double from 0 to 1 sort as it does and leave the lowest place free for the label.
            keys = (score + 0.0).view(np.uint64)
            keys <<= np.uint64(1)
            keys |= label
            keys.sort()
            carries = (keys & np.uint64(1)).view(np.int64)
            new = np.flatnonzero((keys[1:] ^ keys[:-1]) > 1) + 1
            if new.size + 1 < keys.size:
                new = np.append(0, new)
                positive, rows_in = np.add.reduceat(carries, new), np.diff(np.append(new, keys.size))
            else:
                positive, rows_in = carries, np.ones_like(carries)
            negative = rows_in - positive
            return Ladder(positive, negative, positive, negative, exact=True)
        weight = rows.weight[kept]
        values, step = np.unique(score, return_inverse=True)

        def of(chosen: Flags, power: int) -> Floats:
            return np.asarray(np.bincount(step, np.where(chosen, weight**power, 0.0), values.size))

        return Ladder(of(label, 1), of(~label, 1), of(label, 2), of(~label, 2), exact=True)

    def _binned(self, name: str, level: int) -> Ladder:
        group = self.cube.by(*name.split(AND)) if name else self.cube.by()
        mass, square = group.mass[level].sum(axis=1), group.mass_square[level].sum(axis=1)
        return Ladder(mass[1], mass[0], square[1], square[0], exact=False)
