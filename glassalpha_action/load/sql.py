"""Counts a cube in SQL, so that rows and protected attributes never leave the warehouse that holds them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from glassalpha_action.cube import SCALE
from glassalpha_action.digests import SAFE
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import MISSING
from glassalpha_action.load.cubefile import Layout, LayoutAttribute


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one engine writes names, texts and numbers; `type_of` is the name of a column's type as text."""

    text: str
    double: str
    quote: str
    literal: Callable[[str], str]
    type_of: str
    floats: tuple[str, ...]
    boolean: str
    to_double: str
    shift: str

    def name(self, name: str) -> str:
        """A column, or one part of a table's name."""
        if "\0" in name:
            raise UserError("a column's name holds a NUL character, which no SQL engine accepts; rename it.")
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def number(self, value: float) -> str:
        """The very double `value`."""
        return f"CAST('{value!r}' AS {self.double})"

    def as_number(self, column: str) -> str:
        """A column as doubles; what is no number is NULL where the engine can say so, else an error of the engine."""
        return self.to_double.format(column)

    def as_level(self, column: str) -> str:
        """A column as the text of its levels: 1 and 1.0 are one, NaN and NULL are NULL."""
        said, kind = f"CAST({column} AS {self.text})", self.type_of.format(column)
        number = f"CAST({said} AS {self.double})"
        whole = f"abs({number}) < {self.number(float(SAFE))} AND floor({number}) = {number}"
        floats = ", ".join(f"'{name}'" for name in self.floats)
        return (
            f"CASE WHEN {kind} IN ({floats}) THEN"
            f" CASE WHEN lower({said}) = 'nan' THEN NULL"
            f" WHEN {whole} THEN CAST(CAST({number} AS BIGINT) AS {self.text}) ELSE {said} END"
            f" WHEN {kind} = '{self.boolean}' THEN"
            f" CASE WHEN {said} = 'true' THEN 'True' WHEN {said} = 'false' THEN 'False' END"
            f" ELSE {said} END"
        )


def _doubled(text: str) -> str:
    """A literal in which a backslash is only a backslash."""
    return "'" + _printable(text).replace("'", "''") + "'"


def _escaped(text: str) -> str:
    """A literal for PostgreSQL, whatever its settings say of backslashes."""
    return ("E" if "\\" in text else "") + _doubled(text).replace("\\", "\\\\")


def _decoded(text: str) -> str:
    """A literal for Spark, which has more than one way to read backslashes and quotes."""
    if "'" in text or "\\" in text:
        return f"decode(unhex('{_printable(text).encode().hex()}'), 'UTF-8')"
    return _doubled(text)


def _printable(text: str) -> str:
    if "\0" in text:
        raise UserError("a name or level holds a NUL character, which no SQL engine accepts; change it.")
    return text


DIALECTS: Mapping[str, Dialect] = {
    "duckdb": Dialect(
        text="VARCHAR", double="DOUBLE", quote='"', literal=_doubled, type_of="typeof({0})",
        floats=("DOUBLE", "FLOAT"), boolean="BOOLEAN", to_double="TRY_CAST({0} AS DOUBLE)", shift="({0} >> {1})",
    ),
    "postgres": Dialect(
        text="text", double="double precision", quote='"', literal=_escaped, type_of="CAST(pg_typeof({0}) AS text)",
        floats=("double precision", "real"), boolean="boolean", to_double="CAST({0} AS double precision)",
        shift="({0} >> {1})",
    ),
    "spark": Dialect(
        text="STRING", double="DOUBLE", quote="`", literal=_decoded, type_of="typeof({0})",
        floats=("double", "float"), boolean="boolean", to_double="TRY_CAST({0} AS DOUBLE)",
        shift="shiftright({0}, {1})",
    ),
}  # fmt: skip


def cube_query(layout: Layout, dialect: str, table: str) -> str:
    """The query that counts `table` (its name, with a dot between schema and table) into the cells of a cube.

    Each row is a cell: levels, label, decision, bin, rows, Σ⌊p·2³²⌋, Σ⌊⌊p·2³²⌋²/2³²⌋, then the rows and cells of all
    and the layout. Cells of fewer rows than `layout.suppress_below` are left out; the totals count them all the same.
    Rows that cannot be audited (no label, a score that is no probability) are told however few.
    """
    use = DIALECTS[dialect]
    if not all(table.split(".")):
        raise UserError(f"--table {table}: is no name of a table; write it as table or schema.table.")
    columns = [*(_level(use, a) for a in layout.attributes), use.as_level(use.name(layout.target))]
    columns.append(use.as_level(use.name(layout.prediction)) if layout.prediction else "NULL")
    columns.append(use.as_number(use.name(layout.score)) if layout.score else f"CAST(NULL AS {use.double})")
    named = [f"{column} AS {name}" for column, name in zip(columns, (*layout.axes, "label", "said", "p"), strict=True)]
    keys = ", ".join((*layout.axes, "label", "decision", "bin"))
    source = ".".join(use.name(part) for part in table.split("."))
    squares = f"high * high + {use.shift.format('(high * low * 131072 + low * low)', 32)}"
    parts = {
        "read": ["SELECT", ",\n".join(f"  {column}" for column in named), f"FROM {source}"],
        "scored": [f"SELECT *, {_guess(use, layout)} AS guess,", f"  {_units(use, layout)} AS u", "FROM read"],
        "binned": [
            f"SELECT *, {_bin(use, layout)} AS bin,",
            f"  {_decision(use, layout)} AS decision,",
            f"  {use.shift.format('u', 16)} AS high, u & 65535 AS low",
            "FROM scored",
        ],
        "masked": [
            "SELECT",
            *(f"  {_masked(use, layout, axis)} AS {axis}," for axis in layout.axes),
            "  label, decision, bin, u, high, low",
            "FROM binned",
        ],
        "cells": [
            f"SELECT {keys}, COUNT(*) AS n, CAST(SUM(u) AS BIGINT) AS units,",
            f"  CAST(SUM({squares}) AS BIGINT) AS squares",
            f"FROM binned GROUP BY {keys}",
        ],
        "told": ["SELECT *, CAST(SUM(n) OVER () AS BIGINT) AS all_rows, COUNT(*) OVER () AS all_cells", "FROM cells"],
    }
    if layout.suppress_below > 1:
        parts["cells"][-1] = f"FROM masked GROUP BY {keys}"
    else:
        del parts["masked"]
    steps = ",\n".join("\n".join([f"{name} AS (", *lines, ")"]) for name, lines in parts.items())
    return "\n".join([
        f"WITH {steps}",
        f"SELECT {keys}, n, units, squares, all_rows, all_cells,",
        f"  {use.literal(layout.text())} AS layout",
        "FROM told",
        *([f"WHERE n >= {layout.suppress_below} OR {_faulty(layout)}"] if layout.suppress_below > 1 else []),
        f"ORDER BY {keys}\n",
    ])  # fmt: skip


def _level(use: Dialect, attribute: LayoutAttribute) -> str:
    """A protected attribute's level; NULL where a value lies outside the bins."""
    column = use.name(attribute.name)
    absent = use.literal(MISSING)
    if attribute.bins is None or attribute.labels is None:
        return f"COALESCE({use.as_level(column)}, {absent})"
    number = use.as_number(column)
    edges = list(itertools.pairwise(attribute.bins))
    cases = [
        f"WHEN {number} >= {use.number(a)} AND {number} {'<=' if i == len(edges) - 1 else '<'} {use.number(b)}"
        f" THEN {use.literal(level)}"
        for i, ((a, b), level) in enumerate(zip(edges, attribute.labels, strict=True))
    ]
    unknown = f"{column} IS NULL OR lower(CAST({column} AS {use.text})) = 'nan'"
    return f"CASE WHEN {unknown} THEN {absent} {' '.join(cases)} END"


def _faulty(layout: Layout) -> str:
    """Whether rows could not be audited: no label, no decision, a score or a value that lies outside."""
    return " OR ".join(f"{name} IS NULL" for name in (*layout.axes, "label", "decision", "bin"))


def _masked(use: Dialect, layout: Layout, axis: str) -> str:
    """The level, but none for rows that cannot be audited: they are told however few, and so without whose they are."""
    return f"CASE WHEN {axis} IS NOT NULL AND ({_faulty(layout)}) THEN {use.literal(MISSING)} ELSE {axis} END"


def _guess(use: Dialect, layout: Layout) -> str:
    """The score's bin but for rounding; nothing where the score is no probability."""
    if not layout.score:
        return "0"
    whole = f"CAST(floor(p * {use.number(float(layout.grid))}) AS BIGINT)"
    return f"CASE WHEN p >= 0 AND p < 1 THEN {whole} WHEN p = 1 THEN {layout.grid - 1} END"


def _bin(use: Dialect, layout: Layout) -> str:
    """The bin, now that the edges themselves put the guess right: a score on an edge is above it, 1 in the last."""
    if not layout.score:
        return "guess"

    def edge(of: str) -> str:
        return f"CAST({of} AS {use.double}) / {use.number(float(layout.grid))}"

    found = (
        f"CASE WHEN p = 1 THEN guess WHEN p < {edge('guess')} THEN guess - 1"
        f" WHEN p >= {edge('(guess + 1)')} THEN guess + 1 ELSE guess END"
    )
    if layout.threshold is None or len(layout.edges) == layout.grid + 1:
        return found
    return f"{found} + CASE WHEN p >= {use.number(layout.threshold)} THEN 1 ELSE 0 END"


def _units(use: Dialect, layout: Layout) -> str:
    """⌊p·2³²⌋, at most 2³² − 1; nothing where there is no score."""
    if not layout.score:
        return "CAST(0 AS BIGINT)"
    scale = use.number(float(SCALE))
    whole = f"CAST(floor(p * {scale}) AS BIGINT)"
    return (
        f"CASE WHEN p >= 0 AND p < 1 THEN {whole} WHEN p = 1 THEN CAST({SCALE - 1} AS BIGINT)"
        f" ELSE CAST(0 AS BIGINT) END"
    )


def _decision(use: Dialect, layout: Layout) -> str:
    if layout.prediction or layout.threshold is None:
        return "said"
    return f"CASE WHEN p >= {use.number(layout.threshold)} THEN '1' ELSE '0' END"
