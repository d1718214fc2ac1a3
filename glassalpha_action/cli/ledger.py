"""`glassalpha registry sync`, `merge`, and `verify --ledger`: the registry as a ledger on a git branch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from glassalpha_action import settings
from glassalpha_action.cli.tables import inert
from glassalpha_action.documents import UserError
from glassalpha_action.registry import Head, Registry, connect
from glassalpha_action.registry.ledger import BRANCH

ORIGIN = "origin"
DATABASE = "The registry: a file, or postgresql://…; by default $GLASSALPHA_DATABASE, else model_registry.db."
LEDGER = "A git repository, as a URL or a folder; origin: the remote of the repository this folder is in."


@click.command()
@click.option("--ledger", metavar="URL|FOLDER", default=ORIGIN, show_default=True, help=LEDGER)
@click.option("--branch", default=BRANCH, show_default=True, help="The branch of the ledger.")
@click.option("--database", metavar="FILE|URL", help=DATABASE)
def sync(ledger: str, branch: str, database: str | None) -> None:
    """Fill a registry from the ledger on a git branch; only what is new is fetched and added.

    Under CI, GITHUB_TOKEN is used for a ledger on the server of GITHUB_SERVER_URL; otherwise git's own credentials.
    """
    from glassalpha_action.registry import sync as registry

    remote, token = _place(ledger)
    added: list[int] = []

    def fill(opened: Registry) -> None:
        added.append(registry.sync(remote, opened, branch=branch, token=token))

    # A new file is there only once it is filled, so that a ledger that cannot be read leaves none behind.
    with connect(database or settings.database(), create=True, fill=fill) as opened:
        if not added or not opened.head().seq:
            fill(opened)
        head, name = opened.head(), opened.name
    click.echo(f"{name}: {_count(added[-1])} added, {head.seq:,} in all, anchor {head.anchor}")


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--into", metavar="FILE|URL", required=True, help="A new registry to hold the records of both.")
@click.option("--by", default="self-declared", show_default=True, help="Who merges them, for the record.")
def merge(one: str, other: str, into: str, by: str) -> None:
    """Unite two registries into a new one, each record once, with an event that holds both old heads.

    The records of A keep their links, so that its anchors still hold; those only B has follow and are linked anew.
    """
    from glassalpha_action.registry.merge import merge as unite

    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with ExitStack() as opened:
        first, second = (opened.enter_context(connect(url)) for url in (one, other))
        united = opened.enter_context(connect(into, create=True))
        head = unite(first, second, united, at=moment, by=by)
        click.echo(f"{united.name}: {_count(head.seq)}, anchor {head.anchor}")


def also_in_a_ledger(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `registry verify` the options --ledger, --branch and --history."""

    @click.option("--ledger", metavar="URL|FOLDER", help=f"Verify a ledger, and --database against it. {LEDGER}")
    @click.option("--branch", default=BRANCH, show_default=True, help="The branch of the ledger.")
    @click.option("--history", is_flag=True, help="Also prove by every commit that no record was changed or removed.")
    @functools.wraps(command)
    def with_ledger(*, ledger: str | None, branch: str, history: bool, **given: Any) -> None:
        if ledger is None and not history:
            command(**given)
        else:
            _verify(ledger or ORIGIN, branch, history, given["anchor"], given["database"])

    return with_ledger


def _verify(ledger: str, branch: str, history: bool, anchor: str | None, database: str | None) -> None:
    from glassalpha_action.policy.rejudge import rejudge
    from glassalpha_action.registry import history as proofs

    remote, token = _place(ledger)
    with ExitStack() as opened:
        registry = opened.enter_context(connect(database)) if database else None
        said = registry.verify(anchor, rejudge) if registry else []
        head = Head(0, "")
        if not said:
            head, said = proofs.verify(
                remote, branch=branch, token=token, history=history, anchor=anchor, rejudge=rejudge, registry=registry
            )
        for problem in said[1:]:
            click.echo(inert(problem), err=True)
        if said:
            raise UserError(f"the registry is broken: {inert(said[0])}", exit_code=5)
    proven = "; no commit ever changed or removed one" if history else ""
    same = f"; {registry.name} holds the same" if registry else ""
    click.echo(f"the ledger is whole: {_count(head.seq)}, anchor {head.anchor}{proven}{same}")


def _place(ledger: str) -> tuple[str, SecretStr | None]:
    """The ledger's address, and the token of a CI job where it is for that server."""
    from glassalpha_action import git

    remote = git.origin(Path.cwd()) if ledger == ORIGIN else ledger
    if remote is None:
        raise UserError("this folder is in no git repository with a remote origin: name the ledger with --ledger")
    found = settings.variables()
    server = found.get("GITHUB_SERVER_URL") or "https://github.com"
    token = found.get("GITHUB_TOKEN")
    ours = remote.lower().startswith(f"{server.lower().rstrip('/')}/")
    return remote, SecretStr(token) if token and ours else None


def _count(records: int) -> str:
    return f"{records:,} record" if records == 1 else f"{records:,} records"
