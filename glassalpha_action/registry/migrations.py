"""The steps from one schema of the SQLite registry to the next, applied by sqlite-utils."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from glassalpha_action.registry import schema

MIGRATIONS = Migrations("glassalpha-registry")


@MIGRATIONS()
def tables(db: Database) -> None:
    """Schema 1: the tables, their indexes, and the triggers that refuse any change."""
    for sql in schema.SCHEMA_1:
        db.execute(sql)


def apply_migrations(db: Database) -> None:
    """Bring an open transaction's file to this version's schema.

    The moments at which migrations ran are left out: the same records make the same bytes.
    """
    MIGRATIONS.apply(db)
    db.execute("UPDATE _sqlite_migrations SET applied_at = NULL")
    db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
