from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from tests.metrics.rows import counts, evidence, random_rows, single

ECE = "expected_calibration_error"


def decimal_bin(p: float) -> int:
    """min(9, ⌊10·p⌋) on the decimal a person reads."""
    return min(9, int(Decimal(repr(p)) * 10))


def ece_by_rows(label: list[int], score: list[float]) -> float:
    total = 0.0
    for b in range(10):
        chosen = [(y, p) for y, p in zip(label, score, strict=True) if decimal_bin(p) == b]
        total += abs(sum(y for y, _ in chosen) - sum(p for _, p in chosen))
    return total / len(label)


def test_ece_by_hand() -> None:
    # Ten rows at 0.2 with 3 positives, thirty at 0.8 with 18: (10·0.1 + 30·0.2) / 40.
    rows = evidence([1] * 3 + [0] * 7 + [1] * 18 + [0] * 12, score=[0.2] * 10 + [0.8] * 30)
    found = single(ECE, rows)
    assert found.value == pytest.approx(0.175, abs=1e-9)
    assert found.n == 40


def test_a_score_of_one_counts() -> None:
    # [lo, hi) bins drop it, and call a model that is wrong on every row perfectly calibrated.
    score = np.array([1.0, 1.0])
    assert sum(((score >= b / 10) & (score < (b + 1) / 10)).sum() for b in range(10)) == 0
    assert single(ECE, evidence([0, 0], score=score.tolist())).value == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("tenth", range(10))
def test_an_edge_belongs_to_the_bin_above_it(tenth: int) -> None:
    edge = tenth / 10
    inside, below = edge + 0.05, float(np.nextafter(edge, 0)) if tenth else 0.0
    # Errors of opposite sign cancel within a bin and add up across two.
    together = single(ECE, evidence([1, 0], score=[edge, inside])).value
    assert together == pytest.approx(abs(1 - edge - inside) / 2, abs=1e-9)
    if tenth:
        apart = single(ECE, evidence([1, 0], score=[below, inside])).value
        assert apart == pytest.approx((abs(1 - below) + inside) / 2, abs=1e-9)


def test_scikit_learn_puts_an_edge_in_the_bin_below() -> None:
    assert len(calibration_curve([1, 0], [0.3, 0.35], n_bins=10)[0]) == 2
    assert single(ECE, evidence([1, 0], score=[0.3, 0.35])).value == pytest.approx(0.175, abs=1e-9)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.one_of(st.floats(0, 1), st.integers(0, 100).map(lambda k: k / 100))),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=60, deadline=None)
def test_ece_and_brier_equal_the_definition_on_rows(pairs: list[tuple[int, float]]) -> None:
    label, score = [y for y, _ in pairs], [p for _, p in pairs]
    rows = evidence(label, score=score, threshold=0.37)
    ece, brier = single(ECE, rows), single("brier_score", rows)
    assert ece.value == pytest.approx(ece_by_rows(label, score), abs=1e-9)
    assert brier.value == pytest.approx(np.mean([(p - y) ** 2 for y, p in pairs]), abs=1e-9)
    for found in (ece, brier):
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("seed", range(4))
def test_brier_equals_scikit_learns(seed: int) -> None:
    rows = random_rows(seed, digits=9)
    assert single("brier_score", rows).value == pytest.approx(brier_score_loss(rows.label, rows.score), abs=1e-9)


def test_brier_interval_is_close_to_the_normal_one() -> None:
    rows = random_rows(1, n=4000, digits=6)
    assert rows.score is not None
    loss = (rows.score - rows.label) ** 2
    half = 1.96 * loss.std() / math.sqrt(loss.size)
    found = single("brier_score", rows)
    assert (found.low, found.high) == pytest.approx((loss.mean() - half, loss.mean() + half), rel=0.02)


def test_noise_floor_by_hand() -> None:
    # v = 100·0.25 in one bin: √(2·25/π)/100 = 0.0399.
    assert "about 0.040 on" in str(single(ECE, evidence([0, 1] * 50, score=[0.5] * 100)).detail)
    # v = 50·0.09 in each of two bins: 2·√(9/π)/100 = 0.0339.
    rows = evidence([0] * 45 + [1] * 5 + [1] * 45 + [0] * 5, score=[0.1] * 50 + [0.9] * 50)
    assert "about 0.034 on" in str(single(ECE, rows).detail)


def test_noise_floor_is_what_calibrated_labels_show() -> None:
    draw = np.random.default_rng(5)
    score = np.round(draw.uniform(size=500), 3)
    errors = [ece_by_rows((draw.uniform(size=500) < score).astype(int).tolist(), score.tolist()) for _ in range(40)]
    said = str(single(ECE, evidence([0] * 500, score=score.tolist())).detail)
    assert float(re.findall(r"about ([0-9.]+) on", said)[0]) == pytest.approx(np.mean(errors), rel=0.1)


@pytest.mark.parametrize(
    ("score", "n", "positives", "chance"),
    # chance = P(|X − n·p| ≥ |positives − n·p|) for X binomial(n, p), its ties included.
    [(0.5, 10, 9, 0.021484), (0.3, 10, 6, 0.075598), (0.3, 10, 0, 0.075598), (0.7, 20, 14, 1.0), (0.2, 5, 2, 0.59040)],
)
def test_consistency_p_value_against_the_binomial(score: float, n: int, positives: int, chance: float) -> None:
    found = single(ECE, evidence([1] * positives + [0] * (n - positives), score=[score] * n))
    assert found.p_value == pytest.approx(chance, abs=0.05 if chance > 0.5 else 0.025)


def test_consistency_tells_calibrated_from_not() -> None:
    draw = np.random.default_rng(11)
    score = draw.uniform(size=3000)
    good = (draw.uniform(size=3000) < score).astype(int)
    bad = (draw.uniform(size=3000) < score**2).astype(int)
    calibrated = single(ECE, evidence(good.tolist(), score=score.tolist()))
    shifted = single(ECE, evidence(bad.tolist(), score=score.tolist()))
    assert calibrated.p_value is not None
    assert calibrated.p_value > 0.05
    assert shifted.p_value == pytest.approx(1 / 1001)


def test_ece_interval_narrows_with_rows_and_holds_the_truth() -> None:
    # P(positive) is p − 0.15 everywhere on [0.2, 1]: the true ECE is 0.15.
    widths = []
    for n in (300, 3000):
        draw = np.random.default_rng(2)
        score = draw.uniform(0.2, 1, size=n)
        label = (draw.uniform(size=n) < score - 0.15).astype(int)
        found = single(ECE, evidence(label.tolist(), score=score.tolist()))
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0.15 < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_a_perfect_classifier_is_perfect() -> None:
    rows = evidence([0] * 5 + [1] * 5, score=[0.0] * 5 + [1.0] * 5)
    assert single(ECE, rows).value == pytest.approx(0, abs=1e-9)
    assert single("brier_score", rows).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("metric", [ECE, "brier_score"])
def test_without_scores_or_rows_there_is_no_number(metric: str) -> None:
    for rows in (counts(a=(1, 1, 1, 1)), evidence([], score=[])):
        found = single(metric, rows)
        assert (found.value, found.low, found.p_value) == (None, None, None)
        assert found.reason


@pytest.mark.parametrize("metric", [ECE, "brier_score"])
def test_the_same_rows_give_the_same_interval(metric: str) -> None:
    assert single(metric, random_rows(9)) == single(metric, random_rows(9))
