"""`glassalpha event`: governance events in the registry's chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from glassalpha_action.cli.registry import as_json, database_option, moment, open_registry
from glassalpha_action.cli.tables import inert, table
from glassalpha_action.documents import UserError
from glassalpha_action.governance.events import KINDS
from glassalpha_action.governance.events import event as made

COLUMNS = ("at", "kind", "subject", "by", "body")


@click.group()
def event() -> None:
    """Record what happens beside the audits, such as trainings, incidents and releases."""


@event.command()
@click.argument("kind", metavar="KIND")
@click.argument("subject", metavar="SUBJECT")
@click.option("--by", required=True, help="Who says so.")
@click.option("--at", metavar="MOMENT", help="When it happened, UTC as YYYY-MM-DDTHH:MM:SSZ; now where not given.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="More about it; a value may be JSON.")
@database_option
def add(kind: str, subject: str, by: str, at: str | None, pairs: Sequence[str], database: str | None) -> None:
    """Add an event of KIND about SUBJECT, a model, a team or a policy; `glassalpha event kinds` lists the kinds."""
    found = made(kind, subject, at=at or moment(), by=by, body=dict(_pair(text) for text in pairs))
    with open_registry(database) as opened:
        receipt = opened.record_event(found)
        anchor = opened.head().anchor
    click.echo(
        f"{inert(kind)} about {inert(subject)}: {'recorded' if receipt.new else 'already there'}, anchor {anchor}"
    )


@event.command(name="list")
@click.option("--kind", help="Only events of this kind.")
@click.option("--subject", help="Only events about this model, team or policy.")
@database_option
@as_json
def list_events(kind: str | None, subject: str | None, database: str | None, as_json: bool) -> None:
    """List the events, oldest record first."""
    with open_registry(database) as opened:
        found = opened.events(kind=kind, subject=subject)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif found:
        rows = [(one.at, one.kind, one.subject, one.by, json.dumps(one.body, ensure_ascii=False)) for one in found]
        click.echo(table([COLUMNS, *rows]), nl=False)
    else:
        click.echo("no such events; `glassalpha event add` records one")


@event.command()
def kinds() -> None:
    """List the kinds of events."""
    click.echo(table(list(KINDS.items())), nl=False)


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise UserError(f"--set needs NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return name, value


def _no_number(name: str) -> Any:
    raise ValueError(name)
