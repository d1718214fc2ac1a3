"""Which audits stand approved, derived from the approval events: a person's decision, bound to what it was made on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from glassalpha_action.documents import person, same_person
from glassalpha_action.registry import Event, Registry, Row
from glassalpha_action.registry.rows import standing
from glassalpha_action.vocabulary import WORST_STATUS_FIRST, Status

FAMILY = "approval"
GRANTED, REJECTED, REVOKED, REQUESTED = (f"{FAMILY}.{end}" for end in ("granted", "rejected", "revoked", "requested"))
DECISIONS = {GRANTED, REJECTED, REVOKED}
SELF_DECLARED = "self-declared"


def decision(kind: str, row: Row, *, by: str, at: str, reason: str, source: str = SELF_DECLARED) -> Event:
    """The event that `by` decided so on the audit in `row`; `source` tells how the person is known."""
    body = {
        "audit_id": row.audit_id, "model_sha256": row.model_sha256, "policy_sha256": row.policy_sha256,
        "reason": reason, "source": source,
    }  # fmt: skip
    return Event(kind, row.model_id, at, by, body)


def refusal(row: Row, by: str) -> str | None:
    """Why `by` may not approve the audit in `row`; None where nothing stands against it."""
    approvable = row.status in {Status.PASSED, Status.REVIEW} and row.enforced
    rules = (
        (row.stage != "main", "it was only proposed: approve the audit on main"),
        (row.profile == "dev", "it is a dev-profile audit, which is not for approval: run the full audit"),
        (not approvable, f"its status is {row.headline}: only PASSED and REVIEW can be approved"),
        (not person(by), "an approval needs a name"),
        (same_person(by, row.owner), f"{by} owns the model: another person must approve it"),
        (same_person(by, row.author), f"{by} made the change that was audited: another person must approve it"),
    )
    return next((why for broken, why in rules if broken), None)


def objection(event: Event, row: Row) -> str | None:
    """Why the approval in `event` never counted for the audit in `row`, which it names; None where it did."""
    if _bound(row) != _said(event):
        return "it is bound to another model file or policy than that audit's"
    return refusal(row, event.by)


def approved(registry: Registry) -> frozenset[str]:
    """The ids of all audits in `registry` with a live approval."""
    events = registry.events(family=FAMILY)
    rows = [row for model in sorted({event.subject for event in events}) for row in registry.history(model)]
    return live(events, rows)


def live(events: Iterable[Event], rows: Sequence[Row]) -> frozenset[str]:
    """The ids of the audits among `rows` that a live approval covers: the one approved, and equal or better ones since.

    `events` are in the order of the chain, `rows` the audits on main by model, oldest first. The last decision on a
    model holds; an approval only where no rejection or revocation is dated later, as in registries that were merged. It
    is void once the model's or the policy's digest changes, a later audit is worse or this one is superseded; where the
    audit knows no digest of the model, any later audit voids it. Dev audits change nothing.
    """
    decisions = [event for event in events if event.kind in DECISIONS]
    last = {event.subject: event for event in decisions}
    overtaken = {event.subject for event in decisions if event.kind != GRANTED and event.at > last[event.subject].at}
    return frozenset(
        audit_id
        for model, own in groupby(standing(rows), key=lambda row: row.model_id)
        if model in last and last[model].kind == GRANTED and model not in overtaken
        for audit_id in _covered(last[model], list(own))
    )


def _covered(event: Event, rows: Sequence[Row]) -> list[str]:
    at = next((i for i, row in enumerate(rows) if row.audit_id == event.body.get("audit_id")), None)
    if at is None or objection(event, rows[at]):
        return []
    approved_row, later = rows[at], [row for row in rows[at + 1 :] if row.profile != "dev"]
    void = any(
        row.model_sha256 is None or _bound(row) != _bound(approved_row) or _badness(row) > _badness(approved_row)
        for row in later
    )
    return [] if void else [approved_row.audit_id, *(row.audit_id for row in later)]


def _bound(row: Row) -> tuple[object, object]:
    return row.model_sha256, row.policy_sha256


def _said(event: Event) -> tuple[object, object]:
    return event.body.get("model_sha256"), event.body.get("policy_sha256")


def _badness(row: Row) -> tuple[int, int]:
    return -WORST_STATUS_FIRST.index(row.status), row.failed_gates
