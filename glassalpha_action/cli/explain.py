"""`glassalpha explain`: what a failed gate means and how to fix it."""

from __future__ import annotations

import click


@click.group()
def explain() -> None:
    """Say what a failed gate means and how to fix it."""


@explain.command("failed-gate")
@click.argument("metric")
def failed_gate(metric: str) -> None:
    """Explain a failed gate on METRIC; close names are understood."""
    from glassalpha_action.cli.metrics import find

    found = find(metric).definition
    click.echo(f"Failed Gate: {found.title}\n\nIssue: {found.advice.issue}\n")
    for heading, lines in (("Common causes", found.advice.causes), ("Recommended fixes", found.advice.fixes)):
        click.echo(f"{heading}:")
        for number, line in enumerate(lines, 1):
            click.echo(f"{number}. {line}")
        click.echo()
    click.echo(
        f"Need more help? `glassalpha metrics show {found.id}` says how the number is made; the policy's owner "
        "says why the limit stands where it does."
    )
