"""The registry in one SQLite file, safe under several processes; made and brought forward by sqlite-utils' migrations.

The journal is SQLite's rollback journal rather than WAL: between two writes the registry is one file that can be
copied, committed or downloaded, and it works on network drives. Every append is one transaction, synced to the disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from glassalpha_action.documents import UserError
from glassalpha_action.registry import misuse, schema
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.derived import Rows
from glassalpha_action.registry.verify import Rejudge

if TYPE_CHECKING:
    from sqlite_utils import Database

WAIT_SECONDS = 30.0
PLACES = 900  # in one statement; SQLite takes 999 everywhere
NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


class SQLiteRegistry(Registry):
    """A registry in the file `path`; `create` makes one where there is no file, `fill` fills it before it is there."""

    def __init__(
        self,
        path: str,
        *,
        create: bool = False,
        clock: Callable[[], date] | None = None,
        wait_seconds: float = WAIT_SECONDS,
        fill: Callable[[Registry], object] | None = None,
    ) -> None:
        super().__init__(_printable(path), clock)
        self.path = Path(path)
        self._wait = wait_seconds
        with self._explained():
            _require_place(self.path, self.name, create)
            if create and not self.path.exists():
                self._create(fill)
            self._connection = _open(self.path, "rw", wait_seconds)
        try:
            with self._explained():
                self._check()
        except BaseException:
            self.close()
            raise

    def select(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and the rows of a query."""
        with self._explained():
            cursor = self._connection.execute(sql, parameters or {})
            return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def insert(self, table: str, rows: Rows) -> None:
        """Add rows to a table."""
        names = schema.columns(table)
        columns = ", ".join(f'"{name}"' for name in names)
        places = f"({', '.join('?' * len(names))})"
        size = PLACES // len(names)
        with self._explained():
            for at in range(0, len(rows), size):
                some = rows[at : at + size]
                self._connection.execute(
                    f"INSERT INTO {table} ({columns}) VALUES {', '.join([places] * len(some))}",  # noqa: S608
                    list(chain.from_iterable(some)),
                )

    @contextmanager
    def appending(self) -> Iterator[None]:
        """BEGIN IMMEDIATE: the only writer from the first read on, so that no two records follow the same one."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot; within another it is that one."""
        with self._explained():
            within = self._connection.in_transaction
        if within:
            yield
            return
        with self._transaction("BEGIN"):
            yield

    def verify(self, anchor: str | None = None, rejudge: Rejudge | None = None) -> list[str]:
        """What is broken, found in a copy, so that nobody waits for the file meanwhile; see `Registry.verify`."""
        with self._explained():
            within = self._connection.in_transaction
        if within:
            return super().verify(anchor, rejudge)
        with self.snapshot() as copy:
            return Registry.verify(copy, anchor, rejudge)

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """A copy of the registry as it is now, whole in one file of its own, which is gone afterwards."""
        with self._temporary() as folder:
            path = Path(folder, "registry.db")
            self._copy(path)
            with type(self)(str(path), wait_seconds=self._wait) as copy:
                copy.name = self.name
                yield copy

    def damage(self) -> list[str]:
        """What SQLite's own check of the file finds, and what of its schema is not as it was made."""
        found = self.fetch("PRAGMA integrity_check(10)")
        damaged = [f"the file is damaged: {row['integrity_check']}" for row in found if row["integrity_check"] != "ok"]
        made = schema.statements()
        there = {row["name"]: row["sql"] for row in self.fetch("SELECT name, sql FROM sqlite_master")}
        strange = self.fetch("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        return [
            *damaged,
            *(f"its schema was altered: {name}" for name, sql in made.items() if there.get(name) != sql),
            *(f"it has a trigger of no registry: {row['name']}" for row in strange if row["name"] not in made),
        ]

    def close(self) -> None:
        """Close the file."""
        with self._explained():
            self._connection.close()

    def _check(self) -> None:
        if self._pragma("application_id") != schema.APPLICATION_ID:
            ours = self.fetch("SELECT 1 FROM sqlite_master WHERE name = 'records'")
            raise UserError(
                f"{self.name} is damaged: its header is not a registry's"
                if ours
                else f"{self.name} is an SQLite file but no registry: name another file with --database",
                exit_code=5 if ours else 2,
            )
        # SQLite itself takes a last page that is cut short for one that ends in zeros.
        with self.reading():
            size = self._pragma("page_count") * self._pragma("page_size")
            # With a write-ahead log the last pages may stand there alone.
            if size > self.path.stat().st_size and self.fetch("PRAGMA journal_mode")[0]["journal_mode"] != "wal":
                raise UserError(f"{self.name} is cut short: restore it from a copy", exit_code=5)
        version = self._pragma("user_version")
        if version > schema.SCHEMA_VERSION:
            raise UserError(
                f"{self.name} was written by a newer version (schema {version}, not {schema.SCHEMA_VERSION}): "
                "upgrade glassalpha-action"
            )
        if version < schema.SCHEMA_VERSION:
            with self.appending():
                _migrate(self._connection)

    def _pragma(self, name: str) -> int:
        return int(self.fetch(f"PRAGMA {name}")[0][name])

    @contextmanager
    def _temporary(self) -> Iterator[str]:
        try:
            folder = tempfile.TemporaryDirectory(prefix="glassalpha-registry-", ignore_cleanup_errors=True)
        except OSError as error:
            raise self._no_room(f"no folder can be made ({error.strerror})") from error
        with folder as name:
            yield name

    def _no_room(self, why: str) -> UserError:
        return UserError(f"{self.name} is read from a copy, and {why}: let TMPDIR name another folder", exit_code=4)

    def _copy(self, path: Path) -> None:
        """Copy the registry to `path`, its write-ahead log included, if it has one."""
        # Within a transaction of its own, whose lock a writer cannot take away: the backup would wait for it for ever.
        with self._explained(), closing(sqlite3.connect(path, isolation_level=None)) as copy, self.reading():
            copy.execute("PRAGMA synchronous = OFF")
            self.head()
            try:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.Error as error:
                if error.sqlite_errorcode not in NO_ROOM:
                    raise
                raise self._no_room(f"{path.parent.parent} has no room for it") from error

    def _create(self, fill: Callable[[Registry], object] | None) -> None:
        """Make the registry under another name, then give it its own if that is still free: nobody sees half of one."""
        draft = self.path.with_name(f".{secrets.token_hex(8)}.new")
        try:
            with closing(_open(draft, "rwc", self._wait)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                _migrate(connection)
                connection.execute("COMMIT")
            if fill:
                with SQLiteRegistry(str(draft), wait_seconds=self._wait) as made:
                    fill(made)
            _give_name(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        """What fails between is the caller's own; only SQLite's words at both ends are explained."""
        with self._explained():
            self._connection.execute(begin)
        try:
            yield
            with self._explained():
                self._connection.execute("COMMIT")
        except BaseException:
            _roll_back(self._connection)
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into one sentence each."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            if "thread" in str(error):
                raise misuse.other_thread(self.name) from error
            if "closed" in str(error):
                raise misuse.closed(self.name) from error
            raise
        except UnicodeEncodeError as error:
            raise misuse.no_text(self.name) from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _explain(error, self.name, self._wait) from error
        except OSError as error:
            raise UserError(f"{self.name[:200]} cannot be used: {error.strerror}", exit_code=4) from error


def _open(path: Path, mode: str, wait_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=wait_seconds, isolation_level=None
    )
    try:
        for pragma in ("synchronous = EXTRA", "foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _writer(connection: sqlite3.Connection) -> Database:
    """What migrations write through. sqlite-utils loads pandas where it can, which nothing else here must pay for."""
    from sqlite_utils import Database

    return Database(connection, execute_plugins=False)


def _migrate(connection: sqlite3.Connection) -> None:
    from glassalpha_action.registry.migrations import apply_migrations

    apply_migrations(_writer(connection))


def _roll_back(connection: sqlite3.Connection) -> None:
    # A disk that fails here too must not hide the first error; the journal rolls back for the next who opens the file.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _give_name(draft: Path, path: Path) -> None:
    """Rename without ever replacing a file that another process put there meanwhile."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            return
        draft.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _require_place(path: Path, name: str, create: bool) -> None:
    if not name or "\0" in str(path):
        raise UserError("a registry needs a file name, as in --database model_registry.db")
    if path.is_dir():
        raise UserError(f"{name} is a folder: name a file, as in --database model_registry.db")
    if create and not path.absolute().parent.is_dir():
        raise UserError(f"{name} cannot be made: there is no such folder", exit_code=4)
    if path.exists() and path.stat().st_size == 0:
        raise UserError(
            f"{name} is an empty file, no registry: restore it from a copy, "
            "or remove it and run `glassalpha registry init`",
            exit_code=5,
        )
    if not create and not path.exists():
        raise UserError(f"there is no registry at {name}: make one with `glassalpha registry init --database {name}`")


def _printable(path: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in path)


def _explain(error: Exception, name: str, wait_seconds: float) -> UserError:
    """One sentence and exit code for an error of SQLite's; where it is none of the disk's, the file is damaged."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    sentences = {
        sqlite3.SQLITE_BUSY: f"another process has kept it locked for {wait_seconds:g} seconds; try again",
        sqlite3.SQLITE_LOCKED: "another connection keeps it locked; try again",
        sqlite3.SQLITE_READONLY: "the file or its folder may not be written; nothing was recorded",
        sqlite3.SQLITE_PERM: "permission denied",
        sqlite3.SQLITE_AUTH: "permission denied",
        sqlite3.SQLITE_FULL: "the disk is full; nothing was recorded",
        sqlite3.SQLITE_IOERR: "the disk cannot be read or written; nothing was recorded",
        sqlite3.SQLITE_CANTOPEN: "the file, or its journal beside it, cannot be opened; check the permissions",
        sqlite3.SQLITE_TOOBIG: "the record is too large",
    }
    if code in sentences:
        return UserError(f"{name}: {sentences[code]}", exit_code=4)
    return UserError(
        f"{name} is not a readable registry ({error}); it was left as it is: restore it from a copy", exit_code=5
    )
