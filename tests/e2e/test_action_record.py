"""The image records into a real repository over HTTP: several jobs at once, the same commit again, no permission."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glassalpha_action.registry import connect, history, ledger, publication
from tests.credentials import CONTAINER as TOKEN
from tests.credentials import found_in
from tests.e2e.conftest import EVENTS, RUNNER, Action, Ran, run_workflow
from tests.registry.ledgers import Served, bare, git, serve

pytestmark = pytest.mark.e2e
REPOSITORY = "Codertocat/Hello-World"
TO_MAIN = {"ref": "refs/heads/master"}
DAYS = ("2025-01-05", "2025-01-06", "2025-01-07", "2025-01-07")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "root" / "Codertocat").mkdir(parents=True)
    bare(tmp_path / "root" / REPOSITORY)
    with serve(tmp_path / "root", TOKEN) as found:
        yield found


def record(action: Action, served: Served, workspace: Path, day: str = DAYS[0], **inputs: str) -> Ran:
    given = {"mode": "record", "config": "examples/synthetic*/*.yaml", "formats": "md", "as_of": day} | inputs
    return action.run(workspace, "push", server=served.url, payload=TO_MAIN, github_token=TOKEN, **given)


def copied(workspace: Path, name: str) -> Path:
    folder = workspace.parent / name
    shutil.copytree(workspace, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, RUNNER, RUNNER)
    return folder


def require_no_token(folder: Path) -> None:
    """The server holds the token in its memory; no file of the test may, but for the list of them in a checkout."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.parts[-2:] != ("tests", "credentials.py"):
            assert found_in(path.read_text(encoding="latin-1")) == [], path


def test_jobs_at_once_are_all_recorded_and_the_same_commit_once(
    action: Action, served: Served, workspace: Path, tmp_path: Path
) -> None:
    jobs = [copied(workspace, f"job{k}") for k in range(len(DAYS))]
    with ThreadPoolExecutor(len(jobs)) as pool:
        ran = list(pool.map(lambda job, day: record(action, served, job, day), jobs, DAYS))
    assert [one.exit_code for one in ran] == [0] * 4, "\n".join(one.log for one in ran)
    again = record(action, served, copied(workspace, "again"))
    assert json.loads(again.outputs["records"])[0]["new"] is False
    remote = served.root / REPOSITORY
    head, problems = history.verify(str(remote), history=True)
    assert (head.seq, problems) == (3, [])
    assert again.outputs["registry-commit"] == git(remote, "rev-parse", ledger.BRANCH)
    assert again.outputs["registry-head"] == head.anchor
    for one in ran:
        assert history.verify(str(remote), anchor=one.outputs["registry-head"])[1] == []
    git(tmp_path, "clone", "--quiet", "--branch", publication.BRANCH, str(remote), "download")
    with connect(tmp_path / "download" / publication.FILE) as kept:
        assert kept.head() == head
        rows = kept.query_all(latest=False)
    assert sorted(row.as_of for row in rows) == sorted(set(DAYS))
    assert {(row.stage, row.author) for row in rows} == {("main", "Codertocat")}

    fresh = copied(workspace, "portal")
    shown = action.run(fresh, "push", server=served.url, mode="site", github_token=TOKEN)
    assert (shown.exit_code, shown.outputs.get("registry-head")) == (0, head.anchor), shown.log
    assert head.link[:12] in (fresh / shown.outputs["site-path"] / "index.html").read_text()
    assert TOKEN not in "".join(one.log + one.summary for one in (*ran, again, shown))
    require_no_token(tmp_path)
    assert {os.lstat(path).st_uid for path in fresh.rglob("*")} == {RUNNER}


def test_a_token_that_may_not_write_is_told_once_and_the_verdict_stays(
    action: Action, served: Served, workspace: Path, tmp_path: Path
) -> None:
    served.fail = [403, 403]
    ran = record(action, served, workspace)
    assert (ran.exit_code, ran.outputs["status"], ran.outputs["recorded"]) == (4, "PASSED", "0"), ran.log
    assert "permission is denied: give the job `permissions: contents: write`" in ran.log
    assert "contents: write" in ran.summary
    assert served.fail == [403], "it is not tried again"
    require_no_token(tmp_path)


def test_a_workflow_whose_jobs_record_at_once(action: Action, checkout: Path, served: Served, tmp_path: Path) -> None:
    """Each job of the matrix is a container of its own, started by a local runner that hands the token over."""
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps(json.loads((EVENTS / "push.json").read_bytes()) | TO_MAIN))
    ran = run_workflow(action.engine, checkout, "push", payload, "--env", f"LEDGER={served.url}/{REPOSITORY}",
                       "--secret", f"GITHUB_TOKEN={TOKEN}")  # fmt: skip
    assert ran.exit_code == 0, ran.log[-6000:]
    assert len(re.findall(r"later steps see recorded=1 head=\d+:[0-9a-f]{12}", ran.log)) == 3, ran.log[-6000:]
    head, problems = history.verify(str(served.root / REPOSITORY), history=True)
    assert (head.seq, problems) == (3, [])
    assert TOKEN not in ran.log
    require_no_token(checkout)
