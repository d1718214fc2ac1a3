"""What can go wrong with a database server."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Event, Receipt, Registry, connect, schema
from glassalpha_action.registry.postgres import PostgresRegistry
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.credentials import DATABASE as PASSWORD
from tests.registry.backends import HOSTILE, NOW, fill
from tests.registry.server import Server
from tests.registry.server import start as start_server

FORK = multiprocessing.get_context("fork")


def refused(url: str, *, create: bool = False) -> UserError:
    with pytest.raises(UserError) as caught:
        connect(url, create=create)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return caught.value


@contextmanager
def owned(server: Server, url: str) -> Iterator[psycopg.Connection[Any]]:
    """As the owner of the tables, who may remove what guards them."""
    name = url.rpartition("%3D")[2]
    with server.admin(options=f"-csearch_path={name}") as admin:
        yield admin


def test_the_least_privileges_suffice_and_allow_no_change(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    with psycopg.connect(url, autocommit=True) as writer:
        for table in schema.TABLES:
            for sql in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}",  # noqa: S608
                        f"ALTER TABLE {table} DISABLE TRIGGER ALL"):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    writer.execute(sql.encode())
        with pytest.raises(psycopg.Error):
            writer.execute("CREATE TABLE mine (a int)")


@pytest.mark.parametrize("table", schema.TABLES)
def test_not_even_the_owner_changes_a_row_by_mistake(postgres: Server, table: str) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    with owned(postgres, url) as owner:
        for sql in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET seq = seq"):  # noqa: S608
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                owner.execute(sql.encode())
        for seq in (0, 1, 4, 6):
            with pytest.raises(psycopg.Error):
                owner.execute(f"INSERT INTO records VALUES ({seq}, 'audit', 'x', 'main', 'x', 'x', '')".encode())  # noqa: S608


def test_a_login_that_may_only_read_can_ask_and_verify_but_not_submit(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    name = url.rpartition("%3D")[2]
    with postgres.admin() as admin:
        admin.execute(f"GRANT USAGE ON SCHEMA {name} TO stranger".encode())
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO stranger".encode())
    with connect(postgres.url(name, "stranger")) as registry:
        assert len(registry.query_all()) == 3
        assert registry.verify() == []
        with pytest.raises(UserError, match="SELECT and INSERT") as denied:
            registry.submit(samples.audit("new"), recorded_at=NOW)
        assert denied.value.exit_code == 4
        assert registry.head().seq == 4, "the connection is still of use"


def test_a_login_that_may_not_make_the_tables_is_told_who_can(postgres: Server) -> None:
    name = postgres.new_schema()
    with postgres.admin() as admin:
        admin.execute(f"GRANT USAGE ON SCHEMA {name} TO writer".encode())
    error = refused(postgres.url(name), create=True)
    assert (error.exit_code, "let their owner run `glassalpha registry init`" in str(error)) == (4, True)


def test_nothing_there(postgres: Server) -> None:
    error = refused(postgres.url(postgres.new_schema(), "owner"))
    assert (error.exit_code, "glassalpha registry init" in str(error)) == (2, True)
    missing = refused(postgres.url("x", "owner").replace("/registries", "/none"), create=True)
    assert (missing.exit_code, "no database of that name" in str(missing)) == (2, True)


def test_tables_of_somebody_else_are_left_alone(postgres: Server) -> None:
    name = postgres.new_schema()
    with postgres.admin(options=f"-csearch_path={name}") as admin:
        admin.execute("CREATE TABLE gates (mine int)")
        error = refused(postgres.url(name, "owner"), create=True)
        assert (error.exit_code, "other tables of the same names" in str(error)) == (2, True)
        found = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [name]).fetchall()
    assert found == [("gates",)], "nothing half-made is left"


@pytest.mark.parametrize("url", [
    "postgresql://{user}:wrong-{password}@127.0.0.1:{port}/registries",
    "postgresql://nobody:{password}@127.0.0.1:{port}/registries",
    "postgresql+psycopg://nobody:{password}@127.0.0.1:{port}/registries",
    "POSTGRES://writer:{password}@127.0.0.1:1/registries",
    "postgresql://writer:{password}@no-such-host.invalid/registries",
    "postgresql://writer:at@{password}@127.0.0.1:{port}/registries",
    "postgresql://writer:slash/{password}@127.0.0.1:{port}/registries",
    "postgresql://writer:colon:{password}@127.0.0.1:{port}/registries",
    "postgresql://writer:hash#{password}@127.0.0.1:{port}/registries",
    "postgresql://writer:question?{password}@127.0.0.1:{port}/registries",
    "postgresql://writer:percent%zz{password}@127.0.0.1:{port}/registries",
    "postgresql://writer@127.0.0.1:{port}/registries?password={password}&nonsense=1",
    "postgresql://writer@127.0.0.1:{port}/registries?passwort={password}",
    "postgresql://127.0.0.1:{password}/registries",
    "postgresql://127.0.0.1:{port}/{password}%00",
])  # fmt: skip
def test_no_error_shows_a_password(postgres: Server, url: str) -> None:
    error = refused(url.format(port=postgres.port, password=PASSWORD, user="writer"), create=True)
    assert error.exit_code in {2, 4}
    chained: BaseException | None = error
    while chained is not None:
        assert PASSWORD not in str(chained)
        chained = None if chained.__suppress_context__ else chained.__cause__ or chained.__context__


def test_the_command_line_shows_no_password_not_even_when_debugging(postgres: Server) -> None:
    for port in (postgres.port, 1):
        url = f"postgresql://writer:not-{PASSWORD}@127.0.0.1:{port}/registries"
        for command in (
            ["registry", "list", "--database", url],
            ["registry", "migrate", "--from", url, "--to", "x.db"],
        ):
            ran = subprocess.run(
                [sys.executable, "-m", "glassalpha_action.cli.main", *command],
                capture_output=True,
                text=True,
                check=False,
            )
            shown = subprocess.run(
                [sys.executable, "-c", "import sys; from glassalpha_action.cli.main import main; main(sys.argv[1:])",
                 "--debug", *command], capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert PASSWORD not in ran.stdout + ran.stderr + shown.stdout + shown.stderr
            assert "UserError" in shown.stderr


def test_no_log_and_no_file_of_the_tests_holds_the_password(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
        with pytest.raises(UserError):
            registry.fetch("SELECT * FROM nowhere")
        connect(tmp_path / "copy.db", create=True).append_records(registry.entries())
    assert PASSWORD.encode() not in (tmp_path / "copy.db").read_bytes()
    log = (postgres.folder / "log").read_text()
    assert "nowhere" in log, "the server logs what fails"
    assert PASSWORD not in log


def test_a_connection_lost_before_a_submission_records_nothing(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
        postgres.kill_connections()
        with pytest.raises(UserError, match="connection was lost") as lost:
            registry.submit(samples.audit("new"), recorded_at=NOW)
        assert lost.value.exit_code == 4
    with connect(url) as registry:
        assert registry.head().seq == 4
        assert registry.submit(samples.audit("new"), recorded_at=NOW).seq == 5
        assert registry.verify() == []


@pytest.mark.parametrize("table", schema.TABLES)
def test_a_connection_lost_in_the_middle_of_a_submission_leaves_nothing_half(
    postgres: Server, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    url = postgres.new_registry()
    real = PostgresRegistry.insert

    def submit(registry: Registry) -> Receipt:
        if table == "events":
            return registry.record_event(Event("training.held", "m", NOW, "Ada", {}))
        return registry.submit(samples.audit(), recorded_at=NOW)

    def cut(self: Registry, into: str, cells: Any) -> None:
        if into == table:
            assert postgres.kill_connections() == 1, "there is one, and it is in the middle"
        real(self, into, cells)  # type: ignore[arg-type]

    with connect(url) as registry, monkeypatch.context() as patched:
        patched.setattr(PostgresRegistry, "insert", cut)
        with pytest.raises(UserError, match="connection was lost"):
            submit(registry)
    with connect(url) as registry:
        assert (registry.head().seq, registry.verify()) == (0, [])
        assert submit(registry).seq == 1


def test_a_server_that_goes_down_while_many_submit_loses_nothing_acknowledged(postgres: Server) -> None:
    url = postgres.new_registry()
    acknowledged: list[int] = []

    def write(k: int) -> None:
        for i in range(40):
            try:
                with connect(url) as registry:
                    acknowledged.append(registry.submit(samples.audit(f"m{k}_{i}"), recorded_at=NOW).seq)
            except UserError as error:
                assert error.exit_code == 4  # noqa: PT017

    writers = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        time.sleep(0.05)
        postgres.kill_connections()
    with connect(url) as registry:
        there = {row["seq"] for row in registry.fetch("SELECT seq FROM records")}
        assert registry.verify() == []
    assert set(acknowledged) <= there
    assert len(set(acknowledged)) == len(acknowledged)


def test_a_registry_that_another_keeps_locked_is_waited_for_a_while(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as other, other.appending():
        waiting = PostgresRegistry(url, wait_seconds=0.2)
        with pytest.raises(UserError, match=r"locked for 0\.2 seconds") as caught:
            waiting.submit(samples.audit(), recorded_at=NOW)
        assert caught.value.exit_code == 4
        assert waiting.query_all() == [], "reading goes on"
    assert waiting.submit(samples.audit(), recorded_at=NOW).seq == 1
    waiting.close()


def make(url: str) -> None:
    connect(url, create=True).close()


def test_twenty_make_it_at_once(postgres: Server) -> None:
    url = postgres.url(postgres.new_schema(), "owner")
    makers = [FORK.Process(target=make, args=(url,)) for _ in range(20)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(60)
    assert [maker.exitcode for maker in makers] == [0] * 20
    with connect(url) as registry:
        assert registry.verify() == []


def test_a_newer_schema_is_refused(postgres: Server) -> None:
    url = postgres.new_registry()
    with owned(postgres, url) as owner:
        owner.execute("INSERT INTO glassalpha_registry VALUES (99)")
    error = refused(url, create=True)
    assert (error.exit_code, "newer version" in str(error), "upgrade" in str(error)) == (2, True, True)


def test_an_older_schema_is_brought_forward_by_its_owner(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    later = (*sys.modules["glassalpha_action.registry.postgres"].MIGRATIONS, ("CREATE TABLE notes (seq BIGINT)",))
    monkeypatch.setattr("glassalpha_action.registry.postgres.MIGRATIONS", later)
    assert "let their owner run" in str(refused(url))
    owner = url.replace("//writer:", "//owner:")
    for _ in range(2):
        with connect(owner) as registry:
            assert registry.fetch("SELECT count(*) AS n FROM notes") == [{"n": 0}]
            assert registry.verify() == []
    with connect(url) as registry:
        assert registry.submit(samples.audit("after"), recorded_at=NOW).seq == 5


def test_tampering_by_the_owner_is_found(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
        anchor = registry.head().anchor
    with owned(postgres, url) as owner:
        for table in schema.TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only".encode())
        owner.execute("UPDATE audits SET status = 'PASSED' WHERE seq = 1")
        owner.execute("DELETE FROM events")
        owner.execute("DELETE FROM records WHERE seq = 4")
    with connect(url) as registry:
        found = registry.verify(anchor)
    assert found[0].startswith("record 1: its rows in audits")
    assert found[-1].startswith("record 4: missing")


def test_what_guards_and_shows_the_tables_is_checked_too(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry, owned(postgres, url) as owner:
        fill(registry)
        owner.execute("ALTER TABLE audits DISABLE TRIGGER append_only")
        owner.execute("DROP TRIGGER next_only ON records")
        switched_off = ["the trigger next_only of records was removed, altered or switched off",
                        "the trigger append_only of audits was removed, altered or switched off"]  # fmt: skip
        assert registry.verify() == switched_off
        columns = ", ".join(column.name for column in next(t for t in schema.describe() if t.name == "audits").columns)
        sql = f"CREATE OR REPLACE VIEW standing AS SELECT {columns} FROM audits WHERE seq = 1"  # noqa: S608
        owner.execute(sql.encode())
        assert registry.verify() == [
            *switched_off, "the view standing does not show what it should: it was altered"]  # fmt: skip


def test_a_missing_table_is_damage(postgres: Server) -> None:
    url = postgres.new_registry()
    with owned(postgres, url) as owner:
        owner.execute("DROP TABLE gates CASCADE")
    with connect(url) as registry, pytest.raises(UserError, match="a table of it is missing") as missing:
        registry.query_failed_gates_summary()
    assert missing.value.exit_code == 5


def test_a_database_of_another_encoding_is_refused(postgres: Server) -> None:
    with postgres.admin() as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    error = refused(postgres.url("public", "owner").replace("/registries", "/latin"), create=True)
    assert (error.exit_code, "UTF8" in str(error)) == (2, True)


@pytest.mark.parametrize("text", ["\0", "\x10", "\x10@", "\x10=", "\0\x10@=\x10\x10\0", *HOSTILE])
def test_every_text_comes_back_as_it_was(postgres: Server, text: str) -> None:
    with connect(postgres.new_registry()) as registry:
        assert registry.fetch("SELECT CAST(:t AS text) AS t", {"t": text}) == [{"t": text}]


def test_what_is_too_long_for_an_index_is_recorded_all_the_same(postgres: Server) -> None:
    import random

    chance = random.Random(1)  # noqa: S311
    name = "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(10_000))
    with connect(postgres.new_registry()) as registry:
        registry.submit(samples.audit(name, Status.PASSED, team=name), recorded_at=NOW, metadata={name: name})
        assert [row.team for row in registry.query_all(team=name)] == [name]
        assert len(registry.history(name)) == 1


def test_other_tools_find_the_remarks(postgres: Server) -> None:
    url = postgres.new_registry()
    with psycopg.connect(url) as connection:
        said = connection.execute("SELECT col_description('audits'::regclass, 3)").fetchone()
        assert said == ("main or proposed",)
        assert connection.execute("SELECT count(*) FROM standing").fetchone() == (0,)


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "glassalpha_action.registry.postgres", None)
    error = refused("postgresql://host/registry")
    assert "pip install 'glassalpha-action[postgres]'" in str(error)


def test_a_server_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.registry.server.run", lambda _: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"), start_server():
        pass


def test_a_connection_that_dies_silently_is_noticed(postgres: Server) -> None:
    """Which takes a network that swallows packets; what is asked of the system for it can be looked at."""
    url = postgres.new_registry()
    for given, seconds in (("", "15"), ("&keepalives_idle=7", "7")):
        with connect(url + given) as registry:
            assert isinstance(registry, PostgresRegistry)
            said = registry._connection.info.get_parameters()
            assert (said["keepalives_idle"], said["tcp_user_timeout"]) == (seconds, "60000")


def test_a_statement_that_the_server_cuts_off_is_not_a_lost_connection(postgres: Server) -> None:
    with connect(f"{postgres.new_registry()}%20-cstatement_timeout%3D50") as registry:
        with pytest.raises(UserError, match="the server cut it off: its statement_timeout") as cut:
            registry.fetch("SELECT pg_sleep(5)")
        assert cut.value.exit_code == 4
        assert registry.head().seq == 0, "the connection is still of use"


def test_several_hosts_and_a_name_with_a_space_are_understood(postgres: Server) -> None:
    with postgres.admin() as admin:
        admin.execute('CREATE DATABASE "model registry" OWNER owner')
    url = postgres.url("public", "owner").replace("/registries", "/model%20registry")
    several = url.replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:")
    assert "database model registry at 127.0.0.1" in str(refused(url))
    with connect(several, create=True) as registry:
        fill(registry)
        assert registry.verify() == []


def test_a_schema_whose_name_needs_quotation_marks(postgres: Server) -> None:
    with postgres.admin() as admin:
        admin.execute('CREATE SCHEMA "Model-Registry" AUTHORIZATION owner')
    with connect(postgres.url("%22Model-Registry%22", "owner"), create=True) as registry:
        fill(registry)
        assert registry.verify() == []
