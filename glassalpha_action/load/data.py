"""Turns columns, checked one by one, into the arrays that metrics ask for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassalpha_action.config import Config, DataBlock, ModelBlock, ProtectedAttribute
from glassalpha_action.documents import UserError, nearest, plain
from glassalpha_action.evidence import COUNTED, MISSING, Attribute, Codes, Flags, Floats, Ints
from glassalpha_action.records import AttributeSummary, DataSummary, Level
from glassalpha_action.vocabulary import AND

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 0.5
MANY_LEVELS = 20
MOST_LEVELS = 2_000
MOST_CELLS = 1 << 50
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Labels:
    """The two labels as text, and each row's: `positive` (n,) is True where it carries the positive one."""

    positive_label: str
    favorable_label: str
    negative_label: str | None
    positive: Flags
    warnings: tuple[str, ...]


def require(config: Config, present: list[str], wanted: dict[tuple[str, ...], list[str]]) -> None:
    """Raise one error that names every wanted column that is not present, each with the line that asks for it."""
    missing = [
        f"{config.where(*keys)}: {plain(f'the data has no column `{name}`{nearest(name, present)}')}"
        for keys, names in wanted.items()
        for name in names
        if name not in present
    ]
    if missing:
        raise UserError("\n".join(missing))


@dataclass(frozen=True, slots=True)
class Coded:
    """A column as levels: `codes` (n,) index into `levels`, sorted text; -1 where a value is missing."""

    levels: tuple[str, ...]
    codes: NDArray[np.int32]

    def row_of(self, level: int) -> int:
        """The first data row with this level, counting from 1."""
        return int(np.flatnonzero(self.codes == level)[0]) + 1


def coded(column: pd.Series[Any]) -> Coded:
    """The column's values as text levels: 1, 1.0 and "1" are one level."""
    codes, values = _factorized(column)
    used = _used(codes, len(values))
    written = [written_level(v) for v in values]
    levels = tuple(sorted({text for text, any_row in zip(written, used, strict=True) if any_row}))
    place = {level: i for i, level in enumerate(levels)}
    lookup = np.array([place.get(text, -1) for text in written] + [-1], dtype=np.int32)
    if np.array_equal(lookup[:-1], np.arange(len(values))):
        return Coded(levels, codes.astype(np.int32))
    found = np.empty(codes.size, np.int32)
    for start in range(0, codes.size, CHUNK):
        part = slice(start, start + CHUNK)
        np.take(lookup, codes[part], out=found[part], mode="wrap")
    return Coded(levels, found)


def _used(codes: NDArray[Any], size: int) -> Flags:
    """Which of so many values some code stands for; reading ends where all have been met."""
    found = np.zeros(size + 1, bool)
    for start in range(0, codes.size, CHUNK):
        found[codes[start : start + CHUNK]] = True
        if found[:-1].all():
            break
    return found[:-1]


def _factorized(column: pd.Series[Any]) -> tuple[NDArray[Any], list[object]]:
    """Codes (n,), -1 where missing, and the values they stand for."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), list(column.cat.categories)
    try:
        found, values = pd.factorize(column)
    except TypeError:  # lists and mappings, as JSON may hold
        found, values = pd.factorize(column.map(str, na_action="ignore"))
    return found, list(values)


def written_level(value: object) -> str:
    """A value as the text of its level: 1 and 1.0 are one."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def unlabelled(n: int) -> Labels:
    """What stands in for the labels of `n` rows whose outcome is an amount."""
    return Labels("", "", None, np.zeros(n, bool), ())


def labels_of(config: Config, table: pd.DataFrame) -> Labels:
    """The target column as labels. Raises UserError where they are not two, not declared, or missing."""
    model, data = config.document.model, config.document.data
    keys = ("data", "target_column")
    values = coded(table[data.target_column])
    absent = int((values.codes < 0).sum())
    if absent:
        raise config.error(
            f"{absent:,} rows have no label in `{data.target_column}`, the first in data row {values.row_of(-1):,}; "
            "audit only rows whose outcome is known.",
            *keys,
        )
    distinct = values.levels
    shown = ", ".join(distinct[:8]) + (", …" if len(distinct) > 8 else "")
    if len(distinct) > 2:
        raise config.error(
            f"the target column `{data.target_column}` holds {len(distinct):,} labels ({shown}); an audit judges two.",
            *keys,
        )
    positive = model.positive_label
    if positive is None:
        if not set(distinct) <= {"0", "1"}:
            raise config.error(
                f"the labels in `{data.target_column}` are {shown}, not 0 and 1; "
                "say which one the scores speak of with `model.positive_label`.",
                *keys,
            )
        positive = "1"
    if positive not in distinct and len(distinct) == 2:
        raise config.error(
            f"positive_label `{positive}` is not among the labels in `{data.target_column}` ({shown}).",
            "model",
            "positive_label",
        )
    negative = next((v for v in distinct if v != positive), "0" if positive == "1" else None)
    favorable = model.favorable_label
    said: tuple[str, ...] = ()
    if favorable is None:
        favorable = positive
        said = (f"favorable_label is not declared; the positive label {positive} is taken as the favourable outcome.",)
    elif favorable not in {positive, negative}:
        raise config.error(
            f"favorable_label `{favorable}` is not among the labels in `{data.target_column}` ({shown}).",
            "model",
            "favorable_label",
        )
    return Labels(positive, favorable, negative, _carries(values, positive), said)


def scores_of(config: Config, table: pd.DataFrame) -> Floats | None:
    """The score column, checked: numbers within [0, 1], none missing."""
    name = config.document.data.score_column
    if name is None:
        return None
    import pandas as pd

    keys = ("data", "score_column")
    scores = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if wrong.size:
        raise config.error(
            f"{wrong.size:,} scores in `{name}` are not numbers from 0 to 1, the first "
            f"({str(table[name].iloc[wrong[0]])[:40]}) in data row {wrong[0] + 1:,}; "
            "write the model's probability of the positive label.",
            *keys,
        )
    return scores


def decisions_of(config: Config, table: pd.DataFrame, labels: Labels, scores: Floats | None) -> Flags:
    """The prediction column where there is one, else scores at or above the threshold."""
    name = config.document.data.prediction_column
    if name is None:
        if scores is None:
            raise ValueError("neither scores nor predictions")
        return np.asarray(
            scores >= (THRESHOLD if config.document.model.threshold is None else config.document.model.threshold)
        )
    values = coded(table[name])
    known = {labels.positive_label, labels.negative_label or labels.positive_label}
    strange = [-1] * bool((values.codes < 0).any()) + [i for i, v in enumerate(values.levels) if v not in known]
    if strange:
        shown = "missing" if strange[0] < 0 else values.levels[strange[0]][:40]
        raise config.error(
            f"{int(np.isin(values.codes, strange).sum()):,} predictions in `{name}` are neither of the labels "
            f"{', '.join(sorted(known))}, the first ({shown}) in data row {values.row_of(strange[0]):,}.",
            "data",
            "prediction_column",
        )
    return _carries(values, labels.positive_label)


def _carries(values: Coded, label: str) -> Flags:
    return np.asarray(values.codes == (values.levels.index(label) if label in values.levels else -2))


def attribute_of(config: Config, table: pd.DataFrame, name: str, how: ProtectedAttribute) -> Attribute:
    """One protected attribute, cut into levels; those without a value form the level `(missing)`, last."""
    column = table[name]
    if how.bins:
        levels, codes = _cut(config, column, how, ("data", "protected_attributes", name))
    else:
        values = coded(column)
        levels = tuple(level for level in values.levels if level != MISSING)
        index = {level: i for i, level in enumerate(levels)}
        place = [index.get(level, len(levels)) for level in values.levels]
        codes = np.array([*place, len(levels)], dtype=np.int32)[values.codes]
    return checked_attribute(config, name, how, levels, codes)


def checked_attribute(
    config: Config, name: str, how: ProtectedAttribute, levels: tuple[str, ...], codes: Codes
) -> Attribute:
    """An attribute of these levels, `(missing)` being the code after the last.

    Raises UserError for too many levels, or names that would be taken for something else.
    """
    keys = ("data", "protected_attributes", name)
    if why := mistakable(name, levels):
        raise config.error(why, *keys)
    if len(levels) > MOST_LEVELS:
        raise config.error(
            f"`{name}` has {len(levels):,} levels, more than the {MOST_LEVELS:,} that can be compared; "
            "cut it with `bins`.",
            *keys,
        )
    if how.reference is not None and how.reference not in levels:
        raise config.error(f"the reference `{how.reference}` is no level of `{name}` ({', '.join(levels[:8])}).", *keys)
    if codes.size and codes.max() == len(levels):
        levels = (*levels, MISSING)
    return Attribute(name, levels, codes, how.reference)


def mistakable(name: str, levels: Iterable[str]) -> str | None:
    """Why an attribute would be taken for several combined, or a level for a missing value, which gaps leave out."""
    if AND in name:
        return f"the name `{name}` holds `{AND}`, which stands between attributes combined; rename the column."
    level = next((level for level in levels if {MISSING, COUNTED} & {*level.split(AND)}), None)
    if level is None:
        return None
    return f"`{name}` has a level `{level[:80]}`, which reads as a missing value and would not be compared; rename it."


def level_names(bins: tuple[float, ...], labels: tuple[str, ...] | None) -> tuple[str, ...]:
    """The levels between the edges `bins`: their `labels`, else the edges themselves."""
    return labels or tuple(f"{a:.15g} to {b:.15g}" for a, b in itertools.pairwise(bins))


def _cut(
    config: Config, column: pd.Series[Any], how: ProtectedAttribute, keys: tuple[str, ...]
) -> tuple[tuple[str, ...], Any]:
    """Levels [edge, next edge) of a numeric column, the last one closed."""
    import pandas as pd

    edges = np.array(how.bins)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    absent = column.isna().to_numpy()
    outside = np.flatnonzero(~absent & ~((values >= edges[0]) & (values <= edges[-1])))
    if outside.size:
        raise config.error(
            f"{outside.size:,} values of `{keys[-1]}` lie outside the bins {edges[0]:g} to {edges[-1]:g}, "
            f"the first ({str(column.iloc[outside[0]])[:40]}) in data row {outside[0] + 1:,}; widen them.",
            *keys,
        )
    codes = np.minimum(np.searchsorted(edges, np.where(absent, edges[0], values), side="right") - 1, len(edges) - 2)
    levels = level_names(how.bins or (), how.labels)
    return levels, np.where(absent, len(levels), codes).astype(np.int32)


def check_cells(config: Config, attributes: tuple[Attribute, ...]) -> None:
    """Raise UserError where the attributes' levels combine to more cells than can be numbered."""
    cells = math.prod(len(a.levels) for a in attributes)
    if cells > MOST_CELLS:
        raise config.error(
            f"the protected attributes' levels combine to {cells:.0e} groups; cut them with `bins` or name fewer.",
            "data",
            "protected_attributes",
        )


def feature_names(data: DataBlock, present: list[str]) -> list[str]:
    """The columns the model is given: those named, else all that play no other role."""
    if data.feature_columns:
        return list(data.feature_columns)
    taken = {
        data.target_column,
        data.score_column,
        data.prediction_column,
        data.weight_column,
        data.id_column,
        *data.exclude_columns,
        *data.protected_attributes,
    }
    return [name for name in present if name not in taken]


def summary(
    model: ModelBlock,
    data: DataBlock,
    labels: Labels,
    attributes: tuple[Attribute, ...],
    features: tuple[str, ...],
    counts: Ints | None = None,
) -> DataSummary:
    """What the audit looked at, with what a reader should know before trusting it.

    `counts` (n,) is how many rows each entry of `labels` and `attributes` stands for, one if not given.
    """
    said = list(labels.warnings)
    notes = [
        f"The protected attribute `{a.name}` is among the model's features." for a in attributes if a.name in features
    ]
    for attribute in attributes:
        if len(attribute.levels) > MANY_LEVELS:
            said.append(f"`{attribute.name}` has {len(attribute.levels)} levels; cut a numeric attribute with `bins`.")
    if labels.positive_label and (labels.positive.all() or not labels.positive.any()):
        said.append("All rows carry the same label, so that most metrics cannot be estimated.")
    return DataSummary(
        rows=int(labels.positive.size if counts is None else counts.sum()),
        positives=int(labels.positive.sum() if counts is None else counts[labels.positive].sum()),
        positive_label=labels.positive_label,
        favorable_label=labels.favorable_label,
        target=data.target_column,
        features=features,
        notes=tuple(notes),
        warnings=tuple(said),
        threshold=None
        if data.prediction_column or model.task == "regression"
        else THRESHOLD
        if model.threshold is None
        else model.threshold,
        attributes=tuple(_described(a, labels.positive, counts) for a in attributes),
    )


def _described(attribute: Attribute, positive: Flags, n: Ints | None) -> AttributeSummary:
    size = len(attribute.levels)
    counts = np.bincount(attribute.codes, n, size)
    positives = np.bincount(attribute.codes[positive], None if n is None else n[positive], size)
    known = [i for i, level in enumerate(attribute.levels) if level != MISSING]
    largest = attribute.levels[max(known, key=lambda i: int(counts[i]))] if known else MISSING
    return AttributeSummary(
        name=attribute.name,
        reference=attribute.reference or largest,
        levels=tuple(
            Level(level=level, n=int(n), positives=int(p))
            for level, n, p in zip(attribute.levels, counts, positives, strict=True)
        ),
        missing=int(counts[-1]) if attribute.levels[-1] == MISSING else 0,
    )
