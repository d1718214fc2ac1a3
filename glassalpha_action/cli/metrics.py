"""`glassalpha metrics`: the catalogue of what a policy may name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from glassalpha_action.documents import UserError, nearest

if TYPE_CHECKING:
    from glassalpha_action.metrics.catalogue import Metric


def find(name: str) -> Metric:
    """The metric called `name`, by its name, an alias or something close to one. Raises UserError."""
    import difflib

    from glassalpha_action.metrics import ALIASES, CATALOGUE

    known = {**{n: n for n in CATALOGUE}, **ALIASES}
    asked = name.strip().lower().replace("-", "_").replace(" ", "_")
    close = difflib.get_close_matches(asked, known, n=1, cutoff=0.6)
    close = close or [n for n in known if asked and asked in n][:1]
    if not close:
        raise UserError(f"there is no metric `{name}`{nearest(asked, sorted(CATALOGUE))}")
    return CATALOGUE[known[close[0]]]


@click.group()
def metrics() -> None:
    """List the metrics a policy may name, and what each means."""


@metrics.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List every metric with its unit, which way is better, and its title."""
    from glassalpha_action.metrics import CATALOGUE

    found = [m.definition for m in CATALOGUE.values()]
    if as_json:
        click.echo(json.dumps([d.model_dump(mode="json") for d in found], indent=2))
        return
    wide = max(len(d.id) for d in found)
    for family in dict.fromkeys(d.family for d in found):
        click.echo(family.replace("_", " "))
        for one in [d for d in found if d.family == family]:
            click.echo(f"  {one.id:<{wide}}  {one.better.value:<7}  {one.unit.value:<11}  {one.title}")


@metrics.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show what a metric means, what it needs, and what to do when its gate fails."""
    metric = find(name)
    found = metric.definition
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json") | {"params": dict(metric.params)}, indent=2))
        return
    click.echo(f"{found.title} ({found.id})\n\n{found.definition}\n")
    click.echo(f"Unit: {found.unit.value}. Better: {found.better.value}. Family: {found.family.replace('_', ' ')}.")
    if metric.params:
        click.echo("Parameters: " + ", ".join(f"{k} (default {v:g})" for k, v in metric.params.items()) + ".")
    if found.aliases:
        click.echo(f"Also called: {', '.join(found.aliases)}.")
