"""How scores rank positives above negatives: exact from rows, between bounds from a cube's score bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from glassalpha_action.cube import MOST_SMALL, Cube, Slice
from glassalpha_action.digests import settled
from glassalpha_action.evidence import Codes, Evidence, Flags, Floats, Ints, Mass
from glassalpha_action.metrics.ladder import Ladder, Steps
from glassalpha_action.vocabulary import AND

PAIR_LIMIT = 1 << 25
CHUNK = 1 << 15


def level_ladder(group: Slice, level: int) -> Ladder:
    """The ladder of one level of a slice, its steps being score bins."""
    mass, square = group.mass[level].sum(axis=1), group.mass_square[level].sum(axis=1)
    return Ladder(group.edges[:-1], mass[1], mass[0], square[1], square[0], exact=False)


@dataclass(frozen=True)
class Ranking:
    """How scores rank labels, of everybody and between levels: from rows where they are at hand, else from the cube."""

    rows: Evidence | None
    cube: Cube
    _seen: dict[tuple[str, ...], Slice] = field(default_factory=dict, repr=False, compare=False)
    _won: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    def by(self, *names: str) -> Slice:
        """The cube by these attributes, made once."""
        if names not in self._seen:
            self._seen[names] = self.cube.by(*names)
        return self._seen[names]

    @property
    def scored(self) -> bool:
        """Whether there are scores."""
        return self.cube.scored

    @cached_property
    def whole(self) -> Ladder:
        """Everybody's ladder."""
        if self.rows is None or self.rows.score is None:
            return level_ladder(self.by(), 0)
        score, label, weight = self.rows.score, self.rows.label, self.rows.weight
        if weight is None:
            return _counted(score, label)
        order = self._order[weight[self._order] > 0]
        return _weighed(score[order], label[order], weight[order])

    def exact_between(self, name: str) -> bool:
        """Whether the levels of the axis `name` are ranked by their rows rather than by score bins."""
        return self.rows is not None and self._levels(name) * self.rows.rows <= PAIR_LIMIT

    def wins(self, name: str) -> Floats:
        """(levels, levels): pairs of a positive of one level and a negative of another ranked right, ties half.

        Very many levels of very many rows are counted by score bins, ties within a bin half.
        """
        if name not in self._won:
            self._won[name] = self._wins(name)
        return self._won[name]

    def _wins(self, name: str) -> Floats:
        if self.rows is None or not self.exact_between(name):
            group = self.by(*self._names(name))
            positive, negative = group.mass[:, 1].sum(axis=1), group.mass[:, 0].sum(axis=1)
            below = np.cumsum(negative, axis=1) - negative / 2
            return np.asarray(positive @ below.T)
        code, label = self._codes(name)[self._order], self.rows.label[self._order]
        weight = None if self.rows.weight is None else self.rows.weight[self._order]
        levels = self._levels(name)
        return _at_most(code, label, weight, levels) - self._ties(code, label, weight, levels) / 2

    def beyond(self, name: str, score: float, side: int) -> Mass:
        """(levels,): the mass of the rows scored above (`side` 1) or below (-1) `score`."""
        if self.rows is None or self.rows.score is None:
            raise ValueError("a comparison of scores needs rows")
        chosen = self.rows.score > score if side > 0 else self.rows.score < score
        code, levels = self._codes(name), self._levels(name)
        if self.rows.weight is None:
            return np.bincount(code, chosen, levels).astype(np.int64)
        return np.bincount(code, self.rows.weight * chosen, levels)

    @cached_property
    def importances(self) -> Mapping[str, float] | None:
        """For each feature the mean fall in AUC when its values are permuted; None where there is no AUC."""
        rows = self.rows
        if rows is None or rows.probes is None or rows.score is None:
            return None
        chosen = rows.probes.sample
        weight = None if rows.weight is None else rows.weight[chosen]
        sample = replace(rows, label=rows.label[chosen], score=rows.score[chosen], weight=weight)

        def ranked(score: Floats) -> Ladder:
            return Ranking(replace(sample, score=score), self.cube).whole

        before = ranked(rows.score[chosen])
        if not before.pairs:
            return None
        return {
            name: settled(math.fsum(float(before.auc) - float(ranked(score).auc) for score in scores) / len(scores))
            for name, scores in rows.probes.permuted.items()
        }

    @cached_property
    def _order(self) -> Ints | Codes:
        """The rows by score, a negative before a positive of the same score."""
        order = np.argsort(self._keys())
        return order.astype(np.int32) if order.size < MOST_SMALL else order

    @cached_property
    def _tied(self) -> tuple[Ints, Ints]:
        """The rows (in order) whose score a row of the other label shares, and a number for each such score."""
        keys = self._keys()
        keys.sort()
        # Negatives stand first: where labels share a score, its last negative and first positive differ by the label.
        first = keys[1:][(keys[1:] ^ keys[:-1]) == 1]
        start, end = np.searchsorted(keys, first - 1), np.searchsorted(keys, first, side="right")
        size = end - start
        step = np.repeat(np.arange(first.size), size)
        return np.arange(step.size) + (start - np.cumsum(size) + size)[step], step

    def _keys(self) -> Ints:
        if self.rows is None or self.rows.score is None:
            raise ValueError("ranking needs rows with scores")
        return _keys(self.rows.score, self.rows.label)

    def _ties(self, code: Ints | Codes, label: Flags, weight: Floats | None, levels: int) -> Floats:
        """(levels, levels): pairs of a positive of one level and a negative of another that share a score."""
        where, step = self._tied
        if not where.size:
            return np.zeros((levels, levels))
        steps = int(step[-1]) + 1
        key, positive = step * levels + code[where], label[where]
        mass = np.ones(where.size) if weight is None else weight[where]
        by_label = [
            np.bincount(key[chosen], mass[chosen], steps * levels).reshape(steps, levels)
            for chosen in (positive, ~positive)
        ]
        return np.asarray(by_label[0].T @ by_label[1])

    def _names(self, name: str) -> list[str]:
        """The attributes of the axis `name`, which may be one of combinations as the cube names them."""
        return [name] if any(a.name == name for a in self.cube.axes) else name.split(AND)

    def _levels(self, name: str) -> int:
        levels = {a.name: len(a.levels) for a in self.cube.axes}
        return math.prod(levels[one] for one in self._names(name))

    def _codes(self, name: str) -> Ints | Codes:
        """Each row's level on the axis `name`."""
        if self.rows is None:
            raise ValueError("ranking by level needs rows")
        attributes = {a.name: a for a in self.rows.attributes}
        names = self._names(name)
        code: Ints | Codes = attributes[names[0]].codes
        if len(names) > 1 and self._levels(name) >= MOST_SMALL:
            code = code.astype(np.int64)
        for one in names[1:]:
            code = code * len(attributes[one].levels)
            code += attributes[one].codes
        return code


def _keys(score: Floats, label: Flags) -> Ints:
    # The bits of a double from 0 to 1 sort as it does and leave the lowest place free for the label; -0.0 is 0.0 here.
    keys = np.left_shift(np.ascontiguousarray(score).view(np.int64), 1)
    keys |= label
    return keys


def _counted(score: Floats, label: Flags) -> Ladder:
    keys = _keys(score, label)
    keys.sort()
    if keys.size < MOST_SMALL and _distinct(keys):
        ones = keys.astype(np.int32) & 1
        zeros = 1 - ones
        keys >>= 1
        return Ladder(keys.view(np.float64), ones, zeros, ones, zeros, exact=True)
    new = np.flatnonzero(np.append(True, (keys[1:] ^ keys[:-1]) > 1)) if keys.size else np.zeros(0, np.int64)
    size = np.diff(new, append=keys.size)
    positives = np.add.reduceat(keys & 1, new) if keys.size else size
    positive, negative = _small(positives, keys.size), _small(size - positives, keys.size)
    return Ladder((keys[new] >> 1).view(np.float64), positive, negative, positive, negative, exact=True)


def _small(counts: Ints, most: int) -> Steps:
    return counts.astype(np.int32) if most < MOST_SMALL else counts


def _distinct(keys: Ints) -> bool:
    """Whether no two of the sorted keys are of one score."""
    parts = (keys[start : start + CHUNK + 1] for start in range(0, keys.size, CHUNK))
    return all(((part[1:] ^ part[:-1]) > 1).all() for part in parts)


def _weighed(score: Floats, label: Flags, weight: Floats) -> Ladder:
    """The ladder of rows in order of score."""
    new = np.flatnonzero(np.append(True, score[1:] != score[:-1])) if score.size else np.zeros(0, np.int64)

    def of(chosen: Flags, power: int) -> Floats:
        return np.asarray(np.add.reduceat(np.where(chosen, weight**power, 0.0), new))

    return Ladder(score[new], of(label, 1), of(~label, 1), of(label, 2), of(~label, 2), exact=True)


def _at_most(code: Ints | Codes, label: Flags, weight: Floats | None, levels: int) -> Floats:
    """(levels, levels): for rows in order of score, pairs of a positive and a negative that stands before it."""
    found, carried = np.zeros((levels, levels)), np.zeros(levels)
    small = np.int8 if levels < 128 else np.int32
    for start in range(0, code.size, CHUNK):
        part = slice(start, start + CHUNK)
        own = np.where(label[part], -1, code[part]).astype(small)
        positive = np.flatnonzero(label[part])
        of, times = code[part][positive], None if weight is None else weight[part][positive]
        for level in range(levels):
            here = own == level
            below = np.cumsum(here, dtype=np.int32) if weight is None else np.cumsum(here * weight[part])
            seen = below[positive] + carried[level]
            found[:, level] += np.bincount(of, seen if times is None else seen * times, levels)
            carried[level] += below[-1]
    return found
