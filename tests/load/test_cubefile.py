"""A cube as a file: what is written is what is read, whatever the rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassalpha_action.config import load
from glassalpha_action.cube import build
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import Evidence
from glassalpha_action.load.cubefile import GRIDS, cells_of, layout_of, read_cells, write_cells
from glassalpha_action.load.data import Labels
from tests.load import counting
from tests.metrics.rows import any_rows, evidence, random_rows
from tests.workspace import CONFIG, make


def described(folder: Path, rows: Evidence) -> counting.Config:
    """An audit.yaml of rows like these."""
    text = CONFIG.replace("[sex]", "{" + ", ".join(f"{a.name}: {{}}" for a in rows.attributes) + "}")
    text = text if rows.score is not None else text.replace("score_column: score", "prediction_column: decided")
    text = text if rows.weight is None else text.replace("target_column", "weight_column: w\n  target_column")
    return load(make(folder, text.replace("favorable_label: 1", f"favorable_label: {int(rows.favorable_positive)}")))


def cells(config: counting.Config, rows: Evidence, grid: int = 1000, below: int = 0) -> pd.DataFrame:
    names = Labels("1", str(int(rows.favorable_positive)), "0", rows.label, ())
    return cells_of(build(rows, grid), names, layout_of(config, "x", grid, below))


@given(any_rows(), st.sampled_from(["parquet", "json", "csv"]), st.sampled_from(GRIDS), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_what_is_read(
    tmp_path: Path, rows: Evidence, ending: str, grid: int, weighted: bool
) -> None:
    if weighted:
        weight = np.random.default_rng(rows.rows).uniform(0, 3, rows.rows)
        rows = replace(rows, weight=np.where(weight < 1, 0, weight) if rows.rows > 2 and weight.max() > 1 else weight)
    if rows.weight is not None and not all(
        set(a.codes[rows.weight > 0]) == set(range(len(a.levels))) for a in rows.attributes
    ):
        return  # A level of rows that all weigh nothing is in no cell.
    config = described(tmp_path, rows)
    found = counting.cube(config, cells(config, rows, grid), tmp_path / f"c.{ending}")
    assert counting.same(found, build(rows, grid))


def test_the_order_of_cells_does_not_matter(tmp_path: Path) -> None:
    rows = random_rows(1)
    config = described(tmp_path, rows)
    every = cells(config, rows)
    shuffled = every.sample(frac=1, random_state=0, ignore_index=True)
    for name, part in (("a.csv", every), ("b.csv", shuffled)):
        write_cells(part, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    shuffled.to_csv(tmp_path / "c.csv", index=False)
    assert counting.same(counting.cube(config, read_cells(tmp_path / "c.csv")[1], tmp_path / "d.csv"), build(rows))


def test_an_empty_text_is_a_level_and_no_missing_value(tmp_path: Path) -> None:
    rows = evidence([1, 0, 1], score=[0.9, 0.1, 0.5], g=["", "None", None])
    config = described(tmp_path, rows)
    for name in ("c.csv", "c.json", "c.parquet"):
        found = counting.cube(config, cells(config, rows), tmp_path / name)
        assert found.axes[0].levels == ("", "None", "(missing)")


def test_a_level_that_reads_as_a_missing_value_hides_no_group_of_a_cube(tmp_path: Path) -> None:
    rows = evidence([1, 0, 1], score=[0.9, 0.1, 0.5], g=["a", "b", "c & (missing)"])
    config = described(tmp_path, rows)
    with pytest.raises(UserError, match=r"a level `c & \(missing\)`, which reads as a missing value"):
        counting.cube(config, cells(config, rows), tmp_path / "c.json")


def test_suppressed_cells_are_counted_in_the_totals(tmp_path: Path) -> None:
    rows = random_rows(1)
    config = described(tmp_path, rows)
    kept, every = cells(config, rows, 10, 8), cells(config, rows, 10)
    assert len(kept) < len(every)
    assert kept["n"].min() >= 8
    write_cells(kept, tmp_path / "c.json")
    _, found = read_cells(tmp_path / "c.json")
    assert (int(found["all_rows"].iloc[0]), int(found["all_cells"].iloc[0])) == (rows.rows, len(every))


def test_rows_that_have_no_cube(tmp_path: Path) -> None:
    amounts = CONFIG.replace("  threshold: 0.5\n  positive_label: 1\n  favorable_label: 1\n", "  task: regression\n")
    amounts = amounts.replace("score_column", "prediction_column")
    with pytest.raises(UserError, match="amounts cannot be counted"):
        layout_of(load(make(tmp_path, amounts)), "x")
