"""What can go wrong with a file."""

from __future__ import annotations

import math
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlite_utils

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit
from glassalpha_action.registry import Event, Registry, connect, migrations, schema
from glassalpha_action.registry.ledger import read_head
from glassalpha_action.registry.publication import BRANCH, publish
from glassalpha_action.registry.sqlite import SQLiteRegistry
from tests import samples
from tests.registry.backends import HOSTILE, NOW, fill


def use(url: str, *, create: bool, submit: bool) -> None:
    with connect(url, create=create) as registry:
        registry.query_all()
        if submit:
            registry.submit(samples.audit(as_of="2025-03-01"), recorded_at=NOW)
        if problems := registry.verify():
            raise UserError(problems[0], exit_code=5)


def refused(path: Path | str, *, create: bool = False, submit: bool = False) -> UserError:
    """The error of opening, and where asked of submitting; the file must stay as it was."""
    before = Path(path).read_bytes() if Path(path).is_file() else None
    with pytest.raises(UserError) as caught:
        use(str(path), create=create, submit=submit)
    assert (Path(path).read_bytes() if before is not None else None) == before
    assert "\n" not in str(caught.value)
    return caught.value


def unopened(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        connect(path)
    assert caught.value.exit_code == 4
    return caught.value


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who may not write what root made; a plain user is one already."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_the_url_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    connect("a b?#%41.db", create=True).close()
    assert [p.name for p in tmp_path.iterdir()] == ["a b?#%41.db"]
    connect("sqlite:///a b?#%41.db").close()
    connect(f"sqlite:///{tmp_path}/a b?#%41.db").close()


@pytest.mark.parametrize("url", [
    "mysql://bob:hunter2@host/registry", "https://bob:hunter2@host/registry.db", "sqlite://bob:hunter2@host/registry.db",
])  # fmt: skip
def test_another_address_is_refused_without_its_password(url: str) -> None:
    error = refused(url, create=True)
    assert error.exit_code == 2
    assert "--database model_registry.db" in str(error)
    assert "hunter2" not in str(error)
    assert "bob" not in str(error)


def test_nothing_there(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.db")
    assert (error.exit_code, (tmp_path / "none.db").exists()) == (2, False)
    assert "glassalpha registry init" in str(error)
    assert refused(tmp_path / "no" / "folder.db", create=True).exit_code == 4
    assert refused(tmp_path, create=True).exit_code == 2
    assert refused("", create=True).exit_code == 2
    assert refused("nul\0.db", create=True).exit_code == 2
    assert "name too long" in str(unopened(tmp_path / ("x" * 1_000)))


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0", bytes(8192), os.urandom(8192)])
@pytest.mark.parametrize("create", [True, False])
def test_an_unreadable_file_is_never_replaced(tmp_path: Path, content: bytes, create: bool) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(content)
    assert refused(path, create=create, submit=True).exit_code == 5
    assert [p.name for p in tmp_path.iterdir()] == ["registry.db"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    assert refused(file, create=True, submit=True).exit_code == 5


def test_a_byte_changed_in_any_page_is_found_or_harmless(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    with connect(str(file)) as registry:
        rows = registry.query_all()
    found = 0
    for at in [*range(16, 100, 7), *range(100, len(content), 1009)]:
        broken = tmp_path / "broken.db"
        broken.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            with connect(str(broken)) as registry:
                if registry.verify():
                    found += 1
                else:
                    assert registry.query_all() == rows
        except UserError as error:
            found += error.exit_code in {2, 4, 5}
    assert found > 20


def test_a_byte_changed_in_a_record_is_always_found(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    with connect(str(file)) as registry:
        kept = registry.fetch("SELECT content FROM records WHERE seq = 4")[0]["content"]
    assert content.count(kept) == 1
    for at in range(content.index(kept), content.index(kept) + len(kept)):
        broken = tmp_path / "broken.db"
        broken.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with connect(str(broken)) as registry:
            assert registry.verify()[0].startswith("record 4: ")


def test_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    sqlite_utils.Database(path).table("t").insert({"a": 1})
    error = refused(path, create=True)
    assert (error.exit_code, "no registry" in str(error)) == (2, True)


def test_a_newer_schema_is_refused(file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    database.close()
    error = refused(file, submit=True)
    assert "newer version" in str(error)
    assert "upgrade" in str(error)


def test_an_older_schema_is_brought_forward(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = sqlite_utils.Migrations("glassalpha-registry")
    later()(migrations.tables)

    @later()
    def notes(db: sqlite_utils.Database) -> None:
        db.execute("CREATE TABLE notes (seq INTEGER PRIMARY KEY)")

    monkeypatch.setattr(migrations, "MIGRATIONS", later)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 2)
    for _ in range(2):
        with connect(str(file)) as registry:
            assert registry.fetch("SELECT count(*) AS n FROM notes") == [{"n": 0}]
            assert registry.fetch("PRAGMA user_version") == [{"user_version": 2}]
            assert registry.verify() == []


def test_the_schema_version_is_the_number_of_migrations(file: Path) -> None:
    assert len(migrations.MIGRATIONS.applied(sqlite_utils.Database(file))) == schema.SCHEMA_VERSION


@pytest.mark.parametrize("table", schema.TABLES)
def test_rows_can_be_neither_changed_nor_removed(file: Path, table: str) -> None:
    database = sqlite3.connect(file)
    column = database.execute(f"SELECT * FROM {table}").description[0][0]  # noqa: S608
    for sql in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(sql)


def test_a_part_cannot_be_replaced(file: Path) -> None:
    database = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute("INSERT OR REPLACE INTO parts SELECT sha256, seq, x'00' FROM parts")
    database.close()
    with connect(file) as registry:
        assert registry.verify() == []


def test_a_record_can_be_neither_replaced_nor_slipped_in(file: Path) -> None:
    database = sqlite3.connect(file)
    for seq, identity in ((2, "'x'"), (6, "'x'"), (-1, "'x'"), (5, "(SELECT id FROM records WHERE seq = 2)")):
        values = f"{seq}, 'audit', {identity}, (SELECT stage FROM records WHERE seq = 2), 'x', 'x', x''"  # noqa: S608
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(f"INSERT OR REPLACE INTO records VALUES ({values})")  # noqa: S608


def test_a_read_only_file_can_be_read_and_not_written() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "registry.db"
        with connect(str(path), create=True) as registry:
            fill(registry)
        path.chmod(0o444)
        folder.chmod(0o555)
        with nobody():
            assert refused(path, submit=True).exit_code == 4
            with connect(str(path)) as registry:
                assert len(registry.query_all()) == 3
                assert registry.verify() == []
            assert refused(folder / "new.db", create=True).exit_code == 4
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_that_may_not_be_read() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        path = folder / "registry.db"
        connect(str(path), create=True).close()
        path.chmod(0)
        with nobody():
            assert "cannot be opened" in str(unopened(path))
        folder.chmod(0o700)
        with nobody():
            assert "Permission denied" in str(unopened(path))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("room", [0, 1_000, 20_000])
def test_a_full_disk_records_nothing(file: Path, room: int) -> None:
    """A limit on the size of files stands for the disk: journal and registry may grow by `room` bytes."""
    audits = [samples.audit(f"m{k}") for k in range(20)]
    recorded = 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with connect(str(file)) as registry:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + room, hard))
        try:
            for audit in audits:
                registry.submit(audit, recorded_at=NOW)
                recorded += 1
        except UserError as error:
            full = error
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (full.exit_code, "disk" in str(full)) == (4, True)
        assert registry.head().seq == 4 + recorded
        assert registry.submit(audits[recorded], recorded_at=NOW).new
    with connect(str(file)) as registry:
        assert registry.verify() == []


def test_a_registry_that_another_keeps_locked_is_waited_for_a_while(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    registry = SQLiteRegistry(str(file), wait_seconds=0.2)
    with pytest.raises(UserError, match=r"locked for 0\.2 seconds") as caught:
        registry.submit(samples.audit("other"), recorded_at=NOW)
    assert caught.value.exit_code == 4
    assert len(registry.query_all()) == 3, "reading goes on"
    other.execute("ROLLBACK")
    assert registry.submit(samples.audit("other"), recorded_at=NOW).seq == 5
    registry.close()


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        with connect(str(tmp_path / name), create=True) as registry:
            fill(registry)
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()


def test_a_second_init_and_a_stray_draft_do_no_harm(file: Path) -> None:
    before = file.read_bytes()
    connect(str(file), create=True).close()
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["registry.db"]


def test_without_hard_links_a_registry_is_made_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", unsupported)
    with connect(str(tmp_path / "registry.db"), create=True) as registry:
        fill(registry)
    assert [p.name for p in tmp_path.iterdir()] == ["registry.db"]


@pytest.mark.parametrize("name", [n for n in HOSTILE if n and "\0" not in n and "/" not in n and len(n) < 200])
def test_hostile_file_names(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path / name)
    assert str(error).isprintable()
    connect(str(tmp_path / name), create=True).close()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_only_making_a_registry_loads_what_migrations_need(file: Path, tmp_path: Path) -> None:
    audit = tmp_path / "new.audit.json"
    audit.write_bytes(samples.audit("new").to_json())
    code = (
        "import sys; from glassalpha_action.records import Audit; from glassalpha_action.registry import connect; "
        "r = connect(sys.argv[1]); r.query_all(); r.query_failed_gates_summary(); r.verify(); "
        "a = Audit.model_validate_json(open(sys.argv[2]).read()); assert r.submit(a, recorded_at=sys.argv[3]).new; "
        "print(sorted({'pandas', 'sqlite_utils', 'psycopg', 'rfc8785'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(file), str(audit), NOW]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout == "[]\n"


def test_other_tools_can_read_it(file: Path) -> None:
    database = sqlite_utils.Database(file)
    assert {"audits", "models", "policies", "events", "gates"} <= set(database.table_names())
    assert [row["value"] for row in database["measurements"].rows_where("seq = 1 AND metric = 'roc_auc'")] == [0.781]
    assert [row["model_id"] for row in database["audits"].rows_where("failed_gates > 0")] == ["credit_model_v2"]
    assert "-- main or proposed" in database["audits"].schema


def test_a_new_file_is_there_only_once_it_is_filled(tmp_path: Path) -> None:
    def failing(registry: Registry) -> None:
        fill(registry)
        raise UserError("the ledger cannot be read", exit_code=4)

    with pytest.raises(UserError, match="cannot be read"):
        connect(tmp_path / "registry.db", create=True, fill=failing)
    assert list(tmp_path.iterdir()) == []
    with connect(tmp_path / "registry.db", create=True, fill=fill) as registry:
        before = registry.head()
        assert before.seq == 4
    with connect(tmp_path / "registry.db", create=True, fill=failing) as registry:
        assert registry.head() == before


def test_a_sync_that_finds_no_ledger_leaves_no_file(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "empty.git")], check=True)
    command = [
        str(Path(sys.executable).parent / "glassalpha"),
        "registry",
        "sync",
        "--database",
        str(tmp_path / "r.db"),
    ]
    for ledger, code, says in ((str(tmp_path / "empty.git"), 2, "has no branch"), ("http://127.0.0.1:1/a b", 2, "%20")):
        ran = subprocess.run([*command, "--ledger", ledger], capture_output=True, text=True, check=False)
        assert (ran.returncode, says in ran.stderr) == (code, True), ran.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["empty.git"]


@pytest.mark.parametrize(("value", "says"), [
    (2**60, "a whole number in it is 2\\*\\*53 or more"),
    (math.inf, "infinite"),
    ("\ud800", "half of a character"),
])  # fmt: skip
def test_what_json_does_not_keep_is_refused_in_plain_words(file: Path, value: object, says: str) -> None:
    with connect(file) as registry:
        before = registry.head()
        with pytest.raises(UserError, match=says):
            registry.record_event(Event("incident.opened", "m", NOW, "ada", {"x": value}))
        assert registry.head() == before


@contextmanager
def write_ahead(file: Path) -> Iterator[sqlite3.Connection]:
    """The file with a write-ahead log, as other tools make it, and a reader who keeps it from being folded in."""
    reader = sqlite3.connect(file, isolation_level=None)
    assert reader.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM audits").fetchall()
    try:
        yield reader
    finally:
        reader.close()


def test_a_registry_with_a_write_ahead_log_is_whole(file: Path) -> None:
    with write_ahead(file):
        for k in range(6):
            with connect(file) as registry:
                registry.submit(samples.audit(f"m{k}"), recorded_at=NOW)
        with connect(file) as registry:
            assert len(registry.query_all()) == 9
            assert registry.verify() == []


def test_with_a_write_ahead_log_the_newest_is_published(file: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
    with write_ahead(file), connect(file) as registry:
        registry.submit(samples.audit("new"), recorded_at=NOW)
        publish(str(remote), file, recorded_at=NOW)
        head = registry.head()
    shown = [
        subprocess.run(["git", "-C", str(remote), "show", f"{BRANCH}:{name}"], check=True, capture_output=True).stdout
        for name in ("head.json", "model_registry.db")
    ]
    assert read_head(shown[0]) == head
    (tmp_path / "download.db").write_bytes(shown[1])
    with connect(tmp_path / "download.db") as download:
        assert (download.head(), download.verify()) == (head, [])
    assert shown[1][18:20] == b"\1\1", "a file with a write-ahead log cannot be opened where nothing may be written"


def test_verify_keeps_nobody_waiting(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    with connect(file) as registry, SQLiteRegistry(str(file), wait_seconds=0.1) as other:

        def submitting(audit: Audit) -> list[str]:
            assert next(copies.iterdir()).stat().st_mode & 0o777 == 0o700
            other.submit(samples.audit(f"while {audit.model.id}"), recorded_at=NOW)
            return []

        assert registry.verify(rejudge=submitting) == []
        assert registry.head().seq == 7
        with registry.reading():
            assert registry.verify() == [], "within a transaction it is that one"
        with registry.appending():
            assert registry.verify() == []
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize("room", [0, 40_000])
def test_no_room_for_the_copy_that_is_verified(
    file: Path, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with connect(file) as registry:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(UserError, match="has no room for it: let TMPDIR name another folder") as full:
                registry.verify()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (full.value.exit_code, str(copies) in str(full.value)) == (4, True)
        assert list(copies.iterdir()) == []
        assert registry.verify() == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with connect(file) as registry, pytest.raises(UserError, match=r"no folder can be made .* TMPDIR") as none:
        registry.verify()
    assert none.value.exit_code == 4


def test_what_breaks_while_it_is_open_is_found(file: Path) -> None:
    """The copy that is verified shows it too."""
    content = file.read_bytes()
    for broken in (content[: len(content) // 2], content[:4096] + os.urandom(4096) + content[8192:]):
        with connect(file) as registry:
            file.write_bytes(broken)
            try:
                problems = registry.verify()
            except UserError as error:
                assert error.exit_code == 5  # noqa: PT017
            else:
                assert problems
        file.write_bytes(content)


def test_another_thread_is_told_to_open_its_own(file: Path) -> None:
    said = []

    def ask(act: Callable[[], object]) -> None:
        try:
            act()
        except UserError as error:
            said.append((error.exit_code, "was opened in another thread" in str(error)))

    with connect(file) as registry:
        acts = (registry.query_all, registry.verify, registry.close,
                partial(registry.submit, samples.audit("new"), recorded_at=NOW))  # fmt: skip
        for act in acts:
            thread = threading.Thread(target=ask, args=(act,))
            thread.start()
            thread.join()
        assert said == [(2, True)] * len(acts)
        assert registry.head().seq == 4
