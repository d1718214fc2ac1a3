"""A pull request judged with a checkout of its base commit, as the container runs it, without the container."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glassalpha_action.cli.action import action
from tests.github.test_commands import read
from tests.workspace import CONFIG, POLICY, make

EVENTS = Path(__file__).parents[1] / "data" / "github"
HOUSE = CONFIG + "policy: {path: policy.yaml}\n"
# Every woman is refused and every man accepted.
UNFAIR = "repaid,score,sex\n" + "1,0.9,male\n0,0.8,male\n" * 20 + "1,0.2,female\n0,0.1,female\n" * 20


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Runner", "-c", "user.email=runner@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All of it")


class PullRequest:
    """A checkout of the head with one of the base commit in the folder `base`; `run` runs the action on them."""

    def __init__(self, root: Path) -> None:
        self.head, self.base = root, root / "base"
        make(root, HOUSE)
        (root / ".gitignore").write_text("base/\nglassalpha-report/\n")
        commit(root)
        git(root, "clone", "--quiet", ".", "base")

    def change(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.head / name).parent.mkdir(parents=True, exist_ok=True)
            (self.head / name).write_text(text)
        git(self.head, "add", "--all")
        git(self.head, "commit", "--quiet", "--allow-empty", "--message", "The change under audit")

    def run(self, *, event: str = "pull_request.opened", **inputs: str) -> Result:
        given = {"formats": "md", "base-path": "base", "as-of": "2025-01-05"} | {
            name.replace("_", "-"): value for name, value in inputs.items()
        }
        files = {name: self.head.parent / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        told = {f"INPUT_{name.upper()}": value for name, value in given.items()}
        told |= {name: str(file) for name, file in files.items()}
        told |= {"GITHUB_WORKSPACE": str(self.head), "GITHUB_EVENT_NAME": event.partition(".")[0],
                 "GITHUB_EVENT_PATH": str(EVENTS / f"{event}.json")}  # fmt: skip
        return CliRunner().invoke(action, env=told, standalone_mode=False)

    @property
    def summary(self) -> str:
        return (self.head.parent / "github_step_summary").read_text()

    @property
    def outputs(self) -> dict[str, str]:
        return read((self.head.parent / "github_output").read_text())


@pytest.fixture
def pull_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PullRequest:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    return PullRequest(tmp_path / "workspace")


LOOSER = {
    "the threshold moved": {"policy.yaml": POLICY.replace("threshold: 0.10", "threshold: 1.10")},
    "the gate only warns": {"policy.yaml": POLICY + "    severity: warning\n"},
    "the gate gone": {"policy.yaml": POLICY[: POLICY.index("  - name: Parity")]},
    "the policy repointed": {
        "audit.yaml": HOUSE.replace("policy.yaml", "mine.yaml"),
        "mine.yaml": POLICY.replace("0.10", "1.10"),
    },
    "the attribute dropped": {"audit.yaml": HOUSE.replace("  protected_attributes: [sex]\n", "")},
    "the profile": {"audit.yaml": HOUSE + "audit: {profile: dev}\n"},
    "a waiver of its own": {
        "waivers/w.yaml": "id: W-1\ngate: parity\nmodel_id: credit_model\nreason: The new scores arrive in March.\n"
        "owner: Ada\napproved_by: Grace\napproved_on: 2025-01-01\nexpires: 2025-03-01\nceiling: 1\n"
    },
}


@pytest.mark.parametrize("files", LOOSER.values(), ids=LOOSER)
def test_a_change_that_loosens_its_rules_with_a_bad_model_is_blocked_and_told_why(
    pull_request: PullRequest, files: Mapping[str, str]
) -> None:
    pull_request.change({"rows.csv": UNFAIR, **files})
    ran = pull_request.run()
    assert ran.return_value == 1, ran.output
    assert pull_request.outputs["status"] == "BLOCKED"
    assert "Parity" in pull_request.outputs["failed-gates"]
    text = pull_request.summary
    order = [text.index(part) for part in ("# ✕ Blocked", "| Parity | ", "▼ Weakened", "<details>")]
    assert order == sorted(order), "the verdict, the failures, the changes, the rest"
    # A gate without its attribute is not measured, and blocks by the head's rules as well.
    assert ("Judged by the base commit's rules" in text) is ("no longer audited" not in text)
    assert "weakened rule" in ran.stdout, "an annotation says it too"


def test_without_the_base_commit_a_pull_request_is_told_that_it_judges_itself(pull_request: PullRequest) -> None:
    pull_request.change({"rows.csv": UNFAIR, **LOOSER["the threshold moved"]})
    assert pull_request.run(base_path="").return_value == 0
    assert "were read from this pull request only" in pull_request.summary
    pull_request.run(event="push", base_path="")
    assert "pull request only" not in pull_request.summary


def test_a_good_change_passes_and_a_stricter_policy_is_shown(pull_request: PullRequest) -> None:
    pull_request.change({"policy.yaml": POLICY.replace("0.10", "0.05")})
    assert pull_request.run().return_value == 0
    assert "▲ Strengthened" in pull_request.summary
    assert "▼" not in pull_request.summary
    assert pull_request.outputs["models-audited"] == "1", "the base commit's own audit file is not another model"


def test_a_model_that_vanished_is_blocked(pull_request: PullRequest) -> None:
    (pull_request.head / "audit.yaml").unlink()
    pull_request.change({"other/rows.csv": UNFAIR})
    ran = pull_request.run(mode="record")
    assert ran.return_value == 1, ran.output
    assert pull_request.outputs["status"] == "BLOCKED"
    assert pull_request.outputs["recorded"] == "0", "nothing was measured"
    assert "| Model still configured | ✕ Not met |" in pull_request.summary
    assert "lifecycle: retired" in pull_request.summary
    made = pull_request.head / pull_request.outputs["report-path"] / "audit" / "report.md"
    assert "no longer configured" in made.read_text()
    assert json.loads(pull_request.outputs["failed-gates"])[0]["requirement"] == "base: model_present"


def test_a_model_that_was_renamed_is_blocked_though_the_base_commit_lies_beside_it(pull_request: PullRequest) -> None:
    pull_request.change({"audit.yaml": HOUSE.replace("id: credit_model", "id: other_model")})
    assert pull_request.run().return_value == 1
    assert "| Model still configured | ✕ Not met |" in pull_request.summary


def test_a_model_that_moved_or_was_retired_may_go(pull_request: PullRequest) -> None:
    (pull_request.head / "audit.yaml").unlink()
    pull_request.change({"team/audit.yaml": HOUSE.replace("rows.csv", "../rows.csv").replace(
        "path: policy", "path: ../policy")})  # fmt: skip
    assert pull_request.run().return_value == 0, pull_request.summary
    for folder in (pull_request.base, pull_request.head):
        (folder / "old.audit.yaml").write_text(HOUSE.replace("id: credit_model", "id: old\n  lifecycle: retired"))
    (pull_request.head / "old.audit.yaml").unlink()
    assert pull_request.run().return_value == 0, pull_request.summary


def broken(name: str) -> Callable[[PullRequest], None]:
    def same(pull: PullRequest) -> None:
        git(pull.base, "pull", "--quiet", "--ff-only")

    def empty(pull: PullRequest) -> None:
        for path in sorted(pull.base.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def link(pull: PullRequest) -> None:
        pull.base.rename(pull.head.parent / "elsewhere")
        pull.base.symlink_to(pull.head.parent / "elsewhere")

    return {"same": same, "empty": empty, "link": link}[name]


@pytest.mark.parametrize(
    ("how", "inputs", "words"),
    [
        ("same", {}, "has the commit under audit itself checked out"),
        ("empty", {}, "is not a git checkout"),
        ("link", {}, "is not a folder of its own"),
        (None, {"base_path": "nowhere"}, "is not a git checkout"),
        (None, {"base_path": "."}, "is not a folder of its own"),
        (None, {"base_path": "../base"}, "inside the workspace"),
        (None, {"policy_sha256": "f" * 64}, "judge by the pinned policy"),
        (None, {"policy_sha256": "F" * 63}, "must be a SHA-256 digest"),
        (None, {"waivers": "nowhere"}, "does not exist"),
    ],
)
def test_what_cannot_guard_fails_closed(
    pull_request: PullRequest, how: str | None, inputs: dict[str, str], words: str
) -> None:
    pull_request.change({"policy.yaml": POLICY.replace("0.10", "0.20")})
    if how:
        broken(how)(pull_request)
    ran = pull_request.run(**inputs)
    assert ran.return_value == 2, ran.output
    assert words in pull_request.summary
    assert pull_request.outputs["status"] == "ERROR"
