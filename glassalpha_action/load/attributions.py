"""Runs beside the model in its child process: which part of a score each feature has, by SHAP."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from glassalpha_action.load.refusals import ModelError, numbers

if TYPE_CHECKING:
    import pandas as pd

# How the values are found, and whether they add up to log-odds; the parent takes no other word.
METHODS = {
    f"{method} {unit}": unit == "log-odds"
    for method in ("tree", "linear", "permutation")
    for unit in ("log-odds", "probability")
}
PERMUTATIONS = 4
MOST_PERMUTED = 20  # rows that a model of another kind is explained against
CLOSE = 1e-5  # a score in float32 against one in float64
Encode = Callable[["pd.DataFrame"], Any]


def import_shap() -> Any:
    """The library, without the plotting packages that it would import."""
    for name in ("matplotlib", "IPython"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    import shap

    return shap


def attribute(model: Any, column: int, features: pd.DataFrame, background: int, seed: int) -> tuple[str, Any]:
    """A key of METHODS, and (1 + n·k,): the base, then the values of n rows and k features, row by row.

    The first `background` rows of `features` are what the n others are explained against; `column` is the one of
    predict_proba that is explained. Trees and linear models are explained exactly; what an encoding makes of one
    feature is added up. Where columns are made of several features, or the model is of another kind, it is asked about
    seeded permutations of whole features.
    """
    import numpy as np

    scores = np.asarray(model.predict_proba(features), dtype="float64")[background:, column]
    for explain in (_by_structure, _by_permutation):
        found = explain(model, column, features, background, seed)
        if found is not None:
            method, base, values = found
            total = base + values.sum(axis=1)
            reached = 1 / (1 + np.exp(-total)) if METHODS[method] else total
            if np.isfinite(values).all() and np.abs(reached - scores).max(initial=0.0) <= CLOSE:
                return method, np.concatenate([[base], values.ravel()])
    raise ModelError("attributions", "the values do not add up to the scores")


def _parts(model: Any) -> tuple[Any, Encode] | None:
    """What decides, and how features become the numbers it decides on; None where it is no tree or linear model."""
    import numpy as np

    if hasattr(model, "steps") and len(model.steps) > 1:
        return model[-1], lambda rows: _dense(model[:-1].transform(rows))
    if hasattr(model, "matrix") and hasattr(model, "booster"):
        return model.booster, model.matrix
    if hasattr(model, "steps"):
        model = model[-1]
    return model, lambda rows: np.column_stack([numbers(rows[name]) for name in rows])


def _dense(encoded: Any) -> Any:
    import numpy as np

    return np.asarray(encoded.toarray() if hasattr(encoded, "toarray") else encoded, dtype="float64")


def _by_structure(
    model: Any, column: int, features: pd.DataFrame, background: int, seed: int
) -> tuple[str, float, Any] | None:
    """Exact values of a tree or linear model; None where it is neither, or its columns mix features."""
    import numpy as np

    parts = _parts(model)
    if parts is None:
        return None
    decider, encode = parts
    try:
        encoded = encode(features)
        owners = _owners(encode, features, encoded, seed)
        if owners is None:
            return None
        kind, base, values = _explained(decider, encoded[:background], encoded[background:], column)
    except (ModelError, ValueError, TypeError, AttributeError, NotImplementedError, AssertionError, KeyError):
        return None
    summed = np.zeros((len(values), features.shape[1]))
    for place, owner in enumerate(owners):
        if owner >= 0:
            summed[:, owner] += values[:, place]
    return kind, base, summed


def _owners(encode: Encode, features: pd.DataFrame, encoded: Any, seed: int) -> Any:
    """For each encoded column the feature it is made of, -1 where it is constant; None where it is made of several.

    A feature's values are moved on by one row in a seeded order: what changes is made of it.
    """
    import numpy as np

    order = np.random.default_rng([seed, 5]).permutation(len(features))
    source = np.empty_like(order)
    source[order] = np.roll(order, 1)
    owners = np.full(encoded.shape[1], -1)
    for place, name in enumerate(features.columns):
        moved = features.copy()
        moved[name] = features[name].take(source).array
        changed = ~((encoded == encode(moved)) | (np.isnan(encoded) & np.isnan(encode(moved)))).all(axis=0)
        if (owners[changed] >= 0).any():
            return None
        owners[changed] = place
    return owners


def _explained(decider: Any, background: Any, rows: Any, column: int) -> tuple[str, float, Any]:
    import numpy as np

    shap = import_shap()
    if hasattr(decider, "coef_"):
        explainer = shap.LinearExplainer(decider, shap.maskers.Independent(background, max_samples=len(background)))
        kind, checks = "linear log-odds", {}
    else:
        explainer = shap.TreeExplainer(decider, data=background, feature_perturbation="interventional")
        kind = "tree probability" if explainer.model.tree_output == "probability" else "tree log-odds"
        checks = {"check_additivity": False}  # it is checked against the scores
    values = np.asarray(explainer.shap_values(rows, **checks), dtype="float64")
    base = np.asarray(explainer.expected_value, dtype="float64").reshape(-1)
    if values.ndim == 3:
        return kind, float(base[column]), values[:, :, column]
    sign = 1.0 if column == 1 else -1.0  # a margin speaks of the second class
    flipped = kind.endswith("probability") and column == 0
    return kind, float(1 - base[0] if flipped else sign * base[0]), sign * values


def _by_permutation(
    model: Any, column: int, features: pd.DataFrame, background: int, seed: int
) -> tuple[str, float, Any]:
    """Values of whole features by antithetic permutations, whatever the model is.

    What shap permutes are the places of values, so that every column stays of its type.
    """
    import numpy as np
    import pandas as pd

    shap = import_shap()
    found = [pd.factorize(features[name], use_na_sentinel=False)[0] for name in features]
    codes = np.column_stack(found).astype("float64")
    first = [np.unique(each, return_index=True)[1] for each in found]
    against = np.linspace(0, background - 1, min(background, MOST_PERMUTED)).astype("int64")

    def score(asked: Any) -> Any:
        places = asked.astype("int64")
        columns = {i: features.iloc[:, i].take(rows[places[:, i]]).array for i, rows in enumerate(first)}
        frame = pd.DataFrame(columns)
        frame.columns = features.columns
        return np.asarray(model.predict_proba(frame), dtype="float64")[:, column]

    rounds = 2 * features.shape[1] + 1
    masker = shap.maskers.Independent(codes[against], max_samples=len(against))
    explain = shap.explainers.Permutation(score, masker, seed=seed)
    answer = explain(codes[background:], max_evals=PERMUTATIONS * rounds, batch_size=rounds, silent=True)
    return "permutation probability", float(answer.base_values.reshape(-1)[0]), answer.values.reshape(-1, len(first))
