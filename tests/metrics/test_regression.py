from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from glassalpha_action.cube import build
from glassalpha_action.evidence import REGRESSION, Evidence
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.metrics import measure as measured
from tests.metrics.rows import evidence, measure, single

OURS = ("rmse", "mae", "r2", "mean_error_difference", "mean_prediction_ratio")


def amounts(
    outcome: Sequence[float], prediction: Sequence[float], weight: Sequence[float] | None = None,
    **groups: Sequence[str | None],
) -> Evidence:  # fmt: skip
    """Rows of amounts that came true and amounts predicted."""
    nothing = [0] * len(outcome)
    return replace(
        evidence(nothing, nothing, **groups),
        outcome=np.asarray(outcome, dtype=np.float64),
        prediction=np.asarray(prediction, dtype=np.float64),
        weight=None if weight is None else np.asarray(weight, dtype=np.float64),
        holds=REGRESSION,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_equal_scikit_learn(weighted: bool) -> None:
    draw = np.random.default_rng(0)
    y, p, w = draw.gamma(2, 500, 300), draw.gamma(2, 480, 300), draw.uniform(0, 3, 300)
    rows = amounts(y.tolist(), p.tolist(), w.tolist() if weighted else None)
    given = {"sample_weight": w} if weighted else {}
    assert single("rmse", rows).value == pytest.approx(root_mean_squared_error(y, p, **given))
    assert single("mae", rows).value == pytest.approx(mean_absolute_error(y, p, **given))
    assert single("r2", rows).value == pytest.approx(r2_score(y, p, **given))


def test_the_interval_of_a_mean_by_hand() -> None:
    # Errors 1, 2, 3: mean 2, variance of the mean 1/3.
    found = single("mae", amounts([0, 0, 0], [1, -2, 3]))
    half = 1.959963985 * math.sqrt(1 / 3)
    assert (found.low, found.high) == (pytest.approx(2 - half), pytest.approx(2 + half))
    squares = single("rmse", amounts([0, 0, 0], [1, 1, 1]))
    assert (squares.value, squares.low, squares.high) == (1, 1, 1)


def test_the_interval_of_the_gap_covers_it_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    held = 0
    g = ["a"] * 60 + ["b"] * 40
    for _ in range(300):
        error = draw.normal(size=100) + np.repeat([0.0, 0.5], [60, 40])
        found = single("mean_error_difference", amounts([0] * 100, error.tolist(), g=g))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    assert held >= 300 * 0.92


def test_mean_errors_by_group() -> None:
    rows = amounts([10, 20, 10, 20], [12, 22, 7, 19], g=["a", "a", "b", "b"])
    found = single("mean_error_difference", rows)
    assert (found.value, found.between) == (4, ("b", "a"))
    assert [(g.level, g.value) for g in found.groups] == [("a", 2), ("b", -2)]


def test_the_ratio_of_mean_predictions() -> None:
    rows = amounts([0] * 5, [80, 120, 110, 140, 5], g=["a", "a", "b", "b", None])
    found = single("mean_prediction_ratio", rows)
    assert (found.value, found.between) == (0.8, ("a", "b"))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.8 < found.high


def test_a_group_of_one_row_leaves_no_interval() -> None:
    rows = amounts([1, 2, 3], [1, 2, 5], g=["a", "a", "b"])
    for name in ("mean_error_difference", "mean_prediction_ratio"):
        found = single(name, rows)
        assert found.value is not None
        assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(
    ("name", "rows", "reason"),
    [
        ("r2", amounts([5, 5], [4, 6]), "all outcomes are equal"),
        ("r2", amounts([5], [4]), "all outcomes are equal"),
        ("r2", amounts([0, 3.67e-154], [0, 4]), "the outcomes are all but equal"),
        ("mean_error_difference", amounts([1, 2], [1, 2], g=["a", "a"]), "only one group"),
        ("mean_error_difference", amounts([1, 2], [1, 2], g=[None, None]), "only one group"),
        ("mean_prediction_ratio", amounts([1, 2], [1, -2], g=["a", "b"]), "not above 0"),
        ("rmse", amounts([1], [1], [0]), "no row"),
        ("mae", amounts([1], [1], [0]), "no row"),
    ],
)
def test_not_estimable(name: str, rows: Evidence, reason: str) -> None:
    (found,) = measure(name, rows)
    assert found.value is None
    assert reason in str(found.reason)


def test_metrics_of_decisions_say_why_they_judge_no_amounts() -> None:
    rows = amounts([1, 2, 3, 4], [1, 2, 3, 5], g=["a", "a", "b", "b"])
    for name in ("roc_auc", "demographic_parity_difference", "statistical_power", "max_shift_degradation"):
        for found in measure(name, rows):
            assert found.value is None
            assert "decisions between two labels" in str(found.reason)


def test_what_judges_something_else_is_measured_only_where_a_gate_asks_for_it() -> None:
    prices = amounts([1, 2, 3, 4], [1, 2, 3, 5], g=["a", "a", "b", "b"])
    decisions = evidence([0, 1, 0, 1], score=[0.1, 0.9, 0.2, 0.8], g=["a", "b", "a", "b"])
    for rows, left_out, kept in ((prices, "roc_auc", {*OURS, "min_group_size"}), (decisions, "rmse", {"roc_auc"})):
        everything = {m.metric for m in measured(rows, build(rows), 0.95)}
        assert everything == {m.id for m in CATALOGUE.values() if m.fits(rows)}
        assert kept <= everything
        assert left_out not in everything
        (asked,) = (m for m in measured(rows, build(rows), 0.95, [(left_out, {}, (), False)]) if m.metric == left_out)
        assert asked.value is None
        assert asked.reason


@pytest.mark.parametrize("name", OURS)
def test_metrics_of_amounts_say_why_they_judge_no_decisions(name: str) -> None:
    for found in measure(name, evidence([0, 1, 0, 1], score=[0.1, 0.9, 0.2, 0.8], g=["a", "b", "a", "b"])):
        assert (found.value, found.reason) == (
            None,
            "it judges predicted amounts, and this model decides between two labels",
        )


def test_the_order_of_rows_changes_no_byte() -> None:
    draw = np.random.default_rng(2)
    y, p = draw.gamma(2, 500, 999), draw.gamma(2, 480, 999)
    g = draw.choice(["a", "b", "c"], 999)
    order = draw.permutation(999)
    for name in OURS:
        one = single(name, amounts(y.tolist(), p.tolist(), g=g.tolist()))
        assert one == single(name, amounts(y[order].tolist(), p[order].tolist(), g=g[order].tolist()))
    assert set(OURS) <= set(CATALOGUE)
