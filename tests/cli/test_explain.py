"""Why each person was decided against, row by row, and SHAP values in an audit, through the commands."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.cli.conftest import Run
from tests.workspace import POLICY

CONFIG = """\
model: {id: m, path: m.joblib, threshold: 0.5, positive_label: 1, favorable_label: 0}
data:
  path: rows.csv
  target_column: default
  protected_attributes: [sex]
  feature_columns: [debt, income, postcode, sex_code, savings, age, rent, tenure]
  proxies: [sex_code, postcode]
  id_column: applicant
  dictionary: {debt: "=Debt, in relation to income", rent: Rent paid}
reproducibility: {random_seed: 7}
"""
BY_SHAP = CONFIG + "audit: {shap: true, reason_codes: shap}\n"
NAMES = ["debt", "income", "postcode", "sex_code", "savings", "age", "rent", "tenure"]
HARM = np.array([1.5, -1.0, 3.0, 3.0, -0.5, -0.25, 0.75, 0.0])


def make(folder: Path, config: str = CONFIG, rows: int = 60) -> pd.DataFrame:
    """A model whose log-odds of default are HARM times the features, and rows whose ids are hostile."""
    draw = np.random.default_rng(3)
    features = pd.DataFrame(draw.normal(size=(rows, len(NAMES))).round(3), columns=NAMES)
    model = LogisticRegression().fit(features, draw.integers(0, 2, rows))
    model.coef_, model.intercept_ = HARM[None, :], np.array([0.2])
    joblib.dump(model, folder / "m.joblib")
    table = features.assign(
        applicant=[f"=cmd|'{i}" if i % 2 else f"00{i}" for i in range(rows)],
        sex=draw.choice(["f", "m"], rows),
        default=draw.integers(0, 2, rows),
    )
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "audit.yaml").write_text(config)
    (folder / "policy.yaml").write_text(POLICY)
    return features


def told(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "out.csv").read_text(encoding="utf-8"))))


def explain(run: Run) -> tuple[int, str, str]:
    return run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "out.csv")


@pytest.mark.parametrize("config", [CONFIG, BY_SHAP])
def test_everyone_decided_against_is_told_at_most_four_reasons(run: Run, tmp_path: Path, config: str) -> None:
    features = make(tmp_path, config)
    code, out, err = explain(run)
    assert (code, err) == (0, "")
    score = 1 / (1 + np.exp(-(features @ HARM + 0.2)))
    against = np.flatnonzero(score >= 0.5)
    assert out == f"wrote out.csv: {len(against)} decided against\n"
    found = told(tmp_path)
    assert list(found[0]) == ["data_row", "applicant", "score", "reason_1", "reason_2", "reason_3", "reason_4"]
    assert [int(row["data_row"]) - 1 for row in found] == against.tolist()
    assert [float(row["score"]) for row in found] == pytest.approx(score[against].tolist())
    favored = features[score < 0.5]
    usual = (
        favored.mean() if config == BY_SHAP else favored.apply(lambda column: np.sort(column)[(len(column) - 1) // 2])
    )
    plain = {"debt": "'=Debt, in relation to income", "rent": "Rent paid"}
    for row, place in zip(found, against, strict=True):
        harm = ((features.iloc[place] - usual) * HARM).drop(["postcode", "sex_code"])
        wanted = harm[harm > 1e-9].sort_values(ascending=False).index[:4]
        assert [row[f"reason_{i + 1}"] for i in range(len(wanted))] == [plain.get(name, name) for name in wanted]
        assert not any(row[f"reason_{i + 1}"] for i in range(len(wanted), 4))
        assert row["applicant"] == (f"'=cmd|'{place}" if place % 2 else f"00{place}")


def test_the_same_file_twice_and_no_word_of_a_protected_attribute(run: Run, tmp_path: Path) -> None:
    make(
        tmp_path,
        CONFIG.replace("feature_columns: [", "feature_columns: [sex, ").replace("sex_code, savings", "savings"),
    )
    table = pd.read_csv(tmp_path / "rows.csv", dtype={"applicant": str})
    table["sex"] = (table["sex"] == "f").astype(int)
    table.to_csv(tmp_path / "rows.csv", index=False)
    names = ["sex", *(name for name in NAMES if name != "sex_code")]
    model = LogisticRegression().fit(table[names], table["default"])
    model.coef_ = np.array([[5.0, *np.delete(HARM, 3)]])
    joblib.dump(model, tmp_path / "m.joblib")
    assert explain(run)[0] == 0
    first = (tmp_path / "out.csv").read_bytes()
    assert explain(run)[0] == 0
    assert (tmp_path / "out.csv").read_bytes() == first
    reasons = {row[f"reason_{i}"] for row in told(tmp_path) for i in (1, 2, 3, 4)}
    assert "income" in reasons
    assert not reasons & {"sex", "postcode"}


def test_who_has_no_reason_is_counted(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG.replace("postcode]", "postcode, debt, income, savings, age, rent, tenure]"))
    code, _, err = explain(run)
    assert code == 0
    assert "have no reason: no feature that may be named told against them" in err
    assert all(row["reason_1"] == "" for row in told(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            ", favorable_label: 0",
            "",
            "audit.yaml:1: reasons depend on who is decided against: set `model.favorable_label`",
        ),
        ("path: m.joblib, ", "", "nothing gives predictions"),
        ("target_column: default", "target_column: default\n  prediction_column: default", "both a model and"),
        ("path: m.joblib, threshold", "threshold", "nothing gives predictions"),
        ("id_column: applicant", "id_column: applicnt", "no column `applicnt`; did you mean `applicant`?"),
        ("id_column: applicant", "id_column: debt", "`debt` is a feature and plays another role too"),
        ("dictionary: {debt", "dictionary: {dept", "no column `dept`"),
        ("proxies: [sex_code", "proxies: [sexcode", "no column `sexcode`"),
        ("m.joblib", "gone.joblib", "does not exist"),
        ("threshold: 0.5", "threshold: 0.0", "no row is decided in favour, so nobody can be compared with"),
        ("  proxies", "audit_shap: 1\n  proxies", "audit.yaml"),
        ("random_seed: 7}", "random_seed: 7}\naudit: {reason_codes: shap}", "`reason_codes: shap` needs `shap: true`"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(run: Run, tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in CONFIG
    make(tmp_path, CONFIG.replace(old, new))
    code, out, err = explain(run)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) <= 2
    assert not (tmp_path / "out.csv").exists()


def test_predictions_and_another_ending_are_refused(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG.replace("path: m.joblib, ", "").replace("  target", "  score_column: age\n  target")
         .replace("savings, age", "savings"))  # fmt: skip
    code, _, err = explain(run)
    assert (code, "only its predictions are given" in err) == (2, True)
    make(tmp_path)
    code, _, err = run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "out.xlsx")
    assert (code, "end the name in .csv" in err) == (2, True)
    code, _, err = run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "policy.yaml/out.csv")
    assert (code, "cannot be written" in err) == (2, True)
    assert run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "new/folder/out.csv")[0] == 0
    assert (tmp_path / "new/folder/out.csv").exists()


def test_what_is_read_is_not_written_over(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    before = (tmp_path / "rows.csv").read_bytes()
    code, _, err = run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "./rows.csv")
    assert (code, "is what the audit reads, and would be lost" in err) == (2, True)
    (tmp_path / "link.csv").symlink_to("rows.csv")
    assert run("explain", "decisions", "--config", "audit.yaml", "--reason-codes", "link.csv")[0] == 2
    assert run("cube", "build", "--config", "audit.yaml", "--output", "rows.csv")[0] == 2
    assert (tmp_path / "rows.csv").read_bytes() == before


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_ids_stay_as_they_are_written(run: Run, tmp_path: Path, name: str) -> None:
    make(tmp_path, CONFIG.replace("rows.csv", name))
    table = pd.read_csv(tmp_path / "rows.csv", dtype={"applicant": str})
    table["applicant"] = [f"00{i}" if i else None for i in range(len(table))]
    if name.endswith("csv"):
        table.to_csv(tmp_path / name, index=False)
    elif name.endswith("parquet"):
        table.to_parquet(tmp_path / name)
    else:
        table.to_json(tmp_path / name, orient="records", lines=True)
    assert explain(run)[0] == 0
    for row in told(tmp_path):
        place = int(row["data_row"]) - 1
        assert row["applicant"] == (f"00{place}" if place else "")


def test_nobody_decided_against_is_an_empty_table(run: Run, tmp_path: Path) -> None:
    make(tmp_path, CONFIG.replace("threshold: 0.5", "threshold: 1.0"))
    assert explain(run)[:2] == (0, "wrote out.csv: 0 decided against\n")
    assert told(tmp_path) == []


def test_an_audit_holds_shap_values_where_it_is_asked(run: Run, tmp_path: Path) -> None:
    features = make(tmp_path, BY_SHAP, rows=90)
    code, _, err = run("audit", "--config", "audit.yaml", "--as-of", "2025-01-05", "--output", "o.md")
    assert code == 0, err
    record = json.loads((tmp_path / "o.audit.json").read_bytes())
    found = {m["metric"]: m for m in record["measurements"]}
    mean = (HARM * (features - features.mean())).abs().mean().sort_values(ascending=False)
    importance, share = found["shap_importance"], found["shap_top_feature_share"]
    assert importance["value"] == pytest.approx(mean.iloc[0])
    assert [g["level"] for g in importance["groups"]] == list(mean.index)
    assert [g["value"] for g in importance["groups"]] == pytest.approx(mean.tolist())
    assert [g["value"] for g in share["groups"]] == pytest.approx((mean / mean.sum()).tolist())
    assert importance["n"] == 90
    assert "log-odds" in importance["of"]
    named = {g["level"] for g in found["reason_code_coverage"]["groups"]}
    assert named
    assert not named & {"sex_code", "postcode"}
    assert record["provenance"]["versions"]["shap"]
    assert "Mean absolute SHAP value, in log-odds" in (tmp_path / "o.md").read_text()
    first = (tmp_path / "o.audit.json").read_bytes()
    run("audit", "--config", "audit.yaml", "--as-of", "2025-01-05", "--output", "o.md")
    assert (tmp_path / "o.audit.json").read_bytes() == first


def test_an_audit_that_does_not_ask_names_the_setting(run: Run, tmp_path: Path) -> None:
    make(tmp_path)
    assert run("audit", "--config", "audit.yaml", "--output", "o.md")[0] == 0
    record = json.loads((tmp_path / "o.audit.json").read_bytes())
    found = {m["metric"]: m for m in record["measurements"]}
    assert found["shap_importance"]["reason"] == "audit.yaml does not ask for it: set `audit.shap: true`"
    assert "shap" not in record["provenance"]["versions"]


@pytest.mark.parametrize("command", [["audit"], ["explain", "decisions", "--reason-codes", "out.csv"]])
def test_without_the_extra_the_command_that_installs_it_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    make(tmp_path, BY_SHAP)
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "shap" else there(name, *more))
    code, out, err = run(*command, "--config", "audit.yaml")
    assert (code, out) == (2, "")
    assert "audit.yaml:11: SHAP values need the package shap: run pip install 'glassalpha-action[shap]'" in err
    assert len(err.splitlines()) == 1


def test_a_model_of_another_version_is_noted_and_refused_in_strict_mode(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    model = joblib.load(tmp_path / "m.joblib")
    with monkeypatch.context() as older:
        older.setattr("sklearn.base.__version__", "1.2.0")
        joblib.dump(model, tmp_path / "m.joblib")
    code, out, err = run("audit", "--config", str(tmp_path / "audit.yaml"), "--output", "o.md")
    assert code == 0, err
    said = "m.joblib was saved with scikit-learn 1.2.0"
    assert said in " ".join(out.split())
    record = json.loads((tmp_path / "o.audit.json").read_bytes())
    assert [said in warning for warning in record["data"]["warnings"]] == [True]
    assert said in (tmp_path / "o.md").read_text()
    for written in (json.dumps(record), (tmp_path / "o.md").read_text(), out):
        assert str(tmp_path) not in written

    import subprocess

    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    for words in (
        ["init", "-q"],
        ["add", "audit.yaml", "rows.csv", "m.joblib", "policy.yaml"],
        ["commit", "-qm", "All"],
    ):
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)
    code, out, err = run("audit", "--config", "audit.yaml", "--strict")
    assert (code, out) == (2, "")
    assert f"audit.yaml:1: strict mode: model file {said}" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("demographic_parity", "Demographic parity difference"),
        ("expected calibration error", "Expected calibration error"),
        ("Duplicate rows", "Duplicate rows"),
        ("expected_calibraton_error", "Expected calibration error"),
        ("brier", "Brier score"),
        ("Demographic Shift Robustness", "Worst degradation under demographic shift"),
        ("Calibration Quality", "Expected calibration error"),
        ("Minimum Statistical Power", "Smallest group"),
        ("Proxies for Protected Attributes", "Strongest proxy"),
        ("EQUALIZED-ODDS", "Equalized odds difference"),
    ],
)
def test_a_failed_gate_is_found_by_what_its_report_calls_it(run: Run, asked: str, title: str) -> None:
    code, out, _ = run("explain", "failed-gate", asked)
    assert (code, out.splitlines()[0]) == (0, f"Failed Gate: {title}")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("parity", "did you mean `demographic_parity_difference` or `demographic_parity_ratio` or"),
        ("calibration_qualty_index", "`calibration_"),
        ("dpd", "there is no metric `dpd`. `glassalpha metrics list`"),
        ("", "`glassalpha metrics list`"),
    ],
)
@pytest.mark.parametrize("command", [("explain", "failed-gate"), ("metrics", "show")])
def test_what_may_be_several_metrics_is_asked_back_and_never_guessed(
    run: Run, command: tuple[str, str], asked: str, near: str
) -> None:
    code, out, err = run(*command, asked)
    assert (code, out) == (2, "")
    assert near in err
    assert "`glassalpha policy show`" in err
