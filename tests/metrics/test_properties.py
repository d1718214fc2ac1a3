"""What holds for the whole catalogue: order, names, weights, perfection, and a reason wherever there is no number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.cube import build
from glassalpha_action.evidence import MISSING, Evidence
from glassalpha_action.metrics import CATALOGUE, measure
from glassalpha_action.records import Measurement
from glassalpha_action.vocabulary import Better
from tests.metrics.columns import drawn
from tests.metrics.rows import any_rows, evidence, random_rows
from tests.metrics.weights import random_weights, taken, weighed

# Rows drawn one at a time, or matched with neighbours: another order, or a row written twice, draws others.
DRAWN = {"consistency", "permutation_importance", "top_feature_share", "perturbation_stability", "duplicate_share"}
# Numbers of rows count rows, whatever they weigh; power and tests go by effective sizes.
SIZES = {"min_group_size", "statistical_power", "minimum_detectable_effect", "missing_share", "proxy_strength"}
COUNTED = {"precision_at_k", "debiased_calibration_error"}


def everything(rows: Evidence, wanted: Sequence[str] = ()) -> tuple[Measurement, ...]:
    return measure(rows, build(rows), 0.95, [(name, {}, (), False) for name in wanted])


def paired(one: Evidence, other: Evidence, but: set[str] = frozenset()) -> Iterator[tuple[Measurement, Measurement]]:  # type: ignore[assignment]
    for a, b in zip(everything(one), everything(other), strict=True):
        assert (a.metric, a.attribute) == (b.metric, b.attribute)
        if a.metric not in but:
            yield a, b


def values(found: Measurement) -> list[float | None]:
    return [found.value, *(g.value for g in found.groups)]


def alike(a: Sequence[float | None], b: Sequence[float | None]) -> bool:
    return len(a) == len(b) and all(
        (x is None) is (y is None) and (x is None or y is None or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9))
        for x, y in zip(a, b, strict=True)
    )


@given(any_rows(), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_no_byte(rows: Evidence, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(rows.rows)
    for a, b in paired(rows, taken(rows, order), DRAWN):
        assert a == b


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_weighted_rows_changes_no_byte(seed: int) -> None:
    rows = random_weights(seed)
    order = np.random.default_rng(seed).permutation(rows.rows)
    for a, b in paired(rows, taken(rows, order), DRAWN):
        assert a == b


@given(any_rows(), st.lists(st.integers(0, 3), min_size=40, max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_weight_of_two_is_a_row_written_twice(rows: Evidence, times: list[int]) -> None:
    weight = np.array(times[: rows.rows])
    if not weight.any():
        return
    # Unless one is named, the reference is the group of most rows.
    named = tuple(replace(a, reference=a.levels[0]) for a in rows.attributes)
    rows = replace(rows, attributes=named)
    again = taken(rows, np.repeat(np.arange(rows.rows), weight))
    for a, b in paired(weighed(rows, weight), again, DRAWN | SIZES):
        if a.reason and "rows" in a.reason and a.value is None:
            continue
        assert alike(values(a), values(b)), (a, b)


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_two_are_rows_written_twice_where_there_are_many(seed: int) -> None:
    rows = random_rows(seed, digits=3)
    weight = np.random.default_rng(seed).integers(0, 4, rows.rows)
    again = taken(rows, np.repeat(np.arange(rows.rows), weight))
    for a, b in paired(weighed(rows, weight), again, DRAWN | SIZES):
        assert alike(values(a), values(b)), (a, b)


@pytest.mark.parametrize("seed", range(2))
def test_equal_weights_change_nothing_but_what_counts_mass(seed: int) -> None:
    rows = random_rows(seed)
    for a, b in paired(rows, weighed(rows, np.full(rows.rows, 2.0)), DRAWN | COUNTED):
        assert alike(values(a), values(b)), a.metric
        assert alike([a.low, a.high, a.p_value], [b.low, b.high, b.p_value]), a.metric
        assert a.n == b.n


@pytest.mark.parametrize("seed", range(2))
def test_a_row_of_weight_zero_is_absent(seed: int) -> None:
    rows = random_weights(seed)
    assert rows.weight is not None
    kept = np.flatnonzero(rows.weight)
    assert 0 < kept.size < rows.rows
    for a, b in paired(rows, taken(rows, kept), DRAWN):
        assert alike(values(a), values(b)), a.metric
        assert alike([a.low, a.high, a.p_value], [b.low, b.high, b.p_value]), a.metric


def test_uneven_weights_widen_intervals() -> None:
    rows = random_rows(1)
    uneven = weighed(rows, np.where(np.arange(rows.rows) % 2 == 0, 0.1, 1.9))
    narrower = []
    for a, b in paired(rows, uneven, DRAWN):
        if a.low is not None and a.high is not None and b.low is not None and b.high is not None:
            narrower.append((b.high - b.low) / max(a.high - a.low, 1e-12))
    assert np.median(narrower) > 1.2


@given(any_rows())
@settings(max_examples=40, deadline=None)
def test_the_names_of_groups_do_not_matter(rows: Evidence) -> None:
    other = replace(
        rows,
        attributes=tuple(
            replace(a, levels=tuple(level if level == MISSING else f"the {level}s" for level in a.levels))
            for a in rows.attributes
        ),
    )
    for a, b in paired(rows, other):
        assert values(a) == values(b)
        assert (a.low, a.high, a.p_value, a.exact) == (b.low, b.high, b.p_value, b.exact)


@given(any_rows())
@settings(max_examples=40, deadline=None)
def test_the_order_of_levels_does_not_matter(rows: Evidence) -> None:
    turned = []
    for a in rows.attributes:
        size = len(a.levels) - (a.levels[-1:] == (MISSING,))
        codes = np.where(a.codes < size, size - 1 - a.codes, a.codes).astype(np.int32)
        turned.append(replace(a, levels=(*reversed(a.levels[:size]), *a.levels[size:]), codes=codes))
    sizes = [np.bincount(a.codes[a.codes < len([v for v in a.levels if v != MISSING])]) for a in rows.attributes]
    # The reference is the first of the largest groups: where two are equally large the order decides.
    if any(np.sum(s == s.max()) > 1 for s in sizes if s.size):
        return
    for a, b in paired(rows, replace(rows, attributes=tuple(turned)), DRAWN):
        assert alike([a.value], [b.value]), (a, b)
        assert alike([a.low, a.high, a.p_value], [b.low, b.high, b.p_value]), (a, b)


@pytest.mark.parametrize("n", [40, 400])
def test_a_perfect_classifier_is_perfect(n: int) -> None:
    label = [k % 2 for k in range(n)]
    rows = evidence(label, score=[float(y) for y in label], g=["a", "a", "b", "b"] * (n // 4))
    best = {
        "roc_auc": 1, "gini": 1, "average_precision": 1, "ks_statistic": 1, "recall_at_fpr": 1, "accuracy": 1,
        "balanced_accuracy": 1, "precision": 1, "recall": 1, "specificity": 1, "negative_predictive_value": 1, "f1": 1,
        "log_loss": 0, "brier_score": 0, "expected_calibration_error": 0, "maximum_calibration_error": 0,
        "debiased_calibration_error": 0, "calibration_in_the_large": 0, "equalized_odds_difference": 0,
        "equal_opportunity_difference": 0, "predictive_parity_difference": 0, "true_positive_rate_difference": 0,
        "false_positive_rate_difference": 0, "auc_difference": 0, "calibration_difference": 0,
        "demographic_parity_difference": 0, "demographic_parity_ratio": 1, "adverse_impact_ratio": 1,
        "max_shift_degradation": 0,
    }  # fmt: skip
    found = {m.metric: m.value for m in everything(rows)}
    assert {name: found[name] for name in best} == pytest.approx(best, abs=1e-9)
    assert found["calibration_slope"] is None


def small(seed: int) -> Evidence:
    """Any small data: few rows, rare labels, empty levels, missing values, scores at the ends, with weights or not."""
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 40))
    share = draw.choice([0.0, 0.05, 0.5, 1.0])
    score = draw.choice([draw.uniform(size=n), np.round(draw.uniform(size=n), 1), np.full(n, 0.3)])
    names = [["a"], ["a", "b"], ["a", "b", None], list("abcdefgh"), [None]]
    groups = [draw.choice(np.array(names[int(draw.integers(5))], dtype=object), n).tolist() for _ in range(2)]
    decided = draw.uniform() < 0.2
    rows = evidence(
        (draw.uniform(size=n) < share).tolist(),
        (draw.uniform(size=n) < 0.5).tolist() if decided else None,
        None if decided and draw.uniform() < 0.5 else score.tolist(),
        threshold=float(draw.choice([0.0, 0.3, 0.5, 1.0])),
        favorable_positive=bool(draw.integers(2)),
        g=groups[0],
        h=groups[1],
    )
    return weighed(rows, draw.uniform(0, 2, n) + 0.01) if draw.uniform() < 0.3 else rows


def test_every_metric_is_finite_or_says_why_not_on_two_hundred_small_data() -> None:
    measured = set()
    for seed in range(200):
        rows = small(seed)
        for found in everything(rows):
            if found.value is None:
                assert found.reason, found
                assert (found.exact, found.low, found.high, found.p_value, found.bounds) == (None,) * 5
                continue
            measured.add(found.metric)
            assert found.reason is None
            assert math.isfinite(found.value), found
            assert CATALOGUE[found.metric].lowest <= found.value <= CATALOGUE[found.metric].highest, found
            if found.low is not None:
                assert found.high is not None
                assert math.isfinite(found.low)
                assert math.isfinite(found.high)
                assert found.low <= found.value <= found.high, found
            if found.p_value is not None:
                assert 0 <= found.p_value <= 1
            for group in found.groups:
                assert group.value is None or math.isfinite(group.value)
                assert (group.value is None) is (group.reason is not None), (found.metric, group)
    cube_only = {m.id for m in CATALOGUE.values() if "rows" not in m.needs and m.judges == "decisions"}
    assert measured >= cube_only - {"precision_at_k"}


def test_no_value_leaves_the_range_of_its_metric() -> None:
    measured = set()
    for seed in range(300):
        for found in everything(drawn(seed)):
            if found.value is not None:
                measured.add(found.metric)
                assert CATALOGUE[found.metric].lowest <= found.value <= CATALOGUE[found.metric].highest, (seed, found)
                assert found.low is None or found.high is None or found.low <= found.value <= found.high, (seed, found)
    assert measured >= set(CATALOGUE) - {"precision_at_k"}


SAID = {"min_group_size": "whole number", "calibration_slope": "infinite", "protected_attribute_used": "else 0",
        "proxy_strength": "from 0 (none) to 1"}  # fmt: skip


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_definition_says_the_range(name: str) -> None:
    one, text = CATALOGUE[name], " ".join(CATALOGUE[name].definition.definition.split()).replace("−", "-")
    if name in SAID:
        assert SAID[name] in text
    elif math.isinf(one.lowest):
        assert f"At most {one.highest:.0f}" in text
    elif math.isinf(one.highest):
        assert re.search(rf"\b(from|range) {one.lowest:.0f} up", text, re.IGNORECASE), text
    else:
        assert f"Range {one.lowest:.0f} to {one.highest:.0f}" in text


def test_gaps_and_ratios_of_rates_between_groups_say_that_they_are() -> None:
    rates = {m.id for m in CATALOGUE.values() if m.of_rates}
    assert all(CATALOGUE[name].per_attribute for name in rates)
    gaps = {"demographic_parity", "equalized_odds", "equal_opportunity", "predictive_parity", "true_positive_rate",
            "false_positive_rate"}  # fmt: skip
    ratios = {"demographic_parity_ratio", "adverse_impact_ratio", "scoring_rate_ratio"}
    assert rates == {f"{name}_difference" for name in gaps} | ratios


@pytest.mark.parametrize("n", [1, 2, 40])
def test_rows_that_all_weigh_nothing_are_none(n: int) -> None:
    rows = random_rows(n, n=n)
    for found in everything(weighed(rows, np.zeros(n))):
        assert found.value is None, found
        assert found.reason


@pytest.mark.parametrize("weight", [1e-12, 1e12, np.tile([1e-12, 1e12], 20)])
def test_weights_as_far_apart_as_they_may_be_give_finite_numbers(weight: float | np.ndarray) -> None:
    for found in everything(weighed(random_rows(4, n=40), np.full(40, weight))):
        numbers = (found.value, found.low, found.high, *(x for g in found.groups for x in (g.value, g.low, g.high)))
        assert all(x is None or math.isfinite(x) for x in numbers), found
        assert (found.value is None) is (found.reason is not None)


def test_an_attribute_without_levels_compares_nothing() -> None:
    rows = evidence([], score=[], g=[], h=[])
    assert rows.attributes[0].levels == ()
    for found in everything(rows):
        assert found.value is None, found
        assert found.reason


@pytest.mark.parametrize("score", [[0.0, 1.0], [0.0], [1.0], [0.3], [5e-324, 0.0], [1.0, float(np.nextafter(1, 0))]])
def test_scores_at_the_ends_and_all_alike_give_finite_numbers(score: list[float]) -> None:
    names = [str(i) for i in range(1_000)]
    rows = evidence([0, 1, 1, 0] * 250, score=(score * 1_000)[:1_000], g=names, h=["x", "y"] * 500)
    for found in everything(rows):
        assert found.value is None or math.isfinite(found.value), found
        assert (found.value is None) is (found.reason is not None)


@pytest.mark.parametrize("name", CATALOGUE)
def test_advice_names_no_command_that_does_not_exist(name: str) -> None:
    from glassalpha_action.cli.main import COMMANDS

    advice = CATALOGUE[name].advice
    for text in (advice.issue, *advice.causes, *advice.fixes):
        for part in text.split("`")[1::2]:
            if part.startswith("glassalpha "):
                assert part.split()[1] in {*COMMANDS, "detect-bias"}, text
    assert len(set(advice.fixes)) == len(advice.fixes)


def test_which_way_is_better_agrees_with_perfection() -> None:
    label = [k % 2 for k in range(80)]
    groups = ["a", "a", "b", "b"] * 20
    perfect = evidence(label, score=[0.1 + 0.8 * y for y in label], g=groups)
    draw = np.random.default_rng(1)
    poor = evidence(label, score=np.round(draw.uniform(size=80), 2).tolist(), g=groups)
    for a, b in paired(perfect, poor, DRAWN | SIZES):
        if a.value is not None and b.value is not None and CATALOGUE[a.metric].family == "performance":
            better = a.value >= b.value if a.better is Better.higher else a.value <= b.value
            assert better, a.metric


@pytest.mark.parametrize("seed", range(2))
def test_combinations_of_attributes_are_groups_like_any_others(seed: int) -> None:
    rows = random_rows(seed, n=500)
    g, h = rows.attributes
    levels = tuple(f"{a} & {b}" for a in g.levels for b in h.levels)
    joined = replace(rows, attributes=(replace(g, name="g & h", levels=levels, codes=g.codes * 2 + h.codes),))
    cube, other = build(rows), build(joined)
    for metric in CATALOGUE.values():
        if metric.per_attribute and metric.id not in DRAWN:
            combined = metric.measure_over(("g", "h"), rows, cube, 0.95, {})
            (alone,) = metric.measure(joined, other, 0.95, {})
            assert alike(values(combined), values(alone)), metric.id
            assert alike([combined.low, combined.high], [alone.low, alone.high]), metric.id


def test_missing_values_can_be_counted_as_a_group_by_every_metric() -> None:
    rows = random_rows(3, n=300)
    g = [None if k % 7 == 0 else "ab"[k % 2] for k in range(300)]
    assert rows.score is not None
    some = evidence(rows.label.tolist(), score=rows.score.tolist(), g=g)
    named = evidence(rows.label.tolist(), score=rows.score.tolist(), g=["zz" if v is None else v for v in g])
    for metric in CATALOGUE.values():
        if metric.per_attribute and metric.judges == "decisions" and metric.id not in DRAWN:
            counted = metric.measure_over(("g",), some, build(some), 0.95, {}, missing=True)
            (plain,) = metric.measure(named, build(named), 0.95, {})
            assert alike([counted.value], [plain.value]), metric.id


def test_rows_that_all_weigh_nothing_are_no_rows() -> None:
    rows = weighed(random_rows(1, n=30), np.zeros(30))
    for found in everything(rows):
        assert found.value is None or found.metric in DRAWN | SIZES | {"protected_attribute_used"}, found
        assert (found.value is None) is (found.reason is not None)


@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_the_scale_of_weights_does_not_matter(scale: float) -> None:
    rows = random_rows(2, n=200)
    for a, b in paired(rows, weighed(rows, np.full(200, scale)), DRAWN | COUNTED):
        assert alike([a.value], [b.value]), a.metric
        assert (a.low is None) is (b.low is None)
        if a.low is not None and b.low is not None:
            assert a.low == pytest.approx(b.low, abs=1e-6), a.metric
