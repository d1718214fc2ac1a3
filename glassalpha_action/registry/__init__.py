"""Keeps audits and events, append-only and hash-chained; it never measures and never judges."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from glassalpha_action.documents import UserError
from glassalpha_action.registry.address import suspect
from glassalpha_action.registry.arguments import checked
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.rows import Event, Head, Receipt, Row, Supersedes
from glassalpha_action.registry.trends import PassRate, Value

__all__ = ["Event", "Head", "PassRate", "Receipt", "Registry", "Row", "Supersedes", "Value", "connect", "file_name"]

SQLITE_URL = "sqlite:///"
POSTGRES = {"postgres", "postgresql"}


@checked
def connect(
    url: str | Path,
    *,
    create: bool = False,
    clock: Callable[[], date] | None = None,
    fill: Callable[[Registry], object] | None = None,
) -> Registry:
    """Open the registry at `url`: a file name, `sqlite:///file` (`sqlite:////` for an absolute path) or `postgresql://…`.

    `create` makes a new one where there is none; what is there is never replaced. `clock` tells today's UTC
    date to `query_all(last_n_days=…)`. A new file gets its name only after `fill` has filled it.
    Raises UserError: 2 nothing there, or not a registry; 4 cannot be reached or written; 5 cannot be read. No error
    shows a URL, which may hold a password, and no file is named after one that is misspelt.
    """
    url = str(url)
    # A secret's value often ends in a line end; spaces around the name of a file are its own.
    url = url.strip() if "://" in url else url
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", url, re.IGNORECASE)
    if scheme and scheme[1].lower().partition("+")[0] in POSTGRES:
        try:
            from glassalpha_action.registry.postgres import PostgresRegistry
        except ImportError as error:
            raise UserError(
                "a registry in PostgreSQL needs psycopg: pip install 'glassalpha-action[postgres]'"
            ) from error
        return PostgresRegistry(url, create=create, clock=clock)
    if scheme and not url.lower().startswith(SQLITE_URL):
        raise UserError(
            f"a registry cannot be kept at a {scheme[1]}:// address: name a file, as in --database model_registry.db, "
            "or postgresql://host/database"
        )
    name = file_name(url)
    if "://" in name or suspect(name):
        raise UserError(
            "the registry's address looks like a misspelt URL, or like one with a password: write "
            "postgresql://user:password@host/database, or name a file, as in --database model_registry.db"
        )
    from glassalpha_action.registry.sqlite import SQLiteRegistry

    return SQLiteRegistry(name, create=create, clock=clock, fill=fill)


def file_name(url: str) -> str:
    """The name of the file that a registry in SQLite is kept in; the address of a server stays as it is."""
    found = url.strip()
    return found[len(SQLITE_URL) :] if found.lower().startswith(SQLITE_URL) else url
