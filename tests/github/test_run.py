"""The glue of a run, with plain doubles for auditing and for building a site."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from glassalpha_action import settings
from glassalpha_action.documents import UserError
from glassalpha_action.github.result import Run, outputs
from glassalpha_action.github.run import Tools, perform, publish
from glassalpha_action.records import Audit
from glassalpha_action.registry import connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.github.test_commands import read

EVENTS = Path(__file__).parents[1] / "data" / "github"
CONFIG = """\
model: {id: m, team: lending, threshold: 0.5, positive_label: 1, favorable_label: 0}
data: {path: rows.csv, target_column: y, score_column: p}
registry: {metadata: {cost_center: "{{ COST_CENTER }}"}}
"""


class Workspace:
    """A folder to run in, and a run of the action on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.audits: dict[str, Audit | UserError] = {}
        self.told: dict[str, str] = {}

    def add(self, name: str, audit: Audit | UserError) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(CONFIG)
        self.audits[name] = audit

    def audit(self, config: Path) -> Audit:
        found = self.audits[config.as_posix()]
        if isinstance(found, UserError):
            raise found
        return found

    def run(self, event: str = "pull_request.opened", **inputs: str) -> Run:
        """A run on that payload; without a ledger unless one is named."""
        given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
        given = {"INPUT_FORMATS": "md", "INPUT_REGISTRY-BRANCH": "none"} | given
        self.settings = settings.read({
            "GITHUB_EVENT_PATH": str(EVENTS / f"{event}.json"), **self.told, **given,
            "GITHUB_WORKSPACE": str(self.root), "GITHUB_EVENT_NAME": event.partition(".")[0],
            "GITHUB_OUTPUT": str(self.root.parent / "output"),
            "GITHUB_STEP_SUMMARY": str(self.root.parent / "summary"), "GITHUB_SHA": "f" * 40,
        })  # fmt: skip
        return perform(self.settings, Tools(
            audit=self.audit, gone=lambda _: (), policy=lambda _: Path("policies/../policies/p.yaml"),
            exit_code=lambda audit: int(audit.status is Status.BLOCKED),
            build_site=lambda _, out: out.mkdir(parents=True),
            now="2025-01-05T10:00:00Z", say=self.said.append,
        ))  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "workspace"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("COST_CENTER", "CR-4501")
    return Workspace(root)


def test_every_audit_file_is_audited_and_reported(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    workspace.add("models/b.audit.yaml", samples.audit("b", Status.BLOCKED))
    run = workspace.run()
    assert [(result.config, result.exit_code) for result in run.results] == [
        ("a.audit.yaml", 0),
        ("models/b.audit.yaml", 1),
    ]
    assert run.exit_code == 1
    assert run.results[0].policy_file == "policies/p.yaml"
    assert json.loads((workspace.root / "glassalpha-report/models/b/audit.json").read_bytes())["model"]["id"] == "b"
    assert (workspace.root / "glassalpha-report/a/report.md").is_file()
    assert workspace.said == ["a.audit.yaml: PASSED", "models/b.audit.yaml: BLOCKED"]


def test_a_second_run_does_not_audit_its_own_reports(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    (workspace.root / "glassalpha-report").mkdir()
    (workspace.root / "glassalpha-report" / "audit.yaml").write_text(CONFIG)
    assert len(workspace.run().results) == 1


def test_the_highest_code_wins_and_the_other_models_are_still_judged(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", UserError("models/x.pkl does not load.", exit_code=3))
    workspace.add("b.audit.yaml", UserError("b.audit.yaml:3: no."))
    workspace.add("c.audit.yaml", samples.audit("c", Status.BLOCKED))
    run = workspace.run()
    assert [result.exit_code for result in run.results] == [3, 2, 1]
    assert run.exit_code == 3
    assert run.status == "ERROR"
    assert (run.results[1].problems[0].file, run.results[1].problems[0].line) == ("b.audit.yaml", 3)
    assert outputs(run)["models-audited"] == "1"


@pytest.mark.parametrize("config", ["nowhere/*.yaml", "gone.audit.yaml", "a.audit.yaml\n!a.*", "../*.yaml"])
def test_finding_nothing_fails(workspace: Workspace, config: str) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    run = workspace.run(config=config)
    assert run.exit_code == 2
    assert run.results == ()
    assert len(run.problems) == 1
    assert not (workspace.root / "glassalpha-report").exists()


def test_a_name_that_is_not_there_fails_though_others_pass(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    run = workspace.run(config="a.audit.yaml\nb.audit.yaml")
    assert (run.exit_code, run.status, len(run.audits)) == (2, "ERROR", 1)


def test_wrong_inputs_audit_nothing_and_are_told(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    run = workspace.run(fail_on="sometimes")
    assert (run.exit_code, run.results) == (2, ())
    publish(run, workspace.settings, workspace.said.append)
    assert "input fail-on" in (workspace.root.parent / "summary").read_text()
    assert read((workspace.root.parent / "output").read_text())["exit-code"] == "2"
    assert workspace.said[0].startswith("::error ")


def test_recording_keeps_the_stage_the_author_and_the_metadata(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.BLOCKED))
    run = workspace.run(mode="record")
    assert (outputs(run)["recorded"], run.exit_code) == ("1", 1)
    with connect("model_registry.db") as kept:
        (row,) = kept.query_all(stage="proposed")
        assert run.registry_head == kept.head().anchor
    assert (row.author, row.team, row.cost_center) == ("Codertocat", "lending", "CR-4501")
    assert row.metadata["pull_request"] == "2"
    assert row.metadata["commit"] == "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
    assert workspace.run(mode="record").registry_head == run.registry_head, "the same audit is there once"


def test_a_merge_queue_is_not_recorded_and_still_judged(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.BLOCKED))
    run = workspace.run("merge_group.checks_requested", mode="record")
    assert (run.records, run.exit_code) == ((), 1)
    assert "merge queue" in run.notes[0]
    assert not (workspace.root / "model_registry.db").exists()


def test_a_record_that_fails_leaves_the_verdict_as_it_is(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    monkeypatch.delenv("COST_CENTER")
    run = workspace.run(mode="record")
    assert (run.status, run.records, run.exit_code) == ("PASSED", (), 2)
    assert "COST_CENTER" in run.faults[0].message
    (workspace.root / "model_registry.db").write_bytes(b"not a database, but something of worth")
    monkeypatch.setenv("COST_CENTER", "x")
    run = workspace.run(mode="record")
    assert run.status == "PASSED"
    assert run.exit_code >= 2
    assert (workspace.root / "model_registry.db").read_bytes() == b"not a database, but something of worth"


def test_the_site_needs_a_registry(workspace: Workspace) -> None:
    run = workspace.run("push", mode="site")
    assert run.exit_code == 2
    assert run.site_path is None
    with connect("model_registry.db", create=True) as kept:
        kept.submit(samples.audit(), recorded_at="2025-01-05T10:00:00Z")
    run = workspace.run("push", mode="site")
    assert (run.exit_code, run.site_path, run.status) == (0, "glassalpha-report/site", "")


def test_no_link_leads_a_report_elsewhere(workspace: Workspace, tmp_path: Path) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    outside = tmp_path / "outside"
    outside.mkdir()
    (workspace.root / "glassalpha-report").symlink_to(outside)
    run = workspace.run()
    assert run.exit_code == 2
    assert not list(outside.iterdir())
    (workspace.root / "glassalpha-report").unlink()
    (workspace.root / "glassalpha-report" / "a").mkdir(parents=True)
    (workspace.root / "glassalpha-report" / "a" / "report.md").symlink_to(outside / "planted")
    assert workspace.run().exit_code == 2
    assert not list(outside.iterdir())


@pytest.mark.parametrize("switch", ["summary", "annotations"])
def test_what_is_switched_off_is_not_written(workspace: Workspace, switch: str) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.BLOCKED))
    run = workspace.run(**{switch: "false"})
    workspace.said.clear()
    publish(run, workspace.settings, workspace.said.append)
    assert (workspace.root.parent / "summary").exists() is (switch != "summary")
    assert bool(workspace.said) is (switch != "annotations")
    assert read((workspace.root.parent / "output").read_text())["status"] == "BLOCKED"


def test_paths_are_told_from_the_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.add("team/a.audit.yaml", samples.audit("a", Status.PASSED))
    workspace.audits["a.audit.yaml"] = workspace.audits["team/a.audit.yaml"]
    monkeypatch.chdir(workspace.root / "team")
    run = workspace.run(working_directory="team", mode="record")
    assert run.results[0].config == "team/a.audit.yaml"
    assert run.results[0].policy_file == "team/policies/p.yaml"
    assert run.report_path == "team/glassalpha-report"
    assert len(run.records) == 1
    assert (workspace.root / "team" / "model_registry.db").is_file()


@pytest.mark.parametrize("inside", [True, False])
def test_a_working_directory_that_is_a_link_is_recorded_from(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    real = (workspace.root if inside else workspace.root.parent) / "real"
    real.mkdir()
    (workspace.root / "team").symlink_to(real)
    workspace.add("team/m/a.audit.yaml", samples.audit("a", Status.PASSED))
    workspace.audits["m/a.audit.yaml"] = workspace.audits["team/m/a.audit.yaml"]
    monkeypatch.chdir(workspace.root / "team")
    run = workspace.run(working_directory="team", mode="record")
    assert (run.exit_code, run.faults, len(run.records)) == (0, (), 1)
    assert run.results[0].config == ("real/m/a.audit.yaml" if inside else "m/a.audit.yaml")
    with connect(real / "model_registry.db") as kept:
        (row,) = kept.query_all(latest=False, stage="proposed")
    assert row.cost_center == "CR-4501"


def test_a_report_that_cannot_be_written_is_not_a_verdict(workspace: Workspace) -> None:
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    (workspace.root / "glassalpha-report").write_text("a file in the way")
    run = workspace.run()
    assert run.exit_code in {2, 4}
    assert run.status == "ERROR"


def test_what_was_written_belongs_to_the_workspaces_owner(workspace: Workspace) -> None:
    from glassalpha_action.github.run import hand_over

    if os.geteuid():
        pytest.skip("only root can hand files over")
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    os.chown(workspace.root, 1001, 1001)
    secret = workspace.root.parent / "secret"
    secret.touch()
    workspace.run(mode="record", output_dir="deep/out")
    (workspace.root / "deep" / "out" / "link").symlink_to(secret)
    hand_over(workspace.settings)
    written = [workspace.root / "deep", *(workspace.root / "deep").rglob("*"), workspace.root / "model_registry.db"]
    assert {os.lstat(path).st_uid for path in written} == {1001}
    assert secret.stat().st_uid == 0
