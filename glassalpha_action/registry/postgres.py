"""The registry in a PostgreSQL database, through psycopg: the tables stand in the first schema of the search path.

PostgreSQL's text cannot hold the character NUL, so it is written as DLE `@` there, and DLE itself as DLE `=`; what is
read through a registry is as it was given. A login that may SELECT and INSERT can do everything but make the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.string import StrDumper, TextLoader

from glassalpha_action.documents import UserError
from glassalpha_action.registry import misuse, schema
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.derived import Rows
from glassalpha_action.registry.postgres_schema import MIGRATIONS, alterations

WAIT_SECONDS = 30.0
CONNECT_SECONDS = 10
# So that a server or a network that is gone is noticed within a minute, not after hours.
ALIVE = {"keepalives_idle": 15, "keepalives_interval": 15, "keepalives_count": 3, "tcp_user_timeout": 60_000}
LOCK = 0x474C4152
VERSION_TABLE = "glassalpha_registry"
SHOWN = re.compile(r"[\w.,:/\[\] -]{0,255}", re.ASCII)
SENTENCES = {
    "42501": "this login may not do that, so nothing was recorded; a writer needs SELECT and INSERT on the tables",
    "25006": "the database is read-only; nothing was recorded",
    "53100": "the server's disk is full; nothing was recorded",
    "57014": "the server cut it off: its statement_timeout, or somebody cancelled it; nothing was recorded",
    "54": "the record is too large for an index of the database",
    "40": "other transactions were in the way and nothing was recorded; try again",
    "23": "a writer that does not keep to the registry's lock was in the way; try again",
    "P0001": "a writer that does not keep to the registry's lock was in the way; try again",
}
DAMAGED = {
    "XX001": "its storage is damaged",
    "XX002": "an index of it is damaged",
    "42P01": "a table of it is missing",
    "42703": "a column of it is missing",
}


class _Dumper(StrDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(
            obj.replace("\x10", "\x10=").replace("\0", "\x10@") if "\x10" in obj or "\0" in obj else obj
        )


class _Loader(TextLoader):
    def load(self, data: Any) -> Any:
        text = super().load(data)
        return (
            text.replace("\x10@", "\0").replace("\x10=", "\x10") if isinstance(text, str) and "\x10" in text else text
        )


class PostgresRegistry(Registry):
    """A registry in the database at `url`; `create` makes its tables where there are none."""

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        clock: Callable[[], date] | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        address = _address(url)
        super().__init__(_name(address), clock)
        self._wait = wait_seconds
        self._closed = False
        self._connection = self._connect(address)
        try:
            self._check(create)
        except BaseException:
            self.close()
            raise

    def select(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and the rows of a query."""
        with self._explained():
            cursor = self._connection.execute(_placeholders(sql), dict(parameters or {}))
            return [column.name for column in cursor.description or ()], cursor.fetchall()

    def insert(self, table: str, rows: Rows) -> None:
        """Add rows to a table, sent in one go."""
        names = schema.columns(table)
        columns = ", ".join(f'"{name}"' for name in names)
        sql = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(names))})"  # noqa: S608
        with self._explained(), self._connection.cursor() as cursor:
            cursor.executemany(sql.encode(), rows)

    @contextmanager
    def appending(self) -> Iterator[None]:
        """A transaction under the registry's advisory lock, which takes no privilege: each writer sees the last one."""
        with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED"):
            self._execute(f"SELECT pg_advisory_xact_lock({LOCK}, 'records'::regclass::oid::int4)")
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot; within another it is that one."""
        if self._connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            yield
            return
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def damage(self) -> list[str]:
        """What guards and shows the tables and was altered; its own pages PostgreSQL checks as it reads them."""
        return alterations(self.select)

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._connection.close()

    def _connect(self, address: Mapping[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            connection = psycopg.connect(autocommit=True, **address)
        except psycopg.Error as error:
            # libpq's own words hold parts of the address, where a mistyped password may stand.
            raise _unconnected(str(error), self.name) from None
        connection.adapters.register_dumper(str, _Dumper)
        connection.adapters.register_loader("text", _Loader)
        return connection

    def _check(self, create: bool) -> None:
        self._execute(f"SET lock_timeout = {int(self._wait * 1000)}")
        if self.fetch("SHOW server_encoding")[0]["server_encoding"] != "UTF8":
            raise UserError(f"{self.name}: the database's encoding is not UTF8: make one with createdb --encoding=UTF8")
        there = self._version()
        if not there and not create:
            raise UserError(f"{self.name} holds no registry: make one with `glassalpha registry init --database URL`")
        if there > len(MIGRATIONS):
            raise UserError(
                f"{self.name} was written by a newer version (schema {there}, not {len(MIGRATIONS)}): "
                "upgrade glassalpha-action"
            )
        if there < len(MIGRATIONS):
            self._migrate()

    def _version(self) -> int:
        """The schema's version; 0 where the first schema of the search path holds no registry."""
        found = self.fetch(
            "SELECT to_regclass(quote_ident(current_schema()) || '.' || :name) AS t", {"name": VERSION_TABLE}
        )
        if not found[0]["t"]:
            return 0
        return int(self.fetch(f"SELECT coalesce(max(version), 0) AS version FROM {VERSION_TABLE}")[0]["version"])  # noqa: S608

    def _migrate(self) -> None:
        """Bring the schema forward, step by step, all in one transaction that one process at a time does."""
        try:
            with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED"):
                self._execute(f"SELECT pg_advisory_xact_lock({LOCK}, 0)")
                self._execute(f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version BIGINT PRIMARY KEY)")
                for version, steps in enumerate(MIGRATIONS, 1):
                    if version > self._version():
                        for sql in steps:
                            self._execute(sql)
                        self._execute(f"INSERT INTO {VERSION_TABLE} VALUES ({version})")  # noqa: S608
        except UserError as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code == "42501":
                raise UserError(
                    f"{self.name}: this login may not make or change the registry's tables: "
                    "let their owner run `glassalpha registry init` once", exit_code=4,
                ) from error  # fmt: skip
            if code and code.startswith("42"):
                raise UserError(
                    f"{self.name} holds other tables of the same names: give the registry a schema of its own"
                ) from error
            raise

    def _execute(self, sql: str) -> None:
        with self._explained():
            self._connection.execute(sql.encode())

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._execute(begin)
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the server's errors into one sentence each."""
        try:
            yield
        except psycopg.Error as error:
            if isinstance(error, psycopg.ProgrammingError) and not error.sqlstate:
                raise
            raise self._error(error) from error
        except UnicodeEncodeError as error:
            raise misuse.no_text(self.name) from error

    def _error(self, error: psycopg.Error) -> UserError:
        code = error.sqlstate or ""
        if self._closed:
            return misuse.closed(self.name)
        if code in DAMAGED:
            return UserError(f"{self.name} is not a readable registry: {DAMAGED[code]}", exit_code=5)
        if code == "55P03":
            return UserError(
                f"{self.name}: another process has kept it locked for {self._wait:g} seconds; try again", exit_code=4
            )
        if not code or code.startswith(("08", "57P")):
            lost = "the connection was lost; submit again, nothing is recorded twice"
            return UserError(f"{self.name}: {lost}", exit_code=4)
        sentence = SENTENCES.get(code) or SENTENCES.get(code[:2])
        return UserError(
            f"{self.name}: {sentence or f'the database refused (SQLSTATE {code}); nothing was recorded'}", exit_code=4
        )


def _unconnected(said: str, name: str) -> UserError:
    """Why there is no connection, as far as the words tell: without one, libpq has no SQLSTATE."""
    if re.search(r'database ".*" does not exist', said):
        return UserError(f"{name}: the server has no database of that name: make it with createdb")
    if "FATAL" in said:
        return UserError(f"{name}: the server refuses the login: check the user and the password", exit_code=4)
    return UserError(f"{name}: the server cannot be reached, or it refuses the login", exit_code=4)


def _address(url: str) -> dict[str, Any]:
    """What `url` says; UserError, which shows nothing of it, where it cannot be understood."""
    scheme, _, rest = url.partition("://")
    try:
        address = conninfo_to_dict(f"{scheme.lower().partition('+')[0]}://{rest}")
    except (psycopg.Error, UnicodeError):
        address = {"host": "\0"}
    if not all(SHOWN.fullmatch(str(address.get(part) or "")) for part in ("host", "port", "dbname")):
        raise UserError(
            "the address of the database cannot be understood: write postgresql://user:password@host/database, "
            "with %40 for @, %2F for / and %3A for : in the password"
        )
    ours = {"connect_timeout": CONNECT_SECONDS, "application_name": "glassalpha", "client_encoding": "UTF8"}
    return {**ours, **ALIVE, **address}


def _name(address: Mapping[str, Any]) -> str:
    return f"the PostgreSQL database {address.get('dbname') or '(default)'} at {address.get('host') or '(default)'}"


@lru_cache(maxsize=256)
def _placeholders(sql: str) -> bytes:
    """The query as psycopg wants it, with `%(name)s` for `:name`."""
    return re.sub(r"(?<![:\w]):([a-z]\w*)", r"%(\1)s", sql.replace("%", "%%")).encode()
