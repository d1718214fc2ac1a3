"""Shares of a level's rows, exact where rows carry no weights, with the effective size that intervals take."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Mass
from glassalpha_action.metrics.intervals import Interval, wilson

Number = int | float
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` out of `of`, sums of weights (whole numbers where rows carry none); `square` sums the squares of `of`."""

    hits: Number
    of: Number
    square: Number

    @property
    def known(self) -> bool:
        """Whether there is anything to take a share of."""
        return self.of > 0

    @property
    def value(self) -> Fraction | float:
        """The share; a fraction of whole numbers where rows carry no weights."""
        return (
            Fraction(self.hits, self.of)
            if isinstance(self.hits, int) and isinstance(self.of, int)
            else self.hits / self.of
        )

    @property
    def size(self) -> Number:
        """Kish's effective size (Σw)² / Σw²: the number of rows where all weigh the same."""
        return self.of if isinstance(self.of, int) else self.of**2 / self.square

    @property
    def effective(self) -> tuple[Number, Number]:
        """(successes, n) as intervals take them."""
        return (self.hits, self.of) if isinstance(self.of, int) else (self.hits / self.of * self.size, self.size)

    def interval(self, confidence: float) -> Interval:
        """Wilson's interval, in which the share itself lies whatever rounding makes of its effective size."""
        low, high = wilson(*self.effective, confidence)
        return min(low, float(self.value)), max(high, float(self.value))


def rate(hits: object, of: object, square: object) -> Rate:
    """A rate of three sums as numpy gives them."""
    return Rate(_number(hits), _number(of), _number(square))


def _number(value: object) -> Number:
    number = float(value)  # type: ignore[arg-type]
    return number if getattr(value, "dtype", None) == "float64" or isinstance(value, float) else int(number)


def by_decision(mass: Mass, square: Mass, decision: int) -> list[Rate]:
    """The share decided `decision` of each level, from sums of shape (levels, 2 decisions); of labels, likewise."""
    return [rate(m[decision], m.sum(), s.sum()) for m, s in zip(mass, square, strict=True)]


def selections(group: Slice) -> list[Rate]:
    """The share of each level's rows that is decided favourably."""
    return by_decision(group.confusion.sum(axis=1), group.confusion_square.sum(axis=1), int(group.favorable_positive))


def positive_rates(group: Slice, label: int) -> list[Rate]:
    """The share decided positive among the rows of each level that carry `label`: 1 gives TPR, 0 FPR."""
    return by_decision(group.confusion[:, label], group.confusion_square[:, label], 1)


def cell(whole: Slice, hits: tuple[int, int], among: tuple[slice | int, slice | int]) -> Rate:
    """A cell (label, decision) of the first level's confusion table as a share of the cells `among`."""
    of, square = whole.confusion[0][among].sum(), whole.confusion_square[0][among].sum()
    return rate(whole.confusion[0][hits], of, square)


def favourable(group: Slice) -> list[Rate]:
    """The share decided favourably among the rows of each level whose label is the favourable outcome."""
    label = int(group.favorable_positive)
    return by_decision(group.confusion[:, label], group.confusion_square[:, label], label)


def borne_out(group: Slice) -> list[Rate]:
    """The share whose label is the favourable outcome among the rows of each level decided favourably."""
    decision = int(group.favorable_positive)
    return by_decision(group.confusion[:, :, decision], group.confusion_square[:, :, decision], decision)
