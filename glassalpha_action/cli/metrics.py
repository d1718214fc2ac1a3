"""`glassalpha metrics`: the catalogue of what a policy may name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import click

from glassalpha_action.cli.options import as_json
from glassalpha_action.cli.tables import echo_json
from glassalpha_action.documents import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glassalpha_action.metrics.catalogue import Metric

SHORTEST = 4


def find(name: str) -> Metric:
    """The metric called `name`: its id, an alias, its title, or a gate of a shipped policy pack that judges it.

    A part of an id or a misspelling is understood where it can be one metric only; else the UserError names the nearest
    ones, as an explanation of another metric would be taken for the right one.
    """
    from glassalpha_action.metrics import ALIASES, CATALOGUE

    asked = _plain(name)
    known = {**{n: n for n in CATALOGUE}, **ALIASES}
    exact = {_plain(m.title): m.id for m in CATALOGUE.values()} | known
    found = {exact[asked]} if asked in exact else _of_gates(asked) or _near(asked, known, 0.9)
    if len(found) == 1:
        return CATALOGUE[known[found.pop()]]
    near = sorted(found) or sorted(_near(asked, known, 0.6))[:3]
    meant = f"; did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else "."
    raise UserError(
        f"there is no metric `{name}`{meant} `glassalpha metrics list` names all, and `glassalpha policy show` the "
        "metric of each gate."
    )


def _plain(name: str) -> str:
    """`name` as an id would be written."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _of_gates(asked: str) -> set[str]:
    """The metrics of the gates of the shipped packs that have this name or id."""
    from glassalpha_action.cli.policy import packs, read_policy

    gates = [gate for name, path in packs().items() for gate in read_policy(path, f"pack:{name}").policy.gates]
    return {gate.metric for gate in gates if asked in {_plain(gate.name), _plain(gate.key)}}


def _near(asked: str, known: Mapping[str, str], cutoff: float) -> set[str]:
    """The metrics with a name that holds `asked` or is spelt much as it is."""
    close = difflib.get_close_matches(asked, known, n=3, cutoff=cutoff)
    return {known[name] for name in (*close, *(n for n in known if len(asked) >= SHORTEST and asked in n))}


@click.group()
def metrics() -> None:
    """List the metrics a policy may name, and what each means."""


@metrics.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List every metric with its unit, which way is better, and its title."""
    from glassalpha_action.metrics import CATALOGUE

    found = [m.definition for m in CATALOGUE.values()]
    if as_json:
        echo_json([d.model_dump(mode="json") for d in found])
        return
    wide = max(len(d.id) for d in found)
    for family in dict.fromkeys(d.family for d in found):
        click.echo(family.replace("_", " "))
        for one in [d for d in found if d.family == family]:
            click.echo(f"  {one.id:<{wide}}  {one.better.value:<7}  {one.unit.value:<11}  {one.title}")


@metrics.command(short_help="Show what a metric means, and what to do about it.")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show what a metric means, what it needs, and what to do when its gate fails."""
    metric = find(name)
    found = metric.definition
    if as_json:
        echo_json(found.model_dump(mode="json") | {"params": dict(metric.params)})
        return
    click.echo(f"{found.title} ({found.id})\n\n{found.definition}\n")
    click.echo(f"Unit: {found.unit.value}. Better: {found.better.value}. Family: {found.family.replace('_', ' ')}.")
    if metric.params:
        click.echo("Parameters: " + ", ".join(f"{k} (default {v:g})" for k, v in metric.params.items()) + ".")
    if found.aliases:
        click.echo(f"Also called: {', '.join(found.aliases)}.")
