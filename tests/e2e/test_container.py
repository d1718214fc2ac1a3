"""The image, built from the Dockerfile and run in the runner's own layout on real payloads."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.conftest import IMAGE, ROOT, RUNNER, Action, Ran, commit

pytestmark = pytest.mark.e2e
BIASED = "examples/german_credit/biased.audit.yaml"
POLICY = "policies/org_credit_baseline_v1.yaml"
DAY = "2025-01-05"


def _not_the_runners(workspace: Path) -> list[Path]:
    return [path for path in (workspace, *workspace.rglob("*")) if os.lstat(path).st_uid != RUNNER]


def _annotated_lines(ran: Ran) -> set[int]:
    return {int(found) for mark in ran.annotations for found in re.findall(rf"file={POLICY},line=(\d+)", mark)}


def test_a_biased_model_is_blocked(action: Action, workspace: Path) -> None:
    ran = action.run(workspace, config=BIASED, as_of=DAY, formats="html pdf md")
    assert ran.exit_code == 1, ran.log

    assert ran.outputs["status"] == "BLOCKED"
    assert ran.outputs["exit-code"] == "1"
    assert ran.outputs["models-audited"] == "1"
    failed = json.loads(ran.outputs["failed-gates"])
    assert {gate["gate"] for gate in failed} >= {"Demographic Parity", "Calibration Quality"}
    assert int(ran.outputs["gates-failed"]) + int(ran.outputs["gates-warned"]) == len(failed)

    policy = (workspace / POLICY).read_text().splitlines()
    named = {gate["gate"] for gate in failed}
    gates = {number for number, line in enumerate(policy, 1) if any(f'"{name}"' in line for name in named)}
    assert _annotated_lines(ran) == gates

    assert ran.summary.startswith("# ✕ Blocked\n")
    assert "| Demographic Parity | ✕ Fail |" in ran.summary

    out = workspace / ran.outputs["report-path"] / "examples" / "german_credit" / "biased"
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "report.html").read_text().startswith("<!")
    assert (out / "report.md").is_file()
    assert json.loads((out / "audit.json").read_bytes())["audit_id"] == json.loads(ran.outputs["audit-ids"])[0]
    assert _not_the_runners(workspace) == []


def test_the_commit_under_audit_is_read_and_clean(action: Action, workspace: Path) -> None:
    ran = action.run(workspace, config=BIASED, as_of=DAY, formats="md", strict="true")
    record = next((workspace / ran.outputs["report-path"]).rglob("audit.json"))
    provenance = json.loads(record.read_bytes())["provenance"]
    head = (workspace / ".git" / "refs" / "heads").iterdir()
    assert provenance["git_commit"] == next(head).read_text().strip()
    assert provenance["git_clean"] is True
    assert provenance["isolation"]


def test_a_change_that_weakens_the_policy_is_judged_by_the_base_commits(action: Action, workspace: Path) -> None:
    shutil.copytree(workspace, aside := workspace.parent / "base")
    policy = workspace / POLICY
    policy.write_text(re.sub(r"threshold: [\d.]+", "threshold: 9999", policy.read_text()).replace("greater", "less"))
    commit(workspace)
    base = aside.rename(workspace / ".base")
    for path in (policy, base, *base.rglob("*")):
        os.chown(path, RUNNER, RUNNER)

    alone = action.run(workspace, config=BIASED, as_of=DAY, formats="md")
    assert alone.outputs["status"] == "PASSED", "by its own rules the bad model passes"
    assert "from this pull request only" in alone.summary

    ran = action.run(workspace, config=BIASED, as_of=DAY, formats="html pdf", base_path=".base")
    assert ran.exit_code == 1, ran.log
    assert ran.outputs["status"] == "BLOCKED"
    assert {gate["gate"] for gate in json.loads(ran.outputs["failed-gates"])} >= {"Demographic Parity"}
    order = [ran.summary.index(part) for part in ("# ✕ Blocked", "| Demographic Parity | ✕ Fail", "▼ Weakened")]
    assert order == sorted(order)
    assert "Judged by the base commit's rules" in ran.summary
    assert any("weakened rule" in mark for mark in ran.annotations)
    assert ran.outputs["models-audited"] == "1"


def test_a_passing_model_exits_zero_and_is_kept_and_shown_without_a_ledger(action: Action, workspace: Path) -> None:
    alone = {"registry_branch": "none"}
    ran = action.run(workspace, mode="record", as_of=DAY, config="examples/synthetic*/*.yaml", **alone)
    assert ran.exit_code == 0, ran.log
    assert ran.outputs["status"] == "PASSED"
    assert ran.outputs["recorded"] == "1"
    assert not ran.annotations
    database = workspace / "model_registry.db"
    with sqlite3.connect(database) as opened:
        kept = opened.execute("SELECT model_id, stage, author FROM audits").fetchall()
    opened.close()
    assert kept == [("credit_synthetic", "proposed", "Codertocat")]

    shown = action.run(workspace, "push", mode="site", **alone)
    assert shown.exit_code == 0, shown.log
    assert shown.outputs["registry-head"] == ran.outputs["registry-head"]
    assert (workspace / shown.outputs["site-path"] / "index.html").is_file()
    assert _not_the_runners(workspace) == []


def test_nothing_to_audit_is_an_error_that_is_told(action: Action, workspace: Path) -> None:
    ran = action.run(workspace, config="nowhere/*.yaml")
    assert ran.exit_code == 2
    assert ran.outputs["status"] == "ERROR"
    assert ran.outputs["exit-code"] == "2"
    assert "nothing to audit" in ran.summary
    assert len(ran.annotations) == 1
    assert _not_the_runners(workspace) == []


def test_a_mistake_in_an_audit_file_is_shown_on_its_line(action: Action, workspace: Path) -> None:
    file = workspace / BIASED
    file.write_text(file.read_text().replace("lifecycle: candidate", "lifecicle: candidate"))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "lifecicle" in text)
    commit(workspace)
    ran = action.run(workspace, config=f"{BIASED}\nexamples/synthetic_credit/*.yaml", as_of=DAY, formats="md")
    assert ran.exit_code == 2
    assert [mark for mark in ran.annotations if f"file={BIASED},line={line}," in mark and "lifecicle" in mark]
    assert ran.outputs["models-audited"] == "1"
    assert "lifecicle" in ran.summary


def test_the_image_holds_no_compiler_and_no_source_tree(action: Action) -> None:
    script = "command -v gcc cc make; ls /src; glassalpha --version"
    ran = action.engine.docker("run", "--rm", "--entrypoint", "sh", IMAGE, "-c", script, check=False)
    assert ran.stdout.startswith("glassalpha, version"), ran.stdout


def test_only_what_the_wheel_needs_is_sent_to_the_engine() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not {"!.", "!examples", "!tests", "!.git"} & set(ignored)
