"""What is read off the order of scores: exact from rows, and surely between bounds from the cube."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.metrics import average_precision_score, log_loss, roc_curve

from glassalpha_action.cube import build
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.metrics.intervals import newcombe
from glassalpha_action.metrics.ranking import Ranking
from glassalpha_action.records import Measurement
from tests.metrics.rows import any_rows, counts, evidence, random_rows, single
from tests.metrics.weights import random_weights

RANKED = ["roc_auc", "gini", "average_precision", "ks_statistic", "recall_at_fpr", "precision_at_k"]


def from_counts(metric: str, rows: Evidence, **params: float) -> Measurement:
    """The metric's measurement where the cube alone is known."""
    (found,) = CATALOGUE[metric].measure(None, build(rows), 0.95, params)
    return found


def test_average_precision_by_hand() -> None:
    # From the top: positive (1/1), negative, positive (2/3): (1 + 2/3) / 2.
    found = single("average_precision", evidence([1, 0, 1, 0], score=[0.9, 0.8, 0.7, 0.1]))
    assert found.value == pytest.approx(5 / 6)
    assert "0.500, the share of positives" in str(found.detail)


def test_rows_of_one_score_are_taken_together() -> None:
    found = single("average_precision", evidence([1, 0, 0, 0], score=[0.5] * 4))
    assert found.value == 0.25
    assert single("ks_statistic", evidence([1, 0, 0, 0], score=[0.5] * 4)).exact == "0"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [1, 2, 9])
def test_areas_and_distances_equal_scikit_learns_and_scipys(seed: int, digits: int) -> None:
    rows = random_rows(seed, digits=digits)
    assert rows.score is not None
    label = rows.label
    expected = average_precision_score(label, rows.score)
    assert single("average_precision", rows).value == pytest.approx(expected, abs=1e-9)
    distance = ks_2samp(rows.score[label], rows.score[~label]).statistic
    assert single("ks_statistic", rows).value == pytest.approx(distance, abs=1e-12)
    auc = single("roc_auc", rows)
    gini = single("gini", rows)
    assert gini.value == pytest.approx(2 * (auc.value or 0) - 1, abs=1e-11)
    assert (gini.low, gini.high) == pytest.approx((2 * (auc.low or 0) - 1, 2 * (auc.high or 0) - 1))
    surprise = log_loss(label, np.clip(rows.score, 2.0**-52, 1 - 2.0**-52))
    assert single("log_loss", rows).value == pytest.approx(surprise, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_weighted_areas_equal_scikit_learns(seed: int) -> None:
    rows = random_weights(seed)
    assert rows.score is not None
    expected = average_precision_score(rows.label, rows.score, sample_weight=rows.weight)
    assert single("average_precision", rows).value == pytest.approx(expected, abs=1e-9)
    expected = log_loss(rows.label, np.clip(rows.score, 2.0**-52, 1 - 2.0**-52), sample_weight=rows.weight)
    assert single("log_loss", rows).value == pytest.approx(expected, abs=1e-9)
    false, true, _ = roc_curve(rows.label, rows.score, sample_weight=rows.weight, drop_intermediate=False)
    assert single("ks_statistic", rows).value == pytest.approx(np.abs(true - false).max(), abs=1e-9)
    assert single("recall_at_fpr", rows, fpr=0.2).value == pytest.approx(true[false <= 0.2].max(), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fpr", [0.0, 0.01, 0.05, 0.3, 0.9])
def test_recall_at_a_false_positive_rate_is_read_off_the_roc_curve(seed: int, fpr: float) -> None:
    rows = random_rows(seed, digits=2)
    false, true, _ = roc_curve(rows.label, rows.score, drop_intermediate=False)
    found = single("recall_at_fpr", rows, fpr=fpr)
    assert found.value == pytest.approx(true[false <= fpr + 1e-12].max(), abs=1e-12)


def test_the_false_positive_rate_allowed_is_the_decimal_written() -> None:
    # 3 of 10 negatives are above: 0.3·10 is 3, though 0.1 + 0.2 in floating point is more than 0.3.
    rows = evidence([0] * 3 + [1] * 5 + [0] * 7, score=[0.9] * 3 + [0.8] * 5 + [0.1] * 7)
    assert single("recall_at_fpr", rows, fpr=0.3).exact == "1"
    assert single("recall_at_fpr", rows, fpr=0.29).exact == "0"
    assert "No threshold" in str(single("recall_at_fpr", rows, fpr=0.29).detail)


def test_the_interval_of_the_largest_distance_is_newcombes_where_it_stands() -> None:
    rows = evidence([1] * 40 + [0] * 60, score=[0.9] * 30 + [0.1] * 10 + [0.9] * 12 + [0.1] * 48)
    found = single("ks_statistic", rows)
    assert found.exact == "11/20"
    assert (found.low, found.high) == pytest.approx(newcombe((30, 40), (12, 60), 0.95))
    assert found.detail == "The labels are farthest apart at a score of 0.9."


def test_a_distance_that_chance_explains_may_be_none() -> None:
    held = []
    for seed in range(200):
        draw = np.random.default_rng(seed)
        rows = evidence((draw.uniform(size=150) < 0.3).tolist(), score=draw.uniform(size=150).tolist())
        held.append(single("ks_statistic", rows).low == 0)
    assert np.mean(held) >= 0.95


def test_precision_of_the_top_by_hand() -> None:
    rows = evidence([1, 1, 0, 1, 0, 0], score=[0.9, 0.8, 0.8, 0.4, 0.2, 0.1])
    assert single("precision_at_k", rows, k=1).exact == "1"
    # The second place is shared by a positive and a negative.
    assert single("precision_at_k", rows, k=2).exact == "3/4"
    assert single("precision_at_k", rows, k=3).exact == "2/3"
    assert single("precision_at_k", rows, k=6).exact == "1/2"
    assert "0.4" in str(single("precision_at_k", rows, k=4).detail)


@pytest.mark.parametrize(
    ("k", "reason"), [(7, "only 6 rows"), (0, "whole number"), (2.5, "whole number"), (-1, "whole")]
)
def test_a_top_that_is_none_gives_no_number(k: float, reason: str) -> None:
    rows = evidence([1, 1, 0, 1, 0, 0], score=[0.9, 0.8, 0.8, 0.4, 0.2, 0.1])
    found = single("precision_at_k", rows, k=k)
    assert found.value is None
    assert reason in str(found.reason)


@pytest.mark.parametrize("fpr", [-0.1, 1.0, 5.0])
def test_a_false_positive_rate_that_is_none_gives_no_number(fpr: float) -> None:
    assert single("recall_at_fpr", random_rows(1), fpr=fpr).value is None


def test_one_impossible_outcome_costs_thirty_six() -> None:
    found = single("log_loss", evidence([1, 0], score=[0.0, 0.0]))
    assert found.value == pytest.approx(36.04 / 2, abs=0.01)


def test_log_loss_needs_rows() -> None:
    found = from_counts("log_loss", random_rows(0))
    assert found.value is None
    assert "needs rows" in str(found.reason)


@pytest.mark.parametrize("metric", [*RANKED[:5], "log_loss"])
def test_without_scores_or_a_label_there_is_no_number(metric: str) -> None:
    for rows in (counts(a=(1, 1, 1, 1)), evidence([], score=[])):
        assert single(metric, rows).value is None
    if metric != "log_loss":
        assert "same label" in str(single(metric, evidence([1, 1], score=[0.2, 0.4])).reason)


def test_a_perfect_ranking_is_perfect() -> None:
    rows = evidence([0, 0, 1, 1], score=[0.0, 0.1, 0.9, 1.0])
    for metric in ("gini", "average_precision", "ks_statistic", "recall_at_fpr"):
        assert single(metric, rows).value == 1.0
    assert single("precision_at_k", rows, k=2).exact == "1"


@given(any_rows(), st.sampled_from([1.0, 2.0, 5.0]), st.sampled_from([0.0, 0.05, 0.5]))
@settings(max_examples=80, deadline=None)
def test_what_the_cube_says_surely_holds(rows: Evidence, k: float, fpr: float) -> None:
    for metric in RANKED:
        params = {"precision_at_k": {"k": k}, "recall_at_fpr": {"fpr": fpr}}.get(metric, {})
        exact, bounded = single(metric, rows, **params), from_counts(metric, rows, **params)
        assert (exact.value is None) is (bounded.value is None)
        if exact.value is None:
            continue
        assert exact.bounds is None
        assert bounded.bounds is not None
        low, high = bounded.bounds
        assert low - 1e-12 <= exact.value <= high + 1e-12, (metric, exact, bounded)
        assert bounded.value is not None
        assert low - 1e-12 <= bounded.value <= high + 1e-12
        if bounded.low is not None and bounded.high is not None:
            assert bounded.low <= low + 1e-12
            assert bounded.high >= high - 1e-12


def test_bounds_are_tight() -> None:
    rows = random_rows(3, n=5000, digits=9)
    for metric in RANKED:
        found = from_counts(metric, rows)
        assert found.bounds is not None
        assert found.bounds[1] - found.bounds[0] < 0.02, metric


@given(any_rows())
@settings(max_examples=60, deadline=None)
def test_wins_between_levels_are_counted_right(rows: Evidence) -> None:
    if rows.score is None or not rows.attributes:
        return
    ranking = Ranking(rows, build(rows))
    codes, label, score = rows.attributes[0].codes, rows.label, rows.score
    levels = len(rows.attributes[0].levels)
    expected = np.zeros((levels, levels))
    for i in np.flatnonzero(label):
        for j in np.flatnonzero(~label):
            expected[codes[i], codes[j]] += (score[i] > score[j]) + (score[i] == score[j]) / 2
    assert np.array_equal(ranking.wins(rows.attributes[0].name), expected)


def test_wins_of_many_rows_are_counted_across_chunks() -> None:
    rows = random_rows(2, n=100_000, digits=3)
    assert rows.score is not None
    wins, group = Ranking(rows, build(rows)).wins("g"), build(rows).by("g")
    total = Fraction(str(single("roc_auc", rows).exact)) * int(rows.label.sum()) * int((~rows.label).sum())
    assert wins.sum() == float(total)
    for i in range(3):
        here = rows.attributes[0].codes == i
        alone = evidence(rows.label[here].tolist(), score=rows.score[here].tolist())
        assert wins[i, i] / group.confusion[i].sum(axis=1).prod() == pytest.approx(
            single("roc_auc", alone).value, abs=1e-12
        )


@pytest.mark.parametrize(("positives", "negatives"), [(2, 2), (5, 10), (30, 300)])
def test_a_ranking_without_an_error_is_not_taken_for_certain(positives: int, negatives: int) -> None:
    """DeLong's variance is 0 where a threshold separates the labels, however few rows there are."""
    label, score = [1] * positives + [0] * negatives, [0.9] * positives + [0.1] * negatives
    right, wrong = (single("roc_auc", evidence(label, score=s)) for s in (score, [1 - p for p in score]))
    assert (right.value, right.high) == (1, 1)
    assert right.low is not None
    # All values whose score test keeps an AUC of 1 (Newcombe 2006, method 5).
    more, z = (positives + negatives) / 2 - 1, 1.959964
    theta = right.low
    variance = theta * (1 - theta) * (1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta)))
    assert (1 - theta) ** 2 == pytest.approx(z**2 * variance / (positives * negatives), rel=1e-6)
    assert (wrong.low, wrong.high) == pytest.approx((0, 1 - theta))
    alike = single("roc_auc", evidence(label, score=[0.5] * len(label)))
    assert alike.value == 0.5
    assert alike.low is not None
    assert 0 < alike.low < 0.5
    assert alike.low + (alike.high or 0) == pytest.approx(1)


def test_the_interval_of_a_nearly_perfect_ranking_holds_the_truth_more_often_than_delongs_alone() -> None:
    draw, held, alone = np.random.default_rng(3), [], []
    truth = NormalDist().cdf(3 / math.sqrt(2))
    for _ in range(300):
        latent = np.concatenate([draw.normal(3, 1, 8), draw.normal(0, 1, 16)])
        found = single("roc_auc", evidence([1] * 8 + [0] * 16, score=(1 / (1 + np.exp(-latent))).tolist()))
        assert found.low is not None
        assert found.value is not None
        held.append(found.low <= truth)
        alone.append(held[-1] and found.value < 1)
    assert np.mean(held) > 0.85
    assert np.mean(alone) < 0.75


def test_groups_ranked_without_an_error_may_still_differ() -> None:
    rows = evidence([1, 1, 0, 0] * 2, score=[0.9, 0.8, 0.2, 0.1] * 2, g=["a"] * 4 + ["b"] * 4)
    found = single("auc_difference", rows)
    assert (found.value, found.low) == (0, 0)
    assert (found.high or 0) > 0.5
    assert all((g.low or 0) < 0.5 for g in found.groups)


def test_tied_scores_beside_single_ones_are_counted_as_rows() -> None:
    # As many steps as rows would make, were those of a cube not bins of none and of two.
    rows = evidence([1, 0, 1, 0], score=[0.1, 0.1, 0.9, 0.9])
    assert single("roc_auc", rows).exact == "1/2"
    assert from_counts("roc_auc", rows).value == 0.5
