"""The validators of the field report nothing on what a runner reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from glassalpha_action import settings
from glassalpha_action.github.result import Run, outputs

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "site" / "guides" / "github.md"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VALIDATORS = {
    "actionlint": [*WORKFLOWS],
    "zizmor": ["--offline", "--pedantic", "--no-progress", ROOT / "action.yml", *WORKFLOWS],
    "check-jsonschema": ["--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
    "check-jsonschema ": ["--builtin-schema", "vendor.github-actions", ROOT / "action.yml"],
    "hadolint": [ROOT / "Dockerfile"],
}


def run(tool: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    place = Path(sys.executable).with_name(tool.strip())
    return subprocess.run([place, *words], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("tool", VALIDATORS)
def test_nothing_is_reported(tool: str) -> None:
    ran = run(tool, *VALIDATORS[tool])
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_validators_do_report(tmp_path: Path) -> None:
    bad = tmp_path / ".github" / "workflows" / "bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4, wth: {}}]}}\n")
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && sudo apt-get install git\n")
    assert run("actionlint", bad).returncode
    assert run("zizmor", "--offline", "--pedantic", bad).returncode
    assert run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", bad).returncode
    assert run("hadolint", tmp_path / "Dockerfile").returncode


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_and_every_permission_given_alone(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for name, comment in used:
        assert name == "./" or (re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) and re.search(r"# v\d", comment)), name
    assert "\npermissions: {}\n" in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.fixture
def guides(tmp_path: Path) -> Path:
    """The workflow of the guide, with an owner and a commit in the places it leaves for them."""
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / ".github" / "workflows" / "model-audit.yml"
    path.parent.mkdir(parents=True)
    path.write_text(
        text.replace("OWNER/", "owner/").replace("COMMIT_SHA # the release's version", f"{'1' * 40} # v1.0.0")
    )
    return path


def test_the_workflow_of_the_guide_is_clean(guides: Path) -> None:
    for tool, *words in (["actionlint"], ["zizmor", "--offline", "--pedantic", "--no-progress"],
                         ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"]):  # fmt: skip
        ran = run(tool, *words, guides)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    test_every_action_is_pinned_and_every_permission_given_alone(guides)


def test_the_workflows_give_inputs_that_exist_and_tokens_to_the_jobs_that_need_them(guides: Path) -> None:
    """And only the jobs that record may write, and no job that runs a pull request's code holds a token."""
    for path in (guides, ROOT / ".github" / "workflows" / "model-audit.yml"):
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        assert list(jobs) == ["audit", "record", "portal"]
        for name, job in jobs.items():
            steps = [step for step in job["steps"] if re.match(r"\./$|owner/", step.get("uses", ""))]
            assert steps, name
            for step in steps:
                assert set(step["with"]) <= set(settings.names())
                assert ("github-token" in step["with"]) is (name != "audit")
                assert step["with"].get("mode", "audit") == {"portal": "site"}.get(name, name)
            used = re.findall(r"steps\.(?:audit|record|site)\.outputs\.([a-z-]+)", yaml.safe_dump(job))
            assert set(used) <= set(outputs(Run()))
            assert ("write" in str(job["permissions"].get("contents"))) is (name == "record")
            assert "secrets." not in yaml.safe_dump(job)
