"""Rows as text for a terminal and for a spreadsheet, with names from data made inert."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

WIDEST, WIDEST_LAST = 60, 500
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def inert(text: str) -> str:
    """`text` with every character that could steer a terminal or turn the reading direction written as its escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029" else _escape(c) for c in text)


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
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(name) for name in names])
    writer.writerows([_csv_cell(row[name]) for name in names] for row in rows)
    return out.getvalue()


def parquet_bytes(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a Parquet file, every value as it is; a mapping becomes its JSON text."""
    from glassalpha_action.documents import UserError

    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("Parquet needs pyarrow: pip install 'glassalpha-action[parquet]'") from error

    columns = {name: [json.dumps(v) if isinstance(v := row[name], dict) else v for row in rows] for name in names}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def _csv_cell(value: object) -> object:
    if isinstance(value, dict):
        value = json.dumps(value) if value else ""
    if not isinstance(value, str):
        return value
    return "'" + inert(value) if value.lstrip().startswith(FORMULA) else inert(str(value))


def _cell(text: str, widest: int) -> str:
    shown = inert(text).replace("|", "\\|")
    return shown if len(shown) <= widest else shown[: widest - 1] + "…"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def _padded(text: str, room: int) -> str:
    return text + " " * (room - _width(text))
