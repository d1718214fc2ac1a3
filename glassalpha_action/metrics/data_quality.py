"""Whether the rows can carry the conclusions drawn from them."""

from __future__ import annotations

from fractions import Fraction

from glassalpha_action.cube import AND, Slice
from glassalpha_action.evidence import MISSING
from glassalpha_action.metrics.catalogue import Estimate, metric, undefined
from glassalpha_action.records import Better, Group, Unit


@metric(
    "Smallest group",
    unit=Unit.rows,
    better=Better.higher,
    issue="A group is too small for its rates to be trusted.",
    causes=["Too few rows were held out", "A group is rare in the population, or was cut too finely"],
    fixes=[
        "Hold out more rows, or score a later period as well and audit both together.",
        "Merge levels that the policy owner agrees belong together (`bins` and `labels` in audit.yaml).",
    ],
)
def min_group_size(group: Slice) -> Estimate:
    """The number of rows in the smallest level of the attribute. Rows whose value is missing are shown, not counted.

    A whole number; a declared level that no row has counts 0, but a combination of levels that no row has is no group.
    Not estimable when no row has a value. It counts rows, whatever they weigh.
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
