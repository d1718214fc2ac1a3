"""Proves a ledger whole: its files at the tip, and along its commits that no record was ever changed or removed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from glassalpha_action.documents import UserError, plain
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, connect, ledger
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.git import Blobs, Clone
from glassalpha_action.registry.ledger import HEAD_FILE, HEAD_LIMIT, PART, PATH, RECORD_LIMIT, File
from glassalpha_action.registry.remote import Remote
from glassalpha_action.registry.rows import Head
from glassalpha_action.registry.sync import mismatch

CHANGES = ("log", "--reverse", "--topo-order", "-z", "--raw", "-r", "--root", "-m", "--no-abbrev", "--no-renames",
           "--no-show-signature", "--no-notes", "--format=commit %H %P")  # fmt: skip
MOST = 20
WHAT = {"M": "changed", "D": "removed", "T": "changed"}


class Change(NamedTuple):
    """One file that a commit added (A), changed (M) or removed (D)."""

    mode: str
    oid: str
    status: str
    path: str


class Commit(NamedTuple):
    """A commit of the branch, its parents, and what it changed."""

    id: str
    parents: tuple[str, ...]
    changes: list[Change]


def verify(
    remote: str,
    *,
    branch: str = ledger.BRANCH,
    token: SecretStr | None = None,
    history: bool = False,
    anchor: str | None = None,
    rejudge: Callable[[Audit], list[str]] | None = None,
    registry: Registry | None = None,
) -> tuple[Head, list[str]]:
    """The ledger's head, and what is broken, one sentence each, the first broken record first.

    Recomputes every digest, link, id and verdict (`rejudge`) of the files at the tip; with `history` also that every
    commit only added records. `anchor` is an earlier head: with one, a branch that was set back or rewritten is found.
    `registry` must hold the ledger's records and no others. Raises UserError: 2 no ledger, 4 unreachable, 5 broken.
    """
    if anchor:
        chain.read_anchor(anchor)
    with Clone(Remote.parse(remote, token)) as clone, tempfile.TemporaryDirectory() as folder:
        at = ledger.open_branch(clone, branch, depth=None if history else 1)
        if history and at.tip:
            found = next(_history_problems(clone, at.tip), None)
            if found:
                return at.head, [found]
        with connect(Path(folder) / "ledger.db", create=True) as copy:
            copy.append_records(ledger.walk(clone, at, list(at.files.values()), Head(0, chain.GENESIS)))
            problems = copy.verify(anchor, rejudge)
            named = {row["sha256"] for row in copy.fetch("SELECT sha256 FROM parts")}
            loose = sorted(at.parts.keys() - named)
            problems += [f"{at.parts[one].path} is named by no record" for one in loose[:MOST]]
            return at.head, problems or (mismatch(copy, registry) if registry else [])


def _history_problems(clone: Clone, tip: str) -> Iterator[str]:
    head, last = Head(0, chain.GENESIS), ""
    with clone.blobs() as blobs:
        for commit in _commits(clone.lines(*CHANGES, tip)):
            shown = f"commit {commit.id[:12]}"
            if commit.parents != ((last,) if last else ()):
                yield f"{shown} does not follow the one before it: the branch was merged or joined"
            yield from (f"{shown} {problem}" for problem in _change_problems(commit.changes))
            try:
                head = _extended(blobs, commit.changes, head)
            except UserError as error:
                yield f"{shown}: {error}"
            last = commit.id


def _change_problems(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        name = plain(change.path, 100)
        if change.path != HEAD_FILE and not (PATH.fullmatch(change.path) or PART.fullmatch(change.path)):
            yield f"{'removed' if change.status == 'D' else 'brought'} {name}, which no ledger holds"
        elif change.status != "A" and not (change.path == HEAD_FILE and change.status == "M"):
            yield f"{WHAT.get(change.status, 'changed')} {name}"
        elif change.mode != "100644":
            yield f"brought {name}, which is no plain file"


def _extended(blobs: Blobs, changes: Iterable[Change], head: Head) -> Head:
    """The head after a commit; UserError where its files do not continue the chain up to its head.json."""
    claimed, digests = head, dict[int, str]()
    for change in changes:
        if change.path == HEAD_FILE:
            claimed = ledger.read_head(next(blobs.read([change.oid], HEAD_LIMIT)))
            continue
        part = PART.fullmatch(change.path)
        if part:
            ledger.Parts(blobs, {part[1]: File(change.path, change.oid)})[part[1]]
            continue
        written = next(blobs.read([change.oid], RECORD_LIMIT))
        seq, _, entry = ledger.read_record(File(change.path, change.oid), written)
        digests[seq] = entry.digest
    for seq in sorted(digests):
        if seq != head.seq + 1:
            raise UserError(f"record {seq} does not follow record {head.seq}", exit_code=5)
        head = Head(seq, chain.link(head.link, seq, digests[seq]))
    if head != claimed:
        raise UserError(f"its {HEAD_FILE} does not fit record {head.seq}", exit_code=5)
    return head


def _commits(lines: Iterable[str]) -> Iterator[Commit]:
    """The commits in what `git log -z --raw` prints."""
    commit: Commit | None = None
    told = iter(lines)
    for line in told:
        if line.startswith("commit "):
            if commit:
                yield commit
            _, identity, *parents = line.split()
            commit = Commit(identity, tuple(parents), [])
        elif commit:
            _, mode, _, oid, status = line.strip().lstrip(":").split()
            commit.changes.append(Change(mode, oid, status[0], next(told)))
    if commit:
        yield commit
