"""XGBoost (JSON, UBJ) and LightGBM (text) files as models with predict_proba. Their files name no classes: 0 and 1."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from glassalpha_action.load.refusals import ModelError, both_classes, listed, match_columns, match_count, numbers

if TYPE_CHECKING:
    import pandas as pd

XGBOOST_OBJECTIVES = ("binary:logistic", "reg:logistic")
LIGHTGBM_OBJECTIVES = ("binary", "cross_entropy")
UNNAMED = re.compile(r"Column_\d+")


class XGBoostModel:
    """A booster of one outcome. Where early stopping noted a best round, it scores with the rounds up to that one."""

    classes_ = (0, 1)
    names_classes = False

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        learner = json.loads(booster.save_config())["learner"]
        objective, sizes = learner["objective"]["name"], learner["learner_model_param"]
        if int(sizes["num_class"]) > 1 or int(sizes["num_target"]) > 1:
            raise ModelError("multiclass", f"{max(int(sizes['num_class']), int(sizes['num_target']))} outcomes")
        if objective not in XGBOOST_OBJECTIVES:
            raise ModelError("objective", f"its objective is {objective}, not {XGBOOST_OBJECTIVES[0]}")
        best = booster.attr("best_iteration")
        self.rounds = (0, int(best) + 1) if best else (0, 0)

    def predict_proba(self, features: pd.DataFrame) -> Any:
        """(n, 2): probabilities of 0 and 1."""
        with _told("predict"):
            return both_classes(self.booster.predict(self._matrix(features), iteration_range=self.rounds))

    def matrix(self, features: pd.DataFrame) -> Any:
        """(n, k): the columns as the trees read them; ModelError "values" where one is of categories."""
        import numpy as np

        if self._categorical():
            raise ModelError("values", "it has columns of categories")
        ordered = self._ordered(features)
        return np.column_stack([numbers(ordered[name]) for name in ordered])

    def _matrix(self, features: pd.DataFrame) -> Any:
        import xgboost

        names, types = self.booster.feature_names, self.booster.feature_types
        if categorical := self._categorical():
            told = self._categories(self._ordered(features), categorical)
            return xgboost.DMatrix(told, enable_categorical=True, nthread=1)
        return xgboost.DMatrix(self.matrix(features), feature_names=names, feature_types=types, nthread=1)

    def _categorical(self) -> list[str]:
        names, types = self.booster.feature_names, self.booster.feature_types
        return [name for name, kind in zip(names or (), types or (), strict=False) if kind == "c"]

    def _ordered(self, features: pd.DataFrame) -> pd.DataFrame:
        names = self.booster.feature_names
        if names is None:
            match_count(self.booster.num_features(), features.shape[1])
            return features
        match_columns(names, list(features.columns))
        ordered: pd.DataFrame = features[names]
        return ordered

    def _categories(self, features: pd.DataFrame, categorical: list[str]) -> pd.DataFrame:
        """Columns of categories as such; the rest as numbers. The library re-codes them by the file's own list."""
        if self.booster.get_categories().empty():
            raise ModelError("values", f"the file does not hold the categories of {listed(categorical)}")
        taken = features.copy()
        for name in features.columns:
            taken[name] = _category(taken[name]) if name in categorical else numbers(taken[name])
        return taken


def _category(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of categories. Whole numbers beside missing values are read as fractions, and are made whole again."""
    column = column.astype("category").cat.remove_unused_categories()
    levels = column.cat.categories
    if levels.dtype.kind == "f" and (levels == levels.astype("int64")).all():
        column = column.cat.rename_categories(levels.astype("int64").tolist())
    return column


@contextlib.contextmanager
def _told(kind: str) -> Iterator[None]:
    """The library's errors without time, source line and stack of addresses, which differ from run to run."""
    import xgboost

    try:
        yield
    except xgboost.core.XGBoostError as error:
        text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).partition("Stack trace:")[0].strip())
        raise ModelError(kind, text) from error


def load_xgboost(data: bytes) -> XGBoostModel:
    """The model in a file that Booster.save_model wrote as JSON or UBJ."""
    import xgboost

    if data[:1] != b"{":
        raise ModelError("load", "neither JSON nor UBJ")
    booster = xgboost.Booster({"nthread": 1})
    with _told("load"):
        booster.load_model(bytearray(data))
        return XGBoostModel(booster)


class LightGBMModel:
    """A booster of one outcome."""

    classes_ = (0, 1)
    names_classes = False

    def __init__(self, booster: Any, header: dict[str, str]) -> None:
        self.booster = booster
        self.names = header["feature_names"].split()
        ranges = header["feature_infos"].split()
        self.categories: list[list[Any]] = booster.pandas_categorical or []
        named = [name for name, seen in zip(self.names, ranges, strict=True) if seen[0] != "[" and seen != "none"]
        if self.categories and len(named) != len(self.categories):
            raise ModelError("values", "the file does not tell which columns its lists of categories belong to")
        self.categorical = dict(zip(named, self.categories, strict=False))

    def predict_proba(self, features: pd.DataFrame) -> Any:
        """(n, 2): probabilities of 0 and 1."""
        return both_classes(self.booster.predict(self.matrix(features), num_threads=1))

    def matrix(self, features: pd.DataFrame) -> Any:
        """(n, k): the columns as the trees read them, categories as their places in the file's list."""
        import numpy as np

        columns = {str(name).replace(" ", "_"): features[name] for name in features}  # as the file writes names
        if all(map(UNNAMED.fullmatch, self.names)):
            match_count(len(self.names), features.shape[1])
            columns = dict(zip(self.names, columns.values(), strict=True))
        match_columns(self.names, list(columns))
        match_count(len(self.names), features.shape[1])
        return np.column_stack([self._values(name, columns[name]) for name in self.names])

    def _values(self, name: str, column: pd.Series[Any]) -> Any:
        """A column as the file reads it: numbers, or places in its list of categories, NaN for one not in it."""
        import numpy as np
        import pandas as pd

        if name not in self.categorical:
            return numbers(column)
        codes = pd.Index(self.categorical[name]).get_indexer(pd.Index(column.to_numpy(dtype=object)))
        if (codes < 0).all() and column.notna().any():
            raise ModelError("values", f"no value of column {name} is one of its categories in training")
        return np.where(codes < 0, np.nan, codes)


def load_lightgbm(data: bytes) -> LightGBMModel:
    """The model in a text file that Booster.save_model wrote."""
    import lightgbm

    text = data.decode("utf-8").replace("\r\n", "\n")
    header = _header(text)
    objective = header.get("objective", "").split()
    if header["num_class"] != "1":
        raise ModelError("multiclass", f"{header['num_class']} outcomes")
    if not objective or objective[0] not in LIGHTGBM_OBJECTIVES:
        raise ModelError("objective", f"its objective is {' '.join(objective) or 'not named'}, not binary")
    return LightGBMModel(lightgbm.Booster(model_str=text), header)


def _header(text: str) -> dict[str, str]:
    """The lines before the first tree. A text that is cut short is refused here: the library reads past its end."""
    head, _, rest = text.partition("\nTree=")
    header = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    wanted = {"num_class", "feature_names", "feature_infos", "tree_sizes"}
    if not head.startswith("tree") or not wanted <= header.keys():
        raise ModelError("load", "it has no LightGBM header")
    trees, end, tail = rest.partition("\nend of trees\n")
    after = tail.rpartition("end of parameters\n")[2] if "\nparameters:" in tail else "pandas_categorical:null"
    whole = end and trees.count("\nTree=") + 1 == len(header["tree_sizes"].split())
    if not whole or ("\nparameters:" in tail and "\nend of parameters\n" not in tail):
        raise ModelError("load", "it ends before its last line")
    after = after.strip()
    if after:
        key, _, value = after.rpartition("\n")[2].partition(":")
        if key != "pandas_categorical":
            raise ModelError("load", "it ends before its last line")
        json.loads(value)
    return header
