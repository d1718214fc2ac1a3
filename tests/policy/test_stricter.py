"""A pull request cannot loosen what it is judged by: the stricter of base and head, as the command runs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from glassalpha_action.cli.checkout import gone_since
from glassalpha_action.cli.main import main
from glassalpha_action.config import AuditConfig
from glassalpha_action.digests import sha256
from glassalpha_action.documents import build, parse
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.policy.stricter import config_changes, stricter
from glassalpha_action.records import Audit, sealed
from glassalpha_action.registry import Supersedes, connect
from glassalpha_action.vocabulary import Status
from tests.samples import audit as sample

CONFIG = """model:
  id: credit_model
  use_case: credit_scoring
  lifecycle: production
  threshold: 0.5
  positive_label: 1
  favorable_label: 1
data:
  path: rows.csv
  target_column: repaid
  score_column: score
  protected_attributes: [sex, region]
policy:
  path: policy/house.yaml
"""
POLICY = """policy_name: House rules
version: "1.0"
applies_to: [credit_scoring]
gates:
  - name: Parity
    metric: demographic_parity_difference
    threshold: 0.10
    comparison: less_than
"""
WAIVER = """id: W-1
gate: parity
model_id: credit_model
reason: The new scores arrive in March.
owner: Ada
approved_by: Grace
approved_on: 2025-01-01
expires: 2025-03-01
ceiling: 1
"""
# Every woman is refused and every man accepted; regions are treated alike.
UNFAIR = "repaid,score,sex,region,defaulted\n" + "".join(
    f"{i % 2},{score + i / 1000:.3f},{sex},{'north' if i % 4 < 2 else 'south'},{1 - i % 2}\n"
    for sex, score in (("male", 0.8), ("female", 0.2))
    for i in range(40)
)
FAIR = UNFAIR.replace(",0.2", ",0.8")
GATE, OTHER_GATE = POLICY[POLICY.index("  - name") :], "  - {name: AUC, metric: roc_auc, comparison: present}\n"
Run = Callable[..., tuple[int, str, dict[str, Any]]]


def write(folder: Path, config: str | None = CONFIG, policy: str = POLICY, rows: str = UNFAIR) -> None:
    (folder / "policy").mkdir(parents=True, exist_ok=True)
    (folder / "policy/house.yaml").write_text(policy)
    (folder / "rows.csv").write_text(rows)
    if config is not None:
        (folder / "audit.yaml").write_text(config)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A folder with `base` and `head`; runs the audit in `head` against `base`: exit code, what it says, the record."""
    for name in ("base", "head"):
        write(tmp_path / name)
    monkeypatch.chdir(tmp_path / "head")
    monkeypatch.delenv("CI", raising=False)

    def go(*more: str, config: str = "audit.yaml") -> tuple[int, str, dict[str, Any]]:
        out = tmp_path / "r.json"
        out.unlink(missing_ok=True)
        with pytest.raises(SystemExit) as caught:
            main(("audit", "--config", config, "--base", str(tmp_path / "base"), "--as-of", "2025-01-05",
                  "--output", str(out), *more))  # fmt: skip
        said = " ".join("".join(capsys.readouterr()).split())
        assert "Traceback" not in said
        assert isinstance(caught.value.code, int)
        if not out.exists():
            return caught.value.code, said, {}
        audit = Audit.model_validate_json(out.read_bytes())
        assert sealed(audit) == audit
        return caught.value.code, said, audit.model_dump(mode="json")

    return go


def head(tmp_path: Path) -> Path:
    return tmp_path / "head"


def test_nothing_changed_nothing_said(run: Run, tmp_path: Path) -> None:
    code, _, found = run()
    assert (code, found["status"], found["changes"], found["judged_by"]) == (1, "BLOCKED", [], "head")
    assert found["notes"] == []


WEAKENED = {
    "drops an attribute": ({"[sex, region]": "[region]"}, {}, "the protected attribute sex is no longer audited"),
    "changes use_case": ({"credit_scoring": "marketing"}, {}, "changed from credit_scoring to marketing"),
    "moves the threshold": ({"threshold: 0.5": "threshold: 0.95"}, {}, "the decision threshold changed from 0.5"),
    "switches to dev": ({"policy:": "audit: {profile: dev}\npolicy:"}, {}, "`audit.profile` changed from prod to dev"),
    "repoints the policy": ({"house.yaml": "mild.yaml"}, {}, "asked for < 0.1 and now asks for < 1.1"),
    "drops the policy": ({"policy:\n  path: policy/house.yaml\n": ""}, {}, "no longer judges the model"),
    "changes the target": ({"target_column: repaid": "target_column: defaulted"}, {}, "the target changed from repaid"),
    "turns the favour": ({"favorable_label: 1": "favorable_label: 0"}, {}, "the favourable outcome changed from 1"),
    "recuts an attribute": ({"[sex, region]": "{sex: {reference: male}, region: {}}"}, {}, "was cut by"),
    "raises the limit": ({}, {"0.10": "1.10"}, "asked for < 0.1 and now asks for < 1.1"),
    "warns only": ({}, {"less_than\n": "less_than\n    severity: warning\n"}, "`severity` changed from error"),
    "becomes advisory": ({}, {"version": "enforcement: advisory\nversion"}, "changed from soft_mandatory to advisory"),
    "takes effect later": ({}, {"version": "effective_date: 2099-01-01\nversion"}, "`effective_date`"),
    "ended already": ({}, {"version": "sunset_date: 2025-01-01\nversion"}, "`sunset_date`"),
    "applies elsewhere": ({}, {"[credit_scoring]": "[fraud]"}, "`applies_to` changed from credit_scoring to fraud"),
    "removes the gate": ({}, {GATE: OTHER_GATE}, "The gate Parity (< 0.1 as error) is gone"),
    "overrides it": ({}, {"less_than\n": "less_than\n    overrides: {credit_model: {threshold: 2, rationale: x}}\n"},
                     "held credit_model to < 0.1 as error"),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAKENED)
def test_a_pull_request_that_weakens_its_rules_is_judged_by_the_old_ones(run: Run, tmp_path: Path, name: str) -> None:
    config, policy, says = WEAKENED[name]
    text, rules = CONFIG, POLICY
    for old, new in config.items():
        assert old in text
        text = text.replace(old, new)
    for old, new in policy.items():
        assert old in rules
        rules = rules.replace(old, new)
    write(head(tmp_path), text, rules)
    (head(tmp_path) / "policy/mild.yaml").write_text(POLICY.replace("0.10", "1.10"))
    code, said, found = run()
    assert (code, found["status"], found["enforced"]) == (1, "BLOCKED", True)
    assert any(c["effect"] == "weakened" and says in c["message"] for c in found["changes"]), found["changes"]
    assert any(re.search(r"what judges the model, and counts? only once merged\.", note) for note in found["notes"])
    assert any(says in note for note in found["notes"])
    assert "only once merged" in said
    assert rejudge(Audit.model_validate(found)) == []
    if name not in {"recuts an attribute", "turns the favour", "changes the target"}:
        assert found["judged_by"] == "base"
        assert any("Judged by the base commit's rules" in note for note in found["notes"])
        assert any(v["attribute"] == "sex" and v["outcome"] == "FAIL" for v in found["verdicts"])


@pytest.mark.parametrize("name", WEAKENED)
def test_a_good_model_passes_by_the_old_rules_too_and_the_change_is_told(run: Run, tmp_path: Path, name: str) -> None:
    config, policy, _ = WEAKENED[name]
    text, rules = CONFIG, POLICY
    for old, new in config.items():
        text = text.replace(old, new)
    for old, new in policy.items():
        rules = rules.replace(old, new)
    write(head(tmp_path), text, rules, FAIR)
    (head(tmp_path) / "policy/mild.yaml").write_text(POLICY.replace("0.10", "1.10"))
    code, _, found = run()
    assert code == 0, found["notes"]
    assert any(c["effect"] == "weakened" for c in found["changes"])


def test_a_waiver_takes_effect_only_once_merged(run: Run, tmp_path: Path) -> None:
    (head(tmp_path) / "policy/waivers").mkdir()
    (head(tmp_path) / "policy/waivers/w.yaml").write_text(WAIVER)
    code, _, found = run()
    assert (code, found["status"], found["judged_by"]) == (1, "BLOCKED", "base")
    assert [c["what"] for c in found["changes"]] == ["waivers.W-1"]
    (tmp_path / "base/policy/waivers").mkdir()
    (tmp_path / "base/policy/waivers/w.yaml").write_text(WAIVER)
    code, _, found = run()
    assert (code, found["status"], found["changes"]) == (0, "REVIEW", [])
    assert found["waivers"][0]["state"] == "in_force"
    assert rejudge(Audit.model_validate(found)) == []
    (head(tmp_path) / "policy/waivers/w.yaml").write_text(WAIVER.replace("2025-03-01", "2025-03-20"))
    assert run()[2]["changes"][0]["effect"] == "weakened"


def test_waivers_may_lie_elsewhere(run: Run, tmp_path: Path) -> None:
    for name in ("base", "head"):
        (tmp_path / name / "exceptions").mkdir()
        (tmp_path / name / "exceptions/w.yaml").write_text(WAIVER)
    assert run()[2]["status"] == "BLOCKED"
    assert run("--waivers", "exceptions")[2]["status"] == "REVIEW"
    for name in ("base", "head"):
        write(tmp_path / name, CONFIG + "  waivers: exceptions\n")
    assert run()[2]["status"] == "REVIEW"
    code, said, _ = run("--waivers", "nowhere")
    assert code == 2
    assert "the folder nowhere does not exist" in said
    shutil.rmtree(head(tmp_path) / "exceptions")
    assert "audit.yaml:15" in run()[1]


def test_a_deleted_audit_file_is_blocked_unless_retired_before(run: Run, tmp_path: Path) -> None:
    (head(tmp_path) / "audit.yaml").unlink()
    code, said, found = run()
    assert (code, found["status"], found["enforced"]) == (1, "BLOCKED", True)
    assert "The base commit configures the model credit_model, and this commit does not" in said
    assert found["data"]["rows"] == 0
    assert rejudge(Audit.model_validate(found)) == []
    write(tmp_path / "base", CONFIG.replace("production", "retired"))
    code, said, found = run()
    assert (code, found["status"], found["enforced"]) == (0, "NO_POLICY", False)
    assert "retired" in said


def test_a_moved_audit_file_is_found_and_a_renamed_model_is_gone(run: Run, tmp_path: Path) -> None:
    (head(tmp_path) / "audit.yaml").rename(head(tmp_path) / "moved.yaml")
    code, said, _ = run()
    assert code == 2
    assert "configured in" in said
    write(head(tmp_path), None)
    weak = CONFIG.replace("[sex, region]", "[region]")
    (head(tmp_path) / "moved.yaml").write_text(weak)
    assert run(config="moved.yaml")[2]["judged_by"] == "base"
    (head(tmp_path) / "moved.yaml").unlink()
    write(head(tmp_path), weak.replace("credit_model", "another_model"))
    code, said, found = run()
    assert (code, found["status"]) == (1, "BLOCKED")
    assert "The base commit configures the model credit_model" in said


def test_models_gone_since_the_base_commit(run: Run, tmp_path: Path) -> None:
    texts = {"a": CONFIG, "b": CONFIG.replace("credit_model", "moved"), "c": CONFIG.replace("credit_model", "kept")}
    texts["d"] = CONFIG.replace("credit_model", "old").replace("production", "retired")
    texts["e"] = "not an audit file"
    for name, text in texts.items():
        (tmp_path / f"base/{name}.yaml").write_text(text)
    (head(tmp_path) / "c.yaml").write_text(texts["c"])
    (head(tmp_path) / "new.yaml").write_text(texts["b"])
    at_base = [f"{name}.yaml" for name in texts]
    assert gone_since(tmp_path / "base", at_base, ["c.yaml", "new.yaml"]) == ["a.yaml"]
    assert gone_since(tmp_path / "base", at_base, ["c.yaml", "new.yaml", "audit.yaml"]) == []


def test_a_second_file_of_the_model_does_not_stand_in_for_the_one_that_is_gone(run: Run, tmp_path: Path) -> None:
    quick = CONFIG.replace("policy:", "audit: {profile: dev}\npolicy:")
    for name in ("base", "head"):
        (tmp_path / name / "also.yaml").write_text(CONFIG)
        (tmp_path / name / "dev.yaml").write_text(quick)
    every = ["also.yaml", "audit.yaml", "dev.yaml"]
    (head(tmp_path) / "audit.yaml").unlink()
    assert gone_since(tmp_path / "base", every, ["also.yaml", "dev.yaml"]) == ["audit.yaml"]
    assert run()[2]["status"] == "BLOCKED"
    assert gone_since(tmp_path / "base", every, ["also.yaml", "audit.yaml"]) == []
    (head(tmp_path) / "also.yaml").rename(head(tmp_path) / "new.yaml")
    assert gone_since(tmp_path / "base", every, ["new.yaml", "dev.yaml"]) == ["audit.yaml"]


def test_a_moved_file_is_judged_by_the_rules_of_the_one_it_was(run: Run, tmp_path: Path) -> None:
    quick = CONFIG.replace("policy:", "audit: {profile: dev}\npolicy:")
    for name in ("base", "head"):
        (tmp_path / name / "a_dev.yaml").write_text(quick)
    (head(tmp_path) / "audit.yaml").unlink()
    (head(tmp_path) / "moved.yaml").write_text(CONFIG.replace("[sex, region]", "[region]"))
    code, _, found = run(config="moved.yaml")
    assert (code, found["status"], found["judged_by"]) == (1, "BLOCKED", "base")


def test_exchanging_the_files_of_two_models_escapes_neither_models_rules(run: Run, tmp_path: Path) -> None:
    mild = CONFIG.replace("credit_model", "other_model").replace("house", "mild")
    for name in ("base", "head"):
        (tmp_path / name / "policy/mild.yaml").write_text(POLICY.replace("0.10", "1.10"))
    (tmp_path / "base/other.yaml").write_text(mild)
    (head(tmp_path) / "other.yaml").write_text(mild.replace("other_model", "credit_model"))
    (head(tmp_path) / "audit.yaml").write_text(CONFIG.replace("credit_model", "other_model"))
    code, _, found = run(config="other.yaml")
    assert (code, found["status"], found["judged_by"]) == (1, "BLOCKED", "base")
    assert any("asked for < 0.1 and now asks for < 1.1" in c["message"] for c in found["changes"])


@pytest.mark.parametrize("linked", ["policy/house.yaml", "policy", "audit.yaml"])
def test_a_file_turned_into_a_link_to_a_milder_one_is_judged_by_what_it_was(
    run: Run, tmp_path: Path, linked: str
) -> None:
    bare = CONFIG[: CONFIG.index("policy:")]
    for name in ("base", "head"):
        write(tmp_path / name, bare)
        write(tmp_path / name / "mild", bare.replace("[sex, region]", "[region]"), POLICY.replace("0.10", "1.10"))
    target = {
        "policy/house.yaml": "../mild/policy/house.yaml",
        "policy": "mild/policy",
        "audit.yaml": "mild/audit.yaml",
    }
    here = head(tmp_path) / linked
    shutil.rmtree(here) if here.is_dir() else here.unlink()
    here.symlink_to(target[linked])
    code, _, found = run("--policy-gates", "policy/house.yaml")
    assert (code, found["status"], found["judged_by"]) == (1, "BLOCKED", "base")


def test_a_file_called_like_a_pack_does_not_take_its_place(run: Run, tmp_path: Path) -> None:
    bare = CONFIG[: CONFIG.index("policy:")]
    for name in ("base", "head"):
        write(tmp_path / name, bare)
    (head(tmp_path) / "general-baseline").write_text(POLICY.replace("0.10", "1.10"))
    code, _, found = run("--policy-gates", "general-baseline")
    assert (code, found["status"], found["judged_by"]) == (1, "BLOCKED", "base")
    assert found["policy"]["name"] == "General Baseline"


def test_a_new_model_and_a_new_policy_are_judged_by_the_head(run: Run, tmp_path: Path) -> None:
    (tmp_path / "base/audit.yaml").unlink()
    code, _, found = run()
    assert (code, found["judged_by"], found["changes"]) == (1, "head", [])
    write(tmp_path / "base", CONFIG[: CONFIG.index("policy:")])
    write(head(tmp_path), rows=FAIR)
    code, _, found = run()
    assert (code, found["status"], found["judged_by"]) == (0, "PASSED", "head")
    assert found["changes"][0]["effect"] == "strengthened"


def test_a_stricter_policy_binds_at_once(run: Run, tmp_path: Path) -> None:
    for name in ("base", "head"):
        write(tmp_path / name, policy=POLICY.replace("0.10", "1.10"))
    assert run()[0] == 0
    write(head(tmp_path))
    code, _, found = run()
    assert (code, found["judged_by"]) == (1, "head")
    assert [c["effect"] for c in found["changes"]] == ["strengthened"]
    assert "once merged" not in " ".join(found["notes"])


def test_rules_that_no_longer_apply_to_the_rows_block(run: Run, tmp_path: Path) -> None:
    write(head(tmp_path), CONFIG.replace("[sex, region]", "[region]"), rows=FAIR.replace("sex", "gender"))
    code, said, found = run()
    assert (code, found["status"]) == (1, "BLOCKED")
    assert "The base commit's rules cannot be applied" in said
    assert "sex" in said
    assert rejudge(Audit.model_validate(found)) == []


def test_a_base_that_cannot_be_read_judges_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "base", policy=POLICY.replace("less_than", "smaller"))
    code, _, found = run()
    assert code == 1
    assert any("cannot be read" in c["message"] for c in found["changes"])
    write(tmp_path / "base", CONFIG + "oops: 1\n")
    assert any("audit.yaml cannot be read" in c["message"] for c in run()[2]["changes"])


def test_a_policy_on_the_command_line_is_read_at_base_too(run: Run, tmp_path: Path) -> None:
    bare = CONFIG[: CONFIG.index("policy:")]
    for name in ("base", "head"):
        write(tmp_path / name, bare)
    write(head(tmp_path), bare, POLICY.replace("0.10", "1.10"))
    code, _, found = run("--policy-gates", "policy/house.yaml")
    assert (code, found["judged_by"]) == (1, "base")


def test_a_pinned_digest_must_match(run: Run, tmp_path: Path) -> None:
    _, _, found = run()
    digest = found["policy"]["sha256"]
    assert run("--policy-sha256", digest)[0] == 1
    write(head(tmp_path), policy=POLICY + "# touched\n")
    code, said, _ = run("--policy-sha256", digest)
    assert code == 2
    assert f"not {digest}" in said


def test_a_base_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("--base", str(tmp_path / "nowhere"))
    assert code == 2
    assert "nowhere" in said


def document(text: str) -> AuditConfig:
    return build(parse(text.encode(), "audit.yaml"), AuditConfig)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("policy:", "reproducibility: {strict: true}\npolicy:", {"reproducibility.strict": "strengthened"}),
        ("policy:", "reproducibility: {random_seed: 3}\npolicy:", {"reproducibility.random_seed": "neutral"}),
        ("  threshold: 0.5\n", "", {}),
        ("threshold: 0.5", "threshold: 0.4", {"model.threshold": "weakened"}),
        ("[sex, region]", "[sex, region, age]", {"data.protected_attributes.age": "strengthened"}),
        ("path: rows.csv", "path: more.csv", {"data.path": "neutral"}),
        ("production", "candidate", {"model.lifecycle": "neutral"}),
        ("model:", "model:\n  owner: Ada", {}),
        ("score_column: score", "score_column: score\n  weight_column: w", {"data.weight_column": "weakened"}),
        ("  favorable_label: 1\n", "", {}),
        ("  positive_label: 1\n  favorable_label: 1\n", "", {}),
        (
            "  positive_label: 1\n  favorable_label: 1\n",
            "  favorable_label: 0\n",
            {"model.favorable_label": "weakened"},
        ),
        ("  use_case: credit_scoring\n", "", {"model.use_case": "weakened"}),
    ],
)
def test_changes_of_an_audit_file(old: str, new: str, expected: Mapping[str, str]) -> None:
    found = config_changes(document(CONFIG), document(CONFIG.replace(old, new)))
    assert {c.what: c.effect for c in found} == expected
    assert all(c.message.endswith(".") for c in found)


def test_to_declare_what_decides_weakens_as_much_as_to_take_it_away() -> None:
    bare = document(CONFIG.replace("  use_case: credit_scoring\n", "").replace("  favorable_label: 1\n", ""))
    said = {
        c.what: (c.effect, c.message)
        for c in config_changes(bare, document(CONFIG.replace("favorable_label: 1", "favorable_label: 0")))
    }
    assert {what: effect for what, (effect, _) in said.items()} == {
        "model.use_case": "weakened", "model.favorable_label": "weakened",
    }  # fmt: skip
    assert said["model.favorable_label"][1] == "audit.yaml: the favourable outcome changed from 1 to 0."
    same = CONFIG.replace("  use_case: credit_scoring\n", "")
    assert config_changes(bare, document(same)) == (), "the positive label is the favourable one unless it is said"


@pytest.mark.parametrize(
    ("base", "head", "chosen"),
    [
        (("PASSED", True), ("BLOCKED", True), "head"),
        (("BLOCKED", True), ("PASSED", True), "base"),
        (("BLOCKED", True), ("NO_POLICY", True), "base"),
        (("PASSED", True), ("NO_POLICY", True), "head"),
        (("NO_POLICY", True), ("PASSED", True), "head"),
        (("BLOCKED", True), ("BLOCKED", False), "base"),
        (("BLOCKED", False), ("PASSED", True), "head"),
        (("PASSED", True), ("BLOCKED", False), "base"),
        (("REVIEW", True), ("REVIEW", True), "head"),
        (("REVIEW", True), ("PASSED", True), "base"),
    ],
)
def test_whose_verdict_stands(base: tuple[str, bool], head: tuple[str, bool], chosen: str) -> None:
    def one(status: str, enforced: bool) -> Audit:
        return sample().model_copy(update={"status": Status(status), "enforced": enforced})

    there, here = one(*base), one(*head)
    assert stricter(here, there) is (there if chosen == "base" else here)


BASELINE = """policy_name: House rules
version: "1.0"
gates:
  - name: Accuracy holds
    metric: accuracy
    baseline: {no_worse_than: 0.02}
"""
SCORED = """model:
  id: credit_model
  path: model.joblib
  threshold: 0.5
  positive_label: 1
  favorable_label: 1
data:
  path: rows.csv
  target_column: y
  feature_columns: [x]
  protected_attributes: [g]
policy:
  path: policy/house.yaml
registry:
  database: ../registry.db
"""


@pytest.fixture
def scored(run: Run, tmp_path: Path) -> Path:
    """In `base` a model that is always right, in `head` one that is right for 9 rows of 10; the rows are the head's."""
    rows = "x,y,g\n" + "".join(f"{i},{int(i > 50)},{'ab'[i % 2]}\n" for i in range(1, 101))
    for name, start in (("base", 50.5), ("head", 60.5)):
        write(tmp_path / name, SCORED, BASELINE, rows)
        model = LogisticRegression(C=1e6)
        model.fit(np.array([[start - 0.5], [start + 0.5]]), np.array([0, 1]))
        joblib.dump(model, tmp_path / name / "model.joblib")
    (tmp_path / "base/rows.csv").write_text("x,y,g\n1,0,a\n100,1,b\n")
    return tmp_path


def test_a_model_is_compared_with_the_base_commits_on_the_same_rows(run: Run, scored: Path) -> None:
    code, said, found = run("--model-trust", "trusted")
    assert (code, found["status"]) == (1, "BLOCKED")
    (verdict,) = found["verdicts"]
    assert (verdict["outcome"], verdict["baseline"], verdict["value"]) == ("FAIL", 1.0, 0.1)
    assert "0.900 now against 1.000 of the base commit's model on the same rows" in said
    assert {m["metric"] for m in found["baselines"]["base_commit"]} == {"accuracy"}
    assert rejudge(Audit.model_validate(found)) == []


def test_where_the_base_commits_model_cannot_run_the_last_audit_stands_in(run: Run, scored: Path) -> None:
    (scored / "base/model.joblib").unlink()
    (scored / "base/audit.yaml").unlink()
    code, _, found = run("--model-trust", "trusted", "--submit")
    assert (code, found["verdicts"][0]["outcome"], found["status"]) == (0, "INCONCLUSIVE", "REVIEW")
    assert "no earlier model to compare with yet" in found["verdicts"][0]["message"]
    write(scored / "base", SCORED, BASELINE)
    _, _, found = run("--model-trust", "trusted")
    assert found["verdicts"][0]["outcome"] == "PASS"
    assert "of the last recorded audit, on other rows" in found["verdicts"][0]["message"]


def test_an_audit_that_was_corrected_is_none_to_compare_with(run: Run, scored: Path) -> None:
    """The correction is of an earlier day, so that the audit it corrects is the last of the history."""
    for name in ("base/model.joblib", "base/audit.yaml"):
        (scored / name).unlink()
    run("--model-trust", "trusted")
    made = Audit.model_validate_json((scored / "r.json").read_bytes())
    right = sealed(made.model_copy(update={
        "provenance": made.provenance.model_copy(update={"as_of": "2025-01-03"}),
        "measurements": tuple(
            m.model_copy(update={"value": 0.95, "exact": "19/20"}) if m.metric == "accuracy" else m
            for m in made.measurements
        ),
    }))  # fmt: skip
    wrong = sealed(made.model_copy(update={
        "provenance": made.provenance.model_copy(update={"as_of": "2025-01-04"}),
    }))  # fmt: skip
    with connect(scored / "registry.db", create=True) as registry:
        registry.submit(wrong, recorded_at="2025-01-04T10:00:00Z")
        registry.submit(right, recorded_at="2025-01-04T11:00:00Z", supersedes=Supersedes(wrong.audit_id, "wrong day"))
    write(scored / "base", SCORED, BASELINE)
    _, _, found = run("--model-trust", "trusted")
    assert found["verdicts"][0]["baseline"] == 0.95


def test_a_pull_request_does_not_choose_the_registry_it_is_compared_with(run: Run, scored: Path) -> None:
    for name in ("base/model.joblib", "base/audit.yaml"):
        (scored / name).unlink()
    (head(scored) / "audit.yaml").write_text(SCORED.replace("registry.db", "mild.db"))
    assert run("--model-trust", "trusted", "--submit")[0] == 0
    assert (scored / "mild.db").is_file()
    (scored / "base/audit.yaml").write_text(SCORED)
    code, _, found = run("--model-trust", "trusted")
    assert (code, found["verdicts"][0]["outcome"]) == (1, "MISSING")
    assert any(c["what"] == "registry.database" for c in found["changes"])


MORE = FAIR + "1,0.99,female,north,0\n"
LOOK = "a person's look, so that the audit comes to REVIEW at best."


@pytest.mark.parametrize(
    ("config", "rows", "what", "says"),
    [
        (CONFIG, MORE, "data.rows", "The rows under audit, in rows.csv, are not those of the base commit (sha256 "),
        (CONFIG.replace("rows.csv", "easy.csv"), FAIR, "data.rows", "in easy.csv (before: rows.csv), are not those"),
        (CONFIG.replace("score_column: score", "score_column: repaid"), FAIR, "data.score_column",
         "`data.score_column` changed from score to repaid"),
        (CONFIG.replace("score_column: score", "score_column: score\n  feature_columns: [x]"), FAIR + "", "data.inputs",
         "says otherwise what the model is given; no model runs here"),
    ],
)  # fmt: skip
def test_other_evidence_asks_for_review_and_says_so(
    run: Run, tmp_path: Path, config: str, rows: str, what: str, says: str
) -> None:
    write(tmp_path / "base", rows=FAIR)
    write(head(tmp_path), config, rows=rows.replace("defaulted", "x") if what == "data.inputs" else rows)
    (head(tmp_path) / "easy.csv").write_text(MORE)
    code, said, found = run()
    assert (code, found["status"], found["enforced"]) == (0, "REVIEW", True)
    assert any(c["what"] == what and says in c["message"] for c in found["changes"]), found["changes"]
    assert any(says in note for note in found["notes"])
    assert LOOK in said
    assert all(v["outcome"] == "PASS" for v in found["verdicts"])
    assert rejudge(Audit.model_validate(found)) == []
    (easier,) = rejudge(sealed(Audit.model_validate(found).model_copy(update={"status": Status.PASSED})))
    assert "its status is PASSED, but judged again it is REVIEW" in easier


def test_other_scores_of_the_same_rows_are_another_model_and_a_renamed_file_is_the_same_rows(
    run: Run, tmp_path: Path
) -> None:
    write(tmp_path / "base", rows=UNFAIR)
    write(head(tmp_path), rows=FAIR)
    code, _, found = run()
    assert (code, found["status"]) == (0, "PASSED")
    (said,) = found["changes"]
    assert (said["what"], said["message"]) == (
        "data.predictions", "The 80 rows in rows.csv are the base commit's, with other scores.",
    )  # fmt: skip
    write(tmp_path / "base", rows=FAIR)
    write(head(tmp_path), CONFIG.replace("rows.csv", "renamed.csv"))
    (head(tmp_path) / "renamed.csv").write_text(FAIR)
    code, _, found = run()
    assert (code, found["status"], [c["what"] for c in found["changes"]]) == (0, "PASSED", ["data.path"])


def test_rows_that_are_not_kept_in_git_are_compared_by_name_or_by_their_pointer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "base/rows.csv").unlink()
    write(head(tmp_path), rows=FAIR)
    assert (run()[2]["status"], run()[2]["changes"]) == ("PASSED", [])
    write(head(tmp_path), CONFIG.replace("rows.csv", "other.csv"))
    (head(tmp_path) / "other.csv").write_text(FAIR)
    _, said, found = run()
    assert found["status"] == "REVIEW"
    assert "so that they cannot be compared" in said
    write(head(tmp_path), rows=FAIR)
    digest = sha256(FAIR.encode())
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 1\n"
    (tmp_path / "base/rows.csv").write_text(pointer.format(digest))
    assert run()[2]["changes"] == []
    (tmp_path / "base/rows.csv").write_text(pointer.format("0" * 64))
    assert run()[2]["status"] == "REVIEW"


def test_other_rows_to_measure_drift_from_ask_for_review(run: Run, tmp_path: Path) -> None:
    for name in ("base", "head"):
        write(tmp_path / name, CONFIG.replace("rows.csv", "rows.csv\n  reference_path: then.csv"), rows=FAIR)
        (tmp_path / name / "then.csv").write_text(FAIR)
    assert run()[2]["status"] == "PASSED"
    (head(tmp_path) / "then.csv").write_text(MORE)
    _, said, found = run()
    assert found["status"] == "REVIEW"
    assert "The rows that drift is measured from are not those of the base commit" in said


def test_a_base_that_cannot_be_read_lets_nothing_pass(run: Run, tmp_path: Path) -> None:
    outside = CONFIG.replace("policy/house.yaml", "../../house.yaml")
    for policy in (POLICY.replace("less_than", "smaller"), "oops: ["):
        write(tmp_path / "base", policy=policy, rows=FAIR)
        write(head(tmp_path), rows=FAIR)
        code, said, found = run()
        assert (code, found["status"]) == (0, "REVIEW")
        assert "policy or waivers cannot be read" in said
        assert [c["what"] for c in found["changes"]] == ["base"], "nothing is said of what is not known"
        assert LOOK in said
        assert rejudge(Audit.model_validate(found)) == []
    write(tmp_path / "base", outside, rows=FAIR)
    assert run()[2]["status"] == "REVIEW", "its policy lies outside the checkout, where nothing is"
    write(tmp_path / "base", CONFIG + "oops: 1\n", rows=FAIR)
    code, said, found = run()
    assert (code, found["status"]) == (0, "REVIEW")
    assert "audit.yaml cannot be read" in said


def test_a_review_that_evidence_asks_for_is_due_when_a_review_is(run: Run, tmp_path: Path) -> None:
    rules = POLICY + "reaudit_days_by_status: {PASSED: 300, REVIEW: 30}\n"
    for name, rows in (("base", FAIR), ("head", MORE)):
        write(tmp_path / name, policy=rules, rows=rows)
    assert run()[2]["reaudit_by"] == "2025-02-04"


def test_a_verdict_that_both_rules_come_to_is_told_with_what_differs(run: Run, tmp_path: Path) -> None:
    strict = POLICY + OTHER_GATE.replace("comparison: present", "comparison: greater_than, threshold: 0.99")
    write(tmp_path / "base", policy=strict)
    write(head(tmp_path))
    _, _, found = run()
    assert (
        "Judged by the base commit's rules: BLOCKED with 2 failed gates; by its own it would be BLOCKED too, with 1 "
        "failed gate." in found["notes"]
    )


@pytest.mark.parametrize("named", ["pack:general-baseline", "general-baseline"])
def test_a_pack_may_be_named_as_one(run: Run, tmp_path: Path, named: str) -> None:
    bare = CONFIG[: CONFIG.index("policy:")]
    for name in ("base", "head"):
        write(tmp_path / name, bare)
    (head(tmp_path) / "pack:general-baseline").write_text(POLICY.replace("0.10", "1.10"))
    assert run("--policy-gates", named)[2]["policy"]["name"] == "General Baseline"
    for name in ("base", "head"):
        write(tmp_path / name, f"{bare}policy: {{path: '{named}'}}\n")
    assert run()[2]["policy"]["name"] == "General Baseline"
    assert "does not exist; give a file, or a pack" in run("--policy-gates", "pack:nothing")[1]
