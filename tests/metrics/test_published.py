"""Numbers that others have printed, found again: each test names where it stands."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from glassalpha_action.evidence import MISSING, REGRESSION, Evidence
from glassalpha_action.metrics.impact import fisher, yates
from glassalpha_action.metrics.intervals import newcombe, ratio, wilson
from glassalpha_action.metrics.power import least_power, rows_needed, two_proportions
from glassalpha_action.records import Measurement
from tests.metrics.columns import having
from tests.metrics.rows import counts, evidence, measure, single

# Larson, Mattu, Kirchner and Angwin 2016, "How We Analyzed the COMPAS Recidivism Algorithm", table of two-year
# recidivism by risk: low and survived, high and survived, low and recidivated, high and recidivated.
COMPAS = counts(black=(990, 805, 532, 1369), white=(1139, 349, 461, 505))


def rates(found: Measurement) -> dict[str, float | None]:
    return {g.level: g.value for g in found.groups}


def selected(reference: str | None = None, **groups: tuple[int, int]) -> Evidence:
    """Rows of one attribute `g`: each level's (selected, rows)."""
    decision = [int(i < k) for k, n in groups.values() for i in range(n)]
    rows = evidence([0] * len(decision), decision, g=[name for name, (_, n) in groups.items() for _ in range(n)])
    return replace(rows, attributes=(replace(rows.attributes[0], reference=reference),))


def test_error_rates_of_a_recidivism_score_by_race() -> None:
    """Larson et al. 2016: false positives 44.85 and 23.45 percent, false negatives 27.99 and 47.72."""
    wrongly_high = rates(single("false_positive_rate_difference", COMPAS))
    assert wrongly_high == pytest.approx({"black": 0.4485, "white": 0.2345}, abs=5e-5)
    found_high = rates(single("true_positive_rate_difference", COMPAS))
    assert found_high == pytest.approx({"black": 1 - 0.2799, "white": 1 - 0.4772}, abs=5e-5)
    odds = single("equalized_odds_difference", COMPAS)
    assert (odds.of, odds.between) == ("false positive rate", ("white", "black"))
    assert odds.value == pytest.approx(0.4485 - 0.2345, abs=1e-4)
    assert odds.low is not None
    assert odds.low > 0.15


def test_predictive_values_of_a_recidivism_score_by_race() -> None:
    """Larson et al. 2016: positive predictive value 0.63 and 0.59, negative 0.65 and 0.71."""
    positive = single("predictive_parity_difference", COMPAS)
    assert rates(positive) == pytest.approx({"black": 0.63, "white": 0.59}, abs=5e-3)
    negative = single("predictive_parity_difference", replace(COMPAS, favorable_positive=False))
    assert rates(negative) == pytest.approx({"black": 0.65, "white": 0.71}, abs=5e-3)


def test_accuracy_of_a_recidivism_score() -> None:
    """Dressel and Farid 2018, table 2: 65.4 percent of 7,214 defendants, binomial interval 64.3 to 66.5.

    The counts are those of Larson et al. 2016, all defendants, with their rates of 32.35 and 37.40 percent.
    """
    everyone = counts(all=(2681, 1282, 1216, 2035))
    found = single("accuracy", everyone)
    assert (found.n, found.value) == (7214, pytest.approx(0.654, abs=5e-4))
    assert (found.low, found.high) == pytest.approx((0.643, 0.665), abs=6e-4)
    assert single("specificity", everyone).value == pytest.approx(1 - 0.3235, abs=5e-5)
    assert single("recall", everyone).value == pytest.approx(1 - 0.3740, abs=5e-5)


def test_impact_ratios_of_the_uniform_guidelines() -> None:
    """Questions and Answers on the Uniform Guidelines (44 FR 11996, 1979), question 11.

    Hiring rates of 60, 45, 48 and 51 percent: ratios of 75, 80 and 85 percent, of which only the first is adverse.
    """
    found = single(
        "adverse_impact_ratio",
        selected("White", White=(600, 1000), AmericanIndian=(45, 100), Hispanic=(48, 100), Black=(51, 100)),
    )
    assert rates(found) == pytest.approx({"White": 1, "AmericanIndian": 0.75, "Hispanic": 0.8, "Black": 0.85})
    assert found.exact == "3/4"
    assert found.between == ("AmericanIndian", "White")


def test_four_fifths_on_the_boundary() -> None:
    """29 CFR 1607.4(D): less than four fifths is evidence, four fifths is not; 48 against 60 percent is 4/5."""
    found = single("demographic_parity_ratio", selected(a=(60, 100), b=(48, 100)))
    assert (found.value, found.exact) == (0.8, "4/5")
    # In floating point 0.42 / 0.525 falls short of four fifths, which it does not.
    assert (21 / 50) / (21 / 40) < 0.8
    found = single("adverse_impact_ratio", selected("a", a=(21, 40), b=(21, 50)))
    assert found.exact == "4/5"
    assert "would reach four fifths" not in str(found.detail)


def test_a_textbook_promotion_case() -> None:
    """Exercises on the four-fifths rule (No-See-Um Exterminating, Rodney Rat's Theme Park): 15 of 31 and 6 of 24
    promoted give 51.6 percent, 30 of 65 and 21 of 55 hired give 82.7 percent."""
    assert single("adverse_impact_ratio", selected(a=(15, 31), b=(6, 24))).value == pytest.approx(0.5167, abs=1e-4)
    assert single("adverse_impact_ratio", selected(a=(30, 65), b=(21, 55))).value == pytest.approx(0.827, abs=5e-4)


# 6 RCNY 5-300 ff., the rule's example of a tool that scores: rows, and how many score above the median. That of race
# leaves 36 of the 168 rows unknown.
SEX = {"Male": (50, 92), "Female": (34, 76)}
RACE = {
    "Hispanic": (18, 28),
    "White": (15, 40),
    "Black": (16, 32),
    "NHPI": (5, 8),
    "Asian": (10, 24),
    MISSING: (20, 36),
}


def spread(table: dict[str, tuple[int, int]]) -> tuple[list[str | None], list[float]]:
    """Each row's level, and a score of its own above or below one half."""
    levels = [None if name == MISSING else name for name, (_, n) in table.items() for _ in range(n)]
    above = [i < k for k, n in table.values() for i in range(n)]
    return levels, [(0.6 if up else 0.2) + i / 1000 for i, up in enumerate(above)]


def test_scoring_rates_of_new_york_citys_rule() -> None:
    """6 RCNY 5-301(c), the rule's own example: scoring rates and impact ratios by sex and by race.

    The rule cuts 18/28 to 64.2 percent, so rates are compared to a tenth of a point.
    """
    expected_rates = {
        "Male": 0.543, "Female": 0.447, "Hispanic": 0.642, "White": 0.375, "Black": 0.5, "NHPI": 0.625, "Asian": 0.417,
    }  # fmt: skip
    expected_ratios = {
        "Male": 1.0, "Female": 0.82, "Hispanic": 1.0, "White": 0.58, "Black": 0.78, "NHPI": 0.97, "Asian": 0.65,
    }  # fmt: skip
    for table, least in ((SEX, "Female"), (RACE, "White")):
        levels, score = spread(table)
        found = single("scoring_rate_ratio", evidence([0] * 168, score=score, group=levels))
        shown = {level: rate for level, rate in rates(found).items() if level != MISSING}
        assert shown == pytest.approx({name: expected_rates[name] for name in shown}, abs=1.01e-3)
        highest = max(rate or 0 for rate in shown.values())
        assert {name: round((rate or 0) / highest, 2) for name, rate in shown.items()} == {
            name: expected_ratios[name] for name in shown
        }
        assert round(found.value or 0, 2) == expected_ratios[least]
        assert found.between[0] == least


def test_intervals_of_new_york_citys_impact_ratios() -> None:
    """The same example's ratios with Katz's intervals: NHPI 0.97 [0.53, 1.78], White 0.58 [0.36, 0.95]."""
    table = {name: row for name, row in RACE.items() if name != MISSING}
    found = single("adverse_impact_ratio", selected("Hispanic", **table))
    shown = {g.level: (g.value, g.low, g.high) for g in found.groups}
    assert shown["NHPI"] == pytest.approx((0.97, 0.53, 1.78), abs=5e-3)
    assert shown["White"] == pytest.approx((0.58, 0.36, 0.95), abs=5e-3)
    assert found.between == ("White", "Hispanic")


def test_a_group_too_small_to_count_is_not_everyones_measure() -> None:
    """A fault of a public LL144 tool: three people of whom all are selected become the group others are held to."""
    found = single("adverse_impact_ratio", selected(a=(60, 100), b=(55, 100), tiny=(3, 3)))
    assert found.between == ("b", "a")
    assert found.value == pytest.approx(55 / 60)


def test_area_and_delong_interval_of_hanley_and_mcneils_ratings() -> None:
    """Hanley and McNeil 1982, table I: 58 normal and 51 abnormal images rated 1 to 5, area 0.893.

    Stata's manual, roctab on the same data: area 0.8932, standard error 0.0307 (DeLong's), interval 0.83295 to 0.95339.
    """
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    label, score = [], []
    for rating in range(5):
        label += [0] * normal[rating] + [1] * abnormal[rating]
        score += [0.1 + 0.2 * rating] * (normal[rating] + abnormal[rating])
    found = single("roc_auc", evidence(label, score=score))
    assert found.n == 109
    assert found.value == pytest.approx(0.8932, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.83295, 0.95339), abs=5e-6)


def test_delong_interval_of_another_tools_documentation() -> None:
    """The README of the Python package pauc: AUC 0.708, interval 0.378 to 1.000."""
    label = [0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1]
    score = [0.1, 0.35, 0.24, 0.8, 0.2, 0.85, 0.13, 0.85, 0.74, 0.58, 0.71, 0.25]
    found = single("roc_auc", evidence(label, score=score))
    assert (found.value, found.low, found.high) == pytest.approx((0.708, 0.378, 1.0), abs=5e-4)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_differences(a: tuple[int, int], b: tuple[int, int], low: float, high: float) -> None:
    """Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10."""
    assert newcombe(a, b, 0.95) == pytest.approx((low, high), abs=5e-5)
    found = single("demographic_parity_difference", selected(a=a, b=b))
    assert (found.low, found.high) == pytest.approx((max(0.0, low), high), abs=5e-5)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_intervals(k: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert wilson(k, n, 0.95) == pytest.approx((low, high), abs=5e-5)
    assert (single("recall", counts(a=(0, 0, n - k, k))).low) == pytest.approx(low, abs=5e-5)


def test_relative_risk_of_the_physicians_health_study() -> None:
    """Agresti 2007, section 2.3: 189 of 11,034 on placebo and 104 of 11,037 on aspirin had a heart attack; 1.82, 95%
    interval 1.43 to 2.30."""
    low, high = ratio((189, 11_034), (104, 11_037), 0.95)
    assert (189 / 11_034 / (104 / 11_037), low, high) == pytest.approx((1.82, 1.43, 2.30), abs=6e-3)


def test_fishers_lady_tasting_tea() -> None:
    """Fisher 1935: three of four cups named rightly, p = 34/70 on both sides; scipy's fisher_exact documentation:
    [[6, 2], [1, 4]] gives 0.1026, and [[8, 2], [1, 5]] 0.0350."""
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(6, 8, 1, 5) == pytest.approx(0.1026, abs=5e-5)
    assert fisher(8, 10, 1, 6) == pytest.approx(0.0350, abs=5e-5)


def test_yatess_correction() -> None:
    """Yates 1934: the correction never makes a statistic negative. Smokers of Fleiss 1981, R's help(prop.test), first
    two groups: 83 of 86 and 90 of 93 differ by less than half a row."""
    assert yates((83, 86), (90, 93)) == 1.0


@pytest.mark.parametrize(("n", "power"), [(50, 0.740), (77, 0.90)])
def test_power_of_rs_documentation(n: int, power: float) -> None:
    """R, help(power.prop.test): 50 a group see 0.50 against 0.75 with power 0.740; for 0.90 it takes 76.7, so 77."""
    assert two_proportions(0.50, n, 0.75, n) == pytest.approx(power, abs=2e-3)
    if n == 77:
        assert two_proportions(0.50, 76, 0.75, 76) < 0.90 <= two_proportions(0.50, 77, 0.75, 77)


def test_rows_needed_for_five_points_at_one_half() -> None:
    """The usual normal formula with pooled null variance (Fleiss, Levin and Paik 2003, 4.14): for 0.50 against 0.55 at
    power 0.80 about 1,565 a group; with 100 a group the power is near 0.1, not 0.8."""
    needed = rows_needed(0.5, 0.05)
    assert needed is not None
    assert 1560 <= needed <= 1570
    assert (least_power(0.5, 100, 100, 0.05) or 0) < 0.12


def test_examples_of_scikit_learns_documentation() -> None:
    """scikit-learn's reference: roc_auc_score 0.75 and average_precision_score 0.83 on four rows, brier_score_loss
    0.0375, log_loss 0.21616, balanced_accuracy_score 0.625."""
    four = evidence([0, 0, 1, 1], score=[0.1, 0.4, 0.35, 0.8])
    assert single("roc_auc", four).value == 0.75
    assert single("average_precision", four).value == pytest.approx(0.83, abs=5e-3)
    assert single("brier_score", evidence([0, 1, 1, 0], score=[0.1, 0.9, 0.8, 0.3])).value == pytest.approx(0.0375)
    spam = evidence([1, 0, 0, 1], score=[0.9, 0.1, 0.2, 0.65])
    assert single("log_loss", spam).value == pytest.approx(0.21616, abs=5e-6)
    assert single("balanced_accuracy", evidence([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1])).value == 0.625


def test_a_calibration_error_worked_by_hand() -> None:
    """The definition of Naeini et al. 2015 on ten rows: 0.4·|0.25 − 0.15| + 0.6·|2/3 − 0.85| = 0.15."""
    label = [1, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    found = single("expected_calibration_error", evidence(label, score=[0.15] * 4 + [0.85] * 6))
    assert found.value == pytest.approx(0.15, abs=1e-9)
    largest = single("maximum_calibration_error", evidence(label, score=[0.15] * 4 + [0.85] * 6))
    assert largest.value == pytest.approx(0.85 - 2 / 3, abs=1e-9)


def test_a_rate_that_is_zero_over_zero_is_not_the_worst_gap() -> None:
    """fairlearn gives a group without positives a true positive rate of 0; every decision here is right."""
    found = measure("equalized_odds_difference", counts(a=(5, 0, 0, 5), b=(5, 0, 0, 5), c=(10, 0, 0, 0)))[0]
    assert found.value == 0


def test_pass_rates_of_connecticut_v_teal() -> None:
    """457 U.S. 440 (1982), note 4: 26 of 48 black and 206 of 259 white candidates passed, 54.17 and 79.54 percent, a
    ratio of about 68 percent; of those promoted, 11 of 48 against 35 of 259, 22.9 and 13.5 percent."""
    passed = single("adverse_impact_ratio", selected("white", white=(206, 259), black=(26, 48)))
    assert passed.value == pytest.approx(0.68, abs=5e-3)
    assert passed.p_value is not None
    assert passed.p_value < 0.05
    gap = single("demographic_parity_difference", selected(white=(206, 259), black=(26, 48)))
    assert rates(gap) == pytest.approx({"white": 0.7954, "black": 0.5417}, abs=5e-5)
    promoted = single("adverse_impact_ratio", selected("white", white=(35, 259), black=(11, 48)))
    assert promoted.value == pytest.approx(0.229 / 0.135, abs=1e-2)


def test_pass_rates_of_ricci_v_destefano() -> None:
    """557 U.S. 557 (2009): captains 16 of 25, 3 of 8 and 3 of 8 passed (64, 37.5, 37.5 percent), lieutenants 25 of 43,
    6 of 19 and 3 of 15 (58.1, 31.6, 20 percent): ratios of 0.59 and, at worst, 0.34."""
    captain = selected("white", white=(16, 25), black=(3, 8), hispanic=(3, 8))
    lieutenant = selected("white", white=(25, 43), black=(6, 19), hispanic=(3, 15))
    assert single("adverse_impact_ratio", captain).value == pytest.approx(0.59, abs=5e-3)
    found = single("adverse_impact_ratio", lieutenant)
    assert (found.value, found.between[0]) == (pytest.approx(0.34, abs=5e-3), "hispanic")
    assert rates(single("demographic_parity_ratio", lieutenant)) == pytest.approx(
        {"white": 0.581, "black": 0.316, "hispanic": 0.2}, abs=5e-4
    )


def test_admissions_to_berkeley() -> None:
    """Bickel, Hammel and O'Connell 1975, table 1: 3,738 of 8,442 men and 1,494 of 4,321 women admitted, 44 and 35
    percent, a chi-square of 110.8 without correction."""
    found = single("demographic_parity_difference", selected(men=(3738, 8442), women=(1494, 4321)))
    assert rates(found) == pytest.approx({"men": 0.44, "women": 0.35}, abs=5e-3)
    assert found.value == pytest.approx(0.4428 - 0.3458, abs=1e-4)
    assert yates((3738, 8442), (1494, 4321)) == pytest.approx(math.erfc(math.sqrt(110.8 / 2)), rel=0.3)


def test_discrimination_and_reweighing_of_kamiran_and_calders() -> None:
    """Kamiran and Calders 2012, table 1: of ten applicants 4 of 5 men and 2 of 5 women are accepted: discrimination of
    40 percent; reweighing (0.75 and 2 for men, 1.5 and 0.67 for women) leaves none."""
    label = [1] * 4 + [0] + [1] * 2 + [0] * 3
    rows = evidence(label, label, sex=["M"] * 5 + ["F"] * 5)
    assert single("label_rate_difference", rows).exact == "2/5"
    weight = np.array([0.75] * 4 + [2] + [1.5] * 2 + [2 / 3] * 3)
    assert single("label_rate_difference", replace(rows, weight=weight)).value == pytest.approx(0, abs=1e-12)


def test_a_liver_scan_of_altman_and_bland() -> None:
    """Altman and Bland 1994, "Diagnostic tests 1" and "2", Drum and Christacopoulos's 344 scans: sensitivity 0.90,
    specificity 0.63, positive predictive value 0.88, negative 0.67, at a prevalence of 0.75."""
    scans = counts(all=(54, 32, 27, 231))
    found = {name: single(name, scans).value for name in (
        "recall", "specificity", "precision", "negative_predictive_value",
    )}  # fmt: skip
    assert found == pytest.approx(
        {"recall": 0.90, "specificity": 0.63, "precision": 0.88, "negative_predictive_value": 0.67}, abs=5e-3
    )


def test_relative_risk_of_scipys_documentation() -> None:
    """scipy, relative_risk(27, 122, 44, 487): 2.4495, Katz's interval 1.5837 to 3.7887."""
    assert pytest.approx(2.4495156) == 27 / 122 / (44 / 487)
    assert ratio((27, 122), (44, 487), 0.95) == pytest.approx((1.5836997, 3.7886786), abs=1e-6)


def test_examples_of_torchmetrics_documentation() -> None:
    """BinaryCalibrationError 0.2900 (its two bins and our ten agree here), BinaryAUROC 0.5, BinaryAveragePrecision
    0.5833."""
    rows = evidence([0, 0, 1, 1, 1], score=[0.25, 0.25, 0.55, 0.75, 0.75])
    assert single("expected_calibration_error", rows).value == pytest.approx(0.29, abs=1e-8)
    ranked = evidence([0, 1, 1, 0], score=[0, 0.5, 0.7, 0.8])
    assert single("roc_auc", ranked).exact == "1/2"
    assert single("average_precision", ranked).value == pytest.approx(0.5833, abs=5e-5)


def test_amounts_of_scikit_learns_documentation() -> None:
    """mean_absolute_error 0.5, root_mean_squared_error 0.612 and r2_score 0.948 on four rows."""
    amounts = np.array([3, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8])
    rows = replace(evidence([0] * 4, [0] * 4), outcome=amounts[0], prediction=amounts[1], holds=REGRESSION)
    found = [single(name, rows).value for name in ("mae", "rmse", "r2")]
    assert found == pytest.approx([0.5, 0.612, 0.948], abs=1e-3)


def test_a_standardized_difference_of_borenstein() -> None:
    """Borenstein et al. 2009, chapter 4: means 103 and 100, deviations 5.5 and 4.5, 50 rows each: d = 0.5970 with a
    variance of 0.0418."""
    groups = ["a"] * 50 + ["b"] * 50
    shape = np.tile([-1.0, 1.0], 25) * np.sqrt(49 / 50)
    values = np.concatenate([103 + 5.5 * shape, 100 + 4.5 * shape])
    found = single("standardized_mean_difference", having(evidence([0] * 100, [0] * 100, g=groups), {"x": values}))
    half = 1.959964 * np.sqrt(0.0418)
    assert found.value == pytest.approx(0.5970, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.5970 - half, 0.5970 + half), abs=1e-3)


def test_a_correlation_ratio() -> None:
    """Wikipedia, "Correlation ratio": scores in algebra, geometry and statistics, eta squared 6780/9640 = 0.7033."""
    scores = {"Algebra": [45, 70, 29, 15, 21], "Geometry": [40, 20, 30, 42], "Statistics": [65, 95, 80, 70, 85, 73]}
    topics = [topic for topic, one in scores.items() for _ in one]
    values = [score for one in scores.values() for score in one]
    found = single("proxy_strength", having(evidence([0] * 15, [0] * 15, topic=topics), {"score": values}))
    assert found.value == pytest.approx(np.sqrt(6780 / 9640), abs=1e-9)


def test_rows_for_a_rare_outcome_of_rosners() -> None:
    """Rosner, Fundamentals of Biostatistics, example 10.26: to see 0.0012 against 0.0015 with power 0.80 takes 234,881
    rows in each group."""
    assert two_proportions(0.0015, 234_881, 0.0012, 234_881) == pytest.approx(0.80, abs=1e-3)


def test_kishs_effective_size_widens_wilsons_interval() -> None:
    """Kish 1965: n_eff = (Σw)²/Σw². Weights of 1 and 3 on halves of 100 rows leave 80."""
    label = [1] * 50 + [0] * 50
    rows = replace(evidence(label, [1] * 100), weight=np.tile([1.0, 3.0], 50))
    found = single("precision", rows)
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx(wilson(40, 80, 0.95))
