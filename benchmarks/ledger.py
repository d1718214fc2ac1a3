"""The ledger in git: what an audit costs in packed history, what a writer fetches, and how a registry is filled."""

from __future__ import annotations

import resource
import tempfile
import time
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from pydantic import SecretStr

from benchmarks.audits import audits, example, small
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, connect, ledger, rows
from glassalpha_action.registry.rows import Entry, Head
from glassalpha_action.registry.sync import sync
from tests.registry.ledgers import bare, git, serve

SIZES = (1_000, 2_000, 5_000)
SMALL = 10_000
A_DAY = 20
MODELS = 200
NOW = "2026-01-06T08:30:00Z"
TOKEN = "benchmark"  # noqa: S105


def entry(audit: Audit) -> Entry:
    """The audit's record; of what it says only what names its files is kept beside its bytes."""
    made = rows.audit_entry(audit, "main", NOW, {"team": "credit-risk", "cost_center": "CC-1042"}, "ada")
    said = made.record.audit
    kept = SimpleNamespace(provenance=said.provenance, glossary=said.glossary, policy=said.policy)
    return replace(made, record=SimpleNamespace(audit=kept))


def build(remote: Path, entries: Iterable[Entry], head: Head, tip: str | None) -> tuple[Head, str]:
    """Append each entry in a commit of its own: the very commits that `ledger.append` makes, by one git process."""
    when, told, ref = ledger.seconds(NOW), [], f"refs/heads/{ledger.BRANCH}"
    for entry in entries:
        seq = head.seq + 1
        head = Head(seq, chain.link(head.link, seq, entry.digest))
        message = f"Add record {seq}\n\nHead: {seq}:{head.link}"
        told.append(f"commit {ref}\ncommitter {ledger.AUTHOR} {when} +0000\ndata {len(message)}\n{message}\n".encode())
        if tip:
            told.append(f"from {tip}\n".encode())
            tip = None
        files = [(ledger.path_of(entry), chain.write(seq, head.link, entry.content))]
        files += [(f"parts/{digest}.json", part) for digest, part in entry.parts.items()]
        for path, content in [*files, (ledger.HEAD_FILE, ledger.write_head(head))]:
            told += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
    git(remote, "fast-import", "--quiet", given=b"".join(told))
    return head, git(remote, "rev-parse", ref)


def packed(remote: Path) -> int:
    """The bytes of the whole history as a server packs it."""
    git(remote, "repack", "-adfq")
    return sum(path.stat().st_size for path in (remote / "objects" / "pack").glob("*.pack"))


def trees(remote: Path) -> str:
    """The sizes of the trees at the tip, from the root down to the largest day."""
    tip = f"{ledger.BRANCH}^{{tree}}"
    lines = git(remote, "ls-tree", "-r", "-t", "-d", tip).splitlines()
    sizes: dict[int, int] = {0: int(git(remote, "cat-file", "-s", tip))}
    for line in lines:
        facts, _, path = line.partition("\t")
        size = int(git(remote, "cat-file", "-s", facts.split()[2]))
        sizes[path.count("/") + 1] = max(size, sizes.get(path.count("/") + 1, 0))
    return " / ".join(f"{size:,}" for _, size in sorted(sizes.items()))


def cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def require_same_commits(folder: Path, entries: list[Entry]) -> None:
    """The benchmark's commits are those of the product."""
    one, other = bare(folder / "one.git"), bare(folder / "other.git")
    for entry in entries:
        commit = ledger.append(str(one), [entry], recorded_at=NOW).commit
    assert build(other, entries, Head(0, chain.GENESIS), None)[1] == commit  # noqa: S101


def measure(folder: Path, sizes: tuple[int, ...], a_day: int, like: Audit) -> None:
    """Print a line for each size of one growing ledger of audits like one."""
    folder.mkdir()
    remote = bare(folder / "ledger.git")
    made = [entry(audit) for audit in audits(max(sizes) + 1, MODELS, a_day=a_day, like=like)]
    require_same_commits(folder, made[:5])
    head, tip = Head(0, chain.GENESIS), None
    for size in sizes:
        head, tip = build(remote, made[head.seq : size], head, tip)
        history, record = packed(remote) / size, sum(len(zlib.compress(one.content)) for one in made[:size]) / size
        with serve(folder, TOKEN) as served:
            clocked, burned = time.perf_counter(), cpu()
            ledger.append(f"{served.url}/{remote.name}", [made[size]], recorded_at=NOW, token=SecretStr(TOKEN))
            taken, burned, fetched = time.perf_counter() - clocked, cpu() - burned, served.received
        git(remote, "update-ref", f"refs/heads/{ledger.BRANCH}", tip)
        with connect(folder / f"{size}.db", create=True) as registry:
            before = cpu()
            sync(str(remote), registry)
            filled = cpu() - before
        print(f"{size:>7,} {a_day:>6,} {record:>9,.0f} {history:>9,.0f} {2 * record + 1024:>7,.0f} {fetched:>10,} "
              f"{taken:>9.2f} {burned:>6.2f} {filled:>7.2f}   {trees(remote)}")  # fmt: skip


def run() -> None:
    """Print the growth of a ledger by some audits a day, of one with all of them on one day, and of small audits.

    The budget of 5 s for SQLite from 10,000 records was set for records that take 1.6 kB of packed history each; the
    small ones, of labels and scores alone, take half as much again. The CPU seconds of git are in it.
    """
    print(" audits  a day  record B history B at most  fetched B  append s  CPU s  sync s   largest tree by level, B")
    with tempfile.TemporaryDirectory() as temporary:
        measure(Path(temporary, "whole"), SIZES, A_DAY, example())
        measure(Path(temporary, "day"), (max(SIZES),), max(SIZES), example())
        print("small audits, of labels and scores alone: sync at most 5 s")
        measure(Path(temporary, "small"), (SMALL,), A_DAY, small())


if __name__ == "__main__":
    run()
