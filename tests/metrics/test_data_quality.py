from __future__ import annotations

import numpy as np

from glassalpha_action.cube import build
from glassalpha_action.evidence import MISSING, Attribute, Evidence
from glassalpha_action.metrics import CATALOGUE
from tests.metrics.rows import evidence, measure, single

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
