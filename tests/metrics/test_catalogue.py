"""What holds for every metric there is."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from glassalpha_action.cube import build
from glassalpha_action.digests import settled
from glassalpha_action.evidence import Attribute, Evidence
from glassalpha_action.metrics import ALIASES, CATALOGUE, FAMILIES, known, matching, measure
from glassalpha_action.records import Measurement
from tests.metrics.rows import any_rows, counts, random_rows

NAMES = {
    "roc_auc", "accuracy", "expected_calibration_error", "brier_score", "demographic_parity_difference",
    "demographic_parity_ratio", "equalized_odds_difference", "min_group_size", "statistical_power",
    "max_shift_degradation",
}  # fmt: skip


def everything(rows: Evidence) -> tuple[Measurement, ...]:
    return measure(rows, build(rows), 0.95)


def test_every_metric_of_every_family_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) >= NAMES
    assert {m.family for m in CATALOGUE.values()} == {f.__name__.rpartition(".")[2] for f in FAMILIES}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_metric_is_described(name: str) -> None:
    found = CATALOGUE[name].definition
    assert found.id == name
    assert len(found.definition) > 80
    assert found.title
    assert found.advice.issue.endswith(".")
    assert found.advice.causes
    assert all(fix.endswith(".") for fix in found.advice.fixes)
    assert found.advice.fixes
    said = " ".join(found.definition.split()).lower()
    assert "not estimable" in said or "neither can this" in said


def test_aliases_lead_to_their_metric_and_hide_none() -> None:
    assert known("max_metric_degradation_under_shift") is CATALOGUE["max_shift_degradation"]
    assert known("ece") is CATALOGUE["expected_calibration_error"]
    with pytest.raises(KeyError):
        known("accuraccy")
    assert not set(ALIASES) & set(CATALOGUE)


@given(any_rows())
@settings(max_examples=60, deadline=None)
def test_undefined_is_never_a_number_and_a_number_always_finite(rows: Evidence) -> None:
    for found in everything(rows):
        assert (found.value is None) is (found.reason is not None), found
        if found.value is None:
            assert (found.exact, found.low, found.high, found.p_value) == (None, None, None, None)
            continue
        assert math.isfinite(found.value)
        if found.exact is not None:
            assert settled(float(Fraction(found.exact))) == found.value
        if found.low is not None:
            assert found.high is not None
            assert found.low <= found.value <= found.high
            assert found.confidence == 0.95
        for group in found.groups:
            assert (group.value is None) is (group.reason is not None) or group.value is not None


def shuffled(rows: Evidence, seed: int) -> Evidence:
    order = np.random.default_rng(seed).permutation(rows.rows)
    attributes = tuple(Attribute(a.name, a.levels, a.codes[order], a.reference) for a in rows.attributes)
    score = None if rows.score is None else rows.score[order]
    return Evidence(rows.label[order], rows.decision[order], score, attributes, rows.favorable_positive, rows.threshold)


def test_the_order_of_rows_changes_no_byte() -> None:
    rows = random_rows(7, n=900, digits=9)
    assert everything(shuffled(rows, 1)) == everything(rows)


def test_counts_alone_bound_the_area_under_the_curve() -> None:
    rows = random_rows(1)
    cube = build(rows)
    exact = next(m for m in measure(rows, cube, 0.95) if m.metric == "roc_auc")
    found = next(m for m in measure(None, cube, 0.95) if m.metric == "roc_auc")
    assert exact.bounds is None
    assert exact.value is not None
    assert found.bounds is not None
    assert found.bounds[0] <= exact.value <= found.bounds[1]
    assert found.low is not None
    assert found.low <= found.bounds[0]


def test_a_metric_is_measured_again_at_other_parameters_only() -> None:
    rows = counts(a=(30, 5, 5, 30), b=(20, 9, 9, 20))
    found = measure(
        rows,
        build(rows),
        0.95,
        [
            ("statistical_power", {"effect": 0.2}, (), False),
            ("accuracy", {}, (), False),
            ("statistical_power", {"effect": 0.05}, (), False),
            ("ece", {}, (), False),
        ],
    )
    assert matching("statistical_power", {}, found)[0].params == {"effect": 0.05}
    assert matching("statistical_power", {"effect": 0.3}, found) == []
    power = [m for m in found if m.metric == "statistical_power"]
    assert [dict(m.params) for m in power] == [{"effect": 0.05}, {"effect": 0.2}]
    assert power[0].value is not None
    assert power[1].value is not None
    assert power[0].value < power[1].value
    assert len([m for m in found if m.metric == "accuracy"]) == 1


def test_a_thousand_groups_are_affordable() -> None:
    draw = np.random.default_rng(0)
    n = 5000
    codes = np.arange(n, dtype=np.int32) % 1000
    label = draw.uniform(size=n) < 0.4
    score = draw.uniform(size=n)
    rows = Evidence(
        label, score >= 0.5, score, (Attribute("g", tuple(f"{i:04}" for i in range(1000)), codes),), True, 0.5
    )
    found = {m.metric: m for m in everything(rows)}
    assert found["min_group_size"].value == 5
    assert found["demographic_parity_difference"].value is not None
    assert len(found["demographic_parity_difference"].groups) == 1000
