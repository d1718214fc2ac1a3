"""The report as Markdown for people and pull requests: compact, and inert whatever the names in it say."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from glassalpha_action.records import Audit
from glassalpha_action.report.view import View, environment, printable, view

if TYPE_CHECKING:
    from jinja2 import Template

MARKS = re.compile(r"([\\`*_\[\]|~$])")
# Markup characters are plain text in a code span; only a pipe would still end a table's cell.
CODE = re.compile(r"`([^`|]+)`")
# A zero-width space breaks what GitHub would turn into a mention, a reference or a link.
BREAKS = re.compile(r"(@|#|:(?=//)|\b[Ww]{3}(?=\.))")
LIST_START = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")


def render_markdown(audit: Audit) -> str:
    """The Markdown report of `audit`."""
    return markdown_of(view(audit))


def markdown_of(content: View) -> str:
    """The content of a report as Markdown."""
    return _template().render(view=content)


def unlinked(text: str) -> str:
    """`text` of which nothing becomes markup, HTML, a link or a mention."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return BREAKS.sub("\\1\u200b", MARKS.sub(r"\\\1", text))


def escape(value: Any, plain: Callable[[str], str] = unlinked) -> str:
    """Text for one line of Markdown, `plain` and without a list or table border of its own; our markup as it is."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return _line(plain(" ".join(printable(value).split())))


def prose(text: str, plain: Callable[[str], str] = unlinked) -> str:
    """A sentence for one line of Markdown, in which `code` stands as code and the rest is `plain`."""
    parts = CODE.split(" ".join(printable(text).split()))
    return _line("".join(f"`{part}`" if place % 2 else plain(part) for place, part in enumerate(parts)))


def _line(text: str) -> str:
    from markupsafe import Markup

    return Markup(LIST_START.sub(r"\1\\\2", text))  # noqa: S704


def fence(text: str) -> str:
    """A code block that its own content cannot close."""
    from markupsafe import Markup

    longest = max((len(run) for run in re.findall(r"~+", text)), default=0)
    mark = "~" * max(3, longest + 1)
    return Markup(f"{mark}yaml\n{text.rstrip()}\n{mark}")  # noqa: S704


@cache
def _template() -> Template:
    made = environment(escape)
    made.filters |= {"fence": fence, "prose": prose}
    return made.get_template("markdown.jinja")
