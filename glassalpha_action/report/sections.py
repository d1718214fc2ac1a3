"""The measured part of a report: one section per family of metrics, with its tables by group and its charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from glassalpha_action.records import AttributeSummary, Audit, Group, Measurement
from glassalpha_action.report import charts, words
from glassalpha_action.report.charts import Plot
from glassalpha_action.vocabulary import Better, chance, first_sentence

MOST_COLUMNS = 5
MOST_ROWS = 8
DRAWN = 2
P_VALUE = re.compile(r"\bp [=<] ")
BETTER = {Better.higher: "higher is better", Better.lower: "lower is better", Better.neither: ""}


@dataclass(frozen=True)
class Line:
    """One measured number: what it is about, the number, its interval, n and what to know beside it."""

    about: str
    value: str
    span: str
    n: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Metric:
    """One metric with its definition and a line for each attribute (or one for the whole model)."""

    title: str
    definition: str
    better: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Rates by group: `columns` are (title, definition), each row is a level, its n and a cell per column."""

    title: str
    subject: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    plots: tuple[Plot, ...]
    more: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the report under its own heading; never empty."""

    id: str
    title: str
    lead: str
    metrics: tuple[Metric, ...]
    confidence: str
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()

    @property
    def by_attribute(self) -> bool:
        """Whether any line speaks of one attribute only."""
        return any(line.about for metric in self.metrics for line in metric.lines)


SECTIONS = (
    ("performance", "Performance", ("performance",), "How well the model tells outcomes apart."),
    ("regression", "Predicted amounts", ("regression",), "How near predicted amounts come to those that came true."),
    ("calibration", "Calibration", ("calibration",), "Whether a score of 0.3 comes true in 30 of 100 cases."),
    ("fairness", "Fairness by group", ("fairness",), "How the model treats the groups of each protected attribute."),
    ("robustness", "Robustness", ("robustness",), "What happens when the population changes."),
    (
        "data-quality",
        "Data quality",
        ("data_quality", "power"),
        "Whether the data can carry the conclusions drawn here.",
    ),
    ("explanations", "Explanations", ("explainability",), "What the model's scores rest on."),
)


def sections(audit: Audit) -> tuple[Section, ...]:
    """The sections that have something measured, in the order a reader needs them."""
    known = {family for _, _, families, _ in SECTIONS for family in families}
    other = {_family(m, audit) for m in audit.measurements} - known
    catalogue = (*SECTIONS, ("other", "Other measurements", tuple(sorted(other)), "Measurements of no listed family."))
    order = {metric: place for place, metric in enumerate(dict.fromkeys(v.metric for v in audit.verdicts))}
    ranked = sorted(audit.measurements, key=lambda m: order.get(m.metric, len(order)))
    made = (
        section(audit, key, title, lead, [m for m in ranked if _family(m, audit) in families])
        for key, title, families, lead in catalogue
    )
    return tuple(section for section in made if section is not None)


def _family(measurement: Measurement, audit: Audit) -> str:
    definition = audit.glossary.get(measurement.metric)
    return definition.family if definition else "other"


def section(audit: Audit, key: str, title: str, lead: str, found: list[Measurement]) -> Section | None:
    """The section of the measurements `found`; None where none of them has a value and nothing can be drawn.

    What has no value stands among the limits of the evidence, once for each reason.
    """
    measured = [m for m in found if m.value is not None]
    plots = {"performance": charts.performance, "calibration": charts.calibration}.get(key, charts.none)(audit)
    if not measured and not plots:
        return None
    levels = {m.confidence for m in measured if m.low is not None}
    return Section(
        key,
        title,
        lead,
        tuple(_metrics(audit, measured)),
        f"{100 * levels.pop():g}% interval" if len(levels) == 1 else "Interval",
        tuple(_tables(audit, found, drawn=key == "fairness", robust=key == "robustness")),
        plots,
    )


def _metrics(audit: Audit, found: list[Measurement]) -> Iterator[Metric]:
    by_metric: dict[str, list[Measurement]] = {}
    for measurement in found:
        by_metric.setdefault(measurement.metric, []).append(measurement)
    judged = {verdict.metric: verdict.threshold for verdict in audit.verdicts if verdict.baseline is None}
    for metric, members in by_metric.items():
        definition = audit.glossary.get(metric)
        lines = tuple(_line(member, judged.get(metric)) for member in members)
        yield Metric(
            words.name(members[0].title),
            first_sentence(definition.definition) if definition else "",
            BETTER[members[0].better],
            lines,
        )


def _line(measurement: Measurement, threshold: float | tuple[float, float] | None) -> Line:
    """One number, written as its gate writes it where one judges it by `threshold`."""
    unit = measurement.unit
    about = words.groups(measurement.attribute, measurement.between, {}) if measurement.attribute else ""
    notes = []
    if measurement.reason is not None:
        notes.append(words.sentence(measurement.reason))
    if measurement.bounds:
        low, high = (unit.show(end) for end in measurement.bounds)
        if low != high:
            notes.append(f"Without the rows it is known to lie between {low} and {high}.")
    if measurement.detail:
        notes.append(words.sentence(measurement.detail))
    if measurement.params:
        given = (f"{words.human(key).lower()} {value:g}" for key, value in sorted(measurement.params.items()))
        notes.append(f"Measured with {words.listed(given)}.")
    if measurement.p_value is not None and not P_VALUE.search(measurement.detail or ""):
        notes.append(_p_value(measurement.p_value))
    return Line(
        about,
        words.shown(unit, measurement.value, threshold),
        words.span(unit, measurement.low, measurement.high),
        f"{measurement.n:,}",
        tuple(notes),
    )


def _p_value(value: float) -> str:
    return f"{chance(value)}, the chance of a result at least this far off if there were nothing to find."


def _columns(found: list[Measurement], attribute: str | None, subject: str | None) -> list[Measurement]:
    """The measurements of `attribute` and `subject` that say more of a group than its rows, each rate once.

    What is 0 in every group, or only a yes or no of a feature, is said by the metric itself.
    """
    seen: set[tuple[str, tuple[Group, ...]]] = set()
    columns = []
    for measurement in found:
        key = (measurement.of or measurement.title, measurement.groups)
        has_rate = any(group.reason or group.value not in (None, group.n) for group in measurement.groups)
        plain = {0} if measurement.attribute else {0, 1}
        has_rate &= any(group.value not in plain for group in measurement.groups)
        if (measurement.attribute, measurement.subject) == (attribute, subject) and has_rate and key not in seen:
            seen.add(key)
            columns.append(measurement)
    return columns


def _tables(audit: Audit, found: list[Measurement], *, drawn: bool, robust: bool) -> Iterator[Table]:
    known = {summary.name: summary for summary in audit.data.attributes}
    for place, (attribute, subject) in enumerate(dict.fromkeys((m.attribute, m.subject) for m in found)):
        every = _columns(found, attribute, subject)
        summary = None if subject else known.get(attribute or "")
        whose = f"{subject}s and {words.name(attribute or '')}" if subject else f"By {words.name(attribute or '')}"
        for start in range(0, len(every), MOST_COLUMNS):
            columns = every[start : start + MOST_COLUMNS]
            rows = tuple(_rows(columns, summary))
            # Levels of an attribute are all shown; features and scenarios are in order of what they weigh.
            most = len(rows) if attribute and not subject else MOST_ROWS
            alone = _heading(columns[0])[0] if len(columns) == 1 else f"By {(subject or 'group').lower()}"
            yield Table(
                alone if attribute is None else f"{whose}{', continued' if start else ''}",
                subject or (words.name(attribute) if attribute else "Scenario" if robust else "Group"),
                tuple(_heading(column) for column in columns),
                rows[:most],
                tuple(charts.rates(column, f"rate-{place + 1}-{k + 1}") for k, column in enumerate(columns[:DRAWN]))
                if drawn and not subject and not start
                else (),
                f"{words.count(len(rows) - most, 'more row')} in audit.json." if len(rows) > most else "",
            )


def _rows(
    columns: list[Measurement], summary: AttributeSummary | None
) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    rows = {level.level: level.n for level in summary.levels} if summary else {}
    cells = [{group.level: group for group in column.groups} for column in columns]
    for level in dict.fromkeys([*rows, *(group.level for column in columns for group in column.groups)]):
        n = rows.get(level) or max((cell[level].n for cell in cells if level in cell), default=0)
        yield (
            words.name(level),
            f"{n:,}",
            tuple(
                _cell(column, cell.get(level), n, is_reference=summary is not None and level == summary.reference)
                for column, cell in zip(columns, cells, strict=True)
            ),
        )


def _heading(column: Measurement) -> tuple[str, str]:
    title = column.of or column.title
    return words.name(title[:1].upper() + title[1:]), words.RATES.get(title, "")


def _cell(column: Measurement, group: Group | None, rows: int, *, is_reference: bool) -> tuple[str, str]:
    if group is None and is_reference:
        return "reference", "the others are compared with it"
    if group is None and column.subject:
        return "none", ""
    if group is None:
        return "not compared", "not part of this comparison"
    of = f"n {group.n:,}" if group.n != rows else ""
    if group.value is None:
        return "not estimable", "; ".join(filter(None, (group.reason or "no reason recorded", of)))
    return column.unit.show(group.value), "; ".join(filter(None, (words.span(column.unit, group.low, group.high), of)))
