"""The sentences of a verdict: the value against the threshold, for whom, and how sure it is."""

from __future__ import annotations

import math

from glassalpha_action.policy.compare import Limit
from glassalpha_action.policy.schema import Gate
from glassalpha_action.records import Judged, Measurement
from glassalpha_action.vocabulary import Comparison, Outcome, Unit


def message(worst: Judged, gate: Gate, found: Measurement | None, unit: Unit, met: bool) -> str:
    """One sentence, and a second where there is more to say; `gate` has the threshold that decided."""
    about = f" for {worst.attribute}" if worst.attribute else ""
    if worst.value is None or found is None:
        said = "Inconclusive" if worst.outcome is Outcome.INCONCLUSIVE else "Not measured"
        return f"{said}{about}: {worst.reason}."
    limit = gate.threshold if isinstance(gate.threshold, float) else None
    shown = unit.show(worst.value, limit)
    if gate.baseline:
        shown = f"Worse by {shown}, which"
    asked = f"{gate.comparison.sign} {limits(gate.threshold, unit, worst.value)}"
    compared = "is measured" if gate.comparison is Comparison.present else f"is {'' if met else 'not '}{asked}"
    parts = [f"{shown} {compared}"]
    if worst.attribute:
        parts.append(f"{about}: {_groups(found)}" if found.between else about)
    if worst.low is not None and worst.high is not None:
        level = found.confidence * 100
        parts.append(f" ({level:g}% interval {unit.show(worst.low)} to {unit.show(worst.high)})")
    text = "".join(parts) + "."
    if worst.outcome is Outcome.INCONCLUSIVE:
        text += f" {_undecided(worst, gate)}"
    return text + (f" {found.detail}" if found.detail else "")


def limits(threshold: Limit, unit: Unit, value: float | None = None) -> str:
    """A threshold in the metric's unit, apart from `value`."""
    if isinstance(threshold, tuple):
        return f"{unit.show_limit(threshold[0])} to {unit.show_limit(threshold[1])}"
    return "" if threshold is None else unit.show_limit(threshold, value)


def _groups(found: Measurement) -> str:
    """The groups the value lies between, each with its rate and its rows."""
    by_level = {g.level: g for g in found.groups}
    named = []
    for level in dict.fromkeys(found.between):
        group = by_level.get(level)
        rate = (
            f" {found.unit.show(group.value)}"
            if group and group.value is not None and found.unit is not Unit.rows
            else ""
        )
        named.append(f"{level}{rate}" + (f" (n {group.n:,})" if group else ""))
    return " against ".join(named)


def _undecided(worst: Judged, gate: Gate) -> str:
    if worst.reason:
        return f"Inconclusive: {worst.reason}."
    if worst.value is None or worst.low is None or worst.high is None or not isinstance(gate.threshold, float):
        return "Inconclusive."
    distance = abs(worst.value - gate.threshold)
    reach = worst.high - worst.value if worst.value < gate.threshold else worst.value - worst.low
    if distance < 1e-9:
        return "Inconclusive: the value lies on the threshold, where no number of rows decides."
    rows = math.ceil(worst.n * (reach / distance) ** 2 - 1e-6)
    return f"Inconclusive: the interval holds the threshold; about {max(rows, worst.n + 1):,} rows would decide."
