"""`glassalpha registry`: make, fill, list, show, export and verify the registry of audits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from glassalpha_action import settings
from glassalpha_action.cli.export import as_dict, export, file_of
from glassalpha_action.cli.ledger import Opener, also_in_a_ledger, merge, moment, recording, sync
from glassalpha_action.cli.options import as_json, database_option, pair
from glassalpha_action.cli.tables import csv_text, echo_json, table
from glassalpha_action.documents import UserError, inert
from glassalpha_action.governance.approvals import approved
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import Audit
from glassalpha_action.registry import Receipt, Registry, Row, Supersedes, connect, transfer
from glassalpha_action.registry.rows import as_sealed, audit_entry, standing
from glassalpha_action.report.words import count

AUDIT_LIMIT = 20 << 20
COLUMNS = ("model_id", "team", "last_audit", "failed_gates", "status")
WIDTHS = (17, 0, 0, 0, 0)
HISTORY = ("as_of", "status", "failed_gates", "policy", "audit_id", "remark")
GATES = ("gate", "outcome", "value", "comparison", "threshold", "attribute", "severity")


@click.group()
def registry() -> None:
    """Keep audits in an append-only registry and ask it questions."""


registry.add_command(sync)
registry.add_command(merge)
registry.add_command(export)


@registry.command()
@database_option
def init(database: str | None) -> None:
    """Make a registry; one that is there stays as it is."""
    with open_registry(database, create=True) as opened:
        head = opened.head()
        if head.seq:
            click.echo(f"{opened.name} is already a registry, {count(head.seq, 'record')}")
        else:
            click.echo(f"{opened.name} is an empty registry: `glassalpha registry submit AUDIT.json` adds to it")


@registry.command(short_help="Add audits to the registry, each once.")
@click.argument("audits", nargs=-1, required=True, metavar="AUDIT.json...")
@click.option("--stage", type=click.Choice(["main", "proposed"]), default="main", show_default=True,
              help="proposed: an audit of a pull request, which does not change a model's standing.")  # fmt: skip
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Said with the audit, such as team=credit-risk.")
@click.option("--author", help="Who made the change that was audited.")
@click.option(
    "--supersedes", metavar="AUDIT_ID", help="The recorded audit that this one corrects; it no longer counts."
)
@click.option("--reason", help="Why it is corrected.")
@as_json
@recording
def submit(
    *,
    audits: Sequence[str],
    book: Opener,
    stage: Any,
    metadata: Sequence[str],
    author: str | None,
    supersedes: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Add audits to the registry; an audit that is there already is not added again."""
    read = [read_audit(path) for path in audits]
    for path, audit in zip(audits, read, strict=True):
        _require_honest(audit, path)
    said = dict(pair(text, "--metadata") for text in metadata)
    _require_correction(read, supersedes, reason)
    receipts = []
    with book() as opened:
        corrected = Supersedes(opened.registry.audit(supersedes).audit_id, reason or "") if supersedes else None
        now = moment()
        entries = [audit_entry(audit, stage, now, said, author, corrected) for audit in read]
        for audit, receipt in zip(read, opened.record(entries), strict=True):
            receipts.append(_receipt(audit, receipt))
            if not as_json:
                click.echo(table([tuple(receipts[-1].values())]).rstrip())
        anchor = opened.registry.head().anchor
    if as_json:
        echo_json({"submitted": receipts, "anchor": anchor})
    else:
        click.echo(f"anchor {anchor}")


@registry.command(name="list", short_help="List the audit that counts for every model.")
@database_option
@click.option("--failed-gates", is_flag=True, help="Only models whose latest audit has failed gates.")
@click.option("--team", help="Only this team's models.")
@click.option("--status", help="Only models at this status: PASSED, REVIEW, BLOCKED, NO_POLICY or APPROVED.")
@click.option("--use-case", help="Only models of this use case.")
@click.option("--last-n-days", type=click.IntRange(min=0), help="Only models audited since so many days ago.")
@click.option(
    "--sort", type=click.Choice(COLUMNS), default="model_id", show_default=True, help="The column to sort by."
)
@click.option("--reverse", is_flag=True, help="Sort the other way round.")
@as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with every column.")
def list_models(
    *,
    database: str | None,
    failed_gates: bool,
    team: str | None,
    status: str | None,
    use_case: str | None,
    last_n_days: int | None,
    sort: str,
    reverse: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the audit that counts for every model: the latest, APPROVED where a live approval stands on it."""
    with open_registry(database) as opened, opened.reading():
        computed = None if status == "APPROVED" else status
        found = opened.query_all(last_n_days, team=team, status=computed, use_case=use_case)
        live = approved(opened)
        empty = opened.head().seq == 0
        name = opened.name
    found = [row for row in found if row.failed_gates or not failed_gates]
    found = [row for row in found if status != "APPROVED" or row.shown(live) == "APPROVED"]
    found.sort(key=lambda row: _sort_key(row, sort, live), reverse=reverse)
    if as_json:
        echo_json([as_dict(row, live) for row in found])
    elif as_csv:
        click.echo(csv_text([*Row._fields, "shown"], [as_dict(row, live) for row in found]), nl=False)
    elif found:
        click.echo(listing(found, live), nl=False)
    elif empty:
        click.echo(f"{name} holds no audits yet: `glassalpha registry submit AUDIT.json` adds one")
    else:
        click.echo(f"no model in {name} matches; `glassalpha registry list` without options shows all of them")


@registry.command(short_help="Show a model, or one audit: its gates and history.")
@click.argument("name", metavar="MODEL|AUDIT_ID")
@database_option
@as_json
def show(name: str, database: str | None, as_json: bool) -> None:
    """Show a model's latest audit, its gates and its history, or one audit by its id.

    An audit that was only proposed is shown where the model has none on main. --json prints the whole audit.
    """
    with open_registry(database) as opened:
        rows = opened.history(name) or opened.history(name, stage="proposed")
        if not rows and not re.fullmatch(r"[0-9a-f]{6,64}", name):
            raise UserError(f"the registry holds no model {name!r}: `glassalpha registry list` shows them")
        left = standing(rows)
        audit = opened.audit(left[-1].audit_id if left else name)
        live = approved(opened)
    if as_json:
        echo_json(audit.model_dump(mode="json"))
    else:
        click.echo(_described(audit, rows, live), nl=False)


@registry.command(short_help="Recompute every digest, link, row and verdict.")
@database_option
@click.option(
    "--anchor", metavar="SEQ:LINK", help="Printed by an earlier submit or verify; proves that nothing is gone."
)
@also_in_a_ledger
def verify(database: str | None, anchor: str | None) -> None:
    """Recompute every digest, link, row and verdict; exit code 5 where one does not fit.

    Each audit is judged again from its own measurements, policy text and day.
    """
    with open_registry(database) as opened:
        problems = opened.verify(anchor, rejudge)
        head = opened.head()
        name = opened.name
    if problems:
        for problem in problems[1:]:
            click.echo(inert(problem), err=True)
        raise UserError(f"{name} is broken: {inert(problems[0])}", exit_code=5)
    click.echo(f"{name} is whole: {count(head.seq, 'record')}, anchor {head.anchor}")


@registry.command(short_help="Copy a registry into another of either kind, proved.")
@click.option("--from", "source", required=True, metavar="FILE|URL", help="The registry to copy.")
@click.option("--to", "target", required=True, metavar="FILE|URL", help="Where to; made if it is not there.")
def migrate(source: str, target: str) -> None:
    """Copy a registry into another, of either kind, and prove the copy by the digest of every record."""
    if file_of(source) == file_of(target):
        raise UserError("a registry cannot be copied to itself: name another one with --to")
    with _connect(source) as old, _connect(target, create=True) as new:
        added = transfer.migrate(old, new)
        head = new.head()
        name = new.name
    click.echo(f"{name} is a copy: {count(added, 'record')} added, {count(head.seq, 'record')}, anchor {head.anchor}")


def listing(rows: Iterable[Row], live: frozenset[str] = frozenset()) -> str:
    """The listing as text; `live` holds the ids of audits with a live approval."""
    cells = [(r.model_id, r.team or "-", r.as_of, str(r.failed_gates), r.shown(live)) for r in rows]
    return table([COLUMNS, *cells], WIDTHS)


def _described(audit: Audit, rows: Sequence[Row], live: frozenset[str]) -> str:
    model, policy = audit.model, audit.policy
    corrects = next((row for row in rows if row.audit_id == audit.audit_id and row.supersedes), None)
    facts = {
        "model": model.id, "name": model.name, "version": model.version, "use case": model.use_case,
        "team": rows[-1].team if rows else model.team, "owner": model.owner, "lifecycle": model.lifecycle,
        "status": audit.headline, "approval": "APPROVED" if audit.audit_id in live else None,
        "profile": "dev, NOT FOR APPROVAL" if audit.profile == "dev" else None,
        "as of": audit.provenance.as_of, "policy": policy and f"{policy.name} {policy.version}",
        "failed gates": str(audit.failed_gates), "audit id": audit.audit_id,
        "supersedes": corrects and corrects.supersedes, "reason": corrects and corrects.reason,
    }  # fmt: skip
    text = table([(name, value) for name, value in facts.items() if value])
    if audit.verdicts:
        text += "\n" + table([GATES, *(_gate_cells(audit))])
    unmet = [(r.name, r.message) for r in audit.requirements if not r.met]
    if unmet:
        text += "\n" + table([("requirement not met", "what to do"), *unmet])
    if len(rows) > 1:
        corrected = {row.supersedes for row in rows}
        history = [(r.as_of, r.headline, str(r.failed_gates), r.policy_version or "-", r.audit_id[:12],
                    "superseded" if r.audit_id in corrected else "") for r in rows]  # fmt: skip
        text += "\n" + table([HISTORY, *history])
    return text


def _gate_cells(audit: Audit) -> list[tuple[str, ...]]:
    def shown(verdict: Any) -> tuple[str, ...]:
        limits = verdict.threshold if isinstance(verdict.threshold, tuple) else (verdict.threshold,)
        bounds = " to ".join(verdict.unit.show(limit, verdict.value) for limit in limits if limit is not None)
        value = "not measured" if verdict.value is None else verdict.unit.show(verdict.value, limits[0])
        return (verdict.gate, verdict.outcome.value, value, verdict.comparison.sign, bounds or "-",
                verdict.attribute or "-", verdict.severity.value)  # fmt: skip

    return [shown(verdict) for verdict in audit.verdicts]


def url_of(database: str | None) -> str:
    """The registry that --database names, else the environment, else a file in the current folder."""
    return database or settings.database()


def open_registry(database: str | None, *, create: bool = False) -> Registry:
    """Open the registry that --database names."""
    return _connect(url_of(database), create=create)


def _connect(url: str, *, create: bool = False) -> Registry:
    return connect(url, create=create, clock=_today)


def _today() -> date:
    return datetime.now(UTC).date()


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            content = file.read(AUDIT_LIMIT + 1)
    except OSError as error:
        raise UserError(f"{inert(name)}: the audit cannot be read ({error.strerror})") from error
    if len(content) > AUDIT_LIMIT:
        raise UserError(f"{inert(name)}: larger than {AUDIT_LIMIT >> 20} MB, so not an audit")
    return content


def read_audit(name: str) -> Audit:
    """The audit in the file called `name`, sealed as it says. Raises UserError."""
    from pydantic import ValidationError

    content, name = _read(name), inert(name)
    try:
        audit = Audit.model_validate_json(content)
        as_sealed(audit)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = inert(".".join(map(str, first["loc"])) or "the file")[:200]
        raise UserError(f"{name}: no audit that this version can read ({place}: {first['msg']})") from error
    except ValueError as error:
        raise UserError(f"{name}: no audit that this version can read ({error})") from error
    except UserError as error:
        raise UserError(f"{name}: {error}", exit_code=error.exit_code) from error
    return audit


def _require_honest(audit: Audit, name: str) -> None:
    """Raise UserError (5) where judging the audit again comes to something else than it says."""
    if wrong := rejudge(audit):
        raise UserError(
            f"{inert(name)}: the audit does not follow from its own measurements and policy ({inert(wrong[0])}): run "
            "it again",
            exit_code=5,
        )


def _receipt(audit: Audit, receipt: Receipt) -> dict[str, str]:
    from glassalpha_action.registry.chain import show_anchor

    return {
        "anchor": show_anchor(receipt.seq, receipt.link), "model_id": audit.model.id, "status": audit.headline,
        "result": "recorded" if receipt.new else "already there",
    }  # fmt: skip


def _require_correction(read: Sequence[Audit], supersedes: str | None, reason: str | None) -> None:
    if bool(supersedes) is not bool(reason and reason.strip()):
        raise UserError("a correction needs both: --supersedes AUDIT_ID and --reason TEXT")
    if supersedes and len(read) != 1:
        raise UserError("--supersedes names what one audit corrects: submit that audit alone")


def _sort_key(row: Row, column: str, live: frozenset[str]) -> tuple[object, ...]:
    value = row.shown(live) if column == "status" else getattr(row, "as_of" if column == "last_audit" else column)
    return value is None, value if value is not None else "", row.model_id
