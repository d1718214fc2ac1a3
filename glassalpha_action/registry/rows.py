"""What is kept and returned, as plain rows: a submission's record, the table rows derived from it, query results."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

from pydantic_core import from_json

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, canonical, failed, headline, sha256
from glassalpha_action.registry import chain
from glassalpha_action.vocabulary import Status

FORMAT = "glassalpha-record/1"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
MOMENT_SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
CONTENT_LIMIT = 64 << 20
DIGITS = bytes.maketrans(b"123456789", b"000000000")
LONG_NUMBER = tuple(before + b"0" * 16 for before in (b":", b"[", b",", b"-"))
STATUSES = {status.value: status for status in Status}
MEASURED = ("metric", "attribute", "unit", "value", "exact", "reason", "low", "high", "confidence", "n")
JUDGED = ("gate_id", "metric", "attribute", "severity", "outcome", "raw_outcome", "value", "low", "high", "n",
          "comparison", "clause", "message")  # fmt: skip
POLICY = ("name", "version", "effective_date", "citation", "owner", "next_review", "text")
CARD = ("name", "version", "use_case", "owner", "developer", "validator", "tier", "lifecycle", "intended_use",
        "limitations")  # fmt: skip

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
    """One submission on its way into the chain."""

    kind: Literal["audit", "event"]
    id: str
    stage: Stage
    record: Mapping[str, Any]
    content: bytes

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
    _require_day(audit.provenance.as_of)
    require_moment(recorded_at)
    if stage not in STAGES:
        raise UserError(f"a stage is one of {' and '.join(STAGES)}")
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise UserError("metadata holds text only")
    if metadata.get("next_review"):
        _require_day(metadata["next_review"], "next_review")
    record = {
        "format": FORMAT, "kind": "audit", "id": audit.audit_id, "stage": stage, "recorded_at": recorded_at,
        "author": author, "metadata": dict(metadata), "audit": as_sealed(audit),
    }  # fmt: skip
    if supersedes:
        _require_correction(audit, stage, supersedes)
        record["supersedes"] = supersedes._asdict()
    return Entry("audit", audit.audit_id, stage, record, _encode(record))


def as_sealed(audit: Audit) -> dict[str, Any]:
    """The audit as plain data that its id fits; UserError (5) where there is none, as it was altered since.

    An audit that an earlier version wrote is without the fields that came later.
    """
    for earlier in (False, True):
        found = audit.model_dump(mode="json", exclude_unset=earlier)
        if sha256(canonical({key: value for key, value in found.items() if key != "audit_id"})) == audit.audit_id:
            return found
    raise UserError(
        "the audit was altered after it was made: its audit_id does not fit its content; run the audit again",
        exit_code=5,
    )


def event_entry(event: Event) -> Entry:
    """The record of one event; its id is the digest of the event, so that the same one twice is one."""
    require_moment(event.at)
    said = {field.name: getattr(event, field.name) for field in fields(event)} | {"body": dict(event.body)}
    event_id = sha256(_encode(said))
    record = {"format": FORMAT, "kind": "event", "id": event_id, "stage": "main", "event": said}
    return Entry("event", event_id, "main", record, _encode(record))


def compress(content: bytes) -> bytes:
    """The content as kept: zlib, the same bytes for the same content."""
    return zlib.compress(content, 4)


def decompress(kept: bytes) -> bytes:
    """The content of a kept record; ValueError where it is damaged or beyond 64 MB."""
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(kept, CONTENT_LIMIT)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError("incomplete or too large")
    return content


def parse(content: bytes) -> Any:
    """Plain data from canonical JSON; ValueError where it is none, or nested too deeply.

    RFC 8785 writes doubles from 2**53 on as whole numbers: numbers so long are read as the doubles they were.
    """
    found, digits = from_json(content), content.translate(DIGITS)
    if any(start in digits for start in LONG_NUMBER):
        return json.loads(content, parse_int=lambda text: float(text) if len(text) > 15 else int(text))
    return found


def read_entry(content: bytes) -> Entry:
    """The entry whose content is `content`; UserError (5) where that is no record, or its id does not fit it.

    Neither is the audit checked against its schema nor are the bytes against RFC 8785: `Registry.verify` does both.
    """
    try:
        record: dict[str, Any] = parse(content)
        kind, identity, stage = record["kind"], record["id"], record["stage"]
        if record["format"] != FORMAT or stage not in STAGES or len(content) > CONTENT_LIMIT:
            raise ValueError("it is of another format")
        if kind == "audit":
            _require_day(record["audit"]["provenance"]["as_of"])
            require_moment(record["recorded_at"])
        elif kind != "event":
            raise ValueError("it is neither an audit nor an event")
        fits = fitting_id(content, record) == identity
        if not fits:
            raise ValueError("its id does not fit its content")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UserError) as error:
        raise UserError(f"what was handed over is no record: {error}", exit_code=5) from error
    return Entry(kind, identity, stage, record, content)


def fitting_id(content: bytes, record: Mapping[str, Any]) -> str:
    """The id that the record in `content` must have; ValueError where the audit does not stand in it as it was sealed.

    An audit's is the digest of its bytes, which stand first, without the id itself: the bytes as they were written, so
    that an audit of an earlier version keeps its id.
    """
    if record["kind"] == "event":
        return sha256(canonical(record["event"]))
    start = b'{"audit":{"audit_id":"%s",' % str(record["audit"]["audit_id"]).encode()
    end = b"," + canonical({key: value for key, value in record.items() if key != "audit"})[1:]
    if not (content.startswith(start) and content.endswith(end) and record["audit"]["audit_id"] == record["id"]):
        raise ValueError("its id does not fit its content")
    return sha256(b"{" + content[len(start) : -len(end)])


def derived(
    record: Mapping[str, Any], seq: int, last_card: Mapping[str, Any] | None, known_policy: bool
) -> dict[str, list[Cells]]:
    """The rows of every table but `records` that record `seq` brings with it.

    `last_card` is the model's row in `models` so far, `known_policy` whether `policies` has the audit's policy.
    Raises KeyError, TypeError or ValueError where the record is damaged.
    """
    if record["kind"] == "event":
        said = record["event"]
        cells = {key: said[key] for key in ("kind", "subject", "at", "by")}
        return {"events": [{"seq": seq, "id": record["id"], **cells, "body": canonical(said["body"]).decode()}]}
    audit, policy = record["audit"], record["audit"]["policy"]
    row = _audit_row(audit, record, seq)
    card = {"seq": seq, "model_id": row["model_id"], **_card(audit, record["metadata"])}
    changed = last_card is None or any(last_card[key] != card[key] for key in card if key != "seq")
    return {
        "audits": [row],
        "gates": [_gate_row(v, seq, at) for at, v in enumerate(audit["verdicts"])],
        "requirements": [
            {"seq": seq, "position": at, "name": r["name"], "met": int(r["met"]), "message": r["message"]}
            for at, r in enumerate(audit["requirements"])
        ],
        "measurements": [
            {"seq": seq, "position": at, "params": _parameters(m["params"]), **{key: m[key] for key in MEASURED}}
            for at, m in enumerate(audit["measurements"])
        ],
        "models": [card] if record["stage"] == "main" and changed else [],
        "policies": [] if policy is None or known_policy else [
            {"sha256": policy["sha256"], "seq": seq, "policy_id": policy["id"], **{key: policy[key] for key in POLICY}}
        ],
    }  # fmt: skip


def _parameters(params: Mapping[str, Any]) -> str:
    return canonical(params).decode() if params else "{}"


def _card(audit: Mapping[str, Any], metadata: Mapping[str, str]) -> Cells:
    model, policy = audit["model"], audit["policy"]
    return {key: model[key] for key in CARD} | {
        "team": metadata.get("team") or model["team"],
        "cost_center": metadata.get("cost_center"),
        "next_review": metadata.get("next_review") or (policy["next_review"] if policy else None),
    }


def _audit_row(audit: Mapping[str, Any], record: Mapping[str, Any], seq: int) -> Cells:
    card, policy, provenance = _card(audit, record["metadata"]), audit["policy"] or {}, audit["provenance"]
    unmet = sum(not requirement["met"] for requirement in audit["requirements"])
    corrected = record.get("supersedes") or {}
    return {
        "seq": seq, "audit_id": record["id"], "stage": record["stage"], "as_of": provenance["as_of"],
        "recorded_at": record["recorded_at"], "author": record["author"], "model_id": audit["model"]["id"],
        "model_name": card["name"], "model_version": card["version"],
        **{key: card[key] for key in ("use_case", "team", "cost_center", "owner", "tier", "lifecycle")},
        "status": audit["status"], "enforced": int(audit["enforced"]),
        "headline": headline(audit["status"], audit["enforced"]), "profile": audit["profile"],
        "failed_gates": sum(failed(v["severity"], v["outcome"]) for v in audit["verdicts"]) + unmet,
        "policy_id": policy.get("id"), "policy_version": policy.get("version"), "policy_sha256": policy.get("sha256"),
        "model_sha256": provenance["model_sha256"], "git_commit": provenance["git_commit"],
        "data_rows": audit["data"]["rows"], "metadata": canonical(record["metadata"]).decode(),
        "supersedes": corrected.get("audit_id"), "reason": corrected.get("reason"),
    }  # fmt: skip


def _gate_row(verdict: Mapping[str, Any], seq: int, position: int) -> Cells:
    limits = verdict["threshold"]
    low, high = limits if isinstance(limits, list | tuple) else (limits, None)
    return {
        "seq": seq, "position": position, "gate_name": verdict["gate"], "threshold": low, "threshold_high": high,
        "failed": int(failed(verdict["severity"], verdict["outcome"])), **{key: verdict[key] for key in JUDGED},
    }  # fmt: skip


def query_row(cells: Sequence[Any]) -> Row:
    """The Row of its cells in their order; ValueError, TypeError or KeyError where they are damaged."""
    row = list(cells)
    row[STATUS_AT] = STATUSES[row[STATUS_AT]]
    row[ENFORCED_AT] = bool(row[ENFORCED_AT])
    row[METADATA_AT] = json.loads(row[METADATA_AT]) if row[METADATA_AT] != "{}" else {}
    return Row._make(row)


def _require_correction(audit: Audit, stage: Stage, supersedes: Supersedes) -> None:
    if stage != "main":
        raise UserError("only an audit on main supersedes another")
    if not supersedes.reason.strip():
        raise UserError("a correction needs a reason: say why with --reason")
    if supersedes.audit_id == audit.audit_id:
        raise UserError("an audit cannot supersede itself")


def _require_day(text: str, what: str = "the audit's as_of") -> None:
    try:
        sound = date.fromisoformat(text).isoformat() == text
    except ValueError:
        sound = False
    if not sound:
        raise UserError(f"{what} must be a day as YYYY-MM-DD")


def require_moment(text: str) -> None:
    """Raise UserError unless `text` is a moment as records write them."""
    try:
        sound = bool(MOMENT_SHAPE.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is UTC
    except ValueError:
        sound = False
    if not sound:
        raise UserError("the moment of a record must be UTC as YYYY-MM-DDTHH:MM:SSZ")


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        content = canonical(record)
        parse(content)
    except (ValueError, RecursionError) as error:
        # What could not be read again would stand in the chain for ever.
        raise UserError(f"the record cannot be written as canonical JSON: {error}") from error
    if len(content) > CONTENT_LIMIT:
        raise UserError(f"the record is larger than {CONTENT_LIMIT >> 20} MB", exit_code=4)
    return content
