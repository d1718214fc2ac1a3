"""What people decided on each model, and whether it still stands on the model's latest audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from glassalpha_action.governance.approvals import DECISIONS, GRANTED, REJECTED, SELF_DECLARED, live, objection
from glassalpha_action.pages.data import Decision
from glassalpha_action.registry import Event, Row


def find_decisions(events: Iterable[Event], rows: Sequence[Row], as_of: str | None) -> dict[str, Decision]:
    """The last decision on each model by the end of the day `as_of` (None: ever), by the model's id.

    `events` are the approvals in the order of the chain, `rows` the audits on main by model, oldest first.
    """
    known = [event for event in events if as_of is None or event.at[:10] <= as_of]
    covered = live(known, rows)
    latest = {row.model_id: row for row in rows}
    by_id = {row.audit_id: row for row in rows}
    last = {event.subject: event for event in known if event.kind in DECISIONS}
    return {
        model: _decision(event, row.audit_id in covered and row.shown(covered) == "APPROVED", by_id)
        for model, event in last.items()
        if (row := latest.get(model))
    }


def _decision(event: Event, stands: bool, rows: Mapping[str, Row]) -> Decision:
    audit_id = str(event.body.get("audit_id") or "")
    row = rows.get(audit_id)
    if row is None or row.model_id != event.subject:
        row, never = None, "no audit of this model that counts is the one it names"
    else:
        never = objection(event, row) or ""
    source = str(event.body.get("source") or SELF_DECLARED)
    word = {GRANTED: "Approved", REJECTED: "Rejected"}.get(event.kind, "Approval revoked")
    return Decision(
        word=word,
        stands=stands if event.kind == GRANTED else True,
        approved=stands,
        by=event.by,
        on=event.at[:10],
        audit_id=audit_id,
        commit=row.git_commit if row else None,
        reason=str(event.body.get("reason") or ""),
        self_declared=source == SELF_DECLARED,
        never=never if event.kind == GRANTED else "",
    )
