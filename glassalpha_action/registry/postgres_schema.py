"""The tables of a registry in PostgreSQL, and whether a database has them, and what guards them, as they were made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from glassalpha_action.documents import plain
from glassalpha_action.registry import schema
from glassalpha_action.registry.derived import Rows

Select = Callable[[str], tuple[list[str], Rows]]
TYPES = {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION", "BLOB": "BYTEA"}
TYPES_THERE = {"TEXT": "text C", "INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea"}
FUNCTIONS = (
    """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the registry is append-only'; END $$""",
    """CREATE FUNCTION next_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE expected bigint;
BEGIN
  EXECUTE format('SELECT coalesce(max(seq), 0) + 1 FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO expected;
  IF NEW.seq IS DISTINCT FROM expected THEN RAISE EXCEPTION 'the registry is append-only'; END IF;
  RETURN NEW;
END $$""",
)
INDEXES = (
    "CREATE INDEX audits_model ON audits USING hash (model_id)",
    "CREATE INDEX audits_id ON audits (audit_id)",
    "CREATE INDEX audits_supersedes ON audits USING hash (supersedes) WHERE supersedes IS NOT NULL",
    "CREATE INDEX gates_failed ON gates (seq) WHERE failed = 1",
    "CREATE INDEX metrics_metric ON metrics USING hash (metric)",
    "CREATE INDEX models_id ON models USING hash (model_id)",
    "CREATE INDEX events_subject ON events USING hash (subject)",
)
TRIGGERS = (
    "CREATE TRIGGER next_only BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION next_only()",
    *(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        for table in schema.TABLES
    ),
)
REMARKS = tuple(
    f"COMMENT ON {what} IS '{remark.replace(chr(39), chr(39) * 2)}'"
    for table in schema.describe()
    for what, remark in (
        (f"TABLE {table.name}", table.remark),
        *((f'COLUMN {table.name}."{column.name}"', column.remark) for column in table.columns),
    )
    if remark
)
SCHEMA_1 = (
    *(
        re.sub(r"\b(TEXT|INTEGER|REAL|BLOB)\b", lambda found: TYPES[found[1]], sql.removesuffix(" WITHOUT ROWID"))
        for sql in schema.CREATE
    ),
    *schema.VIEWS,
    *INDEXES,
    *FUNCTIONS,
    *TRIGGERS,
    *REMARKS,
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (SCHEMA_1,)
VIEWS = dict(schema.view_queries())
OURS = ", ".join(f"'{name}'" for name in (*schema.TABLES, *VIEWS))
HERE = f"c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname IN ({OURS})"
RELATIONS = f"""SELECT c.relname, c.relkind::text, c.relrowsecurity,
  EXISTS (SELECT 1 FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
FROM pg_class c WHERE {HERE} ORDER BY c.relname"""  # noqa: S608
COLUMNS = f"""SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) || coalesce(' ' || k.collname, '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation k ON k.oid = a.attcollation WHERE {HERE} ORDER BY c.relname, a.attnum"""  # noqa: S608
# tgtype has the moment and the events; the last column is false where a condition, a column or a setting narrows it.
TRIGGERS_THERE = f"""SELECT c.relname, t.tgname, t.tgenabled IN ('O', 'A'), t.tgtype::int, p.prosrc,
  t.tgqual IS NULL AND t.tgattr::text = '' AND p.proconfig IS NULL AND l.lanname = 'plpgsql'
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_language l ON l.oid = p.prolang WHERE NOT t.tgisinternal AND {HERE} ORDER BY c.relname, t.tgname"""  # noqa: S608
# What a view stands on besides our tables: other tables, and functions that are not PostgreSQL's own.
VIEWS_THERE = f"""SELECT c.relname, pg_get_viewdef(c.oid), EXISTS (SELECT 1 FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  LEFT JOIN pg_class k ON k.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
  WHERE r.ev_class = c.oid AND NOT (k.oid = c.oid OR coalesce(k.relkind = 'r' AND {HERE.replace("c.", "k.")}, false)))
FROM pg_class c WHERE c.relkind = 'v' AND {HERE} ORDER BY c.relname"""  # noqa: S608
NEXT_ONLY, APPEND_ONLY = 1 + 2 + 4, 2 + 8 + 16 + 32  # row, before, insert; before, delete, update, truncate
ADDED = {"as", "not", "text"}  # by PostgreSQL, as it writes a view's query down


def alterations(select: Select) -> list[str]:
    """What of the tables, their guards and the views is not as it was made, one sentence each.

    The views are asked for what they show only where all else is sound: an altered one may never come to an end.
    """
    return [*_tables(select), *_triggers(select), *_words(select)] or list(_shown(select))


def _tables(select: Select) -> Iterator[str]:
    there = {name: facts for name, *facts in select(RELATIONS)[1]}
    columns: dict[str, list[tuple[Any, ...]]] = {}
    for table, *column in select(COLUMNS)[1]:
        columns.setdefault(table, []).append(tuple(column))
    for table in schema.describe():
        kind, secured, ruled = there.get(table.name, (None, False, False))
        if kind != "r":
            yield f"{table.name} is no table"
        elif columns[table.name] != [(column.name, TYPES_THERE[column.kind]) for column in table.columns]:
            yield f"the columns of {table.name} were altered"
        if secured:
            yield f"row security of {table.name} may hide rows"
        if ruled:
            yield f"a rule changes what is done to {table.name}"
    yield from (f"{name} is no view" for name in VIEWS if there.get(name, ("",))[0] != "v")


def _triggers(select: Select) -> Iterator[str]:
    made = dict(re.findall(r"CREATE FUNCTION (\w+)[^$]*\$\$([^$]*)\$\$", "".join(FUNCTIONS)))
    there = {(table, name): facts for table, name, *facts in select(TRIGGERS_THERE)[1]}
    wanted = {("records", "next_only"): NEXT_ONLY, **{(table, "append_only"): APPEND_ONLY for table in schema.TABLES}}
    for (table, name), kind in wanted.items():
        if there.pop((table, name), None) != [True, kind, made[name], True]:
            yield f"the trigger {name} of {table} was removed, altered or switched off"
    yield from (f"it has a trigger of no registry: {plain(name, 80)} of {table}" for table, name in there)


def _words(select: Select) -> Iterator[str]:
    """A view may hold no word but those of its query: none of them tells the reader, the hour or the session."""
    names = {column.name for table in schema.describe() for column in table.columns}
    for name, query, strange in select(VIEWS_THERE)[1]:
        said = set(re.findall(r"\w+", re.sub(r"_\d+\b", "", query.lower())))
        if name in VIEWS and (strange or not said <= names | ADDED | set(re.findall(r"\w+", VIEWS[name].lower()))):
            yield _altered(name)


def _shown(select: Select) -> Iterator[str]:
    for name, query in VIEWS.items():
        ours, view = f"SELECT * FROM ({query}) ours", f"SELECT * FROM {name}"  # noqa: S608
        answers = [
            (select(f"{sql} LIMIT 0")[0], select(f"SELECT count(*) FROM ({sql}) counted")[1])  # noqa: S608
            for sql in (ours, view)
        ]
        if answers[0] != answers[1] or select(f"{ours} EXCEPT {view} LIMIT 1")[1]:
            yield _altered(name)


def _altered(view: str) -> str:
    return f"the view {view} does not show what it should: it was altered"
