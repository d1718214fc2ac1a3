from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from statsmodels.stats.proportion import power_proportions_2indep

from glassalpha_action.cube import build
from glassalpha_action.evidence import Attribute, Evidence
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.metrics.power import least_power, rows_needed, two_proportions
from tests.metrics.rows import evidence, single

POWER = "statistical_power"


def oracle(rate: float, n_reference: float, n: float, effect: float) -> float:
    sides = [rate + d for d in (-effect, effect) if 0 <= rate + d <= 1]
    return min(
        float(power_proportions_2indep(diff=side - rate, prop2=rate, nobs1=n, ratio=n_reference / n).power)
        for side in sides
    )


@pytest.mark.parametrize("rate", [0.04, 0.3, 0.5, 0.62, 0.97])
@pytest.mark.parametrize("sizes", [(30, 30), (208, 92), (5000, 40), (700, 1600)])
@pytest.mark.parametrize("effect", [0.01, 0.05, 0.2])
def test_power_equals_statsmodels(rate: float, sizes: tuple[int, int], effect: float) -> None:
    assert least_power(rate, *sizes, effect) == pytest.approx(oracle(rate, *sizes, effect), abs=1e-9)


def test_rates_without_any_chance_are_told_apart_where_the_test_can_reject_at_all() -> None:
    assert two_proportions(0, 10, 1, 10) == 1
    assert two_proportions(0, 1, 1, 1) == 0


def selected(**groups: tuple[int, int]) -> Evidence:
    """Rows of one attribute `g`: each level's (selected, rows)."""
    decision = [int(i < k) for k, n in groups.values() for i in range(n)]
    return evidence([0] * len(decision), decision, g=[name for name, (_, n) in groups.items() for _ in range(n)])


def test_the_weakest_group_against_the_largest() -> None:
    found = single(POWER, selected(a=(150, 250), b=(50, 90), c=(20, 40)))
    expected = {"b": oracle(0.6, 250, 90, 0.05), "c": oracle(0.6, 250, 40, 0.05)}
    assert {g.level: g.value for g in found.groups} == pytest.approx(expected)
    assert found.value == pytest.approx(min(expected.values()))
    assert (found.between, found.n) == (("c", "a"), 380)


def test_power_at_a_hundred_rows_is_far_from_four_fifths() -> None:
    found = single(POWER, selected(a=(50, 100), b=(50, 100)))
    assert found.value is not None
    assert found.value < 0.12
    # Two groups of 1,566 at a rate of one half (Fleiss, Levin, Paik 2003, formula 4.14).
    assert "1,5" in str(found.detail)


@pytest.mark.parametrize(("rate", "effect"), [(0.5, 0.05), (0.1, 0.05), (0.7, 0.1), (0.02, 0.05)])
def test_rows_needed_is_the_first_number_that_suffices(rate: float, effect: float) -> None:
    rows = rows_needed(rate, effect)
    assert rows is not None
    assert oracle(rate, rows, rows, effect) >= 0.8
    assert oracle(rate, rows - 1, rows - 1, effect) < 0.8


def test_the_sources_two_gates_ask_for_different_numbers_of_rows() -> None:
    assert single(POWER, selected(a=(15, 31), b=(15, 31))).value == pytest.approx(oracle(15 / 31, 31, 31, 0.05))
    rows = rows_needed(0.5, 0.05)
    assert rows is not None
    assert 1500 < rows < 1650


def test_the_named_reference_is_used() -> None:
    rows = selected(a=(150, 250), b=(20, 90))
    attribute = rows.attributes[0]
    named = Evidence(
        rows.label, rows.decision, None, (Attribute("g", attribute.levels, attribute.codes, "b"),), True, None
    )
    (found,) = CATALOGUE[POWER].measure(named, build(named), 0.95, {})
    assert found.between == ("a", "b")
    assert found.value == pytest.approx(oracle(20 / 90, 90, 250, 0.05))


def test_a_named_reference_without_rows_is_not_estimable() -> None:
    codes = np.array([0] * 20 + [1] * 20, np.int32)
    rows = Evidence(codes > 0, codes > 0, None, (Attribute("age", ("young", "mid", "old"), codes, "old"),), True, None)
    (found,) = CATALOGUE[POWER].measure(rows, build(rows), 0.95, {})
    assert found.value is None
    assert "old" in str(found.reason)


def test_a_side_outside_zero_to_one_is_skipped() -> None:
    assert least_power(0.02, 100, 100, 0.05) == pytest.approx(two_proportions(0.02, 100, 0.07, 100))
    assert least_power(0.5, 100, 100, 0.6) is None
    # Both ends of the range belong to it, whatever floating point makes of 1 − effect + effect.
    for k in range(1, 100):
        for rate, side in ((k / 100, 1.0), (k / 100, 0.0)):
            effect = abs(float(Fraction(k, 100) - Fraction(int(side))))
            if effect > 0.5:
                assert least_power(rate, 50, 60, effect) == pytest.approx(two_proportions(rate, 50, side, 60)), k


def test_an_effect_no_rate_can_have_is_not_estimable() -> None:
    found = single(POWER, selected(a=(50, 100), b=(50, 100)), effect=0.6)
    assert found.value is None
    assert "0.6" in str(found.reason)


@pytest.mark.parametrize("effect", [0.0, -0.05, 1.0, 3.0])
def test_an_effect_that_is_none_gives_no_number(effect: float) -> None:
    assert single(POWER, selected(a=(50, 100), b=(50, 100)), effect=effect).value is None


def test_one_group_is_not_estimable() -> None:
    assert single(POWER, selected(a=(5, 10))).value is None
    assert single(POWER, evidence([0, 1], [0, 1], g=[None, None])).value is None


def test_rates_of_zero_and_one_have_a_power() -> None:
    for k in (0, 100):
        found = single(POWER, selected(a=(k, 100), b=(k, 100)))
        assert found.value == pytest.approx(oracle(k / 100, 100, 100, 0.05))


def test_power_grows_with_rows() -> None:
    values = [least_power(0.4, n, n, 0.05) for n in (30, 100, 300, 1000, 3000)]
    assert values == sorted(values, key=float)  # type: ignore[arg-type]
