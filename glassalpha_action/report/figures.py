"""A plot as the plain data and layout of a plotly figure; plotly itself is not imported."""

from __future__ import annotations

from typing import Any

from glassalpha_action.report import drawing
from glassalpha_action.report.charts import Axis, Mark, Plot, Series

PLOTLY_DASHES = ("solid", "dash", "dot")
CLEAR = "rgba(0,0,0,0)"


def figure(plot: Plot) -> dict[str, Any]:
    """The figure of `plot`: {"data": […], "layout": {…}} in plotly's schema."""
    return {"data": [_trace(plot, series) for series in plot.series], "layout": _layout(plot)}


def _layout(plot: Plot) -> dict[str, Any]:
    entries = sum(series.style != "labels" for series in plot.series) if plot.legend else 0
    y = _axis(plot.y) | {"tickfont": {"color": drawing.INK if plot.categories else drawing.MUTED}}
    if plot.categories:
        y["range"] = [plot.y.high, plot.y.low]
    return {
        "height": plot.height + 20 * entries,
        "margin": {"l": 12, "r": 16, "t": 12, "b": 52 + 20 * entries},
        "autosize": True,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": drawing.INK, "size": 12},
        "showlegend": bool(entries),
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        "barmode": "overlay",
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": _axis(plot.x),
        "yaxis": y,
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "title": {"text": _plain(axis.title), "font": {"color": drawing.MUTED}},
        "range": [axis.low, axis.high],
        "tickmode": "array",
        "tickvals": [value for value, _ in axis.ticks],
        "ticktext": [_plain(label) for _, label in axis.ticks],
        "tickfont": {"color": drawing.MUTED},
        "gridcolor": drawing.GRID,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "ticklabelstandoff": 5,
    }


def _trace(plot: Plot, series: Series) -> dict[str, Any]:
    tint = drawing.colour(series)
    x, y = [mark.x for mark in series.marks], [mark.y for mark in series.marks]
    texts = [_plain(mark.text) for mark in series.marks]
    common = {"name": _plain(series.name), "x": x, "showlegend": plot.legend and series.style != "labels"}
    if series.style == "bars":
        return common | {
            "type": "bar",
            "y": [(m.y_high or 0.0) - (m.y_low or 0.0) for m in series.marks],
            "base": [m.y_low or 0.0 for m in series.marks],
            "marker": {"color": tint},
            "width": [(m.x_high or 0.0) - (m.x_low or 0.0) for m in series.marks],
            "hovertext": texts,
            "hoverinfo": "text+name",
        }
    scatter = common | {"type": "scatter", "y": y}
    if series.style == "line":
        return scatter | {
            "mode": "lines",
            "line": {"color": tint, "width": 2, "dash": PLOTLY_DASHES[series.dash % 3]},
            "hoverinfo": "skip" if series.colour < 0 else "x+y+name",
        }
    if series.style == "labels":
        return scatter | {
            "mode": "text",
            "text": texts,
            "textfont": {"color": tint, "size": 10},
            "hoverinfo": "skip",
            "textposition": "middle right" if plot.categories else "middle center",
        }
    errors = {
        key: bars
        for key, bars in (("error_x", _errors(series.marks, "x")), ("error_y", _errors(series.marks, "y")))
        if bars
    }
    return scatter | {
        "mode": "markers",
        "marker": {"color": tint, "size": 9},
        "hovertext": texts,
        "hoverinfo": "text",
        **{key: bars | {"color": tint} for key, bars in errors.items()},
    }


def _errors(marks: tuple[Mark, ...], side: str) -> dict[str, Any] | None:
    """Error bars reach from the mark to the ends of its interval; a mark without one gets none."""
    ends = [(getattr(m, side), getattr(m, f"{side}_low"), getattr(m, f"{side}_high")) for m in marks]
    if all(low is None or high is None for _, low, high in ends):
        return None
    up = [0.0 if high is None else max(0.0, high - at) for at, _, high in ends]
    down = [0.0 if low is None else max(0.0, at - low) for at, low, _ in ends]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 2, "width": 0}


def _plain(text: str) -> str:
    """Text that plotly, which reads a few HTML tags and entities, shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
