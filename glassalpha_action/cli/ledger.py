"""`glassalpha registry sync`, `merge`, `verify --ledger`, and recording: the registry as a ledger on a git branch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from glassalpha_action import settings
from glassalpha_action.cli.options import database_option
from glassalpha_action.documents import UserError, inert
from glassalpha_action.registry import Head, Receipt, Registry, connect
from glassalpha_action.registry.ledger import BRANCH
from glassalpha_action.registry.rows import MOMENT, Entry
from glassalpha_action.report.words import count

ORIGIN = "origin"
LEDGER = "A git repository, as a URL or a folder; origin: the remote of the repository this folder is in."

branch_option = click.option("--branch", default=BRANCH, show_default=True, help="The branch of the ledger.")


def ledger_option(said: str = "", default: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option --ledger; `said` is what it is for."""
    return click.option("--ledger", metavar="URL|FOLDER", default=default, show_default=True, help=f"{said}{LEDGER}")


@dataclass(frozen=True)
class Place:
    """A ledger, and how to get there."""

    remote: str
    branch: str
    token: SecretStr | None


@dataclass(frozen=True)
class Book:
    """What a command records in: a registry, or the ledger that it follows."""

    registry: Registry
    place: Place | None = None

    def record(self, entries: Sequence[Entry], allow: Callable[[], None] = lambda: None) -> Iterable[Receipt]:
        """Record entries, unless `allow`, which may look into the registry as it then is, refuses by raising."""
        if self.place is None:
            allow()
            return map(self.registry.append, entries)
        from glassalpha_action.registry import sync

        at = self.place
        return sync.record(at.remote, self.registry, entries, recorded_at=moment(), allow=allow, branch=at.branch,
                           token=at.token)  # fmt: skip


Opener = Callable[[], AbstractContextManager[Book]]


def recording(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options --database, --ledger and --branch, which it gets as `book`, to be opened."""

    @database_option
    @ledger_option("Record in this ledger, and bring --database up to it. ")
    @branch_option
    @functools.wraps(command)
    def with_book(*, database: str | None, ledger: str | None, branch: str, **given: Any) -> None:
        if ledger is None and branch != BRANCH:
            raise UserError("--branch is a ledger's: name the ledger too, with --ledger")
        command(book=functools.partial(_opened, database, ledger, branch), **given)

    return with_book


@contextmanager
def _opened(database: str | None, ledger: str | None, branch: str) -> Iterator[Book]:
    if ledger is None:
        with connect(database or settings.database()) as registry:
            yield Book(registry)
        return
    place = _place(ledger, branch)
    with _filled(database, place, begin=True) as (registry, _):
        yield Book(registry, place)


@contextmanager
def _filled(database: str | None, place: Place, *, begin: bool = False) -> Iterator[tuple[Registry, int]]:
    """The registry, brought up to the ledger, and how many records that added."""
    from glassalpha_action.registry import sync as registry

    added: list[int] = []

    def fill(opened: Registry) -> None:
        added.append(registry.sync(place.remote, opened, branch=place.branch, token=place.token, begin=begin))

    # A new file is there only once it is filled, so that a ledger that cannot be read leaves none behind.
    with connect(database or settings.database(), create=True, fill=fill) as opened:
        if not added or not opened.head().seq:
            fill(opened)
        yield opened, added[-1]


def moment() -> str:
    """Now, as records write it."""
    return datetime.now(UTC).strftime(MOMENT)


@click.command(short_help="Fill a registry from the ledger on a git branch.")
@ledger_option(default=ORIGIN)
@branch_option
@database_option
def sync(ledger: str, branch: str, database: str | None) -> None:
    """Fill a registry from the ledger on a git branch; only what is new is fetched and added.

    Under CI, GITHUB_TOKEN is used for a ledger on the server of GITHUB_SERVER_URL; otherwise git's own credentials.
    """
    with _filled(database, _place(ledger, branch)) as (opened, added):
        head, name = opened.head(), opened.name
    click.echo(f"{name}: {count(added, 'record')} added, {head.seq:,} in all, anchor {head.anchor}")


@click.command(short_help="Unite two registries, each record once.")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--into", metavar="FILE|URL", required=True, help="A new registry to hold the records of both.")
@click.option("--by", default="self-declared", show_default=True, help="Who merges them, for the record.")
def merge(one: str, other: str, into: str, by: str) -> None:
    """Unite two registries into a new one, each record once, with an event that holds both old heads.

    The records of A keep their links, so that its anchors still hold; those only B has follow and are linked anew.
    """
    from glassalpha_action.registry.merge import merge as unite

    with ExitStack() as opened:
        first, second = (opened.enter_context(connect(url)) for url in (one, other))
        heads: list[Head] = []

        def fill(united: Registry) -> None:
            heads.append(unite(first, second, united, at=moment(), by=by))

        # A new file is there only once it is whole.
        united = opened.enter_context(connect(into, create=True, fill=fill))
        if not heads:
            fill(united)
        head = heads[-1]
        click.echo(f"{united.name}: {count(head.seq, 'record')}, anchor {head.anchor}")


def also_in_a_ledger(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `registry verify` the options --ledger, --branch and --history."""

    @ledger_option("Verify a ledger, and --database against it. ")
    @branch_option
    @click.option("--history", is_flag=True, help="Also prove by every commit that no record was changed or removed.")
    @functools.wraps(command)
    def with_ledger(*, ledger: str | None, branch: str, history: bool, **given: Any) -> None:
        if ledger is None and not history:
            command(**given)
        else:
            _verify(_place(ledger or ORIGIN, branch), history, given["anchor"], given["database"])

    return with_ledger


def _verify(place: Place, history: bool, anchor: str | None, database: str | None) -> None:
    from glassalpha_action.policy.rejudge import rejudge
    from glassalpha_action.registry import history as proofs

    with ExitStack() as opened:
        registry = opened.enter_context(connect(database)) if database else None
        said = registry.verify(anchor, rejudge) if registry else []
        head = Head(0, "")
        if not said:
            head, said = proofs.verify(
                place.remote, branch=place.branch, token=place.token, history=history, anchor=anchor, rejudge=rejudge,
                registry=registry,
            )  # fmt: skip
        for problem in said[1:]:
            click.echo(inert(problem), err=True)
        if said:
            raise UserError(f"the registry is broken: {inert(said[0])}", exit_code=5)
    proven = "; no commit ever changed or removed one" if history else ""
    same = f"; {registry.name} holds the same" if registry else ""
    click.echo(f"the ledger is whole: {count(head.seq, 'record')}, anchor {head.anchor}{proven}{same}")


def _place(ledger: str, branch: str) -> Place:
    """The ledger that --ledger names, with the token of a CI job where it is for that server."""
    from glassalpha_action import git

    remote = git.origin(Path.cwd()) if ledger == ORIGIN else ledger
    if remote is None:
        raise UserError("this folder is in no git repository with a remote origin: name the ledger with --ledger")
    found = settings.variables()
    server = found.get("GITHUB_SERVER_URL") or "https://github.com"
    token = found.get("GITHUB_TOKEN")
    ours = remote.lower().startswith(f"{server.lower().rstrip('/')}/")
    return Place(remote, branch, SecretStr(token) if token and ours else None)
