"""Rows that are hard to count, and the cubes that every engine makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from glassalpha_action.config import Config, load
from glassalpha_action.cube import Cube
from glassalpha_action.load.counted import load_cube
from glassalpha_action.load.cubefile import Layout, write_cells
from tests.workspace import CONFIG, make

Counter = Callable[[Config, Layout], pd.DataFrame]
HOSTILE = "o'b\\r\"ie`n; DROP TABLE x --\u202e"
SETTINGS = """[sex, {0}, vip]"""


def scores(threshold: float, more: int = 3000) -> list[float]:
    """Every edge of every grid and of the decision, the doubles beside them, the ends, and what lies in between."""
    edges = [i / 1000 for i in range(0, 1001, 7)] + [i / 10 for i in range(11)] + [threshold]
    beside = [float(np.nextafter(e, to)) for e in edges for to in (0.0, 1.0)]
    odd = [0.0, -0.0, 1.0, float(np.nextafter(1, 0)), 5e-324, 2.0**-32, float(np.nextafter(2.0**-32, 0)), 1 - 2.0**-32]
    odd += [0.1 + 0.2, 1 / 3, 2 / 3, 0.001 * 3]
    return [*edges, *beside, *odd, *np.random.default_rng(1).uniform(size=more).tolist()]


def frame(threshold: float = 0.123456, more: int = 3000) -> pd.DataFrame:
    """Rows with those scores, names that hurt, missing values, truths, and an age to be cut."""
    draw = np.random.default_rng(2)
    score = np.array(scores(threshold, more))
    n = score.size
    return pd.DataFrame({
        "repaid": draw.integers(0, 2, n).astype(float),
        "score": score,
        "sex": np.array(["female", HOSTILE, "None", None], object)[draw.integers(0, 4, n)],
        "age group": np.where(draw.random(n) < 0.1, np.nan, draw.choice([18.0, 30.0, 29.999, 64.5, 65.0], n)),
        "vip": draw.integers(0, 2, n).astype(bool),
        "spare": draw.integers(0, 2, n),
    })  # fmt: skip


def config(folder: Path, *, threshold: float = 0.123456, path: str = "rows.parquet", **changes: str) -> Config:
    """An audit.yaml of those rows; `changes` replace one part of it by another."""
    text = CONFIG.replace("threshold: 0.5", f"threshold: {threshold!r}").replace("rows.csv", path)
    text = text.replace("[sex]", "{sex: {}, age group: {bins: [18, 30, 65]}, vip: {}, spare: {}}")
    for old, new in changes.items():
        assert f"{old}:" in text
        text = "".join(f"  {new}\n" if old in line else line for line in text.splitlines(keepends=True))
    return load(make(folder, text))


def cube(config: Config, cells: pd.DataFrame, path: Path) -> Cube:
    """The cube that an audit makes of the cells, by way of a file."""
    write_cells(cells, path)
    found = load_cube(config, path, as_of="2025-01-05", commit=None, strict=False, policy_sha256=None).rows
    assert isinstance(found, Cube)
    return found


def same(a: Cube, b: Cube) -> bool:
    """Whether two cubes are equal to the last integer."""
    names = ("edges", "key", "whole", "weighed")
    facts = a.axes == b.axes and (a.favorable_positive, a.scored) == (b.favorable_positive, b.scored)
    return facts and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def cells(rows: list[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    """Rows of a warehouse as a table."""
    return pd.DataFrame(rows, columns=names)
