"""`glassalpha action`: what the GitHub Action's container runs."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from glassalpha_action.records import Audit
    from glassalpha_action.settings import Settings


@click.command()
def action() -> int:
    """Run as the GitHub Action, from the runner's environment."""
    from glassalpha_action import settings

    return _run(settings.read())


def _run(settings: Settings) -> int:
    from glassalpha_action.github.commands import plain_line
    from glassalpha_action.github.result import sentence
    from glassalpha_action.github.run import Tools, hand_over, perform, publish

    tools = Tools(
        audit=lambda config: _audit(config, settings),
        policy=lambda config: _policy(config, settings),
        exit_code=lambda audit: _exit_code(audit, settings),
        build_site=_build_site,
        now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        say=lambda line: click.echo(plain_line(line)),
    )
    # While models and their configuration are read, nothing they bring to print is taken for a command by the runner.
    silence = secrets.token_hex(16)
    click.echo(f"::stop-commands::{silence}")
    try:
        run = perform(_entered(settings), tools)
    finally:
        click.echo(f"::{silence}::")
    publish(run, settings, click.echo)
    hand_over(settings)
    for problem in (*run.problems, *run.faults):
        click.echo(plain_line(f"glassalpha: {sentence(problem)}"), err=True)
    return run.exit_code


def _entered(settings: Settings) -> Settings:
    """The settings, with the process in their folder; where there is no such folder, that is one of their problems."""
    try:
        os.chdir(settings.folder)
    except OSError as error:
        said = f"input working-directory: {settings.inputs.working_directory} cannot be entered: {error.strerror}"
        return settings.model_copy(update={"problems": (*settings.problems, said)})
    return settings


def _audit(config: Path, settings: Settings) -> Audit:
    from glassalpha_action.cli.audit import run

    inputs = settings.inputs
    return run(config, policy=inputs.policy, strict=inputs.strict, as_of=inputs.as_of, model_trust=inputs.model_trust)


def _policy(config: Path, settings: Settings) -> Path | None:
    from glassalpha_action.cli.audit import policy_path
    from glassalpha_action.config import load

    return policy_path(load(config), settings.inputs.policy)


def _exit_code(audit: Audit, settings: Settings) -> int:
    from glassalpha_action.cli.audit import exit_code

    return exit_code(audit, settings.inputs.fail_on, no_policy=1)


def _build_site(database: str, out: Path) -> Path:
    from glassalpha_action.cli.portal import build

    with TemporaryDirectory() as cache:
        return build(database, out, reports=Path(cache))
