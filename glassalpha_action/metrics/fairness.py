"""Whether groups are treated alike: selection rates, error rates, scores, and the gaps between them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import gaps
from glassalpha_action.metrics.calibration import offsets, unscored
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.impact import compared, in_words
from glassalpha_action.metrics.intervals import ratio, simultaneous
from glassalpha_action.metrics.performance import NO_SCORES
from glassalpha_action.metrics.ranking import Ranking, level_ladder
from glassalpha_action.metrics.rates import borne_out, favourable, positive_rates, rate, selections
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

DETECT = "Check for dataset bias: `glassalpha detect-bias --data data.csv`."
SELECTION = [
    "Imbalanced training data",
    "Proxy features correlated with protected attributes",
    "Threshold not optimized for fairness",
]
ALTERNATIVE = "Look for a less discriminatory alternative: another threshold or model with similar performance."
ERRORS = [
    "Fewer or poorer training rows for one group",
    "Features that predict well for one group and badly for another",
    "Labels recorded differently for different groups",
]
COLLECT = "Collect more rows of the group that fares worst, or weight them in training."
LABELS = "Check that labels were collected alike for all groups."
THRESHOLDS = "Consider post-processing thresholds for equal rates, where the law allows group-aware thresholds."
NOBODY = "no row of any group is decided in favour"


@metric(
    "Demographic parity difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="Approval rate difference between protected groups exceeds what the policy allows.",
    causes=SELECTION,
    fixes=[
        DETECT,
        "Review feature correlations: a feature that stands in for the attribute is a candidate to drop.",
        "Try threshold adjustment, and watch equalized odds while doing so.",
        "Consider fairness constraints in training, such as fairlearn's reductions.",
    ],
    aliases=["demographic_parity"],
)
def demographic_parity_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between two groups' selection rates: max − min over the levels of the attribute.

    Selection rate is the share of a group's rows decided in favour (the favourable outcome). Range 0 to 1; 0 is
    parity. Not estimable with one group. Interval: Newcombe's for each pair, Bonferroni-corrected over all pairs.
    Source: Agarwal et al. 2018; Newcombe 1998.
    """
    return gaps.rate_gap(group, selections(group), confidence, "selection rate", "no row")


@metric(
    "Demographic parity ratio",
    unit=Unit.ratio,
    better=Better.higher,
    highest=1.0,
    of_rates=True,
    issue="The least favoured group's selection rate is too small a part of the most favoured group's.",
    causes=SELECTION,
    fixes=[DETECT, "Review features that stand in for the attribute.", ALTERNATIVE],
    aliases=["impact_ratio"],
)
def demographic_parity_ratio(group: Slice, confidence: float) -> Estimate:
    """The lowest selection rate of any group divided by the highest: min / max over the levels of the attribute.

    Selection rate is the share of a group's rows decided in favour. Range 0 to 1; 1 is parity; 0.8 is the four-fifths
    mark. Not estimable with one group, or when nobody is selected. Interval: Katz's log interval for each pair (from
    Wilson's where a rate is 0 or 1), Bonferroni-corrected over all pairs. Source: 29 CFR 1607.4(D); Katz et al. 1978.
    """
    return gaps.rate_ratio(group, selections(group), confidence, "selection rate", "no row", NOBODY)


@metric(
    "Adverse impact ratio",
    unit=Unit.ratio,
    better=Better.higher,
    of_rates=True,
    issue="A group is selected at too small a part of the reference group's rate.",
    causes=SELECTION,
    fixes=[DETECT, "Review features that stand in for the attribute.", ALTERNATIVE],
    aliases=["disparate_impact_ratio"],
)
def adverse_impact_ratio(group: Slice, confidence: float) -> Estimate:
    """A group's selection rate divided by the reference group's, for the group where it is smallest.

    The reference is the level that audit.yaml names, else the largest group. Range 0 upwards; 1 is parity, 0.8 the
    four-fifths mark. Beside it: the p-value of the difference in rates, by Fisher's exact test where a cell of the
    table is expected to hold fewer than 5 rows and by the chi-square test with Yates's correction otherwise,
    Bonferroni-corrected over the groups; how many more selections would reach four fifths; and whether one different
    selection would turn the comparison round. Not estimable with one group, or when the reference is never selected.
    Interval: Katz's log interval (from Wilson's where a rate is 0 or 1), Bonferroni-corrected for the smallest ratio.
    Source: 29 CFR 1607.4(D); Questions and Answers on the Uniform Guidelines, 11 and 21; Katz et al. 1978.
    """
    rates, n, of = selections(group), int(group.n.sum()), "ratio to the reference"
    reference = group.reference
    others = [i for i in group.compared if i != reference]
    if not others:
        return undefined(gaps.ONE_GROUP, n)
    base, name = rates[reference], group.axis.levels[reference]
    if not base.known or base.hits == 0:
        return undefined(f"no row of the reference {name} is decided in favour", n)
    found = []
    for i, level in enumerate(group.axis.levels):
        if not rates[i].known:
            found.append(Group(level=level, n=int(group.n[i]), reason="no row"))
            continue
        low, high = (None, None) if i == reference else ratio(rates[i].effective, base.effective, confidence)
        value = float(rates[i].value / base.value)
        found.append(Group(level=level, n=int(group.n[i]), value=value, low=low, high=high))
    least = min(others, key=lambda i: (rates[i].value, -rates[i].size))
    corrected = simultaneous(confidence, len(others))
    ends = [ratio(rates[i].effective, base.effective, corrected) for i in others]
    difference = compared(rates[least].effective, base.effective)
    return Estimate(
        rates[least].value / base.value,
        n,
        min(low for low, _ in ends),
        min(high for _, high in ends),
        between=(group.axis.levels[least], name),
        groups=tuple(found),
        of=of,
        p_value=min(1.0, difference.p_value * len(others)),
        detail=in_words(group.axis.levels[least], rates[least], name, base, difference, len(others)),
    )


@metric(
    "Scoring rate ratio",
    unit=Unit.ratio,
    better=Better.higher,
    highest=1.0,
    of_rates=True,
    issue="The members of one group score above the median much less often than those of another.",
    causes=SELECTION[:2],
    fixes=[
        DETECT,
        "Review features that stand in for the attribute.",
        "Look for another model with similar performance.",
    ],
    aliases=["scoring_impact_ratio"],
)
def scoring_rate_ratio(rows: Evidence, ranking: Ranking, group: Slice, confidence: float) -> Estimate:
    """The lowest scoring rate of any group divided by the highest; the impact ratio of tools that score people.

    A group's scoring rate is the share of its rows scored above the median of all rows, the score being that of the
    favourable outcome. Range 0 to 1; 1 is parity. Rows whose value is missing count in the median, and their rate is
    shown. Needs rows. Not estimable without scores, with one group, or when no row of any group scores above the
    median. Interval: Katz's for each pair, Bonferroni-corrected. Source: 6 RCNY 5-300 and 5-301(c).
    """
    if not ranking.scored:
        return undefined(NO_SCORES, rows.rows)
    if not ranking.cube.rows:
        return undefined(gaps.ONE_GROUP, 0)
    side = 1 if group.favorable_positive else -1
    above = ranking.beyond(group.axis.name, ranking.whole.median, side)
    mass, squares = group.mass.sum(axis=(1, 2, 3)), group.mass_square.sum(axis=(1, 2, 3))
    rates = [rate(a, m, s) for a, m, s in zip(above, mass, squares, strict=True)]
    found = gaps.rate_ratio(
        group, rates, confidence, "scoring rate", "no row", "no row of any group scores above the median"
    )
    median = ranking.whole.median
    return (
        found
        if found.value is None
        else replace(found, detail=f"The median of all scores is {median if side > 0 else 1 - median:.4g}.")
    )


@metric(
    "Equalized odds difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="The model is wrong more often for one group than for another by more than the policy allows.",
    causes=ERRORS,
    fixes=[
        "See which rate differs (true or false positives) and for whom: the groups stand beside the value.",
        "Collect more rows of the group with the higher error rate, or weight them in training.",
        "Consider post-processing thresholds for equalized odds, where the law allows group-aware thresholds.",
        LABELS,
    ],
    aliases=["equalized_odds"],
)
def equalized_odds_difference(group: Slice, confidence: float) -> Estimate:
    """The larger of two gaps between groups: in true positive rate, and in false positive rate.

    Each gap is max − min over the levels of the attribute. A group without positives has no true positive rate and is
    left out of that gap, by name; if either gap cannot be made, neither can this. Range 0 to 1; 0 is equal odds.
    Interval: Newcombe's for each pair, Bonferroni-corrected over all pairs of both rates. Source: Hardt et al. 2016.
    """
    both = [
        gaps.rate_gap(group, positive_rates(group, label), confidence, f"{name} positive rate", f"no {kind} row", 2)
        for label, name, kind in ((1, "true", "positive"), (0, "false", "negative"))
    ]
    for one in both:
        if one.value is None:
            return one
    values = [float(one.value or 0) for one in both]
    # Weighted rates differ in their last digit only: equal gaps are shown as the first one's.
    first = values[0] > values[1] or math.isclose(*values)
    larger, smaller = both if first else both[::-1]
    low = max(one.low or 0.0 for one in both)
    high = max(one.high or 0.0 for one in both)
    groups = tuple(
        _in_both(one, other, str(smaller.of)) for one, other in zip(larger.groups, smaller.groups, strict=True)
    )
    detail = " ".join(one.detail for one in both if one.detail) or None
    return Estimate(
        larger.value, larger.n, low, high, between=larger.between, groups=groups, of=larger.of, detail=detail
    )


def _in_both(shown: Group, other: Group, of: str) -> Group:
    """The group as shown; without a value where it lacks the other rate, so that no gate passes over it."""
    if shown.value is None or other.value is not None:
        return shown
    return Group(level=shown.level, n=shown.n, reason=f"{other.reason}, so no {of}")


@metric(
    "Equal opportunity difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="Of those who deserve the favourable outcome, one group gets it less often than another.",
    causes=ERRORS,
    fixes=["See in the groups beside the value who is turned down although they qualify.", COLLECT, THRESHOLDS, LABELS],
    aliases=["equal_opportunity"],
)
def equal_opportunity_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in how often those whose label is favourable are decided in favour.

    For a lender: of the applicants who repay, the share approved; max − min over the levels of the attribute. Range 0
    to 1; 0 is equal opportunity. A group without favourable labels is left out, by name. Not estimable with fewer
    than two groups that have such a rate. Interval: Newcombe's for each pair, Bonferroni-corrected. Source: Hardt et
    al. 2016.
    """
    return gaps.rate_gap(
        group, favourable(group), confidence, "share of the deserving decided in favour", "no favourable label"
    )


@metric(
    "Predictive parity difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="A favourable decision is borne out less often for one group than for another.",
    causes=ERRORS,
    fixes=["See in the groups beside the value whose favourable decisions go wrong more often.", COLLECT, LABELS],
    aliases=["predictive_parity"],
)
def predictive_parity_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in how often a favourable decision is right.

    For a lender: of the applicants approved, the share who repay; max − min over the levels of the attribute. Range 0
    to 1; 0 is parity. A group of which nobody is decided in favour is left out, by name. Not estimable with fewer than
    two groups that have such a rate. Interval: Newcombe's for each pair, Bonferroni-corrected. Source: Chouldechova
    2017.
    """
    return gaps.rate_gap(
        group, borne_out(group), confidence, "share of favourable decisions borne out", "no favourable decision"
    )


@metric(
    "True positive rate difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="The model misses the positives of one group more often than those of another.",
    causes=ERRORS,
    fixes=["See in the groups beside the value whose positives are missed.", COLLECT, THRESHOLDS, LABELS],
    aliases=["recall_difference"],
)
def true_positive_rate_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in recall: max − min of TP / (TP + FN), of the positive label.

    Range 0 to 1; 0 is equal. A group without positives is left out, by name. Not estimable with fewer than two groups
    that have such a rate. Interval: Newcombe's for each pair, Bonferroni-corrected over all pairs.
    """
    return gaps.rate_gap(group, positive_rates(group, 1), confidence, "true positive rate", "no positive row")


@metric(
    "False positive rate difference",
    unit=Unit.difference,
    better=Better.lower,
    of_rates=True,
    issue="Rows of one group that are negative are flagged as positive more often than those of another.",
    causes=ERRORS,
    fixes=["See in the groups beside the value who is flagged wrongly most often.", COLLECT, THRESHOLDS, LABELS],
)
def false_positive_rate_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in false positive rate: max − min of FP / (FP + TN), of the positive label.

    Range 0 to 1; 0 is equal. A group without negatives is left out, by name. Not estimable with fewer than two groups
    that have such a rate. Interval: Newcombe's for each pair, Bonferroni-corrected over all pairs.
    """
    return gaps.rate_gap(group, positive_rates(group, 0), confidence, "false positive rate", "no negative row")


@metric(
    "Difference in area under the ROC curve",
    unit=Unit.difference,
    better=Better.lower,
    issue="The model ranks the members of one group better than those of another.",
    causes=ERRORS,
    fixes=[
        "See in the groups beside the value for whom the ranking is poor, and how many rows that is.",
        COLLECT,
        LABELS,
    ],
)
def auc_difference(ranking: Ranking, group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in the area under the ROC curve within each: max − min.

    Each AUC ranks the positives of one group against its own negatives. Range 0 to 1; 0 is equal. A group with
    no row of one of the labels is left out, by name. Not estimable without scores, or with fewer than two groups that
    have an AUC. Interval: from DeLong's of each group, its variance read off score bins a thousandth wide,
    Bonferroni-corrected over all pairs. Source: DeLong et al. 1988; Zou and Donner 2008.
    """
    if not ranking.scored:
        return undefined(NO_SCORES, int(group.n.sum()))
    ladders = [level_ladder(group, i) for i in range(len(group.axis.levels))]
    # With a single row of a label the AUC stands, and could have come out anywhere.
    errors = np.array([
        math.nan if not one.pairs else math.inf if (spread := one.auc_spread(confidence)) is None else spread
        for one in ladders
    ])  # fmt: skip
    exact = ranking.exact_between(group.axis.name)
    wins = ranking.wins(group.axis.name).diagonal()
    values = np.array([
        math.nan if math.isnan(e) else min(1.0, w / one.pairs) for w, one, e in zip(wins, ladders, errors, strict=True)
    ])  # fmt: skip
    ends = None if exact else np.array([
        (math.nan, math.nan) if math.isnan(e) else one.auc_bounds for one, e in zip(ladders, errors, strict=True)
    ])  # fmt: skip
    of, empty = "area under the ROC curve", "no row of one of the labels"
    return gaps.estimate_gap(group, values, errors, confidence, of, empty, (0.0, 1.0), ends)


@metric(
    "Calibration difference",
    unit=Unit.difference,
    better=Better.lower,
    highest=2.0,
    issue="The scores of one group are too high or too low by more than those of another.",
    causes=["A base rate that differs between groups for reasons the features do not hold", *ERRORS],
    fixes=[
        "See in the groups beside the value whose scores are too low (above 0) or too high (below 0).",
        "Add features that tell the groups' outcomes apart for a reason, or recalibrate on rows of every group.",
        LABELS,
    ],
)
def calibration_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between groups in calibration in the large: max − min of mean(y) − mean(p) in each.

    A group's value is above 0 where its scores are too low, below 0 where they are too high, whatever its size: the
    noise that inflates a calibration error in a small group has no part in it. Range 0 to 2; 0 is calibrated alike.
    Not estimable without scores or with one group. Interval: normal in each group, Bonferroni-corrected over all
    pairs. Source: Pleiss et al. 2017; Zou and Donner 2008.
    """
    reason = unscored(group)
    if reason:
        return undefined(reason, int(group.n.sum()))
    values, errors = offsets(group)
    return gaps.estimate_gap(group, values, errors, confidence, "observed rate less mean score", "no row", (-1.0, 1.0))
