"""ONNX files as models with predict_proba: columns by name or a matrix in, a tensor or dicts (ZipMap) out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glassalpha_action.load.refusals import ModelError, both_classes, match_columns, match_count, numbers

if TYPE_CHECKING:
    import pandas as pd

ROWS = 100_000  # at once: a list of dicts takes some 300 bytes a row
FLOATS = {"tensor(float)": "float32", "tensor(double)": "float64"}
INTEGERS = {"tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool"}
TEXT = "tensor(string)"
UNKNOWN = re.compile(r"(\S+?)(?:\(-?\d+\))? is not a registered function/op")


class OnnxModel:
    """A graph of one outcome. Its classes are those of its ZipMap; a tensor names none, and stands for 0 and 1."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.output, self.label = _outputs(session.get_outputs())
        if _is_regressor(session, self.output, self.label):
            raise ModelError("objective", "scikit-learn's converter wrote it as a regressor")
        self.names_classes = self.output.type.startswith("seq(map(")
        self.classes_: Sequence[object] = (0, 1)

    def predict_proba(self, features: pd.DataFrame) -> Any:
        """(n, 2): probabilities of `classes_`, which are known once this has run."""
        import numpy as np

        feeds = _feeds(self.session.get_inputs(), features)
        wanted = [self.output.name] + ([self.label.name] if self.label else [])
        parts, labels = [], []
        for start in range(0, len(features), ROWS):
            answer = self.session.run(wanted, {name: values[start : start + ROWS] for name, values in feeds.items()})
            parts.append(self._by_class(answer[0]) if self.names_classes else _tensor(answer[0]))
            labels += [np.asarray(answer[1]).ravel()] if self.label else []
        scores = np.concatenate(parts)
        if labels and not self.names_classes:
            _check_order(scores, np.concatenate(labels))
        return scores

    def _by_class(self, maps: list[dict[object, float]]) -> Any:
        import numpy as np

        self.classes_ = tuple(maps[0])
        if len(self.classes_) != 2:
            raise ModelError("multiclass", f"{len(self.classes_)} outcomes")
        first, second = self.classes_
        pairs = np.array([(each[first], each[second]) for each in maps], dtype="float64")
        return np.column_stack([both_classes(pairs[:, 0])[:, 1], both_classes(pairs[:, 1])[:, 1]])


def load_onnx(data: bytes) -> OnnxModel:
    """The model in an ONNX file, run on one thread of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        if "xternal data" in str(error):
            raise ModelError("elsewhere", "its weights") from error
        if found := UNKNOWN.search(str(error)):
            raise ModelError("operator", found[1]) from error
        raise
    return OnnxModel(session)


def _outputs(outputs: Sequence[Any]) -> tuple[Any, Any]:
    """The one output of probabilities, and that of predicted labels where there is one."""
    scores = [each for each in outputs if each.type.startswith("seq(map(")]
    scores = scores or [each for each in outputs if each.type in FLOATS]
    if len(scores) > 1:
        scores = [each for each in scores if "prob" in each.name.lower()]
    if len(scores) != 1:
        told = ", ".join(f"{each.name} {each.type}" for each in outputs)
        raise ModelError("objective", f"none of its outputs is one of probabilities: {told}")
    labels = [each for each in outputs if each.type in ("tensor(int64)", TEXT)]
    return scores[0], labels[0] if len(labels) == 1 else None


def _is_regressor(session: Any, output: Any, label: Any) -> bool:
    """That converter gives every classifier an output of labels, or else a column for each class."""
    return bool(session.get_modelmeta().producer_name == "skl2onnx" and label is None and output.shape[-1:] == [1])


def _tensor(values: Any) -> Any:
    """(n, 2) from a tensor of one column (the probability of 1) or of two."""
    import numpy as np

    values = np.asarray(values, dtype="float64")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise ModelError("outputs", f"its tensor has shape {values.shape}")
    if values.shape[1] > 2:
        raise ModelError("multiclass", f"{values.shape[1]} outcomes")
    if not np.allclose(values.sum(axis=1), 1, rtol=0, atol=1e-3) and values.shape[1] == 2:
        raise ModelError("objective", "the two columns of its tensor do not add up to 1")
    return both_classes(values[:, -1])


def _check_order(scores: Any, labels: Any) -> None:
    """Refuse a tensor whose columns are not 0 and 1 by the labels that the file itself predicts."""
    names = {str(label) for label in labels.tolist()}
    likelier = (scores[:, 1] > scores[:, 0]).astype(int).astype(str)
    agreeing = (likelier == labels.astype(str)) | (scores[:, 0] == scores[:, 1])
    if not names <= {"0", "1"} or agreeing.mean() < 0.5:
        raise ModelError("unnamed", f"it predicts {', '.join(sorted(names)[:5])}")


def _feeds(inputs: Sequence[Any], features: pd.DataFrame) -> dict[str, Any]:
    import numpy as np

    for each in inputs:
        if each.type not in {**FLOATS, **INTEGERS, TEXT: ""} or len(each.shape) not in (1, 2):
            raise ModelError("values", f"its input {each.name} is a {each.type} of shape {each.shape}")
    if len(inputs) == 1 and len(inputs[0].shape) == 2:
        (matrix,) = inputs
        if isinstance(matrix.shape[1], int):
            match_count(matrix.shape[1], features.shape[1])
        return {matrix.name: np.column_stack([_cast(features[name], matrix.type) for name in features])}
    match_columns([each.name for each in inputs], list(features.columns))
    columns = {each.name: _cast(features[each.name], each.type) for each in inputs}
    return {each.name: columns[each.name].reshape((-1, 1)[: len(each.shape)]) for each in inputs}


def _cast(column: pd.Series[Any], kind: str) -> Any:
    """A column, (n,), in the type of the file's input; ModelError "values" where that would change a value."""
    import numpy as np
    from pandas.api.types import is_float_dtype

    if kind in FLOATS:
        return numbers(column).astype(FLOATS[kind])
    if column.isna().any():
        raise ModelError("values", f"column {column.name} has missing values, which a {kind} input cannot hold")
    if kind == TEXT:
        if is_float_dtype(column.dtype):
            raise ModelError("values", f"column {column.name} holds fractions where the file takes text")
        return np.array([str(value) for value in column], dtype=object)
    values = numbers(column)
    if (values != values.astype(INTEGERS[kind])).any():
        raise ModelError("values", f"column {column.name} holds numbers that a {kind} input cannot hold")
    return values.astype(INTEGERS[kind])
