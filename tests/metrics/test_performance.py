from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics.intervals import wilson
from tests.metrics.rows import counts, evidence, random_rows, single
from tests.metrics.weights import random_weights, weighed


def test_auc_by_hand() -> None:
    found = single("roc_auc", evidence([0, 0, 1, 1], score=[0.1, 0.4, 0.35, 0.8]))
    assert (found.value, found.exact, found.n) == (0.75, "3/4", 4)


def test_a_tie_counts_half() -> None:
    assert single("roc_auc", evidence([0, 1, 0, 1], score=[0.5] * 4)).exact == "1/2"
    # Pairs: 0.6 beats 0.2, ties 0.6; 0.2 ties 0.2, loses to 0.6.
    assert single("roc_auc", evidence([1, 1, 0, 0], score=[0.6, 0.2, 0.6, 0.2])).exact == "1/2"
    assert single("roc_auc", evidence([1, 1, 0], score=[0.6, 0.2, 0.2])).exact == "3/4"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 2, 12])
def test_auc_and_accuracy_equal_scikit_learns(seed: int, digits: int) -> None:
    rows = random_rows(seed, digits=digits)
    assert single("roc_auc", rows).value == pytest.approx(roc_auc_score(rows.label, rows.score), abs=1e-12)
    assert single("accuracy", rows).value == pytest.approx(accuracy_score(rows.label, rows.decision), abs=1e-12)


def _delong_by_pairs(rows: Evidence) -> tuple[float, float]:
    """The interval from the matrix of all pairs, as DeLong et al. define it."""
    assert rows.score is not None
    x, y = rows.score[rows.label], rows.score[~rows.label]
    won = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    auc = won.mean()
    v10 = sum((row.mean() - auc) ** 2 for row in won) / (len(x) - 1)
    v01 = sum((column.mean() - auc) ** 2 for column in won.T) / (len(y) - 1)
    half = 1.959963984540054 * math.sqrt(v10 / len(x) + v01 / len(y))
    return max(0.0, auc - half), min(1.0, auc + half)


@pytest.mark.parametrize("seed", range(4))
def test_auc_interval_is_delongs(seed: int) -> None:
    rows = random_rows(seed, n=120, digits=1)
    found = single("roc_auc", rows)
    assert (found.low, found.high) == pytest.approx(_delong_by_pairs(rows), abs=1e-12)
    assert found.confidence == 0.95


def test_delong_by_hand() -> None:
    # Positives 1, .5, .2 win 1, 1/2, 0 of the negatives .3 and .6: S10 = .25; negatives lose to 2/3, 1/3: S01 = 1/18.
    found = single("roc_auc", evidence([1, 1, 1, 0, 0], score=[1.0, 0.5, 0.2, 0.3, 0.6]), confidence=0.6826894921370859)
    half = math.sqrt(0.25 / 3 + (1 / 18) / 2)
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize("label", [[0, 0, 0], [1, 1, 1]])
def test_auc_of_one_class_is_not_estimable(label: list[int]) -> None:
    found = single("roc_auc", evidence(label, score=[0.1, 0.6, 0.9]))
    assert (found.value, found.exact, found.low) == (None, None, None)
    assert found.reason == "all rows carry the same label"


def test_auc_needs_scores() -> None:
    found = single("roc_auc", counts(a=(1, 1, 1, 1)))
    assert found.value is None
    assert "scores are not in the data" in str(found.reason)


def test_auc_of_one_positive_has_no_interval() -> None:
    found = single("roc_auc", evidence([1, 0, 0], score=[0.5, 0.4, 0.6]))
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_auc_ignores_an_order_preserving_change_of_scores() -> None:
    rows = random_rows(3)
    assert rows.score is not None
    squared = evidence(rows.label.tolist(), score=(rows.score**3).tolist())
    assert single("roc_auc", squared).exact == single("roc_auc", rows).exact


def test_auc_of_many_rows_does_not_overflow() -> None:
    n = 70_000
    rows = evidence([0] * n + [1] * n, score=np.repeat([0.25, 0.75], n).tolist())
    assert single("roc_auc", rows).value == 1.0


def test_accuracy_by_hand() -> None:
    found = single("accuracy", counts(a=(5, 1, 2, 2)))
    assert (found.value, found.exact, found.n) == (0.7, "7/10", 10)
    # Wilson 1927 for 7 of 10.
    assert (found.low, found.high) == pytest.approx((0.396778, 0.892209), abs=1e-6)


def test_accuracy_of_nothing_is_not_estimable() -> None:
    assert single("accuracy", evidence([], [])).value is None


def test_a_perfect_classifier_is_perfect() -> None:
    rows = evidence([0, 0, 1, 1], score=[0.0, 0.0, 1.0, 1.0])
    assert single("roc_auc", rows).exact == "1"
    assert single("accuracy", rows).exact == "1"


SHARES = {
    "precision": precision_score,
    "recall": recall_score,
    "f1": f1_score,
    "balanced_accuracy": balanced_accuracy_score,
    "accuracy": accuracy_score,
    "specificity": partial(recall_score, pos_label=False),
    "negative_predictive_value": partial(precision_score, pos_label=False),
    "matthews_corrcoef": matthews_corrcoef,
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("metric", SHARES)
def test_shares_of_the_confusion_table_equal_scikit_learns(seed: int, metric: str) -> None:
    rows = random_rows(seed)
    expected = SHARES[metric](rows.label, rows.decision)
    assert single(metric, rows).value == pytest.approx(expected, abs=1e-12)
    rows = random_weights(seed)
    expected = SHARES[metric](rows.label, rows.decision, sample_weight=rows.weight)
    assert single(metric, rows).value == pytest.approx(expected, abs=1e-9)


def test_shares_by_hand() -> None:
    # 50 true negatives, 10 false positives, 5 false negatives, 20 true positives.
    rows = counts(a=(50, 10, 5, 20))
    expected = {
        "precision": "2/3", "recall": "4/5", "specificity": "5/6", "negative_predictive_value": "10/11", "f1": "8/11",
        "balanced_accuracy": "49/60", "accuracy": "14/17",
    }  # fmt: skip
    assert {name: single(name, rows).exact for name in expected} == expected
    found = single("precision", rows)
    assert (found.low, found.high) == pytest.approx(wilson(20, 30, 0.95))


def test_the_interval_of_f1_is_wilsons_of_the_overlap() -> None:
    low, high = wilson(20, 35, 0.95)
    found = single("f1", counts(a=(50, 10, 5, 20)))
    assert (found.low, found.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_the_interval_of_balanced_accuracy_joins_both_rates() -> None:
    found = single("balanced_accuracy", counts(a=(50, 10, 5, 20)))
    (a, b), (c, d) = wilson(20, 25, 0.95), wilson(50, 60, 0.95)
    assert found.low == pytest.approx(49 / 60 - math.hypot(0.8 - a, 5 / 6 - c) / 2)
    assert found.high == pytest.approx(49 / 60 + math.hypot(b - 0.8, d - 5 / 6) / 2)


def test_matthews_correlation_by_hand_and_its_interval_by_the_delta_method() -> None:
    cells = (50, 10, 5, 20)
    found = single("matthews_corrcoef", counts(a=cells))
    assert found.value == pytest.approx((20 * 50 - 10 * 5) / math.sqrt(30 * 25 * 60 * 55))

    def phi(shares: np.ndarray) -> float:
        tn, fp, fn, tp = shares
        return float((tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))

    shares = np.array(cells) / sum(cells)
    step = np.eye(4) * 1e-6
    slope = np.array([(phi(shares + one) - phi(shares - one)) / 2e-6 for one in step])
    error = math.sqrt((slope**2 @ shares - (slope @ shares) ** 2) / sum(cells))
    half = 1.959964 * error / (1 - phi(shares) ** 2)
    middle = math.atanh(phi(shares))
    assert (found.low, found.high) == pytest.approx((math.tanh(middle - half), math.tanh(middle + half)), abs=1e-6)


@pytest.mark.parametrize(("cells", "value"), [((5, 0, 0, 3), 1.0), ((0, 5, 3, 0), -1.0)])
def test_matthews_correlation_has_no_interval_where_its_variance_is_0(
    cells: tuple[int, int, int, int], value: float
) -> None:
    found = single("matthews_corrcoef", counts(a=cells))
    assert (found.value, found.low, found.high) == (value, None, None)


@pytest.mark.parametrize(
    ("metric", "cells", "reason"),
    [
        ("precision", (5, 0, 5, 0), "no row is decided positive"),
        ("negative_predictive_value", (0, 5, 0, 5), "no row is decided negative"),
        ("recall", (5, 5, 0, 0), "no row carries the positive label"),
        ("specificity", (0, 0, 5, 5), "no row carries the negative label"),
        ("f1", (5, 0, 0, 0), "no row is positive, by label or by decision"),
        ("balanced_accuracy", (5, 5, 0, 0), "all rows carry the same label"),
        ("balanced_accuracy", (0, 0, 5, 5), "all rows carry the same label"),
        ("matthews_corrcoef", (0, 0, 5, 5), "all rows carry the same label"),
        ("matthews_corrcoef", (0, 5, 0, 5), "all rows are decided alike"),
    ],
)
def test_a_share_of_nothing_is_not_estimable(metric: str, cells: tuple[int, int, int, int], reason: str) -> None:
    found = single(metric, counts(a=cells))
    assert (found.value, found.exact, found.low) == (None, None, None)
    assert found.reason == reason


@pytest.mark.parametrize("metric", SHARES)
def test_no_rows_give_no_share(metric: str) -> None:
    assert single(metric, evidence([], [])).reason == "there are no rows"


def test_f1_of_a_model_that_finds_nothing_is_zero() -> None:
    assert single("f1", counts(a=(5, 2, 3, 0))).exact == "0"


def test_f1_counts_cells_that_weigh_little_beside_true_negatives() -> None:
    rows = weighed(evidence([1, 0, 0, 0], [1, 0, 0, 1]), np.array([3e-6, 1e12, 1e12, 1e-6]))
    assert single("f1", rows).value == pytest.approx(6 / 7)
