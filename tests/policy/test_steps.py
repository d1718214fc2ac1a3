"""Every reason why a metric has no value leads to a next step, or says one itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from glassalpha_action.cube import build
from glassalpha_action.evidence import NO_MODEL, NO_SHAP, REGRESSION, Evidence, Feature
from glassalpha_action.load.scoring import AMOUNTS, DEV
from glassalpha_action.load.variants import TOO_MANY
from glassalpha_action.metrics import CATALOGUE, LEFT_OUT
from glassalpha_action.policy.steps import MORE_ROWS, OWNER, PARAMS, step
from tests.metrics.rows import attribute, evidence

TELLING = (NO_SHAP, "there are no reference rows: name a file of them in `data.reference_path`")
OTHERS = (
    NO_MODEL, DEV, AMOUNTS, TOO_MANY, LEFT_OUT,
    "without the rows the value is known only to lie from 0.1 to 0.2",
    "the audit declares no such protected attribute",
    "the audit declares no protected attribute",
    "not estimable for a",
    "a (n 3) below the 30 rows a group needs",
    "the base commit's model could not be run on the same rows",
    "neither the base commit's model nor a recorded audit was at hand to compare with",
    "there is no earlier model to compare with yet",
    "the last recorded audit, on other rows has no value to compare with",
    "the audit of 2026-01-01 did not measure it at effect 0.1",
    "its value is not a number",
    "the reference rows share no column with these",
    "the reference a has no rows",
    "more than 2,000 combinations of levels",
    "no row has an outcome and a prediction",
    "no row is decided unfavourably",
    "no row is decided in favour, so nobody can be compared with",
    "the model is given no features",
    "permuting a feature lowers the AUC for none of them",
    "no feature moves any score",
    "the outcomes are all but equal, so there is nothing to explain",
    "the model did not score altered copies of its rows: ValueError",
)  # fmt: skip
WRONG = {"effect": 2.0, "power": 2.0, "k": 0.5, "fpr": 2.0, "shift": 2.0}


def rows() -> Iterator[Evidence]:
    """Rows that hold too little of something, each in its own way."""
    several = ["a", "a", "b", "b"]
    for label in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]):
        for decision in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]):
            yield evidence(label, decision, sex=several)
        for score in ([0.5] * 4, [0.1, 0.9, 0.2, 0.8]):
            yield evidence(label, score=score, sex=several)
            yield evidence(label, score=score, sex=["a"] * 4)
            yield evidence(label, score=score)
    yield evidence([0, 1], [0, 1], sex=[None, None])
    yield evidence([], [])
    level = replace(evidence([0, 1, 0, 1], [0, 1, 1, 0], sex=several), features=(Feature("x", np.full(4, 2.0)),))
    yield level
    amounts = replace(level, holds=REGRESSION, outcome=np.full(4, 2.0), prediction=np.full(4, -1.0))
    yield amounts
    yield replace(amounts, attributes=(attribute("sex", ["a"] * 4),))


def reasons() -> set[str]:
    """What the metrics say of such rows, of their counts alone, and of parameters that mean nothing."""
    found = set(OTHERS)
    for given in rows():
        cube = build(given)
        for metric in CATALOGUE.values():
            wrong = {name: WRONG[name] for name in metric.params if name in WRONG}
            for held, params in ((given, {}), (given, wrong), (None, {})):
                found |= {m.reason for m in metric.measure(held, cube, 0.95, params) if m.reason}
    return found


def test_every_reason_leads_somewhere() -> None:
    silent = {reason for reason in reasons() if step(reason) is None}
    assert silent == {reason for reason in reasons() if reason in TELLING}
    assert len(reasons()) > 40


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("no model was run, and `data.feature_columns` does not say which columns it was given", "List the columns"),
        ("the effect 2 is not a difference between 0 and 1", PARAMS),
        ("one of the ten bins holds fewer than two rows, by weight", MORE_ROWS),
        ("the model is given no numeric feature", OWNER),
        ("all rows carry the same label, so the scores rank nothing", "Audit rows of both labels"),
    ],
)
def test_the_step_belongs_to_the_reason(reason: str, said: str) -> None:
    assert (step(reason) or "").startswith(said)


@pytest.mark.parametrize("reason", [None, "", *TELLING])
def test_nothing_is_said_twice(reason: str | None) -> None:
    assert step(reason) is None
