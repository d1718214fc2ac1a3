"""Several processes at once, and writers that are killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.registry.backends import NOW

FORK = multiprocessing.get_context("fork")
WRITERS, EACH, KILLS = 20, 3, 50


def write(url: str, audits: list[Audit], together: Barrier, told: Connection) -> None:
    together.wait(60)
    with connect(url, create=True) as registry:
        told.send([registry.submit(audit, recorded_at=NOW) for audit in audits])


def left_behind(url: str) -> list[str]:
    """The files beside an SQLite registry."""
    return [] if "://" in url else [path.name for path in Path(url).parent.iterdir() if path.name != "registry.db"]


def test_twenty_writers_at_once(url: str) -> None:
    """Each makes the registry if it is not there, and submits audits of its own and one that all of them submit."""
    shared = samples.audit("shared")
    together = FORK.Barrier(WRITERS)
    writers, pipes = [], []
    for k in range(WRITERS):
        mine, theirs = FORK.Pipe(duplex=False)
        audits = [*(samples.audit(f"model_{k}_{i}") for i in range(EACH)), shared]
        writers.append(FORK.Process(target=write, args=(url, audits, together, theirs)))
        pipes.append(mine)
        writers[-1].start()
        theirs.close()
    receipts = [receipt for pipe in pipes for receipt in pipe.recv()]
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    new = [receipt for receipt in receipts if receipt.new]
    assert sorted(receipt.seq for receipt in new) == list(range(1, WRITERS * EACH + 2))
    with connect(url) as registry:
        assert len(registry.query_all(latest=False)) == WRITERS * EACH + 1
        assert registry.verify() == []
    assert left_behind(url) == []


def write_until_killed(url: str, kill: int, told: Connection) -> None:
    with connect(url) as registry:
        for i in range(1_000):
            told.send(registry.submit(samples.audit(f"m{kill}_{i}", Status.PASSED), recorded_at=NOW))


def test_killed_writers_leave_nothing_half(url: str) -> None:
    """At 50 random moments: what was acknowledged is there, what is there is whole, and the next writer goes on."""
    chance = random.Random(20250106)  # noqa: S311
    connect(url, create=True).close()
    acknowledged = []
    for kill in range(KILLS):
        mine, theirs = FORK.Pipe(duplex=False)
        writer = FORK.Process(target=write_until_killed, args=(url, kill, theirs))
        writer.start()
        theirs.close()
        acknowledged.append(mine.recv())
        time.sleep(chance.uniform(0, 0.02))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join(60)
        assert writer.exitcode == -signal.SIGKILL
        while mine.poll():
            try:
                acknowledged.append(mine.recv())
            except (EOFError, OSError):
                break
        with connect(url) as registry:
            last = acknowledged[-1]
            assert registry.fetch("SELECT link FROM records WHERE seq = :seq", {"seq": last.seq}) == [
                {"link": last.link}
            ]
            assert registry.head().seq - last.seq in {0, 1}
    with connect(url) as registry:
        assert registry.submit(samples.audit("afterwards"), recorded_at=NOW).new
        assert registry.verify(chain.show_anchor(acknowledged[-1].seq, acknowledged[-1].link)) == []
    assert [receipt.seq for receipt in acknowledged] == sorted({receipt.seq for receipt in acknowledged})
    assert left_behind(url) == []


def make(url: str, told: Connection) -> None:
    told.send("ready")
    connect(url, create=True).close()


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 4, 8, 16])
def test_a_killed_init_leaves_none_or_a_whole_registry(tmp_path: Path, milliseconds: int) -> None:
    path = tmp_path / "registry.db"
    mine, theirs = FORK.Pipe(duplex=False)
    maker = FORK.Process(target=make, args=(str(path), theirs))
    maker.start()
    mine.recv()
    time.sleep(milliseconds / 1000)
    os.kill(maker.pid or 0, signal.SIGKILL)
    maker.join(60)
    if path.exists():
        connect(str(path)).close()
    with connect(str(path), create=True) as registry:
        registry.submit(samples.audit(), recorded_at=NOW)
        assert registry.verify() == []
