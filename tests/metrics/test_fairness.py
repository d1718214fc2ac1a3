from __future__ import annotations

import math
import warnings
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equal_opportunity_difference,
    false_positive_rate,
    true_negative_rate,
    true_positive_rate,
)
from fairlearn.metrics import demographic_parity_difference as fairlearn_difference
from fairlearn.metrics import demographic_parity_ratio as fairlearn_ratio
from fairlearn.metrics import equalized_odds_difference as fairlearn_odds
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, roc_auc_score
from statsmodels.stats.proportion import confint_proportions_2indep

from glassalpha_action.cube import build
from glassalpha_action.digests import settled
from glassalpha_action.evidence import MISSING, Evidence
from glassalpha_action.metrics import CATALOGUE
from tests.metrics.rows import counts, evidence, measure, random_rows, single
from tests.metrics.weights import random_weights, weighed

DIFFERENCE, RATIO, ODDS = "demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"


def test_selection_gap_and_ratio_by_hand() -> None:
    rows = counts(a=(1, 4, 1, 4), b=(3, 3, 2, 2))  # selected: 8 of 10, 5 of 10
    gap, ratio = single(DIFFERENCE, rows), single(RATIO, rows)
    assert (gap.value, gap.exact, gap.between, gap.n) == (0.3, "3/10", ("b", "a"), 20)
    assert (ratio.value, ratio.exact, ratio.between) == (0.625, "5/8", ("b", "a"))
    assert [(g.level, g.n, g.value) for g in gap.groups] == [("a", 10, 0.8), ("b", 10, 0.5)]


def test_selection_is_of_the_favourable_outcome() -> None:
    flipped = evidence(
        [0] * 20, [1] * 8 + [0] * 2 + [1] * 5 + [0] * 5, favorable_positive=False, g=["a"] * 10 + ["b"] * 10
    )
    assert single(DIFFERENCE, flipped).exact == "3/10"
    assert single(RATIO, flipped).exact == "2/5"
    assert single(RATIO, flipped).between == ("a", "b")


def test_equalized_odds_by_hand() -> None:
    # TPR: 4/5 and 2/4 (gap 3/10); FPR: 1/5 and 4/6 (gap 7/15).
    found = single(ODDS, counts(a=(4, 1, 1, 4), b=(2, 4, 2, 2)))
    assert (found.exact, found.between, found.of) == ("7/15", ("a", "b"), "false positive rate")
    assert [g.value for g in found.groups] == pytest.approx([1 / 5, 2 / 3])


def test_equal_odds_gaps_are_told_alike_with_and_without_weights() -> None:
    # TPR: 1/3 and 0; FPR: 1 and 2/3, whose difference ends in another digit than 1/3 - 0.
    rows = evidence([1, 1, 1, 0, 0, 0] * 2, [1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0], g=["a"] * 6 + ["b"] * 6)
    for found in (single(ODDS, rows), single(ODDS, weighed(rows, np.ones(12)))):
        assert found.value == pytest.approx(1 / 3)
        assert (found.of, [g.value for g in found.groups]) == ("true positive rate", pytest.approx([1 / 3, 0]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", ["ab", "abcde"])
def test_gaps_equal_fairlearns_where_every_rate_exists(seed: int, levels: str) -> None:
    rows = random_rows(seed, n=600, levels=levels)
    groups = np.array(rows.attributes[0].levels)[rows.attributes[0].codes]
    for metric, oracle in ((DIFFERENCE, fairlearn_difference), (RATIO, fairlearn_ratio), (ODDS, fairlearn_odds)):
        expected = oracle(rows.label, rows.decision, sensitive_features=groups)
        assert measure(metric, rows)[0].value == pytest.approx(expected, abs=1e-9)


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    # Every decision is right. fairlearn gives the group without positives a TPR of 0, so the worst possible gap.
    rows = counts(a=(5, 0, 0, 5), b=(5, 0, 0, 5), c=(10, 0, 0, 0))
    groups = np.array(["a", "b", "c"])[rows.attributes[0].codes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fairlearn_odds(rows.label, rows.decision, sensitive_features=groups) == 1.0
    found = single(ODDS, rows)
    assert (found.value, found.exact) == (0.0, "0")
    assert "c" in str(found.detail)
    (c,) = [g for g in found.groups if g.level == "c"]
    assert c.value is None
    assert "no positive row" in str(c.reason)


def test_a_group_left_out_of_the_smaller_gap_is_named_too() -> None:
    # c has no positives; the larger gap is the false positives', where c has its rate.
    found = single(ODDS, counts(a=(9, 1, 0, 5), b=(8, 2, 0, 5), c=(10, 0, 0, 0)))
    assert (found.exact, found.of, found.between) == ("1/5", "false positive rate", ("c", "b"))
    (c,) = [g for g in found.groups if g.level == "c"]
    assert c.value is None
    assert "no positive row" in str(c.reason)
    assert "c" in str(found.detail)


@pytest.mark.parametrize("groups", [{"a": (5, 0, 0, 5), "b": (5, 5, 0, 0)}, {"a": (5, 0, 0, 5), "b": (0, 0, 5, 5)}])
def test_equalized_odds_without_one_of_its_gaps_is_not_estimable(groups: dict[str, tuple[int, int, int, int]]) -> None:
    found = single(ODDS, counts(**groups))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "fewer than two groups" in str(found.reason)


@pytest.mark.parametrize("metric", [DIFFERENCE, RATIO, ODDS])
def test_one_group_is_not_estimable_rather_than_at_parity(metric: str) -> None:
    rows = counts(a=(2, 1, 1, 2))
    assert fairlearn_difference(rows.label, rows.decision, sensitive_features=["a"] * 6) == 0.0
    found = single(metric, rows)
    assert found.value is None
    assert "only one group" in str(found.reason)
    assert found.groups[0].n == 6


def test_the_ratio_when_nobody_is_selected_is_not_estimable() -> None:
    found = single(RATIO, counts(a=(5, 0, 5, 0), b=(5, 0, 5, 0)))
    assert found.value is None
    assert "no row of any group" in str(found.reason)


def test_the_ratio_when_one_group_is_never_selected_is_zero_and_as_unsure_as_its_rows_are_few() -> None:
    few, many = (single(RATIO, counts(a=(n, 0, n, 0), b=(0, n, 0, n))) for n in (2, 50))
    assert (few.value, few.low, many.value, many.low) == (0.0, 0.0, 0.0, 0.0)
    assert few.high is not None
    assert many.high is not None
    assert few.high > 0.5 > many.high


def test_a_missing_value_is_shown_and_not_compared() -> None:
    rows = evidence([1] * 30, [1] * 8 + [0] * 2 + [1] * 6 + [0] * 4 + [0] * 10, g=["a"] * 10 + ["b"] * 10 + [None] * 10)
    found = single(DIFFERENCE, rows)
    assert found.exact == "1/5"
    assert (found.groups[-1].level, found.groups[-1].n, found.groups[-1].value) == (MISSING, 10, 0.0)
    assert found.n == 30


def test_only_missing_values_are_not_estimable() -> None:
    for metric in (DIFFERENCE, RATIO, ODDS):
        assert single(metric, evidence([0, 1], [0, 1], g=[None, None])).value is None


def test_the_interval_of_two_groups_is_newcombes() -> None:
    rows = counts(a=(0, 0, 14, 56), b=(0, 0, 32, 48))
    found = single(DIFFERENCE, rows)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_many_groups_is_simultaneous(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = [40, 60, 90, 200]
    hits = [int(draw.binomial(n, p)) for n, p in zip(sizes, (0.3, 0.5, 0.5, 0.6), strict=True)]
    found = single(
        DIFFERENCE, counts(**{"abcd"[i]: (n - k, k, 0, 0) for i, (k, n) in enumerate(zip(hits, sizes, strict=True))})
    )
    bounds = [
        confint_proportions_2indep(*a, *b, method="newcomb", alpha=0.05 / 6)
        for a, b in combinations(list(zip(hits, sizes, strict=True)), 2)
    ]
    bounds += [(-high, -low) for low, high in bounds]
    assert found.low == pytest.approx(max(0, *(low for low, _ in bounds)), abs=1e-9)
    assert found.high == pytest.approx(max(high for _, high in bounds), abs=1e-9)


def test_the_interval_of_equalized_odds_covers_both_rates() -> None:
    found = single(ODDS, counts(a=(60, 40, 30, 70), b=(50, 50, 55, 45)))
    tpr = confint_proportions_2indep(70, 100, 45, 100, method="newcomb", alpha=0.025)
    fpr = confint_proportions_2indep(50, 100, 40, 100, method="newcomb", alpha=0.025)
    assert found.exact == "1/4"
    assert found.low == pytest.approx(max(tpr[0], fpr[0], 0), abs=1e-9)
    assert found.high == pytest.approx(max(tpr[1], fpr[1]), abs=1e-9)


cells = st.tuples(*[st.integers(0, 12)] * 4)


@given(st.dictionaries(st.sampled_from("abcdef"), cells, min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_every_gap_lies_within_its_interval_and_is_a_ratio_of_counts(
    groups: dict[str, tuple[int, int, int, int]],
) -> None:
    rows = counts(**{k: v for k, v in groups.items() if sum(v)} or {"a": (1, 0, 0, 0)})
    for metric in (DIFFERENCE, RATIO, ODDS):
        found = single(metric, rows)
        if found.value is None:
            assert found.reason
            assert (found.low, found.high, found.exact) == (None, None, None)
            continue
        assert 0 <= found.value <= 1
        assert settled(float(Fraction(str(found.exact)))) == found.value
        if found.low is not None:
            assert found.high is not None
            assert found.low <= found.value <= found.high
            assert found.low >= 0


def relabelled(rows: Evidence, names: dict[str, str]) -> Evidence:
    levels, codes = rows.attributes[0].levels, rows.attributes[0].codes
    return evidence(rows.label.tolist(), rows.decision.tolist(), g=[names[levels[c]] for c in codes])


@pytest.mark.parametrize("metric", [DIFFERENCE, RATIO, ODDS])
def test_the_names_of_groups_do_not_matter(metric: str) -> None:
    rows = counts(a=(10, 3, 4, 9), b=(7, 7, 1, 9), c=(20, 3, 9, 9))
    other = relabelled(rows, {"a": "zoe", "b": "yan", "c": "amy"})
    mine, theirs = single(metric, rows), single(metric, other)
    assert (mine.exact, mine.low, mine.high) == (theirs.exact, pytest.approx(theirs.low), pytest.approx(theirs.high))


OPPORTUNITY, PARITY = "equal_opportunity_difference", "predictive_parity_difference"
TRUE, FALSE = "true_positive_rate_difference", "false_positive_rate_difference"


def test_gaps_of_the_favourable_outcome_by_hand() -> None:
    # Positive is favourable: a 4/5 of positives and 4/6 of positive decisions, b 2/4 and 2/6.
    rows = counts(a=(3, 2, 1, 4), b=(2, 4, 2, 2))
    opportunity, parity = single(OPPORTUNITY, rows), single(PARITY, rows)
    assert (opportunity.exact, opportunity.between) == ("3/10", ("b", "a"))
    assert (parity.exact, parity.between) == ("1/3", ("b", "a"))


def test_for_a_lender_the_favourable_outcome_is_the_negative_label() -> None:
    # Positive is default: a approves 3 of 5 who repay, and 3 of its 4 approvals repay; b 2 of 6, and 2 of 4.
    rows = replace(counts(a=(3, 2, 1, 4), b=(2, 4, 2, 2)), favorable_positive=False)
    opportunity, parity = single(OPPORTUNITY, rows), single(PARITY, rows)
    assert (opportunity.exact, opportunity.between) == ("4/15", ("b", "a"))
    assert (parity.exact, parity.between) == ("1/4", ("b", "a"))
    # Error rates speak of the positive label all the same.
    assert single(TRUE, rows).exact == "3/10"
    assert single(FALSE, rows).exact == "4/15"


def negative_predictive_value(label: np.ndarray, decision: np.ndarray) -> float:
    return float(precision_score(label, decision, pos_label=False))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", ["ab", "abcde"])
def test_rate_gaps_equal_fairlearns_where_every_rate_exists(seed: int, levels: str) -> None:
    rows = random_rows(seed, n=600, levels=levels)
    groups = np.array(rows.attributes[0].levels)[rows.attributes[0].codes]
    for metric, rate in (
        (OPPORTUNITY, true_positive_rate), (TRUE, true_positive_rate), (FALSE, false_positive_rate),
        (PARITY, precision_score),
    ):  # fmt: skip
        frame = MetricFrame(metrics=rate, y_true=rows.label, y_pred=rows.decision, sensitive_features=groups)
        assert measure(metric, rows)[0].value == pytest.approx(frame.difference(), abs=1e-9)
    flipped = replace(rows, favorable_positive=False)
    for metric, rate in ((OPPORTUNITY, true_negative_rate), (PARITY, negative_predictive_value)):
        frame = MetricFrame(metrics=rate, y_true=rows.label, y_pred=rows.decision, sensitive_features=groups)
        assert measure(metric, flipped)[0].value == pytest.approx(frame.difference(), abs=1e-9)
    opportunity = equal_opportunity_difference(rows.label, rows.decision, sensitive_features=groups)
    assert measure(OPPORTUNITY, rows)[0].value == pytest.approx(opportunity, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_gaps_equal_fairlearns(seed: int) -> None:
    rows = random_weights(seed)
    groups = np.array(rows.attributes[0].levels)[rows.attributes[0].codes]
    given = {"sensitive_features": groups, "sample_weight": rows.weight}
    for metric, oracle in ((DIFFERENCE, fairlearn_difference), (RATIO, fairlearn_ratio), (ODDS, fairlearn_odds)):
        assert measure(metric, rows)[0].value == pytest.approx(oracle(rows.label, rows.decision, **given), abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "c", "reason"),
    [
        (OPPORTUNITY, (5, 5, 0, 0), "no favourable label"),
        (PARITY, (5, 0, 5, 0), "no favourable decision"),
        (TRUE, (5, 5, 0, 0), "no positive row"),
        (FALSE, (0, 0, 5, 5), "no negative row"),
    ],
)
def test_a_group_without_the_rate_is_left_out_by_name(metric: str, c: tuple[int, int, int, int], reason: str) -> None:
    found = single(metric, counts(a=(5, 2, 2, 5), b=(5, 2, 2, 5), c=c))
    assert found.exact == "0"
    assert f"{reason}: c" in str(found.detail)
    assert [g.reason for g in found.groups] == [None, None, reason]
    alone = single(metric, counts(a=(5, 2, 2, 5), c=c))
    assert alone.value is None
    assert "fewer than two groups" in str(alone.reason)


AUC, CALIBRATION = "auc_difference", "calibration_difference"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_areas_within_groups_equal_scikit_learns(seed: int, weighted: bool) -> None:
    rows = random_weights(seed) if weighted else random_rows(seed)
    codes, weight = rows.attributes[0].codes, np.ones(rows.rows) if rows.weight is None else rows.weight
    assert rows.score is not None
    areas = [
        roc_auc_score(rows.label[codes == i], rows.score[codes == i], sample_weight=weight[codes == i])
        for i in range(3)
    ]
    found = measure(AUC, rows)[0]
    assert [g.value for g in found.groups] == pytest.approx(areas, abs=1e-9)
    assert found.value == pytest.approx(max(areas) - min(areas), abs=1e-9)


def test_the_interval_of_two_areas_joins_delongs() -> None:
    rows = random_rows(8, levels="ab", digits=2)
    found = measure(AUC, rows)[0]
    ends = []
    for i in range(2):
        here = rows.attributes[0].codes == i
        assert rows.score is not None
        alone = single("roc_auc", evidence(rows.label[here].tolist(), score=rows.score[here].tolist()))
        ends.append((alone.value or 0, alone.low or 0, alone.high or 0))
    (a, a_low, a_high), (b, b_low, b_high) = sorted(ends, reverse=True)
    assert found.low == pytest.approx(max(0, a - b - math.hypot(a - a_low, b_high - b)), abs=1e-6)
    assert found.high == pytest.approx(a - b + math.hypot(a_high - a, b - b_low), abs=1e-6)


def test_an_area_needs_a_row_of_each_label_and_two_to_be_sure_of_anything() -> None:
    groups = [*"aaaabbbb", *"ccc", *"dd"]
    rows = evidence([0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0], score=[k / 20 for k in range(13)], g=groups)
    a, b, c, d = (found := single(AUC, rows)).groups
    assert (a.reason, b.reason, c.reason, d.reason) == (None, None, None, "no row of one of the labels")
    assert (c.value, c.low, c.high) == (1, 0, 1)
    assert "no row of one of the labels: d" in str(found.detail)
    assert "scores are not in the data" in str(single(AUC, counts(a=(1, 1, 1, 1), b=(1, 1, 1, 1))).reason)


def test_counts_alone_bound_the_difference_in_areas() -> None:
    rows = random_rows(5, digits=9)
    exact = measure(AUC, rows)[0]
    found = next(iter(CATALOGUE[AUC].measure(None, build(rows), 0.95, {})))
    assert found.bounds is not None
    assert found.low is not None
    assert found.low <= found.bounds[0] <= (exact.value or 0) <= found.bounds[1] <= (found.high or 0)


def test_calibration_of_groups_by_hand() -> None:
    # a: 5 of 10 positive at 0.3, so 0.2 too low; b: 2 of 10 at 0.3, so 0.1 too high.
    rows = evidence([1, 0] * 5 + [1] * 2 + [0] * 8, score=[0.3] * 20, g=["a"] * 10 + ["b"] * 10)
    found = single(CALIBRATION, rows)
    assert found.value == pytest.approx(0.3, abs=1e-9)
    assert [g.value for g in found.groups] == pytest.approx([0.2, -0.1], abs=1e-9)
    assert found.between == ("b", "a")
    z = 1.959963984540054
    # The spread of y − p: 0.25 observed in a; in b 0.16 observed, less than the 0.21 that scores of 0.3 imply.
    half = z * math.sqrt(0.25 / 10 + 0.21 / 10)
    assert (found.low, found.high) == pytest.approx((max(0, 0.3 - half), 0.3 + half), abs=1e-6)


def test_groups_calibrated_alike_do_not_differ_however_small_one_is() -> None:
    draw = np.random.default_rng(3)
    held = []
    for _ in range(100):
        score = draw.uniform(size=330)
        rows = evidence((draw.uniform(size=330) < score).tolist(), score=score.tolist(), g=["a"] * 300 + ["b"] * 30)
        held.append(single(CALIBRATION, rows).low == 0)
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize("metric", [OPPORTUNITY, PARITY, TRUE, FALSE, CALIBRATION, AUC])
def test_other_gaps_of_one_group_are_not_estimable(metric: str) -> None:
    rows = evidence([0, 1, 0, 1], score=[0.1, 0.8, 0.7, 0.3], g=["a"] * 4)
    assert "only one group" in str(single(metric, rows).reason)


def test_a_perfect_classifier_treats_those_alike_who_are_alike() -> None:
    rows = evidence([0, 1, 0, 1, 0, 0, 1, 1], score=[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0], g=list("aaaabbbb"))
    for metric in (OPPORTUNITY, PARITY, TRUE, FALSE, CALIBRATION, AUC):
        assert single(metric, rows).value == pytest.approx(0, abs=1e-9)


def test_a_perfect_classifier_has_equal_odds() -> None:
    assert single(ODDS, counts(a=(5, 0, 0, 1), b=(1, 0, 0, 9))).exact == "0"
