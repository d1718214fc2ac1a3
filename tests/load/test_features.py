"""What an audit.yaml says of weights, features, reference rows and amounts, as evidence."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from glassalpha_action import config
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import Evidence
from glassalpha_action.load import subject
from glassalpha_action.load.features import feature_of
from glassalpha_action.settings import Trust
from tests.workspace import CONFIG, make

ROWS = "repaid,score,sex,w,income,job\n1,0.9,f,1,10,a\n0,0.2,m,2.5,,b\n1,0.7,f,0,30,\n0,0.1,m,1,40,a\n"
WEIGHED = CONFIG.replace("  score_column: score\n", "  score_column: score\n  weight_column: w\n")


def load(folder: Path, text: str, rows: str = ROWS) -> subject.Subject:
    found = config.load(make(folder, text, rows))
    return subject.load(
        found, as_of="2025-01-05", commit=None, strict=False, trust=Trust.sandbox, policy_sha256=None
    )  # fmt: skip


def test_weights_reach_the_evidence(tmp_path: Path) -> None:
    found = load(tmp_path, WEIGHED)
    assert found.rows.weight is not None  # type: ignore[union-attr]
    assert found.rows.weight.tolist() == [1, 2.5, 0, 1]  # type: ignore[union-attr]
    assert found.data.weighted


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ("-1", "finite numbers from 0 up"),
        ("1e300", "too small or too large"),
        ("1e-300", "too small or too large"),
        ("inf", "finite"),
        ("", "finite"),
        ("heavy", "heavy"),
        ("nan", "finite"),
    ],
)
def test_weights_that_are_none_are_refused(tmp_path: Path, weight: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path, WEIGHED, ROWS.replace("2.5", weight))
    assert "audit.yaml:11" in str(caught.value)
    assert "data row 2" in str(caught.value)


def test_no_weight_above_zero_is_refused(tmp_path: Path) -> None:
    rows = "repaid,score,sex,w\n1,0.9,f,0\n0,0.2,m,0\n"
    with pytest.raises(UserError, match="every weight"):
        load(tmp_path, WEIGHED, rows)


def test_columns_that_play_no_role_are_features(tmp_path: Path) -> None:
    rows = _evidence(load(tmp_path, WEIGHED))
    assert [f.name for f in rows.features] == ["income", "job"]
    income, job = rows.features
    assert income.values is not None
    np.testing.assert_array_equal(income.values, [10, np.nan, 30, 40])
    assert job.codes is not None
    assert (job.levels, job.codes.tolist()) == (("a", "b"), [0, 1, -1, 0])
    assert rows.inputs is None
    assert rows.probes is None
    assert rows.unprobed == "the data hold predictions only, so no model was run"


def test_declared_features_are_what_the_model_is_given(tmp_path: Path) -> None:
    rows = _evidence(load(tmp_path, WEIGHED + "", ROWS))
    declared = WEIGHED.replace("  weight_column", "  feature_columns: [income, sex]\n  weight_column")
    rows = _evidence(load(tmp_path / "b", declared))
    assert rows.inputs == ("income", "sex")
    assert [f.name for f in rows.features] == ["income", "sex"]


def test_reference_rows_bring_the_columns_they_share(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("income,score,other\n1,0.5,x\n2,0.6,y\n3,,z\n")
    rows = _evidence(load(tmp_path, WEIGHED.replace("  weight_column", "  reference_path: train.csv\n  weight_column")))
    assert rows.reference is not None
    assert [f.name for f in rows.reference.features] == ["income"]
    assert rows.reference.score is not None
    np.testing.assert_array_equal(rows.reference.score, [0.5, 0.6, np.nan])


@pytest.mark.parametrize(("text", "said"), [("other\nx\n", "none of the data's features"), (None, "does not exist")])
def test_reference_rows_of_no_use_are_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text:
        (tmp_path / "train.csv").write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path, WEIGHED.replace("  weight_column", "  reference_path: train.csv\n  weight_column"))
    assert "audit.yaml:11" in str(caught.value)


def _evidence(found: subject.Subject) -> Evidence:
    assert isinstance(found.rows, Evidence)
    return found.rows


def _fitted(folder: Path, regression: bool = False) -> str:
    """Rows and a model of two features in `folder`; returns the rows as CSV."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"income": draw.normal(50, 10, 300), "job": draw.choice(["a", "b"], 300)})
    raised = table["income"] + 10 * (table["job"] == "a")
    table["repaid"] = (raised * 3 if regression else raised > draw.normal(55, 5, 300)).astype(
        float if regression else int
    )
    table["sex"] = draw.choice(["f", "m"], 300)
    last = LinearRegression() if regression else LogisticRegression()
    made = make_pipeline(make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"), last)
    folder.mkdir(exist_ok=True)
    joblib.dump(made.fit(table[["income", "job"]], table["repaid"]), folder / "m.joblib")
    return table.to_csv(index=False)


MODEL = CONFIG.replace("  score_column: score\n", "").replace("model:\n", "model:\n  path: m.joblib\n")


def test_the_model_is_asked_about_altered_copies(tmp_path: Path) -> None:
    text = _fitted(tmp_path)
    rows = _evidence(load(tmp_path, MODEL, text))
    assert rows.probes is not None
    assert rows.score is not None
    assert set(rows.probes.permuted) == {"income", "job"}
    assert rows.probes.sample.size == 300
    assert (rows.probes.unfavorable == np.flatnonzero(~rows.decision)).all()
    again = _evidence(load(tmp_path, MODEL, text))
    assert again.probes is not None
    for name, scores in rows.probes.permuted.items():
        np.testing.assert_array_equal(scores, again.probes.permuted[name])
    other = _evidence(load(tmp_path, MODEL.replace("random_seed: 7", "random_seed: 8"), text))
    assert other.probes is not None
    assert not np.array_equal(other.probes.permuted["income"], rows.probes.permuted["income"])


def test_permutation_importance_is_that_of_scikit_learn(tmp_path: Path) -> None:
    from io import StringIO

    from sklearn.inspection import permutation_importance

    from glassalpha_action.cube import build
    from glassalpha_action.metrics import CATALOGUE

    text = _fitted(tmp_path)
    rows = _evidence(load(tmp_path, MODEL, text))
    table = pd.read_csv(StringIO(text))
    model = joblib.load(tmp_path / "m.joblib")
    expected = permutation_importance(
        model, table[["income", "job"]], table["repaid"], scoring="roc_auc", n_repeats=200, random_state=0
    )
    (found,) = CATALOGUE["permutation_importance"].measure(rows, build(rows), 0.95, {})
    for group in found.groups:
        place = ["income", "job"].index(group.level)
        assert group.value == pytest.approx(
            expected.importances_mean[place], abs=4 * expected.importances_std[place] / np.sqrt(5)
        )


def test_the_dev_profile_asks_for_the_rows_alone(tmp_path: Path) -> None:
    text = _fitted(tmp_path)
    rows = _evidence(load(tmp_path, MODEL + "audit:\n  profile: dev\n", text))
    assert rows.probes is None
    assert "dev-profile" in rows.unprobed
    asked = MODEL + "audit:\n  profile: dev\n  sections: [explainability]\n"
    assert _evidence(load(tmp_path, asked, text)).probes is not None


def test_the_model_scores_the_reference_rows(tmp_path: Path) -> None:
    text = _fitted(tmp_path)
    (tmp_path / "train.csv").write_text(text)
    rows = _evidence(load(tmp_path, MODEL.replace("data:\n", "data:\n  reference_path: train.csv\n"), text))
    assert rows.reference is not None
    np.testing.assert_allclose(rows.reference.score, rows.score)
    assert rows.probes is not None


def test_a_model_that_fails_on_altered_copies_is_still_audited(tmp_path: Path) -> None:
    # A value of the reference rows that the encoder has never seen.
    text = _fitted(tmp_path)
    (tmp_path / "train.csv").write_text("income,job\n50,never seen\n")
    rows = _evidence(load(tmp_path, MODEL.replace("data:\n", "data:\n  reference_path: train.csv\n"), text))
    assert rows.score is not None
    assert rows.probes is None
    assert "did not score altered copies" in rows.unprobed
    assert rows.reference is not None
    assert rows.reference.score is None


AMOUNTS = """\
model:
  id: pricing
  task: regression
data:
  path: rows.csv
  target_column: cost
  prediction_column: predicted
  protected_attributes: [sex]
"""


def test_amounts_are_read_as_numbers(tmp_path: Path) -> None:
    found = load(tmp_path, AMOUNTS, "cost,predicted,sex,km\n10.5,11,f,1\n20,-1e3,m,2\n")
    rows = _evidence(found)
    assert rows.outcome is not None
    assert rows.prediction is not None
    assert (rows.outcome.tolist(), rows.prediction.tolist()) == ([10.5, 20], [11, -1000])
    assert (rows.score, rows.holds) == (None, ("amounts", "rows"))
    assert (found.data.task, found.data.threshold, found.data.positive_label) == ("regression", None, "")
    assert not found.data.warnings


@pytest.mark.parametrize("value", ["", "dear", "inf", "1e200", "nan"])
@pytest.mark.parametrize("column", [0, 1])
def test_amounts_that_are_none_are_refused(tmp_path: Path, value: str, column: int) -> None:
    cells = ["10", "11"]
    cells[column] = value
    with pytest.raises(UserError, match="data row 2") as caught:
        load(tmp_path, AMOUNTS, f"cost,predicted,sex\n1,1,f\n{','.join(cells)},m\n")
    assert f"audit.yaml:{6 + column}" in str(caught.value)


def test_a_regressor_is_asked_for_amounts(tmp_path: Path) -> None:
    text = _fitted(tmp_path, regression=True)
    asked = AMOUNTS.replace("  prediction_column: predicted\n", "").replace("cost", "repaid")
    rows = _evidence(load(tmp_path, asked.replace("model:\n", "model:\n  path: m.joblib\n"), text))
    assert rows.prediction is not None
    np.testing.assert_allclose(rows.prediction, rows.outcome)
    assert "predicts amounts" in rows.unprobed


def test_what_fits_no_model_of_amounts_is_named(tmp_path: Path) -> None:
    wrong = AMOUNTS.replace("task: regression", "task: regression\n  threshold: 0.5\n  positive_label: 1")
    with pytest.raises(UserError) as caught:
        load(tmp_path, wrong.replace("prediction_column", "score_column"), "cost,predicted,sex\n1,1,f\n")
    said = str(caught.value)
    assert "no `threshold`" in said
    assert "no `positive_label`" in said
    assert "name `prediction_column`" in said


def test_sections_are_for_the_dev_profile(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs `profile: dev`"):
        load(tmp_path, WEIGHED + "audit:\n  sections: [fairness]\n")
    with pytest.raises(UserError, match="fairnes"):
        load(tmp_path, WEIGHED + "audit:\n  profile: dev\n  sections: [fairnes]\n")


@pytest.mark.parametrize(
    ("column", "numeric"),
    [
        (pd.Series([1, 2]), True),
        (pd.Series([True, False]), False),
        (pd.Series([1, None], dtype="Int64"), True),
        (pd.Series(["1", "2"]), False),
        (pd.Series(pd.to_datetime(["2025-01-01", None])), False),
        (pd.Series([[1], {"a": 2}]), False),
        (pd.Series([1, "x"], dtype=object), False),
        (pd.Series([1 + 2j, 0j]), False),
        (pd.Series([None, None]), False),
    ],
)
def test_any_column_becomes_a_feature(column: pd.Series, numeric: bool) -> None:  # type: ignore[type-arg]
    found = feature_of("x", column)
    assert (found.values is not None) is numeric
    assert found.missing.size == 2
