"""The named arrays a metric may ask for: labels, decisions, scores and protected attributes, one entry a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MISSING = "(missing)"

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mass = Ints | Floats


@dataclass(frozen=True, slots=True)
class Attribute:
    """One protected attribute: `codes` (n,) index into `levels`; a missing value is the level `(missing)`, last.

    `reference` is the level others are compared with, where the audit names one.
    """

    name: str
    levels: tuple[str, ...]
    codes: NDArray[np.int32]
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model did on rows it was not trained on.

    `label` (n,) is True where the row carries the positive label, `decision` (n,) where the model says it does,
    `score` (n,) the model's probability of it, in [0, 1], or None where only decisions are known.
    `favorable_positive` says whether the positive label is the outcome people hope for. `weight` (n,) counts each row
    that many times in estimates, not in intervals.
    """

    label: Flags
    decision: Flags
    score: Floats | None
    attributes: tuple[Attribute, ...]
    favorable_positive: bool
    threshold: float | None
    weight: Floats | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.label.size)
