"""Brings one model's evidence together: rows, scores (read, or made by the isolated model), and their provenance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.config import Config, DataBlock
from glassalpha_action.cube import Cube
from glassalpha_action.documents import UserError, plain
from glassalpha_action.evidence import CLASSIFICATION, REGRESSION, Evidence, Floats
from glassalpha_action.load import data as rows
from glassalpha_action.load.features import amounts_of, features_of, weights_of
from glassalpha_action.load.provenance import Commit, file_sha256, predictions_sha256, tool_version, versions
from glassalpha_action.load.scoring import Scored, read_scores, run_model
from glassalpha_action.load.table import Wanted, column_names, read_table
from glassalpha_action.records import DataSummary, Provenance
from glassalpha_action.settings import Trust

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Subject:
    """What the pipeline is given of one model: its rows, or where they were counted elsewhere a cube of them."""

    rows: Evidence | Cube
    data: DataSummary
    provenance: Provenance


def load(
    config: Config, *, as_of: str, commit: Commit | None, strict: bool, trust: Trust, policy_sha256: str | None
) -> Subject:
    """The evidence that `config` describes.

    Raises UserError: exit code 2 for a mistake in configuration or data, 3 for a model that cannot be run.
    """
    document = config.document
    path, where = config.resolve("data", "path"), config.where("data", "path")
    names = column_names(path, where)
    rows.require(config, names, wanted_columns(config))
    features = tuple(rows.feature_names(document.data, names))
    known = bool(document.model.path or document.data.feature_columns)
    amounts = document.model.task == "regression"
    read = read_table(path, where, columns(document.data, features, amounts=amounts))
    table, inputs = _sampled(config, read.roles), _sampled(config, read.features)
    del read
    weight = weights_of(config, table)
    outcome = amounts_of(config, table, "target_column") if amounts else None
    labels = rows.unlabelled(len(table)) if amounts else rows.labels_of(config, table)
    attributes = tuple(
        rows.attribute_of(config, table, name, how) for name, how in document.data.protected_attributes.items()
    )
    rows.check_cells(config, attributes)
    summary = rows.summary(document.model, document.data, labels, attributes, features if known else ())
    summary = summary.model_copy(update={"weighted": weight is not None, "task": document.model.task})
    strict = strict or document.reproducibility.strict
    if strict:
        enforce_strict(config, summary, commit)
    scored = _scored(config, table, inputs, None if amounts else labels, weight, trust)
    summary = with_model_warnings(config, summary, scored.warnings, strict=strict)
    decisions = np.zeros(len(table), bool) if amounts else rows.decisions_of(config, table, labels, scored.values)
    provenance = Provenance(
        as_of=as_of,
        tool_version=tool_version(),
        config_sha256=config.sha256,
        model_sha256=scored.model_sha256,
        model_format=scored.format,
        data_sha256=file_sha256(path),
        policy_sha256=policy_sha256,
        strict=strict,
        predictions_sha256=predictions_sha256(scored.values, decisions),
        seed=document.reproducibility.random_seed,
        git_commit=commit.sha if commit else None,
        git_clean=commit.clean if commit else None,
        isolation=scored.isolation,
        versions=versions("numpy", "pandas") | dict(scored.versions or {}),
    )
    evidence = Evidence(
        label=labels.positive,
        decision=decisions,
        score=None if amounts else scored.values,
        attributes=attributes,
        favorable_positive=labels.favorable_label == labels.positive_label,
        threshold=summary.threshold if scored.values is not None else None,
        weight=weight,
        features=features_of(inputs),
        inputs=features if known else None,
        probes=scored.probes,
        unprobed=scored.unprobed,
        reference=scored.reference,
        outcome=outcome,
        prediction=scored.values if amounts else None,
        holds=REGRESSION if amounts else CLASSIFICATION,
        seed=document.reproducibility.random_seed or 0,
    )
    return Subject(evidence, summary, provenance)


def _scored(
    config: Config,
    table: pd.DataFrame,
    inputs: pd.DataFrame,
    labels: rows.Labels | None,
    weight: Floats | None,
    trust: Trust,
) -> Scored:
    """The model's scores, or where there are no `labels` its amounts."""
    if not config.document.data.has_predictions:
        return run_model(config, inputs, labels, weight, trust)
    values = rows.scores_of(config, table) if labels else amounts_of(config, table, "prediction_column")
    return read_scores(config, values, tuple(inputs.columns))


def columns(data: DataBlock, features: tuple[str, ...] = (), *, amounts: bool = False) -> Wanted:
    """The columns of rows that `data` describes, by how they are to be read."""
    cut = [name for name, how in data.protected_attributes.items() if how.bins]
    levels = [name for name in data.protected_attributes if name not in cut]
    answers = [data.target_column, *([data.prediction_column] if data.prediction_column else [])]
    counted = [name for name in (data.score_column, data.weight_column) if name]
    words, numbers = ([], answers) if amounts else (answers, [])
    return Wanted(tuple(dict.fromkeys([*words, *levels])), tuple(dict.fromkeys([*numbers, *counted, *cut])), features)


def wanted_columns(config: Config) -> dict[tuple[str, ...], list[str]]:
    """The columns that `config` names, by where it names them."""
    data = config.document.data
    wanted: dict[tuple[str, ...], list[str]] = {
        ("data", key): [name]
        for key in ("target_column", "score_column", "prediction_column", "weight_column", "id_column")
        if (name := getattr(data, key))
    }
    wanted[("data", "feature_columns")] = list(data.feature_columns or ())
    wanted[("data", "exclude_columns")] = list(data.exclude_columns)
    wanted[("data", "proxies")] = list(data.proxies)
    for name in data.dictionary:
        wanted[("data", "dictionary", name)] = [name]
    for name in data.protected_attributes:
        wanted[("data", "protected_attributes", name)] = [name]
    return wanted


def _sampled(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    size, seed = config.document.audit.sample_rows, config.document.reproducibility.random_seed
    if size is None or size >= len(table):
        return table
    chosen = np.sort(np.random.default_rng(seed or 0).choice(len(table), size, replace=False))
    return table.iloc[chosen].reset_index(drop=True)


def with_model_warnings(config: Config, summary: DataSummary, said: tuple[str, ...], *, strict: bool) -> DataSummary:
    """The summary with what was noted when the model was read; where `strict`, UserError if anything was."""
    if strict and said:
        raise UserError("\n".join(f"{config.where('model', 'path')}: strict mode: {warning}" for warning in said))
    return summary.model_copy(update={"warnings": (*summary.warnings, *(f"{warning}." for warning in said))})


def enforce_strict(config: Config, summary: DataSummary, commit: Commit | None) -> None:
    """Raise one error that names every rule of strict mode that is not met."""
    document = config.document
    labelled = document.model.task == "classification"
    rules = (
        (document.reproducibility.random_seed is None, ("reproducibility",), "set `reproducibility.random_seed`."),
        (not document.data.protected_attributes, ("data",), "name `data.protected_attributes`."),
        (
            labelled and document.model.threshold is None and not document.data.prediction_column,
            ("model",),
            "set `model.threshold`.",
        ),
        (labelled and document.model.positive_label is None, ("model",), "set `model.positive_label`."),
        (labelled and document.model.favorable_label is None, ("model",), "set `model.favorable_label`."),
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
