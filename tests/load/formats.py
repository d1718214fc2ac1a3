"""Tiny models of every format that runs no code, trained on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skops import io as skops_io

RANDOM = np.random.default_rng(7)
NUMBERS = pd.DataFrame(RANDOM.normal(size=(200, 3)), columns=["loan amount", "age", "months"])
MIXED = NUMBERS.assign(purpose=RANDOM.choice(["car", "tv", "school"], 200), branch=RANDOM.choice([10, 20, 30], 200))
LABELS = (NUMBERS["age"] + RANDOM.normal(size=200) > 0).to_numpy().astype(int)
CATEGORIES = {name: pd.Categorical(MIXED[name]) for name in ("purpose", "branch")}


def forest(labels: Any = LABELS) -> Any:
    return RandomForestClassifier(10, max_depth=3, random_state=0).fit(NUMBERS, labels)


def pipeline(labels: Any = LABELS) -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["purpose"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression()).fit(MIXED[["age", "purpose"]], labels)


def boost(labels: Any = LABELS, features: pd.DataFrame = NUMBERS, **settings: Any) -> Any:
    return xgboost.XGBClassifier(n_estimators=8, n_jobs=1, **settings).fit(features, labels)


def light(labels: Any = LABELS, features: Any = NUMBERS, **settings: Any) -> Any:
    return lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1, **settings).fit(features, labels)


def onnx_matrix(path: Path, model: Any, *, zipmap: bool = True) -> Path:
    """The forest: one float matrix in."""
    made = convert_sklearn(model, initial_types=[("X", FloatTensorType([None, 3]))], options={"zipmap": zipmap})
    path.write_bytes(made.SerializeToString())
    return path


def onnx_columns(path: Path, model: Any, *, zipmap: bool = True) -> Path:
    """The pipeline: a float and a text column in, by name."""
    inputs = [("age", FloatTensorType([None, 1])), ("purpose", StringTensorType([None, 1]))]
    path.write_bytes(convert_sklearn(model, initial_types=inputs, options={"zipmap": zipmap}).SerializeToString())
    return path


def write(folder: Path, name: str) -> tuple[Path, np.ndarray]:
    """A model on NUMBERS in the file `name`, by its extension, and its own probabilities of 1."""
    path = folder / name
    if path.suffix == ".onnx":
        model = forest()
        onnx_matrix(path, model)
    elif path.suffix == ".skops":
        model = forest()
        skops_io.dump(model, path)
    elif path.suffix == ".txt":
        model = light()
        model.booster_.save_model(path)
    else:
        model = boost()
        model.save_model(path)
    return path, np.asarray(model.predict_proba(NUMBERS)[:, 1], dtype="float64")


FILES = ("m.onnx", "m.skops", "m.json", "m.ubj", "m.txt")
