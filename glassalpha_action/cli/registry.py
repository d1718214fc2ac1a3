"""`glassalpha registry`: make, fill, list, show, export and verify the registry of audits."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from glassalpha_action import settings
from glassalpha_action.cli.ledger import also_in_a_ledger, merge, sync
from glassalpha_action.cli.tables import csv_text, inert, parquet_bytes, table
from glassalpha_action.documents import UserError
from glassalpha_action.governance.approvals import approved
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import Audit
from glassalpha_action.registry import Receipt, Registry, Row, Supersedes, connect, transfer
from glassalpha_action.registry.rows import STAGES, as_sealed

AUDIT_LIMIT = 20 << 20
COLUMNS = ("model_id", "team", "last_audit", "failed_gates", "status")
WIDTHS = (17, 0, 0, 0, 0)
HISTORY = ("as_of", "status", "failed_gates", "policy", "audit_id", "remark")
GATES = ("gate", "outcome", "value", "comparison", "threshold", "attribute", "severity")

F = TypeVar("F", bound=Callable[..., Any])


def database_option(command: F) -> F:
    """The option --database."""
    return click.option(
        "--database", metavar="FILE|URL",
        help="The registry: a file, or postgresql://…; by default $GLASSALPHA_DATABASE, else model_registry.db.",
    )(command)  # fmt: skip


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def registry() -> None:
    """Keep audits in an append-only registry and ask it questions."""


registry.add_command(sync)
registry.add_command(merge)


@registry.command()
@database_option
def init(database: str | None) -> None:
    """Make a registry; one that is there stays as it is."""
    with open_registry(database, create=True) as opened:
        head = opened.head()
        if head.seq:
            click.echo(f"{opened.name} is already a registry, {_count(head.seq, 'record')}")
        else:
            click.echo(f"{opened.name} is an empty registry: `glassalpha registry submit AUDIT.json` adds to it")


@registry.command()
@click.argument("audits", nargs=-1, required=True, metavar="AUDIT.json...")
@database_option
@click.option("--stage", type=click.Choice(["main", "proposed"]), default="main", show_default=True,
              help="proposed: an audit of a pull request, which does not change a model's standing.")  # fmt: skip
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Said with the audit, such as team=credit-risk.")
@click.option("--author", help="Who made the change that was audited.")
@click.option(
    "--supersedes", metavar="AUDIT_ID", help="The recorded audit that this one corrects; it no longer counts."
)
@click.option("--reason", help="Why it is corrected.")
@as_json
def submit(
    *,
    audits: Sequence[str],
    database: str | None,
    stage: Any,
    metadata: Sequence[str],
    author: str | None,
    supersedes: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Add audits to the registry; an audit that is there already is not added again."""
    read = [read_audit(path) for path in audits]
    said = dict(_pair(text) for text in metadata)
    _require_correction(read, supersedes, reason)
    receipts = []
    with open_registry(database) as opened:
        corrected = Supersedes(opened.audit(supersedes).audit_id, reason or "") if supersedes else None
        for audit in read:
            receipt = opened.submit(
                audit, stage=stage, recorded_at=moment(), metadata=said, author=author, supersedes=corrected
            )
            receipts.append(_receipt(audit, receipt))
            if not as_json:
                click.echo(table([tuple(receipts[-1].values())]).rstrip())
        anchor = opened.head().anchor
    if as_json:
        _echo_json({"submitted": receipts, "anchor": anchor})
    else:
        click.echo(f"anchor {anchor}")


@registry.command(name="list")
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
        _echo_json([_as_dict(row, live) for row in found])
    elif as_csv:
        click.echo(csv_text([*Row._fields, "shown"], [_as_dict(row, live) for row in found]), nl=False)
    elif found:
        click.echo(listing(found, live), nl=False)
    elif empty:
        click.echo(f"{name} holds no audits yet: `glassalpha registry submit AUDIT.json` adds one")
    else:
        click.echo(f"no model in {name} matches; `glassalpha registry list` without options shows all of them")


@registry.command()
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
        corrected = {row.supersedes for row in rows}
        standing = [row for row in rows if row.audit_id not in corrected]
        audit = opened.audit(standing[-1].audit_id if standing else name)
        live = approved(opened)
    if as_json:
        _echo_json(audit.model_dump(mode="json"))
    else:
        click.echo(_described(audit, rows, live), nl=False)


@registry.command()
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
    click.echo(f"{name} is whole: {_count(head.seq, 'record')}, anchor {head.anchor}")


@registry.command()
@database_option
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True,
              help="csv: formulas and control characters made inert, for spreadsheets; the others: exact.")  # fmt: skip
@click.option("--output", metavar="FILE", help="Where to write; the terminal where it is not given.")
def export(database: str | None, kind: str, output: str | None) -> None:
    """Write every audit, one line each, in the order of the chain; those that were corrected too."""
    if kind == "parquet" and output is None:
        raise UserError("Parquet is not for a terminal: name a file with --output")
    with open_registry(database) as opened, opened.reading():
        rows = [row for stage in STAGES for row in opened.query_all(latest=False, superseded=True, stage=stage)]
        live = approved(opened)
    cells = [_as_dict(row, live) for row in sorted(rows, key=lambda row: row.seq)]
    content = _exported(kind, cells)
    if output is None:
        sys.stdout.write(content.decode())
    else:
        _write(Path(output), content, beside=url_of(database))
        click.echo(f"wrote {_count(len(cells), 'audit')} to {inert(output)}")


@registry.command()
@click.option("--from", "source", required=True, metavar="FILE|URL", help="The registry to copy.")
@click.option("--to", "target", required=True, metavar="FILE|URL", help="Where to; made if it is not there.")
def migrate(source: str, target: str) -> None:
    """Copy a registry into another, of either kind, and prove the copy by the digest of every record."""
    if _file(source) == _file(target):
        raise UserError("a registry cannot be copied to itself: name another one with --to")
    with _connect(source) as old, _connect(target, create=True) as new:
        added = transfer.migrate(old, new)
        head = new.head()
        name = new.name
    click.echo(f"{name} is a copy: {_count(added, 'record')} added, {_count(head.seq, 'record')}, anchor {head.anchor}")


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


def moment() -> str:
    """Now, as records write it."""
    return _now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _now() -> datetime:
    return datetime.now(UTC)


def _today() -> date:
    return _now().date()


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


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(f"--metadata needs NAME=VALUE with both, not {text!r}")
    return name, value


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


def _exported(kind: str, cells: Sequence[Mapping[str, Any]]) -> bytes:
    names = [*Row._fields, "shown"]
    if kind == "parquet":
        return parquet_bytes(names, cells)
    return (csv_text(names, cells) if kind == "csv" else "".join(json.dumps(row) + "\n" for row in cells)).encode()


def _file(url: str) -> Path:
    """The file that holds a registry in SQLite; no such file for another."""
    return Path(url.removeprefix("sqlite:///")).resolve()


def _write(path: Path, content: bytes, beside: str) -> None:
    if path.resolve() == _file(beside):
        raise UserError(f"{path} is the registry itself: write the export to another file")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _as_dict(row: Row, live: frozenset[str]) -> dict[str, Any]:
    return row._asdict() | {"metadata": dict(row.metadata), "shown": row.shown(live)}


def _echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
