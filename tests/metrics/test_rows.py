"""What holds for every metric there is, on rows with features, weights, a reference and a model that was asked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.cube import build
from glassalpha_action.evidence import REGRESSION, Attribute, Evidence, Feature, Probes, Reference
from glassalpha_action.metrics import CATALOGUE, LEFT_OUT, measure
from glassalpha_action.metrics.columns import taken
from glassalpha_action.records import Measurement
from tests.metrics.columns import feature
from tests.metrics.rows import any_rows, evidence, random_rows

# They count rows, look at a sample of them, or say how sure one can be of so many.
NOT_BY_WEIGHT = {
    "min_group_size", "duplicate_share", "consistency", "statistical_power", "minimum_detectable_effect",
    "reason_code_coverage", "debiased_calibration_error",
}  # fmt: skip


def everything(rows: Evidence) -> tuple[Measurement, ...]:
    return measure(rows, build(rows), 0.95, [(name, {}, (), False) for name in CATALOGUE])


NUMBER = st.one_of(st.none(), st.integers(-3, 3), st.floats(allow_nan=False), st.sampled_from([math.inf, -math.inf]))
WORD = st.sampled_from(["p", "q", "<b>", "", None])


@st.composite
def full_rows(draw: st.DrawFn) -> Evidence:
    """Any evidence at all, with anything that may come with it."""
    rows = draw(any_rows(25))
    n = rows.rows

    def column(name: str, values: st.SearchStrategy[object], size: int = n) -> Feature:
        return feature(name, draw(st.lists(values, min_size=size, max_size=size)))

    other = draw(st.integers(1, 5))
    features = (column("x", NUMBER), column("w", WORD), column("g", WORD))
    there = (column("x", NUMBER, other), column("w", st.integers(0, 2), other))
    chance = st.floats(0, 1)
    more: dict[str, object] = {
        "features": features[: draw(st.integers(0, 3))],
        "inputs": draw(st.sampled_from([None, ("x", "g"), ()])),
        "reference": draw(st.sampled_from([None, Reference(there), Reference(there, np.full(other, 0.5))])),
    }
    if draw(st.booleans()):
        weight = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n)))
        weight[draw(st.integers(0, n - 1))] = 1.0
        more["weight"] = weight
    if rows.score is not None and draw(st.booleans()):
        unfavorable = np.flatnonzero(rows.decision != rows.favorable_positive)
        answers = np.array(draw(st.lists(chance, min_size=2 * n, max_size=2 * n))).reshape(2, n)
        more["probes"] = Probes(
            np.arange(n), {"x": answers, "g": answers}, answers, unfavorable, {"x": answers[0][unfavorable]}
        )
    if draw(st.booleans()):
        amount = st.floats(-1e6, 1e6)
        more |= {
            "outcome": np.array(draw(st.lists(amount, min_size=n, max_size=n))),
            "prediction": np.array(draw(st.lists(amount, min_size=n, max_size=n))),
            "holds": REGRESSION,
        }
    return replace(rows, **more)  # type: ignore[arg-type]


@given(full_rows())
@settings(max_examples=200, deadline=None)
def test_every_metric_is_finite_or_says_why_not(rows: Evidence) -> None:
    found = everything(rows)
    assert {m.metric for m in found} >= {m.id for m in CATALOGUE.values() if not m.per_attribute}
    for one in found:
        assert (one.value is None) is (one.reason is not None), one
        if one.value is not None:
            assert math.isfinite(one.value)
            assert CATALOGUE[one.metric].lowest <= one.value <= CATALOGUE[one.metric].highest, one
            if one.low is not None:
                assert one.high is not None
                assert one.low <= one.value <= one.high
        for group in one.groups:
            assert (group.value is None) is (group.reason is not None)
            assert group.value is None or math.isfinite(group.value)


def _example(n: int = 600, *, seed: int = 0) -> Evidence:
    draw = np.random.default_rng(seed)
    x = np.round(draw.normal(size=n), 3)
    score = np.round(1 / (1 + np.exp(-x)), 4)
    label = draw.uniform(size=n) < score
    rows = evidence(label.tolist(), score=score.tolist(), g=draw.choice(["a", "b", "c"], n).tolist())
    numbers = np.where(draw.uniform(size=n) < 0.1, np.nan, draw.normal(100, 15, n))
    features = (Feature("x", x), Feature("n", numbers), feature("w", draw.choice(["p", "q", "r"], n).tolist()))
    unfavorable = np.flatnonzero(~rows.decision)
    answers = draw.uniform(size=(2, n))
    return replace(
        rows,
        features=features,
        inputs=("x", "n", "w"),
        reference=Reference((Feature("x", x[:50]), feature("w", ["p", "q"])), score[:90]),
        probes=Probes(np.arange(n), {"x": answers}, answers, unfavorable, {"x": answers[0][unfavorable]}),
    )


def _taken(rows: Evidence, order: np.ndarray, weight: np.ndarray | None = None) -> Evidence:
    assert rows.probes is not None
    assert rows.score is not None
    place = np.argsort(order)
    probes = rows.probes
    return replace(
        rows,
        label=rows.label[order],
        decision=rows.decision[order],
        score=rows.score[order],
        attributes=tuple(Attribute(a.name, a.levels, a.codes[order], a.reference) for a in rows.attributes),
        features=tuple(taken(f, order) for f in rows.features),
        weight=weight,
        probes=replace(probes, sample=place[probes.sample], unfavorable=place[probes.unfavorable])
        if order.size == place.size == probes.sample.size
        else None,
    )


def test_the_order_of_rows_changes_no_byte() -> None:
    rows = _example()
    order = np.random.default_rng(9).permutation(rows.rows)
    assert everything(_taken(rows, order)) == everything(rows)


def test_a_weight_of_two_is_a_repeated_row_in_every_estimate() -> None:
    rows = replace(_example(), probes=None)
    weight = np.random.default_rng(3).choice([1.0, 2.0], rows.rows)
    repeated = np.repeat(np.arange(rows.rows), weight.astype(int))
    other = replace(
        rows,
        label=rows.label[repeated],
        decision=rows.decision[repeated],
        score=rows.score[repeated] if rows.score is not None else None,
        attributes=tuple(Attribute(a.name, a.levels, a.codes[repeated], a.reference) for a in rows.attributes),
        features=tuple(taken(f, repeated) for f in rows.features),
    )
    by_weight = {(m.metric, m.attribute): m.value for m in everything(replace(rows, weight=weight))}
    for one in everything(other):
        if one.metric not in NOT_BY_WEIGHT:
            assert by_weight[one.metric, one.attribute] == pytest.approx(one.value, abs=1e-7), one.metric


def test_rows_of_weight_zero_are_absent() -> None:
    rows = replace(_example(), probes=None)
    kept = np.arange(rows.rows) % 3 > 0
    absent = everything(replace(rows, weight=kept.astype(float)))
    other = replace(
        rows,
        label=rows.label[kept],
        decision=rows.decision[kept],
        score=rows.score[kept] if rows.score is not None else None,
        attributes=tuple(Attribute(a.name, a.levels, a.codes[kept], a.reference) for a in rows.attributes),
        features=tuple(taken(f, kept) for f in rows.features),
        weight=np.ones(int(kept.sum())),
    )
    for one, same in zip(absent, everything(other), strict=True):
        assert one.metric == same.metric
        if same.value is None:
            assert one.value is None
        else:
            assert (one.value, one.n) == (pytest.approx(same.value), same.n), one.metric


def test_relabelling_groups_changes_no_value() -> None:
    rows = _example()
    renamed = replace(
        rows, attributes=tuple(replace(a, levels=tuple(f"{x}!" for x in a.levels)) for a in rows.attributes)
    )
    assert [m.value for m in everything(renamed)] == [m.value for m in everything(rows)]


def test_a_family_left_out_is_not_measured_at_a_gates_parameters_or_combinations_either() -> None:
    rows = random_rows(0)
    asked = [("precision_at_k", {"k": 50}, (), False), ("min_group_size", {}, (("g", "h"),), True)]
    found = measure(rows, build(rows), 0.95, asked, families=("fairness",))
    left = [m for m in found if m.metric in {"precision_at_k", "min_group_size"}]
    assert {m.reason for m in left} == {LEFT_OUT}
    assert [dict(m.params) for m in left if m.metric == "precision_at_k"] == [{"k": 100}, {"k": 50}]
    assert [(m.attribute, m.combines, m.counts_missing) for m in left if m.metric == "min_group_size"] == [
        ("g", (), False), ("h", (), False), ("g", (), True), ("h", (), True), ("g & h", ("g", "h"), True),
    ]  # fmt: skip


def test_families_that_nobody_asks_for_are_left_unmeasured() -> None:
    rows = _example()
    for one in measure(rows, build(rows), 0.95, [("roc_auc", {}, (), False)], families=("fairness",)):
        assert (one.reason == LEFT_OUT) is (CATALOGUE[one.metric].family != "fairness")
