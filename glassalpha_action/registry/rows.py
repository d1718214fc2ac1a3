"""What is kept and returned, as plain rows: a submission's record, the table rows derived from it, query results."""

from __future__ import annotations

import json
import zlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, Status, Verdict, canonical, sha256
from glassalpha_action.registry import chain

FORMAT = "glassalpha-record/1"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
CONTENT_LIMIT = 64 << 20
STAGES = ("main", "proposed")
STATUSES = {status.value: status for status in Status}
MEASURED = {"metric", "attribute", "unit", "value", "exact", "reason", "low", "high", "confidence", "n"}
JUDGED = {"gate_id", "metric", "attribute", "severity", "outcome", "raw_outcome", "value", "low", "high", "n"} | {
    "comparison", "clause", "message"}  # fmt: skip
POLICY = {"name", "version", "effective_date", "citation", "owner", "next_review", "text"}
CARD = {"name", "version", "use_case", "owner", "developer", "validator", "tier", "lifecycle"} | {
    "intended_use", "limitations"}  # fmt: skip

Stage = Literal["main", "proposed"]
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
    `as_of` is the audit's day (YYYY-MM-DD), `recorded_at` the moment of submission.
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

    def shown(self, approved: Container[str] = ()) -> str:
        """The status for a reader: APPROVED where `approved` holds this audit's id (those with a live approval)."""
        if self.audit_id in approved and self.enforced and self.status in {Status.PASSED, Status.REVIEW}:
            return "APPROVED"
        return self.headline


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to `subject` (a model, a policy, a team), said by `by` at `at` (UTC, ISO 8601)."""

    kind: str
    subject: str
    at: str
    by: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission on its way into the chain."""

    kind: Literal["audit", "event"]
    id: str
    stage: Stage
    record: Mapping[str, Any]
    content: bytes

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return sha256(self.content)


def audit_entry(audit: Audit, stage: Stage, recorded_at: str, metadata: Mapping[str, str], author: str | None) -> Entry:
    """The record of one audit, with what was said on its submission."""
    _require_day(audit.provenance.as_of)
    _require_moment(recorded_at)
    if stage not in STAGES:
        raise UserError(f"a stage is one of {' and '.join(STAGES)}")
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise UserError("metadata holds text only")
    record = {
        "format": FORMAT, "kind": "audit", "id": audit.audit_id, "stage": stage, "recorded_at": recorded_at,
        "author": author, "metadata": dict(metadata), "audit": audit.model_dump(mode="json"),
    }  # fmt: skip
    return Entry("audit", audit.audit_id, stage, record, _encode(record))


def event_entry(event: Event) -> Entry:
    """The record of one event; its id is the digest of the event, so that the same one twice is one."""
    _require_moment(event.at)
    said = {field.name: getattr(event, field.name) for field in fields(event)} | {"body": dict(event.body)}
    event_id = sha256(_encode(said))
    record = {"format": FORMAT, "kind": "event", "id": event_id, "stage": "main", "event": said}
    return Entry("event", event_id, "main", record, _encode(record))


def compress(content: bytes) -> bytes:
    """The content as kept: zlib, the same bytes for the same content."""
    return zlib.compress(content, 9)


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


def derived(
    record: Mapping[str, Any], seq: int, last_card: Mapping[str, Any] | None, known_policy: bool
) -> dict[str, list[Cells]]:
    """The rows of every table but `records` that record `seq` brings with it.

    `last_card` is the model's row in `models` so far, `known_policy` whether `policies` has the audit's policy.
    """
    if record["kind"] == "event":
        said = record["event"]
        return {"events": [{"seq": seq, "id": record["id"], **said, "body": canonical(said["body"]).decode()}]}
    audit = Audit.model_validate(record["audit"])
    card = {"model_id": audit.model.id, "seq": seq, **_card(audit, record["metadata"])}
    changed = last_card is None or any(last_card[key] != card[key] for key in card if key != "seq")
    policy = audit.policy
    return {
        "audits": [_audit_row(audit, record, seq)],
        "gates": [_gate_row(v, seq, at) for at, v in enumerate(audit.verdicts)],
        "requirements": [
            {"seq": seq, "position": at, "name": r.name, "met": int(r.met), "message": r.message}
            for at, r in enumerate(audit.requirements)
        ],
        "measurements": [
            {"seq": seq, "position": at, "params": canonical(dict(m.params)).decode(),
             **m.model_dump(mode="json", include=MEASURED)}
            for at, m in enumerate(audit.measurements)
        ],
        "models": [card] if record["stage"] == "main" and changed else [],
        "policies": [] if policy is None or known_policy else [
            {"sha256": policy.sha256, "seq": seq, "policy_id": policy.id, **policy.model_dump(include=POLICY)}
        ],
    }  # fmt: skip


def _card(audit: Audit, metadata: Mapping[str, str]) -> Cells:
    card = audit.model.model_dump(mode="json", include=CARD)
    return card | {"team": metadata.get("team") or audit.model.team, "cost_center": metadata.get("cost_center")}


def _audit_row(audit: Audit, record: Mapping[str, Any], seq: int) -> Cells:
    card, policy, provenance = _card(audit, record["metadata"]), audit.policy, audit.provenance
    return {
        "seq": seq, "audit_id": record["id"], "stage": record["stage"], "as_of": provenance.as_of,
        "recorded_at": record["recorded_at"], "author": record["author"], "model_id": audit.model.id,
        "model_name": card["name"], "model_version": card["version"],
        **{key: card[key] for key in ("use_case", "team", "cost_center", "owner", "tier", "lifecycle")},
        "status": audit.status.value, "enforced": int(audit.enforced), "headline": audit.headline,
        "profile": audit.profile, "failed_gates": audit.failed_gates,
        "policy_id": policy.id if policy else None, "policy_version": policy.version if policy else None,
        "policy_sha256": policy.sha256 if policy else None, "model_sha256": provenance.model_sha256,
        "git_commit": provenance.git_commit, "data_rows": audit.data.rows,
        "metadata": canonical(record["metadata"]).decode(),
    }  # fmt: skip


def _gate_row(verdict: Verdict, seq: int, position: int) -> Cells:
    low, high = verdict.threshold if isinstance(verdict.threshold, tuple) else (verdict.threshold, None)
    return {
        "seq": seq, "position": position, "gate_name": verdict.gate, "threshold": low, "threshold_high": high,
        "failed": int(verdict.failed), **verdict.model_dump(mode="json", include=JUDGED),
    }  # fmt: skip


def query_row(cells: Cells) -> Row:
    """The Row of cells in its own order; ValueError, TypeError or KeyError where they are damaged."""
    cells["status"] = STATUSES[cells["status"]]
    cells["enforced"] = bool(cells["enforced"])
    cells["metadata"] = json.loads(cells["metadata"]) if cells["metadata"] != "{}" else {}
    return Row._make(cells.values())


def _require_day(text: str) -> None:
    try:
        sound = date.fromisoformat(text).isoformat() == text
    except ValueError:
        sound = False
    if not sound:
        raise UserError("the audit's as_of must be a day as YYYY-MM-DD")


def _require_moment(text: str) -> None:
    try:
        sound = datetime.strptime(text, MOMENT).replace(tzinfo=UTC).strftime(MOMENT) == text
    except ValueError:
        sound = False
    if not sound:
        raise UserError("the moment of a record must be UTC as YYYY-MM-DDTHH:MM:SSZ")


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        content = canonical(record)
    except ValueError as error:
        raise UserError(f"the record cannot be written as canonical JSON: {error}") from error
    if len(content) > CONTENT_LIMIT:
        raise UserError(f"the record is larger than {CONTENT_LIMIT >> 20} MB", exit_code=4)
    return content
