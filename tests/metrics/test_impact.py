"""Impact ratios: against a reference, with the test of their difference and the decisions they hang on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from glassalpha_action.evidence import MISSING, Evidence
from glassalpha_action.metrics.impact import compared, fisher, yates
from glassalpha_action.metrics.intervals import FARTHEST, least_ratio, ratio
from glassalpha_action.records import Measurement
from tests.metrics.rows import evidence, single
from tests.metrics.weights import weighed

AIR = "adverse_impact_ratio"
groups_of = st.integers(1, 120).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def selected(reference: str | None = None, **groups: tuple[int, int]) -> Evidence:
    """Rows of one attribute `g`: each level's (selected, rows)."""
    decision = [int(i < k) for k, n in groups.values() for i in range(n)]
    rows = evidence([0] * len(decision), decision, g=[name for name, (_, n) in groups.items() for _ in range(n)])
    return replace(rows, attributes=(replace(rows.attributes[0], reference=reference),))


def impact(reference: str | None = None, **groups: tuple[int, int]) -> Measurement:
    return single(AIR, selected(reference, **groups))


def test_by_hand() -> None:
    found = impact(a=(80, 100), b=(20, 50))
    assert (found.value, found.exact, found.between, found.n) == (0.5, "1/2", ("b", "a"), 150)
    assert [(g.level, g.n, g.value) for g in found.groups] == [("a", 100, 1.0), ("b", 50, 0.5)]
    assert (found.groups[1].low, found.groups[1].high) == pytest.approx(ratio((20, 50), (80, 100), 0.95))
    assert (found.low, found.high) == (found.groups[1].low, found.groups[1].high)
    assert found.p_value == pytest.approx(chi2_contingency([[80, 20], [20, 30]]).pvalue, rel=1e-9)
    # Four fifths of 0.8 is 0.64: 32 of 50, 12 more than 20.
    assert "12 more selections of b would reach four fifths" in str(found.detail)
    assert "Selected: 20 of 50 of b, 80 of 100 of a" in str(found.detail)
    assert "Small numbers" not in str(found.detail)


def test_four_fifths_is_four_fifths() -> None:
    found = impact(a=(50, 100), b=(40, 100))
    assert found.exact == "4/5"
    assert "would reach" not in str(found.detail)
    assert "1 more selection of b would reach" in str(impact(a=(50, 100), b=(39, 100)).detail)


def test_the_reference_is_the_one_named_else_the_largest() -> None:
    groups = {"a": (30, 100), "b": (30, 60), "c": (10, 40)}
    assert impact(**groups).between == ("c", "a")
    named = impact("b", **groups)
    assert (named.between, named.exact) == (("c", "b"), "1/2")
    # A ratio above 1 is possible: the reference need not be the most favoured.
    assert impact(a=(30, 100), b=(30, 60)).exact == "5/3"


def test_the_smallest_of_many_is_corrected_for_choice() -> None:
    groups = {"a": (60, 100), "b": (30, 80), "c": (25, 60)}
    found = impact(**groups)
    assert found.between == ("b", "a")
    p = compared((30, 80), (60, 100)).p_value
    assert found.p_value == pytest.approx(2 * p)
    assert "for the least favoured of 2" in str(found.detail)
    ends = [ratio(one, (60, 100), 0.975) for one in ((30, 80), (25, 60))]
    assert (found.low, found.high) == pytest.approx((min(e[0] for e in ends), min(e[1] for e in ends)))


@given(groups_of, groups_of)
@settings(max_examples=150, deadline=None)
def test_the_tests_equal_scipys(a: tuple[int, int], b: tuple[int, int]) -> None:
    table = np.array([[a[0], a[1] - a[0]], [b[0], b[1] - b[0]]])
    assert fisher(*a, *b) == pytest.approx(fisher_exact(table).pvalue, rel=1e-7)
    found = compared(a, b)
    if 0 in table.sum(axis=0):
        assert found.p_value == 1
        return
    expected = chi2_contingency(table)
    assert yates(a, b) == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    exact = expected.expected_freq.min() < 5 - 1e-9
    assert found.test.startswith("Fisher" if exact else "chi-square") or abs(expected.expected_freq.min() - 5) < 1e-9


def test_a_small_cell_is_tested_exactly() -> None:
    assert "Fisher's exact test: p = 0.35" in str(impact(a=(8, 10), b=(5, 10)).detail)
    assert "Chi-square test with Yates's correction: p < 0.001." in str(impact(a=(80, 100), b=(50, 100)).detail)
    assert impact(a=(8, 10), b=(5, 10)).p_value == pytest.approx(fisher_exact([[8, 2], [5, 5]]).pvalue)


def test_small_numbers_are_flagged() -> None:
    # One selection moved from a to b, 4 of 9 against 3 of 10, puts b ahead.
    assert "one different selection would put b ahead" in str(impact(a=(4, 10), b=(3, 9)).detail)
    assert "a group has fewer than 30 rows" in str(impact(a=(80, 100), b=(2, 20)).detail)


def test_large_counts_are_tested_in_no_time() -> None:
    a, b = (1_000, 10_000_000), (3, 2_000)
    assert compared(a, b).test.startswith("Fisher")
    expected = fisher_exact([[1_000, 9_999_000], [3, 1_997]]).pvalue
    assert compared(a, b).p_value == pytest.approx(expected, rel=1e-4)


def test_a_rate_of_zero_or_one_has_an_interval_with_width() -> None:
    none = impact(a=(5, 10), b=(0, 3))
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high is not None
    assert none.high > 0.8
    every = impact(a=(3, 3), b=(2, 2))
    assert every.low is not None
    assert every.low < 0.5
    assert (every.high or 0) > 1


@pytest.mark.parametrize("groups", [{"a": (5, 10)}, {"a": (0, 10), "b": (3, 5)}])
def test_without_a_rate_to_compare_with_there_is_no_number(groups: dict[str, tuple[int, int]]) -> None:
    found = impact(**groups)
    assert (found.value, found.p_value, found.low) == (None, None, None)
    assert found.reason


def test_a_named_reference_without_rows_gives_no_number() -> None:
    rows = selected("c", a=(5, 10), b=(2, 10))
    attribute = replace(rows.attributes[0], levels=("a", "b", "c"))
    assert "reference c" in str(single(AIR, replace(rows, attributes=(attribute,))).reason)


def test_a_missing_value_is_shown_and_not_compared() -> None:
    rows = evidence([0] * 30, [1] * 8 + [0] * 2 + [1] * 6 + [0] * 4 + [0] * 10, g=["a"] * 10 + ["b"] * 10 + [None] * 10)
    found = single(AIR, rows)
    assert found.exact == "3/4"
    assert (found.groups[-1].level, found.groups[-1].value) == (MISSING, 0.0)


def test_weights_are_counted_in_rates_and_not_in_certainty() -> None:
    rows = selected(a=(80, 100), b=(20, 50))
    found = single(AIR, weighed(rows, np.full(150, 2.0)))
    plain = single(AIR, rows)
    assert (found.value, found.low, found.p_value) == pytest.approx((plain.value, plain.low, plain.p_value))
    assert "12 more" not in str(found.detail)
    assert "24 more selections of b" in str(found.detail)


@given(st.lists(groups_of, min_size=2, max_size=6).filter(lambda g: any(k for k, _ in g)))
@settings(max_examples=100, deadline=None)
def test_the_ratio_of_lowest_to_highest_lies_within_its_interval(groups: list[tuple[int, int]]) -> None:
    shares = [k / n for k, n in groups]
    low, high = least_ratio(groups, 0.95)
    assert 0 <= low <= min(shares) / max(shares) + 1e-12
    assert min(shares) / max(shares) - 1e-12 <= high <= 1


def test_the_interval_of_the_smallest_ratio_of_equal_groups_holds_one() -> None:
    draw = np.random.default_rng(4)
    held = [
        least_ratio([(int(k), 80) for k in draw.binomial(80, 0.4, size=10)], 0.95)[1] >= 1 - 1e-12 for _ in range(200)
    ]
    assert np.mean(held) >= 0.95


SCORING = "scoring_rate_ratio"


def test_the_scoring_rate_is_the_share_above_the_median() -> None:
    # The median of 1 … 8 is 4.5; a has 3 of 4 above it, b 1 of 4.
    rows = evidence([0] * 8, score=[s / 10 for s in (1, 6, 7, 8, 2, 3, 4, 5)], g=list("aaaabbbb"))
    found = single(SCORING, rows)
    assert (found.exact, found.between, found.of) == ("1/3", ("b", "a"), "scoring rate")
    assert [g.value for g in found.groups] == [0.75, 0.25]
    assert found.detail == "The median of all scores is 0.45."


def test_the_scoring_rate_is_of_the_favourable_outcome() -> None:
    rows = evidence(
        [0] * 8, score=[s / 10 for s in (1, 6, 7, 8, 2, 3, 4, 5)], g=list("aaaabbbb"), favorable_positive=False
    )
    found = single(SCORING, rows)
    assert (found.exact, found.between) == ("1/3", ("a", "b"))
    assert found.detail == "The median of all scores is 0.55."


def test_a_score_at_the_median_is_not_above_it() -> None:
    rows = evidence([0] * 5, score=[0.1, 0.5, 0.5, 0.5, 0.9], g=list("aabbb"))
    found = single(SCORING, rows)
    assert [g.value for g in found.groups] == pytest.approx([0, 1 / 3])


def test_missing_values_count_in_the_median_and_not_in_the_ratio() -> None:
    rows = evidence([0] * 6, score=[0.1, 0.2, 0.7, 0.8, 0.9, 0.95], g=["a", "a", "b", "b", None, None])
    found = single(SCORING, rows)
    assert [g.value for g in found.groups] == [0.0, 0.5, 1.0]
    assert found.value == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [99, 100])
def test_the_median_is_numpys(seed: int, size: int) -> None:
    score = np.round(np.random.default_rng(seed).uniform(size=size), 2)
    rows = evidence([0] * size, score=score.tolist(), g=["a", *["b"] * (size - 1)])
    (b,) = [g for g in single(SCORING, rows).groups if g.level == "b"]
    assert b.value == pytest.approx((score[1:] > np.median(score)).mean())


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (evidence([0, 1], [0, 1], g=["a", "b"]), "scores are not in the data"),
        (evidence([0, 1], score=[0.1, 0.2], g=["a", "a"]), "only one group"),
        (evidence([0, 1], score=[0.5, 0.5], g=["a", "b"]), "above the median"),
    ],
)
def test_without_scoring_rates_there_is_no_number(rows: Evidence, reason: str) -> None:
    found = single(SCORING, rows)
    assert found.value is None
    assert reason in str(found.reason)


def test_a_ratio_to_a_rate_that_hardly_any_weight_speaks_for_has_a_limit_that_is_a_number() -> None:
    rows = evidence([1, 0, 1, 0], [1, 0, 0, 0], g=["a", "a", "b", "b"])
    rows = weighed(
        replace(rows, attributes=(replace(rows.attributes[0], reference="a"),)), np.array([1e-12, 1e12, 1, 1])
    )
    found = single("adverse_impact_ratio", rows)
    assert found.low == 0
    assert found.high == found.groups[1].high == pytest.approx(math.exp(FARTHEST))
