"""Runs in a fresh interpreter: shuts itself in, says which layers hold, then opens the model and answers in frames.

Frames on either pipe: one kind byte, a length of eight bytes (little-endian), the payload. In: C (settings, JSON), M
(the model file's bytes), X (the features, a pickled DataFrame of the parent's own). Out: L (layers in force, JSON),
V (versions, JSON), then after the model was opened W (the version it was saved with, if another) and S (float64 scores)
or E (kind, newline, detail). Each further X is answered by another S or E, each A (features, how many of them are the
background, and a seed, pickled) by N (how it was done) and S (what each feature has of the scores), or E. Nothing heavy
is imported before it is shut in.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from glassalpha_action.load.attributions import attribute, import_shap
from glassalpha_action.load.boosters import load_lightgbm, load_xgboost
from glassalpha_action.load.isolation import shut_in
from glassalpha_action.load.onnx import load_onnx
from glassalpha_action.load.refusals import ModelError
from glassalpha_action.load.skops import load_skops

FRAME = struct.Struct("<cQ")
ANSWER_FD = 100
REQUEST_FD = 101
DETAIL_CAP = 1200  # characters; the parent cuts further


def _load_joblib(data: bytes) -> Any:
    import joblib

    return joblib.load(io.BytesIO(data))


# format -> (what it imports, whose versions are recorded; how the file's bytes become a model with predict_proba)
LOADERS: dict[str, tuple[tuple[str, ...], Callable[[bytes], Any]]] = {
    "joblib": (("numpy", "pandas", "joblib", "sklearn"), _load_joblib),
    "lightgbm": (("numpy", "pandas", "lightgbm"), load_lightgbm),
    "onnx": (("numpy", "pandas", "onnxruntime"), load_onnx),
    "skops": (("numpy", "pandas", "sklearn", "skops"), load_skops),
    "xgboost": (("numpy", "pandas", "xgboost"), load_xgboost),
}


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:DETAIL_CAP]}"


@contextlib.contextmanager
def _refusing(kind: str) -> Iterator[None]:
    """Whatever the model's own code raises becomes a refusal: this is the outermost edge of a process made for it."""
    try:
        yield
    except ModelError:
        raise
    except MemoryError as error:
        raise ModelError("memory", "") from error
    except ImportError as error:
        raise ModelError("import" if kind == "import" else "module", str(error)) from error
    except AttributeError as error:
        missing = str(error).startswith(("Can't get attribute", "module "))
        raise ModelError("module" if kind == "load" and missing else kind, _short(error)) from error
    except Exception as error:
        raise ModelError(kind, _short(error)) from error


def _open(loader: str, data: bytes) -> Any:
    """The model; another scikit-learn version that it was saved with is sent on, also where it does not open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _refusing("load"):
                return LOADERS[loader][1](data)
        finally:
            versions = [getattr(each.message, "original_sklearn_version", None) for each in caught]
            if saved_with := next(filter(None, versions), None):
                send("W", str(saved_with)[:DETAIL_CAP].encode(errors="replace"))


def _forms(label: object) -> set[str]:
    """The texts that mean this label: 1, "1" and 1.0 are the same, True is also 1."""
    text = str(label).strip()
    if text in ("True", "False"):
        return {text, text.lower(), str(int(text == "True"))}
    return {str(int(float(text)))} if re.fullmatch(r"[+-]?\d{1,15}(\.0*)?", text) else {text}


def find_column(classes: list[Any], positive_label: str) -> int:
    """The column of predict_proba that speaks of `positive_label`; ModelError "label" where none or several do."""
    wanted = _forms(positive_label)
    same = [i for i, label in enumerate(classes) if str(label) == positive_label]
    same = same or [i for i, label in enumerate(classes) if wanted & _forms(label)]
    if len(same) != 1:
        raise ModelError("label", ", ".join(map(repr, classes[:20])))
    return same[0]


def _column(model: Any, classes: list[Any], positive_label: str, negative_label: str | None) -> int:
    """Where a file names no classes, both labels must be 0 and 1, else its class 1 may be the other one."""
    if getattr(model, "names_classes", True):
        return find_column(classes, positive_label)
    labels = [positive_label] if negative_label is None else [positive_label, negative_label]
    places = [int(form) for label in labels for form in _forms(label) & {"0", "1"}]
    if len(set(places)) != len(labels):
        raise ModelError("unnamed", f"the labels are {' and '.join(map(repr, labels))}")
    return places[0]


def _amounts(model: Any, features: Any) -> bytes:
    import numpy

    if not hasattr(model, "predict"):
        raise ModelError("no_amount", type(model).__name__)
    answer = numpy.asarray(model.predict(features), dtype="float64")
    if answer.shape not in ((len(features),), (len(features), 1)):
        raise ModelError("outputs", f"predict gave shape {answer.shape} for {len(features)} rows")
    return numpy.ascontiguousarray(answer.reshape(-1), dtype="<f8").tobytes()


def _positive(model: Any, settings: dict[str, Any]) -> tuple[int, int]:
    """The column of predict_proba that speaks of the positive label, and how many there are."""
    import numpy

    classes = numpy.asarray(getattr(model, "classes_", ()))
    if classes.ndim != 1:
        raise ModelError("outputs", f"classes_ has {classes.ndim} dimensions")
    column = _column(model, classes.tolist(), settings["positive_label"], settings["negative_label"])
    if len(classes) > 2:
        raise ModelError("multiclass", f"{len(classes)} outcomes")
    return column, len(classes)


def _probabilities(model: Any, features: Any, settings: dict[str, Any]) -> bytes:
    import numpy

    if not hasattr(model, "predict_proba"):
        raise ModelError("no_probability", type(model).__name__)
    answer = numpy.asarray(model.predict_proba(features), dtype="float64")
    column, classes = _positive(model, settings)
    if answer.shape != (len(features), classes):
        raise ModelError("outputs", f"predict_proba gave shape {answer.shape} for {len(features)} rows")
    return numpy.ascontiguousarray(answer[:, column], dtype="<f8").tobytes()


def _list_libraries_without_files() -> None:
    """scikit-learn's threadpoolctl lists loaded libraries from /proc, which is shut; its other way opens no file."""
    if threadpoolctl := sys.modules.get("threadpoolctl"):
        vars(threadpoolctl)["_HAS_PROCFS"] = False


def score(settings: dict[str, Any], model_bytes: bytes, features_bytes: bytes) -> None:
    """Import what the format needs, send the versions, then open the model and send its scores, as often as asked."""
    import pickle

    modules = LOADERS[settings["format"]][0]
    with _refusing("import"):
        loaded = [__import__(name) for name in modules] + ([import_shap()] if settings["explained"] else [])
        _list_libraries_without_files()
        features = pickle.loads(features_bytes)  # noqa: S301 (the parent made it)
    versions = {m.__name__: str(m.__version__) for m in loaded} | {"python": sys.version.split()[0]}
    send("V", json.dumps(versions).encode())
    model = _open(settings["format"], model_bytes)
    kind = "X"
    while True:
        with _refusing("predict"):
            answer = _attributions(model, features, settings) if kind == "A" else _scores(model, features, settings)
        send("S", answer)
        if not settings["further"]:
            return
        kind, payload = _receive(REQUEST_FD)
        features = pickle.loads(payload)  # noqa: S301 (the parent made it)


def _scores(model: Any, features: Any, settings: dict[str, Any]) -> bytes:
    return _amounts(model, features) if settings["amounts"] else _probabilities(model, features, settings)


def _attributions(model: Any, asked: tuple[Any, int, int], settings: dict[str, Any]) -> bytes:
    import numpy

    method, values = attribute(model, _positive(model, settings)[0], *asked)
    send("N", method.encode())
    return numpy.ascontiguousarray(values, dtype="<f8").tobytes()


def send(kind: str, payload: bytes) -> None:
    """Write one frame to the parent."""
    message = memoryview(FRAME.pack(kind.encode(), len(payload)) + payload)
    while message:
        message = message[os.write(ANSWER_FD, message) :]


def _receive(fd: int = 0) -> tuple[str, bytes]:
    kind, length = FRAME.unpack(_take(fd, FRAME.size))
    return kind.decode(), bytes(_take(fd, length))


def _take(fd: int, length: int) -> bytearray:
    """That many bytes; where the parent has closed its end there is nothing more to do."""
    taken = bytearray()
    while len(taken) < length:
        part = os.read(fd, min(length - len(taken), 1 << 20))
        if not part:
            os._exit(0 if fd == REQUEST_FD else 1)
        taken += part
    return taken


def main() -> None:
    """Serve one model and leave without running anything it may have registered for the exit."""
    os.dup2(1, ANSWER_FD, inheritable=False)
    os.dup2(2, 1)
    settings = json.loads(_receive()[1])
    nothing = os.open(os.devnull, os.O_RDONLY)
    send("L", json.dumps(shut_in(settings)).encode())
    model_bytes, features_bytes = _receive()[1], _receive()[1]
    os.dup2(0, REQUEST_FD, inheritable=False)
    os.dup2(nothing, 0)
    try:
        score(settings, model_bytes, features_bytes)
    except ModelError as refusal:
        send("E", f"{refusal.kind}\n{refusal.detail}"[:DETAIL_CAP].encode(errors="replace"))
    os._exit(0)


if __name__ == "__main__":
    main()
