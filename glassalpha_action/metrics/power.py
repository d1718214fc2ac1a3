"""Whether a difference between groups, were there one, would be seen on this many rows."""

from __future__ import annotations

import math
from statistics import NormalDist

from glassalpha_action.cube import Slice
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.rates import selections
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import Better, Unit

ALPHA = 0.05
WANTED = 0.80
NORMAL = NormalDist()


def two_proportions(p1: float, n1: float, p2: float, n2: float, alpha: float = ALPHA) -> float:
    """Power of the two-sided z test of two proportions, its null variance pooled. `n1`, `n2` > 0; p1 ≠ p2."""
    pooled = (n1 * p1 + n2 * p2) / (n1 + n2)
    null = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    true = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    reach, shift = NORMAL.inv_cdf(1 - alpha / 2) * null, abs(p1 - p2)
    if true == 0:
        return float(shift > reach)
    return NORMAL.cdf((shift - reach) / true) + NORMAL.cdf((-shift - reach) / true)


def least_power(rate: float, n_reference: float, n: float, effect: float) -> float | None:
    """The smaller power of a rate `effect` above or below the reference's; a side outside [0, 1] is skipped."""
    sides = [rate + d for d in (-effect, effect) if 0 <= rate + d <= 1]
    return min((two_proportions(rate, n_reference, side, n) for side in sides), default=None)


def rows_needed(rate: float, effect: float) -> int | None:
    """Rows in each of two equal groups for a power of 0.80."""
    low, high = 1, 1 << 40
    if least_power(rate, high, high, effect) is None:
        return None
    while low < high:
        middle = (low + high) // 2
        if (least_power(rate, middle, middle, effect) or 0) >= WANTED:
            high = middle
        else:
            low = middle + 1
    return low


@metric(
    "Statistical power for bias detection",
    family="data_quality",
    unit=Unit.probability,
    better=Better.higher,
    issue="The rows are too few: a real difference between groups would probably go unseen.",
    causes=["Too few held-out rows in the smallest group", "An effect size too fine for the data at hand"],
    fixes=[
        "Audit more held-out rows; the number needed in each group stands beside the value.",
        "Until then read the fairness intervals, not the point values: a gap of 0 here proves little.",
    ],
)
def statistical_power(group: Slice, *, effect: float = 0.05) -> Estimate:
    """The chance that a two-sided test at the 5% level sees a gap of `effect` in selection rates, if there is one.

    z test of two proportions with pooled null variance, of each group against the reference (the largest group
    unless named), at their actual sizes and the reference's observed rate, for a rate `effect` above and below it:
    the smaller of the two, and the smallest over groups. `effect` is a difference of rates, 0.05 being five
    percentage points. Range 0 to 1. Not estimable with one group. Source: Fleiss, Levin, Paik 2003, chapter 4.
    """
    rates = selections(group)
    n = int(group.n.sum())
    if len(group.compared) < 2:
        return undefined("only one group has rows", n)
    if not 0 < effect < 1:
        return undefined(f"the effect {effect:g} is not a difference between 0 and 1", n)
    reference = group.reference
    if not rates[reference].known:
        return undefined(f"the reference {group.axis.levels[reference]} has no rows", n)
    rate, size = float(rates[reference].value), rates[reference].size
    groups = []
    for i in group.compared:
        if i != reference:
            power = least_power(rate, size, rates[i].size, effect)
            groups.append(
                Group(
                    level=group.axis.levels[i],
                    n=int(group.n[i]),
                    value=power,
                    reason=None if power is not None else "no rate that far from the reference's exists",
                )
            )
    known = [g for g in groups if g.value is not None]
    if not known:
        return undefined(f"no rate {effect:g} from the reference's lies between 0 and 1", n, tuple(groups))
    weakest = min(known, key=lambda g: g.value or 0)
    needed = rows_needed(rate, effect)
    return Estimate(
        weakest.value,
        n,
        between=(weakest.level, group.axis.levels[reference]),
        groups=tuple(groups),
        of="power against the reference",
        detail=f"Power {WANTED:.2f} for a difference of {effect:g} needs about {needed:,} rows in each group.",
    )
