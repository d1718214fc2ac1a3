from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from glassalpha_action.metrics.intervals import delong, gap, newcombe, ratio, wilson, z_of


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


def test_delong_needs_two_of_each() -> None:
    one, two = np.array([0.5]), np.array([0.5, 1.0])
    assert delong(0.5, one, two, 0.95) is None
    assert delong(0.5, two, one, 0.95) is None
    assert delong(0.75, two, two, 0.95) is not None


def test_katz_by_hand() -> None:
    # (10/20) / (15/20): log(2/3) ± 1.96·√(1/10 − 1/20 + 1/15 − 1/20).
    half = 1.959963984540054 * math.sqrt(1 / 10 - 1 / 20 + 1 / 15 - 1 / 20)
    assert ratio((10, 20), (15, 20), 0.95) == pytest.approx((2 / 3 * math.exp(-half), 2 / 3 * math.exp(half)))
    assert ratio((0, 20), (15, 20), 0.95) is None
