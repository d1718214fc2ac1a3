"""Proves a registry whole: every digest, link, audit id and derived row is computed again from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, canonical, sha256
from glassalpha_action.registry import chain, rows, schema
from glassalpha_action.registry.rows import Cells, Event

DERIVED = ("audits", "gates", "requirements", "measurements", "models", "policies", "events")
ORDER = {"gates": "position", "requirements": "position", "measurements": "position"}
Rejudge = Callable[[Audit], list[str]]


class Fetch(Protocol):
    """Runs a query."""

    def __call__(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Cells]:
        """The rows of `sql`."""


@dataclass
class Walk:
    """How far the walk along the chain has come."""

    seq: int = 0
    link: str = chain.GENESIS
    cards: dict[str, Cells] = field(default_factory=dict)
    policies: set[str] = field(default_factory=set)
    standing: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DERIVED, 0))


def problems(fetch: Fetch, anchor: str | None, rejudge: Rejudge | None) -> list[str]:
    """Everything wrong with the registry behind `fetch`, in the order of the chain."""
    at, expected_link = chain.read_anchor(anchor) if anchor else (0, chain.GENESIS)
    walk, found = Walk(), list[str]()
    if at == 0 and not chain.GENESIS.startswith(expected_link):
        found.append(f"anchor {anchor}: no chain begins so")
    for (seq,) in [tuple(row.values()) for row in fetch("SELECT seq FROM records ORDER BY seq")]:
        kept = fetch("SELECT * FROM records WHERE seq = :seq", {"seq": seq})[0]
        found += [f"record {seq}: {problem}" for problem in _record_problems(fetch, kept, walk, rejudge)]
        if seq == at and not str(kept["link"]).startswith(expected_link):
            found.append(f"record {seq}: its link is not the anchor's: records up to here were altered since")
    if at > walk.seq:
        found.append(f"record {at}: missing; the chain ends at {walk.seq}, before the anchor: records were removed")
    return found + list(_surplus(fetch, walk)) + list(_view_problems(fetch))


def read_audit(kept: Mapping[str, Any]) -> Audit:
    """The audit in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return Audit.model_validate(_content(kept)["audit"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(kept) from error


def read_event(kept: Mapping[str, Any]) -> Event:
    """The event in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return Event(**_content(kept)["event"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(kept) from error


def _damaged(kept: Mapping[str, Any]) -> UserError:
    return UserError(
        f"record {kept['seq']} of the registry is damaged: `glassalpha registry verify` says how", exit_code=5
    )


def read_content(kept: Mapping[str, Any]) -> bytes:
    """The canonical JSON in a row of `records`; UserError (5) where it is damaged or its digest does not fit."""
    try:
        return _bytes(kept)
    except (ValueError, TypeError) as error:
        raise _damaged(kept) from error


def _bytes(kept: Mapping[str, Any]) -> bytes:
    content = rows.decompress(kept["content"])
    if sha256(content) != kept["digest"]:
        raise ValueError("its content is not what its digest says")
    return content


def _content(kept: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = rows.parse(_bytes(kept))
    return record


def _record_problems(fetch: Fetch, kept: Cells, walk: Walk, rejudge: Rejudge | None) -> Iterator[str]:
    if kept["seq"] != walk.seq + 1:
        yield f"record {walk.seq + 1} is missing before it"
    elif kept["link"] != chain.link(walk.link, kept["seq"], kept["digest"]):
        yield "its link does not follow from the record before it"
    # The stored link carries on, so that one broken record is not reported as all those after it.
    walk.seq, walk.link = kept["seq"], str(kept["link"])
    try:
        content = _bytes(kept)
        record = rows.parse(content)
        expected = rows.derived(record, kept["seq"], *_known(record, walk))
        yield from _identity_problems(kept, content, record, rejudge)
    except ValidationError:
        yield "it holds no audit that this version can read"
        return
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield f"it cannot be read: {error}"
        return
    yield from _correction_problems(expected, walk)
    _remember(expected, walk)
    for table, cells in expected.items():
        stored = fetch(
            f"SELECT * FROM {table} WHERE seq = :seq ORDER BY {ORDER.get(table, 'seq')}",  # noqa: S608
            {"seq": kept["seq"]},
        )
        if stored != cells:
            yield f"its rows in {table} are not those of the record{_first_difference(stored, cells)}"


def _known(record: Mapping[str, Any], walk: Walk) -> tuple[Cells | None, bool]:
    audit = record.get("audit") or {"model": {"id": ""}, "policy": None}
    return walk.cards.get(audit["model"]["id"]), bool(audit["policy"]) and audit["policy"]["sha256"] in walk.policies


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
    walk.cards |= {card["model_id"]: card for card in expected.get("models", ())}
    walk.policies |= {policy["sha256"] for policy in expected.get("policies", ())}
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
        ours = fetch(f"SELECT * FROM ({query}) ours ORDER BY seq")  # noqa: S608
        if fetch(f"SELECT * FROM {name} ORDER BY seq") != ours:  # noqa: S608
            yield f"the view {name} does not show what it should: it was altered"
