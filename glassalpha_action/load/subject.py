"""Brings one model's evidence together: rows, scores (read, or made by the isolated model), and their provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config
from glassalpha_action.documents import UserError, plain
from glassalpha_action.evidence import Evidence, Floats
from glassalpha_action.load import data as rows
from glassalpha_action.load.model import Trust, score
from glassalpha_action.load.provenance import Commit, file_sha256, predictions_sha256, tool_version, versions
from glassalpha_action.records import DataSummary, Provenance

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Subject:
    """What the pipeline is given of one model."""

    rows: Evidence
    data: DataSummary
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Scored:
    scores: Floats | None
    model_sha256: str | None = None
    format: str = "predictions"
    isolation: tuple[str, ...] = ()
    versions: Mapping[str, str] | None = None


def load(
    config: Config, *, as_of: str, commit: Commit | None, strict: bool, trust: Trust, policy_sha256: str | None
) -> Subject:
    """The evidence that `config` describes.

    Raises UserError: exit code 2 for a mistake in configuration or data, 3 for a model that cannot be run.
    """
    document = config.document
    path = config.resolve("data", "path")
    table = rows.read_table(path, config.where("data", "path"))
    table.columns = [str(c) for c in table.columns]
    rows.require(config, table, _wanted(config))
    table = _sampled(config, table)
    features = tuple(rows.feature_names(document.data, table)) if document.model.path else ()
    labels = rows.labels_of(config, table)
    attributes = tuple(
        rows.attribute_of(config, table, name, how) for name, how in document.data.protected_attributes.items()
    )
    rows.check_cells(config, attributes)
    summary = rows.summary(document.model, document.data, labels, attributes, features)
    strict = strict or document.reproducibility.strict
    if strict:
        _enforce_strict(config, summary, commit)
    scored = _scored(config, table, labels, features, trust)
    decisions = rows.decisions_of(config, table, labels, scored.scores)
    provenance = Provenance(
        as_of=as_of,
        tool_version=tool_version(),
        config_sha256=config.sha256,
        model_sha256=scored.model_sha256,
        model_format=scored.format,
        data_sha256=file_sha256(path),
        policy_sha256=policy_sha256,
        strict=strict,
        predictions_sha256=predictions_sha256(scored.scores, decisions),
        seed=document.reproducibility.random_seed,
        git_commit=commit.sha if commit else None,
        git_clean=commit.clean if commit else None,
        isolation=scored.isolation,
        versions=versions("numpy", "pandas") | dict(scored.versions or {}),
    )
    evidence = Evidence(
        label=labels.positive,
        decision=decisions,
        score=scored.scores,
        attributes=attributes,
        favorable_positive=labels.favorable_label == labels.positive_label,
        threshold=summary.threshold if scored.scores is not None else None,
    )
    return Subject(evidence, summary, provenance)


def _wanted(config: Config) -> dict[tuple[str, ...], list[str]]:
    data = config.document.data
    wanted: dict[tuple[str, ...], list[str]] = {
        ("data", key): [name]
        for key in ("target_column", "score_column", "prediction_column")
        if (name := getattr(data, key))
    }
    wanted[("data", "feature_columns")] = list(data.feature_columns or ())
    wanted[("data", "exclude_columns")] = list(data.exclude_columns)
    for name in data.protected_attributes:
        wanted[("data", "protected_attributes", name)] = [name]
    return wanted


def _sampled(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    size, seed = config.document.audit.sample_rows, config.document.reproducibility.random_seed
    if size is None or size >= len(table):
        return table
    chosen = np.sort(np.random.default_rng(seed or 0).choice(len(table), size, replace=False))
    return table.iloc[chosen].reset_index(drop=True)


def _scored(config: Config, table: pd.DataFrame, labels: rows.Labels, features: tuple[str, ...], trust: Trust) -> _Scored:
    if config.document.data.has_predictions:
        return _Scored(rows.scores_of(config, table))
    path = config.resolve("model", "path")
    if not path.is_file():
        raise config.error(
            f"the model file {path.as_posix()} does not exist; the tool never trains one, so check the "
            "path or run the step that writes it.",
            "model",
            "path",
        )
    try:
        found = score(
            path,
            table[list(features)],
            positive_label=labels.positive_label,
            negative_label=labels.negative_label,
            format=config.document.model.format,
            trust=trust,
        )
    except UserError as error:
        raise config.error(str(error), "model", "path", exit_code=error.exit_code) from None
    return _Scored(found.values, file_sha256(path), found.format, found.isolation, found.versions)


def _enforce_strict(config: Config, summary: DataSummary, commit: Commit | None) -> None:
    """Raise one error that names every rule of strict mode that is not met."""
    document = config.document
    rules = (
        (document.reproducibility.random_seed is None, ("reproducibility",), "set `reproducibility.random_seed`."),
        (not document.data.protected_attributes, ("data",), "name `data.protected_attributes`."),
        (
            document.model.threshold is None and not document.data.prediction_column,
            ("model",),
            "set `model.threshold`.",
        ),
        (document.model.positive_label is None, ("model",), "set `model.positive_label`."),
        (document.model.favorable_label is None, ("model",), "set `model.favorable_label`."),
    )
    said = [f"{config.where(*keys)}: strict mode: {message}" for broken, keys, message in rules if broken]
    if commit is None:
        said.append(f"{config.path.as_posix()}: strict mode: the inputs are in no git checkout; commit them to one.")
    elif not commit.clean:
        files = ", ".join(commit.modified[:3]) + (", …" if len(commit.modified) > 3 else "")
        said.append(
            f"{config.path.as_posix()}: strict mode: tracked files are modified since commit {commit.sha[:12]} "
            f"({plain(files, 300)}); commit or discard the changes."
        )
    said += [
        f"{config.where('data')}: strict mode: {warning}"
        for warning in summary.warnings
        if "favorable_label" not in warning
    ]
    if said:
        raise UserError("\n".join(said))
