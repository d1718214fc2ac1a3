"""`glassalpha event`: governance events in the registry's chain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from glassalpha_action.cli.ledger import Opener, moment, recording
from glassalpha_action.cli.options import as_json, database_option, pair
from glassalpha_action.cli.registry import open_registry
from glassalpha_action.cli.tables import echo_json, table
from glassalpha_action.documents import inert
from glassalpha_action.governance.events import KINDS
from glassalpha_action.governance.events import event as made
from glassalpha_action.registry.rows import event_entry

COLUMNS = ("at", "kind", "subject", "by", "about")
DIGEST = re.compile("[0-9a-f]{64}")


@click.group()
def event() -> None:
    """Record what happens beside the audits, such as trainings, incidents and releases."""


@event.command(short_help="Add an event about a model, a team or a policy.")
@click.argument("kind", metavar="KIND")
@click.argument("subject", metavar="SUBJECT")
@click.option("--by", required=True, help="Who says so.")
@click.option("--at", metavar="MOMENT", help="When it happened, UTC as YYYY-MM-DDTHH:MM:SSZ; now where not given.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="More about it; a value may be JSON.")
@recording
def add(kind: str, subject: str, by: str, at: str | None, pairs: Sequence[str], book: Opener) -> None:
    """Add an event of KIND about SUBJECT, a model, a team or a policy; `glassalpha event kinds` lists the kinds."""
    found = made(kind, subject, at=at or moment(), by=by, body=dict(_said(text) for text in pairs))
    with book() as opened:
        (receipt,) = opened.record([event_entry(found)])
        anchor = opened.registry.head().anchor
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
        echo_json([asdict(one) for one in found])
    elif found:
        rows = [(one.at, one.kind, one.subject, one.by, _told(one.body)) for one in found]
        click.echo(table([COLUMNS, *rows]), nl=False)
    else:
        click.echo("no such events; `glassalpha event add` records one")


@event.command()
def kinds() -> None:
    """List the kinds of events."""
    click.echo(table(list(KINDS.items())), nl=False)


def _told(body: Mapping[str, Any]) -> str:
    """What an event holds, for a reader: a digest by its first digits; --json shows all."""
    found = {name: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for name, one in body.items()}
    return "; ".join(f"{name}: {one[:12] if DIGEST.fullmatch(one) else one}" for name, one in found.items() if one)


def _said(text: str) -> tuple[str, Any]:
    name, value = pair(text, "--set", empty=True)
    try:
        return name, json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return name, value


def _no_number(name: str) -> Any:
    raise ValueError(name)
