"""`glassalpha model`: a person's decisions on a model's audit, recorded as events in the registry."""

from __future__ import annotations

import click

from glassalpha_action.cli.registry import database_option, moment, open_registry
from glassalpha_action.cli.tables import inert
from glassalpha_action.documents import UserError
from glassalpha_action.governance import approvals
from glassalpha_action.registry import Registry, Row

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
@database_option
def approve(model_id: str, by: str, reason: str, audit_id: str | None, database: str | None) -> None:
    """Approve a model's audit at PASSED or REVIEW.

    The approval is bound to the model's file and the policy's text: it is void once either changes, or a later audit is
    worse. Neither the model's owner nor who made the audited change can approve.
    """
    _decide(approvals.GRANTED, model_id, by, reason, audit_id, database)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@audit_option
@database_option
def reject(model_id: str, by: str, reason: str, audit_id: str | None, database: str | None) -> None:
    """Reject a model; an earlier approval no longer stands."""
    _decide(approvals.REJECTED, model_id, by, reason, audit_id, database)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@database_option
def revoke(model_id: str, by: str, reason: str, database: str | None) -> None:
    """Take a model's approval back."""
    _decide(approvals.REVOKED, model_id, by, reason, None, database)


@model.command()
@click.argument("model_id", metavar="MODEL")
@by_option
@reason_option
@audit_option
@database_option
def request(model_id: str, by: str, reason: str, audit_id: str | None, database: str | None) -> None:
    """Ask for a model's approval."""
    _decide(approvals.REQUESTED, model_id, by, reason, audit_id, database)


def _decide(kind: str, model_id: str, by: str, reason: str, audit_id: str | None, database: str | None) -> None:
    if not (by.strip() and reason.strip()):
        raise UserError("a decision needs a name and a reason: --by and --reason")
    with open_registry(database) as opened:
        row = _row(opened, model_id, audit_id)
        if kind == approvals.GRANTED and (why := approvals.refusal(row, by)):
            raise UserError(f"audit {row.audit_id[:12]} of {inert(model_id)} cannot be approved: {inert(why)}")
        if kind == approvals.REVOKED and row.audit_id not in approvals.approved(opened):
            raise UserError(f"{inert(model_id)} has no live approval that could be revoked")
        event = approvals.decision(kind, row, by=by, at=moment(), reason=reason)
        if kind == approvals.GRANTED and not approvals.live([event], opened.history(model_id)):
            raise UserError(
                f"a later audit of {inert(model_id)} differs from audit {row.audit_id[:12]}: approve that one"
            )
        receipt = opened.record_event(event)
        anchor = opened.head().anchor
    done = "recorded" if receipt.new else "already there"
    click.echo(f"{kind} on audit {row.audit_id[:12]} of {inert(model_id)} by {inert(by)}: {done}, anchor {anchor}")


def _row(opened: Registry, model_id: str, audit_id: str | None) -> Row:
    """The audit on main that is decided on."""
    rows = opened.history(model_id)
    corrected = {row.supersedes for row in rows}
    standing = [row for row in rows if row.audit_id not in corrected]
    if not standing:
        raise UserError(f"main holds no audit of a model {inert(model_id)!r}: `glassalpha registry list` shows them")
    if audit_id is None:
        return standing[-1]
    wanted = opened.audit(audit_id).audit_id
    found = [row for row in standing if row.audit_id == wanted]
    if not found:
        raise UserError(f"audit {wanted[:12]} is none of {inert(model_id)} on main that counts")
    return found[0]
