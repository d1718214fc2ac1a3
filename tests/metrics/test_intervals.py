from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from glassalpha_action.metrics.intervals import gap, logit, newcombe, ratio, simultaneous, wilson, z_of


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_quantiles(confidence: float) -> None:
    assert z_of(confidence) == pytest.approx(norm.ppf(0.5 + confidence / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    # Newcombe 1998, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_published_examples(a: tuple[int, int], b: tuple[int, int], low: float, high: float) -> None:
    assert newcombe(a, b, 0.95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Newcombe 1998 (single proportion), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_published_examples(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n, 0.95) == pytest.approx((low, high), abs=5e-5)


rates = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.5, 0.8, 0.95, 0.999])


@given(rates, levels)
@settings(max_examples=100, deadline=None)
def test_wilson_against_statsmodels(rate: tuple[int, int], confidence: float) -> None:
    found = wilson(*rate, confidence)
    assert found == pytest.approx(proportion_confint(*rate, alpha=1 - confidence, method="wilson"), abs=1e-9)
    assert 0 <= found[0] <= rate[0] / rate[1] <= found[1] <= 1


@given(rates, rates, levels)
@settings(max_examples=100, deadline=None)
def test_newcombe_against_statsmodels(a: tuple[int, int], b: tuple[int, int], confidence: float) -> None:
    found = newcombe(a, b, confidence)
    assert found == pytest.approx(confint_proportions_2indep(*a, *b, method="newcomb", alpha=1 - confidence), abs=1e-7)
    assert -1 <= found[0] <= a[0] / a[1] - b[0] / b[1] <= found[1] <= 1
    low, high = newcombe(b, a, confidence)
    assert found == pytest.approx((-high, -low), abs=1e-12)


@given(st.lists(rates, min_size=2, max_size=7), levels)
@settings(max_examples=100, deadline=None)
def test_a_gap_always_lies_within_its_interval(groups: list[tuple[int, int]], confidence: float) -> None:
    shares = [k / n for k, n in groups]
    low, high = gap(groups, confidence)
    assert 0 <= low <= max(shares) - min(shares) <= high <= 1
    wider = gap(groups, confidence, families=2)
    assert wider[0] <= low
    assert wider[1] >= high


def test_the_gap_of_two_groups_is_newcombe_folded_at_zero() -> None:
    low, high = newcombe((48, 80), (56, 70), 0.95)
    assert gap([(48, 80), (56, 70)], 0.95) == pytest.approx((-high, -low))
    low, high = newcombe((50, 100), (52, 100), 0.95)
    assert gap([(50, 100), (52, 100)], 0.95) == pytest.approx((0, max(high, -low)))


def test_the_gap_interval_covers_the_truth_where_a_percentile_bootstrap_cannot() -> None:
    # Four groups at the same rate: the true gap is 0, while resampled gaps never come near it.
    draw = np.random.default_rng(3)
    covered = [gap([(int(k), 80) for k in draw.binomial(80, 0.4, size=4)], 0.95)[0] == 0 for _ in range(200)]
    assert np.mean(covered) >= 0.95


def test_many_groups_are_quick() -> None:
    groups = [(i % 7, 10) for i in range(1000)]
    low, high = gap(groups, 0.95)
    assert low <= 0.6 <= high


def test_a_ratio_of_a_rate_of_zero_or_one_takes_its_limits_from_wilsons() -> None:
    # Zou and Donner 2008, equation 10, with Wilson's limits: for 0 of 20 the lower is 0, the upper u₁/√(l₂(2p₂ − l₂)).
    u, low = wilson(0, 20, 0.95)[1], wilson(15, 20, 0.95)[0]
    assert ratio((0, 20), (15, 20), 0.95) == pytest.approx((0, u / math.sqrt(low * (1.5 - low))))
    least, most = ratio((3, 3), (3, 3), 0.95)
    assert least == pytest.approx(1 / most)
    assert least < 0.5


@given(rates.filter(lambda r: r[0] > 0), rates.filter(lambda r: r[0] > 0), levels)
@settings(max_examples=100, deadline=None)
def test_a_ratio_lies_within_its_interval_whichever_way_round(
    a: tuple[int, int], b: tuple[int, int], confidence: float
) -> None:
    low, high = ratio(a, b, confidence)
    value = a[0] / a[1] / (b[0] / b[1])
    assert low <= value * (1 + 1e-9)
    assert high >= value * (1 - 1e-9)
    assert ratio(b, a, confidence) == pytest.approx((1 / high, 1 / low), rel=1e-6)


def test_an_interval_by_log_odds_by_hand() -> None:
    half = 1.959963984540054 / math.sqrt(40 * 0.8 * 0.2)
    odds = math.log(4)
    expected = [1 / (1 + math.exp(-(odds + sign * half))) for sign in (-1, 1)]
    assert logit(0.8, 40, 0.95) == pytest.approx(tuple(expected))
    assert logit(1.0, 40, 0.95) == wilson(40, 40, 0.95)


@pytest.mark.parametrize("share", [1 - 1e-15, 1e-15, 5e-324, 0.999])
def test_a_share_so_near_its_end_that_log_odds_say_nothing_has_wilsons_interval(share: float) -> None:
    low, high = logit(share, 30, 0.95)
    assert (low, high) == pytest.approx(wilson(share * 30, 30, 0.95))
    assert low <= share <= high


def test_many_simultaneous_intervals_each_hold_with_more() -> None:
    assert simultaneous(0.95, 10) == pytest.approx(0.995)
    assert simultaneous(0.95, 0) == 0.95


def test_katz_by_hand() -> None:
    # (10/20) / (15/20): log(2/3) ± 1.96·√(1/10 − 1/20 + 1/15 − 1/20).
    half = 1.959963984540054 * math.sqrt(1 / 10 - 1 / 20 + 1 / 15 - 1 / 20)
    assert ratio((10, 20), (15, 20), 0.95) == pytest.approx((2 / 3 * math.exp(-half), 2 / 3 * math.exp(half)))
