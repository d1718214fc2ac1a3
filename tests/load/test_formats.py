"""Models of every format that runs no code, scored in the child, against their own libraries."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skops import io as skops_io

from glassalpha_action.documents import UserError
from glassalpha_action.load import isolation, sandbox
from glassalpha_action.load.model import find_format, score
from glassalpha_action.settings import Trust
from tests.load import formats as made
from tests.load.formats import CATEGORIES, FILES, LABELS, MIXED, NUMBERS


def refused(path: Path, features: pd.DataFrame = NUMBERS, label: str = "1", **more: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        score(path, features, positive_label=label, **more)
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == more.pop("exit_code", 3)
    return caught.value


@pytest.mark.parametrize("name", FILES)
def test_scores_equal_the_librarys_own(tmp_path: Path, name: str) -> None:
    path, own = made.write(tmp_path, name)
    scores = score(path, NUMBERS, positive_label="1", negative_label="0", trust=Trust.safe)
    assert np.allclose(scores.values, own, rtol=0, atol=1e-6)
    assert np.ptp(own) > 0.3
    kind = find_format(path)
    assert scores.format == kind.name
    assert kind.package in scores.versions
    assert "seccomp filter" in scores.isolation
    assert np.allclose(score(path, NUMBERS, positive_label="0").values, 1 - own, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_never_trained(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"does not exist.*the tool never trains one") as caught:
        score(tmp_path / name, NUMBERS, positive_label="1")
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    path, _ = made.write(tmp_path, name)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-30], b"\x00\xff" * 500, b"{}"):
        path.write_bytes(content)
        told = str(refused(path))
        assert "damaged, cut short or of another kind" in told
        assert "[bt]" not in told


@pytest.mark.parametrize("name", FILES)
def test_an_extra_that_is_not_installed_is_told_with_its_command(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(UserError) as caught:
        score(path, NUMBERS, positive_label="1")
    assert caught.value.exit_code == 2
    assert str(caught.value).endswith(f"run pip install 'glassalpha-action[{find_format(path).name}]'")


def test_a_reader_that_crashes_is_told(tmp_path: Path) -> None:
    model = made.light()
    text = model.booster_.model_to_string()
    # A child beyond the tree's nodes sends the reader outside its memory.
    path = tmp_path / "m.txt"
    path.write_text(re.sub(r"left_child=\S+", "left_child=1999999999", text))
    told = str(refused(path))
    assert "crashed its reader (SIG" in told


@pytest.mark.parametrize("name", ["m.json", "m.ubj", "m.txt"])
def test_columns_are_matched_by_name(tmp_path: Path, name: str) -> None:
    path, own = made.write(tmp_path, name)
    turned = NUMBERS[["months", "age", "loan amount"]]
    assert np.allclose(score(path, turned, positive_label="1").values, own, rtol=0, atol=1e-6)
    told = str(refused(path, NUMBERS.rename(columns={"age": "income"})))
    assert "trained on other columns: it misses age; it does not know income; set data.feature_columns" in told


def test_files_without_names_go_by_the_number_of_columns(tmp_path: Path) -> None:
    made.boost(features=NUMBERS.to_numpy()).save_model(tmp_path / "m.json")
    lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(NUMBERS.to_numpy(), LABELS), 3).save_model(
        tmp_path / "m.txt"
    )
    made.onnx_matrix(tmp_path / "m.onnx", made.forest())
    for name in ("m.json", "m.txt", "m.onnx"):
        assert score(tmp_path / name, NUMBERS, positive_label="1").values.shape == (200,)
        assert "it takes 3 and was given 2" in str(refused(tmp_path / name, NUMBERS[["age", "months"]]))


@pytest.mark.parametrize("name", ["m.json", "m.ubj", "m.txt"])
@pytest.mark.parametrize(("label", "other"), [("bad", "good"), ("1", "2"), ("2", None), ("1", "True")])
def test_labels_that_the_file_cannot_know_are_refused(tmp_path: Path, name: str, label: str, other: str | None) -> None:
    path, _ = made.write(tmp_path, name)
    told = str(refused(path, label=label, negative_label=other))
    assert "names no classes, so that it can speak of labels 0 and 1 only" in told


def test_a_text_file_with_other_line_ends_is_the_same_model(tmp_path: Path) -> None:
    path, own = made.write(tmp_path, "m.txt")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert np.allclose(score(path, NUMBERS, positive_label="1").values, own, rtol=0, atol=1e-12)


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    path, own = made.write(tmp_path, "m.txt")
    scores = score(path, NUMBERS, positive_label="True", negative_label="False")
    assert np.allclose(scores.values, own, rtol=0, atol=1e-12)


def test_other_objectives_are_refused(tmp_path: Path) -> None:
    three = np.arange(200) % 3
    made.boost(three).save_model(tmp_path / "three.json")
    made.light(three).booster_.save_model(tmp_path / "three.txt")
    made.onnx_matrix(tmp_path / "three.onnx", made.forest(three))
    made.onnx_matrix(tmp_path / "tensor.onnx", made.forest(three), zipmap=False)
    for name in ("three.json", "three.txt", "three.onnx", "tensor.onnx"):
        assert "tells 3 outcomes apart" in str(refused(tmp_path / name))
    xgboost.train({"objective": "binary:hinge"}, xgboost.DMatrix(NUMBERS, LABELS), 2).save_model(tmp_path / "h.json")
    lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(NUMBERS, LABELS).booster_.save_model(tmp_path / "r.txt")
    assert "its objective is binary:hinge, not binary:logistic" in str(refused(tmp_path / "h.json"))
    assert "its objective is regression, not binary" in str(refused(tmp_path / "r.txt"))


def test_early_stopping_scores_with_the_best_rounds(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 2, 200)
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=20, learning_rate=1.0)
    model.fit(NUMBERS, LABELS, eval_set=[(NUMBERS, noise)], verbose=False)
    model.save_model(tmp_path / "m.ubj")
    own = model.predict_proba(NUMBERS)[:, 1]
    assert np.abs(own - model.get_booster().predict(xgboost.DMatrix(NUMBERS))).max() > 0.1
    assert np.allclose(score(tmp_path / "m.ubj", NUMBERS, positive_label="1").values, own, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["m.json", "m.ubj", "m.txt"])
def test_categories_keep_their_places(tmp_path: Path, name: str) -> None:
    features = MIXED.assign(**CATEGORIES)
    if name == "m.txt":
        model = made.light(features=features, min_child_samples=2)
        model.booster_.save_model(tmp_path / name)
    else:
        model = made.boost(features=features, enable_categorical=True)
        model.save_model(tmp_path / name)
    chosen = (MIXED["purpose"] != "car") & (MIXED["branch"] != 10)
    own = model.predict_proba(features)[chosen, 1]
    assert np.allclose(score(tmp_path / name, MIXED[chosen], positive_label="1").values, own, rtol=0, atol=1e-6)
    gaps = MIXED.assign(branch=MIXED["branch"].where(MIXED["age"] > 0))
    own = model.predict_proba(features.assign(branch=features["branch"].where(MIXED["age"] > 0)))
    assert np.allclose(score(tmp_path / name, gaps, positive_label="1").values, own[:, 1], rtol=0, atol=1e-6)
    told = str(refused(tmp_path / name, MIXED.assign(purpose="unheard of")))
    assert "categor" in told
    assert "does not hold numbers" in str(refused(tmp_path / name, MIXED.assign(age="old")))


def test_categories_that_the_file_does_not_hold_are_refused(tmp_path: Path) -> None:
    codes = np.column_stack([NUMBERS["age"], CATEGORIES["purpose"].codes])
    data = xgboost.DMatrix(
        codes, LABELS, feature_names=["age", "purpose"], feature_types=["float", "c"], enable_categorical=True
    )
    xgboost.train({"objective": "binary:logistic"}, data, 3).save_model(tmp_path / "m.json")
    told = str(refused(tmp_path / "m.json", MIXED[["age", "purpose"]]))
    assert "the file does not hold the categories of purpose" in told


@pytest.mark.parametrize("zipmap", [True, False])
def test_onnx_columns_by_name(tmp_path: Path, zipmap: bool) -> None:
    model = made.pipeline()
    path = made.onnx_columns(tmp_path / "m.onnx", model, zipmap=zipmap)
    own = model.predict_proba(MIXED[["age", "purpose"]])[:, 1]
    scores = score(path, MIXED[["purpose", "age"]], positive_label="1")
    assert np.allclose(scores.values, own, rtol=0, atol=1e-6)
    assert "it misses purpose; it does not know branch" in str(refused(path, MIXED[["age", "branch"]]))
    gap = MIXED[["age", "purpose"]].assign(purpose=MIXED["purpose"].where(MIXED["age"] > 0))
    assert "column purpose has missing values" in str(refused(path, gap))


def test_onnx_classes_come_from_the_file_or_are_checked_by_its_labels(tmp_path: Path) -> None:
    words, numbers = np.where(LABELS == 1, "bad", "good"), LABELS + 1
    model = made.pipeline(words)
    path = made.onnx_columns(tmp_path / "words.onnx", model)
    features = MIXED[["age", "purpose"]]
    scores = score(path, features, positive_label="bad", negative_label="good")
    assert np.allclose(scores.values, model.predict_proba(features)[:, 0], rtol=0, atol=1e-6)
    assert "its classes are 'bad', 'good'" in str(refused(path, features, label="worse"))
    for labels in (words, numbers):
        path = made.onnx_columns(tmp_path / "tensor.onnx", made.pipeline(labels), zipmap=False)
        assert "names no classes" in str(refused(path, features))
    always_one = features.assign(age=-9.0)  # of the classes 1 and 2 it predicts 1 for every row
    assert "it predicts 1)" in str(refused(path, always_one))


def test_skops_opens_scikit_learns_own_estimators(tmp_path: Path) -> None:
    for estimator in (HistGradientBoostingClassifier(max_iter=5), KNeighborsClassifier()):
        model = estimator.fit(NUMBERS, np.where(LABELS == 1, "bad", "good"))
        skops_io.dump(model, tmp_path / "m.skops")
        scores = score(tmp_path / "m.skops", NUMBERS, positive_label="bad")
        assert np.allclose(scores.values, model.predict_proba(NUMBERS)[:, 0], rtol=0, atol=1e-12)


def test_skops_names_the_types_it_does_not_trust_and_runs_nothing(tmp_path: Path) -> None:
    steps = make_pipeline(FunctionTransformer(os.getenv), LogisticRegression())
    skops_io.dump(steps, tmp_path / "m.skops")
    told = str(refused(tmp_path / "m.skops", trust=Trust.safe))
    assert "holds types that are not trusted (os.getenv) and was not opened" in told
    # A module that would leave a mark when imported is named and not imported, also where nothing shuts the child in.
    with zipfile.ZipFile(tmp_path / "m.skops") as archive:
        schema = archive.read("schema.json").decode()
    changed = schema.replace('"getenv"', '"anything"').replace('"os"', '"antigravity"')
    with zipfile.ZipFile(tmp_path / "other.skops", "w") as archive:
        archive.writestr("schema.json", changed)
    assert "antigravity.anything" in str(refused(tmp_path / "other.skops", trust=Trust.trusted))


def test_a_safe_format_needs_no_layer_that_denies_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, own = made.write(tmp_path, "m.txt")
    start = "import glassalpha_action.load.isolation as i\ni._seccomp = i._network_namespace = lambda libc: False\n"
    monkeypatch.setattr(sandbox, "START", sandbox.START.replace("sys.path.pop()", start + "sys.path.pop()"))
    scores = score(path, NUMBERS, positive_label="1")
    assert not {"seccomp filter", "network namespace"} & set(scores.isolation)
    assert np.allclose(scores.values, own, rtol=0, atol=1e-12)


def test_an_audit_by_the_command_line(tmp_path: Path) -> None:
    path, own = made.write(tmp_path, "m.ubj")
    group = np.where(np.arange(200) % 2 == 0, "a", "b")
    NUMBERS.assign(group=group, repaid=LABELS).to_csv(tmp_path / "data.csv", index=False)
    told = {
        "model": {"id": "boosted", "path": path.name, "threshold": 0.5, "positive_label": 1, "favorable_label": 1},
        "data": {
            "path": "data.csv",
            "target_column": "repaid",
            "exclude_columns": ["group"],
            "protected_attributes": ["group"],
        },
    }
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(told))
    command = [Path(sys.executable).with_name("glassalpha"), "audit", "--config", "audit.yaml", "--model-trust", "safe"]
    ran = subprocess.run([*command, "--output", "r.md"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = json.loads((tmp_path / "r.audit.json").read_bytes())
    assert record["provenance"]["model_format"] == "xgboost"
    accuracy = next(each for each in record["measurements"] if each["metric"] == "accuracy")
    assert accuracy["value"] == pytest.approx(((own >= 0.5) == LABELS).mean())
    path.unlink()
    ran = subprocess.run([*command, "--output", "r.md"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "never trains one" in ran.stdout + ran.stderr


def test_no_layer_was_widened_for_these_formats() -> None:
    assert not {"socket", "connect", "execve", "fork", "vfork", "kill", "unlink"} & set(isolation.CALLS.split())
