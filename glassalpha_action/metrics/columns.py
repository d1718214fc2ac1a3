"""What several families ask of rows: who is in which group, which rows count, and whether two rows are alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glassalpha_action.cube import Slice
from glassalpha_action.evidence import Attribute, Evidence, Feature, Flags, Floats, Ints
from glassalpha_action.vocabulary import AND

MOST_LISTED = 100
NO_FEATURES = "the data hold no feature columns"
_ODD = [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB]


def counted(rows: Evidence) -> Evidence:
    """The rows without those of weight zero, which are absent. Its probes no longer fit and are left out."""
    if rows.weight is None or (rows.weight > 0).all():
        return rows
    kept = rows.weight > 0

    def of(values: Floats | None) -> Floats | None:
        return None if values is None else values[kept]

    return replace(
        rows,
        label=rows.label[kept],
        decision=rows.decision[kept],
        score=of(rows.score),
        attributes=tuple(replace(a, codes=a.codes[kept]) for a in rows.attributes),
        weight=of(rows.weight),
        features=tuple(taken(f, kept) for f in rows.features),
        probes=None,
        outcome=of(rows.outcome),
        prediction=of(rows.prediction),
    )


def taken(feature: Feature, kept: Flags | Ints) -> Feature:
    """The feature in the chosen rows."""
    values, codes = feature.values, feature.codes
    return replace(
        feature,
        values=None if values is None else values[kept],
        codes=None if codes is None else codes[kept],
    )


def weights(rows: Evidence) -> Floats:
    """What each row weighs, (n,)."""
    return np.ones(rows.rows) if rows.weight is None else rows.weight


def membership(rows: Evidence, group: Slice) -> Ints:
    """Each row's level on the slice's axis, (n,); the axis may be of combinations."""
    named = {a.name: a for a in rows.attributes}
    chosen = [named[group.axis.name]] if group.axis.name in named else [named[n] for n in group.axis.name.split(AND)]
    codes = tuple(a.codes.astype(np.int64) for a in chosen)
    return np.asarray(np.ravel_multi_index(codes, tuple(len(a.levels) for a in chosen)), dtype=np.int64)


def row_hashes(columns: Iterable[Feature | Attribute | Flags], rows: int) -> NDArray[np.uint64]:
    """64 bits for each row that are the same for rows alike in every column, and practically only for them."""
    found = np.zeros(rows, np.uint64)
    for place, column in enumerate(columns):
        if isinstance(column, Feature) and column.values is not None:
            # 0.0 and -0.0 are one value, and so are all NaN.
            bits = np.where(np.isnan(column.values), np.nan, column.values + 0.0).view(np.uint64)
        else:
            codes = column if isinstance(column, np.ndarray) else column.codes
            bits = np.asarray(codes, dtype=np.int64).view(np.uint64)
        salt = np.full(1, (place + 1) * _ODD[0] % 2**64, np.uint64)
        found = mixed(found ^ mixed(bits + salt))
    return found


def mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves about half of the output."""
    step = np.array(_ODD, np.uint64)
    bits = bits + step[:1]
    bits = (bits ^ (bits >> np.uint64(30))) * step[1:2]
    bits = (bits ^ (bits >> np.uint64(27))) * step[2:3]
    return np.asarray(bits ^ (bits >> np.uint64(31)))
