"""What the make_model scripts write: the same bytes each time, disjoint splits, the declared features."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import joblib
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from tests.examples.conftest import EXAMPLES, NAMES, run_make_model

PROTECTED = {"sex", "age", "age_group", "personal_status", "foreign_worker"}
FILES = {
    "german_credit": {"test.csv", "logistic.joblib", "biased.joblib", "boosted_predictions.csv"},
    "synthetic_credit": {"test.csv", "logistic.joblib"},
}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def features(model: Path) -> list[str]:
    pipeline: Pipeline = joblib.load(model)
    return list(pipeline.feature_names_in_)


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_in_another_process(name: str, built: dict[str, Path], tmp_path: Path) -> None:
    run_make_model(name, tmp_path, hash_seed="2", threads="2")
    first = contents(built[name])
    assert set(first) == FILES[name]
    assert contents(tmp_path) == first


def test_models_are_kept_from_protected_attributes(built: dict[str, Path]) -> None:
    assert not PROTECTED & set(features(built["german_credit"] / "logistic.joblib"))
    assert not PROTECTED & set(features(built["synthetic_credit"] / "logistic.joblib"))


def test_the_biased_model_is_given_sex_and_age(built: dict[str, Path]) -> None:
    assert PROTECTED & set(features(built["german_credit"] / "biased.joblib")) == {"sex", "age"}


def test_models_load_without_pandas(built: dict[str, Path]) -> None:
    for folder in built.values():
        for model in folder.glob("*.joblib"):
            assert b"pandas" not in model.read_bytes()


def test_german_split_is_disjoint_and_stratified(
    built: dict[str, Path], prepare: ModuleType, german_make_model: ModuleType
) -> None:
    held_out = pd.read_csv(built["german_credit"] / "test.csv")
    applicants = prepare.read_german_credit(EXAMPLES / "german_credit" / "german.data")
    again = applicants.loc[applicants["row"].isin(held_out["row"]), list(held_out)].reset_index(drop=True)
    pd.testing.assert_frame_equal(held_out, again)
    assert (len(held_out), held_out["row"].is_unique, held_out["default"].sum()) == (500, True, 150)
    train, rest = german_make_model.split(applicants)
    assert rest["row"].tolist() == held_out["row"].tolist()
    assert len(train) == 500
    assert not set(train["row"]) & set(held_out["row"])


def test_cross_fitted_predictions_cover_every_applicant_once(built: dict[str, Path]) -> None:
    predictions = pd.read_csv(built["german_credit"] / "boosted_predictions.csv")
    assert predictions["row"].tolist() == list(range(1, 1001))
    assert predictions["default_probability"].between(0, 1).all()
    assert predictions["default"].sum() == 300
