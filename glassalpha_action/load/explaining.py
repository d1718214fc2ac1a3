"""Which rows the model's scores are explained for, against which, and what the answers say."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.evidence import Attributions, Flags, Floats, Ints
from glassalpha_action.load.attributions import CLOSE, METHODS, MOST_PERMUTED
from glassalpha_action.load.model import Explain
from glassalpha_action.load.sandbox import Explained

if TYPE_CHECKING:
    import pandas as pd

EXPLAINED = 300
BACKGROUND = 100
WAYS = {
    "tree": "exactly, from the model's trees,",
    "linear": "exactly, from the model's coefficients,",
    "permutation": "by seeded permutations of whole features",
}
NOT_ADDING_UP = "the SHAP values that the model's process gave do not add up to its scores"


class Explanations:
    """What is asked about `inputs` (n rows): seeded rows against seeded rows, where `sampled`.

    Where `reasons` are wanted, rows decided unfavourably against rows decided in favour, all of the former unless
    `sampled`, of every feature but those `withheld`. `counted` (n,) says which rows may be drawn.
    """

    def __init__(
        self,
        inputs: pd.DataFrame,
        counted: Flags,
        seed: int,
        *,
        withheld: Collection[str],
        reasons: bool,
        sampled: bool = True,
    ) -> None:
        self._inputs, self._counted, self._seed = inputs, np.flatnonzero(counted), seed
        self._withheld, self.reasons, self._sampled = withheld, reasons, sampled
        self._asked: list[tuple[Ints, int]] = []

    def questions(self, favorable: Flags) -> Iterator[Explain]:
        """What to ask the model; `favorable` (n,) are the rows decided in favour."""
        self._asked = []
        if self._sampled:
            yield self._question(self._counted, self._counted)
        favored, others = self._counted[favorable[self._counted]], self._counted[~favorable[self._counted]]
        if self.reasons and favored.size and others.size:
            yield self._question(others, favored)

    def answered(
        self, replies: Sequence[Explained], scores: Floats
    ) -> tuple[Attributions | None, Attributions | None, str]:
        """What the replies say of the sample and of reasons, or why they say nothing; `scores` (n,) are the rows'."""
        found = [self._read(reply, *asked) for reply, asked in zip(replies, self._asked, strict=True)]
        if not all(_off(each, scores) <= CLOSE for each in found):
            return None, None, NOT_ADDING_UP
        sample = found.pop(0) if self._sampled else None
        return sample, self._without(found[0]) if found else None, ""

    def _question(self, among: Ints, against: Ints) -> Explain:
        rows = self._drawn(among, EXPLAINED, 0) if self._sampled else among
        background = self._drawn(against, BACKGROUND, 1)
        self._asked.append((rows, background.size))
        frame = self._inputs.iloc[np.concatenate([background, rows])].reset_index(drop=True)
        return Explain(frame, background.size, self._seed)

    def _drawn(self, among: Ints, most: int, purpose: int) -> Ints:
        if among.size <= most:
            return among
        random = np.random.default_rng([self._seed, 6, len(self._asked), purpose])
        return np.sort(random.choice(among, most, replace=False))

    def _read(self, reply: Explained, rows: Ints, background: int) -> Attributions:
        way = reply.method.partition(" ")[0]
        against = min(background, MOST_PERMUTED) if way == "permutation" else background
        said = f"Explained {WAYS[way]} on {rows.size:,} rows against {against:,} others."
        names = tuple(str(name) for name in self._inputs.columns)
        return Attributions(names, rows, reply.values, reply.base, METHODS[reply.method], said)

    def _without(self, found: Attributions) -> Attributions:
        kept = [i for i, name in enumerate(found.names) if name not in self._withheld]
        names = tuple(found.names[i] for i in kept)
        return Attributions(names, found.rows, found.values[:, kept], found.base, found.log_odds, found.detail)


def _off(found: Attributions, scores: Floats) -> float:
    """By how much, at most, the base and the values of a row miss its score."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = found.base + found.values.sum(axis=1)
        reached = 1 / (1 + np.exp(-total)) if found.log_odds else total
    return float(np.abs(reached - scores[found.rows]).max(initial=0.0))


def require_shap(config: Config) -> None:
    """Raise UserError where the package that `audit.shap` needs is not installed."""
    if importlib.util.find_spec("shap") is None:
        raise config.error(
            "SHAP values need the package shap: run pip install 'glassalpha-action[shap]', or remove the line.",
            "audit",
            "shap",
        )
