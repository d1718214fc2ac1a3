import plotly.graph_objects as go
import pytest

from glassalpha_action.records import Audit
from glassalpha_action.report import charts, drawing, figures
from glassalpha_action.report.charts import Plot
from glassalpha_action.report.view import view
from tests import samples
from tests.report import audits

AUDITS = {
    "sample": samples.audit(),
    "large": audits.large(),
    "hostile": audits.hostile(audits.HOSTILE[0]),
    "long": audits.hostile("x" * 10_000),
}


def plots() -> list[object]:
    return [pytest.param(plot, id=f"{name}-{plot.id}") for name, audit in AUDITS.items() for plot in view(audit).plots]


@pytest.mark.parametrize("plot", plots())
def test_a_figure_is_valid_plotly_and_a_drawing_stays_inside_its_frame(plot: Plot) -> None:
    figure = go.Figure(figures.figure(plot))
    assert len(figure.data) == len(plot.series)
    width, height = float(drawing.width(plot)), float(drawing.height(plot))
    for shape in drawing.shapes(plot):
        at = dict(shape.attributes)
        for key, end in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("y", height),
            ("y1", height),
            ("y2", height),
        ):
            assert 0 <= float(at.get(key, 0)) <= end, shape
        if shape.kind == "text" and at["text-anchor"] == "end":
            assert len(shape.text) * 7.6 <= float(at["x"]) + 25, f"{shape.text} is clipped"


@pytest.mark.parametrize("plot", plots())
def test_every_plot_has_its_numbers_as_a_table(plot: Plot) -> None:
    assert plot.rows
    assert {len(row) for row in plot.rows} == {len(plot.columns)}


def test_the_ids_of_the_figures_are_unique_and_never_a_name_from_outside() -> None:
    for audit in AUDITS.values():
        ids = [plot.id for plot in view(audit).plots]
        assert len(ids) == len(set(ids))
        assert all(part.isalpha() or part.isdigit() for key in ids for part in key.split("-"))


def test_reliability_shows_rows_and_interval_of_each_bin() -> None:
    (plot,) = charts.calibration(samples.audit())
    observed = next(series for series in plot.series if series.style == "dots")
    first = observed.marks[0]
    assert (first.x, first.y, first.y_low, first.y_high) == (0.05, 0.03, 0.0, 0.16)
    assert plot.rows[0] == ("0", "0.1", "30", "0.050", "0.030", "0.000 to 0.160")
    errors = figures.figure(plot)["data"][1]["error_y"]
    assert errors["array"][0] == pytest.approx(0.13)
    assert errors["arrayminus"][0] == pytest.approx(0.03)


def test_a_group_without_a_rate_is_named_not_drawn_at_zero() -> None:
    measurement = audits.gap("m", "Gap", samples.GAP.unit, "selection rate", 0.5, "age_group")
    dots, labels = charts.rates(measurement, "rate-1-1").series
    assert len(dots.marks) == 5
    assert [mark.text for mark in labels.marks] == ["not estimable"]


def test_an_audit_without_chart_data_has_no_charts() -> None:
    bare: Audit = audits.bare()
    assert (*charts.performance(bare), *charts.calibration(bare)) == ()


def test_names_in_a_live_figure_are_text_not_markup() -> None:
    made = [figures.figure(plot) for plot in view(audits.hostile("<a href='https://evil.example'>x</a>")).plots]
    assert "<" not in str(made)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        (0, 143, ("0", "50", "100", "150")),
        (0, 0, ("0.0", "0.2")),
    ],
)
def test_ticks_are_round_and_cover_the_data(low: float, high: float, labels: tuple[str, ...]) -> None:
    made = charts.ticks(low, high)
    assert made[0][0] <= low
    assert made[-1][0] >= high
    assert tuple(label for _, label in made)[: len(labels)] == labels
