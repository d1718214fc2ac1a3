"""The README's figures, computed here with scikit-learn and numpy alone, and which gates of the policy they miss."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.examples.conftest import EXAMPLES

Array = np.ndarray[tuple[int], np.dtype[np.float64]]

# AUC, calibration error, demographic parity difference by sex and by age group, largest equalized odds difference.
FIGURES = {
    "logistic": (0.780, 0.025, 0.010, 0.022, 0.090),
    "boosted": (0.774, 0.021, 0.008, 0.030, 0.148),
    "biased": (0.780, 0.124, 0.121, 0.148, 0.117),
    "synthetic": (0.817, 0.005, 0.020, 0.036, 0.059),
}


def scored(name: str, built: dict[str, Path]) -> tuple[pd.DataFrame, Array]:
    """Held-out rows and the model's probabilities of default."""
    if name == "boosted":
        rows = pd.read_csv(built["german_credit"] / "boosted_predictions.csv")
        return rows, rows["default_probability"].to_numpy(float)
    folder = built["synthetic_credit" if name == "synthetic" else "german_credit"]
    rows = pd.read_csv(folder / "test.csv")
    model = joblib.load(folder / ("biased.joblib" if name == "biased" else "logistic.joblib"))
    return rows, model.predict_proba(rows[list(model.feature_names_in_)])[:, 1]


def calibration_error(label: Array, score: Array) -> float:
    bins = np.minimum(9, np.floor(10 * score)).astype(int)
    return float(sum(abs(label[bins == b].sum() - score[bins == b].sum()) for b in range(10)) / len(label))


def gap(flagged: Array, group: pd.Series[str]) -> float:
    rates = pd.Series(flagged).groupby(group.to_numpy()).mean()
    return float(rates.max() - rates.min())


def figures(name: str, built: dict[str, Path]) -> tuple[float, ...]:
    rows, score = scored(name, built)
    label, flagged = rows["default"].to_numpy(float), (score >= 0.5).astype(float)
    odds = [
        gap(flagged[label == outcome], rows.loc[label == outcome, attribute])
        for attribute in ("sex", "age_group")
        for outcome in (0, 1)
    ]
    parity = (gap(flagged, rows["sex"]), gap(flagged, rows["age_group"]))
    return roc_auc_score(label, score), calibration_error(label, score), *parity, max(odds)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_of_the_readme(name: str, built: dict[str, Path]) -> None:
    assert figures(name, built) == pytest.approx(FIGURES[name], abs=0.0005001)


@pytest.mark.parametrize("name", FIGURES)
def test_the_readme_prints_them(name: str) -> None:
    folder = "synthetic_credit" if name == "synthetic" else "german_credit"
    text = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
    assert [figure for figure in FIGURES[name] if f"{figure:.3f}" not in text] == []


@pytest.mark.parametrize("name", ["logistic", "boosted", "synthetic"])
def test_sound_models_meet_the_error_gates(name: str, built: dict[str, Path]) -> None:
    auc, calibration, by_sex, by_age, odds = figures(name, built)
    assert auc > 0.75
    assert calibration < 0.05
    assert max(by_sex, by_age) < 0.10
    assert odds < 0.15


def test_the_biased_model_misses_calibration_and_parity_alone(built: dict[str, Path]) -> None:
    auc, calibration, by_sex, by_age, _ = figures("biased", built)
    assert auc > 0.75
    assert calibration > 0.05
    assert min(by_sex, by_age) > 0.10


@pytest.mark.parametrize("name", FIGURES)
def test_every_group_has_more_than_30_rows(name: str, built: dict[str, Path]) -> None:
    rows, _ = scored(name, built)
    assert min(rows[attribute].value_counts().min() for attribute in ("sex", "age_group")) > 30
