"""The action through a workflow, by a local runner: `uses: ./` and what later steps see of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import EVENTS, Action, commit
from tests.e2e.engine import BASE, ROOT, unavailable

pytestmark = pytest.mark.e2e
WORKFLOW = """\
on: pull_request
jobs:
  audit:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8
      - id: audit
        uses: ./
        with:
          as-of: "2025-01-05"
          formats: md
          config: |
            examples/german_credit/*.audit.yaml
            !**/boosted.audit.yaml
      - if: always()
        env:
          SAID: ${{ steps.audit.outputs.status }} ${{ steps.audit.outputs.models-audited }} ${{ steps.audit.outcome }}
        run: echo "later steps see $SAID" && ls ${{ steps.audit.outputs.report-path }}/examples/german_credit
"""


@pytest.fixture
def checkout(examples: Path, tmp_path: Path) -> Path:
    """A copy of this checkout, as git sees it, with the examples' models and a workflow of its own."""
    folder = tmp_path / "checkout"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(examples / "examples", folder / "examples", dirs_exist_ok=True)
    shutil.rmtree(folder / ".github" / "workflows", ignore_errors=True)
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / "audit.yml").write_text(WORKFLOW)
    commit(folder)
    return folder


def test_a_workflow_uses_the_action(action: Action, checkout: Path, tmp_path: Path) -> None:
    act = Path(sys.executable).with_name("act")
    if not act.is_file():
        unavailable("act is not installed beside this Python")
    (tmp_path / "home" / ".config" / "act").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "act" / "actrc").touch()
    environment = {**action.engine.environment, "HOME": str(tmp_path / "home")}
    socket = environment.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    ran = subprocess.run(
        [act, "pull_request", "--rm", "--bind", "--eventpath", EVENTS / "pull_request.opened.json", "--platform",
         f"ubuntu-latest={BASE}", "--pull=false", "--action-offline-mode", "--network", "host",
         "--container-daemon-socket", socket, "--secret", "GITHUB_TOKEN=none", "--verbose"],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    log = ran.stdout + ran.stderr
    Path("/tmp/w/act2.log").write_text(log)
    assert "later steps see BLOCKED 2 failure" in log, log[-6000:]
    assert ran.returncode == 1
    assert "::error file=policies/org_credit_baseline_v1.yaml,line=" in log
    assert sorted(p.name for p in checkout.glob("glassalpha-report/examples/german_credit/*")) == ["biased", "logistic"]
