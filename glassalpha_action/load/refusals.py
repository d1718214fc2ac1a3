"""What the openers of model files share: why there are no scores, and the checks on columns and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

NAMED = 10  # names told in one sentence
FLOAT32_ROUNDING = 1e-6


class ModelError(Exception):
    """Why there are no scores: `kind` is a key of the parent's table of sentences, `detail` a few words beside it."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


def listed(names: Sequence[object]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(str(name)[:80] for name in names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def match_columns(trained: Sequence[str], given: Sequence[str]) -> None:
    """Raise ModelError "columns" that names every column missing from, or unknown to, what the file was trained on."""
    missing = [name for name in trained if name not in set(given)]
    extra = [name for name in given if name not in set(trained)]
    said = [f"{word} {listed(names)}" for word, names in (("it misses", missing), ("it does not know", extra)) if names]
    if said:
        raise ModelError("columns", "; ".join(said))


def match_count(trained: int, given: int) -> None:
    """Raise ModelError "columns" where a file without names takes another number of columns."""
    if trained != given:
        raise ModelError("columns", f"it takes {trained} and was given {given}")


def numbers(column: pd.Series[Any]) -> Any:
    """A column as float64 (n,), missing values NaN; ModelError "values" where it holds text."""
    from pandas.api.types import is_numeric_dtype

    if not is_numeric_dtype(column.dtype):
        raise ModelError("values", f"column {column.name} does not hold numbers, which the file takes there")
    return column.to_numpy(dtype="float64", na_value=float("nan"))


def both_classes(positive: Any) -> Any:
    """(n, 2) from the probabilities of class 1, (n,): what float32 rounding puts beside 0 or 1 is moved there."""
    import numpy as np

    positive = np.asarray(positive, dtype="float64")
    clipped = np.clip(positive, 0.0, 1.0)
    positive = np.where(np.abs(positive - clipped) <= FLOAT32_ROUNDING, clipped, positive)
    return np.column_stack([1.0 - positive, positive])
