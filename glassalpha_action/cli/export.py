"""`glassalpha registry export`: every audit as CSV, JSON lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import click

from glassalpha_action import settings
from glassalpha_action.cli.options import database_option
from glassalpha_action.cli.tables import csv_text, parquet_bytes, write_file
from glassalpha_action.documents import UserError, inert
from glassalpha_action.governance.approvals import approved
from glassalpha_action.registry import Row, connect, file_name
from glassalpha_action.registry.rows import STAGES
from glassalpha_action.report.words import count

ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
SQLITE, JOURNALS = b"SQLite format 3\0", ("-journal", "-wal", "-shm")


@click.command(short_help="Write every audit as CSV, JSON lines or Parquet.")
@database_option
@click.option("--format", "named", type=click.Choice(["csv", "jsonl", "parquet"]),
              help="By default what --output ends in, else csv. csv: formulas and control characters made inert, for "
              "spreadsheets; the others: exact.")  # fmt: skip
@click.option("--output", metavar="FILE", help="Where to write; the terminal where it is not given.")
def export(database: str | None, named: str | None, output: str | None) -> None:
    """Write every audit, one line each, in the order of the chain; those that were corrected too."""
    kind = _format(named, output)
    if kind == "parquet" and output is None:
        raise UserError("Parquet is not for a terminal: name a file with --output")
    url = database or settings.database()
    with connect(url) as opened, opened.reading():
        rows = [row for stage in STAGES for row in opened.query_all(latest=False, superseded=True, stage=stage)]
        live = approved(opened)
    cells = [as_dict(row, live) for row in sorted(rows, key=lambda row: row.seq)]
    content = _exported(kind, cells)
    if output is None:
        click.echo(content, nl=False)
    else:
        _write(Path(output), content, beside=url)
        click.echo(f"wrote {count(len(cells), 'audit')} to {inert(output)}")


def as_dict(row: Row, live: frozenset[str]) -> dict[str, Any]:
    """A row as plain data, with what a reader is shown as its status; `live` as `Row.shown` takes it."""
    return row._asdict() | {"metadata": dict(row.metadata), "shown": row.shown(live)}


def file_of(url: str) -> Path:
    """The file that holds a registry in SQLite; no such file for another."""
    return Path(file_name(url)).resolve()


def _format(named: str | None, output: str | None) -> str:
    """The format that --format names, else the one that the ending of --output means."""
    ending = Path(output or "").suffix.lower()
    meant = ENDINGS.get(ending)
    if meant is None and ending and named is None:
        raise UserError(f"{inert(ending)} tells no format: end --output in {', '.join(ENDINGS)}, or give --format")
    if named and meant and meant != named:
        raise UserError(f"--format {named} would write a file that ends in {ending}: change one of the two")
    return named or meant or "csv"


def _exported(kind: str, cells: Sequence[Mapping[str, Any]]) -> bytes:
    names = [*Row._fields, "shown"]
    if kind == "parquet":
        hints = get_type_hints(Row)
        return parquet_bytes({n: hints[n] if hints.get(n) in {int, bool} else str for n in names}, cells)
    return (csv_text(names, cells) if kind == "csv" else "".join(json.dumps(row) + "\n" for row in cells)).encode()


def _write(path: Path, content: bytes, beside: str) -> None:
    """Write the export, but over no database: neither the registry, under whatever name, nor what SQLite has by it."""
    if "://" not in file_name(beside):
        registry = file_of(beside)
        journals = {registry.with_name(registry.name + end) for end in JOURNALS}
        if path.resolve() in {registry, *journals} or (path.exists() and path.samefile(registry)):
            raise UserError(f"{inert(str(path))} is the registry itself: write the export to another file")
    if path.is_file() and _begins(path, SQLITE):
        raise UserError(f"{inert(str(path))} is a database: write the export to another file")
    write_file(path, content)


def _begins(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False
