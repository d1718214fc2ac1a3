"""Whether groups are treated alike: selection rates, error rates, and the gaps between them."""

from __future__ import annotations

from glassalpha_action.cube import Slice
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.intervals import gap, ratio
from glassalpha_action.metrics.rates import Rate, positive_rates, selections
from glassalpha_action.records import Better, Group, Unit


def described(group: Slice, rates: list[Rate], confidence: float, empty: str) -> tuple[Group, ...]:
    """Each level with its rate and Wilson interval, or why it has none."""
    found = []
    for level, n, one in zip(group.axis.levels, group.n, rates, strict=True):
        if not one.known:
            found.append(Group(level=level, n=int(n), reason=empty))
        else:
            low, high = one.interval(confidence)
            found.append(Group(level=level, n=int(n), value=float(one.value), low=low, high=high))
    return tuple(found)


def rate_gap(group: Slice, rates: list[Rate], confidence: float, of: str, empty: str, families: int = 1) -> Estimate:
    """max − min of the rates over the levels that have one, exact, with its simultaneous interval."""
    groups = described(group, rates, confidence, empty)
    n = int(group.n.sum())
    known = [i for i in group.compared if rates[i].known]
    if len(group.compared) < 2:
        return undefined("only one group has rows, so there is nothing to compare", n, groups, of)
    if len(known) < 2:
        return undefined(f"fewer than two groups have a {of}: {empty} in the others", n, groups, of)
    lowest = min(known, key=lambda i: rates[i].value)
    highest = max(known, key=lambda i: rates[i].value)
    low, high = gap([rates[i].effective for i in known], confidence, families)
    left_out = [group.axis.levels[i] for i in group.compared if i not in known]
    return Estimate(
        rates[highest].value - rates[lowest].value,
        n,
        low,
        high,
        groups=groups,
        of=of,
        between=(group.axis.levels[lowest], group.axis.levels[highest]),
        detail=f"Left out, because there is {empty}: {', '.join(left_out)}." if left_out else None,
    )


@metric(
    "Demographic parity difference",
    unit=Unit.difference,
    better=Better.lower,
    issue="Approval rate difference between protected groups exceeds what the policy allows.",
    causes=[
        "Imbalanced training data",
        "Proxy features correlated with protected attributes",
        "Threshold not optimized for fairness",
    ],
    fixes=[
        "Check for dataset bias: `glassalpha detect-bias --data data.csv`.",
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
    return rate_gap(group, selections(group), confidence, "selection rate", "no row")


@metric(
    "Demographic parity ratio",
    unit=Unit.ratio,
    better=Better.higher,
    issue="The least favoured group's selection rate is too small a part of the most favoured group's.",
    causes=[
        "Imbalanced training data",
        "Proxy features correlated with protected attributes",
        "Threshold not optimized for fairness",
    ],
    fixes=[
        "Check for dataset bias: `glassalpha detect-bias --data data.csv`.",
        "Review features that stand in for the attribute.",
        "Look for a less discriminatory alternative: another threshold or model with similar performance.",
    ],
    aliases=["impact_ratio"],
)
def demographic_parity_ratio(group: Slice, confidence: float) -> Estimate:
    """The lowest selection rate of any group divided by the highest: min / max over the levels of the attribute.

    Selection rate is the share of a group's rows decided in favour. Range 0 to 1; 1 is parity; 0.8 is the four-fifths
    mark. Not estimable with one group, or when nobody is selected. Interval: Katz's log interval of that pair, from
    the lowest rate's side; none when the lowest rate is 0. Source: 29 CFR 1607.4(D); Katz et al. 1978.
    """
    rates = selections(group)
    groups = described(group, rates, confidence, "no row")
    n = int(group.n.sum())
    known = group.compared
    if len(known) < 2:
        return undefined("only one group has rows, so there is nothing to compare", n, groups, "selection rate")
    lowest = min(known, key=lambda i: rates[i].value)
    highest = max(known, key=lambda i: rates[i].value)
    if rates[highest].hits == 0:
        return undefined("no row of any group is decided in favour", n, groups, "selection rate")
    low, high = ratio(rates[lowest].effective, rates[highest].effective, confidence) or (None, None)
    return Estimate(
        rates[lowest].value / rates[highest].value,
        n,
        low,
        high,
        groups=groups,
        of="selection rate",
        between=(group.axis.levels[lowest], group.axis.levels[highest]),
    )


@metric(
    "Equalized odds difference",
    unit=Unit.difference,
    better=Better.lower,
    issue="The model is wrong more often for one group than for another by more than the policy allows.",
    causes=[
        "Fewer or poorer training rows for one group",
        "Features that predict well for one group and badly for another",
        "Labels recorded differently for different groups",
    ],
    fixes=[
        "See which rate differs (true or false positives) and for whom: the groups stand beside the value.",
        "Collect more rows of the group with the higher error rate, or weight them in training.",
        "Consider post-processing thresholds for equalized odds, where the law allows group-aware thresholds.",
        "Check that labels were collected alike for all groups.",
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
        rate_gap(group, positive_rates(group, label), confidence, f"{name} positive rate", f"no {kind} row", 2)
        for label, name, kind in ((1, "true", "positive"), (0, "false", "negative"))
    ]
    for one in both:
        if one.value is None:
            return one
    larger = max(both, key=lambda one: one.value or 0)
    low = max(one.low or 0.0 for one in both)
    high = max(one.high or 0.0 for one in both)
    smaller = both[0] if larger is both[1] else both[1]
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
