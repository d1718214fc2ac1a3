"""What may be wrong with a model file of any format: one sentence each, and no scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.linear_model import LinearRegression, LogisticRegression
from skops import io as skops_io

from glassalpha_action.documents import UserError
from glassalpha_action.load.model import score
from tests.load import formats
from tests.load.formats import FILES, LABELS, NUMBERS

OTHERS = [(name, ending) for name in FILES for ending in (".onnx", ".skops", ".json", ".txt", ".joblib")
          if not name.endswith(ending) and (name, ending) != ("m.ubj", ".json")]  # fmt: skip
THREE = np.arange(200) % 3


def refused(path: Path, features: pd.DataFrame = NUMBERS) -> str:
    """The one sentence that a file without scores ends in; it names no folder but the file's own."""
    with pytest.raises(UserError) as caught:
        score(path, features, positive_label="1", negative_label="0")
    assert caught.value.exit_code == 3
    said = str(caught.value)
    assert said.isprintable()
    assert "Traceback" not in said
    assert "/glassalpha-" not in said
    return said


@pytest.mark.parametrize(("name", "ending"), OTHERS)
def test_another_formats_ending(tmp_path: Path, name: str, ending: str) -> None:
    path, _ = formats.write(tmp_path, name)
    assert "damaged, cut short or of another kind" in refused(path.rename(tmp_path / f"other{ending}"))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.97])
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_anywhere(tmp_path: Path, name: str, share: float) -> None:
    path, _ = formats.write(tmp_path, name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cut short" in refused(path)


def test_nesting_without_end(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"a":' * 100_000)
    assert "crashed its reader" in refused(tmp_path / "m.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[["age", "months"]], r"trained on|feature names"),
        (lambda rows: rows.assign(more=1.0), r"trained on|feature names"),
        (lambda rows: rows.assign(age="x"), r"does not hold numbers|could not convert"),
        (lambda rows: rows.assign(age=pd.Timestamp("2020-01-01")), r"does not hold numbers|could not be promoted"),
    ],
    ids=["a column less", "a column more", "text", "dates"],
)
def test_features_of_another_shape(tmp_path: Path, name: str, change: Any, said: str) -> None:
    path, _ = formats.write(tmp_path, name)
    with pytest.raises(UserError, match=said) as caught:
        score(path, change(NUMBERS), positive_label="1", negative_label="0")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", FILES)
def test_short_and_long_numbers_score_alike(tmp_path: Path, name: str) -> None:
    path, _ = formats.write(tmp_path, name)
    long = score(path, NUMBERS, positive_label="1", negative_label="0").values
    short = score(path, NUMBERS.astype("float32"), positive_label="1", negative_label="0").values
    assert np.median(np.abs(long - short)) < 1e-6


@pytest.mark.parametrize("kind", [DoubleTensorType, FloatTensorType])
def test_onnx_takes_numbers_in_the_files_own_type(tmp_path: Path, kind: Any) -> None:
    model = LogisticRegression().fit(NUMBERS, LABELS)
    made = convert_sklearn(model, initial_types=[("X", kind([None, 3]))], options={"zipmap": False})
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    found = score(tmp_path / "m.onnx", NUMBERS, positive_label="1", negative_label="0").values
    assert np.allclose(found, model.predict_proba(NUMBERS)[:, 1], rtol=0, atol=1e-6)


def test_onnx_numbers_that_the_files_type_cannot_hold(tmp_path: Path) -> None:
    model = LogisticRegression().fit(NUMBERS, LABELS)
    made = convert_sklearn(model, initial_types=[("X", Int64TensorType([None, 3]))], options={"zipmap": False})
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    assert "holds numbers that a tensor(int64) input cannot hold" in refused(tmp_path / "m.onnx")


def graph(folder: Path, nodes: list[Any], weights: list[Any] | None = None, width: int = 2) -> Path:
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, width])]
    made = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, weights or []),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("made.up", 1)],
        ir_version=8,
    )
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    return folder / "m.onnx"


@pytest.mark.parametrize("place", ["weights.bin", "../../../../etc/passwd", "/etc/passwd"])
def test_onnx_weights_in_another_file_are_not_read(tmp_path: Path, place: str) -> None:
    weight = numpy_helper.from_array(np.ones((3, 2), np.float32), "W")
    (tmp_path / "weights.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.append(onnx.StringStringEntryProto(key="location", value=place))
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"]),
    ]
    said = refused(graph(tmp_path, nodes, [weight]))
    assert "keeps its weights in other files, which its isolated process does not read: save it as one file" in said


def test_onnx_operators_of_ones_own(tmp_path: Path) -> None:
    said = refused(graph(tmp_path, [helper.make_node("Evil", ["X"], ["probabilities"], domain="made.up")]))
    assert "needs the operator made.up:Evil, which onnxruntime does not have" in said


def test_onnx_columns_that_are_no_probabilities(tmp_path: Path) -> None:
    three = graph(tmp_path, [helper.make_node("Identity", ["X"], ["probabilities"])], width=3)
    assert "tells 3 outcomes apart" in refused(three)


def test_a_regressor_is_no_classifier_though_its_amounts_lie_between_0_and_1(tmp_path: Path) -> None:
    model = LinearRegression().fit(NUMBERS / 100, LABELS / 10 + 0.4)
    made = convert_sklearn(model, initial_types=[("X", FloatTensorType([None, 3]))])
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    assert "gives no probability of an outcome (scikit-learn's converter wrote it as a regressor)" in refused(
        tmp_path / "m.onnx", NUMBERS / 100
    )
    skops_io.dump(model, tmp_path / "m.skops")
    assert "holds a LinearRegression without predict_proba" in refused(tmp_path / "m.skops")
    amounts = score(tmp_path / "m.skops", NUMBERS / 100, positive_label="", amounts=True).values
    assert np.allclose(amounts, model.predict(NUMBERS / 100), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["m.joblib", "m.skops", "m.onnx"])
def test_a_model_of_three_outcomes(tmp_path: Path, name: str) -> None:
    model = formats.forest(THREE)
    if name == "m.joblib":
        joblib.dump(model, tmp_path / name)
    elif name == "m.skops":
        skops_io.dump(model, tmp_path / name)
    else:
        formats.onnx_matrix(tmp_path / name, model)
    assert "tells 3 outcomes apart, and an audit is of one" in refused(tmp_path / name)
