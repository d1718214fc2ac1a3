"""What is kept and returned, as plain rows: a submission's record, the table rows derived from it, query results."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_type_hints

import msgspec
from pydantic_core import from_json

from glassalpha_action import brevity
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import UserError, plain, require_day
from glassalpha_action.records import Audit
from glassalpha_action.registry import chain
from glassalpha_action.registry.packing import CONTENT_LIMIT, PART_LIMIT
from glassalpha_action.registry.wire import read_audit_record
from glassalpha_action.vocabulary import Status

FORMAT = "glassalpha-record/1"
SCHEMA_VERSION = Audit.model_fields["schema_version"].default
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
MOMENT_SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
DIGITS = bytes.maketrans(b"123456789[,-", b"000000000:::")
ABOUT = ("author", "format", "id", "kind", "metadata", "recorded_at", "stage")
LONG_NUMBER = b":" + b"0" * 16
AS_OF = "the audit's as_of"
STATUSES = {status.value: status for status in Status}

Stage = Literal["main", "proposed"]
STAGES: tuple[Stage, ...] = ("main", "proposed")
Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain; an empty registry's is 0 and GENESIS."""

    seq: int
    link: str

    @property
    def anchor(self) -> str:
        """What to print somewhere else, so that `verify` can later prove that nothing up to here was altered."""
        return chain.show_anchor(self.seq, self.link)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a submission stands in the chain; `new` is False where it stood there before."""

    seq: int
    link: str
    digest: str
    new: bool


class Row(NamedTuple):
    """One audit as queries return it.

    `status` is always the computed one (PASSED, REVIEW, BLOCKED, NO_POLICY), to count and filter by; `enforced` says
    whether it counts, and `headline` is how the audit itself shows it ("would be BLOCKED" where it is not enforced).
    `team` and `cost_center` are those given on submission, else the team of the model's own audit.yaml.
    `as_of` is the audit's day (YYYY-MM-DD), `recorded_at` the moment of submission. `supersedes` is the id of the audit
    that this one corrects, and `reason` why.
    """

    seq: int
    audit_id: str
    stage: str
    as_of: str
    recorded_at: str
    author: str | None
    model_id: str
    model_name: str | None
    model_version: str | None
    use_case: str | None
    team: str | None
    cost_center: str | None
    owner: str | None
    tier: str | None
    lifecycle: str
    status: Status
    enforced: bool
    headline: str
    profile: str
    failed_gates: int
    policy_id: str | None
    policy_version: str | None
    policy_sha256: str | None
    model_sha256: str | None
    git_commit: str | None
    data_rows: int
    metadata: Mapping[str, str]
    supersedes: str | None
    reason: str | None

    def shown(self, approved: Container[str] = ()) -> str:
        """The status for a reader: APPROVED where `approved` holds this audit's id (those with a live approval)."""
        if self.audit_id in approved and self.enforced and self.status in {Status.PASSED, Status.REVIEW}:
            return "APPROVED"
        return self.headline


STATUS_AT, ENFORCED_AT, METADATA_AT = map(Row._fields.index, ("status", "enforced", "metadata"))
KEPT = {"as_of": date, "enforced": Literal[0, 1], "status": Literal[tuple(STATUSES)], "metadata": str}
CELLS: Any = list[tuple[tuple({**get_type_hints(Row), **KEPT}.values())]]  # type: ignore[misc]


def standing(rows: Iterable[Row]) -> list[Row]:
    """Those of `rows` that no other of them corrects, in their order."""
    known = list(rows)
    corrected = {row.supersedes for row in known}
    return [row for row in known if row.audit_id not in corrected]


class Supersedes(NamedTuple):
    """Which audit a correction stands in for, and why."""

    audit_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to `subject` (a model, a policy, a team), said by `by` at `at` (UTC, ISO 8601)."""

    kind: str
    subject: str
    at: str
    by: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One submission on its way into the chain.

    `record` is what `content` holds: an audit's as `wire` reads it, an event's as a mapping. `parts` holds the parts
    that it names by their digests, as far as they came with it, and may hold those of others.
    """

    kind: Literal["audit", "event"]
    id: str
    stage: Stage
    record: Any
    content: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    @property
    def needs(self) -> list[str]:
        """The digests of its parts."""
        named = [getattr(self.record.audit, name) for name in brevity.SHARED] if self.kind == "audit" else []
        return [digest for digest in named if digest]

    @cached_property
    def digest(self) -> str:
        """The digest of the content."""
        return sha256(self.content)


def audit_entry(
    audit: Audit,
    stage: Stage,
    recorded_at: str,
    metadata: Mapping[str, str],
    author: str | None,
    supersedes: Supersedes | None = None,
) -> Entry:
    """The record of one audit, with what was said on its submission."""
    require_day(audit.provenance.as_of, AS_OF)
    require_moment(recorded_at)
    if stage not in STAGES:
        raise UserError(f"a stage is one of {' and '.join(STAGES)}")
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise UserError("metadata holds text only")
    if metadata.get("next_review"):
        require_day(metadata["next_review"], "next_review")
    _require_distinct(audit)
    short, parts = brevity.packed(as_sealed(audit))
    for digest, part in parts.items():
        _require_room(part, PART_LIMIT, f"the part {digest[:12]} of the record")
    record = {
        "format": FORMAT, "kind": "audit", "id": audit.audit_id, "stage": stage, "recorded_at": recorded_at,
        "author": author, "metadata": dict(metadata), "audit": short,
    }  # fmt: skip
    if supersedes:
        _require_correction(audit, stage, supersedes)
        record["supersedes"] = supersedes._asdict()
    content = _encode(record)
    try:
        return Entry("audit", audit.audit_id, stage, read_audit_record(content), content, parts)
    except ValueError as error:
        raise UserError(f"the record cannot be written: {plain(str(error), 300)}") from error


def as_sealed(audit: Audit) -> dict[str, Any]:
    """The audit as plain data that its id fits; UserError (5) where there is none, as it was altered since.

    Another writer may have written out what has its default: the audit is then as it was given.
    """
    given = audit.model_dump(mode="json", exclude_unset=True)
    for found in (audit.content(), brevity.shortened(given), given):
        if brevity.digest(found) == audit.audit_id:
            return found
    raise UserError(
        "the audit was altered after it was made: its audit_id does not fit its content; run the audit again",
        exit_code=5,
    )


def event_entry(event: Event) -> Entry:
    """The record of one event; its id is the digest of the event, so that the same one twice is one."""
    try:
        said = {one.name: getattr(event, one.name) for one in fields(event)} | {"body": dict(event.body)}
        event_id = sha256(_encode(said))
        return _event(_encode({"format": FORMAT, "kind": "event", "id": event_id, "stage": "main", "event": said}), {})
    except (ValueError, TypeError) as error:
        raise UserError(f"the event cannot be recorded: {plain(str(error), 100)}") from error


def parse(content: bytes) -> Any:
    """Plain data from canonical JSON; ValueError where it is none, or nested too deeply.

    RFC 8785 writes doubles from 2**53 on as whole numbers: numbers so long are read as the doubles they were.
    """
    found = from_json(content)
    if LONG_NUMBER in content.translate(DIGITS):
        return json.loads(content, parse_int=lambda text: float(text) if len(text) > 15 else int(text))
    return found


def require_part(digest: str, content: bytes) -> None:
    """Raise ValueError unless `content` is canonical JSON of that digest and of a part's size."""
    if sha256(content) != digest:
        raise ValueError(f"its part {digest[:12]} is not what its digest says")
    try:
        sound = len(content) <= PART_LIMIT and canonical(parse(content)) == content
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise ValueError(f"its part {digest[:12]} is not canonical JSON of up to {PART_LIMIT >> 20} MB")


def read_entry(content: bytes, parts: Mapping[str, bytes] | None = None) -> Entry:
    """The entry whose content is `content`; UserError (5) where that is no record, or its id does not fit it.

    An audit is checked against its schema as far as rows come from it, for what stands in the chain once can never be
    taken out. The rest, and that the bytes are those of RFC 8785, `Registry.verify` checks.
    """
    try:
        entry = parse_entry(content, parts)
        if fitting_id(content, entry.record) != entry.id:
            raise ValueError("its id does not fit its content")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UserError) as error:
        raise UserError(f"what was handed over is no record: {plain(str(error), 300)}", exit_code=5) from error
    return entry


def parse_entry(content: bytes, parts: Mapping[str, bytes] | None = None) -> Entry:
    """The entry whose content is `content`, whatever its id.

    Raises ValueError, TypeError, KeyError, AttributeError, RecursionError or UserError where it is no record.
    """
    if len(content) > CONTENT_LIMIT:
        raise ValueError("it is too large")
    return (_event if content.startswith(b'{"event":') else _audit)(content, parts or {})


def _audit(content: bytes, parts: Mapping[str, bytes]) -> Entry:
    try:
        record = read_audit_record(content)
    except ValueError:
        # An audit of another version need not fit this one's schema, and that is then what to say of it.
        _require_version(parse(content)["audit"]["schema_version"])
        raise
    _require_format(record.format)
    require_day(record.audit.provenance.as_of, AS_OF)
    require_moment(record.recorded_at)
    return Entry("audit", record.id, record.stage, record, content, parts)


def _event(content: bytes, parts: Mapping[str, bytes]) -> Entry:
    record = parse(content)
    said = Event(**record["event"])
    _require_format(record["format"])
    require_moment(said.at)
    if record["kind"] != "event" or record["stage"] != "main" or not isinstance(said.body, dict):
        raise ValueError("it is neither an audit nor an event")
    if not all(isinstance(text, str) for text in (said.kind, said.subject, said.by)):
        raise ValueError("what was said, or who said it, is no text")
    return Entry("event", record["id"], "main", record, content, parts)


def fitting_id(content: bytes, record: Any) -> str:
    """The id that the record in `content` must have; ValueError where the audit does not stand in it as it was sealed.

    An audit's is the digest of its bytes, which stand first, without the id itself: the bytes as they were written, so
    that an audit of an earlier version keeps its id.
    """
    if isinstance(record, Mapping):
        return sha256(canonical(record["event"]))
    about = {name: getattr(record, name) for name in ABOUT}
    if record.supersedes is not None:
        about["supersedes"] = {"audit_id": record.supersedes.audit_id, "reason": record.supersedes.reason}
    start = b'{"audit":{"audit_id":"%s",' % record.audit.audit_id.encode()
    end = b"," + canonical(about)[1:]
    if not (content.startswith(start) and content.endswith(end) and record.audit.audit_id == record.id):
        raise ValueError("its id does not fit its content")
    return sha256(b"{" + content[len(start) : -len(end)])


def query_rows(found: Sequence[Sequence[Any]]) -> list[Row]:
    """The Rows of their cells, each in the order of Row; ValueError where they are damaged."""
    msgspec.convert(found, CELLS)
    return [_row(list(cells)) for cells in found]


def _row(cells: list[Any]) -> Row:
    cells[STATUS_AT] = STATUSES[cells[STATUS_AT]]
    cells[ENFORCED_AT] = bool(cells[ENFORCED_AT])
    told = cells[METADATA_AT]
    cells[METADATA_AT] = msgspec.json.decode(told, type=dict[str, str]) if told != "{}" else {}
    return Row._make(cells)


def _require_format(name: str) -> None:
    if name != FORMAT:
        raise ValueError("it is of another format")


def _require_version(version: object) -> None:
    if version != SCHEMA_VERSION:
        shown = f"{str(version)[:20]!r}, not {SCHEMA_VERSION!r}"
        raise UserError(f"its audit is of schema {shown}: upgrade glassalpha-action")


def _require_distinct(audit: Audit) -> None:
    """A ledger would take an audit that measures a thing twice, and no registry could then be filled from it."""
    seen = set()
    for m in audit.measurements:
        what = (m.metric, canonical(m.params), m.attribute, m.unit, m.confidence, m.counts_missing)
        if what in seen:
            raise UserError(f"the audit measures {plain(m.metric, 100)} twice in the same way: run the audit again")
        seen.add(what)


def _require_correction(audit: Audit, stage: Stage, supersedes: Supersedes) -> None:
    if stage != "main":
        raise UserError("only an audit on main supersedes another")
    if not supersedes.reason.strip():
        raise UserError("a correction needs a reason: say why with --reason")
    if supersedes.audit_id == audit.audit_id:
        raise UserError("an audit cannot supersede itself")


def require_moment(text: str) -> None:
    """Raise UserError unless `text` is a moment as records write them."""
    try:
        sound = bool(MOMENT_SHAPE.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is UTC
    except (ValueError, TypeError):
        sound = False
    if not sound:
        raise UserError("the moment of a record must be UTC as YYYY-MM-DDTHH:MM:SSZ")


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        content = canonical(record)
        parse(content)
    except (ValueError, RecursionError) as error:
        # What could not be read again would stand in the chain for ever.
        raise UserError(f"the record cannot be written as canonical JSON: {_why(error)}") from error
    _require_room(content, CONTENT_LIMIT, "the record")
    return content


def _require_room(content: bytes, limit: int, what: str) -> None:
    if len(content) > limit:
        raise UserError(f"{what} is larger than {limit >> 20} MB", exit_code=4)


def _why(error: Exception) -> str:
    import rfc8785

    if isinstance(error, rfc8785.IntegerDomainError):
        return "a whole number in it is 2**53 or more, which JSON does not keep: write it as text, in quotation marks"
    if isinstance(error, rfc8785.FloatDomainError):
        return "a number in it is infinite or none: write it as text, in quotation marks"
    if isinstance(error, RecursionError) or "recursion" in str(error):
        return "it is nested too deeply"
    if isinstance(error, UnicodeEncodeError) or "codepoints" in str(error):
        return "a text in it holds half of a character (a lone surrogate)"
    return plain(str(error), 100)
