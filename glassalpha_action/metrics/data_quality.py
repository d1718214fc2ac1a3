"""Whether the rows can carry the conclusions drawn from them, and what bias they hold before any model."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import MISSING, Evidence, Feature, Flags
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import NO_FEATURES, counted, membership, row_hashes
from glassalpha_action.metrics.gaps import rate_gap
from glassalpha_action.metrics.power import least_power
from glassalpha_action.metrics.rates import Rate, by_decision, rate, selections
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import AND, Better, Unit


@metric(
    "Smallest group",
    unit=Unit.rows,
    better=Better.higher,
    judges="rows",
    issue="A group is too small for its rates to be trusted.",
    causes=["Too few rows were held out", "A group is rare in the population, or was cut too finely"],
    fixes=[
        "Hold out more rows, or score a later period as well and audit both together.",
        "Merge levels that the policy owner agrees belong together (`bins` and `labels` in audit.yaml).",
    ],
)
def min_group_size(group: Slice) -> Estimate:
    """The number of rows in the smallest level of the attribute. Rows whose value is missing are shown, not counted.

    A whole number; a declared level that no row has counts 0, a combination of levels that no row has is no group. Not
    estimable when no row has a value. It counts rows, whatever they weigh.
    """
    counts = group.n
    groups = tuple(
        Group(level=level, n=int(n), value=float(n)) for level, n in zip(group.axis.levels, counts, strict=True)
    )
    total = int(counts.sum())
    if not group.compared:
        return undefined("no row has a value of this attribute", total, groups)
    combined = AND in group.axis.name
    whole = [i for i, level in enumerate(group.axis.levels) if MISSING not in level.split(AND)]
    declared = [i for i in whole if counts[i] or not combined]
    smallest = min(declared, key=lambda i: int(counts[i]))
    return Estimate(Fraction(int(counts[smallest])), total, between=(group.axis.levels[smallest],), groups=groups)


@metric(
    "Minimum detectable effect",
    unit=Unit.difference,
    better=Better.lower,
    issue="Only a large difference between groups would be seen on these rows; a smaller one would go unnoticed.",
    causes=["Too few held-out rows in the smallest group", "A reference rate near one half, where chance varies most"],
    fixes=[
        "Audit more held-out rows of the group named beside the value: half the effect takes four times the rows.",
        "Merge levels that the policy owner agrees belong together (`bins` and `labels` in audit.yaml).",
    ],
)
def minimum_detectable_effect(group: Slice, *, power: float = 0.80) -> Estimate:
    """The smallest difference in selection rates that a two-sided test at the 5% level sees with a chance of `power`.

    For each group against the reference (the largest group unless named), at their actual sizes and the reference's
    observed rate, upwards and downwards: the larger of the two; the value is the largest over groups. The test is that
    of statistical_power, the z test of two proportions with pooled null variance. Range 0 to 1. Not estimable with one
    group, or where even the largest difference that can exist would not be seen. Source: Fleiss, Levin, Paik 2003.
    """
    n = int(group.n.sum())
    if len(group.compared) < 2:
        return undefined("only one group has rows", n)
    if not 0 < power < 1:
        return undefined(f"the power {power:g} is not a chance between 0 and 1", n)
    rates, reference = selections(group), group.reference
    if not rates[reference].known:
        return undefined(f"the reference {group.axis.levels[reference]} has no rows", n)
    known, size = float(rates[reference].value), rates[reference].size
    groups = []
    for i in group.compared:
        if i != reference:
            effect = _detectable(known, size, rates[i].size, power)
            unseen = "even the largest difference that can exist would not be seen" if effect is None else None
            groups.append(Group(level=group.axis.levels[i], n=int(group.n[i]), value=effect, reason=unseen))
    seen = [g for g in groups if g.value is not None]
    if len(seen) < len(groups):
        named = ", ".join(g.level for g in groups if g.value is None)
        return undefined(f"for {named} even the largest difference that can exist would not be seen", n, tuple(groups))
    worst = max(seen, key=lambda g: g.value or 0)
    return Estimate(
        worst.value,
        n,
        between=(worst.level, group.axis.levels[reference]),
        groups=tuple(groups),
        of=f"difference seen with a chance of {power:g}",
    )


def _detectable(rate: float, n_reference: float, n: float, power: float) -> float | None:
    """The least effect with that power in both directions that exist, to a ten-thousandth; None where there is none."""

    def seen(step: int) -> bool:
        return (least_power(rate, n_reference, n, step / 10_000) or 0.0) >= power

    low, high = 0, min(9_999, int(max(rate, 1 - rate) * 10_000))
    if not seen(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high / 10_000


@metric(
    "Largest share of missing values",
    unit=Unit.share,
    better=Better.lower,
    judges="rows",
    issue="A column lacks too many of its values to be relied on.",
    causes=[
        "A source system that stopped filling the column, or a join that found no match",
        "A question that only some people are asked or answer",
    ],
    fixes=[
        "Find where the named column's values get lost: compare its share of missing values with the training data's.",
        "Leave the column out of the model (data.exclude_columns), or record why a value is missing as a value.",
    ],
)
def missing_share(rows: Evidence) -> Estimate:
    """The largest share of rows without a value in any one column: features and protected attributes alike.

    For each column, rows whose cell is empty over all rows; every column stands beside the value. Range 0 to 1. An
    exact share of the rows at hand, so it has no interval. Not estimable when the data hold no such column.
    """
    rows = counted(rows)
    columns: dict[str, Flags] = {f.name: f.missing for f in rows.features}
    columns |= {a.name: np.array([level == MISSING for level in a.levels], bool)[a.codes] for a in rows.attributes}
    if not columns or not rows.rows:
        return undefined(NO_FEATURES, rows.rows)
    shares = {name: _share(rows, absent) for name, absent in columns.items()}
    worst = max(shares, key=lambda name: shares[name].value)
    groups = tuple(Group(level=name, n=rows.rows, value=float(one.value)) for name, one in shares.items())
    some = shares[worst].hits > 0
    return Estimate(
        shares[worst].value,
        rows.rows,
        between=(worst,) if some else (),
        groups=groups,
        of="share of missing values",
        subject="Column",
        detail=f"Most are missing in `{worst}`." if some else "No value is missing.",
    )


def _share(rows: Evidence, chosen: Flags) -> Rate:
    """The share of rows chosen: of counts where rows carry no weights."""
    if rows.weight is None:
        return rate(chosen.sum(), np.int64(rows.rows), np.int64(rows.rows))
    return rate(rows.weight[chosen].sum(), rows.weight.sum(), (rows.weight**2).sum())


@metric(
    "Difference in missing values between groups",
    unit=Unit.difference,
    better=Better.lower,
    judges="rows",
    issue="One group's rows lack values more often than another's, so the model knows less about its people.",
    causes=[
        "A source of data that covers one group less, such as a credit bureau for the young",
        "A form or a channel that one group uses and that asks for less",
    ],
    fixes=[
        "See which column differs most: it is named beside the value. Find out why its values are missing.",
        "Check how the model treats missing values: an imputed mean makes a group look like the majority.",
    ],
)
def missing_share_difference(rows: Evidence, group: Slice, confidence: float) -> Estimate:
    """The largest difference between two groups in the share of rows that lack a value in some feature: max − min.

    A row counts when at least one of its features is empty. Range 0 to 1; 0 says that all groups are known equally
    well. Not estimable with one group, or when the data hold no features. Interval: Newcombe's for each pair,
    Bonferroni-corrected over all pairs.
    """
    rows = counted(rows)
    features = [f for f in rows.features if f.name not in group.axis.name.split(AND)]
    if not features:
        return undefined(NO_FEATURES, rows.rows)
    codes = membership(rows, group)
    lacking = np.any([f.missing for f in features], axis=0)
    found = rate_gap(
        group, _by_level(rows, codes, lacking, group), confidence, "share of rows lacking a value", "no row"
    )
    if not found.value:
        return found
    low, high = (group.axis.levels.index(level) for level in found.between)
    apart = {f.name: _apart(_by_level(rows, codes, f.missing, group), low, high) for f in features}
    most = max(apart, key=lambda name: apart[name])
    return found.adding(f"The two differ most in `{most}`.") if apart[most] > 0 else found


def _apart(rates: list[Rate], low: int, high: int) -> float:
    return float(rates[high].value - rates[low].value)


def _by_level(rows: Evidence, codes: np.ndarray, chosen: Flags, group: Slice) -> list[Rate]:
    """The share of each level's rows that is chosen."""
    size = len(group.axis.levels)
    if rows.weight is None:
        of = np.bincount(codes, minlength=size)
        return [rate(*each) for each in zip(np.bincount(codes[chosen], minlength=size), of, of, strict=True)]
    sums = [
        np.bincount(codes, values, size) for values in (rows.weight * chosen, rows.weight, rows.weight * rows.weight)
    ]
    return [rate(*each) for each in zip(*sums, strict=True)]


@metric(
    "Duplicate rows",
    unit=Unit.share,
    better=Better.lower,
    judges="rows",
    issue="Many rows repeat others, so that the numbers look surer than they are.",
    causes=["A join that multiplied rows", "The same person kept several times", "Oversampling before the split"],
    fixes=[
        "Remove the repeated rows, or keep one row per person, and audit again.",
        "If rows were oversampled, hold out rows before that, and give `data.weight_column` where rows count more.",
    ],
)
def duplicate_share(rows: Evidence) -> Estimate:
    """The share of rows that repeat another row in every feature, every protected attribute and the label.

    The first of several equal rows is not a repetition: (rows − distinct rows) / rows. Range 0 to 1. Where all
    features have few values, rows of different people may be equal. It counts rows, whatever they weigh. An exact share
    of the rows at hand, so it has no interval. Not estimable when the data hold no features.
    """
    rows = counted(rows)
    if not rows.features or not rows.rows:
        return undefined(NO_FEATURES, rows.rows)
    labels = rows.label if rows.outcome is None else Feature("", rows.outcome)
    hashes = row_hashes([*rows.features, *rows.attributes, labels], rows.rows)
    repeated = rows.rows - np.unique(hashes).size
    detail = f"{repeated:,} rows repeat another." if repeated else "No row repeats another."
    return Estimate(Fraction(int(repeated), rows.rows), rows.rows, detail=detail)


@metric(
    "Protected attribute among the features",
    unit=Unit.score,
    better=Better.lower,
    judges="rows",
    highest=1.0,
    issue="The model is given a protected attribute, so it can treat people differently because of it.",
    causes=["The column was not taken out before training", "`feature_columns` lists it"],
    fixes=[
        "Train the model again without the named column, and list its inputs in `data.feature_columns`.",
        "If a law asks for its use (age in some credit scores), record that in the policy as an exception.",
    ],
)
def protected_attribute_used(rows: Evidence) -> Estimate:
    """1 where a protected attribute is one of the columns the model is given, else 0; which ones stand beside it.

    It looks at names, so it does not see a copy under another name: proxy_strength does. Not estimable where no
    protected attribute is declared, or where the data hold predictions only and audit.yaml does not say what the model
    was given (`data.feature_columns`).
    """
    rows = counted(rows)
    if not rows.attributes:
        return undefined("no protected attribute is declared", rows.rows)
    if rows.inputs is None:
        return undefined(
            "no model was run, and `data.feature_columns` does not say which columns it was given", rows.rows
        )
    used = [a.name for a in rows.attributes if a.name in rows.inputs]
    groups = tuple(Group(level=a.name, n=rows.rows, value=float(a.name in used)) for a in rows.attributes)
    detail = f"The model is given {', '.join(used)}." if used else "The model is given none."
    return Estimate(
        Fraction(bool(used)),
        rows.rows,
        between=tuple(used),
        groups=groups,
        of="used",
        subject="Attribute",
        detail=detail,
    )


@metric(
    "Difference in label rates",
    unit=Unit.difference,
    better=Better.lower,
    judges="labels",
    issue="In the data themselves, before any model, the outcome is much more frequent in one group than in another.",
    causes=[
        "A real difference between the groups in the data, which a model will learn",
        "Labels that record earlier decisions, or were collected differently for one group",
        "A sample that took other people from one group than from another",
    ],
    fixes=[
        "Find out how the label came about: a past decision or a complaint is not the outcome itself.",
        "Check how the rows were chosen, and whom each group leaves out.",
        "If the label is biased, choose another one; no threshold repairs it.",
    ],
)
def label_rate_difference(group: Slice, confidence: float) -> Estimate:
    """The largest difference between two groups in the share of rows that carry the positive label: max − min.

    It speaks of the data, not of the model. Range 0 to 1; 0 is equal base rates. Not estimable with one group.
    Interval: Newcombe's for each pair, Bonferroni-corrected over all pairs.
    """
    shares = by_decision(group.confusion.sum(axis=2), group.confusion_square.sum(axis=2), 1)
    return rate_gap(group, shares, confidence, "positive label rate", "no row")
