"""What the order of scores alone decides: areas, thresholds and the top of the list, from labels in order of score."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np

from glassalpha_action.evidence import Codes, Floats, Ints, Mass
from glassalpha_action.metrics.intervals import Interval, mann_whitney, newcombe, wilson, z_of

Number = int | float
Steps = Mass | Codes
ROUNDING = 1e-12
CLIP = 2.0**-52
# Small enough to stay in cache, and for BLAS not to start threads.
CHUNK = 1 << 13


@dataclass(frozen=True, slots=True)
class Point:
    """A number read off a ladder: its interval, the score where it stands, and its sure bounds if it is not exact."""

    value: Fraction | float
    low: float
    high: float
    score: float
    bounds: Interval | None = None


@dataclass(frozen=True)
class Ladder:
    """Mass of positives and negatives (and of their squared weights) at each step of ascending score, shape (steps,).

    Where rows carry no weights these are whole numbers, in an exact ladder small ones of four bytes: sums are of eight.
    In an exact ladder a step is one `score`; otherwise it is a bin from `score` on, within which the order is unknown.
    """

    score: Floats
    positive: Steps
    negative: Steps
    positive_square: Steps
    negative_square: Steps
    exact: bool

    @cached_property
    def positives(self) -> Number:
        """The mass of positives."""
        return _number(self.positive.sum())

    @cached_property
    def negatives(self) -> Number:
        """The mass of negatives."""
        return _number(self.negative.sum())

    @property
    def pairs(self) -> Number:
        """Pairs of a positive and a negative, by weight; 0 where a label is absent."""
        return self.positives * self.negatives

    @cached_property
    def sizes(self) -> tuple[float, float]:
        """Kish's effective numbers of positives and of negatives. Needs both labels."""
        return (
            float(self.positives**2 / self.positive_square.sum()),
            float(self.negatives**2 / self.negative_square.sum()),
        )

    @cached_property
    def _taken(self) -> tuple[Mass, Mass]:
        """True and false positives where every step from this one up is called positive."""
        return _from_above(self.positive), _from_above(self.negative)

    @cached_property
    def auc(self) -> Fraction | float:
        """Wins and half the ties over all pairs; a fraction where rows carry no weights. Needs both labels."""
        twice: Number = 0
        for positive, tied, below, _ in self._climb():
            twice += _number((positive * (2 * below + tied)).sum())
        return _share(twice, 2 * self.pairs)

    @property
    def auc_bounds(self) -> Interval | None:
        """What the AUC lies between, whatever the order within steps; None where it is exact."""
        if self.exact:
            return None
        wins = float((self.positive * (_so_far(self.negative) - self.negative)).sum())
        most = (wins + float((self.positive * self.negative).sum())) / self.pairs
        return min(1.0, wins / self.pairs), min(1.0, most)

    @cached_property
    def auc_error(self) -> float | None:
        """DeLong's standard error of the AUC; None with fewer than two rows of a label."""
        if min(self.sizes) < 2:
            return None
        auc, negatives, positives = float(self.auc), float(self.negatives), float(self.positives)
        above, below, risen, passed = 0.0, 0.0, 0.0, 0.0
        for positive, tied, under, risen_to in self._climb():
            beaten = (under + tied / 2) / negatives - auc
            above += float(np.dot(positive * beaten, beaten))
            # Negatives have come since the last step of positives, or stand at one.
            since, before = np.diff(under, prepend=passed), np.append(risen, risen_to[:-1])
            since[1:] -= tied[:-1]
            beating = 1 - auc - before / positives
            below += float(np.dot(since * beating, beating))
            if tied.any():
                beating -= positive / (2 * positives)
                below += float(np.dot(tied * beating, beating))
            risen, passed = risen_to[-1], under[-1] + tied[-1]
        below += (negatives - passed) * auc**2
        sizes = self.sizes
        # Differences of sums of weights may fall a little below 0.
        return math.sqrt(above / positives / (sizes[0] - 1) + max(0.0, below) / negatives / (sizes[1] - 1))

    @cached_property
    def _single(self) -> bool:
        """Whether every step is one row without a weight."""
        return self.exact and isinstance(self.pairs, int) and self.positives + self.negatives == self.score.size

    @cached_property
    def _met(self) -> Ints:
        """The steps with positives."""
        return np.flatnonzero(self.positive > 0)

    def _parts(self, size: int) -> Iterator[slice]:
        """So many steps in parts that fit a processor's cache."""
        return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))

    def _climb(self) -> Iterator[tuple[Steps, Steps, Mass, Mass]]:
        """Part by part, steps with positives: positives and negatives at each, negatives below, positives up to it.

        Where every step is one row, counting rows does for summing them.
        """
        up_to = None if self._single else _so_far(self.negative)
        risen = self.positives * 0
        for part in self._parts(self._met.size):
            steps = self._met[part]
            positive, tied = self.positive[steps], self.negative[steps]
            beating: Mass = np.asarray(_so_far(positive) + risen)
            below: Mass = np.asarray(steps - beating + 1 if up_to is None else up_to[steps] - tied)
            yield positive, tied, below, beating
            risen = beating[-1]

    def auc_interval(self, confidence: float) -> Interval | None:
        """DeLong's, widened by the bounds where the AUC is not exact; None with fewer than two rows of a label.

        Where DeLong's variance is 0, as when a threshold separates the labels, it is Newcombe's.
        """
        if self.auc_error is None:
            return None
        low, high = self.auc_bounds or (float(self.auc), float(self.auc))
        if self.auc_error < ROUNDING:
            return mann_whitney(low, self.sizes, confidence)[0], mann_whitney(high, self.sizes, confidence)[1]
        half = z_of(confidence) * self.auc_error
        return max(0.0, low - half), min(1.0, high + half)

    def auc_spread(self, confidence: float) -> float | None:
        """DeLong's standard error, or where that is 0 the one that would reach the farther end of the interval."""
        interval = self.auc_interval(confidence)
        if self.auc_error is None or interval is None or self.auc_error >= ROUNDING:
            return self.auc_error
        return max(float(self.auc) - interval[0], interval[1] - float(self.auc)) / z_of(confidence)

    @cached_property
    def average_precision(self) -> float:
        """The precision at each step, averaged by the positives that stand there. Needs positives."""
        here = self._met
        true, false = (taken[here] for taken in self._taken)
        return min(1.0, float((self.positive[here] * (true / (true + false))).sum() / self.positives))

    @property
    def average_precision_bounds(self) -> Interval | None:
        """What the average precision lies between, whatever the order within steps; None where it is exact."""
        if self.exact:
            return None
        here = self._met
        positive, negative = self.positive[here].astype(np.float64), self.negative[here]
        true, false = (taken[here] for taken in self._taken)
        best = positive * true / (true + false - negative)
        # Σ B/(A + B + i) over i = 1 … P is at most B·ln((A + B + P)/(A + B)).
        others = true - positive + false
        log = np.log(np.divide(others + positive, others, where=others > 0, out=np.ones(here.size)))
        worst = np.maximum(0.0, positive - false * log)
        return min(1.0, float(worst.sum() / self.positives)), min(1.0, float(best.sum() / self.positives))

    def separation(self, confidence: float) -> Point:
        """The largest |TPR − FPR| over thresholds (Kolmogorov and Smirnov). Needs both labels.

        Interval: Newcombe's for the two rates at that threshold, its lower end 0 where Smirnov's test sees none.
        """
        true, false = self._taken
        apart = true * self.negatives - false * self.positives
        best = int(np.argmax(np.abs(apart)))
        value = _share(_number(abs(apart[best])), self.pairs)
        higher, lower = (
            (float(taken[best] / total) * n, n)
            for taken, total, n in (
                (true, self.positives, self.sizes[0]),
                (false, self.negatives, self.sizes[1]),
            )[:: 1 if apart[best] > 0 else -1]
        )
        low, high = newcombe(higher, lower, confidence)
        low, high = min(low, float(value)), max(high, float(value))
        if float(value) < math.sqrt(-math.log((1 - confidence) / 2) / 2 * sum(1 / n for n in self.sizes)):
            low = 0.0
        if self.exact:
            return Point(value, max(0.0, low), high, float(self.score[best]))
        above = apart - self.positive * self.negatives + self.negative * self.positives
        most = max(
            float((above + self.positive * self.negatives).max()), float((self.negative * self.positives - above).max())
        )
        bounds = float(value), min(1.0, most / self.pairs)
        return Point(value, max(0.0, low), min(1.0, high + bounds[1] - bounds[0]), float(self.score[best]), bounds)

    def top(self, k: int, confidence: float) -> Point:
        """The share of positives among the `k` highest scores, tied ones in proportion. At least `k` rows' mass."""
        true, false = self._taken
        step = int(np.flatnonzero(true + false >= k)[-1])
        positive, negative = _number(self.positive[step]), _number(self.negative[step])
        sure = _number(true[step]) - positive
        left = k - (sure + _number(false[step]) - negative)
        value = _share(sure * (positive + negative) + positive * left, k * (positive + negative))
        ends = (sure + max(0, left - negative)) / k, (sure + min(positive, left)) / k
        bounds = None if self.exact else (float(ends[0]), float(ends[1]))
        taken = slice(step, None)
        square = float(self.positive_square[taken].sum() + self.negative_square[taken].sum())
        size = k * float(true[step] + false[step]) / square
        low, high = (wilson(p * size, size, confidence) for p in bounds or (float(value), float(value)))
        return Point(value, low[0], high[1], float(self.score[step]), bounds)

    def recall(self, fpr: float, confidence: float) -> Point:
        """The largest true positive rate of a threshold whose false positive rate is at most `fpr`.

        Needs both labels. Interval: Wilson's of the rate, joined with the rates at the ends of Wilson's of `fpr`.
        """
        step = self._step(fpr)
        low, high = (self._rate(self._step(end)) for end in wilson(fpr * self.sizes[1], self.sizes[1], confidence))
        value = self._rate(step)
        least, most = wilson(float(value) * self.sizes[0], self.sizes[0], confidence)
        unsure = 0.0 if self.exact or step == 0 else float(self.positive[step - 1] / self.positives)
        at = float(value)
        return Point(
            value,
            max(0.0, at - math.hypot(at - low, at - least)),
            min(1.0, at + math.hypot(high - at, most - at) + unsure),
            float(self.score[step]) if step < self.score.size else math.inf,
            None if self.exact else (at, min(1.0, at + unsure)),
        )

    def _step(self, fpr: float) -> int:
        """The lowest step from which up at most `fpr` of negatives stand; one past the last where none."""
        allowed = Fraction(repr(fpr)) * Fraction(self.negatives)
        most = math.floor(allowed) if isinstance(self.negatives, int) else float(allowed) * (1 + ROUNDING)
        false = self._taken[1]
        return int(false.size - np.count_nonzero(false <= most))

    def _rate(self, step: int) -> Fraction | float:
        return _share(_number(self._taken[0][step]), self.positives) if step < self.score.size else Fraction(0)

    def log_loss(self, confidence: float) -> tuple[float, float, float]:
        """The mean of −ln of the probability given to each label, with normal limits. An exact ladder with steps."""
        total = float(self.positives + self.negatives)
        sums = np.zeros(2)
        for part in self._parts(self.score.size):
            p = np.clip(self.score[part], CLIP, 1 - CLIP)
            losses = -np.log(p), -np.log1p(-p)
            for mass, loss in zip((self.positive[part], self.negative[part]), losses, strict=True):
                sums += [(mass * loss).sum(), (mass * loss**2).sum()]
        value, variance = float(sums[0] / total), max(0.0, float(sums[1] / total - (sums[0] / total) ** 2))
        size = total**2 / float(self.positive_square.sum() + self.negative_square.sum())
        half = z_of(confidence) * math.sqrt(variance / size)
        return value, max(0.0, value - half), value + half

    def tenths(self) -> Floats:
        """(3, 10): mass, positives and summed scores of ten bins of equal mass, no step divided. An exact ladder."""
        mass = self.positive + self.negative
        ends = tenths(mass)
        return np.array([
            [one[a:b].sum() for a, b in pairwise(ends)] for one in (mass, self.positive, mass * self.score)
        ])  # fmt: skip

    @cached_property
    def median(self) -> float:
        """The score with half the mass on either side, or midway between two such."""
        reached = np.cumsum(self.positive + self.negative)
        half = reached[-1] / 2
        step = int(np.searchsorted(reached, half * (1 - ROUNDING)))
        halved = step + 1 < reached.size and abs(float(reached[step] - half)) <= half * ROUNDING
        return float((self.score[step] + self.score[step + 1]) / 2) if halved else float(self.score[step])


def _so_far(mass: Steps) -> Mass:
    total: Mass = mass.cumsum()
    return total


def _from_above(mass: Steps) -> Mass:
    total: Mass = mass[::-1].cumsum()[::-1]
    return total


def tenths(mass: Steps) -> list[int]:
    """(11,): where each tenth of the mass begins and the last ends, a step belonging where its middle lies."""
    reached = _so_far(mass)
    return [0, *np.searchsorted(reached - mass / 2, reached[-1] * np.arange(1, 10) / 10).tolist(), mass.size]


def _number(value: object) -> Number:
    number: Number = value.item()  # type: ignore[attr-defined]
    return number


def _share(part: Number, of: Number) -> Fraction | float:
    # Of sums of weights rounding may leave the part a little above the whole.
    return Fraction(part, of) if isinstance(part, int) and isinstance(of, int) else min(1.0, part / of)
