"""Reads a data set that no model has seen yet: what it holds of groups, labels and features."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glassalpha_action.documents import UserError, nearest, plain
from glassalpha_action.evidence import MISSING, Attribute, Evidence, Feature
from glassalpha_action.load.data import MANY_LEVELS, MOST_LEVELS, coded, mistakable
from glassalpha_action.load.features import feature_of, features_of, is_number
from glassalpha_action.load.provenance import file_sha256, predictions_sha256, tool_version, versions
from glassalpha_action.load.table import Wanted, column_names, read_table
from glassalpha_action.records import AttributeSummary, DataSummary, Level, Provenance

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

# Parts of column names that often stand for what laws protect; they only make a suggestion.
TELLING = re.compile(
    r"(^|[^a-z])(ages?([^a-z]|$)|origin([^a-z]|$)|birth|sex|gender|race|racial|ethnic|nation|foreign|citizen|religio"
    r"|marital|married|disab|pregnan|language|veteran)"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column as found: `kind` is number or category, `levels` how many different values it has."""

    name: str
    kind: str
    levels: int
    missing: int
    suggested: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as evidence without decisions, with every column as found."""

    rows: Evidence
    data: DataSummary
    provenance: Provenance
    columns: tuple[Column, ...]


def load(path: Path, *, target: str | None, protected: Sequence[str], positive: str | None, as_of: str) -> Dataset:
    """The data set at `path`; `positive` is the label that counts as positive, 1 where labels are 0 and 1.

    Raises UserError for a file that cannot be read, columns it lacks, and a target that has not two labels.
    """
    where = "--data"
    names = column_names(path, where)
    _require(names, path, target, protected)
    words = tuple(dict.fromkeys([*([target] if target else []), *protected])) or (names[0],)
    read = read_table(path, where, Wanted(words, (), tuple(names)))
    features = features_of(read.features[[name for name in names if name != target]])
    notes: list[str] = []
    attributes = tuple(_attribute(name, read.roles[name], read.features[name], notes) for name in protected)
    label, positive = (
        _label(read.roles[target], target, positive) if target else (np.zeros(len(read.roles), bool), None)
    )
    summary = DataSummary(
        rows=len(read.roles),
        positives=int(label.sum()),
        positive_label=positive or "",
        favorable_label="",
        threshold=None,
        target=target or "none named",
        task="dataset",
        features=tuple(f.name for f in features),
        attributes=tuple(_summary(a, label) for a in attributes),
        notes=tuple(notes),
    )
    rows = Evidence(
        label=label,
        decision=np.zeros(label.size, bool),
        score=None,
        attributes=attributes,
        favorable_positive=True,
        threshold=None,
        features=features,
        holds=("labels", "rows") if target else ("rows",),
    )
    provenance = Provenance(
        as_of=as_of,
        tool_version=tool_version(),
        data_sha256=file_sha256(path),
        predictions_sha256=predictions_sha256(None, rows.decision),
        versions=versions("numpy", "pandas"),
    )
    return Dataset(rows, summary, provenance, tuple(_column(f) for f in features))


def _require(names: list[str], path: Path, target: str | None, protected: Sequence[str]) -> None:
    wanted = [("--target", target)] if target else []
    said = [
        f"{option}: {plain(f'{path.as_posix()} has no column `{name}`{nearest(str(name), names)}')}"
        for option, name in [*wanted, *(("--protected", name) for name in protected)]
        if name not in names
    ]
    if target in protected:
        said.append(f"--protected: `{plain(str(target), 80)}` is the target; a group cannot be its own outcome.")
    if said:
        raise UserError("\n".join(said))


def _label(column: pd.Series[Any], target: str, positive: str | None) -> tuple[np.ndarray, str]:
    values = coded(column)
    shown = ", ".join(plain(level, 40) for level in values.levels[:8]) + (", …" if len(values.levels) > 8 else "")
    if absent := int((values.codes < 0).sum()):
        raise UserError(
            f"--target: {absent:,} rows have no label in `{plain(target, 80)}`, the first in data row "
            f"{values.row_of(-1):,}; keep only rows whose outcome is known."
        )
    if len(values.levels) > 2:
        raise UserError(
            f"--target: `{plain(target, 80)}` holds {len(values.levels):,} labels ({shown}); "
            "name a column of two labels, or leave --target out."
        )
    chosen = positive or ("1" if set(values.levels) <= {"0", "1"} else None)
    if chosen is None:
        raise UserError(f"--target: the labels are {shown}; say which one counts as positive with --positive.")
    if chosen not in values.levels and (positive is not None or len(values.levels) == 2):
        raise UserError(f"--positive: `{plain(chosen, 80)}` is not among the labels ({shown}).")
    place = values.levels.index(chosen) if chosen in values.levels else -2
    return np.asarray(values.codes == place), chosen


def _attribute(name: str, column: pd.Series[Any], as_read: pd.Series[Any], notes: list[str]) -> Attribute:
    """The column as levels; a number of many values is cut at its quartiles, which `notes` then says."""
    values = coded(column)
    levels = tuple(level for level in values.levels if level != MISSING)
    if len(levels) > MANY_LEVELS and is_number(as_read):
        feature = feature_of(name, as_read)
        notes.append(
            f"`{plain(name, 80)}` is a number of {len(levels):,} values, cut here at its quartiles; "
            "audit.yaml cuts it where you say (`bins`)."
        )
        return _quartiles(name, feature)
    if len(levels) > MOST_LEVELS:
        raise UserError(
            f"--protected: `{plain(name, 80)}` has {len(levels):,} levels, more than the {MOST_LEVELS:,} that can be "
            "compared; name a column of groups."
        )
    index = {level: i for i, level in enumerate(levels)}
    place = np.array([*(index.get(level, len(levels)) for level in values.levels), len(levels)], dtype=np.int32)
    return _whole(name, levels, place[values.codes])


def _quartiles(name: str, feature: Feature) -> Attribute:
    values = feature.values if feature.values is not None else np.zeros(0)
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf"))
    codes = np.clip(np.searchsorted(edges, np.where(known, values, edges[0]), side="right") - 1, 0, edges.size - 2)
    levels = tuple(f"{a:.15g} to {b:.15g}" for a, b in itertools.pairwise(edges))
    return _whole(name, levels, np.where(known, codes, len(levels)).astype(np.int32))


def _whole(name: str, levels: tuple[str, ...], codes: np.ndarray) -> Attribute:
    if why := mistakable(name, levels):
        raise UserError(f"--protected: {plain(why)}")
    if codes.size and codes.max() == len(levels):
        levels = (*levels, MISSING)
    return Attribute(name, levels, codes)


def _summary(attribute: Attribute, label: np.ndarray) -> AttributeSummary:
    counts = np.bincount(attribute.codes, minlength=len(attribute.levels))
    positives = np.bincount(attribute.codes[label], minlength=len(attribute.levels))
    levels = tuple(
        Level(level=level, n=int(n), positives=int(p))
        for level, n, p in zip(attribute.levels, counts, positives, strict=True)
    )
    known = [level for level in levels if level.level != MISSING]
    return AttributeSummary(
        name=attribute.name,
        reference=max(known, key=lambda one: one.n).level if known else MISSING,
        levels=levels,
        missing=sum(level.n for level in levels if level.level == MISSING),
    )


def _column(feature: Feature) -> Column:
    missing = int(feature.missing.sum())
    if feature.values is not None:
        levels, kind = int(np.unique(feature.values[~feature.missing]).size), "number"
    else:
        levels, kind = len(feature.levels), "category"
    found = Column(feature.name, kind, levels, missing, False)
    telling = TELLING.search(feature.name.lower()) is not None
    return replace(found, suggested=telling and levels > 1 and (kind == "number" or levels <= MOST_LEVELS))
