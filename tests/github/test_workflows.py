"""The validators of the field report nothing on what a runner reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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
