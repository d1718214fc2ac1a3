"""An audit of a model that predicts amounts, as people run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from glassalpha_action.cli.main import main
from tests.report.audits import RAW
from tests.workspace import make

CONFIG = """\
model:
  id: motor_pricing
  use_case: pricing
  task: regression
data:
  path: rows.csv
  target_column: cost
  prediction_column: premium
  weight_column: exposure
  reference_path: rows.csv
  feature_columns: [km, power]
  protected_attributes: [sex]
reproducibility:
  random_seed: 7
"""
POLICY = """\
policy_name: Pricing
version: "1.0"
gates:
  - {name: Error, metric: mae, threshold: 40, comparison: less_than}
  - {name: Alike, metric: mean_error_difference, threshold: 10, comparison: less_than, severity: warning}
  - {name: Ranking, metric: roc_auc, threshold: 0.7, comparison: greater_than}
"""


def rows() -> str:
    """300 contracts; women's premiums are 20 below their cost."""
    draw = np.random.default_rng(0)
    lines = ["cost,premium,exposure,sex,km,power"]
    for i in range(300):
        km, sex = draw.integers(1_000, 30_000), "fm"[i % 2]
        cost = 100 + km / 100 + 20 * (sex == "f") + draw.normal(0, 20)
        lines.append(f"{cost:.2f},{100 + km / 100:.2f},{draw.uniform(0.1, 1):.2f},{sex},{km},{draw.integers(40, 200)}")
    return "\n".join(lines) + "\n"


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as caught:
        main(["audit", "--config", "audit.yaml", "--policy-gates", "policy.yaml", "--as-of", "2025-01-05", *more])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_amounts_are_audited_and_gated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, CONFIG, rows(), POLICY)
    assert run(tmp_path, monkeypatch, "--output", "r.html", "--output", "r.md", "--output", "r.pdf") == 1
    out = capsys.readouterr().out
    assert "decisions between two labels" in " ".join(out.split())
    found = json.loads((tmp_path / "r.audit.json").read_bytes())
    assert [(v["gate"], v["outcome"]) for v in found["verdicts"]] == [
        ("Error", "PASS"), ("Alike", "FAIL"), ("Ranking", "MISSING"),
    ]  # fmt: skip
    assert (found["data"]["task"], found["data"]["weighted"]) == ("regression", True)
    measured = {m["metric"] for m in found["measurements"] if m["value"] is not None}
    assert measured >= {
        "rmse", "mae", "r2", "mean_error_difference", "mean_prediction_ratio", "proxy_strength", "min_group_size",
        "missing_share", "population_stability_index", "protected_attribute_used",
    }  # fmt: skip
    assert not measured & {"roc_auc", "accuracy", "label_rate_difference", "permutation_importance"}
    html = re.sub(r"<script.*?</script>|<style.*?</style>", "", (tmp_path / "r.html").read_text(), flags=re.DOTALL)
    assert not RAW.search(html)
    assert "Predicted amounts" in html
    assert "Positive label" not in html
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_amounts_give_the_same_bytes_and_others_another_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, CONFIG, rows(), POLICY)
    records = []
    for name in ("a", "b"):
        run(tmp_path, monkeypatch, "--output", f"{name}.json")
        records.append((tmp_path / f"{name}.json").read_bytes())
    assert records[0] == records[1]
    first, other = rows().split("\n", 2)[1], rows().split("\n", 2)[1].replace(",", ",1", 1)
    make(tmp_path, CONFIG, rows().replace(first, other), POLICY)
    run(tmp_path, monkeypatch, "--output", "c.json")
    ids = [json.loads((tmp_path / f"{name}.json").read_bytes()) for name in ("a", "c")]
    assert ids[0]["audit_id"] != ids[1]["audit_id"]
    assert ids[0]["provenance"]["predictions_sha256"] != ids[1]["provenance"]["predictions_sha256"]
