"""Proves a registry whole: every digest, link, audit id and derived row is computed again from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, Protocol

from glassalpha_action.brevity import SHARED
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain, derived, packing, rows, schema, wire
from glassalpha_action.registry.derived import Known, Part, Rows
from glassalpha_action.registry.rows import Cells, Entry, Event

DERIVED = tuple(table for table in schema.TABLES if table != "records")
ORDER = {"gates": "position", "requirements": "position", "measured": "metric_id", "metrics": "id"}
Rejudge = Callable[[Audit], list[str]]
PARTS_KEPT = 64


class Fetch(Protocol):
    """Runs a query."""

    def __call__(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Cells]:
        """The rows of `sql`."""


@dataclass
class Walk:
    """How far the walk along the chain has come."""

    known: Known
    seq: int = 0
    link: str = chain.GENESIS
    standing: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DERIVED, 0))
    seqs: dict[tuple[str, str], int] = field(default_factory=dict)


def problems(fetch: Fetch, anchor: str | None, rejudge: Rejudge | None) -> list[str]:
    """Everything wrong with the rows of the registry behind `fetch`, in the order of the chain."""
    at, expected_link = chain.read_anchor(anchor) if anchor else (0, chain.GENESIS)
    part = parts_reader(fetch)
    walk, found = Walk(Known(part)), list[str]()
    if at == 0 and not chain.GENESIS.startswith(expected_link):
        found.append(f"anchor {anchor}: no chain begins so")
    for (seq,) in [tuple(row.values()) for row in fetch("SELECT seq FROM records ORDER BY seq")]:
        kept = fetch(f"SELECT {_columns('records')} FROM records WHERE seq = :seq", {"seq": seq})[0]  # noqa: S608
        found += [f"record {seq}: {problem}" for problem in _record_problems(fetch, part, kept, walk, rejudge)]
        if seq == at and not str(kept["link"]).startswith(expected_link):
            found.append(f"record {seq}: its link is not the anchor's: records up to here were altered since")
    if at > walk.seq:
        found.append(f"record {at}: missing; the chain ends at {walk.seq}, before the anchor: records were removed")
    return found + list(_surplus(fetch, walk))


def parts_reader(fetch: Fetch) -> Part:
    """Reads the part of a digest that records share, once; ValueError where there is none or it is damaged."""

    @lru_cache(maxsize=PARTS_KEPT)
    def part(digest: str) -> bytes:
        found = fetch("SELECT content FROM parts WHERE sha256 = :digest", {"digest": digest})
        if not found:
            raise ValueError(f"its part {digest[:12]} is missing")
        content = packing.decompress(found[0]["content"])
        rows.require_part(digest, content)
        return content

    return part


def read_audit(kept: Mapping[str, Any], part: Part) -> tuple[Audit, bytes]:
    """The audit in a row of `records` and its canonical JSON; UserError (5) where it is damaged or altered."""
    try:
        content = whole(rows.parse(_bytes(kept))["audit"], part)
        return Audit.model_validate(content), canonical(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(kept) from error


def whole(audit: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """A recorded audit as plain data with its parts in the place of their digests; ValueError where one is damaged."""
    named = {key: audit[key] for key in SHARED if isinstance(audit.get(key), str)}
    return {**audit, **{key: rows.parse(part(digest)) for key, digest in named.items()}}


def read_event(kept: Mapping[str, Any]) -> Event:
    """The event in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return Event(**rows.parse(_bytes(kept))["event"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(kept) from error


def _damaged(kept: Mapping[str, Any]) -> UserError:
    return UserError(
        f"record {kept['seq']} of the registry is damaged: `glassalpha registry verify` says how", exit_code=5
    )


def read_entry(kept: Mapping[str, Any], part: Part) -> Entry:
    """The record in a row of `records` with its parts; UserError (5) where it is damaged or its digest does not fit."""
    try:
        entry = rows.read_entry(_bytes(kept))
        if entry.kind == "audit":
            wire.require_rest(entry.record.audit)
        return replace(entry, parts={digest: part(digest) for digest in entry.needs})
    except (ValueError, TypeError, RecursionError, UserError) as error:
        raise _damaged(kept) from error


def _bytes(kept: Mapping[str, Any]) -> bytes:
    content = packing.decompress(kept["content"])
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
        content, entry = _content(kept)
        parts = [(digest, kept["seq"]) for digest in walk.known.new_parts(entry)]
        expected = derived.derived(entry, kept["seq"], walk.known)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield f"it cannot be read: {error}"
        return
    first = walk.seqs.setdefault((entry.id, entry.stage), kept["seq"])
    if first != kept["seq"]:
        yield f"it is record {first} once more"
    walk.counts["parts"] += len(parts)
    for table, brought in expected.items():
        walk.counts[table] += len(brought)
    try:
        yield from _identity_problems(kept, content, entry, part, rejudge)
    except (ValueError, TypeError, KeyError):
        yield "it holds no audit that this version can read"
    yield from _correction_problems(expected, walk)
    if _stored(fetch, "parts", kept["seq"], ("sha256", "seq")) != sorted(parts):
        yield "its rows in parts are not those of the record"
    for table, brought in expected.items():
        stored = _stored(fetch, table, kept["seq"])
        if stored != brought:
            yield f"its rows in {table} are not those of the record{_first_difference(table, stored, brought)}"


def _content(kept: Cells) -> tuple[bytes, Entry]:
    content = _bytes(kept)
    try:
        return content, rows.parse_entry(content)
    except UserError as error:
        raise ValueError(str(error)) from error


def _stored(fetch: Fetch, table: str, seq: int, names: tuple[str, ...] = ()) -> Rows:
    sql = f"SELECT {_columns(table, names)} FROM {table} WHERE seq = :seq ORDER BY {ORDER.get(table, 1)}"  # noqa: S608
    return [tuple(row.values()) for row in fetch(sql, {"seq": seq})]


@cache
def _columns(table: str, names: tuple[str, ...] = ()) -> str:
    # By name, so that a column under another name is missed; a bare one in quotation marks SQLite may take for a text.
    return ", ".join(f'{table}."{name}"' for name in names or schema.columns(table))


def _correction_problems(expected: Mapping[str, Rows], walk: Walk) -> Iterator[str]:
    """A correction names an earlier audit of its own model that counts; `walk.standing` has the model of each."""
    for cells in expected.get("audits", ()):
        row = dict(zip(schema.columns("audits"), cells, strict=True))
        if row["supersedes"] is not None and (
            row["stage"] != "main" or walk.standing.pop(row["supersedes"], None) != row["model_id"]
        ):
            yield "it supersedes what is no audit of its model on main that counts"
        if row["stage"] == "main":
            walk.standing[row["audit_id"]] = row["model_id"]


def _identity_problems(kept: Cells, content: bytes, entry: Entry, part: Part, rejudge: Rejudge | None) -> Iterator[str]:
    if [entry.kind, entry.id, entry.stage] != [kept[key] for key in ("kind", "id", "stage")]:
        yield "its kind, id or stage is not the one in its content"
    record = rows.parse(content)
    if canonical(record) != content:
        yield "its content is not canonical JSON"
    elif not _fits(content, entry):
        yield "its id does not fit its content"
    if entry.kind == "event":
        return
    try:
        wire.require_rest(entry.record.audit)
    except (ValueError, RecursionError) as error:
        yield f"it cannot be read: {error}"
        return
    if rejudge is not None:
        yield from rejudge(Audit.model_validate(whole(record["audit"], part)))


def _fits(content: bytes, entry: Entry) -> bool:
    try:
        return rows.fitting_id(content, entry.record) == entry.id
    except ValueError:
        return False


def _first_difference(table: str, stored: Rows, expected: Rows) -> str:
    if len(stored) != len(expected):
        return f": {len(stored)} instead of {len(expected)}"
    pairs = ((have, want) for have, want in zip(stored, expected, strict=True) if have != want)
    have, want = next(pairs)
    return f": {next(n for n, a, b in zip(schema.columns(table), have, want, strict=True) if a != b)} differs"


def _surplus(fetch: Fetch, walk: Walk) -> Iterator[str]:
    for table in DERIVED:
        count = fetch(f"SELECT count(*) AS count FROM {table}")[0]["count"]  # noqa: S608
        if count > walk.counts[table]:
            yield f"{table} holds rows that no record brought"
