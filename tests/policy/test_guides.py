"""The guides say what is so: their policies load, their cases hold, their figures and pictures are the benchmark's."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from benchmarks.decision_pictures import PICTURES
from benchmarks.decisions import outcomes
from glassalpha_action import shipped
from glassalpha_action.documents import parse
from glassalpha_action.metrics.intervals import gap
from glassalpha_action.policy import cases, citations
from glassalpha_action.policy.lint import lint
from glassalpha_action.policy.waivers import load as load_waivers
from glassalpha_action.policy.waivers import refusal
from glassalpha_action.vocabulary import Outcome
from tests.policy.portfolio import DEFINITIONS, METRICS, policy

ROOT = Path(__file__).parent.parent.parent
WRITING = (ROOT / "site/guides/write-your-policy.md").read_text(encoding="utf-8")
DECIDING = (ROOT / "site/guides/decisions-under-uncertainty.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", WRITING, re.DOTALL)


def test_the_guide_s_policy_lints_clean_and_its_cases_hold(tmp_path: Path) -> None:
    loaded = policy(tmp_path, BLOCKS[0], "my_policy.yaml")
    known = citations.load(shipped.policies() / "citations.yaml")
    assert [f.rule for f in lint(loaded, METRICS, known, date(2027, 1, 4), gap)] == ["extends"]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "my_policy.yaml").write_text(BLOCKS[1], encoding="utf-8")
    found = cases.run(cases.load(tmp_path / "tests" / "my_policy.yaml"), loaded, DEFINITIONS)
    assert (found.failures, found.uncovered) == ((), ())


def test_the_guide_s_waiver_lifts_the_guide_s_gate(tmp_path: Path) -> None:
    loaded = policy(tmp_path, BLOCKS[0], "my_policy.yaml")
    (tmp_path / "waivers").mkdir()
    (tmp_path / "waivers" / "one.yaml").write_text(BLOCKS[2], encoding="utf-8")
    (waiver,) = load_waivers(tmp_path / "waivers")
    assert refusal(waiver, loaded.policy, date(2027, 3, 1)) is None
    assert waiver.gate in {gate.key for gate in loaded.policy.gates}
    schema = json.loads((ROOT / "policies/schema/waiver.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(parse(BLOCKS[2].encode(), "w.yaml").data, schema)
    for wrong in ({"reason": "too short"}, {"ceiling": "much"}, {"oops": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(parse(BLOCKS[2].encode(), "w.yaml").data | wrong, schema)


@pytest.mark.parametrize("written", sorted(set(re.findall(r"`metric: (\w+)`", WRITING))))
def test_the_guide_names_metrics_that_exist(written: str) -> None:
    assert written in DEFINITIONS


def share(n: int, true_gap: float, decision: str, outcome: Outcome) -> str:
    return f"{outcomes(n, true_gap, decision).get(outcome, 0):.1%}"


@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_figures_are_the_benchmark_s(n: int) -> None:
    fair = [share(n, 0.0, "point", Outcome.FAIL), share(n, 0.0, "bound", Outcome.FAIL),
            share(n, 0.0, "bound", Outcome.INCONCLUSIVE)]  # fmt: skip
    unfair = [share(n, 0.2, "point", Outcome.FAIL), share(n, 0.2, "point", Outcome.PASS),
              share(n, 0.2, "bound", Outcome.FAIL), share(n, 0.2, "bound", Outcome.INCONCLUSIVE),
              share(n, 0.2, "bound", Outcome.PASS)]  # fmt: skip
    for row in (fair, unfair):
        assert f"| {n} | {' | '.join(row)} |" in DECIDING


def test_bound_blocks_hardly_any_fair_model_where_point_blocks_about_half() -> None:
    assert 0.45 < outcomes(30, 0.0, "point")[Outcome.FAIL] < 0.60
    assert outcomes(30, 0.0, "bound")[Outcome.FAIL] <= 0.05
    assert sum(outcomes(30, 0.0, "bound").values()) == pytest.approx(1, abs=1e-6)


def test_bound_passes_no_unfair_model() -> None:
    assert outcomes(30, 0.2, "bound").get(Outcome.PASS, 0.0) < 0.001 < outcomes(30, 0.2, "point")[Outcome.PASS]


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_current_and_self_contained(name: str) -> None:
    found = (ROOT / name).read_text(encoding="utf-8")
    assert found == PICTURES[name](), "run `python -m benchmarks.decision_pictures`"
    assert "<script" not in found
    assert "http" not in found.replace("http://www.w3.org/2000/svg", "")
    assert f"../images/{Path(name).name}" in DECIDING
