from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from glassalpha_action.cube import build
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.metrics.intervals import wilson
from tests.metrics.rows import counts, evidence, random_rows, single
from tests.metrics.weights import random_weights

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


def test_the_largest_error_of_a_bin_by_hand() -> None:
    # Ten rows at 0.2 with 3 positives are 0.1 off, thirty at 0.8 with 18 are 0.2 off.
    rows = evidence([1] * 3 + [0] * 7 + [1] * 18 + [0] * 12, score=[0.2] * 10 + [0.8] * 30)
    found = single("maximum_calibration_error", rows)
    assert found.value == pytest.approx(0.2, abs=1e-9)
    assert "between scores of 0.8 and 0.9, where 30 rows score 0.800 on average and 0.600" in str(found.detail)
    corrected = 1 - 0.05 / 2
    ends = [np.array(wilson(k, n, corrected)) - p for k, n, p in ((3, 10, 0.2), (18, 30, 0.8))]
    assert found.low == pytest.approx(max(max(0, low, -high) for low, high in ends), abs=1e-9)
    assert found.high == pytest.approx(max(max(abs(low), abs(high)) for low, high in ends), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_error_of_a_bin_equals_the_definition_on_rows(seed: int) -> None:
    rows = random_rows(seed, digits=4)
    assert rows.score is not None
    bins = np.array([decimal_bin(p) for p in rows.score.tolist()])
    errors = [abs((rows.label - rows.score)[bins == b].mean()) for b in range(10) if (bins == b).any()]
    found = single("maximum_calibration_error", rows)
    assert found.value == pytest.approx(max(errors), abs=1e-9)
    assert found.value is not None
    assert found.value >= (single(ECE, rows).value or 0)


def debiased_by_rows(label: np.ndarray, score: np.ndarray) -> float:
    """Kumar, Liang and Ma's estimator, its ten bins holding the same number of rows each (no ties)."""
    order, total = np.argsort(score), 0.0
    for chosen in np.array_split(order, 10):
        y, p, n = label[chosen].mean(), score[chosen].mean(), chosen.size
        total += n / label.size * ((y - p) ** 2 - y * (1 - y) / (n - 1))
    return math.sqrt(max(0.0, total))


@pytest.mark.parametrize("seed", range(5))
def test_the_debiased_error_equals_the_definition_on_rows(seed: int) -> None:
    draw = np.random.default_rng(seed)
    score = draw.uniform(size=400)
    label = draw.uniform(size=400) < score**2
    found = single("debiased_calibration_error", evidence(label.tolist(), score=score.tolist()))
    assert found.value == pytest.approx(debiased_by_rows(label, score), abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert 0 <= found.low <= found.value <= found.high


def test_the_debiased_error_of_calibrated_scores_is_near_zero_where_the_plain_one_is_not() -> None:
    squares, plain = [], []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        score = draw.uniform(size=200)
        rows = evidence((draw.uniform(size=200) < score).tolist(), score=score.tolist())
        squares.append((single("debiased_calibration_error", rows).value or 0) ** 2)
        plain.append(single(ECE, rows).value or 0)
    assert math.sqrt(np.mean(squares)) < 0.05 < np.mean(plain)


def test_tied_rows_stay_in_one_bin_whatever_their_order() -> None:
    score = [0.2] * 50 + [0.7] * 50
    found = {
        single("debiased_calibration_error", evidence(list(label), score=score)).value
        for label in ([1] * 10 + [0] * 40 + [1] * 30 + [0] * 20, [0] * 40 + [1] * 10 + [0, 1] * 20 + [1] * 10)
    }
    # (0.2 − 0.2)² − 0.16/49 and (0.6 − 0.7)² − 0.24/49, half each.
    (only,) = found
    assert only == pytest.approx(math.sqrt((0.01 - 0.24 / 49 - 0.16 / 49) / 2), abs=1e-9)


def test_the_debiased_error_needs_two_rows_in_every_bin() -> None:
    found = single("debiased_calibration_error", evidence([0, 1] * 9, score=(np.arange(18) / 20).tolist()))
    assert "fewer than two rows" in str(found.reason)


def test_calibration_in_the_large_by_hand() -> None:
    # 5 of 10 are positive, scored 0.3 on average; the spread of y − p is 0.5 on either side of 0.2.
    found = single("calibration_in_the_large", evidence([1, 0] * 5, score=[0.3] * 10))
    half = 1.959963984540054 * 0.5 / math.sqrt(10)
    assert found.value == pytest.approx(0.2, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)


def test_a_few_rows_that_happen_to_agree_leave_calibration_in_the_large_unsure() -> None:
    found = single("calibration_in_the_large", evidence([0, 0], score=[0.1, 0.1]))
    assert found.value == pytest.approx(-0.1, abs=1e-9)
    assert found.high is not None
    assert found.high > 0.2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_the_slope_equals_scikit_learns_and_statsmodels(seed: int, weighted: bool) -> None:
    rows = random_weights(seed, digits=3) if weighted else random_rows(seed, digits=3)
    assert rows.score is not None
    p = np.clip(rows.score, 1e-6, 1 - 1e-6)
    x = np.log(p / (1 - p))
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000, solver="newton-cholesky")
    fitted.fit(x[:, None], rows.label, sample_weight=rows.weight)
    found = single("calibration_slope", rows)
    assert found.value == pytest.approx(fitted.coef_[0, 0], abs=1e-7)
    assert f"{fitted.intercept_[0]:.3f}" in str(found.detail)
    if not weighted:
        logit = sm.Logit(rows.label.astype(float), sm.add_constant(x)).fit(disp=0)
        assert (found.low, found.high) == pytest.approx(tuple(logit.conf_int()[1]), abs=1e-6)


def test_the_slope_of_many_scores_equals_that_of_the_definition() -> None:
    rows = random_rows(5, n=20_000, digits=12)
    assert rows.score is not None
    p = np.clip(rows.score, 1e-6, 1 - 1e-6)
    x = np.log(p / (1 - p))
    logit = sm.Logit(rows.label.astype(float), sm.add_constant(x)).fit(disp=0)
    found = single("calibration_slope", rows)
    assert found.value == pytest.approx(logit.params[1], abs=1e-8)


def test_the_slope_of_scores_that_are_twice_too_extreme_is_a_half() -> None:
    draw = np.random.default_rng(1)
    odds = draw.normal(0, 1.5, 20_000)
    label = draw.uniform(size=odds.size) < 1 / (1 + np.exp(-odds))
    found = single("calibration_slope", evidence(label.tolist(), score=(1 / (1 + np.exp(-2 * odds))).tolist()))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.06


@pytest.mark.parametrize(
    ("label", "score", "reason"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "a threshold separates"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], "a threshold separates"),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], "a threshold separates"),
        ([0, 1, 0, 1], [0.5] * 4, "same score"),
        ([0, 1, 0, 1], [1e-9, 1e-7, 0.0, 1e-8], "same score"),
        ([1, 1], [0.1, 0.9], "same label"),
        ([], [], "no rows"),
    ],
)
def test_a_slope_that_does_not_exist_gives_no_number(label: list[int], score: list[float], reason: str) -> None:
    found = single("calibration_slope", evidence(label, score=score))
    assert found.value is None
    assert reason in str(found.reason)


@pytest.mark.parametrize("metric", ["debiased_calibration_error", "calibration_slope"])
def test_counts_alone_do_not_give_what_needs_rows(metric: str) -> None:
    (found,) = CATALOGUE[metric].measure(None, build(random_rows(1)), 0.95, {})
    assert "needs rows" in str(found.reason)


@pytest.mark.parametrize(
    "metric", ["maximum_calibration_error", "debiased_calibration_error", "calibration_in_the_large"]
)
def test_a_perfect_classifier_has_no_error(metric: str) -> None:
    rows = evidence([0] * 20 + [1] * 20, score=[0.0] * 20 + [1.0] * 20)
    assert single(metric, rows).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "metric", ["maximum_calibration_error", "debiased_calibration_error", "calibration_in_the_large"]
)
def test_nothing_to_calibrate_gives_no_number(metric: str) -> None:
    assert "scores are not in the data" in str(single(metric, counts(a=(1, 1, 1, 1))).reason)
    assert single(metric, evidence([], score=[])).reason == "there are no rows"
