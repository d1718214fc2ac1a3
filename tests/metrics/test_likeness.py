from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from glassalpha_action.evidence import Evidence, Feature
from tests.metrics.columns import having
from tests.metrics.rows import evidence, measure, single

LIKE, APART = "consistency", "standardized_mean_difference"


def _rows(n: int, seed: int = 0) -> tuple[Evidence, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3)) * [1, 10, 100]
    decision = (x[:, 0] + draw.normal(size=n) * 0.5 > 0).astype(int)
    rows = evidence(decision.tolist(), decision.tolist(), g=draw.choice(["a", "b"], n).tolist())
    return having(rows, {f"x{i}": x[:, i].tolist() for i in range(3)}), x


@pytest.mark.parametrize("seed", range(3))
def test_consistency_equals_nearest_neighbours_of_scikit_learn(seed: int) -> None:
    rows, x = _rows(400, seed)
    z = x / x.std(axis=0)
    near = NearestNeighbors(n_neighbors=6).fit(z).kneighbors(z, return_distance=False)[:, 1:]
    expected = 1 - np.abs(rows.decision - rows.decision[near].mean(axis=1)).mean()
    assert single(LIKE, rows).value == pytest.approx(expected, abs=1e-12)


def test_consistency_by_hand() -> None:
    # Seven rows on a line; only the last, far away, is decided otherwise. Its five nearest are all 0: it is off by 1.
    # Of the others the 5 nearest are the other five; none reaches row 7. Mean 1/7.
    rows = having(evidence([0] * 7, [0] * 6 + [1]), {"x": [0, 1, 2, 3, 4, 5, 1000]})
    assert single(LIKE, rows).value == pytest.approx(1 - 1 / 7)


def test_neighbours_equally_far_share_the_places() -> None:
    # All rows alike: every other row is equally near, and 4 of the 9 others (or 5) are decided 1.
    rows = having(evidence([0] * 10, [1] * 5 + [0] * 5), {"x": [3] * 10})
    assert single(LIKE, rows).value == pytest.approx(1 - (abs(1 - 4 / 9) + abs(0 - 5 / 9)) / 2)


def test_categories_and_missing_values_are_a_step_apart() -> None:
    # Two clusters by category; within each all are alike and decided alike.
    rows = having(
        evidence([0] * 14, [1] * 7 + [0] * 7),
        {"c": ["red"] * 7 + [None] * 7, "x": [None] * 7 + [2.0] * 7},
    )
    assert single(LIKE, rows).value == 1


def test_only_what_the_model_is_given_makes_rows_alike() -> None:
    base = evidence([0] * 12, [1] * 6 + [0] * 6, g=["a"] * 12)
    columns = {"given": [0] * 6 + [9] * 6, "other": [0, 9] * 6}
    assert single(LIKE, replace(having(base, columns), inputs=("given",))).value == 1
    mixed = single(LIKE, replace(having(base, columns), inputs=("other",))).value
    assert mixed is not None
    assert mixed < 1


def test_neither_the_order_of_rows_nor_the_sampling_depends_on_it() -> None:
    rows, _ = _rows(3_000)
    order = np.random.default_rng(5).permutation(3_000)
    other = replace(
        rows,
        label=rows.label[order],
        decision=rows.decision[order],
        attributes=tuple(replace(a, codes=a.codes[order]) for a in rows.attributes),
        features=tuple(Feature(f.name, f.values[order]) for f in rows.features if f.values is not None),
    )
    found = single(LIKE, rows)
    assert found == single(LIKE, other)
    assert found.n == 2_000
    assert "sample of 2,000 of 3,000" in str(found.detail)
    assert single(LIKE, replace(rows, seed=1)).value != found.value


def test_a_large_data_set_is_affordable() -> None:
    rows, _ = _rows(300_000)
    started = time.process_time()
    assert single(LIKE, rows).value is not None
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("n", "columns", "reason"), [(5, {"x": [1, 2, 3, 4, 5]}, "fewer than 6 rows"), (9, {}, "no feature columns")]
)
def test_consistency_not_estimable(n: int, columns: dict[str, list[object]], reason: str) -> None:
    found = single(LIKE, having(evidence([0] * n, [0] * n), columns))
    assert found.value is None
    assert reason in str(found.reason)


def test_means_apart_by_hand() -> None:
    # Means 1 and 3, both variances 2 (n − 1): 2 / √2.
    rows = having(evidence([0] * 4, [0] * 4, g=["a", "a", "b", "b"]), {"x": [0, 2, 2, 4], "y": [0, 1, 0, 1]})
    found = single(APART, rows)
    assert found.value == pytest.approx(2 / math.sqrt(2))
    assert found.between == ("a", "b")
    assert [(g.level, g.value) for g in found.groups] == [("x", pytest.approx(math.sqrt(2))), ("y", 0)]
    assert "`x`" in str(found.detail)


def test_the_largest_pair_counts_and_its_interval_covers_it() -> None:
    draw = np.random.default_rng(3)
    g = np.repeat(["a", "b", "c"], 200)
    x = draw.normal(size=600) + np.repeat([0, 0.2, 1.0], 200)
    found = single(APART, having(evidence([0] * 600, [0] * 600, g=g.tolist()), {"x": x.tolist()}))
    means = [x[g == level].mean() for level in "abc"]
    spread = [x[g == level].var(ddof=1) for level in "abc"]
    expected = max(
        abs(means[i] - means[j]) / math.sqrt((spread[i] + spread[j]) / 2) for i in range(3) for j in range(i)
    )
    assert found.value == pytest.approx(expected)
    assert found.between == ("a", "c")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
    # Hedges and Olkin at Bonferroni's 98.33%, whose quantile is 2.3940.
    half = 2.3940 * math.sqrt(400 / 40_000 + expected**2 / 800)
    assert (found.low, found.high) == (
        pytest.approx(expected - half, abs=1e-4),
        pytest.approx(expected + half, abs=1e-4),
    )


def test_groups_that_a_feature_separates_whole_have_no_number() -> None:
    rows = having(
        evidence([0] * 6, [0] * 6, g=["a"] * 3 + ["b"] * 3), {"x": [1, 1, 1, 2, 2, 2], "y": [1, 2, 3, 1, 2, 3]}
    )
    found = single(APART, rows)
    assert found.value == 0
    assert (found.groups[0].level, found.groups[0].value) == ("x", None)
    assert "differs between them" in str(found.groups[0].reason)


def test_a_constant_is_no_difference_whatever_rounding_makes_of_its_means() -> None:
    rows = having(evidence([0] * 10, [0] * 10, g=["a"] * 3 + ["b"] * 7), {"x": [0.1] * 10}, [0.3, 0.7, 1.1] * 3 + [3])
    found = single(APART, rows)
    assert (found.value, found.groups[0].reason) == (0, None)


def test_a_thousand_groups_are_affordable() -> None:
    draw = np.random.default_rng(0)
    g = [f"{i % 1000:04}" for i in range(4_000)]
    columns = {f"x{i}": draw.normal(size=4_000).tolist() for i in range(20)}
    started = time.process_time()
    assert single(APART, having(evidence([0] * 4_000, [0] * 4_000, g=g), columns)).value is not None
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("columns", "g", "reason"),
    [
        ({"x": ["p", "q", "p"]}, ["a", "b", "b"], "no numeric feature"),
        ({"x": [1, 2, 3]}, ["a", "a", "a"], "only one group"),
        ({"x": [1, 2, 3]}, ["a", "b", "b"], "two values"),
        ({"x": [None, None, None]}, ["a", "b", "b"], "two values"),
    ],
)
def test_means_not_estimable(columns: dict[str, list[object]], g: list[str], reason: str) -> None:
    found = measure(APART, having(evidence([0] * 3, [0] * 3, g=g), columns))[0]
    assert found.value is None
    assert reason in str(found.reason)
