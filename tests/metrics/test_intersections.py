from __future__ import annotations

import numpy as np
import pytest

from glassalpha_action.cube import build
from glassalpha_action.evidence import MISSING, Attribute, Evidence
from glassalpha_action.metrics import known, matching, measure
from glassalpha_action.records import Measurement

# (sex, region): rows, of which decided positive. Each attribute by itself is treated alike; together they are not.
CELLS = {("f", "n"): (40, 8), ("f", "s"): (40, 32), ("m", "n"): (40, 32), ("m", "s"): (40, 8)}


def rows(cells: dict[tuple[str, str], tuple[int, int]]) -> Evidence:
    levels = tuple(tuple(sorted({key[i] for key in cells}, key=lambda v: (v == MISSING, v))) for i in range(2))
    codes: tuple[list[int], list[int]] = ([], [])
    decision: list[bool] = []
    for key, (n, chosen) in cells.items():
        for i in range(2):
            codes[i].extend([levels[i].index(key[i])] * n)
        decision += [True] * chosen + [False] * (n - chosen)
    label = np.arange(len(decision)) % 2 == 0
    attributes = tuple(
        Attribute(name, levels[i], np.array(codes[i], np.int32)) for i, name in enumerate(("sex", "region"))
    )
    return Evidence(label, np.array(decision), None, attributes, favorable_positive=True, threshold=None)


def asked(evidence: Evidence, metric: str, *, missing: bool = False) -> list[Measurement]:
    pairs = (("sex", "region"), ("region", "sex"), ("sex", "planet"))
    found = measure(evidence, build(evidence), 0.95, [(metric, {}, pairs, missing), (metric, {}, pairs[:1], missing)])
    return matching(metric, {}, found)


def only(found: list[Measurement], *combined: str, missing: bool = False) -> Measurement:
    (one,) = [m for m in found if m.combines == combined and m.counts_missing is missing]
    return one


def test_groups_alike_by_themselves_and_not_together() -> None:
    found = asked(rows(CELLS), "demographic_parity_difference")
    alone = {m.attribute: m.exact for m in found if not m.combines}
    assert alone == {"sex": "0", "region": "0"}
    together = only(found, "sex", "region")
    assert (together.attribute, together.exact, together.between) == ("sex & region", "3/5", ("f & n", "f & s"))
    assert [(g.level, g.n, g.value) for g in together.groups] == [
        ("f & n", 40, 0.2), ("f & s", 40, 0.8), ("m & n", 40, 0.8), ("m & s", 40, 0.2)]  # fmt: skip
    assert only(found, "region", "sex").exact == "3/5"
    assert len(found) == 4, "each once, and none of an attribute that is not there"


def test_the_smallest_combination() -> None:
    cells = CELLS | {("m", "s"): (3, 1)}
    found = only(asked(rows(cells), "min_group_size"), "sex", "region")
    assert (found.exact, found.between) == ("3", ("m & s",))
    without = {key: value for key, value in CELLS.items() if key != ("m", "s")}
    found = only(asked(rows(without), "min_group_size"), "sex", "region")
    assert (found.exact, [g.level for g in found.groups]) == ("40", ["f & n", "f & s", "m & n"])


def test_rows_without_a_value_count_where_they_are_asked_to() -> None:
    cells = CELLS | {("f", MISSING): (4, 4)}
    shown = asked(rows(cells), "min_group_size")
    assert only(shown, "sex", "region").exact == "40"
    assert ("f & (missing)", 4) in [(g.level, g.n) for g in only(shown, "sex", "region").groups]
    counted = asked(rows(cells), "min_group_size", missing=True)
    assert only(counted, "sex", "region", missing=True).exact == "4"
    alone = [m for m in counted if not m.combines and m.attribute == "region"]
    assert {m.counts_missing: (m.exact, m.between) for m in alone} == {
        False: ("80", ("n",)), True: ("4", (MISSING,))}  # fmt: skip
    gap = asked(rows(cells), "demographic_parity_difference", missing=True)
    assert only(gap, "sex", "region", missing=True).exact == "4/5"
    assert {m.counts_missing: m.exact for m in gap if m.attribute == "region"} == {False: "0", True: "1/2"}


def test_too_many_combinations_are_no_measurement() -> None:
    n = 50
    attributes = tuple(Attribute(name, tuple(map(str, range(n))), np.arange(n, dtype=np.int32)) for name in ("a", "b"))
    label = np.arange(n) % 2 == 0
    evidence = Evidence(label, label, None, attributes, favorable_positive=True, threshold=None)
    found = measure(evidence, build(evidence), 0.95, [("min_group_size", {}, (("a", "b"),), False)])
    together = only(matching("min_group_size", {}, found), "a", "b")
    assert together.value is None
    assert together.reason is not None
    assert "combinations" in together.reason


@pytest.mark.parametrize("name", ["accuracy", "max_shift_degradation"])
def test_a_metric_of_the_whole_model_has_no_combinations(name: str) -> None:
    assert all(not m.combines for m in asked(rows(CELLS), name))
    assert not known(name).per_attribute
