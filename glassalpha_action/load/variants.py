"""Which altered copies of the features are scored as well, so that metrics can ask what the scores rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glassalpha_action.evidence import Flags, Floats, Ints, Probes
from glassalpha_action.load.data import coded
from glassalpha_action.load.features import is_number

if TYPE_CHECKING:
    import pandas as pd

REPEATS = 5
SAMPLE = 2_000
LEAST_SAMPLE = 200
NOISE = 0.05
MOST_FEATURES = 200
MOST_CELLS = 1 << 24
BATCH_CELLS = 1 << 22
MOST_EXACT = 2.0**53
TOO_MANY = f"the model is given more than {MOST_FEATURES} features, and scoring copies of all would take too long"


class Variants:
    """Altered copies of `inputs` (n rows) and, once they are scored, what was learned from them.

    `counted` (n,) says which rows may be drawn. `protected` columns are never a reason. A copy in which a feature is
    permuted, or replaced by a typical value, only takes values from other rows, so that every type stays what it was.
    """

    def __init__(self, inputs: pd.DataFrame, counted: Flags, protected: Collection[str], seed: int) -> None:
        self._inputs, self._counted, self._seed = inputs, np.flatnonzero(counted), seed
        self._names = [str(name) for name in inputs.columns]
        self._reasons = [i for i, name in enumerate(self._names) if name not in protected]
        width = max(1, len(self._names))
        affordable = MOST_CELLS // (width * (width * (REPEATS + 1) + REPEATS))
        self._size = min(SAMPLE, max(LEAST_SAMPLE, affordable))
        self._sample = self._drawn(self._counted, 0)
        self._unfavorable: Ints = np.zeros(0, np.int64)
        self._noisy = 0

    def frames(self, favorable: Flags) -> Iterator[pd.DataFrame]:
        """The altered copies, in a few frames; `favorable` (n,) are the rows decided in favour."""
        self._unfavorable = self._drawn(self._counted[~favorable[self._counted]], 1)
        noisy = self._perturbed()
        self._noisy = 0 if noisy is None else len(noisy)
        if noisy is not None:
            yield noisy
        yield from self._in_batches([*self._permutations(), *self._replacements(favorable)])

    def replacing(self, favorable: Flags) -> Iterator[pd.DataFrame]:
        """Of all rows that are not `favorable` (n,), a copy for each feature that may be a reason, one feature after
        another: its value made the typical one of rows that are."""
        self._unfavorable = self._counted[~favorable[self._counted]]
        yield from self._in_batches([*self._replacements(favorable)])

    def _in_batches(self, parts: list[tuple[Ints, int, Ints]]) -> Iterator[pd.DataFrame]:
        """Parts say which row each cell is taken from: rows, a column, the rows it is taken from in that column."""
        batch = max(1, BATCH_CELLS // max(1, len(self._names)))
        rows = sum(own.size for own, _, _ in parts)
        for start in range(0, rows, batch):
            yield self._taken(parts, start, min(rows, start + batch))

    def probes(self, scores: Sequence[Floats]) -> Probes:
        """What the scores of `frames`, in that order, say."""
        found = np.concatenate([*scores, np.zeros(0)])
        m, u = self._sample.size, self._unfavorable.size
        perturbed, rest = found[: self._noisy], found[self._noisy :]
        width = len(self._names)
        permuted, replaced = rest[: width * REPEATS * m], rest[width * REPEATS * m :]
        return Probes(
            sample=self._sample,
            permuted=dict(zip(self._names, permuted.reshape(width, REPEATS, m), strict=True)),
            perturbed=perturbed.reshape(-1, m) if m else np.zeros((0, 0)),
            unfavorable=self._unfavorable,
            replaced={self._names[i]: values for i, values in zip(self._reasons, replaced.reshape(-1, u), strict=False)}
            if u
            else {},
        )

    def _drawn(self, among: Ints, purpose: int) -> Ints:
        if among.size <= self._size:
            return among
        return np.sort(self._random(purpose).choice(among, self._size, replace=False))

    def _random(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *purpose])

    def _permutations(self) -> Iterator[tuple[Ints, int, Ints]]:
        for column in range(len(self._names)):
            random = self._random(2, column)
            for _ in range(REPEATS):
                yield self._sample, column, random.permutation(self._sample)

    def _replacements(self, favorable: Flags) -> Iterator[tuple[Ints, int, Ints]]:
        among = self._counted[favorable[self._counted]]
        if not among.size or not self._unfavorable.size:
            return
        for column in self._reasons:
            typical = typical_row(self._inputs.iloc[:, column], among)
            yield self._unfavorable, column, np.full(self._unfavorable.size, typical)

    def _taken(self, parts: list[tuple[Ints, int, Ints]], start: int, end: int) -> pd.DataFrame:
        """Rows `start` to `end` of all parts, one after another."""
        import pandas as pd

        own = np.concatenate([rows for rows, _, _ in parts])[start:end]
        sources = dict.fromkeys(range(len(self._names)), own)
        at = 0
        for rows, column, source in parts:
            first, last = max(at, start), min(at + rows.size, end)
            if first < last:
                if sources[column] is own:
                    sources[column] = own.copy()
                sources[column][first - start : last - start] = source[first - at : last - at]
            at += rows.size
        columns = {i: self._inputs.iloc[:, i].take(where).array for i, where in sources.items()}
        frame = pd.DataFrame(columns)
        frame.columns = self._inputs.columns
        return frame

    def _perturbed(self) -> pd.DataFrame | None:
        """REPEATS copies of the sample with noise on every number; None where there are no numbers."""
        import pandas as pd

        copies = self._inputs.iloc[np.tile(self._sample, REPEATS)].reset_index(drop=True)
        changed = False
        for i, name in enumerate(self._names):
            column = self._inputs.iloc[:, i]
            if not is_number(column) or not self._sample.size:
                continue
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            finite = values[np.isfinite(values)]
            spread = float(finite.std()) if finite.size else 0.0
            if not 0 < spread < np.inf or np.abs(finite).max() > MOST_EXACT:
                continue
            before = values[np.tile(self._sample, REPEATS)]
            after = before + self._random(3, i).normal(0.0, NOISE * spread, before.size)
            after = np.clip(after, finite.min(), finite.max())
            if column.dtype.kind in "iu":
                after = np.round(after)
            copies[name] = pd.Series(np.where(np.isfinite(before), after, before)).astype(column.dtype)
            changed = True
        return copies if changed else None


def typical_row(column: pd.Series[Any], among: Ints) -> int:
    """The row of `among` that holds the lower median of a numeric column, else the most frequent value."""
    if is_number(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)[among]
        known = np.flatnonzero(~np.isnan(values))
        if not known.size:
            return int(among[0])
        order = known[np.argsort(values[known], kind="stable")]
        return int(among[order[(order.size - 1) // 2]])
    codes = coded(column.iloc[among]).codes
    known = np.flatnonzero(codes >= 0)
    if not known.size:
        return int(among[0])
    return int(among[np.flatnonzero(codes == np.bincount(codes[known]).argmax())[0]])
