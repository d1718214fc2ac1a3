"""The tables of a registry and their meaning, written for SQLite; PostgreSQL's are made of the same lines.

`sqlite3 FILE .schema` prints them; in PostgreSQL the remarks are the comments that `\\d+` shows.
"""

import re
from functools import cache
from typing import NamedTuple

APPLICATION_ID = 0x474C4152
SCHEMA_VERSION = 1

RECORDS = """
CREATE TABLE records ( -- the chain: one row per submitted audit or event; every table but parts is derived from it
  seq INTEGER PRIMARY KEY, -- 1, 2, 3, ... without a gap
  kind TEXT NOT NULL CHECK (kind IN ('audit', 'event')),
  id TEXT NOT NULL, -- audit_id, or the digest of the event
  stage TEXT NOT NULL CHECK (stage IN ('main', 'proposed')), -- proposed: from a pull request
  digest TEXT NOT NULL, -- SHA-256 of the content
  link TEXT NOT NULL, -- SHA-256 over the previous link, seq and digest
  content BLOB NOT NULL, -- the record as canonical JSON (RFC 8785), compressed with zlib
  UNIQUE (id, stage)
)"""
PARTS = """
CREATE TABLE parts ( -- one row per glossary or policy, which many records share and name by its digest
  sha256 TEXT PRIMARY KEY, -- SHA-256 of the content
  seq INTEGER NOT NULL REFERENCES records (seq), -- the first record that names it
  content BLOB NOT NULL -- canonical JSON (RFC 8785), compressed with zlib
)"""
AUDITS = """
CREATE TABLE audits ( -- one row per audit
  seq INTEGER PRIMARY KEY REFERENCES records (seq),
  audit_id TEXT NOT NULL,
  stage TEXT NOT NULL, -- main or proposed
  as_of TEXT NOT NULL, -- the audit's day, YYYY-MM-DD (UTC)
  recorded_at TEXT NOT NULL, -- when it was submitted, ISO 8601 (UTC)
  author TEXT, -- who made the change
  model_id TEXT NOT NULL,
  model_name TEXT,
  model_version TEXT,
  use_case TEXT,
  team TEXT, -- as given on submission, else as the model declares
  cost_center TEXT,
  owner TEXT,
  tier TEXT,
  lifecycle TEXT NOT NULL, -- dev, candidate, production or retired
  status TEXT NOT NULL, -- PASSED, REVIEW, BLOCKED or NO_POLICY
  enforced INTEGER NOT NULL, -- 0: the status does not count yet
  headline TEXT NOT NULL, -- the status as shown, such as would be BLOCKED
  profile TEXT NOT NULL, -- dev audits are not for approval
  failed_gates INTEGER NOT NULL, -- error and warning gates that fail, are missing or in error, and unmet requirements
  policy_id TEXT,
  policy_version TEXT,
  policy_sha256 TEXT,
  model_sha256 TEXT,
  git_commit TEXT,
  data_rows INTEGER NOT NULL,
  metadata TEXT NOT NULL, -- JSON object of strings, as given on submission
  supersedes TEXT, -- the id of the audit that this one corrects, which no longer counts
  reason TEXT -- why it corrects that audit
)"""
GATES = """
CREATE TABLE gates ( -- one row per gate of an audit
  seq INTEGER NOT NULL REFERENCES audits (seq),
  position INTEGER NOT NULL, -- 0, 1, ... in the policy's order
  gate_id TEXT NOT NULL,
  gate_name TEXT NOT NULL,
  metric TEXT NOT NULL,
  attribute TEXT, -- the one that decided
  severity TEXT NOT NULL, -- error, warning or info
  outcome TEXT NOT NULL, -- PASS, FAIL, INCONCLUSIVE, MISSING, WAIVED, NOT_APPLICABLE or ERROR
  raw_outcome TEXT NOT NULL, -- before waivers
  failed INTEGER NOT NULL, -- 1: counted among failed_gates
  value REAL,
  low REAL, -- the interval of the value
  high REAL,
  n INTEGER,
  comparison TEXT NOT NULL,
  threshold REAL,
  threshold_high REAL, -- the upper end where the comparison is between
  clause TEXT,
  PRIMARY KEY (seq, position)
) WITHOUT ROWID"""
REQUIREMENTS = """
CREATE TABLE requirements ( -- one row per reproducibility requirement of an audit
  seq INTEGER NOT NULL REFERENCES audits (seq),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  met INTEGER NOT NULL,
  PRIMARY KEY (seq, position)
) WITHOUT ROWID"""
METRICS = """
CREATE TABLE metrics ( -- one row per metric at its parameters, for one attribute
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL REFERENCES audits (seq), -- the first audit that measured it
  metric TEXT NOT NULL,
  params TEXT NOT NULL, -- JSON object: the metric's parameters where they are not the usual ones
  attribute TEXT, -- the protected attribute, where the metric compares groups
  unit TEXT NOT NULL,
  confidence REAL, -- of the intervals
  counts_missing INTEGER NOT NULL -- 1: rows that have no value of the attribute are a group of their own
)"""
MEASURED = """
CREATE TABLE measured ( -- one row per measurement of an audit; the view measurements shows them by name
  seq INTEGER NOT NULL, -- the row of audits
  metric_id INTEGER NOT NULL, -- the row of metrics
  value REAL, -- NULL where it could not be measured
  reason TEXT, -- why there is no value
  low REAL, -- the interval of the value
  high REAL,
  n INTEGER NOT NULL, -- rows
  PRIMARY KEY (seq, metric_id)
) WITHOUT ROWID"""
MODELS = """
CREATE TABLE models ( -- one row per model and change of its description on main; the one with the highest seq holds
  seq INTEGER PRIMARY KEY REFERENCES audits (seq), -- the audit that brought it
  model_id TEXT NOT NULL,
  name TEXT,
  version TEXT,
  use_case TEXT,
  owner TEXT,
  developer TEXT,
  validator TEXT,
  team TEXT,
  cost_center TEXT,
  tier TEXT,
  lifecycle TEXT NOT NULL,
  intended_use TEXT,
  limitations TEXT,
  next_review TEXT -- YYYY-MM-DD, as given on submission, else the policy's
)"""
POLICIES = """
CREATE TABLE policies ( -- one row per policy text that an audit was judged by
  sha256 TEXT PRIMARY KEY,
  seq INTEGER NOT NULL REFERENCES audits (seq), -- the first audit judged by it
  policy_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  effective_date TEXT,
  citation TEXT,
  owner TEXT,
  next_review TEXT,
  text TEXT NOT NULL
)"""
EVENTS = """
CREATE TABLE events ( -- one row per governance event
  seq INTEGER PRIMARY KEY REFERENCES records (seq),
  id TEXT NOT NULL,
  kind TEXT NOT NULL, -- such as approval.granted
  subject TEXT NOT NULL, -- the model, policy or team it is about
  at TEXT NOT NULL, -- ISO 8601 (UTC)
  "by" TEXT NOT NULL, -- who says so; the name needs its quotation marks in SQL
  body TEXT NOT NULL -- JSON object
)"""
SUPERSEDED = "SELECT supersedes FROM audits WHERE supersedes IS NOT NULL"
# One ordered pass, however many audits a model has; asking of each audit for a later one can take their square.
LATEST = f"""SELECT seq FROM (
      SELECT seq, lead(seq) OVER (PARTITION BY model_id ORDER BY as_of, seq) AS later FROM audits
      WHERE stage = {{stage}} AND audit_id NOT IN ({SUPERSEDED})) ordered
    WHERE later IS NULL"""  # noqa: S608
STANDING = f"""
CREATE VIEW standing AS -- the audit that counts for each model: the latest on main that no other supersedes
  SELECT a.* FROM audits a WHERE a.seq IN (
    {LATEST.format(stage="'main'")})"""  # noqa: S608
INVENTORY = """
CREATE VIEW inventory AS -- each model as last described on main
  SELECT m.* FROM models m WHERE m.seq IN (SELECT max(seq) FROM models GROUP BY model_id)"""
MEASUREMENTS = """
CREATE VIEW measurements AS -- each measurement of each audit with what was measured
  SELECT d.seq, d.metric_id, k.metric, k.params, k.attribute, k.counts_missing, k.unit, d.value, d.reason, d.low,
    d.high, k.confidence, d.n
  FROM measured d JOIN metrics k ON k.id = d.metric_id"""
VIEWS = (STANDING, INVENTORY, MEASUREMENTS)
INDEXES = (
    "CREATE INDEX audits_latest ON audits (stage, model_id, as_of, seq, audit_id)",
    "CREATE INDEX audits_id ON audits (audit_id)",
    "CREATE INDEX audits_supersedes ON audits (supersedes) WHERE supersedes IS NOT NULL",
    "CREATE INDEX gates_failed ON gates (seq) WHERE failed = 1",
    "CREATE INDEX metrics_metric ON metrics (metric)",
    "CREATE INDEX models_id ON models (model_id, seq)",
    "CREATE INDEX events_subject ON events (subject, kind)",
)
# Without these, INSERT OR REPLACE would remove a row and no DELETE trigger would hear of it.
NEXT_ONLY = """
CREATE TRIGGER records_next_only BEFORE INSERT ON records
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM records)
  OR EXISTS (SELECT 1 FROM records WHERE id = NEW.id AND stage = NEW.stage)
BEGIN SELECT RAISE(ABORT, 'the registry is append-only'); END"""
NEW_ONLY = """
CREATE TRIGGER parts_new_only BEFORE INSERT ON parts
WHEN EXISTS (SELECT 1 FROM parts WHERE sha256 = NEW.sha256)
BEGIN SELECT RAISE(ABORT, 'the registry is append-only'); END"""
TABLES = ("records", "parts", "audits", "gates", "requirements", "metrics", "measured", "models", "policies", "events")
UNCHANGED = tuple(
    f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the registry is append-only'); END"
    for table in TABLES
    for action in ("UPDATE", "DELETE")
)
CREATE = (RECORDS, PARTS, AUDITS, GATES, REQUIREMENTS, METRICS, MEASURED, MODELS, POLICIES, EVENTS)
SCHEMA_1 = (*CREATE, *VIEWS, *INDEXES, NEXT_ONLY, NEW_ONLY, *UNCHANGED)


class Column(NamedTuple):
    """One column, its SQLite type and the remark that explains it, empty where its name does."""

    name: str
    kind: str
    remark: str


class Table(NamedTuple):
    """One table, the remark that explains it, and its columns."""

    name: str
    remark: str
    columns: tuple[Column, ...]


def view_queries() -> tuple[tuple[str, str], ...]:
    """Each view's name and the query it stands for."""
    return tuple(re.findall(r"CREATE VIEW (\w+) AS --.*\n([\s\S]*)", sql)[0] for sql in VIEWS)


def statements() -> dict[str, str]:
    """The statement that made each table, view, index and trigger of an SQLite registry, by name."""
    return {re.findall(r"CREATE [A-Z]+ (\w+)", sql)[0]: sql.strip() for sql in SCHEMA_1}


@cache
def describe() -> tuple[Table, ...]:
    """The tables as they are declared above."""
    return tuple(_described(sql) for sql in CREATE)


@cache
def columns(table: str) -> tuple[str, ...]:
    """The names of a table's columns, in the order in which rows give them."""
    return next(tuple(column.name for column in one.columns) for one in describe() if one.name == table)


def _described(sql: str) -> Table:
    first, *lines = sql.strip().splitlines()
    name, remark = re.findall(r"CREATE TABLE (\w+) \( -- (.*)", first)[0]
    columns = [re.match(r'  "?([a-z]\w*)"? ([A-Z]+)(?:.*?-- (.*))?', line) for line in lines]
    return Table(name, remark, tuple(Column(c[1], c[2], c[3] or "") for c in columns if c))
