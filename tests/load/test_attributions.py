"""SHAP values made beside the model in its isolated process, against shap itself and closed forms."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from glassalpha_action.load import conversation, explaining, sandbox
from glassalpha_action.load.model import Explain, Scores, score
from tests.load import formats
from tests.load.hostile import write_pickle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its colour maps use what matplotlib gives up
    import shap

NUMBERS, MIXED, LABELS = formats.NUMBERS, formats.MIXED[["age", "purpose", "months"]], formats.LABELS
BACKGROUND = 60


def explain(path: Path, features: pd.DataFrame, label: str = "1", seed: int = 7) -> Scores:
    asked = Explain(features, BACKGROUND, seed)
    other = "0" if label == "1" else "1"
    return score(path, features, positive_label=label, negative_label=other, explained=True, further=lambda _: [asked])


def explained(path: Path, features: pd.DataFrame, label: str = "1", seed: int = 7) -> sandbox.Explained:
    """The values, which add up to the scores of the rows."""
    found = explain(path, features, label, seed)
    assert found.failure is None
    (told,) = found.further
    assert isinstance(told, sandbox.Explained)
    assert told.values.shape == (len(features) - BACKGROUND, features.shape[1])
    total = told.base + told.values.sum(axis=1)
    reached = 1 / (1 + np.exp(-total)) if told.method.endswith("log-odds") else total
    np.testing.assert_allclose(reached, found.values[BACKGROUND:], rtol=0, atol=1e-6)
    assert found.versions["shap"] == shap.__version__
    assert "seccomp filter" in found.isolation
    return told


def saved(folder: Path, model: Any, features: pd.DataFrame = NUMBERS) -> Path:
    joblib.dump(model.fit(features, LABELS), folder / "m.joblib")
    return folder / "m.joblib"


@pytest.mark.parametrize(("label", "sign"), [("1", 1), ("0", -1)])
def test_a_linear_model_by_its_closed_form(tmp_path: Path, label: str, sign: int) -> None:
    model = LogisticRegression()
    told = explained(saved(tmp_path, model), NUMBERS, label)
    assert told.method == "linear log-odds"
    means = NUMBERS[:BACKGROUND].mean()
    np.testing.assert_allclose(told.values, sign * model.coef_ * (NUMBERS[BACKGROUND:] - means), atol=1e-12)
    assert told.base == pytest.approx(sign * (model.coef_[0] @ means + model.intercept_[0]))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, max_depth=4, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=5),
    ],
)
@pytest.mark.parametrize("label", ["1", "0"])
def test_trees_are_explained_as_shap_explains_them(tmp_path: Path, model: Any, label: str) -> None:
    told = explained(saved(tmp_path, model), NUMBERS, label)
    assert told.method.startswith("tree")
    oracle = shap.TreeExplainer(model, data=NUMBERS[:BACKGROUND].to_numpy(), feature_perturbation="interventional")
    values = oracle.shap_values(NUMBERS[BACKGROUND:].to_numpy(), check_additivity=False)
    wanted = values[:, :, int(label)] if values.ndim == 3 else (1 if label == "1" else -1) * values
    np.testing.assert_allclose(told.values, wanted, atol=1e-9)


def test_what_an_encoding_makes_of_a_feature_is_added_up(tmp_path: Path) -> None:
    encode = make_column_transformer((OneHotEncoder(), ["purpose"]), (StandardScaler(), ["months", "age"]))
    model = make_pipeline(encode, LogisticRegression())
    told = explained(saved(tmp_path, model, MIXED), MIXED)
    assert told.method == "linear log-odds"
    parts = model[-1].coef_[0] * (encode.transform(MIXED) - encode.transform(MIXED[:BACKGROUND]).mean(axis=0))
    wanted = np.column_stack([parts[:, 4], parts[:, :3].sum(axis=1), parts[:, 3]])
    np.testing.assert_allclose(told.values, wanted[BACKGROUND:], atol=1e-9)


@pytest.mark.parametrize(
    "model",
    [make_pipeline(PCA(2), LogisticRegression()), CalibratedClassifierCV(LogisticRegression(), cv=2)],
    ids=["columns of several features", "another kind of model"],
)
def test_another_model_is_asked_about_permutations(tmp_path: Path, model: Any) -> None:
    few = NUMBERS[: BACKGROUND + 8]
    path = saved(tmp_path, model)
    told = explained(path, few)
    assert told.method == "permutation probability"
    against = few.to_numpy()[np.linspace(0, BACKGROUND - 1, 20).astype(int)]
    fitted = joblib.load(path)

    def probability(rows: np.ndarray) -> np.ndarray:
        return fitted.predict_proba(pd.DataFrame(rows, columns=few.columns))[:, 1]

    oracle = shap.explainers.Exact(probability, shap.maskers.Independent(against, max_samples=20))
    wanted = oracle(few.to_numpy()[BACKGROUND:]).values
    np.testing.assert_allclose(told.values, wanted, atol=0.02)
    again, other = explained(path, few), explained(path, few, seed=8)
    assert np.array_equal(told.values, again.values)
    assert not np.array_equal(told.values, other.values)


def test_columns_of_text_keep_their_type_where_they_are_permuted(tmp_path: Path) -> None:
    path = formats.onnx_columns(tmp_path / "m.onnx", formats.pipeline())
    features = MIXED[["age", "purpose"]][: BACKGROUND + 10]
    assert explained(path, features).method == "permutation probability"


@pytest.mark.parametrize("name", formats.FILES)
def test_every_format_is_explained(tmp_path: Path, name: str) -> None:
    path, _ = formats.write(tmp_path, name)
    told = explained(path, NUMBERS[: BACKGROUND + 10])
    assert told.method.partition(" ")[0] == ("permutation" if name == "m.onnx" else "tree")
    assert np.abs(told.values).mean(axis=0).argmax() == 1


MODEL = """
import numpy, sys
child = sys.modules['glassalpha_action.load.child']
class Model:
    classes_ = [0, 1]
    def predict_proba(self, features):
        p = features["age"].to_numpy() * 0 + 0.5
        return numpy.column_stack([1 - p, p])
"""


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ("'tree probability', numpy.full(1 + rows * 3, numpy.nan)", "NaN, infinite or beyond any sum"),
        ("'tree probability', numpy.append(0.5, numpy.tile([1.7e308, -1.7e308, 0.0], rows))", "beyond any sum"),
        ("'by magic', numpy.zeros(1 + rows * 3)", "an unknown way of explaining"),
    ],
)
def test_what_is_no_explanation_is_not_taken(tmp_path: Path, forged: str, said: str) -> None:
    code = MODEL + f"rows = 140\nchild.attribute = lambda *asked: ({forged})\nmodel = Model()"
    found = explain(write_pickle(tmp_path / "m.pkl", code), NUMBERS)
    assert found.further == ()
    assert said in str(found.failure)
    assert (found.values == 0.5).all()


@pytest.mark.parametrize("huge", [1e59, 1.7e308])
def test_values_that_add_up_to_no_number_do_not_add_up(huge: float) -> None:
    asked = explaining.Explanations(NUMBERS, np.ones(200, bool), 7, withheld=(), reasons=False)
    (question,) = asked.questions(np.ones(200, bool))
    values = np.zeros((len(question.rows) - question.background, 3))
    right = sandbox.Explained("tree probability", 0.5, values)
    assert asked.answered([right], np.full(200, 0.5))[2] == ""
    wrong = sandbox.Explained("tree probability", huge, np.full((len(values), 24), huge) * ([1, -1] * 12))
    assert asked.answered([wrong], np.full(200, 0.5)) == (None, None, explaining.NOT_ADDING_UP)


def test_an_answer_before_the_question_refuses_all(tmp_path: Path) -> None:
    from glassalpha_action.documents import UserError

    early = MODEL + "def hook(features):\n    child.send('S', numpy.full(len(features), 0.9).tobytes())\n"
    early = early.replace("        p = ", "        hook(features)\n        p = ") + "model = Model()"
    wide = pd.concat([NUMBERS] * 200)  # more than a pipe holds
    with pytest.raises(UserError, match=r"before the question|out of order"):
        score(write_pickle(tmp_path / "m.pkl", early), NUMBERS, positive_label="1", further=lambda _: [wide, wide])


def test_an_explanation_of_another_size_refuses_all(tmp_path: Path) -> None:
    from glassalpha_action.documents import UserError

    code = MODEL + "child.attribute = lambda *asked: ('tree probability', numpy.zeros(7))\nmodel = Model()"
    with pytest.raises(UserError, match="out of order"):
        explain(write_pickle(tmp_path / "m.pkl", code), NUMBERS)
    assert issubclass(conversation.DisorderError, sandbox.SandboxError)
