"""Decisions, events and audits that are recorded in a ledger, and in the registry that follows it."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from glassalpha_action.cli import event as event_cli
from glassalpha_action.cli import ledger as ledger_cli
from glassalpha_action.cli import model as model_cli
from glassalpha_action.cli import registry as registry_cli
from glassalpha_action.governance.approvals import GRANTED, REJECTED, approved, decision
from glassalpha_action.records import Audit, sealed
from glassalpha_action.registry import Supersedes, connect, history, ledger
from glassalpha_action.registry import sync as syncing
from glassalpha_action.registry.rows import audit_entry, event_entry
from glassalpha_action.vocabulary import Status
from tests.registry import judged
from tests.registry.backends import NOW, Opener, refusal
from tests.registry.ledgers import bare, entry, event, git

COMMANDS = {"event": event_cli.event, "model": model_cli.model, "registry": registry_cli.registry}
TRAINING = ("event", "add", "training.held", "credit-risk", "--by", "Ada", "--at", NOW)
APPROVE = ("model", "approve", "m", "--by", "Ada", "--reason", "reviewed")
WRONG, RIGHT = judged.audit("m", Status.PASSED), judged.audit("m", Status.REVIEW)
FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of one audit, as the action recorded it, at PASSED."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLASSALPHA_DATABASE", raising=False)
    path = bare(tmp_path / "remote.git")
    ledger.append(str(path), [audit_entry(WRONG, "main", NOW, {}, "grace")], recorded_at=NOW)
    return path


def run(command: str, *arguments: str) -> str:
    found: click.Command = COMMANDS[command]
    return CliRunner().invoke(found, arguments, catch_exceptions=False, standalone_mode=False).stdout


def refused(code: int, *arguments: str) -> str:
    return refusal(lambda: run(*arguments), code)


def saved(audit: Audit) -> str:
    name = f"{audit.audit_id[:8]}.audit.json"
    Path(name).write_bytes(audit.to_json())
    return name


def records(remote: Path, branch: str = ledger.BRANCH) -> int:
    return sum(1 for _ in ledger.read(str(remote), branch=branch))


def whole(remote: Path, database: str = "model_registry.db") -> int:
    """How many records the ledger has, which is whole, and which the registry holds as they are."""
    with connect(database) as registry:
        head, problems = history.verify(str(remote), history=True, registry=registry)
        assert problems == registry.verify() == []
    return head.seq


def test_an_event_an_approval_and_an_audit_reach_the_ledger_and_the_registry(remote: Path) -> None:
    at = ("--ledger", str(remote))
    assert re.search(r"training.held about credit-risk: recorded, anchor 2:", run(*TRAINING, *at))
    assert "by Ada: recorded, anchor 3:" in run(*APPROVE, *at)
    said = run("registry", "submit", saved(judged.audit("other")), saved(judged.audit("third")), *at)
    assert re.search(r"^4:\w+ \| other \| BLOCKED \| recorded\n5:\w+ \| third \| BLOCKED \| recorded\nanchor 5:", said)
    assert whole(remote) == 5
    assert run("registry", "list").splitlines()[1].endswith("| APPROVED")
    assert "0 records added" in run("registry", "sync", *at)
    ledger.append(str(remote), [entry("from the action")], recorded_at=NOW)
    assert "1 record added, 6 in all" in run("registry", "sync", *at)
    assert "approval.revoked" in run("model", "revoke", "m", "--by", "Ada", "--reason", "found a leak", *at)
    assert whole(remote) == 7


def test_postgresql_follows_a_ledger_too(remote: Path, opener: Opener) -> None:
    opener().close()
    for command in (TRAINING, APPROVE):
        run(*command, "--ledger", str(remote), "--database", opener.url)
    assert whole(remote, opener.url) == 3


def test_the_same_again_is_there_already(remote: Path) -> None:
    at = ("--ledger", str(remote))
    run(*TRAINING, *at)
    assert "already there, anchor 2:" in run(*TRAINING, *at)
    assert "already there, anchor 2:" in run(*TRAINING, *at, "--database", "another.db")
    twice = run("registry", "submit", saved(WRONG), saved(WRONG), *at)
    assert [line.split(" | ")[-1] for line in twice.splitlines()[:2]] == ["already there"] * 2
    assert whole(remote) == whole(remote, "another.db") == 2


def test_the_first_record_makes_the_ledger(tmp_path: Path) -> None:
    empty = bare(tmp_path / "empty.git")
    assert "recorded, anchor 1:" in run(*TRAINING, "--ledger", str(empty), "--branch", "books")
    assert whole_branch(empty, "books") == 1
    assert git(empty, "branch", "--format=%(refname:short)") == "books"


def whole_branch(remote: Path, branch: str) -> int:
    with connect("model_registry.db") as registry:
        head, problems = history.verify(str(remote), branch=branch, registry=registry)
    assert problems == []
    return head.seq


def test_origin_is_the_remote_of_the_repository_one_is_in(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "checkout")
    git(tmp_path / "checkout", "remote", "add", "origin", "../remote.git")
    monkeypatch.chdir(tmp_path / "checkout")
    assert "recorded, anchor 2:" in run(*TRAINING, "--ledger", "origin")
    assert whole(remote) == 2


def test_without_a_ledger_nothing_needs_git(remote: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with connect("model_registry.db", create=True) as registry:
        registry.submit(WRONG, recorded_at=NOW)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert "recorded, anchor 2:" in run(*TRAINING)
    assert "recorded, anchor 3:" in run(*APPROVE)
    assert "--branch is a ledger's" in refused(2, *TRAINING, "--branch", "books")
    monkeypatch.undo()
    assert records(remote) == 1


def test_a_registry_that_left_its_ledger_is_told_the_way_back(remote: Path) -> None:
    at = ("--ledger", str(remote))
    run("registry", "sync", *at)
    run(*TRAINING)
    ledger.append(str(remote), [entry("from the action")], recorded_at=NOW)
    for command in (("registry", "sync"), TRAINING, APPROVE):
        assert "record it with --ledger …, and sync into a new file" in refused(5, *command, *at)
    assert records(remote) == 2, "nothing is recorded that the registry could not follow"
    run(*TRAINING, *at, "--database", "new.db")
    assert whole(remote, "new.db") == 3


def test_a_registry_with_records_of_its_own_begins_no_ledger(tmp_path: Path) -> None:
    empty = bare(tmp_path / "empty.git")
    run(*TRAINING, "--ledger", str(empty), "--branch", "books", "--database", "model_registry.db")
    assert "does not hold" in refused(5, *TRAINING, "--ledger", str(empty), "--branch", "others")
    assert git(empty, "branch", "--format=%(refname:short)") == "books"


def test_what_is_refused_is_recorded_nowhere(remote: Path) -> None:
    at = ("--ledger", str(remote))
    free = RIGHT.measurements[0].model_copy(update={"metric": "brier_score"})
    twice = sealed(RIGHT.model_copy(update={"measurements": (*RIGHT.measurements, free, free)}))
    for code, says, command in (
        (2, "twice in the same way", ("registry", "submit", saved(twice))),
        (2, "did you mean", ("event", "add", "training.hold", "x", "--by", "Ada")),
        (2, "made the change", (*APPROVE[:3], "--by", "Grace", "--reason", "why")),
        (2, "no live approval", ("model", "revoke", "m", "--by", "Ada", "--reason", "why")),
        (2, "holds no audit", ("registry", "submit", saved(RIGHT), "--supersedes", "0" * 12, "--reason", "why")),
    ):  # fmt: skip
        assert says in refused(code, *command, *at), command
    missing = ("--ledger", str(remote / "none"), "--database", "none.db")
    assert "no such folder" in refused(2, *TRAINING, *missing)
    assert not Path("none.db").exists()
    assert records(remote) == 1


def test_an_audit_that_is_in_the_ledger_as_no_correction_becomes_none(remote: Path) -> None:
    at = ("--ledger", str(remote))
    run("registry", "submit", saved(RIGHT), *at)
    both = ("--supersedes", WRONG.audit_id, "--reason", "wrong data")
    for database in ("model_registry.db", "new.db"):
        said = refused(2, "registry", "submit", saved(RIGHT), *both, *at, "--database", database)
        assert "is recorded already, without this correction" in said
    assert whole(remote) == 2
    third = judged.audit("m", Status.BLOCKED)
    assert "recorded" in run("registry", "submit", saved(third), *both, *at)
    assert "already there" in run("registry", "submit", saved(third), *both, *at)
    assert whole(remote) == 3


def test_a_decision_is_made_on_what_the_ledger_holds_now(remote: Path) -> None:
    """The registry was synced before the ledger got a worse audit, and before another person took it back."""
    at = ("--ledger", str(remote))
    run("registry", "sync", *at)
    ledger.append(str(remote), [entry("m", "2025-01-06")], recorded_at=NOW)
    assert "its status is BLOCKED" in refused(2, *APPROVE, *at)
    assert "a later audit of m differs" in refused(2, *APPROVE, *at, "--audit", WRONG.audit_id)
    assert records(remote) == 2


def meanwhile(monkeypatch: pytest.MonkeyPatch, remote: Path, *entries: ledger.Entry) -> None:
    """Let another writer record something when the decision was made, and before it is in the ledger."""
    real = ledger.append

    def late(*arguments: Any, **named: Any) -> ledger.Appended:
        monkeypatch.setattr(ledger, "append", real)
        real(str(remote), entries, recorded_at=NOW)
        return real(*arguments, **named)

    monkeypatch.setattr(ledger, "append", late)


def test_another_correction_that_came_first_stands(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = judged.audit("m", Status.BLOCKED)
    meanwhile(monkeypatch, remote, audit_entry(other, "main", NOW, {}, None, Supersedes(WRONG.audit_id, "first")))
    command = ("registry", "submit", saved(RIGHT), "--supersedes", WRONG.audit_id, "--reason", "second")
    assert "is superseded already" in refused(2, *command, "--ledger", str(remote))
    assert whole(remote) == 2


def test_an_approval_that_was_overtaken_is_not_recorded(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, remote, entry("m", "2025-01-06"))
    assert "a later audit of m differs" in refused(2, *APPROVE, "--ledger", str(remote))
    assert records(remote) == 2


def test_a_record_whose_registry_cannot_follow_is_said_to_stand(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("registry", "sync", "--ledger", str(remote))
    real = ledger.append

    def append(*arguments: Any, **named: Any) -> ledger.Appended:
        found = real(*arguments, **named)
        with connect("model_registry.db") as registry:
            registry.record_event(decision(REJECTED, registry.history("m")[0], by="Bob", at=NOW, reason="a leak"))
        return found

    monkeypatch.setattr(ledger, "append", append)
    said = refused(5, *TRAINING, "--ledger", str(remote))
    assert re.match(r"the ledger holds it at 2:\w+, but model_registry.db was not brought up to it: ", said)
    assert records(remote) == 2


def write(arguments: list[str]) -> None:
    run(*arguments)


def at_once(commands: list[list[str]]) -> None:
    writers = [FORK.Process(target=write, args=(command,)) for command in commands]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * len(writers)


@pytest.mark.parametrize("database", [lambda k: f"{k}.db", lambda _: "model_registry.db"], ids=["each its own", "one"])
def test_several_at_once_are_all_stored(remote: Path, database: Callable[[int], str]) -> None:
    """Events, a decision and an audit, into registries of their own and into one and the same."""
    commands = [["event", "add", "training.held", f"team {k}", "--by", "Ada"] for k in range(4)]
    commands += [list(APPROVE), ["registry", "submit", saved(judged.audit("other"))]]
    at_once([
        [*command, "--ledger", str(remote), "--database", database(k)] for k, command in enumerate(commands)
    ])  # fmt: skip
    run("registry", "sync", "--ledger", str(remote), "--database", database(0))
    assert whole(remote, database(0)) == 7
    with connect(database(0)) as registry:
        assert {event.subject for event in registry.events()} == {"m", *(f"team {k}" for k in range(4))}
        assert approved(registry) == {WRONG.audit_id}
        assert registry.events(kind=GRANTED)[0].by == "Ada"


def test_the_ledger_s_options_are_those_of_sync() -> None:
    """One default branch and one meaning of --ledger for all of them."""
    commands = {name: command for group in COMMANDS.values() for name, command in group.commands.items()}
    options = {
        name: {p.name: p for p in commands[name].params}
        for name in ("sync", "verify", "add", "approve", "reject", "revoke", "request", "submit")
    }
    for found in options.values():
        assert found["branch"].default == ledger.BRANCH
        assert str(getattr(found["ledger"], "help", "")).endswith(ledger_cli.LEDGER)
    assert {name for name, found in options.items() if found["ledger"].default == ledger_cli.ORIGIN} == {"sync"}


def test_record_tells_where_each_stands(remote: Path, tmp_path: Path) -> None:
    with connect(tmp_path / "r.db", create=True) as registry:
        syncing.sync(str(remote), registry)
        first = audit_entry(WRONG, "main", NOW, {}, "grace")
        entries = [event(), first, event("fraud"), event()]
        found = syncing.record(str(remote), registry, entries, recorded_at=NOW, allow=lambda: None)
        assert [(receipt.seq, receipt.new) for receipt in found] == [(2, True), (1, False), (3, True), (2, True)]
        assert [registry.find(one) for one in entries if one is not first] == [
            receipt.__class__(receipt.seq, receipt.link, receipt.digest, new=False)
            for receipt in (found[0], found[2], found[3])
        ]
        later = decision(GRANTED, registry.history("m")[0], by="Ada", at=NOW, reason="why")
        assert registry.find(event_entry(later)) is None
