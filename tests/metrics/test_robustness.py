from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from glassalpha_action.evidence import MISSING, Evidence, Floats
from tests.metrics.rows import counts, evidence, random_rows, single

SHIFT = "max_shift_degradation"


def _ece(rows: Evidence, w: Floats) -> float:
    assert rows.score is not None
    bins = np.minimum(9, (np.round(rows.score, 9) * 10 + 1e-9).astype(int))
    error = sum(abs((w * (rows.label - rows.score))[bins == b].sum()) for b in range(10))
    return float(error / w.sum())


def _gaps(rows: Evidence, w: Floats, codes: np.ndarray, levels: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for name, among in (("selection", np.ones(rows.rows, bool)), ("tpr", rows.label), ("fpr", ~rows.label)):
        rates = []
        for i, level in enumerate(levels):
            chosen = among & (codes == i)
            if level != MISSING and chosen.any():
                rates.append(np.average(rows.decision[chosen], weights=w[chosen]))
        if len(rates) > 1:
            found[name] = max(rates) - min(rates)
    return found


def _qualities(rows: Evidence, w: Floats, moved: str) -> dict[str, float]:
    found = {"accuracy": -accuracy_score(rows.label, rows.decision, sample_weight=w)}
    if rows.score is not None:
        found["ece"] = _ece(rows, w)
        found["auc"] = -roc_auc_score(rows.label, rows.score, sample_weight=w)
    for other in rows.attributes:
        if other.name != moved:
            found |= {f"{other.name} {k}": v for k, v in _gaps(rows, w, other.codes, other.levels).items()}
    return found


def brute_force(rows: Evidence, shift: float) -> dict[str, float]:
    """The worsening in every feasible scenario, by weighting the rows themselves."""
    found = {}
    for attribute in rows.attributes:
        before = _qualities(rows, np.ones(rows.rows), attribute.name)
        for i, level in enumerate(attribute.levels):
            n = int((attribute.codes == i).sum())
            for change in (-shift, shift):
                share = n / rows.rows
                if level == MISSING or not 0 < n < rows.rows or not 0.01 <= share + change <= 0.99:
                    continue
                w = np.where(attribute.codes == i, (share + change) / share, (1 - share - change) / (1 - share))
                after = _qualities(rows, w, attribute.name)
                found[f"{attribute.name}: {level} {change * 100:+.0f} points"] = max(
                    0.0, *(after[q] - before[q] for q in before)
                )
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.1, 0.05, 0.2])
def test_it_equals_weighting_the_rows_themselves(seed: int, shift: float) -> None:
    rows = random_rows(seed, n=300)
    expected = brute_force(rows, shift)
    found = single(SHIFT, rows, shift=shift)
    shown = {g.level.rpartition(" (")[0]: g.value for g in found.groups}
    assert shown == pytest.approx(expected, abs=1e-8)
    assert found.value == pytest.approx(max(expected.values()), abs=1e-8)
    assert found.between[0] in {k for k, v in expected.items() if v == pytest.approx(found.value, abs=1e-8)}
    assert found.between[0] in str(found.detail)


def test_missing_values_keep_their_part() -> None:
    draw = np.random.default_rng(4)
    rows = random_rows(1, n=200)
    g = ["a" if u < 0.3 else "b" if u < 0.8 else None for u in draw.uniform(size=200)]
    assert rows.score is not None
    mixed = evidence(rows.label.tolist(), score=rows.score.tolist(), g=g, h=draw.choice(["x", "y"], 200).tolist())
    found = single(SHIFT, mixed)
    expected = brute_force(mixed, 0.1)
    assert {x.level.rpartition(" (")[0]: x.value for x in found.groups} == pytest.approx(expected, abs=1e-8)


def test_by_hand() -> None:
    # a: 90 of 100 right, b: 50 of 100 right. b at 60% of the population: 0.54 + 0.5·0.6 − … = 0.66 against 0.70.
    rows = counts(a=(45, 5, 5, 45), b=(25, 25, 25, 25))
    found = single(SHIFT, rows)
    assert found.value == pytest.approx(0.04)
    assert "accuracy" in str(found.detail)
    assert found.between in {("g: b +10 points",), ("g: a -10 points",)}
    assert "cannot move an attribute's own gap" in str(found.detail)


def test_the_other_attributes_gap_is_looked_at() -> None:
    # Within a, x is always selected and y never; within b all are. Every decision is right, and nothing else changes.
    decision = [1] * 50 + [0] * 50 + [1] * 100
    rows = evidence(decision, decision, g=["a"] * 100 + ["b"] * 100, h=["x"] * 50 + ["y"] * 50 + ["x", "y"] * 50)
    found = single(SHIFT, rows)
    assert found.value == pytest.approx(0.1)
    assert "h selection rate gap" in str(found.detail)


def test_groups_served_alike_do_not_degrade() -> None:
    found = single(SHIFT, counts(a=(40, 10, 10, 40), b=(20, 5, 5, 20)))
    assert found.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("small", "feasible"), [(10, False), (11, True), (12, True)])
def test_the_ends_of_the_feasible_range_belong_to_it(small: int, feasible: bool) -> None:
    rows = evidence([0, 1] * 50, [0] * 100, g=["a"] * small + ["b"] * (100 - small))
    found = single(SHIFT, rows)
    levels = {g.level.rpartition(" (")[0] for g in found.groups}
    assert ("g: a -10 points" in levels) is feasible
    assert ("Not feasible: g: a -10 points, g: b +10 points" in str(found.detail)) is not feasible


def test_nothing_feasible_is_not_estimable() -> None:
    found = single(SHIFT, counts(a=(5, 5, 5, 5)))
    assert found.value is None
    assert "g: a -10 points" in str(found.reason)
    assert single(SHIFT, counts(a=(50, 5, 5, 40), b=(50, 5, 5, 40)), shift=0.6).value is None


def test_without_attributes_or_values_it_is_not_estimable() -> None:
    bare = single(SHIFT, evidence([0, 1], [0, 1]))
    assert (bare.value, bare.reason) == (None, "no protected attribute is declared")
    empty = single(SHIFT, evidence([0, 1], [0, 1], g=[None, None]))
    assert empty.value is None
    assert "no protected attribute is declared" not in str(empty.reason)


@pytest.mark.parametrize("shift", [0.0, -0.1, 1.0, 7.0])
def test_a_shift_that_is_none_gives_no_number(shift: float) -> None:
    assert single(SHIFT, counts(a=(5, 5, 5, 5), b=(1, 1, 1, 9)), shift=shift).value is None


def test_one_class_is_judged_on_what_there_is() -> None:
    rows = evidence([0] * 100, score=[0.1] * 50 + [0.9] * 50, g=["a", "b"] * 50)
    found = single(SHIFT, rows)
    assert found.value == pytest.approx(0, abs=1e-9)


def test_a_perfect_classifier_does_not_degrade() -> None:
    label = [0, 1] * 60
    rows = evidence(label, score=[float(y) for y in label], g=["a", "b", "b"] * 40)
    assert single(SHIFT, rows).value == pytest.approx(0, abs=1e-9)


def test_two_attributes_of_five_hundred_levels_are_affordable() -> None:
    draw = np.random.default_rng(0)
    n = 3000
    rows = evidence(
        draw.integers(0, 2, n).tolist(),
        score=draw.uniform(size=n).tolist(),
        g=[f"g{i % 500}" for i in range(n)],
        h=[f"h{(i * 7) % 499}" for i in range(n)],
    )
    started = time.process_time()
    found = single(SHIFT, rows)
    assert found.value is not None
    assert time.process_time() - started < 10
