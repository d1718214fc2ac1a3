"""The report as one self-contained HTML file: nothing is fetched, and it reads without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassalpha_action.records import Audit
from glassalpha_action.report import drawing, figures, words
from glassalpha_action.report.view import View, environment, printable, view

if TYPE_CHECKING:
    from jinja2 import Template

PAPER_LINE = 100
PLOTLY = Path(__file__).resolve().parent / "assets" / "plotly-basic.min.js"


def render_html(audit: Audit) -> str:
    """The HTML report of `audit`."""
    return html_of(view(audit))


def html_of(content: View) -> str:
    """The content of a report as HTML."""
    from markupsafe import Markup

    plotly, script = (_plotly(), _source("report.js")) if content.plots else ("", "")
    return template("html.jinja").render(
        view=content,
        css=Markup(_source("html.css")),  # noqa: S704
        plotly=Markup(plotly),  # noqa: S704
        script=Markup(script),  # noqa: S704
        figures=Markup(_figures(content)),  # noqa: S704
        hashes=" ".join(f"'sha256-{_digest(text)}'" for text in (plotly, script) if text) or "'none'",
    )


def finalize(value: Any) -> str:
    """Text for HTML; markup made by our own macros stays as it is."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) else printable(value)


@cache
def template(name: str) -> Template:
    """A template that prints HTML."""
    made = environment(finalize)
    made.filters |= {"whole": _whole, "prose": _prose, "lines": _lines}
    return made.get_template(name)


def _whole(text: str) -> str:
    """A long text that is shown whole."""
    from markupsafe import Markup

    return Markup(escape(text))  # noqa: S704


def _lines(text: str) -> str:
    """A text for paper, its overlong lines broken beforehand: breaking one endless word takes the layout minutes."""
    broken = (
        line[start : start + PAPER_LINE]
        for line in text.split("\n")
        for start in range(0, max(1, len(line)), PAPER_LINE)
    )
    return _whole("\n".join(broken))


def _prose(text: str) -> str:
    """A sentence in which `code` stands as code."""
    from markupsafe import Markup

    return Markup(words.coded(escape(printable(text))))  # noqa: S704


@cache
def _plotly() -> str:
    return PLOTLY.read_text(encoding="utf-8").replace("</script", "<\\/script")


@cache
def _source(name: str) -> str:
    made = environment(finalize)
    if made.loader is None:
        raise RuntimeError("the template environment has no loader")
    return made.loader.get_source(made, name)[0]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _figures(content: View) -> str:
    """The figures as JSON that cannot end its script element."""
    names = {tint: f"--{name}" for tint, name in drawing.NAMES.items()}
    data = {"colours": names, "figures": {plot.id: figures.figure(plot) for plot in content.plots}}
    return words.script_json(data)
