"""Rows that somebody changed by hand are damage, one sentence, or are of the types that readers rely on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect
from glassalpha_action.registry.schema import columns

VALUES = ("x'ff'", "''", "'x'", "0", "7.5", "NULL", "'2025-13-45'", "'3'", "'[]'", """'{"a": 1}'""")


def edited(file: Path, column: str, value: str) -> bool:
    """Whether the file took the value for the first audit's column, by somebody who removed the trigger."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP TRIGGER IF EXISTS audits_no_update")
        try:
            database.execute(f"UPDATE audits SET {column} = {value} WHERE seq = 1")  # noqa: S608
        except sqlite3.IntegrityError:
            return False
    return True


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", columns("audits"))
def test_a_hand_edited_row_is_damage_or_of_its_types(file: Path, column: str, value: str) -> None:
    if not edited(file, column, value):
        return
    with connect(file) as registry:
        try:
            found, code = registry.query_all(latest=False), 5
        except UserError as error:
            found, code = [], error.exit_code
    assert code == 5
    for row in found:
        date.fromisoformat(row.as_of)
        assert all(isinstance(text, str) for pair in row.metadata.items() for text in pair)
        assert all(cell is None or isinstance(cell, str | int | Mapping) for cell in row)


def test_the_edits_that_no_type_allows_are_damage(file: Path) -> None:
    for column, value in (("as_of", "'soon'"), ("model_name", "x'ff'"), ("metadata", "'[]'"), ("failed_gates", "''")):
        assert edited(file, column, value)
        with connect(file) as registry, pytest.raises(UserError, match="a row of audits is damaged"):
            registry.query_all(latest=False)


def test_a_hand_edited_measurement_is_damage(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP TRIGGER measured_no_update")
        database.execute("UPDATE measured SET value = 'much' WHERE seq = 1")
    with connect(file) as registry, pytest.raises(UserError, match="a row of measurements is damaged") as refused:
        registry.query_metric("roc_auc")
    assert refused.value.exit_code == 5
