"""The named arrays a metric may ask for: labels, decisions, scores, protected attributes and features, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MISSING = "(missing)"
# What a missing value is called while it is compared like any other.
COUNTED = "(missing, counted)"
NO_MODEL = "the data hold predictions only, so no model was run"
NO_SHAP = "audit.yaml does not ask for it: set `audit.shap: true`"

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Mass = Ints | Floats
Holding = Literal["decisions", "amounts", "labels", "rows"]
CLASSIFICATION: tuple[Holding, ...] = ("decisions", "labels", "rows")
REGRESSION: tuple[Holding, ...] = ("amounts", "rows")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One protected attribute: `codes` (n,) index into `levels`; a missing value is the level `(missing)`, last.

    `reference` is the level others are compared with, where the audit names one.
    """

    name: str
    levels: tuple[str, ...]
    codes: Codes
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One column that plays no other role: `values` (n,) where it is numeric, NaN where missing.

    Else `codes` (n,) index into `levels`, -1 where missing.
    """

    name: str
    values: Floats | None = None
    codes: Codes | None = None
    levels: tuple[str, ...] = ()

    @property
    def missing(self) -> Flags:
        """Where there is no value, (n,)."""
        if self.values is not None:
            return np.isnan(self.values)
        return np.zeros(0, bool) if self.codes is None else np.asarray(self.codes < 0)


@dataclass(frozen=True, slots=True)
class Attributions:
    """Which part of their scores each feature has (SHAP): `values` (m, k) of the rows `rows` (m,), features as `names`.

    `base` and the values of a row add up to its score, or to the log-odds of its score where `log_odds` is True.
    """

    names: tuple[str, ...]
    rows: Ints
    values: Floats
    base: float
    log_odds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Probes:
    """The scores the model gave to altered copies of some rows.

    `permuted`: for each feature (repeats, m), its values permuted among the rows `sample` (m,). `perturbed`
    (repeats, m): small noise on every numeric feature of `sample`; no repeats where there is none. `replaced`: for each
    feature that may be a reason (u,), its value in the rows `unfavorable` (u,) made that of a favourably decided row.
    `explained`: what SHAP says of seeded rows, None where `unexplained` says why. `told`: what it says of rows decided
    unfavourably against those decided favourably, of features that may be a reason; None where it is not asked, or
    where `untold` says why there is nothing.
    """

    sample: Ints
    permuted: Mapping[str, Floats]
    perturbed: Floats
    unfavorable: Ints
    replaced: Mapping[str, Floats]
    explained: Attributions | None = None
    unexplained: str = NO_SHAP
    told: Attributions | None = None
    untold: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Other rows, such as those of training, that drift is measured against."""

    features: tuple[Feature, ...]
    score: Floats | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model did on rows it was not trained on.

    `label` (n,) is True where the row carries the positive label, `decision` (n,) where the model says it does,
    `score` (n,) the model's probability of it, in [0, 1], or None where only decisions are known.
    `favorable_positive` says whether the positive label is the outcome people hope for. `weight` (n,) counts each row
    that many times in estimates, not in intervals. `inputs` names the columns the model is given, None where nobody
    says; `unprobed` is why there are no `probes`. A model of amounts has `outcome` and `prediction` (n,), and its
    labels and decisions say nothing: `holds` names what may be judged. `seed` is for metrics that draw rows.
    """

    label: Flags
    decision: Flags
    score: Floats | None
    attributes: tuple[Attribute, ...]
    favorable_positive: bool
    threshold: float | None
    weight: Floats | None = None
    features: tuple[Feature, ...] = ()
    inputs: tuple[str, ...] | None = None
    probes: Probes | None = None
    unprobed: str = NO_MODEL
    reference: Reference | None = None
    outcome: Floats | None = None
    prediction: Floats | None = None
    holds: tuple[Holding, ...] = CLASSIFICATION
    seed: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.label.size)
