"""Unites two registries by the ids of their records."""

from __future__ import annotations

from collections.abc import Iterator

from glassalpha_action.documents import UserError
from glassalpha_action.registry import rows
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.rows import Entry, Event, Head

KIND = "registry.merged"


def merge(one: Registry, other: Registry, into: Registry, *, at: str, by: str) -> Head:
    """Fill the empty registry `into` with the records of `one`, those only `other` has, and an event of the merge.

    The first part keeps its links, so that anchors of `one` hold for the result; those of `other` are linked anew.
    The event, at `at` (UTC, ISO 8601) by `by`, holds both old heads, to which their anchors can be held. Of a record
    in both, the one in `one` stays. Raises UserError: 2 `into` is not empty, 4 not written, 5 one of the two is broken.
    """
    if into.head().seq:
        raise UserError(f"{into.name} is not empty: name a new registry with --into")
    with one.reading(), other.reading():
        heads = [_whole(one), _whole(other)]
        body = {"heads": [{"seq": head.seq, "link": head.link} for head in heads]}
        event = rows.event_entry(Event(KIND, "registry", at, by, body))
        into.append_records(_united(one, other, event))
    return into.head()


def _united(one: Registry, other: Registry, event: Entry) -> Iterator[Entry]:
    yield from one.entries()
    yield from other.entries()
    yield event


def _whole(registry: Registry) -> Head:
    problems = registry.verify()
    if problems:
        raise UserError(f"{registry.name} is broken, so it cannot be merged: {problems[0]}", exit_code=5)
    return registry.head()
