"""The kinds of governance events a registry keeps beside its audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glassalpha_action.documents import UserError, nearest
from glassalpha_action.governance import approvals
from glassalpha_action.registry import Event

KINDS: Mapping[str, str] = {
    "approval.requested": "somebody asks for a model's approval",
    "approval.granted": "a person approves an audit",
    "approval.rejected": "a person rejects a model",
    "approval.revoked": "a person takes an approval back",
    "exception.granted": "a waiver comes into force",
    "exception.revoked": "a waiver is taken back",
    "finding.opened": "a gate, an internal review or a regulator finds something",
    "finding.closed": "a finding is settled",
    "incident.opened": "something went wrong with a model in use",
    "incident.closed": "an incident is over",
    "deployment.released": "a model goes into use",
    "deployment.rolled_back": "a model goes back to its predecessor",
    "deployment.retired": "a model goes out of use",
    "review.completed": "a policy or a model was reviewed",
    "attestation.signed": "a person vouches for something",
    "training.held": "a training took place",
    "survey.recorded": "answers to a survey",
    "ticket.recorded": "a request for support",
    "effort.baseline": "what an audit took before",
    "policy.announced": "teams were told of a policy",
    "policy.published": "a policy is out",
    "registry.merged": "two registries became one",
}
DECIDED_ELSEWHERE = {approvals.FAMILY: "glassalpha model", "registry": "glassalpha registry merge"}


def event(kind: str, subject: str, *, at: str, by: str, body: Mapping[str, Any]) -> Event:
    """The event that a person adds; UserError for a kind that is not known, or that another command records."""
    if kind not in KINDS:
        raise UserError(f"there is no kind of event {kind!r}{nearest(kind, sorted(KINDS))}")
    other = DECIDED_ELSEWHERE.get(kind.partition(".")[0])
    if other:
        raise UserError(f"{kind} is recorded by `{other}`, which checks it")
    if not (subject.strip() and by.strip()):
        raise UserError("an event needs a subject and a name: what it is about, and who says so")
    return Event(kind, subject, at, by, body)
