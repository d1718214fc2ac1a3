from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glassalpha_action.cli import registry as cli
from glassalpha_action.digests import sha256
from glassalpha_action.documents import UserError
from glassalpha_action.registry import Registry, chain, connect, history, ledger, rows
from glassalpha_action.registry.merge import merge
from glassalpha_action.registry.publication import BRANCH as DATABASE_BRANCH
from glassalpha_action.registry.publication import publish
from glassalpha_action.registry.remote import TooLargeError
from glassalpha_action.registry.rows import Head
from glassalpha_action.registry.sync import sync
from tests import samples
from tests.registry.backends import NOW, Opener, refusal
from tests.registry.ledgers import AT_ONCE, bare, entry, event, git, rewrite

ENTRIES = [entry("a"), entry("b", "2025-02-01"), event(), entry("a", "2025-03-01")]


def append(remote: Path, *entries: rows.Entry) -> Head:
    return ledger.append(str(remote), entries, recorded_at=NOW, patience=AT_ONCE).head


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A ledger of four records in three commits."""
    path = bare(tmp_path / "remote.git")
    append(path, ENTRIES[0])
    append(path, *ENTRIES[1:3])
    append(path, ENTRIES[3])
    return path


@pytest.fixture
def database(remote: Path, tmp_path: Path) -> Path:
    path = tmp_path / "registry.db"
    with connect(path, create=True) as registry:
        assert sync(str(remote), registry) == 4
    return path


def run(*arguments: str) -> str:
    return CliRunner().invoke(cli.registry, arguments, catch_exceptions=False, standalone_mode=False).stdout


def refused(code: int, *arguments: str) -> str:
    return refusal(lambda: run(*arguments), code)


def head_of(path: Path) -> Head:
    with connect(path) as registry:
        return registry.head()


def test_sync_brings_only_what_is_new(remote: Path, database: Path, tmp_path: Path) -> None:
    head = append(remote, entry("c"), entry("d"))
    with connect(database) as registry:
        assert sync(str(remote), registry) == 2
        assert sync(str(remote), registry) == 0
        assert registry.head() == head
        assert registry.verify() == []
        assert [row.model_id for row in registry.query_all()] == ["a", "b", "c", "d"]
    with connect(tmp_path / "at_once.db", create=True) as registry:
        assert sync(str(remote), registry) == 6
        assert registry.head() == head


def test_sync_while_another_process_syncs_the_same_registry(
    remote: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is done after this one looked at the registry, and before it writes."""
    head = append(remote, entry("c"), entry("d"))
    real = ledger.open_branch

    def late(*arguments: Any, **named: Any) -> ledger.Snapshot:
        monkeypatch.setattr(ledger, "open_branch", real)
        found = real(*arguments, **named)
        with connect(database) as other:
            assert sync(str(remote), other) == 2
        return found

    monkeypatch.setattr(ledger, "open_branch", late)
    with connect(database) as registry:
        assert sync(str(remote), registry) == 0
        assert (registry.head(), registry.verify()) == (head, [])


def test_sync_fills_either_backend(remote: Path, opener: Opener) -> None:
    with opener() as registry:
        assert sync(str(remote), registry) == 4
        head = append(remote, entry("c"))
        assert sync(str(remote), registry) == 1
        assert registry.head() == head
        assert history.verify(str(remote), history=True, registry=registry) == (head, [])


def test_sync_of_the_same_ledger_makes_the_same_bytes(remote: Path, database: Path, tmp_path: Path) -> None:
    with connect(tmp_path / "again.db", create=True) as registry:
        sync(str(remote), registry)
    assert (tmp_path / "again.db").read_bytes() == database.read_bytes()


def test_sync_refuses_a_registry_of_other_records(remote: Path, tmp_path: Path) -> None:
    with connect(tmp_path / "other.db", create=True) as registry:
        registry.submit(samples.audit("other"), recorded_at=NOW)
        with pytest.raises(UserError, match="does not hold"):
            sync(str(remote), registry)
        assert registry.head().seq == 1
    with connect(tmp_path / "order.db", create=True) as registry:
        registry.append_records([ENTRIES[3]])
        with pytest.raises(UserError, match="of another chain than the ledger") as caught:
            sync(str(remote), registry)
        assert caught.value.exit_code == 5
        assert registry.head().seq == 1


def test_sync_of_a_broken_ledger_adds_nothing(remote: Path, database: Path) -> None:
    before = head_of(database)
    append(remote, entry("c"), entry("d"))
    rewrite(remote, 'sed -i \'s/"model":{/"model": {/\' ledger/2025/01/05/*')
    with connect(database) as registry, pytest.raises(UserError) as caught:
        sync(str(remote), registry)
    assert caught.value.exit_code == 5
    assert head_of(database) == before


def test_sync_from_the_origin_of_this_repository(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet", "checkout")
    (tmp_path / "checkout" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "checkout" / "below")
    assert "--ledger" in refused(2, "sync", "--database", "r.db")
    git(tmp_path / "checkout", "remote", "add", "origin", "../remote.git")
    assert (
        run("sync", "--database", "r.db") == f"r.db: 4 records added, 4 in all, anchor {head_of(Path('r.db')).anchor}\n"
    )
    assert "0 records added" in run("sync", "--database", "r.db")
    said = run("verify", "--history", "--database", "r.db")
    assert said.startswith("the ledger is whole: 4 records, anchor 4:")
    assert "no commit ever changed or removed one; r.db holds the same" in said


def test_the_job_token_goes_to_its_own_server_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from glassalpha_action.cli.ledger import _place

    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example.org")
    token = _place("https://git.example.org/o/r", ledger.BRANCH).token
    assert token is not None
    assert token.get_secret_value() == "ghs_secret"
    for other in (
        "https://git.example.org.evil.org/o/r",
        "https://github.com/o/r",
        "/srv/r.git",
        "git@git.example.org:o/r",
    ):
        assert _place(other, ledger.BRANCH).token is None


def test_verify_of_a_whole_ledger(remote: Path, database: Path) -> None:
    head, problems = history.verify(str(remote), history=True, anchor=f"1:{'0' * 12}")
    assert problems == ["record 1: its link is not the anchor's: records up to here were altered since"]
    assert head == head_of(database)
    with connect(database) as registry:
        assert history.verify(str(remote), history=True, anchor=head.anchor, registry=registry) == (head, [])


def test_verify_judges_every_audit_again(remote: Path) -> None:
    found = history.verify(str(remote), rejudge=lambda audit: [f"{audit.model.id} is not so"])[1]
    assert found == [f"record {seq}: {name} is not so" for seq, name in ((1, "a"), (2, "b"), (4, "a"))]


RECORD = "f=$(ls ledger/2025/01/05/*); cp $f kept; "
REWRITTEN = {
    "a record changed and changed back": (
        RECORD + "echo >> $f; git commit -qam x; mv kept $f", "changed ledger/2025/01/05"),
    "a record removed and put back": (
        RECORD + "git rm -q $f; git commit -qm x; mkdir -p ledger/2025/01/05; mv kept $f", "removed ledger/2025/01/05"),
    "a part changed and changed back": (
        "f=$(ls parts/* | head -n 1); cp $f kept; echo >> $f; git commit -qam x; mv kept $f", "changed parts/"),
    "a part removed and put back": (
        "f=$(ls parts/* | head -n 1); cp $f kept; git rm -q $f; git commit -qm x; mkdir -p parts; mv kept $f",
        "removed parts/"),
    "a file brought and removed": ("echo x > evil; git add evil; git commit -qm x; rm evil", "brought evil"),
    "a link brought and removed": (
        "ln -s /etc/passwd ledger/l; git add ledger/l; git commit -qm x; rm ledger/l", "brought ledger/l"),
    "the head set back and forth": (
        "cp head.json kept; git show HEAD~1:head.json > head.json; git commit -qam x; mv kept head.json", "head.json"),
    "a merge": (
        "git checkout -q -b side HEAD~1; git commit -q --allow-empty -m s; git checkout -q -; git merge -q -m m side",
        "was merged"),
}  # fmt: skip


@pytest.mark.parametrize("name", REWRITTEN)
def test_history_finds_what_the_tip_no_longer_shows(remote: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Eve")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "eve@example.org")
    change, named = REWRITTEN[name]
    rewrite(remote, change)
    assert history.verify(str(remote))[1] == []
    problems = history.verify(str(remote), history=True)[1]
    assert problems
    assert problems[0].startswith("commit ")
    assert named in problems[0]
    assert named in refused(5, "verify", "--ledger", str(remote), "--history")


def test_a_part_that_no_record_names_is_found(remote: Path) -> None:
    name = sha256(b"{}")
    rewrite(remote, f"printf {{}} > parts/{name}.json")
    for whole in (False, True):
        assert history.verify(str(remote), history=whole)[1] == [f"parts/{name}.json is named by no record"]


def test_a_branch_forced_back_is_found_by_the_anchor_and_by_the_database(remote: Path, database: Path) -> None:
    head = head_of(database)
    git(remote, "update-ref", f"refs/heads/{ledger.BRANCH}", f"{ledger.BRANCH}~1")
    assert history.verify(str(remote), history=True)[1] == []
    said = refused(5, "verify", "--ledger", str(remote), "--history", "--anchor", head.anchor)
    assert "record 4: missing; the chain ends at 3, before the anchor" in said
    assert "the ledger lost records" in refused(5, "verify", "--ledger", str(remote), "--database", str(database))
    with connect(database) as registry, pytest.raises(UserError, match="does not hold"):
        sync(str(remote), registry)


def test_a_branch_rewritten_whole_is_found_by_the_anchor_and_by_the_database(remote: Path, database: Path) -> None:
    """Every digest, link and commit is made anew, with one record swapped for another."""
    head = head_of(database)
    git(remote, "update-ref", "-d", f"refs/heads/{ledger.BRANCH}")
    append(remote, *[entry("forged"), *ENTRIES[1:]])
    assert history.verify(str(remote), history=True)[1] == []
    assert "altered since" in refused(5, "verify", "--ledger", str(remote), "--anchor", head.anchor)
    assert "record 1 of" in refused(5, "verify", "--ledger", str(remote), "--database", str(database))


def test_an_audit_whose_id_does_not_fit_is_found_though_chained(remote: Path) -> None:
    forged = json.loads(ENTRIES[0].content)
    forged["audit"]["status"] = "PASSED"
    content = json.dumps(forged, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    link = chain.link(chain.GENESIS, 1, sha256(content))
    git(remote, "update-ref", "-d", f"refs/heads/{ledger.BRANCH}")
    append(remote, ENTRIES[0])
    path = ledger.path_of(ENTRIES[0])
    (remote.parent / "record").write_bytes(chain.write(1, link, content))
    (remote.parent / "head").write_bytes(ledger.write_head(Head(1, link)))
    rewrite(remote, f"cp ../record {path}; cp ../head head.json")
    assert "id does not fit" in refused(5, "verify", "--ledger", str(remote))


def tamper(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    connection.executescript("".join(f"DROP TRIGGER {name};" for name, _ in triggers) + sql)
    for _, trigger in triggers:
        connection.execute(trigger)
    connection.close()


TABLES = ("gates", "requirements", "measured", "models", "policies", "events", "audits", "records")


def test_a_database_that_lost_its_last_record_is_found(remote: Path, database: Path) -> None:
    tamper(database, "".join(f"DELETE FROM {table} WHERE seq = 4;" for table in TABLES))  # noqa: S608
    said = refused(5, "verify", "--ledger", str(remote), "--database", str(database))
    assert "ends at record 3, the ledger at 4" in said


def test_a_database_made_of_other_records_is_found(remote: Path, tmp_path: Path) -> None:
    with connect(tmp_path / "forged.db", create=True) as registry:
        registry.append_records([entry("forged"), *ENTRIES[1:]])
        assert registry.verify() == []
    said = refused(5, "verify", "--ledger", str(remote), "--database", str(tmp_path / "forged.db"))
    assert said.endswith("record 1 of " + str(tmp_path / "forged.db") + " is not the ledger's")


def test_a_changed_value_in_the_database_is_found(remote: Path, database: Path) -> None:
    tamper(database, "UPDATE audits SET status = 'PASSED' WHERE seq = 1;")
    assert "record 1" in refused(5, "verify", "--ledger", str(remote), "--database", str(database))


def test_history_of_a_cut_off_clone_is_not_proven(remote: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch", ledger.BRANCH, remote.as_uri(), "checkout")
    assert "only a part of the history" in refused(2, "verify", "--ledger", str(tmp_path / "checkout"), "--history")


def filled(path: Path, entries: list[rows.Entry]) -> Registry:
    registry = connect(path, create=True)
    registry.append_records(entries)
    return registry


def test_merge_unites_by_id_and_keeps_both_heads(tmp_path: Path) -> None:
    with (
        filled(tmp_path / "a", ENTRIES[:3]) as one,
        filled(tmp_path / "b", [ENTRIES[3], ENTRIES[0], entry("c")]) as two,
    ):
        heads = [one.head(), two.head()]
    said = run("merge", str(tmp_path / "a"), str(tmp_path / "b"), "--into", str(tmp_path / "c"), "--by", "ada")
    with connect(tmp_path / "c") as united:
        assert said == f"{tmp_path}/c: 6 records, anchor {united.head().anchor}\n"
        assert list(united.entries())[:5] == [*ENTRIES, entry("c")]
        assert united.verify(anchor=heads[0].anchor) == []
        merged = united.events(kind="registry.merged")[0]
        assert merged.by == "ada"
        assert merged.body == {"heads": [{"seq": head.seq, "link": head.link} for head in heads]}


def test_merge_never_touches_what_is_there(tmp_path: Path) -> None:
    filled(tmp_path / "a", ENTRIES[:1]).close()
    filled(tmp_path / "b", ENTRIES[1:]).close()
    before = (tmp_path / "b").read_bytes()
    assert "not empty" in refused(2, "merge", str(tmp_path / "a"), str(tmp_path / "a"), "--into", str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == before
    assert refused(2, "merge", str(tmp_path / "a"), str(tmp_path / "none"), "--into", str(tmp_path / "c"))
    assert not (tmp_path / "none").exists()


def test_a_broken_registry_is_not_merged(tmp_path: Path) -> None:
    filled(tmp_path / "a", ENTRIES[:2]).close()
    filled(tmp_path / "b", ENTRIES[2:]).close()
    tamper(tmp_path / "a", "UPDATE audits SET status = 'PASSED' WHERE seq = 1;")
    assert "is broken" in refused(5, "merge", str(tmp_path / "a"), str(tmp_path / "b"), "--into", str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_merge_of_the_same_is_that_and_the_event(tmp_path: Path) -> None:
    with filled(tmp_path / "a", ENTRIES) as one, connect(tmp_path / "c", create=True) as united:
        assert merge(one, one, united, at=NOW, by="ada").seq == 5


def test_the_database_branch_is_one_commit_and_the_newest_stays(remote: Path, database: Path, tmp_path: Path) -> None:
    old = publish(str(remote), database, recorded_at=NOW, patience=AT_ONCE)
    append(remote, entry("c"))
    newer = tmp_path / "newer.db"
    with connect(newer, create=True) as registry:
        sync(str(remote), registry)
    tip = publish(str(remote), newer, recorded_at=NOW, patience=AT_ONCE)
    assert tip != old
    for again in (database, newer):
        assert publish(str(remote), again, recorded_at=NOW, patience=AT_ONCE) == tip
    assert git(remote, "rev-list", "--count", DATABASE_BRANCH) == "1"
    assert git(remote, "ls-tree", "--name-only", DATABASE_BRANCH).splitlines() == ["head.json", "model_registry.db"]
    git(tmp_path, "clone", "--quiet", "--branch", DATABASE_BRANCH, str(remote), "download")
    with connect(tmp_path / "download" / "model_registry.db") as there:
        assert (there.head(), there.verify()) == (head_of(newer), [])
    assert git(remote, "rev-list", "--count", ledger.BRANCH) == "4"


def test_of_many_that_publish_at_once_the_newest_stays(remote: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{count}.db" for count in range(1, 9)]
    for count, path in enumerate(files, 1):
        filled(path, [entry(f"m{k}") for k in range(count)]).close()

    def one(path: Path) -> str:
        return publish(str(remote), path, recorded_at=NOW)

    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(one, files))
    head = ledger.read_head(git(remote, "show", f"{DATABASE_BRANCH}:head.json").encode())
    assert head == head_of(files[-1])
    assert git(remote, "rev-list", "--count", DATABASE_BRANCH) == "1"


def test_a_database_branch_that_is_none_is_left(remote: Path, database: Path, tmp_path: Path) -> None:
    publish(str(remote), database, recorded_at=NOW, patience=AT_ONCE)
    other = tmp_path / "other.db"
    filled(other, [entry(f"other{k}") for k in range(head_of(database).seq)]).close()
    with pytest.raises(UserError, match="another chain"):
        publish(str(remote), other, recorded_at=NOW, patience=AT_ONCE)
    git(remote, "update-ref", f"refs/heads/{DATABASE_BRANCH}", git(remote, "rev-parse", f"{ledger.BRANCH}~2"))
    tip = publish(str(remote), database, recorded_at=NOW, patience=AT_ONCE)
    assert git(remote, "rev-parse", DATABASE_BRANCH) == tip
    tree = git(remote, "mktree", given=b"")
    forged = git(remote, "commit-tree", "-m", "x", tree)
    git(remote, "update-ref", f"refs/heads/{DATABASE_BRANCH}", forged)
    with pytest.raises(UserError) as caught:
        publish(str(remote), database, recorded_at=NOW, patience=AT_ONCE)
    assert caught.value.exit_code == 5
    assert git(remote, "rev-parse", DATABASE_BRANCH) == forged


def test_a_file_that_git_hosts_refuse_is_not_sent(remote: Path, database: Path, tmp_path: Path) -> None:
    size = database.stat().st_size
    with pytest.raises(TooLargeError, match=r"over 100 MB .* `glassalpha registry sync`, .* PostgreSQL") as caught:
        publish(str(tmp_path / "no such remote"), database, recorded_at=NOW, limit=size - 1)
    assert (caught.value.exit_code, len(str(caught.value).splitlines())) == (4, 1)
    assert DATABASE_BRANCH not in git(remote, "branch")
    publish(str(remote), database, recorded_at=NOW, patience=AT_ONCE, limit=size)
    assert DATABASE_BRANCH in git(remote, "branch")


def test_a_host_that_finds_the_file_too_large_is_not_asked_again(remote: Path, database: Path, tmp_path: Path) -> None:
    hook, asked = remote / "hooks" / "pre-receive", tmp_path / "asked"
    said = "error: File model_registry.db is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho x >> "{asked}"\necho "{said}" >&2\nexit 1\n')
    hook.chmod(0o755)
    with pytest.raises(TooLargeError, match="was left as it is"):
        publish(str(remote), database, recorded_at=NOW)
    assert asked.read_text() == "x\n"
    assert DATABASE_BRANCH not in git(remote, "branch")
