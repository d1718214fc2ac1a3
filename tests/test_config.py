from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.config import load
from glassalpha_action.digests import sha256
from glassalpha_action.documents import DocumentError, UserError
from tests.workspace import CONFIG, make


def refused(folder: Path, config: str) -> str:
    path = make(folder, config)
    with pytest.raises(UserError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    said = str(caught.value).replace(f"{folder.as_posix()}/", "")
    for jargon in ("Input should", "uple", "dictionary", "instance of", "after validation", "function-"):
        assert jargon not in said
    return said


def test_a_config_is_read(tmp_path: Path) -> None:
    found = load(make(tmp_path))
    document = found.document
    assert (document.model.id, document.model.positive_label, document.model.threshold) == ("credit_model", "1", 0.5)
    assert list(document.data.protected_attributes) == ["sex"]
    assert document.data.has_predictions
    assert found.resolve("data", "path") == tmp_path / "rows.csv"
    assert found.where("data", "path") == f"{tmp_path.as_posix()}/audit.yaml:8"
    assert found.where("audit", "profile").endswith("audit.yaml:1")
    assert found.sha256 == sha256(CONFIG.encode())


@pytest.mark.parametrize(
    ("written", "label"),
    [("1", "1"), ("1.0", "1"), ('"1"', "1"), ("true", "True"), ("no", "no"), ("0.5", "0.5"), ("good", "good")],
)
def test_labels_are_text_as_in_the_data(tmp_path: Path, written: str, label: str) -> None:
    found = load(make(tmp_path, CONFIG.replace("positive_label: 1", f"positive_label: {written}")))
    assert found.document.model.positive_label == label


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  threshold: 0.5", "  treshold: 0.5", 4, ["unknown key `model.treshold`", "did you mean `threshold`?"]),
        ("  threshold: 0.5", "  threshold: '0.5'", 4, ["`model.threshold` must be a number, not `0.5`"]),
        ("  threshold: 0.5", "  threshold: 1.5", 4, ["`model.threshold`", "at most 1"]),
        ("  threshold: 0.5", "  threshold: .inf", 4, ["`model.threshold`"]),
        ("  id: credit_model", "  name: x", 1, ["`model.id` is required"]),
        ("  id: credit_model", "  id: ''", 2, ["`model.id` must not be empty"]),
        ("  id: credit_model", "  id: 12", 2, ['must be text: write it in quotes: id: "12"']),
        ("  id: credit_model", "  id: a\n  id: b", 3, ["the key `id` stands twice"]),
        ("  id: credit_model", "  id: a\n  version: 1.10", 3, ['version: "1.10"']),
        ("  id: credit_model", "  id: a\n  lifecycle: prodction", 3, ["did you mean `production`?"]),
        ("data:", "dta:", 7, ["unknown key `dta`", "did you mean `data`?"]),
        ("reproducibility:\n  random_seed: 7", "reproducibility: 7", 12, ["must hold `key: value` lines"]),
        ("random_seed: 7", "random_seed: 7.5", 13, ["whole number"]),
        ("random_seed: 7", "random_seed: -1", 13, ["`reproducibility.random_seed`"]),
        ("random_seed: 7", "strict: yes", 13, ["must be true or false, not `yes`"]),
        ("[sex]", "sex", 11, ["must be a list of column names"]),
        ("[sex]", "[sex, sex]", 11, ["names an attribute twice"]),
        ("[sex]", "[1]", 11, ["must be a list of column names"]),
        (
            "[sex]",
            "{float_age: {binz: [1, 2]}}",
            11,
            ["`data.protected_attributes.float_age.binz`", "did you mean `bins`?"],
        ),
        ("[sex]", "{age: {bins: [30, 20]}}", 11, ["must increase"]),
        ("[sex]", "{age: {bins: [30]}}", 11, ["k + 1 edges"]),
        ("[sex]", "{age: {bins: [1, 2, 3], labels: [a]}}", 11, ["k + 1 edges"]),
        ("[sex]", "{age: {bins: [1, 2, 3], labels: [a, a]}}", 11, ["twice"]),
        ("[sex]", "{age: {labels: [a]}}", 11, ["need `bins`"]),
        ("  score_column: score\n", "", 1, ["nothing gives predictions"]),
        ("  id: credit_model", "  id: a\n  path: m.joblib", 3, ["both a model and a predictions column"]),
        (
            "  score_column: score",
            "  score_column: score\n  feature_columns: [a]\n  exclude_columns: [b]",
            7,
            ["not both"],
        ),
        (
            "  score_column: score",
            "  score_column: score\n  feature_columns: [score]",
            11,
            ["`score` is a feature and"],
        ),
        ("random_seed: 7", "random_seed: 7\naudit: {sample_rows: 10}", 14, ["needs `profile: dev`"]),
        ("random_seed: 7", "random_seed: 7\naudit: {confidence: 95}", 14, ["`audit.confidence`"]),
        ("random_seed: 7", "random_seed: 7\npolicy: house.yaml", 14, ["`policy` must hold"]),
        ("random_seed: 7", "random_seed: 7\nextends: none.yaml", 14, ["extends none.yaml", "no such file"]),
        ("random_seed: 7", "random_seed: 7\nextends: audit.yaml", None, ["extends itself"]),
        ("random_seed: 7", "random_seed: 7\nextends: [a]", 14, ["`extends` must be text"]),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, words: list[str]
) -> None:
    assert old in CONFIG
    said = refused(tmp_path, CONFIG.replace(old, new, 1))
    mine = [one for one in said.splitlines() if one.startswith(f"audit.yaml:{line}: " if line else "audit.yaml: ")]
    assert len(mine) == 1, said
    for word in words:
        assert word in mine[0], said


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    broken = CONFIG.replace("threshold: 0.5", "treshold: 0.5").replace("random_seed: 7", "random_seed: x\noops: 1")
    said = refused(tmp_path, broken.replace("  target_column: repaid\n", "")).splitlines()
    assert [one.split(": ")[0] for one in said] == [f"audit.yaml:{n}" for n in (4, 7, 12, 13)]


def test_features_that_play_another_role_are_told_in_the_order_they_are_written(tmp_path: Path) -> None:
    roles = "  weight_column: w\n  id_column: i\n  prediction_column: p\n"
    features = "  feature_columns: [w, x, repaid, i, p, score, w]\n"
    said = refused(tmp_path, CONFIG.replace("  score_column: score\n", f"  score_column: score\n{roles}{features}"))
    assert re.findall(r"`(\w+)` is a feature", said) == ["w", "repaid", "i", "p", "score"]


def test_a_base_is_extended_and_each_mistake_points_into_its_own_file(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "base.yaml").write_text("model:\n  team: risk\n  threshold: 0.4\ndata:\n  path: rows.csv\n")
    path = tmp_path / "sub" / "audit.yaml"
    path.write_text(
        "extends: ../base.yaml\nmodel: {id: m, threshold: 0.6}\ndata: {target_column: y, score_column: s}\n"
    )
    found = load(path)
    assert (found.document.model.team, found.document.model.threshold) == ("risk", 0.6)
    assert found.resolve("data", "path").resolve() == tmp_path / "rows.csv"
    before = found.sha256
    (tmp_path / "base.yaml").write_text("model:\n  team: risk\n  threshold: 0.4\n  x: 1\ndata:\n  path: rows.csv\n")
    with pytest.raises(DocumentError, match=r"base\.yaml:4: unknown key `model\.x`"):
        load(path)
    (tmp_path / "base.yaml").write_text("model:\n  team: risk\n  threshold: 0.5\ndata:\n  path: rows.csv\n")
    assert load(path).sha256 != before


def test_a_circle_of_bases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(UserError, match="extends itself"):
        load(tmp_path / "a.yaml")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        load(tmp_path / "audit.yaml")


LINES = CONFIG.splitlines(keepends=True)
VALUES = [
    "",
    "~",
    "[]",
    "{}",
    "-1",
    "1e999",
    "yes",
    "*a",
    "&a x",
    "!!set {}",
    "'",
    "[[",
    "{a: {b: 1}}",
    "0x1",
    "|",
    '"\\n"',
    "audit.yaml",
    "rows.csv",
    "9" * 400,
    "x" * 5000,
]


@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from([None, *VALUES])), min_size=1, max_size=4),
    st.text(max_size=6),
)
@settings(max_examples=250, deadline=None)
def test_a_hurt_config_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[int, str | None]], extra: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.audit.yaml"
    lines = list(LINES)
    for i, value in wounds:
        lines[i] = extra if value is None else f"{lines[i].partition(':')[0]}: {value}\n"
    path.write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
    said = ""
    try:
        load(path)
    except UserError as error:
        said = str(error)
    assert all(line.isprintable() for line in said.split("\n")), said
