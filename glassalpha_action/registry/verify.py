"""Proves a registry whole: every digest, link, audit id and derived row is computed again from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from pydantic import ValidationError

from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, derived, packing, rows, schema
from glassalpha_action.registry.derived import Known
from glassalpha_action.registry.rows import Cells, Event

DERIVED = tuple(table for table in schema.TABLES if table != "records")
ORDER = {"gates": "position", "requirements": "position", "measured": "position", "parts": "id", "metrics": "id"}
Rejudge = Callable[[Audit], list[str]]
Part = Callable[[int], bytes]
PARTS_KEPT = 64


class Fetch(Protocol):
    """Runs a query."""

    def __call__(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Cells]:
        """The rows of `sql`."""


@dataclass
class Walk:
    """How far the walk along the chain has come."""

    seq: int = 0
    link: str = chain.GENESIS
    known: Known = field(default_factory=Known)
    standing: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DERIVED, 0))


def problems(fetch: Fetch, anchor: str | None, rejudge: Rejudge | None) -> list[str]:
    """Everything wrong with the registry behind `fetch`, in the order of the chain."""
    at, expected_link = chain.read_anchor(anchor) if anchor else (0, chain.GENESIS)
    walk, found, part = Walk(), list[str](), parts_reader(fetch)
    if at == 0 and not chain.GENESIS.startswith(expected_link):
        found.append(f"anchor {anchor}: no chain begins so")
    for (seq,) in [tuple(row.values()) for row in fetch("SELECT seq FROM records ORDER BY seq")]:
        kept = fetch("SELECT * FROM records WHERE seq = :seq", {"seq": seq})[0]
        found += [f"record {seq}: {problem}" for problem in _record_problems(fetch, part, kept, walk, rejudge)]
        if seq == at and not str(kept["link"]).startswith(expected_link):
            found.append(f"record {seq}: its link is not the anchor's: records up to here were altered since")
    if at > walk.seq:
        found.append(f"record {at}: missing; the chain ends at {walk.seq}, before the anchor: records were removed")
    return found + list(_surplus(fetch, walk)) + list(_view_problems(fetch))


def parts_reader(fetch: Fetch) -> Part:
    """Reads a part that records share, once; ValueError where there is none of that number or it is damaged."""

    @lru_cache(maxsize=PARTS_KEPT)
    def part(number: int) -> bytes:
        found = fetch("SELECT content FROM parts WHERE id = :id", {"id": number})
        if not found:
            raise ValueError(f"part {number} of it is missing")
        return packing.decompress(found[0]["content"])

    return part


def read_audit(kept: Mapping[str, Any], part: Part) -> tuple[Audit, bytes]:
    """The audit in a row of `records` and its canonical JSON; UserError (5) where it is damaged or altered."""
    try:
        content = _bytes(kept, part)
        record = rows.parse(content)
        return Audit.model_validate(record["audit"]), rows.audit_json(content, record)
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(kept) from error


def read_event(kept: Mapping[str, Any], part: Part) -> Event:
    """The event in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return Event(**rows.parse(_bytes(kept, part))["event"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(kept) from error


def _damaged(kept: Mapping[str, Any]) -> UserError:
    return UserError(
        f"record {kept['seq']} of the registry is damaged: `glassalpha registry verify` says how", exit_code=5
    )


def read_content(kept: Mapping[str, Any], part: Part) -> bytes:
    """The canonical JSON in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return _bytes(kept, part)
    except (ValueError, TypeError) as error:
        raise _damaged(kept) from error


def _bytes(kept: Mapping[str, Any], part: Part) -> bytes:
    content = packing.join(kept["content"], kept["parts"], part)
    if sha256(content) != kept["digest"]:
        raise ValueError("its content is not what its digest says")
    return content


def _record_problems(fetch: Fetch, part: Part, kept: Cells, walk: Walk, rejudge: Rejudge | None) -> Iterator[str]:
    if kept["seq"] != walk.seq + 1:
        yield f"record {walk.seq + 1} is missing before it"
    elif kept["link"] != chain.link(walk.link, kept["seq"], kept["digest"]):
        yield "its link does not follow from the record before it"
    # The stored link carries on, so that one broken record is not reported as all those after it.
    walk.seq, walk.link = kept["seq"], str(kept["link"])
    try:
        content = _bytes(kept, part)
        record = rows.parse(content)
        parts, places = derived.parts(packing.split(content)[1], kept["seq"], walk.known)
        expected = {"parts": parts, **derived.derived(record, kept["seq"], walk.known)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield f"it cannot be read: {error}"
        return
    _remember(expected, walk)
    try:
        yield from _identity_problems(kept, content, record, rejudge)
    except (ValidationError, KeyError):
        yield "it holds no audit that this version can read"
    if kept["parts"] != places:
        yield "its parts are not where they belong"
    yield from _correction_problems(expected, walk)
    for table, cells in expected.items():
        stored = fetch(
            f"SELECT * FROM {table} WHERE seq = :seq ORDER BY {ORDER.get(table, 'seq')}",  # noqa: S608
            {"seq": kept["seq"]},
        )
        if stored != cells:
            yield f"its rows in {table} are not those of the record{_first_difference(stored, cells)}"


def _correction_problems(expected: Mapping[str, list[Cells]], walk: Walk) -> Iterator[str]:
    """A correction names an earlier audit of its own model that counts; `walk.standing` has the model of each."""
    for row in expected.get("audits", ()):
        if row["supersedes"] is not None and (
            row["stage"] != "main" or walk.standing.pop(row["supersedes"], None) != row["model_id"]
        ):
            yield "it supersedes what is no audit of its model on main that counts"
        if row["stage"] == "main":
            walk.standing[row["audit_id"]] = row["model_id"]


def _remember(expected: Mapping[str, list[Cells]], walk: Walk) -> None:
    walk.known.learn(expected)
    for table, cells in expected.items():
        walk.counts[table] += len(cells)


def _identity_problems(
    kept: Cells, content: bytes, record: Mapping[str, Any], rejudge: Rejudge | None
) -> Iterator[str]:
    if [record[key] for key in ("kind", "id", "stage")] != [kept[key] for key in ("kind", "id", "stage")]:
        yield "its kind, id or stage is not the one in its content"
    if canonical(record) != content:
        yield "its content is not canonical JSON"
    elif not _fits(content, record):
        yield "its id does not fit its content"
    if record["kind"] != "event":
        audit = Audit.model_validate(record["audit"])
        if rejudge is not None:
            yield from rejudge(audit)


def _fits(content: bytes, record: Mapping[str, Any]) -> bool:
    try:
        return bool(rows.fitting_id(content, record) == record["id"])
    except ValueError:
        return False


def _first_difference(stored: list[Cells], expected: list[Cells]) -> str:
    if len(stored) != len(expected):
        return f": {len(stored)} instead of {len(expected)}"
    names = (name for have, want in zip(stored, expected, strict=True) for name in want if have.get(name) != want[name])
    return f": {next(names, 'columns')} differs"


def _surplus(fetch: Fetch, walk: Walk) -> Iterator[str]:
    for table in DERIVED:
        count = fetch(f"SELECT count(*) AS count FROM {table}")[0]["count"]  # noqa: S608
        if count > walk.counts[table]:
            yield f"{table} holds rows that no record brought"


def _view_problems(fetch: Fetch) -> Iterator[str]:
    for name, query in schema.view_queries():
        shown = fetch(f"SELECT count(*) AS count FROM {name}")  # noqa: S608
        ours = fetch(f"SELECT count(*) AS count FROM ({query}) ours")  # noqa: S608
        lost = fetch(f"SELECT * FROM ({query}) ours EXCEPT SELECT * FROM {name} LIMIT 1")  # noqa: S608
        if shown != ours or lost:
            yield f"the view {name} does not show what it should: it was altered"
