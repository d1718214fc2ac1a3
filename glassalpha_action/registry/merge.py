"""Unites two registries by the ids of their records."""

from __future__ import annotations

from collections.abc import Iterator

from glassalpha_action.documents import UserError, plain
from glassalpha_action.registry import rows
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.rows import Cells, Entry, Event, Head

KIND = "registry.merged"
AUDITS = "SELECT seq, audit_id, stage, model_id, supersedes FROM audits ORDER BY seq"


def merge(one: Registry, other: Registry, into: Registry, *, at: str, by: str) -> Head:
    """Fill the empty registry `into` with the records of `one`, those only `other` has, and an event of the merge.

    The first part keeps its links, so that anchors of `one` hold for the result; those of `other` are linked anew.
    The event, at `at` (UTC, ISO 8601) by `by`, holds both old heads, to which their anchors can be held. Of a record
    in both, the one in `one` stays. Raises UserError: 2 `into` is not empty, or the two correct an audit differently,
    4 not written, 5 one of the two is broken.
    """
    if into.head().seq:
        raise UserError(f"{into.name} is not empty: name a new registry with --into")
    with one.reading(), other.reading():
        heads = [_whole(one), _whole(other)]
        _require_one_correction(one, other)
        body = {"heads": [{"seq": head.seq, "link": head.link} for head in heads]}
        event = rows.event_entry(Event(KIND, "registry", at, by, body))
        into.append_records(_united(one, other, event))
    return _whole(into)


def _united(one: Registry, other: Registry, event: Entry) -> Iterator[Entry]:
    yield from one.entries()
    yield from other.entries()
    yield event


def _require_one_correction(one: Registry, other: Registry) -> None:
    """Raise UserError where an audit would lose a correction, or have two of them."""
    ours = one.fetch(AUDITS)
    same = {(row["audit_id"], row["stage"]): row for row in ours}
    corrections = {row["supersedes"]: row for row in ours if row["supersedes"]}
    for row in other.fetch(AUDITS):
        found = same.get((row["audit_id"], row["stage"]))
        if found and found["supersedes"] == row["supersedes"]:
            continue
        found = found or corrections.get(row["supersedes"])
        if found:
            raise UserError(
                f"record {found['seq']} of {one.name} {_corrects(found)}, and record {row['seq']} of {other.name} "
                f"{_corrects(row)}, both of the model {plain(row['model_id'], 80)}: a merge would lose one correction"
            )


def _corrects(row: Cells) -> str:
    about = f"is audit {row['audit_id'][:12]}"
    return f"{about}, which supersedes {row['supersedes'][:12]}" if row["supersedes"] else f"{about} as no correction"


def _whole(registry: Registry) -> Head:
    problems = registry.verify()
    if problems:
        raise UserError(f"a merge is of whole registries, and {registry.name} is broken: {problems[0]}", exit_code=5)
    return registry.head()
