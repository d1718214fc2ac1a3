"""What the owner of the tables can do to them so that readers are shown something else: verify finds it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import chain, connect, schema
from tests.registry.backends import Opener, fill
from tests.registry.server import Server

Alter = Callable[..., None]
STANDING = dict(schema.view_queries())["standing"]
EMPTY = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
AGAIN = "CREATE TRIGGER append_only BEFORE"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT m.* FROM models m, n"


def swapped(one: str, other: str) -> str:
    """The columns of audits, two of them under each other's names."""
    names = {one: other, other: one}
    return ", ".join(f'a."{column}" AS "{names.get(column, column)}"' for column in schema.columns("audits"))


@pytest.fixture
def alter(url: str, request: pytest.FixtureRequest) -> Alter:
    """Runs statements as the owner of a filled registry's tables, whose triggers are switched off meanwhile."""
    with connect(url, create=True) as registry:
        fill(registry)
    if "://" not in url:
        return lambda *statements: altered_file(url, *statements)
    server = request.getfixturevalue("postgres")
    return lambda *statements: altered_tables(server, url, *statements)


def altered_file(path: str, *statements: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    for sql in statements:
        database.execute(sql)
    for _, sql in triggers:
        database.execute(sql)
    database.close()


def altered_tables(server: Server, url: str, *statements: str) -> None:
    with server.admin(options=f"-csearch_path={url.rpartition('%3D')[2]}") as admin:
        for sql in statements:
            admin.execute(sql.encode())
        admin.execute(b"GRANT SELECT ON ALL TABLES IN SCHEMA %s TO writer" % url.rpartition("%3D")[2].encode())


def found(url: str) -> list[str]:
    with connect(url) as registry:
        return registry.verify()


@pytest.mark.parametrize(("table", "one", "other"), [
    ("audits", "team", "owner"), ("audits", "status", "headline"), ("gates", "value", "threshold"),
    ("records", "id", "digest"), ("measured", "low", "high"), ("models", "developer", "validator"),
])  # fmt: skip
def test_swapped_columns_are_found(url: str, alter: Alter, table: str, one: str, other: str) -> None:
    alter(*(f"ALTER TABLE {table} RENAME COLUMN {a} TO {b}" for a, b in ((one, "x"), (other, one), ("x", other))))
    assert re.match("record 1: |the columns of .* were altered|its schema was altered", found(url)[0])


@pytest.mark.parametrize(("table", "column"), [("audits", "author"), ("records", "content"), ("events", '"by"')])
def test_a_column_under_another_name_is_damage(url: str, alter: Alter, table: str, column: str) -> None:
    alter(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
    with pytest.raises(UserError, match=r"not a readable registry.*column") as caught:
        found(url)
    assert caught.value.exit_code == 5
    if table == "audits":
        with connect(url) as registry, pytest.raises(UserError, match="column") as caught:
            registry.query_all()
        assert caught.value.exit_code == 5


def test_an_added_column_is_found(url: str, alter: Alter) -> None:
    alter("ALTER TABLE audits ADD COLUMN note TEXT")
    says = "the columns of audits were altered" if "://" in url else "its schema was altered: audits"
    assert found(url) == [says]


def test_a_record_that_is_there_twice_is_found(url: str, alter: Alter) -> None:
    with connect(url) as registry:
        head = registry.head()
        kept = registry.fetch("SELECT kind, id, stage, digest FROM records WHERE seq = 1")[0]
    names = ", ".join(f'"{name}"' for name in schema.columns("records")[1:])
    if "://" in url:
        free = ["ALTER TABLE records DROP CONSTRAINT records_id_stage_key"]
    else:
        bare = schema.statements()["records"].replace("UNIQUE (id, stage)", "CHECK (1)").replace("records", "bare", 1)
        free = [bare, "INSERT INTO bare SELECT * FROM records", "PRAGMA foreign_keys = OFF", "DROP TABLE records",
                "ALTER TABLE bare RENAME TO records"]  # fmt: skip
    link = chain.link(head.link, 5, kept["digest"])
    again = [f"INSERT INTO records (seq, {names}) SELECT 5, {names} FROM records WHERE seq = 1"]  # noqa: S608
    again[0] = again[0].replace('SELECT 5, "kind", "id", "stage", "digest", "link"',
                                f"SELECT 5, \"kind\", \"id\", \"stage\", \"digest\", '{link}'")  # fmt: skip
    for table in ("audits", "gates", "requirements", "measured"):
        names = ", ".join(f'"{name}"' for name in schema.columns(table)[1:])
        again.append(f"INSERT INTO {table} (seq, {names}) SELECT 5, {names} FROM {table} WHERE seq = 1")  # noqa: S608
    alter(*free, *again)
    assert found(url) == ["record 5: it is record 1 once more"]


def test_a_view_that_never_comes_to_an_end_is_found_and_not_asked(url: str, alter: Alter) -> None:
    alter("DROP VIEW inventory", f"CREATE VIEW inventory AS {ENDLESS}")
    says = "the view inventory does not show what it should: it was altered"
    assert found(url) == [says if "://" in url else "its schema was altered: inventory"]


@pytest.mark.parametrize(("statements", "says"), [
    ([f"CREATE OR REPLACE FUNCTION append_only() {EMPTY}"],
     [f"the trigger append_only of {table} was removed, altered or switched off" for table in schema.TABLES]),
    ([f"CREATE OR REPLACE FUNCTION next_only() {EMPTY}"],
     ["the trigger next_only of records was removed, altered or switched off"]),
    (["ALTER FUNCTION next_only() SET search_path = public"],
     ["the trigger next_only of records was removed, altered or switched off"]),
    (["ALTER TABLE audits ENABLE REPLICA TRIGGER append_only"],
     ["the trigger append_only of audits was removed, altered or switched off"]),
    *((["DROP TRIGGER append_only ON audits", f"{AGAIN} {when} EXECUTE FUNCTION append_only()"],
       ["the trigger append_only of audits was removed, altered or switched off"]) for when in (
           "DELETE OR TRUNCATE ON audits", "UPDATE OF seq OR DELETE OR TRUNCATE ON audits",
           "UPDATE OR DELETE ON audits FOR EACH ROW", "UPDATE OR DELETE OR TRUNCATE ON audits WHEN (false)")),
    ([f"CREATE FUNCTION evil() {EMPTY}", "CREATE TRIGGER zz BEFORE INSERT ON audits EXECUTE FUNCTION evil()"],
     ["it has a trigger of no registry: zz of audits"]),
    (["CREATE RULE r AS ON INSERT TO events DO INSTEAD NOTHING"], ["a rule changes what is done to events"]),
    (["ALTER TABLE audits ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON audits USING (true)"],
     ["row security of audits may hide rows"]),
    (["DROP VIEW standing", "ALTER TABLE audits ALTER COLUMN data_rows TYPE double precision",
      f"CREATE VIEW standing AS {STANDING}"], ["the columns of audits were altered"]),
    (["CREATE COLLATION plain FROM \"C\"", "DROP VIEW standing",
      "ALTER TABLE audits ALTER COLUMN team TYPE text COLLATE plain",
      f"CREATE VIEW standing AS {STANDING}"], ["the columns of audits were altered"]),
    (["DROP VIEW inventory", "CREATE TABLE inventory AS SELECT * FROM models"], ["inventory is no view"]),
    (["DROP VIEW measurements"], ["measurements is no view"]),
])  # fmt: skip
def test_what_guards_the_tables_is_checked(postgres: Server, statements: list[str], says: list[str]) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
        assert registry.verify() == []
    altered_tables(postgres, url, *statements)
    assert found(url) == says


@pytest.mark.parametrize("query", [
    STANDING.replace("a.*", swapped("team", "cost_center")),
    STANDING.replace("a.*", swapped("audit_id", "model_id")),
    f"{STANDING} AND current_user <> 'nosy'",
    f"{STANDING} AND coalesce(current_setting('x.y', true), '') = ''",
    f"{STANDING} AND now() > '2025-01-01'",
    f"{STANDING} AND evil.max(a.seq) = a.seq",
    STANDING.replace("a.*", "a.*, a.team AS later"),
    STANDING.replace("stage = 'main'", "stage <> 'main'"),
    STANDING.replace("FROM audits a", "FROM evil.audits a"),
])  # fmt: skip
def test_a_view_that_others_may_be_shown_otherwise_is_found(postgres: Server, query: str) -> None:
    """Whatever it shows at this moment to whoever verifies."""
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    evil = ("DROP SCHEMA IF EXISTS evil CASCADE", "CREATE SCHEMA evil", "CREATE TABLE evil.audits AS TABLE audits",
            "CREATE FUNCTION evil.max(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1'")  # fmt: skip
    altered_tables(postgres, url, *evil, "DROP VIEW standing", f"CREATE VIEW standing AS {query}")
    assert found(url) == ["the view standing does not show what it should: it was altered"]


def test_a_view_in_its_place_is_no_table(postgres: Server) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    altered_tables(postgres, url, "ALTER TABLE parts RENAME TO kept", "CREATE VIEW parts AS SELECT * FROM kept")
    assert found(url) == ["parts is no table", "the trigger append_only of parts was removed, altered or switched off"]


@pytest.mark.parametrize(("statement", "code"), [("DROP TABLE parts", 5), ("REVOKE SELECT ON parts FROM writer", 4)])
def test_a_query_that_fails_ends_verify_with_its_own_reason(postgres: Server, statement: str, code: int) -> None:
    url = postgres.new_registry()
    with connect(url) as registry:
        fill(registry)
    name = url.rpartition("%3D")[2]
    with postgres.admin(options=f"-csearch_path={name}") as admin:
        admin.execute(statement.encode())
    with pytest.raises(UserError, match=r"a table of it is missing|needs SELECT and INSERT") as caught:
        found(url)
    assert caught.value.exit_code == code


def test_a_restored_copy_is_whole(opener: Opener, alter: Alter) -> None:
    """Views made again from their own text, as a dump and a restore do."""
    alter(*(f"DROP VIEW {name}" for name, _ in schema.view_queries()), *schema.VIEWS)
    with opener() as registry:
        assert registry.verify() == []
