"""Publishes the SQLite registry built from a ledger as the single commit of a branch, where it can be downloaded."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from glassalpha_action.documents import UserError
from glassalpha_action.registry import ledger
from glassalpha_action.registry.git import Clone
from glassalpha_action.registry.ledger import HEAD_FILE, HEAD_LIMIT
from glassalpha_action.registry.patience import Patience, persist
from glassalpha_action.registry.remote import Remote, TooLargeError
from glassalpha_action.registry.rows import Head
from glassalpha_action.registry.sqlite import SQLiteRegistry

BRANCH = "glassalpha-registry-db"
FILE = "model_registry.db"
FILE_LIMIT = 100 << 20


def publish(
    remote: str,
    database: Path,
    *,
    recorded_at: str,
    branch: str = BRANCH,
    token: SecretStr | None = None,
    patience: Patience | None = None,
    limit: int = FILE_LIMIT,
) -> str:
    """Make the registry in `database`, as it is now, the only commit of `branch`; returns the commit there then.

    A branch that is as new or newer stays as it is. Raises UserError: 4 not published, 5 what is on the branch cannot
    be read or is of another chain; it is then left as it is. TooLargeError (4), before anything is sent, where the file
    has more than `limit` bytes, which GitHub and others refuse, and where the host itself says that it is too large.
    """
    ledger.require_branch(branch)
    head, content = _taken(database, branch, limit)
    when = ledger.seconds(recorded_at)

    def attempt() -> str:
        tip = clone.fetch(branch, below=HEAD_LIMIT)
        if tip and not _older(clone, tip, head, branch):
            return tip
        message = f"Registry up to record {head.seq}\n\nHead: {head.seq}:{head.link}"
        files = [(FILE, content), (HEAD_FILE, ledger.write_head(head))]
        commit = ledger.commit_dated(clone, f"refs/publication/{tip or 'first'}", when, message, files, None)
        clone.push(commit, branch, instead_of=tip)
        return commit

    with Clone(Remote.parse(remote, token)) as clone:
        try:
            return persist(attempt, f"{clone.remote}: {branch} was not published", patience)
        except TooLargeError as error:
            raise _too_large(len(content), branch) from error


def _taken(database: Path, branch: str, limit: int) -> tuple[Head, bytes]:
    """The head and the file of the same moment, whoever writes meanwhile."""
    with SQLiteRegistry(str(database)) as registry, registry.snapshot() as copy:
        size = copy.path.stat().st_size
        if size > limit:
            raise _too_large(size, branch)
        return copy.head(), copy.path.read_bytes()


def _too_large(size: int, branch: str) -> TooLargeError:
    return TooLargeError(
        f"the registry's file has {size / (1 << 20):,.1f} MB, and git hosts refuse files over {FILE_LIMIT >> 20} MB or "
        f"less: the branch {branch} was left as it is. The ledger holds every record: build the file where it is "
        "needed with `glassalpha registry sync`, or keep the registry in PostgreSQL by registry-url",
        exit_code=4,
    )


def _older(clone: Clone, tip: str, head: Head, branch: str) -> bool:
    """Whether the publication at `tip` is older than `head`."""
    listed = [line.partition("\t") for line in clone.lines("ls-tree", "-z", "--full-tree", tip)]
    facts = {path: facts.split() for facts, _, path in listed}
    if facts.get(HEAD_FILE, [])[:2] != ["100644", "blob"]:
        raise UserError(f"the branch {branch} holds no {HEAD_FILE}, so no registry: it was left as it is", exit_code=5)
    with clone.blobs() as blobs:
        there = ledger.read_head(next(blobs.read([facts[HEAD_FILE][2]], HEAD_LIMIT)))
    if there.seq == head.seq and there.link != head.link:
        raise UserError(
            f"the branch {branch} holds another chain of {head.seq} records: it was left as it is", exit_code=5
        )
    return there.seq < head.seq
