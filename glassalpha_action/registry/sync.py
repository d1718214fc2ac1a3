"""Fills a registry from a ledger, adds to both, and tells whether a registry is the one that its ledger makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import SecretStr

from glassalpha_action.documents import UserError
from glassalpha_action.registry import ledger
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.git import Clone
from glassalpha_action.registry.ledger import File
from glassalpha_action.registry.patience import READING, persist
from glassalpha_action.registry.remote import Remote
from glassalpha_action.registry.rows import Entry, Head, Receipt

PLACES = "SELECT seq, link FROM records ORDER BY seq"


def sync(
    remote: str,
    registry: Registry,
    *,
    branch: str = ledger.BRANCH,
    token: SecretStr | None = None,
    begin: bool = False,
) -> int:
    """Add to `registry` the records of the ledger that it lacks, all or none; returns how many those were.

    `remote` is a URL or the path of a repository. What the registry holds must be the beginning of the ledger; only
    what follows is fetched. With `begin`, a ledger that is not there is an empty one. Raises UserError: 2 there is no
    ledger, 4 it cannot be reached or the registry not written, 5 the ledger is broken or the registry holds something
    else.
    """
    with Clone(Remote.parse(remote, token)) as clone:
        with registry.reading():
            before = registry.head()
            held = {(row["id"], row["stage"]) for row in registry.fetch("SELECT id, stage FROM records")}
        at = ledger.open_branch(clone, branch, below=ledger.HEAD_LIMIT if before.seq else None, begin=begin)
        if held - at.files.keys():
            raise UserError(
                f"{registry.name} holds a record that the ledger does not hold: record it with --ledger …, and sync "
                "into a new file; if it was in the ledger before, the ledger lost it",
                exit_code=5,
            )
        new = [file for key, file in at.files.items() if key not in held]
        if before.seq:
            last = registry.fetch("SELECT id, stage FROM records WHERE seq = :seq", {"seq": before.seq})[0]
            end = at.files[last["id"], last["stage"]]
            persist(lambda: clone.bring([file.oid for file in (end, *new)]), f"{clone.remote} cannot be read", READING)
            _require_end(clone, end, before, registry)
        added = registry.append_records(ledger.walk(clone, at, new, before))
    found = registry.fetch("SELECT link FROM records WHERE seq = :seq", {"seq": at.head.seq})
    if at.head.seq and (not found or found[0]["link"] != at.head.link):
        raise UserError(f"{registry.name} was written by another process meanwhile and left the ledger", exit_code=5)
    return added


def _require_end(clone: Clone, file: File, end: Head, registry: Registry) -> None:
    """Raise UserError (5) unless the ledger's `file` of the registry's last record stands at the registry's `end`."""
    with clone.blobs() as blobs:
        seq, link, _ = ledger.read_record(file, next(blobs.read([file.oid], ledger.RECORD_LIMIT)))
    if Head(seq, link) != end:
        raise UserError(
            f"{registry.name} is of another chain than the ledger, though both hold its last record: record what only "
            "it holds with --ledger …, and sync into a new file",
            exit_code=5,
        )


def record(
    remote: str,
    registry: Registry,
    entries: Sequence[Entry],
    *,
    recorded_at: str,
    allow: Callable[[], None],
    branch: str = ledger.BRANCH,
    token: SecretStr | None = None,
) -> list[Receipt]:
    """Add records to the ledger and then to `registry`, which follows it; returns where each stands.

    `allow` may refuse them by raising: it is asked, as are the registry's own rules on corrections, whenever `registry`
    holds all that the records are to follow. Raises UserError as `sync` and `ledger.append` do.
    """

    def follow(head: Head) -> None:
        if registry.head() != head:
            sync(remote, registry, branch=branch, token=token)
        _require_fitting(registry, entries)
        allow()

    appended = ledger.append(remote, entries, recorded_at=recorded_at, branch=branch, token=token, allow=follow)
    try:
        sync(remote, registry, branch=branch, token=token)
    except UserError as error:
        said = f"the ledger holds it at {appended.head.anchor}, but {registry.name} was not brought up to it: {error}"
        raise UserError(said, exit_code=error.exit_code) from error
    _require_fitting(registry, entries)
    keys = dict.fromkeys((entry.id, entry.stage) for entry in entries)
    found = dict(zip(keys, appended.receipts, strict=True))
    return [found[entry.id, entry.stage] for entry in entries]


def _require_fitting(registry: Registry, entries: Sequence[Entry]) -> None:
    """Raise UserError (2) where one of the entries is a correction that the registry would refuse."""
    for entry in entries:
        registry.find(entry)


def mismatch(copy: Registry, registry: Registry) -> list[str]:
    """How `registry` differs from `copy`, which was filled from its ledger: one sentence, none where they agree."""
    wanted, found = copy.fetch(PLACES), registry.fetch(PLACES)
    for ours, theirs in zip(wanted, found, strict=False):
        if ours != theirs:
            return [f"record {theirs['seq']} of {registry.name} is not the ledger's"]
    if len(found) < len(wanted):
        ends = f"{registry.name} ends at record {len(found)}, the ledger at {len(wanted)}"
        return [f"{ends}: `glassalpha registry sync` brings what is new, or what was removed"]
    if len(found) > len(wanted):
        return [f"{registry.name} has {len(found)} records, the ledger only {len(wanted)}: the ledger lost records"]
    return []
