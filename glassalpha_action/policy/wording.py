"""The sentences of a verdict: the value against the threshold, for whom, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from glassalpha_action.policy.compare import Limit
from glassalpha_action.policy.schema import Gate
from glassalpha_action.records import Judged, Measurement
from glassalpha_action.vocabulary import SATISFIED, Comparison, Outcome, Unit

NAMED = 3
ROWS_LIMIT = 100
OTHERWISE = {
    Outcome.FAIL: "It {}fails for",
    Outcome.MISSING: "It is {}not measured for",
    Outcome.INCONCLUSIVE: "It is {}inconclusive for",
}


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


def besides(judged: Sequence[Judged], gate: Gate, unit: Unit) -> str:
    """A sentence for each way in which the gate does not pass for other attributes than the first of `judged`.

    What fails only the gate's softer level is left to where that decided; of many the first are named.
    """
    worst, text = judged[0], ""
    rest = [one for one in judged[1:] if one.outcome not in SATISFIED and one.warned <= worst.warned]
    for outcome in dict.fromkeys(one.outcome for one in rest):
        found = [_elsewhere(one, gate, unit) for one in rest if one.outcome is outcome]
        more = f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        also = "also " if outcome is worst.outcome else ""
        text += f" {OTHERWISE[outcome].format(also)} {'; '.join(found[:NAMED])}{more}."
    return text


def _elsewhere(one: Judged, gate: Gate, unit: Unit) -> str:
    """The groups and the value, or why there is none: "sex: female against male 0.121"."""
    if one.value is None:
        return f"{one.attribute}: {one.reason}"
    limit = gate.threshold if isinstance(gate.threshold, float) else None
    groups = f"{' against '.join(dict.fromkeys(one.groups))} " if one.groups else ""
    return f"{one.attribute}: {groups}{'worse by ' if gate.baseline else ''}{unit.show(one.value, limit)}"


def stopped(text: str) -> str:
    """`text` as a sentence that another can follow."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


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
    times = (reach / distance) ** 2
    if times > ROWS_LIMIT:
        return (
            "Inconclusive: the interval holds the threshold, and the value lies so near it that it would take more "
            f"than {ROWS_LIMIT} times these rows to decide."
        )
    rows = _rounded_up(max(math.ceil(worst.n * times - 1e-6), worst.n + 1))
    return f"Inconclusive: the interval holds the threshold; about {rows:,} rows would decide."


def _rounded_up(rows: int) -> int:
    """To two digits: an estimate of an estimate knows no more."""
    unit: int = 10 ** max(0, len(str(rows)) - 2)
    return -(-rows // unit) * unit
