"""`glassalpha policy`: checks policies and shows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from glassalpha_action.policy.schema import LoadedPolicy


def read_policy(path: Path, name: str | None = None) -> LoadedPolicy:
    """The policy at `path`, its metrics checked against the catalogue."""
    from glassalpha_action.metrics import ALIASES, CATALOGUE
    from glassalpha_action.policy.schema import load

    known = {name: dict(found.params) for name, found in CATALOGUE.items()}
    known |= {alias: known[name] for alias, name in ALIASES.items()}
    return load(path, known, name)


@click.group()
def policy() -> None:
    """Check policies and show them."""


@policy.command()
@click.argument("path", type=click.Path(path_type=Path))
def lint(path: Path) -> int:
    """Check that a policy can be read and that each gate names a known metric."""
    found = read_policy(path).policy
    click.echo(f"{path}: {found.policy_name} {found.version}: {len(found.gates)} gates, nothing wrong.")
    return 0


@policy.command()
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> int:
    """Print a policy's gates as a reader would say them."""
    found = read_policy(path).policy
    click.echo(f"{found.policy_name} {found.version}" + (f" ({found.citation})" if found.citation else ""))
    for gate in found.gates:
        limit = "" if gate.threshold is None else f" {gate.threshold}"
        click.echo(f"  {gate.severity.value:<8} {gate.name}: {gate.metric} {gate.comparison.sign}{limit}")
        for text in (gate.clause, gate.rationale):
            if text:
                click.echo(f"           {text}")
    return 0
