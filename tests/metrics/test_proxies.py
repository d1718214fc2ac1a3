from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.stats.contingency import association

from glassalpha_action.metrics.proxies import correlation_ratio, cramers_v
from tests.metrics.columns import having
from tests.metrics.rows import evidence, measure, single

PROXY = "proxy_strength"


def _by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    """Bergsma's correction by hand on scipy's Cramér's V."""
    table = np.zeros((a.max() + 1, b.max() + 1), dtype=int)
    np.add.at(table, (a, b), 1)
    n, (r, k) = len(a), table.shape
    phi = association(table, "cramer") ** 2 * (min(r, k) - 1)
    corrected = max(0.0, phi - (r - 1) * (k - 1) / (n - 1))
    return math.sqrt(corrected / min(r - (r - 1) ** 2 / (n - 1) - 1, k - (k - 1) ** 2 / (n - 1) - 1))


@pytest.mark.parametrize("seed", range(4))
def test_categories_equal_scipy_with_the_correction_by_hand(seed: int) -> None:
    draw = np.random.default_rng(seed)
    a = np.concatenate([np.arange(5), draw.integers(0, 5, 195)])
    b = np.where(draw.uniform(size=200) < 0.4, a % 3, draw.integers(0, 3, 200))
    assert cramers_v(a, b, np.ones(200)) == pytest.approx(_by_scipy(a, b), abs=1e-12)


def test_by_hand() -> None:
    # 2 × 2 with φ² = 0.36, n = 100: (0.36 − 1/99) / (2 − 1/99 − 1) = 0.353535…, its root 0.594588….
    a = np.repeat([0, 0, 1, 1], [40, 10, 10, 40])
    b = np.repeat([0, 1, 0, 1], [40, 10, 10, 40])
    assert cramers_v(a, b, np.ones(100)) == pytest.approx(math.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))


def test_numbers_by_hand_and_by_variance() -> None:
    # Means 1 and 3 about 2: between 4, total 4 + 4 = 8.
    values, group = np.array([0.0, 2.0, 2.0, 4.0]), np.array([0, 0, 1, 1])
    assert correlation_ratio(values, group, np.ones(4)) == pytest.approx(math.sqrt(4 / 8))
    draw = np.random.default_rng(0)
    x, g = draw.normal(size=300), draw.integers(0, 2, 300)
    assert correlation_ratio(x, g, np.ones(300)) == pytest.approx(abs(np.corrcoef(x, g)[0, 1]))


def test_the_strongest_feature_is_named_and_all_stand_beside_it() -> None:
    g = ["a"] * 50 + ["b"] * 50
    rows = having(
        evidence([0, 1] * 50, [0, 1] * 50, g=g),
        {"title": ["Ms"] * 50 + ["Mr"] * 50, "height": [1.6, 1.7] * 25 + [1.7, 1.8] * 25, "coin": [0, 1] * 50},
    )
    found = single(PROXY, rows)
    assert found.value == pytest.approx(1)
    assert found.between == ("title",)
    assert found.subject == "Feature"
    assert [g.level for g in found.groups] == ["title", "height", "coin"]
    assert found.groups[1].value == pytest.approx(math.sqrt(0.5))
    assert found.groups[2].value == pytest.approx(0, abs=1e-9)


def test_an_identifier_is_no_proxy() -> None:
    # Every row its own category: the uncorrected V would be 1.
    draw = np.random.default_rng(1)
    g = draw.choice(["a", "b"], 300).tolist()
    rows = having(evidence([0] * 300, [0] * 300, g=g), {"name": [f"person {i}" for i in range(300)]})
    assert single(PROXY, rows).value == pytest.approx(0, abs=1e-6)


def test_that_a_value_is_missing_may_give_the_group_away() -> None:
    g = ["a"] * 50 + ["b"] * 50
    numbers = [None] * 50 + [1.0, 2.0] * 25
    words = [None] * 50 + ["x"] * 50
    rows = having(evidence([0] * 100, [0] * 100, g=g), {"number": numbers, "word": words})
    assert [g.value for g in single(PROXY, rows).groups] == pytest.approx([1, 1])


def test_the_attributes_own_column_is_left_out_and_others_are_not() -> None:
    g, h = ["a", "b"] * 50, ["x", "x", "y", "y"] * 25
    rows = having(evidence([0] * 100, [0] * 100, g=g, h=h), {"g": g, "h": h, "n": [1, 2, 3, 4] * 25})
    by = {m.attribute: {one.level for one in m.groups} for m in measure(PROXY, rows)}
    assert by == {"g": {"h", "n"}, "h": {"g", "n"}}


def test_rows_without_a_value_are_no_group() -> None:
    rows = having(evidence([0] * 6, [0] * 6, g=["a", "a", "b", "b", None, None]), {"x": [1, 1, 2, 2, 9, -9]})
    assert single(PROXY, rows).value == pytest.approx(1)
    assert single(PROXY, rows).n == 4


@pytest.mark.parametrize(
    ("columns", "g", "reason"),
    [
        ({}, ["a", "b"], "no feature columns"),
        ({"x": [1, 2]}, ["a", "a"], "only one group"),
        ({"g": ["a", "b"]}, ["a", "b"], "no feature columns"),
        ({"x": [1, 2]}, [None, None], "only one group"),
    ],
)
def test_not_estimable(columns: dict[str, list[object]], g: list[str | None], reason: str) -> None:
    found = single(PROXY, having(evidence([0, 1], [0, 1], g=g), columns))
    assert found.value is None
    assert reason in str(found.reason)


@pytest.mark.parametrize("values", [[1e308, -1e308, 1e308, 0], [np.inf, 1, 2, 3], [np.nan] * 4, [7, 7, 7, 7]])
def test_extreme_numbers_stay_numbers(values: list[float]) -> None:
    found = single(PROXY, having(evidence([0] * 4, [0] * 4, g=["a", "a", "b", "b"]), {"x": values}))
    assert found.value is not None
    assert 0 <= found.value <= 1


def test_a_million_names_are_affordable() -> None:
    n = 200_000
    draw = np.random.default_rng(0)
    started = time.process_time()
    cramers_v(np.arange(n), draw.integers(0, 2000, n), np.ones(n))
    assert time.process_time() - started < 2
