"""Templates to HTML: everything is escaped, characters that reorder or hide text are shown as what they are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassalpha_action.report import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PREFORMATTED = re.compile(r"(<pre.*?</pre>)", re.DOTALL)
SPACE = re.compile(r"\s*\n\s*")
OPTIONAL = re.compile(r"</(?:td|th|tr|thead|tbody|li|dt|dd|option)>")


def visible(text: str) -> str:
    """`text` with every character that cannot be seen written out, so that what is read is what is there."""
    return text if text.isprintable() else words.clean(text)


def label(text: str, limit: int) -> str:
    """`text` on one short line; a link needs words, so a blank name gets some."""
    return words.short(text, limit).strip() or "(blank)"


def breaking(text: str, limit: int) -> Markup:
    """`label` as HTML, in which a line may break after an underscore and need not break inside a word."""
    from markupsafe import Markup, escape

    return Markup(escape(label(text, limit)).replace("_", Markup("_<wbr>")))  # noqa: S704


def compact(page: str) -> str:
    """The same HTML without the white space and the end tags that it does not need, but for what stands in `pre`."""
    parts = PREFORMATTED.split(page)
    parts[::2] = [OPTIONAL.sub("", SPACE.sub("\n", part)) for part in parts[::2]]
    return "".join(parts)


def render(template: str, **values: Any) -> str:
    """The named template with `values`; an unknown name in a template is an error, not an empty string."""
    return compact(_environment().get_template(template).render(values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    def shown(value: Any) -> Any:
        if isinstance(value, Markup) or not isinstance(value, str):
            return "" if value is None else value
        return visible(value)

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
        auto_reload=False,
    )
    environment.filters |= {
        "name": words.name,
        "short": label,
        "breaking": breaking,
        "sentence": words.sentence,
        "prose": lambda text, limit: Markup(words.coded(str(escape(words.name(text, limit))))),  # noqa: S704
        "script_json": lambda value: Markup(words.script_json(value)),  # noqa: S704
    }
    environment.globals |= {"STATUSES": words.STATUSES, "OUTCOMES": words.OUTCOMES, "count": words.count}
    return environment
