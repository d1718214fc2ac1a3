from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glassalpha_action.config import Config, ProtectedAttribute, load
from glassalpha_action.documents import UserError
from glassalpha_action.evidence import MISSING, Attribute
from glassalpha_action.load import data
from tests.workspace import CONFIG, make


def config(folder: Path, old: str = "", new: str = "") -> Config:
    assert old in CONFIG
    return load(make(folder, CONFIG.replace(old, new, 1)))


def test_all_missing_columns_are_named_with_their_lines(tmp_path: Path) -> None:
    found = config(tmp_path)
    with pytest.raises(UserError) as caught:
        data.require(
            found,
            ["Repaid", "scores", "q"],
            {
                ("data", "target_column"): ["repaid"],
                ("data", "score_column"): ["score"],
                ("data", "protected_attributes", "sex"): ["sex"],
            },
        )
    said = str(caught.value).splitlines()
    assert [one.split(": ")[0].rpartition(":")[2] for one in said] == ["9", "10", "11"]
    assert "no column `repaid`; did you mean `Repaid`?" in said[0]
    assert "did you mean `scores`?" in said[1]
    assert "known here: Repaid, scores, q." in said[2]


@pytest.mark.parametrize(
    ("values", "levels", "codes"),
    [
        ([1, 0, 1], ("0", "1"), [1, 0, 1]),
        ([1.0, 0.0, None], ("0", "1"), [1, 0, -1]),
        (["b", "a", None], ("a", "b"), [1, 0, -1]),
        ([True, False, True], ("False", "True"), [1, 0, 1]),
        ([1, "1", 1.0], ("1",), [0, 0, 0]),
        ([0.5, 2.0, 1e300], ("0.5", str(10**300 + int(1e300) - 10**300), "2"), [0, 2, 1]),
        ([float("inf"), -1.0, 3.0], ("-1", "3", "inf"), [2, 0, 1]),
        (pd.array([1, None, 2], dtype="Int64"), ("1", "2"), [0, -1, 1]),
        (pd.array([1.0, None, 2.5], dtype="Float64"), ("1", "2.5"), [0, -1, 1]),
        (pd.array(["x", None, "y"], dtype="string"), ("x", "y"), [0, -1, 1]),
        (pd.Categorical(["y", None, "x"], categories=["z", "y", "x"]), ("x", "y"), [1, -1, 0]),
        ([[1], {"a": 2}, [1]], ("[1]", "{'a': 2}"), [0, 1, 0]),
    ],
)
def test_values_are_levels_as_text(values: object, levels: tuple[str, ...], codes: list[int]) -> None:
    found = data.coded(pd.Series(values))  # type: ignore[call-overload]
    assert (found.levels, found.codes.tolist()) == (levels, codes)


def labels(folder: Path, values: list[object], old: str = "", new: str = "") -> data.Labels:
    return data.labels_of(config(folder, old, new), pd.DataFrame({"repaid": values}))


NO_LABELS = "  positive_label: 1\n  favorable_label: 1\n"


def test_labels(tmp_path: Path) -> None:
    found = labels(tmp_path, [1, 0, 1])
    assert (found.positive_label, found.negative_label, found.favorable_label) == ("1", "0", "1")
    assert found.positive.tolist() == [True, False, True]
    assert found.warnings == ()
    named = labels(tmp_path, ["good", "bad"], NO_LABELS, "  positive_label: bad\n  favorable_label: good\n")
    assert (named.positive.tolist(), named.favorable_label) == ([False, True], "good")
    assert labels(tmp_path, [1.0, 0.0], NO_LABELS, "").positive.tolist() == [True, False]


def test_an_undeclared_favourable_outcome_is_said(tmp_path: Path) -> None:
    assert "not declared" in labels(tmp_path, [1, 0], "  favorable_label: 1\n", "").warnings[0]


@pytest.mark.parametrize(
    ("values", "new", "words"),
    [
        ([2, 1], "", "are 1, 2, not 0 and 1; say which one the scores speak of with `model.positive_label`"),
        (["good", "bad"], "", "`model.positive_label`"),
        ([1, 0, 2], "  positive_label: 1\n", "holds 3 labels (0, 1, 2)"),
        ([1, 0, "x"], "  positive_label: 1\n", "holds 3 labels"),
        ([1, 0, None], "  positive_label: 1\n", "1 rows have no label in `repaid`, the first in data row 3"),
        (["a", "b"], "  positive_label: c\n", "positive_label `c` is not among the labels"),
        ([1, 0], "  positive_label: 1\n  favorable_label: 2\n", "favorable_label `2` is not among"),
        (["a\n\x1b[2J", "b", "c"], "  positive_label: b\n", "holds 3 labels (a\\n\\x1b[2J, b, c)"),
    ],
)
def test_labels_that_are_not_two_known_ones(tmp_path: Path, values: list[object], new: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        labels(tmp_path, values, NO_LABELS, new)
    assert words in str(caught.value)
    assert "audit.yaml:" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), -0.01, 1.0001, "high", None, "0,5", [1]])
def test_scores_that_are_no_probabilities(tmp_path: Path, bad: object) -> None:
    table = pd.DataFrame({"score": pd.Series([0.5, bad, 0.2, bad], dtype=object)})
    with pytest.raises(UserError, match=r"audit\.yaml:10: 2 scores in `score` are not numbers from 0 to 1.*data row 2"):
        data.scores_of(config(tmp_path), table)


def test_scores_and_decisions(tmp_path: Path) -> None:
    table = pd.DataFrame({"score": ["0", "0.5", "1"], "repaid": [0, 1, 1]})
    found = config(tmp_path)
    scores = data.scores_of(found, table)
    assert scores is not None
    assert scores.tolist() == [0, 0.5, 1]
    two = data.labels_of(found, table)
    assert data.decisions_of(found, table, two, scores).tolist() == [False, True, True]
    zero = config(tmp_path, "threshold: 0.5", "threshold: 0")
    assert data.decisions_of(zero, table, two, scores).all()


def test_predictions(tmp_path: Path) -> None:
    found = config(tmp_path, "score_column: score", "prediction_column: p")
    table = pd.DataFrame({"repaid": [1, 0], "p": [0.0, 1.0]})
    two = data.labels_of(found, table)
    assert data.decisions_of(found, table, two, None).tolist() == [False, True]
    for bad, words in (
        (["1", "maybe"], "1 predictions in `p` are neither of the labels 0, 1, the first (maybe) in data row 2"),
        ([None, 1], "the first (missing) in data row 1"),
    ):
        with pytest.raises(UserError) as caught:
            data.decisions_of(found, pd.DataFrame({"p": bad}), two, None)
        assert words in str(caught.value)


def attribute(folder: Path, values: list[object], settings: str = "[sex]") -> Attribute:
    found = config(folder, "[sex]", settings)
    return data.attribute_of(
        found, pd.DataFrame({"sex": values}), "sex", found.document.data.protected_attributes["sex"]
    )


def test_attributes(tmp_path: Path) -> None:
    found = attribute(tmp_path, ["m", "f", None, "f"])
    assert (found.levels, found.codes.tolist()) == (("f", "m", MISSING), [1, 0, 2, 0])
    assert attribute(tmp_path, [1, 2.0, 1]).levels == ("1", "2")
    assert attribute(tmp_path, [MISSING, "a"]).codes.tolist() == [1, 0]
    assert attribute(tmp_path, [None, None]).levels == (MISSING,)
    assert attribute(tmp_path, ["f", "m"], "{sex: {reference: m}}").reference == "m"


def test_bins(tmp_path: Path) -> None:
    found = attribute(tmp_path, [18, 29.99, 30, 65, None, "40"], "{sex: {bins: [18, 30, 65], labels: [young, old]}}")
    assert (found.levels, found.codes.tolist()) == (("young", "old", MISSING), [0, 0, 1, 1, 2, 1])
    unnamed = attribute(tmp_path, [1, 2], "{sex: {bins: [0, 1234567, 1234568]}}")
    assert unnamed.levels == ("0 to 1234567", "1234567 to 1234568")


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (
            [17, 20],
            "{sex: {bins: [18, 30]}}",
            "1 values of `sex` lie outside the bins 18 to 30, the first (17) in data row 1",
        ),
        ([20, "old"], "{sex: {bins: [18, 30]}}", "the first (old) in data row 2"),
        ([20, float("inf")], "{sex: {bins: [18, 30]}}", "outside the bins"),
        (["a", "b"], "{sex: {reference: c}}", "the reference `c` is no level of `sex` (a, b)"),
        (list(range(3000)), "[sex]", "3,000 levels"),
    ],
)
def test_attributes_that_cannot_be_cut(tmp_path: Path, values: list[object], settings: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        attribute(tmp_path, values, settings)
    assert words in str(caught.value)
    assert "audit.yaml:11: " in str(caught.value)


@pytest.mark.parametrize("level", ["C & (missing)", "(missing) & C", "(missing, counted)", "a & (missing, counted)"])
def test_a_level_that_reads_as_a_missing_value_hides_no_group(tmp_path: Path, level: str) -> None:
    table = pd.DataFrame({"sex": ["f", "m", level, None]})
    with pytest.raises(UserError) as caught:
        data.attribute_of(found := config(tmp_path), table, "sex", found.document.data.protected_attributes["sex"])
    said = f"`sex` has a level `{level}`, which reads as a missing value and would not be compared; rename it."
    assert str(caught.value) == f"{found.where('data', 'protected_attributes', 'sex')}: {said}"


def test_a_level_may_hold_what_stands_between_combined_ones(tmp_path: Path) -> None:
    found = config(tmp_path)
    table = pd.DataFrame({"sex": ["Black & African American", "x", MISSING, None]})
    sex = data.attribute_of(found, table, "sex", found.document.data.protected_attributes["sex"])
    assert sex.levels == ("Black & African American", "x", MISSING)


@pytest.mark.parametrize("label", ["(missing)", "old & (missing)"])
def test_a_label_of_bins_that_reads_as_a_missing_value_hides_no_group(tmp_path: Path, label: str) -> None:
    how = {"bins": [0, 40, 100], "labels": ["young", label]}
    found, cut = config(tmp_path), ProtectedAttribute.model_validate(how)
    with pytest.raises(UserError, match="reads as a missing value"):
        data.attribute_of(found, pd.DataFrame({"sex": [20.0, 50.0, 60.0]}), "sex", cut)


def test_an_attribute_named_as_two_combined_is_refused(tmp_path: Path) -> None:
    found = config(tmp_path)
    table = pd.DataFrame({"sex & age": ["f", "m"]})
    with pytest.raises(UserError, match=r"the name `sex & age` holds ` & `, .*; rename the column"):
        data.attribute_of(found, table, "sex & age", ProtectedAttribute())


def test_attributes_that_multiply_without_end(tmp_path: Path) -> None:
    many = tuple(Attribute(f"a{i}", tuple(map(str, range(1000))), np.zeros(1, np.int32)) for i in range(6))
    with pytest.raises(UserError, match=r"1e\+18 groups"):
        data.check_cells(config(tmp_path), many)
    data.check_cells(config(tmp_path), many[:5])


def test_features_are_what_plays_no_other_role(tmp_path: Path) -> None:
    table = ["repaid", "score", "sex", "income", "age"]
    assert data.feature_names(config(tmp_path).document.data, table) == ["income", "age"]
    some = config(tmp_path, "  target_column", "  exclude_columns: [age]\n  target_column")
    assert data.feature_names(some.document.data, table) == ["income"]
    named = config(tmp_path, "  target_column", "  feature_columns: [age, sex]\n  target_column")
    assert data.feature_names(named.document.data, table) == ["age", "sex"]


def test_the_summary_says_what_a_reader_should_know(tmp_path: Path) -> None:
    found = config(tmp_path)
    two = labels(tmp_path, [1, 1, 1])
    one = Attribute("sex", ("f", "m", MISSING), np.array([0, 1, 2], np.int32))
    wide = Attribute("age", tuple(map(str, range(30))), np.array([0, 1, 2], np.int32), "1")
    said = data.summary(found.document.model, found.document.data, two, (one, wide), ("sex", "income"))
    assert said.notes == ("The protected attribute `sex` is among the model's features.",)
    assert "30 levels" in said.warnings[0]
    assert "same label" in said.warnings[1]
    assert (said.rows, said.positives) == (3, 3)
    assert [(a.reference, a.missing) for a in said.attributes] == [("f", 1), ("1", 0)]
    assert [(x.level, x.n, x.positives) for x in said.attributes[0].levels] == [
        ("f", 1, 1),
        ("m", 1, 1),
        (MISSING, 1, 1),
    ]
