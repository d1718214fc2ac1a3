"""What several commands are told in the same way: options, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from glassalpha_action.documents import UserError
from glassalpha_action.settings import DEFAULT_DATABASE

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def database_option(command: F) -> F:
    """The option --database of what works on a registry."""
    said = f"The registry: a file, or postgresql://…; by default $GLASSALPHA_DATABASE, else {DEFAULT_DATABASE}."
    return click.option("--database", metavar="FILE|URL", help=said)(command)


def pair(text: str, option: str, *, empty: bool = False) -> tuple[str, str]:
    """The name and the value, which may be `empty`, in NAME=VALUE; UserError that names `option` otherwise."""
    name, sign, value = text.partition("=")
    if not (name and (value or (sign and empty))):
        raise UserError(f"{option} needs NAME=VALUE{'' if empty else ' with both'}, not {text!r}")
    return name, value
