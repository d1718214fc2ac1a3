"""Templates to HTML: everything is escaped, characters that reorder or hide text are shown as what they are."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassalpha_action.report import words

if TYPE_CHECKING:
    from jinja2 import Environment


def visible(text: str) -> str:
    """`text` with every character that cannot be seen written out, so that what is read is what is there."""
    return text if text.isprintable() else words.clean(text)


def script_json(value: Any) -> str:
    """JSON that is inert inside a script element: no `<`, `>` or `&` is left in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def render(template: str, **values: Any) -> str:
    """The named template with `values`; an unknown name in a template is an error, not an empty string."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        if isinstance(value, Markup) or not isinstance(value, str):
            return "" if value is None else value
        return visible(value)

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=shown, auto_reload=False,
    )
    environment.filters |= {"name": words.name, "short": words.short, "sentence": words.sentence, "script_json": lambda value: Markup(script_json(value))}
    environment.globals |= {"STATUSES": words.STATUSES, "OUTCOMES": words.OUTCOMES, "count": words.count}
    return environment
