"""Feature columns, weights and reference rows, checked, as the arrays that metrics ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.documents import plain
from glassalpha_action.evidence import Feature, Floats, Reference
from glassalpha_action.load.data import coded
from glassalpha_action.load.table import Wanted, column_names, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

MOST_AMOUNT = 1e60
LEAST_WEIGHT, MOST_WEIGHT = 1e-12, 1e12


def is_number(column: pd.Series[Any]) -> bool:
    """Whether the column holds real numbers; truths are no numbers."""
    import pandas as pd

    kinds = pd.api.types
    odd = kinds.is_bool_dtype(column.dtype) or kinds.is_complex_dtype(column.dtype)
    return bool(kinds.is_numeric_dtype(column.dtype) and not odd)


def feature_of(name: str, column: pd.Series[Any]) -> Feature:
    """The column as numbers where it is numeric, else as levels."""
    if is_number(column):
        return Feature(name, column.to_numpy(dtype=np.float64, na_value=np.nan))
    values = coded(column)
    return Feature(name, None, values.codes, values.levels)


def features_of(table: pd.DataFrame) -> tuple[Feature, ...]:
    """Every column of the table."""
    return tuple(feature_of(str(name), table[name]) for name in table.columns)


def weights_of(config: Config, table: pd.DataFrame) -> Floats | None:
    """The weight column, checked: numbers from 0 up whose sums and squares can be told apart, one of them above 0."""
    name = config.document.data.weight_column
    if name is None:
        return None
    weights = numbers_of(table[name])
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise config.error(
            f"{wrong.size:,} weights in `{name}` are not finite numbers from 0 up, the first "
            f"({plain(str(table[name].iloc[wrong[0]]), 40)}) in data row {wrong[0] + 1:,}.",
            "data",
            "weight_column",
        )
    extreme = np.flatnonzero((weights > 0) & ((weights < LEAST_WEIGHT) | (weights > MOST_WEIGHT)))
    if extreme.size:
        raise config.error(
            f"{extreme.size:,} weights in `{name}` are too small or too large to add up, the first "
            f"({plain(str(table[name].iloc[extreme[0]]), 40)}) in data row {extreme[0] + 1:,}; scale them to lie "
            f"between {LEAST_WEIGHT:.0e} and {MOST_WEIGHT:.0e}.",
            "data",
            "weight_column",
        )
    if not weights.any():
        raise config.error(f"every weight in `{name}` is 0, so no row counts.", "data", "weight_column")
    return weights


def amounts_of(config: Config, table: pd.DataFrame, key: str) -> Floats:
    """The column that `data.<key>` names, as numbers so small that even the spread of their squares is finite."""
    name = str(getattr(config.document.data, key))
    values = numbers_of(table[name])
    wrong = np.flatnonzero(~(np.abs(values) <= MOST_AMOUNT))
    if wrong.size:
        raise config.error(
            f"{wrong.size:,} values of `{name}` are not numbers up to {MOST_AMOUNT:.0e}, the first "
            f"({plain(str(table[name].iloc[wrong[0]]), 40)}) in data row {wrong[0] + 1:,}; "
            "a model of amounts is judged on rows whose amount is known.",
            "data",
            key,
        )
    return values


def numbers_of(column: pd.Series[Any]) -> Floats:
    """The column as numbers, NaN where a value is none."""
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))


def reference_rows(config: Config, names: Sequence[str]) -> tuple[pd.DataFrame, Floats | None] | None:
    """The features called `names` that the reference rows have, and their score column where they have one."""
    data = config.document.data
    if data.reference_path is None:
        return None
    path, where = config.resolve("data", "reference_path"), config.where("data", "reference_path")
    there = column_names(path, where)
    scored = (data.score_column,) if data.score_column in there else ()
    kept = tuple(name for name in names if name in there)
    if not kept and not scored:
        raise config.error("the reference rows have none of the data's features.", "data", "reference_path")
    read = read_table(path, where, Wanted((), tuple(str(name) for name in scored), kept))
    score = numbers_of(read.roles[scored[0]]) if scored else None
    return read.features, score


def reference_of(table: pd.DataFrame, score: Floats | None) -> Reference:
    """What drift is measured against; rows whose score is missing count as missing there."""
    return Reference(features_of(table), score)
