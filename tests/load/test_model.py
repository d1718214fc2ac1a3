"""Real scikit-learn models scored in the child, and one sentence for each way a model file can be wrong."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from glassalpha_action.documents import UserError
from glassalpha_action.load.child import find_column
from glassalpha_action.load.model import find_format, score, show
from glassalpha_action.load.refusals import ModelError
from glassalpha_action.settings import Trust

RANDOM = np.random.default_rng(7)
FEATURES = pd.DataFrame({"amount": RANDOM.normal(size=200), "purpose": RANDOM.choice(["car", "tv"], 200)})
LABELS = (FEATURES["amount"] + RANDOM.normal(size=200) > 0).to_numpy().astype(int)


def fit(classifier: Any, labels: Any = LABELS) -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["purpose"]), remainder="passthrough")
    return make_pipeline(encode, classifier).fit(FEATURES, labels)


def error(path: Path, label: str = "1", trust: Trust = Trust.sandbox, kind: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        score(path, FEATURES, positive_label=label, trust=trust, format=kind)
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("classifier", "name"),
    [
        (LogisticRegression(), "m.joblib"),
        (RandomForestClassifier(20, n_jobs=-1, random_state=0), "m.pkl"),
        (CalibratedClassifierCV(RidgeClassifier(), cv=2), "M.JOBLIB"),
        (KNeighborsClassifier(), "m.joblib"),
    ],
)
def test_scores_equal_the_models_own(tmp_path: Path, classifier: Any, name: str) -> None:
    model = fit(classifier)
    joblib.dump(model, tmp_path / name, compress=3)
    scores = score(tmp_path / name, FEATURES, positive_label="1")
    assert np.allclose(scores.values, model.predict_proba(FEATURES)[:, 1], rtol=0, atol=1e-12)
    assert scores.format == ("pickle" if name.endswith("pkl") else "joblib")
    assert {"python", "numpy", "pandas", "joblib", "scikit-learn"} == set(scores.versions)
    assert scores.isolation[0] == "cleared environment"
    assert scores.warnings == ()


def test_the_column_follows_the_positive_label(tmp_path: Path) -> None:
    model = fit(LogisticRegression(), np.where(LABELS == 1, "bad", "good"))
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(model))
    scores = score(tmp_path / "m.pickle", FEATURES, positive_label="bad")
    assert np.allclose(scores.values, model.predict_proba(FEATURES)[:, 0], rtol=0, atol=1e-12)
    told = error(tmp_path / "m.pickle", "BAD")
    assert told.exit_code == 3
    assert "positive label 'BAD', its classes are 'bad', 'good'" in str(told)


@pytest.mark.parametrize(
    ("classes", "label", "column"),
    [
        ([0, 1], "1", 1),
        ([0, 1], "1.0", 1),
        ([0.0, 1.0], "1", 1),
        (["0", "1"], "1.0", 1),
        ([1, 2], "2", 1),
        ([-1, 1], "-1", 0),
        ([False, True], "1", 1),
        ([False, True], "true", 1),
        (["1", "1.0"], "1.0", 1),
        ([" yes", "no"], "yes", 0),
    ],
)
def test_labels_are_compared_as_text(classes: list[Any], label: str, column: int) -> None:
    assert find_column(classes, label) == column


@pytest.mark.parametrize(("classes", "label"), [([0, 1], "2"), ([], "1"), (["1", "1.0"], "01"), ([0.5, 1.5], "1")])
def test_a_label_of_no_class_or_of_several_is_refused(classes: list[Any], label: str) -> None:
    with pytest.raises(ModelError):
        find_column(classes, label)


def test_a_model_without_probabilities_is_refused(tmp_path: Path) -> None:
    joblib.dump(fit(RidgeClassifier()), tmp_path / "m.joblib")
    joblib.dump({"model": 1}, tmp_path / "dict.joblib")
    told = error(tmp_path / "m.joblib")
    assert told.exit_code == 3
    assert "holds a Pipeline without predict_proba" in str(told)
    assert "calibrate it" in str(told)
    assert "holds a dict without predict_proba" in str(error(tmp_path / "dict.joblib"))


def test_a_model_that_was_never_trained_is_refused_and_not_trained_here(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    joblib.dump(LogisticRegression(), path)
    before = path.read_bytes()
    refused = error(path)
    assert refused.exit_code == 3
    assert "not fitted" in str(refused)
    assert path.read_bytes() == before


def test_other_columns_than_trained_on_are_named(tmp_path: Path) -> None:
    joblib.dump(fit(LogisticRegression()), tmp_path / "m.joblib")
    with pytest.raises(UserError) as caught:
        score(tmp_path / "m.joblib", FEATURES.rename(columns={"purpose": "goal"}), positive_label="1")
    assert caught.value.exit_code == 3
    assert "purpose" in str(caught.value)
    assert "data.feature_columns" in str(caught.value)


def test_scores_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    model = fit(LogisticRegression())
    model[-1].coef_[:] = np.nan
    joblib.dump(model, tmp_path / "m.joblib")
    assert "200 of 200 scores are NaN or infinite" in str(error(tmp_path / "m.joblib"))


def test_another_scikit_learn_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LogisticRegression().fit(FEATURES[["amount"]], LABELS)
    with monkeypatch.context() as older:
        older.setattr("sklearn.base.__version__", "1.2.0")
        joblib.dump(model, tmp_path / "m.joblib")
    scores = score(tmp_path / "m.joblib", FEATURES[["amount"]], positive_label="1")
    assert len(scores.warnings) == 1
    assert f"was saved with scikit-learn 1.2.0 and read with {scores.versions['scikit-learn']}" in scores.warnings[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not a pickle at all", "cannot be opened as a joblib file"),
        (pickle.dumps(LogisticRegression())[:-20], "cannot be opened as a joblib file"),
        (b"\x80\x04", "cannot be opened as a joblib file"),
        (b"\x78\x9c" + bytes(40), "cannot be opened as a joblib file"),
        (b"cno_such_package\nThing\n.", "No module named 'no_such_package'"),
        (b"csklearn.linear_model\nNoSuchModel\n.", "NoSuchModel"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "m.joblib"
    path.write_bytes(content)
    message = str(error(path))
    assert f"model file {show(str(path))} " in message
    assert told in message


def test_a_missing_empty_or_unreadable_file_is_exit_2(tmp_path: Path) -> None:
    (tmp_path / "empty.joblib").touch()
    (tmp_path / "folder.joblib").mkdir()
    for name, told in (
        ("gone.joblib", "gone.joblib does not exist: check model.path; the tool never trains one"),
        ("empty.joblib", "empty.joblib is empty"),
        ("folder.joblib", "folder.joblib cannot be read"),
    ):
        refusal = error(tmp_path / name)
        assert refusal.exit_code == 2
        assert told in str(refusal)


def test_safe_trust_refuses_pickles(tmp_path: Path) -> None:
    joblib.dump(fit(LogisticRegression()), tmp_path / "m.joblib")
    told = error(tmp_path / "m.joblib", trust=Trust.safe)
    assert told.exit_code == 3
    assert "--model-trust safe refuses it" in str(told)


def test_formats_go_by_extension_or_by_name() -> None:
    assert find_format(Path("a/b.PKL")).name == "pickle"
    assert find_format(Path("model.bin"), "joblib").name == "joblib"
    for path, name in (("model.h5", None), ("joblib", None), ("m.joblib", "keras\x1b")):
        with pytest.raises(UserError, match=r"joblib \(\.joblib\), pickle \(\.pkl \.pickle\)") as caught:
            find_format(Path(path), name)
        assert caught.value.exit_code == 2
        assert str(caught.value).isprintable()


def test_text_of_others_is_shown_harmless() -> None:
    assert show("a\x1b[31m\r\nb\u202e\u200b c\x00") == "a [31m b c"
    assert show("é" * 1000) == "é" * 299 + "…"
