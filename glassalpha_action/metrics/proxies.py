"""Which features give a protected attribute away."""

from __future__ import annotations

import math

import numpy as np

from glassalpha_action.cube import Slice
from glassalpha_action.digests import settled
from glassalpha_action.evidence import Evidence, Feature, Floats, Ints
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.metrics.columns import MOST_LISTED, NO_FEATURES, counted, membership, weights
from glassalpha_action.records import Group
from glassalpha_action.vocabulary import AND, Better, Unit


@metric(
    "Strongest proxy",
    unit=Unit.score,
    better=Better.lower,
    judges="rows",
    family="data_quality",
    highest=1.0,
    issue="A feature gives the protected attribute away, so it can stand in for it.",
    causes=[
        "A feature that follows from the attribute, such as a title, a first name or a maternity record",
        "A place or an occupation in which one group lives or works far more often",
    ],
    fixes=[
        "Look at the named feature: take it out, train again, and see what performance and the fairness gaps do.",
        "Coarsen it (a region for a postcode), so that it keeps what bears on the outcome.",
        "If it must stay, write down the business reason and the less discriminatory alternatives that were tried.",
    ],
)
def proxy_strength(rows: Evidence, group: Slice) -> Estimate:
    """The strongest association of any one feature with the protected attribute, from 0 (none) to 1 (it gives it away).

    A feature of categories: bias-corrected Cramér's V, a missing value being a category. A numeric feature: the
    correlation ratio η = √(SS between groups / SS total), or the Cramér's V of its being missing if that is larger.
    Features together may give away more than each alone. The attribute's own column is left out:
    protected_attribute_used sees it. Not estimable with one group or without features. Source: Bergsma 2013; Fisher
    1925.
    """
    rows = counted(rows)
    features = [f for f in rows.features if f.name not in group.axis.name.split(AND)]
    if len(group.compared) < 2:
        return undefined("only one group has rows, so there is nothing to tell apart", rows.rows)
    if not features:
        return undefined(NO_FEATURES, rows.rows)
    codes, weight = membership(rows, group), weights(rows)
    chosen = np.isin(codes, group.compared)
    codes, weight, n = codes[chosen], weight[chosen], int(chosen.sum())
    strength = {f.name: settled(_strength(f, chosen, codes, weight)) for f in features}
    order = sorted(strength, key=lambda name: -strength[name])
    strongest = order[0]
    by_chance = math.sqrt(min(1.0, (len(group.compared) - 1) / max(1, n - 1)))
    more = f" {len(order) - MOST_LISTED:,} weaker ones are not listed." if len(order) > MOST_LISTED else ""
    return Estimate(
        strength[strongest],
        n,
        between=(strongest,),
        groups=tuple(Group(level=name, n=n, value=strength[name]) for name in order[:MOST_LISTED]),
        of="strength as a proxy",
        subject="Feature",
        detail=f"Strongest is `{strongest}`. An unrelated number would show about {by_chance:.3f} by chance.{more}",
    )


def _strength(feature: Feature, chosen: np.ndarray, group: Ints, weight: Floats) -> float:
    if feature.values is None:
        codes = feature.codes if feature.codes is not None else np.zeros(0, np.int32)
        return cramers_v(codes[chosen].astype(np.int64), group, weight)
    values = feature.values[chosen]
    known = np.isfinite(values)
    by_value = correlation_ratio(values[known], group[known], weight[known])
    return by_value if known.all() else max(by_value, cramers_v(known.astype(np.int64), group, weight))


def cramers_v(category: Ints, group: Ints, weight: Floats) -> float:
    """Bias-corrected Cramér's V (Bergsma 2013) of two columns of whole numbers; 0 where one of them is constant."""
    rows, r = np.unique(category, return_inverse=True)
    columns, c = np.unique(group, return_inverse=True)
    n = float(weight.sum())
    if min(rows.size, columns.size) < 2 or n <= 1:
        return 0.0
    by_row, by_column = np.bincount(r, weight), np.bincount(c, weight)
    # Cells that no row is in add nothing, so that a column of a million names needs no million by k table.
    cells, where = np.unique(r * columns.size + c, return_inverse=True)
    seen = np.bincount(where, weight)
    phi = float((seen**2 / (by_row[cells // columns.size] * by_column[cells % columns.size])).sum()) - 1
    kr, kc = rows.size - 1, columns.size - 1
    corrected = max(0.0, phi - kr * kc / (n - 1))
    least = min(kr - kr**2 / (n - 1), kc - kc**2 / (n - 1))
    return min(1.0, math.sqrt(corrected / least)) if least > 0 else 0.0


def correlation_ratio(values: Floats, group: Ints, weight: Floats) -> float:
    """η, the root of the share of the variance of `values` that lies between groups; 0 where they are constant."""
    if values.size < 2:
        return 0.0
    scaled = values / (float(np.abs(values).max()) or 1.0)
    if scaled.min() == scaled.max():
        return 0.0
    scaled = scaled - np.average(scaled, weights=weight)
    total = float((weight * scaled**2).sum())
    mass = np.bincount(group, weight)
    sums = np.bincount(group, weight * scaled)
    between = float((sums[mass > 0] ** 2 / mass[mass > 0]).sum())
    return min(1.0, math.sqrt(between / total)) if total > 0 else 0.0
