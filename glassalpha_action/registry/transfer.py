"""Copies one registry into another of either kind, and proves the copy by the digest of every record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from glassalpha_action.documents import UserError
from glassalpha_action.registry.contract import Registry
from glassalpha_action.registry.rows import Cells

PLACES = "SELECT seq, digest, link FROM records ORDER BY seq"


def migrate(source: Registry, target: Registry) -> int:
    """Add to `target` the records of `source` that it lacks; returns how many those were.

    What `target` holds must be the beginning of what `source` holds, so that both end with the same chain. Every record
    is then read back and held against the digest it has in `source`. Raises UserError: 2 where `target` holds records
    of its own, 5 where a record of `source` is damaged or one of `target` is not what was sent.
    """
    with source.reading():
        wanted = source.fetch(PLACES)
        found = target.fetch(PLACES)
        if found != wanted[: len(found)]:
            raise UserError(
                f"{target.name} holds other records than {source.name}: name an empty registry to migrate to, "
                "or unite the two with `glassalpha registry merge`"
            )
        added = target.append_records(source.entries(after=len(found)))
    _prove(wanted, target)
    return added


def _prove(wanted: Sequence[Cells], target: Registry) -> None:
    with target.reading():
        for sent, place, entry in zip_longest(wanted, target.fetch(PLACES), target.entries()):
            if sent is None or sent != place or entry is None or entry.digest != sent["digest"]:
                seq = (sent or place or {}).get("seq")
                raise UserError(f"{target.name} is not a copy: record {seq} is not what was sent", exit_code=5)
