"""`glassalpha config`: checks audit.yaml files without running anything."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def config() -> None:
    """Check audit.yaml files."""


@config.command(short_help="Check that audit.yaml files and policies can be read.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def lint(paths: tuple[Path, ...]) -> None:
    """Check that each audit.yaml, and the policy it names, can be read; print every mistake."""
    from glassalpha_action.cli.audit import load_policy
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError

    said = []
    for path in paths:
        try:
            read = load(path)
            policy = load_policy(read, None)
        except UserError as error:
            said.append(str(error))
        else:
            judged = f"judged by {policy.policy.policy_name} {policy.policy.version}" if policy else "no policy named"
            click.echo(f"{path}: {read.document.model.id}, {judged}, nothing wrong.")
    if said:
        raise UserError("\n".join(said))
