"""Rows as text for a terminal and for a spreadsheet, with names from data made inert; plain data as JSON; files."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from glassalpha_action.documents import UserError, inert

WIDEST, WIDEST_LAST = 60, 500


def table(rows: Sequence[Sequence[str]], widths: Sequence[int] = ()) -> str:
    """Rows in aligned columns, ` | ` between them.

    A cell of more than 60 characters (500 in the last column) is cut short with `…`.
    `widths` are the least widths of the first columns. A `|` within a cell is written `\\|`.
    """
    cells = [[*(_cell(text, WIDEST) for text in row[:-1]), _cell(row[-1], WIDEST_LAST)] for row in rows]
    widest = [max(0, *map(_width, column)) for column in zip(*cells, strict=True)]
    least = [*widths, *[0] * len(widest)]
    room = [max(pair) for pair in zip(widest, least, strict=False)]
    return "".join(" | ".join(map(_padded, row, room)).rstrip() + "\n" for row in cells)


def csv_text(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    from glassalpha_action.report.words import cell

    def written(value: object) -> object:
        text = (json.dumps(value) if value else "") if isinstance(value, dict) else value
        return cell(text) if isinstance(text, str) else text

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(written, names))
    writer.writerows([written(row[name]) for name in names] for row in rows)
    return out.getvalue()


def parquet_bytes(kinds: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a Parquet file, every value as it is; a mapping becomes its JSON text.

    `kinds` are the columns, each of int, bool or str, whether or not a row has a value in it: such files unite.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow: pip install 'glassalpha-action[parquet]'") from error

    arrow = {int: pyarrow.int64(), bool: pyarrow.bool_(), str: pyarrow.string()}
    columns = {name: [json.dumps(v) if isinstance(v := row[name], dict) else v for row in rows] for name in kinds}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns, pyarrow.schema([(n, arrow[kind]) for n, kind in kinds.items()])), sink)
    return bytes(sink.getvalue().to_pybytes())


def echo_json(value: object) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(value, indent=2))


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and the folder that it is to lie in; UserError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _cell(text: str, widest: int) -> str:
    shown = inert(text).replace("|", "\\|")
    return shown if len(shown) <= widest else shown[: widest - 1] + "…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def _padded(text: str, room: int) -> str:
    return text + " " * (room - _width(text))
