"""`glassalpha action`: what the GitHub Action's container runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
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
        gone=lambda configs: _gone(configs, settings),
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
        run = perform(_checked(_entered(settings)), tools)
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


def _checked(settings: Settings) -> Settings:
    """The settings; that `base-path` is no checkout of another commit is one of their problems.

    Whatever else lies there would judge by nothing, or by the change's own rules once more.
    """
    base, given = _base(settings), settings.inputs.base_path
    if base is None or given is None or settings.problems:
        return settings
    from glassalpha_action.load.provenance import commit_at

    here = settings.folder.resolve()
    said = None
    if base.resolve() != settings.runner.workspace.resolve() / given or here.is_relative_to(base.resolve()):
        said = "is not a folder of its own in the workspace"
    elif not (base / ".git").exists() or (there := commit_at(base)) is None:
        said = "is not a git checkout; check the base commit out there in a step before this one"
    elif (head := commit_at(here)) and head.sha == there.sha and settings.runner.event_name.startswith("pull_request"):
        said = "has the commit under audit itself checked out; set `ref` of its checkout to the base commit"
    if said is None:
        return settings
    return settings.model_copy(update={"problems": (f"input base-path: {given} {said}.",)})


def _base(settings: Settings) -> Path | None:
    """The base commit's checkout; None where none was given."""
    given = settings.inputs.base_path
    return settings.runner.workspace.resolve() / given if given else None


def _audit(config: Path, settings: Settings) -> Audit:
    from glassalpha_action.cli.audit import run

    inputs = settings.inputs
    return run(
        config,
        policy=inputs.policy,
        strict=inputs.strict,
        as_of=inputs.as_of,
        model_trust=inputs.model_trust,
        base=_base(settings),
        waivers=Path(inputs.waivers) if inputs.waivers else None,
        policy_sha256=inputs.policy_sha256,
    )


def _gone(configs: Sequence[str], settings: Settings) -> list[str]:
    from glassalpha_action.cli.checkout import counterpart, gone_since
    from glassalpha_action.github.discovery import find_configs

    base = _base(settings)
    if base is None:
        return []
    there = counterpart(Path.cwd(), base)
    return gone_since(there, find_configs(there, settings.inputs.config)[0], configs)


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
