"""The reference page of the registry's tables, written from the schema's own remarks."""

from __future__ import annotations

from glassalpha_action.registry import schema

GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}",
)
NOTE = "<!-- Generated from the code by `make docs`; change the code, not this page. -->\n\n"
INTRODUCTION = """\
A registry is one SQLite file, or the same tables in a PostgreSQL database. Everything in it can be asked for with
`glassalpha registry`, with `glassalpha.Registry.connect(…)` in Python, or with any tool that speaks SQL:

```text
sqlite-utils query model_registry.db "SELECT model_id, team, as_of, status FROM standing"
datasette model_registry.db
psql postgresql://host/model_registry -c "SELECT model_id, team, as_of, status FROM standing"
```

Three views answer the common questions: `standing` has the audit that counts for each model, the latest on main that no
correction supersedes, with the columns of `audits`; `inventory` has each model as last described, with those of
`models`; `measurements` has every measurement with what was measured, the columns of `metrics` and `measured` together.

A registry that follows a ledger on a git branch holds the ledger's records and no others: `glassalpha registry sync`
fills it, and with `--ledger` the commands `glassalpha registry submit`, `glassalpha model` and `glassalpha event add`
record in the ledger first and bring the registry up to it.

The tables:
"""
QUERIES = """
## Questions in SQL

Models that fail a gate, and which:

```sql
SELECT s.model_id, g.gate_name, g.attribute, g.value, g.threshold
FROM standing s JOIN gates g ON g.seq = s.seq WHERE g.failed = 1 ORDER BY s.model_id, g.position;
```

One metric over time:

```sql
SELECT a.as_of, m.attribute, m.value, m.low, m.high, m.n
FROM audits a JOIN measurements m ON m.seq = a.seq
WHERE a.stage = 'main' AND a.model_id = 'credit_model_v2' AND m.metric = 'demographic_parity_difference'
ORDER BY a.as_of;
```

The audits that a policy's exact text judged:

```sql
SELECT a.model_id, a.as_of, a.status FROM audits a JOIN policies p ON p.sha256 = a.policy_sha256
WHERE p.policy_id = 'organization-credit-model-baseline' AND p.version = '1.0';
```
"""
RECORD = """
## Reading a record by hand

`glassalpha registry show ID --json` prints an audit. Without it, zlib is all it takes:

```python
import hashlib, json, sqlite3, zlib

database = sqlite3.connect("model_registry.db")
parts = {digest: zlib.decompress(kept) for digest, kept in database.execute("SELECT sha256, content FROM parts")}
for seq, digest, kept in database.execute("SELECT seq, digest, content FROM records ORDER BY seq"):
    content = zlib.decompress(kept)
    assert hashlib.sha256(content).hexdigest() == digest
    audit = json.loads(content).get("audit", {})
    for name in {"glossary", "policy"} & audit.keys():
        if audit[name]:
            part = parts[audit[name]]
            assert hashlib.sha256(part).hexdigest() == audit[name]
            audit[name] = json.loads(part)
```

`content` is the record as canonical JSON, and `audit` then what audit.json holds. Its id is the SHA-256 of the audit as
it stands in `content`, without `audit_id`. What has its default is left out, and so are the title, unit and direction
of a metric that the glossary defines: the schema, `policies/schema/audit.schema.json`, names the defaults.
"""
ROLES = """
## Append-only, and who may do what

Triggers refuse `UPDATE` and `DELETE` in both kinds of registry, and `TRUNCATE` in PostgreSQL. Whoever owns the file or
the tables can remove the triggers; what they then change is found by `glassalpha registry verify`, and with an
`--anchor` kept elsewhere so is a whole chain written anew.

In PostgreSQL let an owner make the tables once (`glassalpha registry init --database postgresql://…`), and give those
who submit a login of their own that may only read and add:

```sql
{grants};
```

A login that only reads needs `USAGE` on the schema and `SELECT` on the tables. The tables go into the first schema of
the login's search path; another one is chosen in the URL: `postgresql://host/db?options=-csearch_path%3Dregistry`. A
password is better kept out of the URL: `PGPASSWORD`, `PGPASSFILE` and `PGSERVICE` work as with psql.

PostgreSQL's text cannot hold the character NUL. Where a name from an audit has one, the column has DLE `@` in its place
(and DLE `=` for a DLE); the record itself and what `glassalpha` shows are unchanged.
"""


def registry_page() -> str:
    """The page `site/reference/registry.md`."""
    parts = ["# The registry's tables\n\n", NOTE, INTRODUCTION]
    for table in schema.describe():
        parts.append(
            f"\n## `{table.name}`\n\n{table.remark[0].upper()}{table.remark[1:]}.\n\n"
            "| column | SQLite type | |\n|---|---|---|\n"
        )
        parts += [f"| `{c.name}` | {c.kind} | {c.remark.replace('|', chr(92) + '|')} |\n" for c in table.columns]
    grants = ";\n".join(GRANTS).format(schema="public", role="glassalpha_writer")
    return "".join([*parts, QUERIES, RECORD, ROLES.format(grants=grants)])
