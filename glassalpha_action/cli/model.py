"""`glassalpha model`: a person's decisions on a model's audit, recorded as events in the registry."""

from __future__ import annotations

import click

from glassalpha_action.cli.ledger import Opener, moment, recording
from glassalpha_action.documents import UserError, inert
from glassalpha_action.governance import approvals
from glassalpha_action.registry import Event, Registry, Row
from glassalpha_action.registry.rows import event_entry, standing

by_option = click.option("--by", required=True, help="Who decides: a name, kept as self-declared.")
reason_option = click.option("--reason", required=True, help="Why.")
audit_option = click.option("--audit", "audit_id", metavar="AUDIT_ID", help="The audit decided on; else the latest.")


@click.group()
def model() -> None:
    """Approve a model, reject it, or take an approval back."""


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@audit_option
@recording
def approve(model_id: str, by: str, reason: str, audit_id: str | None, book: Opener) -> None:
    """Approve a model's audit at PASSED or REVIEW.

    The approval is bound to the model's file and the policy's text: it is void once either changes, or a later audit is
    worse. Neither the model's owner nor who made the audited change can approve.
    """
    _decide(approvals.GRANTED, model_id, by, reason, audit_id, book)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@audit_option
@recording
def reject(model_id: str, by: str, reason: str, audit_id: str | None, book: Opener) -> None:
    """Reject a model; an earlier approval no longer stands."""
    _decide(approvals.REJECTED, model_id, by, reason, audit_id, book)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@recording
def revoke(model_id: str, by: str, reason: str, book: Opener) -> None:
    """Take a model's approval back."""
    _decide(approvals.REVOKED, model_id, by, reason, None, book)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@audit_option
@recording
def request(model_id: str, by: str, reason: str, audit_id: str | None, book: Opener) -> None:
    """Ask for a model's approval."""
    _decide(approvals.REQUESTED, model_id, by, reason, audit_id, book)


def _decide(kind: str, model_id: str, by: str, reason: str, audit_id: str | None, book: Opener) -> None:
    if not (by.strip() and reason.strip()):
        raise UserError("a decision needs a name and a reason: --by and --reason")
    with book() as opened:
        row = _row(opened.registry, model_id, audit_id)
        event = approvals.decision(kind, row, by=by, at=moment(), reason=reason)
        (receipt,) = opened.record([event_entry(event)], lambda: _require_allowed(event, row, opened.registry))
        anchor = opened.registry.head().anchor
    done = "recorded" if receipt.new else "already there"
    click.echo(f"{kind} on audit {row.audit_id[:12]} of {inert(model_id)} by {inert(by)}: {done}, anchor {anchor}")


def _require_allowed(event: Event, row: Row, registry: Registry) -> None:
    """Raise UserError (2) where the registry, as it is, has something against this decision on the audit in `row`."""
    model, audit = inert(row.model_id), f"audit {row.audit_id[:12]}"
    if event.kind == approvals.REVOKED and row.audit_id not in approvals.approved(registry):
        raise UserError(f"{model} has no live approval that could be revoked")
    if event.kind != approvals.GRANTED:
        return
    if why := approvals.refusal(row, event.by):
        raise UserError(f"{audit} of {model} cannot be approved: {inert(why)}")
    rows = registry.history(row.model_id)
    if not approvals.live([event], rows):
        raise UserError(f"a later audit of {model} differs from {audit}: approve that one")
    decided = registry.events(subject=row.model_id, family=approvals.FAMILY)
    if not approvals.live([*decided, event], rows):
        raise UserError(f"a decision against {model} is dated later than {event.at}: approve it once that is past")


def _row(opened: Registry, model_id: str, audit_id: str | None) -> Row:
    """The audit on main that is decided on."""
    rows = standing(opened.history(model_id))
    if not rows:
        raise UserError(f"main holds no audit of a model {inert(model_id)!r}: `glassalpha registry list` shows them")
    if audit_id is None:
        return rows[-1]
    wanted = opened.audit(audit_id).audit_id
    found = [row for row in rows if row.audit_id == wanted]
    if not found:
        raise UserError(f"audit {wanted[:12]} is none of {inert(model_id)} on main that counts")
    return found[0]
