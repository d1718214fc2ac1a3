"""The figures of a report as plain data, made from the Audit alone; drawing.py and figures.py put them on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from glassalpha_action.records import Audit, Measurement, RocCurve
from glassalpha_action.report import words
from glassalpha_action.vocabulary import Unit

MOST_CURVES = 12
MOST_ROWS = 40
FRACTIONS = tuple((k / 5, f"{k / 5:.1f}") for k in range(6))


@dataclass(frozen=True)
class Axis:
    """One axis: its title, its ends and its labelled ticks, in data units."""

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Mark:
    """One point with the ends of its interval or bar, where it has them, and its text."""

    x: float
    y: float
    text: str = ""
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True)
class Series:
    """Marks drawn alike. `colour` counts through the palette (-1 is the neutral colour), `dash` through the dashes."""

    name: str
    style: Literal["line", "dots", "bars", "labels"]
    marks: tuple[Mark, ...]
    colour: int = 0
    dash: int = 0


@dataclass(frozen=True)
class Plot:
    """One figure: what it shows in words, its axes and series, and the same numbers as a table."""

    id: str
    title: str
    text: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    height: int = 340
    categories: bool = False
    legend: bool = True
    printed: bool = False
    wide: bool = False


def none(_audit: Audit) -> tuple[Plot, ...]:
    """No figures."""
    return ()


def performance(audit: Audit) -> tuple[Plot, ...]:
    """ROC curves (whole model, then by attribute) and the score histogram, as far as the audit holds them."""
    whole = [curve for curve in audit.charts.roc if curve.attribute is None]
    plots = [_roc("roc", "ROC curve", whole)] if whole else []
    for place, attribute in enumerate(dict.fromkeys(c.attribute for c in audit.charts.roc if c.attribute is not None)):
        curves = [curve for curve in audit.charts.roc if curve.attribute == attribute]
        plots.append(_roc(f"roc-{place + 1}", f"ROC curve by {words.name(attribute, 40)}", curves))
    return (*plots, *_histogram(audit))


def _roc(key: str, title: str, curves: list[RocCurve]) -> Plot:
    drawn = curves[:MOST_CURVES]
    chance = Series("chance", "line", (Mark(0, 0), Mark(1, 1)), colour=-1, dash=1)
    series = tuple(
        Series(_curve_name(curve), "line", tuple(Mark(x, y) for x, y in curve.points), place, place // 6)
        for place, curve in enumerate(drawn)
    )
    rest = (
        f" The first {MOST_CURVES} of {len(curves):,} groups are drawn; the table holds all."
        if len(curves) > len(drawn)
        else ""
    )
    score = Unit.probability
    return Plot(
        key,
        title,
        "The share of positives found against the share of negatives wrongly flagged, at every threshold. "
        f"The further above the diagonal, the better.{rest}",
        Axis("False positive rate", 0, 1, FRACTIONS),
        Axis("True positive rate", 0, 1, FRACTIONS),
        (chance, *series),
        ("Curve", "False positive rate", "True positive rate"),
        tuple(
            (words.name(curve.level) if curve.level is not None else "whole model", score.show(x), score.show(y))
            for curve in curves
            for x, y in curve.points
        ),
    )


def _curve_name(curve: RocCurve) -> str:
    label = words.short(curve.level) if curve.level is not None else "whole model"
    return (
        f"{label}, AUC {Unit.probability.show(curve.auc)}" if curve.auc is not None else f"{label}, AUC not estimable"
    )


def _histogram(audit: Audit) -> tuple[Plot, ...]:
    bins = audit.charts.score_histogram
    if not bins:
        return ()
    ends = (*(low for low, _, _ in bins[1:]), max(1.0, bins[-1][0]))
    highest = max(1, *(negatives + positives for _, negatives, positives in bins))
    label = words.short(audit.data.positive_label)
    bars = [(low, end, negatives, positives) for (low, negatives, positives), end in zip(bins, ends, strict=True)]
    negative = tuple(Mark((low + end) / 2, n, f"{n:,} rows", low, end, 0, n) for low, end, n, _ in bars)
    positive = tuple(Mark((low + end) / 2, n + p, f"{p:,} rows", low, end, n, n + p) for low, end, n, p in bars)
    return (
        Plot(
            "scores",
            "Scores by actual outcome",
            "How many rows got each score. The better the model, the less the two overlap.",
            Axis("Score", min(0.0, bins[0][0]), max(1.0, bins[-1][0]), FRACTIONS),
            Axis("Rows", 0, highest * 1.05, ticks(0, highest)),
            (Series("other outcome", "bars", negative, 0), Series(f"outcome {label}", "bars", positive, 1)),
            ("Score from", "to", "Rows with other outcome", f"Rows with outcome {label}"),
            tuple((f"{low:.3g}", f"{end:.3g}", f"{n:,}", f"{p:,}") for low, end, n, p in bars),
            height=260,
            wide=True,
        ),
    )


def calibration(audit: Audit) -> tuple[Plot, ...]:
    """The reliability diagram with rows and Wilson interval per bin."""
    bins = [b for b in audit.charts.calibration if b.n]
    if not bins:
        return ()
    show = Unit.probability.show
    marks = tuple(
        Mark(
            b.mean_score,
            b.observed,
            f"{show(b.observed)} of {b.n:,} rows",
            y_low=b.observed_low,
            y_high=b.observed_high,
        )
        for b in bins
    )
    counts = tuple(Mark((b.low + b.high) / 2, 1.06, f"{b.n:,}") for b in bins)
    return (
        Plot(
            "calibration",
            "Reliability: predicted against observed",
            "Each dot is one bin of scores: the mean score against the share of rows that truly were positive, with "
            "its Wilson interval. On the diagonal the scores can be taken at their word. The numbers along the top are "
            "rows per bin.",
            Axis("Mean score in the bin", 0, 1, FRACTIONS),
            Axis("Observed share of positives", 0, 1.12, FRACTIONS),
            (
                Series("perfect calibration", "line", (Mark(0, 0), Mark(1, 1)), colour=-1, dash=1),
                Series("observed, with interval", "dots", marks),
                Series("rows per bin", "labels", counts, colour=-1),
            ),
            ("Scores from", "to", "Rows", "Mean score", "Observed share", "Interval"),
            tuple(
                (
                    f"{b.low:.3g}",
                    f"{b.high:.3g}",
                    f"{b.n:,}",
                    show(b.mean_score),
                    show(b.observed),
                    words.span(Unit.probability, b.observed_low, b.observed_high),
                )
                for b in bins
            ),
            printed=True,
            wide=True,
        ),
    )


def rates(measurement: Measurement, key: str) -> Plot:
    """One rate by group as dots with intervals, one row per level."""
    title = words.name(measurement.of or measurement.title, 60)
    drawn = measurement.groups[:MOST_ROWS]
    known = [group for group in drawn if group.value is not None]
    axis = _rate_axis(measurement)
    marks = tuple(
        Mark(group.value or 0.0, place, measurement.unit.show(group.value or 0.0), group.low, group.high)
        for place, group in enumerate(drawn)
        if group.value is not None
    )
    missing = tuple(Mark(axis.low, place, "not estimable") for place, group in enumerate(drawn) if group.value is None)
    series = [Series(title, "dots", marks)] if known else []
    if missing:
        series.append(Series("not estimable", "labels", missing, colour=-1))
    rest = (
        f" The first {MOST_ROWS} of {len(measurement.groups):,} groups are drawn; the table holds all."
        if len(measurement.groups) > len(drawn)
        else ""
    )
    labels = tuple(
        (float(place), f"{words.short(group.level, 18)} (n {group.n:,})") for place, group in enumerate(drawn)
    )
    attribute = words.name(measurement.attribute or "group", 40)
    heading = f"{title[:1].upper()}{title[1:]} by {attribute}"
    return Plot(
        key,
        heading,
        f"Each dot is one group's {title}, the bar its interval: bars that overlap widely are not clearly different."
        f"{rest}",
        axis,
        Axis("", -0.6, len(drawn) - 0.4, labels),
        tuple(series),
        ("Group", "Rows", heading, "Interval"),
        tuple(
            (
                words.name(group.level),
                f"{group.n:,}",
                measurement.unit.show(group.value)
                if group.value is not None
                else f"not estimable: {group.reason or 'no reason recorded'}",
                words.span(measurement.unit, group.low, group.high) or "no interval",
            )
            for group in measurement.groups
        ),
        height=70 + 30 * len(drawn),
        categories=True,
        legend=False,
    )


def _rate_axis(measurement: Measurement) -> Axis:
    title = measurement.of or measurement.title
    title = words.name(title[:1].upper() + title[1:], 60)
    ends = [end for group in measurement.groups for end in (group.value, group.low, group.high) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    # The rates behind a difference or a ratio are shares; a common scale from 0 to 1 lets the charts be compared.
    if measurement.unit is not Unit.rows and low >= 0 and high <= 1:
        return Axis(title, 0, 1, FRACTIONS)
    marks = ticks(low, high)
    return Axis(title, min(low, marks[0][0]), max(high, marks[-1][0]), marks)


def ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """About five round ticks that cover `low` to `high`."""
    high = high if high > low else low + 1
    width = high - low
    power = 10.0 ** math.floor(math.log10(width / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 5 >= width)
    first, last = math.floor(low / step), math.ceil(high / step)
    decimals = max(0, -math.floor(math.log10(step)))
    return tuple((k * step, f"{k * step:,.{decimals}f}") for k in range(first, last + 1))
