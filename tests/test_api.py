"""The public API: what scripts and notebooks call, what it says of a mistake, and the page that describes it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import glassalpha as ga
from glassalpha_action import records
from glassalpha_action.cli.audit import run
from tests.workspace import POLICY, make

GUIDE = Path(__file__).parent.parent / "site" / "guides" / "python.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arrays(n: int = 200) -> dict[str, Any]:
    draw = np.random.default_rng(3)
    score = draw.uniform(size=n)
    label = (draw.uniform(size=n) < score).astype(int)
    sex = np.array(["female", "male"], object)[draw.integers(0, 2, n)]
    return {"y_true": label, "y_score": score, "groups": {"sex": sex}}


def measured(audit: ga.Audit) -> dict[tuple[str, str | None], float | None]:
    return {(m.metric, m.attribute): m.value for m in audit.measurements}


def test_running_an_audit_is_what_the_command_does(folder: Path) -> None:
    found = ga.run_audit("audit.yaml", policy="policy.yaml", as_of="2025-01-05")
    assert isinstance(found, records.Audit)
    assert found.status.value == "PASSED"
    command = run(Path("audit.yaml"), policy="policy.yaml", as_of="2025-01-05")
    assert found.to_json() == command.to_json()
    assert ga.run_audit(folder / "audit.yaml", policy=folder / "policy.yaml", as_of=datetime.date(2025, 1, 5)) == found
    assert {p.name for p in folder.iterdir()} == {"audit.yaml", "policy.yaml", "rows.csv"}
    assert ga.run_audit("audit.yaml").provenance.as_of == datetime.datetime.now(datetime.UTC).date().isoformat()


def test_predictions_at_hand_measure_as_the_same_rows_in_a_file(folder: Path) -> None:
    given = arrays()
    pd.DataFrame({"repaid": given["y_true"], "score": given["y_score"], "sex": given["groups"]["sex"]}).to_csv(
        "rows.csv", index=False
    )
    there = ga.run_audit("audit.yaml", policy="policy.yaml", as_of="2025-01-05")
    here = ga.audit_predictions(**given, policy="policy.yaml", as_of="2025-01-05", positive_label=1, favorable_label=1)
    assert measured(here) == measured(there)
    assert [(v.gate, v.outcome, v.value) for v in here.verdicts] == [
        (v.gate, v.outcome, v.value) for v in there.verdicts
    ]
    assert here.provenance.predictions_sha256 == there.provenance.predictions_sha256


def test_a_gap_is_told_with_and_without_a_policy_and_never_as_no_issue(folder: Path) -> None:
    """A selection rate of 0.7 in one group and 0.29 in the other."""
    groups = np.repeat(["a", "b"], 1000)
    score = np.concatenate([np.arange(1000) < 700, np.arange(1000) < 290]).astype(float)
    given = {"y_true": score.astype(int), "y_score": score, "groups": {"sex": groups}, "favorable_label": 1}
    for policy, status in ((None, "NO_POLICY"), ("policy.yaml", "BLOCKED")):
        found = ga.audit_predictions(**given, policy=policy, as_of="2025-01-05", use_case="credit_scoring")
        assert (found.status.value, measured(found)["demographic_parity_difference", "sex"]) == (status, 0.41)
        found.save("r.md", "r.html")
        for report in ("r.md", "r.html"):
            text = Path(report).read_text()
            assert "0.410" in text
            assert not re.search(r"no (bias|issues?|problems?)\b", text.split("<script")[0], re.IGNORECASE)


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "series": lambda a: pd.Series(a, index=np.arange(len(a)) + 7),
    "index": pd.Index,
    "categorical": pd.Categorical,
    "object": lambda a: a.astype(object),
    "nullable": lambda a: pd.array(a.tolist()),
    "generator": lambda a: (v for v in a.tolist()),
    "arrow": lambda a: pa.array(a.tolist()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_array_is_one_audit(form: str) -> None:
    given, make_one = arrays(), FORMS[form]
    wanted = ga.audit_predictions(**given, as_of="2025-01-05")
    found = ga.audit_predictions(
        y_true=make_one(given["y_true"]),
        y_score=make_one(given["y_score"]),
        groups={"sex": make_one(given["groups"]["sex"])},
        as_of="2025-01-05",
    )
    assert found.to_json() == wanted.to_json()


@pytest.mark.parametrize(
    ("values", "positive"),
    [([True, False, True], None), ([1.0, 0.0, 1.0], None), (["bad", "good", "bad"], "bad"), ([2, 1, 2], np.int64(2)),
     (pd.Categorical(["x", "y", "x"]), "x"), ([np.True_, np.False_, np.True_], True)],
)  # fmt: skip
def test_labels_of_every_kind(values: Any, positive: Any) -> None:
    if isinstance(values, list) and values[0] is True:
        positive = True
    found = ga.audit_predictions(y_true=values, y_score=[0.9, 0.1, 0.8], positive_label=positive, as_of="2025-01-05")
    assert found.data.positives == 2
    assert measured(found)["roc_auc", None] == 1


def test_decisions_weights_and_missing_groups() -> None:
    found = ga.audit_predictions(
        y_true=[1, 0, 1, 0],
        y_pred=[1, 1, 0, 0],
        groups=pd.DataFrame({"sex": ["f", None, "m", float("nan")], "age": [30, 40, 30, 40]}),
        sample_weight=[2, 1, 1, 0],
        favorable_label=0,
    )
    assert found.data.weighted
    assert measured(found)["accuracy", None] == 0.5
    assert [level.level for level in found.data.attributes[0].levels] == ["f", "m", "(missing)"]
    assert found.data.favorable_label == "0"


def test_the_id_follows_every_input() -> None:
    base: dict[str, Any] = {"y_true": [1, 0, 1, 0], "y_score": [0.9, 0.2, 0.6, 0.4], "groups": {"sex": list("fmfm")},
                            "as_of": "2025-01-05"}  # fmt: skip
    changes: list[dict[str, Any]] = [
        {}, {"y_score": [0.9, 0.2, 0.6, 0.41]}, {"y_true": [1, 0, 0, 1], "y_score": [0.9, 0.2, 0.4, 0.6]},
        {"groups": {"sex": list("fmmf")}}, {"groups": {"s": list("fmfm")}}, {"favorable_label": 0},
        {"threshold": 0.6}, {"sample_weight": [1, 1, 1, 2]}, {"random_seed": 1}, {"use_case": "pricing"},
        {"model_id": "m"}, {"as_of": "2025-01-06"},
    ]  # fmt: skip
    ids = [ga.audit_predictions(**{**base, **change}).audit_id for change in changes]
    assert len(set(ids)) == len(ids)
    assert ga.audit_predictions(**base).audit_id == ids[0]


def test_the_id_follows_the_last_bit_of_every_prediction() -> None:
    given = arrays(24)
    ids = {ga.audit_predictions(**given, as_of="2025-01-05").audit_id}
    for i in range(24):
        for to in (0.0, 1.0):
            score = given["y_score"].copy()
            score[i] = np.nextafter(score[i], to)
            ids.add(ga.audit_predictions(**{**given, "y_score": score}, as_of="2025-01-05").audit_id)
    assert len(ids) == 1 + 2 * 24


GOOD: dict[str, Any] = {"y_true": [1, 0], "y_score": [0.9, 0.1]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y_score": None}, "y_score: give the model's probabilities"),
        ({"y_true": None}, "y_true: give the labels"),
        ({"y_score": [0.9]}, "y_score: has 1 values and y_true 2"),
        ({"y_score": np.zeros((2, 2))}, "y_score: has the shape (2, 2), not one value for each row; give one column"),
        ({"y_true": np.zeros((2, 1))}, "y_true: has the shape (2, 1)"),
        ({"y_true": 1}, "y_true: must hold one value for each row, not 1"),
        ({"y_true": "10"}, "y_true: must hold one value for each row"),
        ({"y_true": [], "y_score": []}, "y_true: holds no rows"),
        ({"y_score": [0.9, 1.5]}, "y_score: 1 scores in `y_score` are not numbers from 0 to 1"),
        ({"y_score": [0.9, None]}, "y_score: 1 scores"),
        ({"y_score": ["high", "low"]}, "y_score: 2 scores"),
        ({"y_true": [1, None]}, "y_true: 1 rows have no label"),
        ({"y_true": ["a", "b"]}, "which one the scores speak of with `positive_label`"),
        ({"y_true": [1, 2]}, "y_true: the labels in `y_true` are 1, 2, not 0 and 1"),
        ({"positive_label": 3}, "positive_label: positive_label `3` is not among the labels"),
        ({"favorable_label": "x"}, "favorable_label: favorable_label `x` is not among"),
        ({"y_pred": [1, 3]}, "y_pred: 1 predictions in `y_pred` are neither of the labels"),
        ({"y_pred": [1, 0], "threshold": 0.4}, "threshold: y_pred says already"),
        ({"threshold": 2}, "threshold: "),
        ({"threshold": "half"}, "threshold: "),
        ({"random_seed": -1}, "random_seed: "),
        ({"model_id": ""}, "model_id: "),
        ({"sample_weight": [1, -1]}, "sample_weight: 1 weights"),
        ({"sample_weight": [0, 0]}, "sample_weight: "),
        ({"sample_weight": [1]}, "sample_weight: has 1 values"),
        ({"groups": [["f", "m"]]}, "groups: must be a mapping"),
        ({"groups": {1: ["f", "m"]}}, "groups: each name must be text"),
        ({"groups": {"sex": ["f"]}}, "groups['sex']: has 1 values and y_true 2"),
        ({"groups": {"sex\n\x1b[2J": ["f"]}}, "has 1 values"),
        ({"groups": {"sex": "fm"}}, "groups['sex']: must hold one value for each row"),
        ({"as_of": "yesterday"}, "as_of must be a day as YYYY-MM-DD, not 'yesterday'"),
        ({"as_of": "20250105"}, "as_of must be a day as YYYY-MM-DD"),
        ({"policy": "none.yaml"}, "none.yaml does not exist"),
        ({"y_true": pd.Series([1, 0]), "y_score": pd.Series([0.9, 0.1], index=[1, 0])},
         "y_score: its index is not that of y_true"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_argument(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ga.UserError) as caught:
        ga.audit_predictions(**{**GOOD, **changes})
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


class Inert(HTMLParser):
    """What a page may hold: no script, no handler, no source."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert all(name == "style" for name, _ in attrs), attrs

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert(1)</script><img src=x onerror=y>"


def test_it_shows_itself_in_a_notebook(folder: Path) -> None:
    given = arrays()
    given["groups"] = {HOSTILE: np.where(given["groups"]["sex"] == "male", HOSTILE, "\u202efemale")}
    Path("policy.yaml").write_text(POLICY.replace("Parity", f"'{HOSTILE}'"), encoding="utf-8")
    for policy in ("policy.yaml", None):
        found = ga.audit_predictions(**given, policy=policy, model_id=HOSTILE)
        page = Inert()
        page.feed(found._repr_html_())
        assert set(page.tags) <= {"div", "p", "strong", "span", "br", "small", "ul", "li", "table", "thead", "tbody",
                                  "tr", "th", "td"}  # fmt: skip
        assert HOSTILE in page.text
        assert "\u202e" not in page.text
        assert ("Gate" in page.text) == (policy is not None)
    shown = ga.run_audit("audit.yaml", policy="policy.yaml")._repr_html_()
    assert "Passed" in shown
    assert "Ranking" in shown
    assert "&gt; 0.600" in shown


def test_reports_are_saved_by_their_endings(folder: Path) -> None:
    found = ga.run_audit("audit.yaml", as_of="2025-01-05")
    found.save("out/r.html", Path("out/r.json"))
    assert Path("out/r.json").read_bytes() == found.to_json()
    assert Path("out/r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ga.UserError, match="no report format"):
        found.save("out/x.html", "r.docx")
    assert not Path("out/x.html").exists()


def test_a_registry_keeps_it(folder: Path) -> None:
    found = ga.run_audit("audit.yaml", policy="policy.yaml", as_of="2025-01-05")
    with ga.Registry.connect("r.db", create=True) as kept:
        kept.submit(found, recorded_at="2025-01-05T12:00:00Z")
        assert kept.audit(found.audit_id).to_json() == found.to_json()


def test_a_cube_is_audited_from_python_too(folder: Path) -> None:
    from glassalpha_action.cli.main import main

    with pytest.raises(SystemExit):
        main(["cube", "build", "--config", "audit.yaml", "--output", "c.json"])
    found = ga.run_audit("audit.yaml", policy="policy.yaml", cube="c.json")
    assert found.provenance.cube is not None
    assert found.status.value == "PASSED"


def test_the_examples_of_the_guide_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    assert [kind for kind, _ in blocks].count("python") >= 4
    for i, (kind, code) in enumerate(blocks):
        if kind != "python":
            continue
        capsys.readouterr()
        space: dict[str, Any] = {}
        exec(compile(code, f"{GUIDE.name}, block {i + 1}", "exec"), space)  # noqa: S102
        for name in [n for n in space if n.startswith("test_")]:
            space[name]()
        if i + 1 < len(blocks) and blocks[i + 1][0] == "text":
            assert capsys.readouterr().out == blocks[i + 1][1]


def test_the_names_are_those_that_the_documentation_gives() -> None:
    assert set(ga.__all__) == {"Audit", "Registry", "UserError", "audit_predictions", "run_audit"}
    text = GUIDE.read_text(encoding="utf-8")
    import inspect

    for name in inspect.signature(ga.audit_predictions).parameters:
        assert name in text or name in {"model_id", "use_case", "random_seed"}, name
