"""A plot as SVG shapes in pixels; chart.jinja prints them. The same plot gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from glassalpha_action.report.charts import Mark, Plot, Series

WIDE, NARROW = 640, 430
INK, MUTED, GRID, PAPER = "#1b2430", "#5b6472", "#dfe3e8", "#ffffff"
PALETTE = ("#1f5fa8", "#b45309", "#0f766e", "#6d28d9", "#a21caf", "#4d7c0f")
DASHES = ("", "6 4", "2 3")
NAMES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {c: f"c{place}" for place, c in enumerate(PALETTE)}


@dataclass(frozen=True)
class Shape:
    """One SVG element: its name, its attributes in order, and its text."""

    kind: str
    attributes: tuple[tuple[str, str], ...]
    text: str = ""


@dataclass(frozen=True)
class Frame:
    """Where the data lie on the page, in pixels."""

    plot: Plot
    left: int
    right: int
    top: int
    bottom: int

    def x(self, value: float) -> float:
        """The pixel column of a value."""
        return self.left + (value - self.plot.x.low) / (self.plot.x.high - self.plot.x.low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The pixel row of a value; categories run downwards."""
        share = (value - self.plot.y.low) / (self.plot.y.high - self.plot.y.low)
        return self.top + (share if self.plot.categories else 1 - share) * (self.bottom - self.top)


def colour(series: Series) -> str:
    """The colour of a series on white."""
    return MUTED if series.colour < 0 else PALETTE[series.colour % len(PALETTE)]


def shapes(plot: Plot) -> tuple[Shape, ...]:
    """Every shape of the plot, back to front."""
    frame = Frame(plot, 178 if plot.categories else 62, _width(plot) - 16, 12, plot.height - 44)
    made = [*_axes(frame)]
    for series in plot.series:
        made.extend(_series(frame, series))
    made.extend(_legend(plot))
    return tuple(made)


def width(plot: Plot) -> str:
    """The width of the drawing in pixels."""
    return str(_width(plot))


def height(plot: Plot) -> str:
    """The height of the drawing, its legend included, in pixels."""
    rows = -(-len(_legend_series(plot)) // _legend_columns(plot))
    return str(plot.height + (18 * rows + 6 if rows else 0))


def _width(plot: Plot) -> int:
    return WIDE if plot.wide else NARROW


def _legend_series(plot: Plot) -> list[Series]:
    return [series for series in plot.series if series.style != "labels"] if plot.legend else []


def _legend_columns(plot: Plot) -> int:
    """Two columns where every name fits in half the width."""
    return 2 if all(len(series.name) * 7 < (_width(plot) - 62) / 2 - 30 for series in _legend_series(plot)) else 1


def _axes(frame: Frame) -> Iterator[Shape]:
    plot = frame.plot
    for value, label in plot.x.ticks:
        x = frame.x(value)
        yield _line(x, frame.top, x, frame.bottom, GRID)
        yield _text(x, frame.bottom + 17, label, "middle", MUTED)
    for value, label in plot.y.ticks:
        y = frame.y(value)
        yield _line(frame.left, y, frame.right, y, GRID)
        yield _text(frame.left - 8, y + 4, label, "end", INK if plot.categories else MUTED)
    yield _text((frame.left + frame.right) / 2, frame.bottom + 36, plot.x.title, "middle", MUTED)
    if plot.y.title:
        middle = (frame.top + frame.bottom) / 2
        turned = _text(16, middle, plot.y.title, "middle", MUTED)
        yield Shape("text", (*turned.attributes, ("transform", f"rotate(-90 16 {_number(middle)})")), turned.text)


def _series(frame: Frame, series: Series) -> Iterator[Shape]:
    tint = colour(series)
    if series.style == "line":
        points = " ".join(f"{_number(frame.x(m.x))},{_number(frame.y(m.y))}" for m in series.marks)
        yield Shape("polyline", (("points", points), ("fill", "none"), *_stroke(tint, 2, series.dash)))
    for mark in series.marks:
        if series.style == "dots":
            yield from _dot(frame, mark, tint)
        elif series.style == "labels":
            yield _text(
                frame.x(mark.x) + (6 if frame.plot.categories else 0),
                frame.y(mark.y) + 4,
                mark.text,
                "start" if frame.plot.categories else "middle",
                tint,
                10,
            )
        elif series.style == "bars":
            yield _bar(frame, mark, tint)


def _dot(frame: Frame, mark: Mark, tint: str) -> Iterator[Shape]:
    x, y = frame.x(mark.x), frame.y(mark.y)
    if mark.x_low is not None and mark.x_high is not None:
        yield _line(frame.x(mark.x_low), y, frame.x(mark.x_high), y, tint, 2)
    if mark.y_low is not None and mark.y_high is not None:
        yield _line(x, frame.y(mark.y_low), x, frame.y(mark.y_high), tint, 2)
    yield Shape(
        "circle", (("cx", _number(x)), ("cy", _number(y)), ("r", "4.5"), ("fill", tint), ("class", f"f-{NAMES[tint]}"))
    )


def _bar(frame: Frame, mark: Mark, tint: str) -> Shape:
    left, right = frame.x(mark.x_low or 0.0), frame.x(mark.x_high or 0.0)
    top, bottom = frame.y(mark.y_high or 0.0), frame.y(mark.y_low or 0.0)
    return Shape(
        "rect",
        (
            ("x", _number(left + 0.5)),
            ("y", _number(top)),
            ("width", _number(max(0.0, right - left - 1))),
            ("height", _number(bottom - top)),
            ("fill", tint),
            ("class", f"f-{NAMES[tint]}"),
        ),
    )


def _legend(plot: Plot) -> Iterator[Shape]:
    columns = _legend_columns(plot)
    for place, one in enumerate(_legend_series(plot)):
        x, y = 62 + (_width(plot) - 62) / 2 * (place % columns), plot.height + 8 + 18 * (place // columns)
        yield _line(x, y, x + 22, y, colour(one), 2 if one.style == "line" else 6, one.dash)
        yield _text(x + 30, y + 4, one.name, "start", INK)


def _stroke(tint: str, width: float, dash: int = 0) -> tuple[tuple[str, str], ...]:
    dashes = DASHES[dash % len(DASHES)]
    return (
        ("stroke", tint),
        ("stroke-width", f"{width:g}"),
        *((("stroke-dasharray", dashes),) if dashes else ()),
        ("class", f"s-{NAMES[tint]}"),
    )


def _line(x1: float, y1: float, x2: float, y2: float, tint: str, width: float = 1, dash: int = 0) -> Shape:
    ends = (("x1", _number(x1)), ("y1", _number(y1)), ("x2", _number(x2)), ("y2", _number(y2)))
    return Shape("line", (*ends, *_stroke(tint, width, dash)))


def _text(x: float, y: float, text: str, anchor: str, tint: str, size: int = 12) -> Shape:
    return Shape(
        "text",
        (
            ("x", _number(x)),
            ("y", _number(y)),
            ("text-anchor", anchor),
            ("font-size", str(size)),
            ("fill", tint),
            ("class", f"f-{NAMES[tint]}"),
        ),
        text,
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
