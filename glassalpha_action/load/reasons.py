"""Why each person was decided against: the reasons of every row, asked of the isolated model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import Flags, Floats, Ints
from glassalpha_action.load import data as rows
from glassalpha_action.load.explaining import Explanations, require_shap
from glassalpha_action.load.features import weights_of
from glassalpha_action.load.model import Explain, Scores, score
from glassalpha_action.load.sandbox import Explained
from glassalpha_action.load.scoring import favorable_of
from glassalpha_action.load.subject import wanted_columns
from glassalpha_action.load.table import Wanted, column_names, read_table
from glassalpha_action.load.variants import Variants
from glassalpha_action.metrics.explainability import strongest
from glassalpha_action.settings import Trust

if TYPE_CHECKING:
    import pandas as pd

TIMEOUT = 1800.0  # seconds: every such row is asked about once for each feature


@dataclass(frozen=True, slots=True)
class Told:
    """A row decided unfavourably: its place in the data from 1, its id, its score, and its reasons, at most four.

    Reasons are names of columns, the weightiest first.
    """

    row: int
    id: str | None
    score: float
    reasons: tuple[str, ...]


def reasons(config: Config, trust: Trust) -> tuple[Told, ...]:
    """Every row of the data that the model decides unfavourably, in their order, with its reasons.

    The target is not read. Raises UserError: exit code 2 for a mistake in configuration or data, 3 for a model that
    cannot be run.
    """
    _check(config)
    document = config.document
    path, where = config.resolve("data", "path"), config.where("data", "path")
    names, data = column_names(path, where), document.data
    wanted = {keys: found for keys, found in wanted_columns(config).items() if keys != ("data", "target_column")}
    rows.require(config, names, wanted)
    named = tuple(filter(None, (data.id_column,)))
    numbers = tuple(filter(None, (data.weight_column,)))
    read = read_table(path, where, Wanted((), numbers, tuple(rows.feature_names(data, names)), named))
    weight = weights_of(config, read.roles)
    counted = np.ones(len(read.features), bool) if weight is None else weight > 0
    asked = _Asked(config, read.features, counted)
    found = _score(config, read.features, asked, trust)
    ids = None if data.id_column is None else read.roles[data.id_column]
    return tuple(
        Told(
            row=int(place) + 1,
            id=None if ids is None or ids.isna().iloc[place] else rows.written_level(ids.iloc[place]),
            score=float(found.values[place]),
            reasons=codes,
        )
        for place, codes in zip(asked.others.tolist(), asked.codes(config, found), strict=True)
    )


class _Asked:
    """What the model is asked about every row that counts and is decided unfavourably."""

    def __init__(self, config: Config, inputs: pd.DataFrame, counted: Flags) -> None:
        document = config.document
        model, seed = document.model, document.reproducibility.random_seed or 0
        withheld = {*document.data.protected_attributes, *document.data.proxies}
        self.names = [str(name) for name in inputs.columns if str(name) not in withheld]
        self.by_shap = document.audit.reason_codes == "shap"
        self._sign = 1.0 if model.favorable_label == model.positive_label else -1.0
        self._favorable = favorable_of(model.threshold, positive=self._sign > 0)
        self._counted = counted
        self._variants = Variants(inputs, counted, withheld, seed)
        self._explanations = Explanations(inputs, counted, seed, withheld=withheld, reasons=True, sampled=False)
        self.others: Ints = np.zeros(0, np.int64)
        self._anyone = False

    def further(self, scores: Floats) -> Iterator[pd.DataFrame | Explain]:
        """What to ask, once the scores are known."""
        favorable = self._favorable(scores)
        self.others = np.flatnonzero(self._counted & ~favorable)
        self._anyone = bool((self._counted & favorable).any())
        yield from self._explanations.questions(favorable) if self.by_shap else self._variants.replacing(favorable)

    def codes(self, config: Config, found: Scores) -> list[tuple[str, ...]]:
        """The reasons of each of `others`."""
        if not self.others.size:
            return []
        if not self._anyone:
            raise config.error("no row is decided in favour, so nobody can be compared with.", "data", "path")
        if found.failure:
            raise config.error(f"the model gave no reasons: {found.failure}", "model", "path", exit_code=3)
        if self.by_shap:
            replies = [reply for reply in found.further if isinstance(reply, Explained)]
            _, told, why = self._explanations.answered(replies, found.values)
            if told is None:
                raise config.error(f"the model gave no reasons: {why}.", "model", "path", exit_code=3)
            return strongest(told.names, -self._sign * told.values.T)
        scored = [reply for reply in found.further if not isinstance(reply, Explained)]
        moved = np.concatenate([*scored, np.zeros(0)]).reshape(-1, self.others.size) - found.values[self.others]
        return strongest(self.names, self._sign * moved)


def _score(config: Config, inputs: pd.DataFrame, asked: _Asked, trust: Trust) -> Scores:
    model = config.document.model
    same = model.positive_label == model.favorable_label
    try:
        return score(
            config.resolve("model", "path"),
            inputs,
            positive_label=str(model.positive_label),
            negative_label=None if same else model.favorable_label,
            format=model.format,
            trust=trust,
            timeout=TIMEOUT,
            further=asked.further,
            explained=asked.by_shap,
        )
    except UserError as error:
        raise config.error(str(error), "model", "path", exit_code=error.exit_code) from None


def _check(config: Config) -> None:
    """Raise UserError where reasons cannot be asked for, or would depend on a guess."""
    model, data = config.document.model, config.document.data
    if data.has_predictions or model.path is None:
        raise config.error(
            "reasons are asked of the model, and only its predictions are given: set `model.path`.", "data"
        )
    if model.task != "classification":
        raise config.error("reasons are those of a decision, and this model predicts amounts.", "model", "task")
    missing = [key for key in ("threshold", "positive_label", "favorable_label") if getattr(model, key) is None]
    if missing:
        named = ", ".join(f"`model.{key}`" for key in missing)
        raise config.error(f"reasons depend on who is decided against: set {named}.", "model")
    if config.document.audit.reason_codes == "shap":
        require_shap(config)
