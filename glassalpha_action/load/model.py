"""Scores a model file: the formats there are, what may run, and a sentence for everything that can go wrong."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glassalpha_action.documents import UserError
from glassalpha_action.load import sandbox
from glassalpha_action.load.conversation import SandboxError
from glassalpha_action.settings import Trust

if TYPE_CHECKING:
    import pandas as pd

SHOWN_CAP = 300
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PREDICTIONS = "give the predictions in a column of the data (data.score_column)"


@dataclass(frozen=True, slots=True)
class Format:
    """A model file format: its extensions, the loader of child.py that opens it, whether opening it runs code.

    `save` makes such a file. `package` is what reads it where that is an extra, which has the format's name.
    """

    name: str
    extensions: tuple[str, ...]
    loader: str
    save: str
    package: str | None = None
    runs_code: bool = False

    @property
    def called(self) -> str:
        """The name with its article."""
        return f"{'an' if self.name[0] in 'ox' else 'a'} {self.name}"


FORMATS = (
    Format("joblib", (".joblib",), "joblib", "joblib.dump", runs_code=True),
    Format("pickle", (".pkl", ".pickle"), "joblib", "joblib.dump", runs_code=True),
    Format("onnx", (".onnx",), "onnx", "skl2onnx.to_onnx", "onnxruntime"),
    Format("skops", (".skops",), "skops", "skops.io.dump", "skops"),
    Format("xgboost", (".json", ".ubj"), "xgboost", "Booster.save_model", "xgboost"),
    Format("lightgbm", (".txt",), "lightgbm", "Booster.save_model", "lightgbm"),
)


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of the positive label, float64 (n,), finite and within [0, 1], and under what they were made.

    Of a model of amounts they are amounts. `further` holds the answers to the further questions, in that order; where
    some could not be had it is shorter and `failure` says why.
    """

    values: np.ndarray
    isolation: tuple[str, ...]
    versions: Mapping[str, str]
    format: str
    warnings: tuple[str, ...] = ()
    further: tuple[sandbox.Reply, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Explain:
    """Asks what each feature has of the scores of `rows`; the first `background` of them are those told against."""

    rows: pd.DataFrame
    background: int
    seed: int


Further = Callable[[np.ndarray], "Iterable[pd.DataFrame | Explain]"]

# SandboxError kind -> what happened and what to do; {file} and {detail} are already made harmless.
SENTENCES = {
    "network": "{file} is a pickle, which can run any code, and this system can deny it no network (neither a network "
    "namespace nor seccomp): give a model in a safe format, {predictions}, or pass --model-trust trusted if you made "
    "the file yourself",
    "safe": "{file} is {format} file, which can run any code when it is opened, and --model-trust safe refuses it: "
    "give a model in a safe format, or {predictions}",
    "start": "the isolated process for {file} did not start ({detail}): run glassalpha doctor",
    "import": "{file} needs packages that its isolated process cannot import ({detail}): install them beside "
    "glassalpha-action",
    "load": "{file} cannot be opened as {format} file ({detail}): it is damaged, cut short or of another kind; save "
    "the model again with {save}",
    "crashed": "{file} crashed its reader ({detail}): as {format} file it is damaged or cut short; save "
    "the model again with {save}",
    "module": "{file} needs code that is not installed here ({detail}): install the package that defines it, or save "
    "the model with classes of installed packages only",
    "memory": "{file} needed more than {memory} of memory: save a smaller model or score fewer rows "
    "(audit.sample_rows)",
    "timeout": "{file} gave no scores within {timeout:g} seconds and was stopped: score fewer rows "
    "(audit.sample_rows) or {predictions}",
    "no_probability": "{file} holds a {detail} without predict_proba, so it gives no probabilities: calibrate it "
    "(scikit-learn's CalibratedClassifierCV) or {predictions}",
    "no_amount": "{file} holds a {detail} without predict, so it gives no amounts: give a regressor, or {predictions}",
    "label": "{file} does not know the positive label {label!r}, its classes are {detail}: set model.positive_label "
    "to one of them",
    "outputs": "{file} does not give one probability per row and class ({detail}): give a model of one outcome, or "
    "{predictions}",
    "columns": "{file} was trained on other columns: {detail}; set data.feature_columns to those it was trained on",
    "values": "{file} cannot take the features as they are ({detail}): give columns as in training, or {predictions}",
    "objective": "{file} gives no probability of an outcome ({detail}): train it for two classes, or {predictions}",
    "multiclass": "{file} tells {detail} apart, and an audit is of one: give a model of two classes, or {predictions}",
    "unnamed": "{file} names no classes, so that it can speak of labels 0 and 1 only ({detail}): write the target as 0 "
    "and 1 as in training, save the model in a format that names them, or {predictions}",
    "elsewhere": "{file} keeps {detail} in other files, which its isolated process does not read: save it as one file "
    "(onnx.save_model with save_as_external_data=False), or {predictions}",
    "operator": "{file} needs the operator {detail}, which onnxruntime does not have: save the model with standard "
    "operators, or {predictions}",
    "untrusted": "{file} holds types that are not trusted ({detail}) and was not opened: save a model made of "
    "scikit-learn's own classes only, or {predictions}",
    "attributions": "{file} could not be explained ({detail}): set audit.shap to false",
    "predict": "{file} failed on the features ({detail}): give it the columns it was trained on (data.feature_columns)",
    "answer": "{file} did not answer with one probability per row ({detail}): its scores are refused; correct the "
    "model or {predictions}",
    "ended": "{file} ended its process without giving scores ({detail}): correct the model or {predictions}",
}


def score(
    path: Path,
    features: pd.DataFrame,
    *,
    positive_label: str,
    negative_label: str | None = None,
    format: str | None = None,  # noqa: A002
    trust: Trust = Trust.sandbox,
    timeout: float = 120.0,
    memory: int = 4 << 30,
    amounts: bool = False,
    further: Further | None = None,
    explained: bool = False,
) -> Scores:
    """Probability of `positive_label` for every row of `features`, by the model in the file `path`.

    `amounts` asks for predicted amounts instead. `further` is given the scores and yields what to ask the same model
    as well: rows to score or, where `explained`, to explain; that they cannot be is no error.

    The file is opened in a child process only. Files of some formats name no classes (XGBoost, LightGBM, an ONNX
    tensor): they are refused unless the labels, `negative_label` too where it is given, are 0 and 1. `timeout` is
    wall-clock seconds, imports included; `memory` is bytes of address space. Raises UserError: exit code 2 for a
    missing file, an unknown format or an extra that is not installed, 3 where there are no scores.
    """
    kind = find_format(path, format)
    data = _read(path)
    if kind.runs_code and trust is Trust.safe:
        raise _error(SandboxError("safe"), path, kind, positive_label, timeout, memory)
    if kind.package and importlib.util.find_spec(kind.package) is None:
        raise UserError(
            f"model file {show(str(path))} is {kind.called} file, and reading it needs {kind.package}: run "
            f"pip install 'glassalpha-action[{kind.name}]'"
        )
    sandboxed = trust is not Trust.trusted
    job = sandbox.Job(
        model=data,
        features=_pickled(features),
        rows=len(features),
        format=kind.loader,
        runs_code=kind.runs_code,
        positive_label=positive_label,
        negative_label=negative_label,
        sandboxed=sandboxed,
        timeout=timeout,
        memory=memory,
        amounts=amounts,
        explained=explained,
    )
    try:
        answer = sandbox.run(job, _requests(further) if further else None)
    except SandboxError as failure:
        raise _error(failure, path, kind, positive_label, timeout, memory) from failure
    layers = answer.layers if sandboxed else ("none: trusted",)
    versions = {{"sklearn": "scikit-learn"}.get(name, name): version for name, version in answer.versions.items()}
    failed = answer.failure and _error(answer.failure, path, kind, positive_label, timeout, memory)
    return Scores(
        answer.values,
        layers,
        versions,
        kind.name,
        _warnings(path, answer, versions),
        answer.further,
        str(failed) if failed else None,
    )


def _requests(further: Further) -> sandbox.Further:
    def ask(scores: np.ndarray) -> Iterable[sandbox.Question]:
        for asked in further(scores):
            if isinstance(asked, Explain):
                payload, rows = (asked.rows, asked.background, asked.seed), asked.rows
                question = sandbox.Question(_pickled(payload), len(rows) - asked.background, rows.shape[1])
            else:
                question = sandbox.Question(_pickled(asked), len(asked))
            yield question

    return ask


def _pickled(value: object) -> bytes:
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def find_format(path: Path, name: str | None = None) -> Format:
    """The format called `name`, else the one of the file's extension; UserError lists those there are."""
    for each in FORMATS:
        if name == each.name or (name is None and path.name.lower().endswith(each.extensions)):
            return each
    known = ", ".join(f"{each.name} ({' '.join(each.extensions)})" for each in FORMATS)
    if name is not None:
        raise UserError(f"model.format {show(name)!r} is not a known model format: use one of {known}")
    raise UserError(f"model file {show(str(path))} has no known extension: use one of {known}, or set model.format")


def show(text: str) -> str:
    """`text` made harmless on one line: printable characters only (so no control or direction marks), at most 300."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(line.split())
    return line if len(line) <= SHOWN_CAP else line[: SHOWN_CAP - 1] + "…"


def _read(path: Path) -> bytes:
    name = show(str(path))
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"model file {name} does not exist: check model.path; the tool never trains one") from error
    except OSError as error:
        raise UserError(f"model file {name} cannot be read ({error.strerror}): check model.path") from error
    if not data:
        raise UserError(f"model file {name} is empty: save the model again; the tool never trains one")
    if data.startswith(LFS_POINTER):
        raise UserError(f"model file {name} is a Git LFS pointer, not the model: fetch it with `git lfs pull`")
    return data


def _error(
    failure: SandboxError, path: Path, kind: Format, positive_label: str, timeout: float, memory: int
) -> UserError:
    sentence = SENTENCES.get(failure.kind, SENTENCES["ended"])
    text = sentence.format(
        file=f"model file {show(str(path))}",
        detail=show(failure.detail) or "no reason given",
        format=kind.called,
        save=kind.save,
        label=show(positive_label),
        timeout=timeout,
        memory=f"{memory / (1 << 30):.3g} GiB",
        predictions=PREDICTIONS,
    )
    return UserError(text, exit_code=3)


def _warnings(path: Path, answer: sandbox.Answer, versions: Mapping[str, str]) -> tuple[str, ...]:
    if not answer.saved_with:
        return ()
    here = versions.get("scikit-learn", "another version")
    saved = show(answer.saved_with)
    warning = (
        f"model file {show(path.name)} was saved with scikit-learn {saved} and read with {here}: its scores may "
        f"differ; install scikit-learn {saved} or save the model again"
    )
    return (warning,)
