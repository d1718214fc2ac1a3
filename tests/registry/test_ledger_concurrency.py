"""Many writers at once on one branch of a bare repository, which is a real remote; GLASSALPHA_ROUNDS repeats each."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from glassalpha_action.registry import chain, ledger, rows
from glassalpha_action.registry.rows import Receipt
from tests.registry.backends import NOW
from tests.registry.ledgers import bare, digest_of, entry, git

FORK = multiprocessing.get_context("fork")
ROUNDS = range(int(os.environ.get("GLASSALPHA_ROUNDS", "1")))
REPLY_LOST = """#!/bin/sh
case " $* " in
*" push "*) {git} "$@" || exit
  if [ $(( $(od -An -N2 -tu2 /dev/urandom) % 3 )) -eq 0 ]; then
    echo "fatal: the remote end hung up unexpectedly" >&2; exit 128
  fi ;;
*) exec {git} "$@" ;;
esac
"""
ONE_IN_FIVE = """#!/bin/sh
[ $(( $(od -An -N2 -tu2 /dev/urandom) % 5 )) -ne 0 ] || { echo "not now" >&2; exit 1; }
"""


def write(remote: str, mine: rows.Entry, together: Barrier, told: Connection) -> None:
    together.wait(120)
    told.send("begun")
    told.send(ledger.append(remote, [mine], recorded_at=NOW))


def start(remote: Path, names: list[str]) -> tuple[list[multiprocessing.process.BaseProcess], list[Connection]]:
    """Writers that have just been let go all at once: none of them holds what the others wait for any more."""
    together = FORK.Barrier(len(names) + 1)
    writers: list[multiprocessing.process.BaseProcess] = []
    pipes = []
    for name in names:
        here, there = FORK.Pipe(duplex=False)
        writers.append(FORK.Process(target=write, args=(str(remote), entry(name), together, there)))
        pipes.append(here)
        writers[-1].start()
        there.close()
    together.wait(120)
    assert [pipe.recv() for pipe in pipes] == ["begun"] * len(names)
    return writers, pipes


def require_whole(remote: Path, names: list[str]) -> None:
    """Every name is stored once, the chain is whole, the history is one line of additions, and git agrees."""
    kept = list(ledger.read(str(remote)))
    assert sorted(one.record.audit.model.id for one in kept) == sorted(names)
    assert git(remote, "rev-list", "--count", ledger.BRANCH) == str(len(names))
    assert git(remote, "rev-list", "--merges", "--count", ledger.BRANCH) == "0"
    assert git(remote, "branch", "--format=%(refname:short)") == ledger.BRANCH
    git(remote, "fsck", "--strict", "--no-dangling")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # What killed writers leave behind lies there too.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = bare(tmp_path / "remote.git")
    git(tmp_path, "clone", "--quiet", str(path), "checkout")
    (tmp_path / "checkout" / "mine").write_text("not committed")
    monkeypatch.chdir(tmp_path / "checkout")
    return path


def all_at_once(remote: Path, count: int) -> None:
    """Run `count` writers in a user's checkout, which must stay as it is."""
    names = [f"model_{k}" for k in range(count)]
    checkout, began = digest_of(Path.cwd()), time.monotonic()
    writers, pipes = start(remote, names)
    done = [pipe.recv() for pipe in pipes]
    for writer in writers:
        writer.join(60)
    print(f"{count} writers: {time.monotonic() - began:.1f} s")
    assert [writer.exitcode for writer in writers] == [0] * count
    assert digest_of(Path.cwd()) == checkout
    receipts: list[Receipt] = [receipt for appended in done for receipt in appended.receipts]
    assert sorted(receipt.seq for receipt in receipts if receipt.new) == list(range(1, count + 1))
    require_whole(remote, names)


@pytest.mark.parametrize("round_", ROUNDS)
@pytest.mark.parametrize("count", [20, 50])
def test_all_are_stored_once(remote: Path, count: int, round_: int) -> None:
    """The branch does not exist at first: all of them make it."""
    all_at_once(remote, count)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_third_of_the_pushes_land_and_report_failure(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, round_: int
) -> None:
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    wrapper.write_text(REPLY_LOST.format(git=real))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    all_at_once(remote, 20)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_hook_rejects_one_in_five(remote: Path, round_: int) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(ONE_IN_FIVE)
    hook.chmod(0o755)
    all_at_once(remote, 20)


@pytest.mark.parametrize("round_", ROUNDS)
def test_killed_writers_leave_nothing_half(remote: Path, round_: int) -> None:
    """Of 20, five are killed at random moments: the others are stored, and of the five each is there whole or not."""
    names = [f"model_{k}" for k in range(20)]
    chance = random.Random(round_)  # noqa: S311
    writers, _ = start(remote, names)
    for k in chance.sample(range(20), 5):
        time.sleep(chance.uniform(0, 0.1))
        os.kill(writers[k].pid or 0, signal.SIGKILL)
    for writer in writers:
        writer.join(600)
    killed = {name for name, writer in zip(names, writers, strict=True) if writer.exitcode == -signal.SIGKILL}
    assert {writer.exitcode for writer in writers} <= {0, -signal.SIGKILL}
    time.sleep(0.5)
    stored = {entry.record.audit.model.id for entry in ledger.read(str(remote))}
    assert set(names) - killed <= stored
    require_whole(remote, sorted(stored))
    assert ledger.append(str(remote), [entry("afterwards")], recorded_at=NOW).head.seq == len(stored) + 1


def test_the_same_record_by_all_at_once_is_one(remote: Path) -> None:
    writers, pipes = start(remote, ["model"] * 10)
    done = [pipe.recv().receipts[0] for pipe in pipes]
    for writer in writers:
        writer.join(60)
    # Two that write the very same bytes cannot tell whose push landed; none of them may have failed.
    assert {(receipt.seq, receipt.link) for receipt in done} == {(1, chain.link(chain.GENESIS, 1, done[0].digest))}
    require_whole(remote, ["model"])
