from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, power_proportions_2indep

from glassalpha_action.cube import build
from glassalpha_action.evidence import MISSING, REGRESSION, Attribute, Evidence
from glassalpha_action.metrics import CATALOGUE
from tests.metrics.columns import having
from tests.metrics.rows import counts, evidence, measure, single

SIZE = "min_group_size"


def test_the_smallest_level_counts() -> None:
    found = single(SIZE, evidence([0] * 9, [0] * 9, g=["a"] * 4 + ["b"] * 2 + ["c"] * 3))
    assert (found.value, found.exact, found.between, found.n) == (2.0, "2", ("b",), 9)
    assert [(g.level, g.n) for g in found.groups] == [("a", 4), ("b", 2), ("c", 3)]


def test_each_attribute_is_measured() -> None:
    found = measure(SIZE, evidence([0] * 3, [0] * 3, g=["a", "a", "b"], h=["x", "x", "x"]))
    assert [(m.attribute, m.value) for m in found] == [("g", 1), ("h", 3)]


def test_missing_values_are_shown_and_not_counted() -> None:
    found = single(SIZE, evidence([0] * 5, [0] * 5, g=["a", "a", "b", "b", None]))
    assert (found.value, found.n) == (2.0, 5)
    assert (found.groups[-1].level, found.groups[-1].n) == (MISSING, 1)


def test_without_any_value_it_is_not_estimable() -> None:
    found = single(SIZE, evidence([0, 1], [0, 1], g=[None, None]))
    assert found.value is None
    assert found.reason


def test_a_declared_level_without_rows_has_size_zero() -> None:
    bins = Attribute("age", ("young", "old"), np.zeros(50, np.int32))
    rows = Evidence(np.zeros(50, bool), np.zeros(50, bool), None, (bins,), True, None)
    (found,) = CATALOGUE[SIZE].measure(rows, build(rows), 0.95, {})
    assert (found.value, found.between) == (0.0, ("old",))


def test_missing_values_by_column() -> None:
    rows = having(
        evidence([0] * 4, [0] * 4, g=["a", "b", None, "a"]), {"x": [1, None, None, 2], "w": ["p", "q", "p", None]}
    )
    found = single("missing_share", rows)
    assert (found.value, found.exact, found.between, found.subject) == (0.5, "1/2", ("x",), "Column")
    assert {g.level: g.value for g in found.groups} == {"x": 0.5, "w": 0.25, "g": 0.25}
    assert single("missing_share", having(rows, {"x": [1, None, None, 2]}, [1, 3, 0, 4])).value == pytest.approx(3 / 8)


def test_nothing_missing_and_nothing_there() -> None:
    assert single("missing_share", having(evidence([0], [0]), {"x": [1]})).value == 0
    assert "no feature columns" in str(single("missing_share", evidence([0], [0])).reason)


def test_missing_values_by_group() -> None:
    # Rows lacking something: a 1 of 4, b 3 of 4. In x a 1, b 1; in w a 0, b 2.
    rows = having(
        evidence([0] * 8, [0] * 8, g=["a"] * 4 + ["b"] * 4),
        {"x": [None, 1, 1, 1, None, 1, 1, 1], "w": ["p"] * 5 + [None, None, "p"]},
    )
    found = single("missing_share_difference", rows)
    assert (found.exact, found.between) == ("1/2", ("a", "b"))
    assert [g.value for g in found.groups] == [0.25, 0.75]
    assert "`w`" in str(found.detail)
    assert "no feature columns" in str(
        single("missing_share_difference", evidence([0, 1], [0, 1], g=["a", "b"])).reason
    )


def test_duplicates_are_counted_in_all_columns() -> None:
    base = evidence([0, 0, 0, 1, 0], [0, 0, 1, 0, 0], g=["a", "a", "a", "a", "b"])
    columns = {"x": [1.5, 1.5, 1.5, 1.5, 1.5], "w": [None, None, None, None, None]}
    found = single("duplicate_share", having(base, columns))
    # The first three are alike in everything but the decision; the others differ in label or group.
    assert (found.exact, found.n) == ("2/5", 5)
    assert single("duplicate_share", having(base, {**columns, "x": [0.0, -0.0, 1, 2, 3]})).exact == "1/5"
    assert single("duplicate_share", having(base, columns, [5, 0, 0, 1, 1])).exact == "0"
    assert "no feature columns" in str(single("duplicate_share", base).reason)


def test_amounts_belong_to_what_makes_rows_alike() -> None:
    amounts = {"outcome": np.array([1.0, 1.0, 2.0]), "prediction": np.zeros(3), "holds": REGRESSION}
    assert single("duplicate_share", having(evidence([0] * 3, [0] * 3), {"x": [1, 1, 1]}, **amounts)).exact == "1/3"
    amounts["outcome"] = np.array([0.0, -0.0, 2.0])
    assert single("duplicate_share", having(evidence([0] * 3, [0] * 3), {"x": [1, 1, 1]}, **amounts)).exact == "1/3"


def test_distinct_rows_are_never_taken_for_duplicates() -> None:
    n = 50_000
    grid = {"x": list(range(n)), "y": [float(i % 7) for i in range(n)]}
    assert single("duplicate_share", having(evidence([0] * n, [0] * n), grid)).value == 0


def test_a_protected_attribute_among_the_features() -> None:
    rows = evidence([0, 1], [0, 1], g=["a", "b"], h=["x", "y"])
    used = single("protected_attribute_used", replace(rows, inputs=("income", "h")))
    assert (used.value, used.between, used.detail) == (1.0, ("h",), "The model is given h.")
    assert single("protected_attribute_used", replace(rows, inputs=("income",))).value == 0
    assert "does not say" in str(single("protected_attribute_used", rows).reason)
    assert "no protected attribute" in str(single("protected_attribute_used", evidence([0], [0])).reason)


def test_label_rates_by_hand() -> None:
    # The decisions, all alike, play no part.
    rows = evidence([1] * 30 + [0] * 20 + [1] * 10 + [0] * 40, [1] * 100, g=["a"] * 50 + ["b"] * 50)
    found = single("label_rate_difference", rows)
    assert (found.exact, found.between) == ("2/5", ("b", "a"))
    low, high = confint_proportions_2indep(30, 50, 10, 50, method="newcomb")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert single("label_rate_difference", evidence([1, 0], [0, 0], g=["a", "a"])).value is None


def test_the_minimum_detectable_effect_has_the_power_asked_for() -> None:
    rows = counts(a=(200, 300, 0, 0), b=(100, 50, 0, 0))
    found = single("minimum_detectable_effect", rows)
    assert found.value is not None

    def power(effect: float) -> float:
        return min(
            power_proportions_2indep(side, 0.6, 150, ratio=500 / 150, alpha=0.05).power for side in (effect, -effect)
        )

    assert power(found.value) >= 0.8 > power(found.value - 0.0002)
    assert found.between == ("b", "a")
    more = single("minimum_detectable_effect", rows, power=0.95).value
    assert more is not None
    assert more > found.value


@pytest.mark.parametrize("power", [0.0, 1.0, -1.0, 3.0])
def test_a_power_that_is_none_gives_no_number(power: float) -> None:
    assert single("minimum_detectable_effect", counts(a=(5, 5, 5, 5), b=(9, 9, 9, 9)), power=power).value is None


def test_effects_that_nobody_would_see() -> None:
    tiny = single("minimum_detectable_effect", counts(a=(1, 1, 1, 1), b=(0, 0, 0, 1)))
    assert tiny.value is None
    assert "even the largest difference" in str(tiny.reason)
    assert single("minimum_detectable_effect", counts(a=(1, 1, 1, 1))).value is None
