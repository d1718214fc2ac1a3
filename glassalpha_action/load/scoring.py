"""The model's answers: read from the data, or made by the isolated model, which is asked about altered copies too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import NO_MODEL, Flags, Floats, Probes, Reference
from glassalpha_action.load.data import THRESHOLD, Labels
from glassalpha_action.load.explaining import Explanations, require_shap
from glassalpha_action.load.features import reference_of, reference_rows
from glassalpha_action.load.model import Explain, Scores, score
from glassalpha_action.load.provenance import file_sha256
from glassalpha_action.load.sandbox import Explained
from glassalpha_action.load.variants import MOST_FEATURES, TOO_MANY, Variants
from glassalpha_action.settings import Trust

if TYPE_CHECKING:
    import pandas as pd

SLOW = {"explainability", "robustness"}
DEV = "a dev-profile audit runs the model on the rows alone"
AMOUNTS = "the model predicts amounts, and altered copies are scored of decisions only"
REFERENCE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Scored:
    """The model's scores (amounts in a regression), None where only decisions are known, and what came with them."""

    values: Floats | None
    model_sha256: str | None = None
    format: str = "predictions"
    isolation: tuple[str, ...] = ()
    versions: Mapping[str, str] | None = None
    probes: Probes | None = None
    unprobed: str = NO_MODEL
    reference: Reference | None = None
    warnings: tuple[str, ...] = ()


def read_scores(config: Config, values: Floats | None, names: tuple[str, ...]) -> Scored:
    """The scores that the data hold, with the reference rows where there are any."""
    found = reference_rows(config, names)
    return Scored(values, reference=reference_of(*found) if found else None)


def run_model(
    config: Config, inputs: pd.DataFrame, labels: Labels | None, weight: Floats | None, trust: Trust
) -> Scored:
    """The scores that the model gives to `inputs` (n rows); without `labels` it is asked for amounts.

    Raises UserError: exit code 2 for a model that is not there, 3 for one that cannot be run.
    """
    path = config.resolve("model", "path")
    if not path.is_file():
        raise config.error(
            f"the model file {path.as_posix()} does not exist; the tool never trains one, so check the "
            "path or run the step that writes it.",
            "model",
            "path",
        )
    asked = _Asked(config, inputs, labels, np.ones(len(inputs), bool) if weight is None else weight > 0)
    try:
        found = score(
            path,
            inputs,
            positive_label=labels.positive_label if labels else "",
            negative_label=labels.negative_label if labels else None,
            format=config.document.model.format,
            trust=trust,
            amounts=labels is None,
            further=asked.further if asked.anything else None,
            explained=asked.explanations is not None,
        )
    except UserError as error:
        raise config.error(str(error), "model", "path", exit_code=error.exit_code) from None
    probes, unprobed, reference = asked.answered(found)
    return Scored(
        found.values,
        file_sha256(path),
        found.format,
        found.isolation,
        found.versions,
        probes,
        unprobed,
        reference,
        found.warnings,
    )


class _Asked:
    """What the model is asked beside the rows: the reference rows, and altered copies of the rows."""

    def __init__(self, config: Config, inputs: pd.DataFrame, labels: Labels | None, counted: Flags) -> None:
        document = config.document
        audit, names = document.audit, [str(name) for name in inputs.columns]
        self._seed = document.reproducibility.random_seed or 0
        self._scored_all = False
        self._favorable = (
            favorable_of(document.model.threshold, positive=labels.favorable_label == labels.positive_label)
            if labels
            else None
        )
        self._read = reference_rows(config, names)
        self._rescored = None
        if self._read and list(self._read[0].columns) == names:
            self._rescored = self._read[0]
            if len(self._rescored) > REFERENCE_ROWS:
                drawn = np.random.default_rng([self._seed, 4]).choice(
                    len(self._rescored), REFERENCE_ROWS, replace=False
                )
                self._rescored = self._rescored.iloc[np.sort(drawn)].reset_index(drop=True)
        wanted = SLOW & set(audit.sections or (() if audit.profile == "dev" else SLOW))
        self._reason = (
            AMOUNTS if labels is None else DEV if not wanted else TOO_MANY if len(names) > MOST_FEATURES else ""
        )
        withheld = {*document.data.protected_attributes, *document.data.proxies}
        self._variants = None if self._reason else Variants(inputs, counted, withheld, self._seed)
        self.explanations = None
        if audit.shap and self._variants and "explainability" in wanted:
            require_shap(config)
            told = audit.reason_codes == "shap"
            self.explanations = Explanations(inputs, counted, self._seed, withheld=withheld, reasons=told)

    @property
    def anything(self) -> bool:
        """Whether there is anything to ask."""
        return self._variants is not None or self._rescored is not None

    def further(self, scores: np.ndarray) -> Iterator[pd.DataFrame | Explain]:
        """The rows to score and to explain as well, once the scores of the audited rows are known."""
        if self._rescored is not None:
            yield self._rescored
        if self._variants is not None and self._favorable is not None:
            favorable = self._favorable(scores)
            yield from self._variants.frames(favorable)
            self._scored_all = True  # the next question is asked once the last is answered
            if self.explanations is not None:
                yield from self.explanations.questions(favorable)

    def answered(self, found: Scores) -> tuple[Probes | None, str, Reference | None]:
        """The probes or why there are none, and the reference rows with their scores."""
        scored = [reply for reply in found.further if not isinstance(reply, Explained)]
        first = int(self._rescored is not None)
        reference = None
        if self._read:
            told = scored[0] if first and scored else self._read[1]
            reference = reference_of(self._read[0], told)
        if self._variants is None:
            return None, self._reason, reference
        copies = scored[first:]
        if found.failure and not self._scored_all:
            return None, f"the model did not score altered copies of its rows: {found.failure}", reference
        return self._explained(self._variants.probes(copies), found), "", reference

    def _explained(self, probes: Probes, found: Scores) -> Probes:
        if self.explanations is None:
            return probes
        if found.failure:
            why = f"the model's scores were not explained: {found.failure}"
            return replace(probes, unexplained=why, untold=why if self.explanations.reasons else "")
        replies = [reply for reply in found.further if isinstance(reply, Explained)]
        sample, told, why = self.explanations.answered(replies, found.values)
        untold = why if self.explanations.reasons else ""
        return replace(probes, explained=sample, told=told, unexplained=why, untold=untold)


def favorable_of(threshold: float | None, *, positive: bool) -> Callable[[Floats], Flags]:
    """Which rows are decided in favour, by their scores; `positive`: the positive label is the good outcome."""
    limit, wanted = THRESHOLD if threshold is None else threshold, positive
    return lambda scores: np.asarray((scores >= limit) == wanted)
