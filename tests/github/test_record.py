"""Recording into a real repository over HTTP, as a job does with its token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from glassalpha_action import settings
from glassalpha_action.github.commands import output_block
from glassalpha_action.github.result import Run, outputs
from glassalpha_action.github.run import publish
from glassalpha_action.registry import connect, history, ledger, publication
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.credentials import RECORD as TOKEN
from tests.credentials import coded
from tests.github.test_run import CONFIG, EVENTS, Workspace, workspace
from tests.registry.conftest import postgres
from tests.registry.ledgers import Served, bare, git, rewrite, serve
from tests.registry.server import Server

__all__ = ["postgres", "workspace"]

REPOSITORY = "Codertocat/Hello-World"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "root" / "Codertocat").mkdir(parents=True)
    bare(tmp_path / "root" / REPOSITORY)
    with serve(tmp_path / "root", TOKEN) as found:
        yield found


@pytest.fixture
def job(workspace: Workspace, served: Served, tmp_path: Path) -> Workspace:
    """A job on a push to the default branch, of a model that passes."""
    payload = json.loads((EVENTS / "push.json").read_bytes()) | {"ref": "refs/heads/master"}
    (tmp_path / "push.json").write_text(json.dumps(payload))
    workspace.add("a.audit.yaml", samples.audit("a", Status.PASSED))
    workspace.told = {"GITHUB_EVENT_PATH": str(tmp_path / "push.json"), "GITHUB_SERVER_URL": served.url,
                      "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_RUN_ID": "7"}  # fmt: skip
    return workspace


def record(job: Workspace, event: str = "push", **inputs: str) -> Run:
    given = {"mode": "record", "registry_branch": "", "github_token": TOKEN} | inputs
    run = job.run(event, **given)
    publish(run, job.settings, job.said.append)
    return run


def test_an_audit_is_in_the_ledger_the_registry_and_the_download(job: Workspace, served: Served) -> None:
    run = record(job)
    remote = served.root / REPOSITORY
    assert (run.exit_code, run.status, run.faults) == (0, "PASSED", ())
    told = outputs(run)
    assert told["recorded"] == "1"
    assert told["registry-commit"] == git(remote, "rev-parse", ledger.BRANCH)
    ((audit_id, receipt),) = run.records
    assert json.loads(told["records"]) == [
        {"audit_id": audit_id, "seq": 1, "link": receipt.link, "digest": receipt.digest, "new": True}
    ]
    head, problems = history.verify(str(remote), history=True, anchor=told["registry-head"])
    assert (head.anchor, problems) == (told["registry-head"], [])
    with connect("model_registry.db") as kept:
        (row,) = kept.query_all()
        assert kept.head() == head
    assert (row.audit_id, row.stage, row.author, row.cost_center) == (audit_id, "main", "Codertocat", "CR-4501")
    assert row.metadata["run_url"] == f"{served.url}/{REPOSITORY}/actions/runs/7"
    assert git(remote, "rev-list", "--count", publication.BRANCH) == "1"
    git(job.root.parent, "clone", "--quiet", "--branch", publication.BRANCH, str(remote), "download")
    downloaded = job.root.parent / "download" / "model_registry.db"
    with connect(downloaded) as there, connect(job.root / "model_registry.db") as here:
        assert (there.head(), there.verify()) == (here.head(), [])
    assert "Recorded as main (a push to the default branch) on the branch glassalpha-registry" in job.said[1]
    assert head.anchor in (job.root.parent / "summary").read_text()


def test_a_second_run_of_the_same_commit_adds_nothing(job: Workspace, served: Served) -> None:
    first, second = record(job), record(job)
    assert (second.registry_commit, second.registry_head) == (first.registry_commit, first.registry_head)
    assert [receipt.new for run in (first, second) for _, receipt in run.records] == [True, False]
    remote = served.root / REPOSITORY
    assert git(remote, "rev-list", "--count", ledger.BRANCH) == "1"
    with connect("model_registry.db") as kept:
        assert len(kept.query_all(latest=False)) == 1


def test_a_pull_request_proposes_and_does_not_stand(job: Workspace) -> None:
    job.told["GITHUB_EVENT_PATH"] = str(EVENTS / "pull_request.opened.json")
    run = record(job, "pull_request.opened")
    assert run.exit_code == 0
    with connect("model_registry.db") as kept:
        assert kept.query_all() == []
        assert [row.stage for row in kept.query_all(stage="proposed")] == ["proposed"]


def test_nothing_of_a_fork_is_recorded_and_the_run_says_so(job: Workspace, served: Served, tmp_path: Path) -> None:
    payload = json.loads((EVENTS / "pull_request.opened.json").read_bytes())
    payload["pull_request"]["head"]["repo"]["full_name"] = "stranger/Hello-World"
    (tmp_path / "fork.json").write_text(json.dumps(payload))
    job.told["GITHUB_EVENT_PATH"] = str(tmp_path / "fork.json")
    run = record(job, "pull_request.opened")
    assert (run.exit_code, run.records, served.headers) == (0, (), [])
    said = "Not recorded: pull request 2 comes from a fork, whose token cannot write: it is judged and not recorded."
    assert said in job.said
    assert "from a fork" in (job.root.parent / "summary").read_text()
    assert not (job.root / "model_registry.db").exists()


@pytest.mark.parametrize(("sha", "code"), [("0" * 40, 0), ("a" * 40, 4), ("", 4)])
def test_after_another_run_only_an_audit_of_its_commit_is_recorded(
    job: Workspace, served: Served, tmp_path: Path, sha: str, code: int
) -> None:
    """Such a job starts with the default branch checked out, and would record that as the pull request's."""
    payload = json.loads((EVENTS / "workflow_run.completed.json").read_bytes())
    payload["workflow_run"] |= {"event": "pull_request", "head_sha": sha, "head_repository": payload["repository"]}
    (tmp_path / "run.json").write_text(json.dumps(payload))
    job.told["GITHUB_EVENT_PATH"] = str(tmp_path / "run.json")
    run = record(job, "workflow_run.completed")
    assert (run.exit_code, len(run.records)) == (code, int(code == 0))
    if code:
        assert "check that commit out" in run.faults[0].message
        assert served.headers == []


def test_a_token_that_may_not_write_is_told_which_permission_once(job: Workspace, served: Served) -> None:
    served.fail = [403, 403]
    run = record(job)
    assert (run.status, run.records, run.exit_code) == ("PASSED", (), 4)
    (fault,) = run.faults
    assert "permission is denied: give the job `permissions: contents: write`" in fault.message
    assert served.fail == [403], "it is not tried again"
    assert git(served.root / REPOSITORY, "branch") == ""


def test_a_token_that_is_missing_is_told(job: Workspace) -> None:
    run = record(job, github_token="")
    assert run.exit_code == 4
    assert "github-token" in run.faults[0].message


def test_the_token_is_nowhere_afterwards(job: Workspace, served: Served, tmp_path: Path) -> None:
    runs = [record(job), record(job, push_attempts="0")]
    served.fail = [403]
    job.add("b.audit.yaml", samples.audit("b", Status.PASSED))
    runs.append(record(job))
    assert [run.exit_code for run in runs] == [0, 2, 4]
    said = "\n".join([*job.said, *(repr(run) + output_block(outputs(run)) for run in runs), repr(job.settings)])
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "summary" for path in written)
    for secret in (TOKEN, coded(TOKEN)):
        assert secret not in said
        assert [path for path in written if secret.encode() in path.read_bytes()] == []


def test_what_is_recorded_counts_though_the_download_cannot_be_published(job: Workspace, served: Served) -> None:
    hook = served.root / REPOSITORY / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nif grep -q -e -db; then echo 'GH006: Protected branch update failed'; exit 1; fi\n")
    hook.chmod(0o755)
    run = record(job)
    assert (outputs(run)["recorded"], run.exit_code) == ("1", 4)
    assert "branch protection" in run.faults[0].message
    with connect("model_registry.db") as kept:
        assert kept.head().anchor == run.registry_head


def test_a_broken_ledger_stops_the_record_and_is_left(job: Workspace, served: Served) -> None:
    record(job)
    remote = served.root / REPOSITORY
    rewrite(remote, "echo '{' > head.json")
    before = git(remote, "rev-parse", ledger.BRANCH)
    job.add("b.audit.yaml", samples.audit("b", Status.PASSED))
    run = record(job)
    assert (run.status, run.records, run.exit_code) == ("PASSED", (), 5)
    assert git(remote, "rev-parse", ledger.BRANCH) == before


def test_a_registry_of_other_records_is_left_and_the_ledger_holds_the_audit(job: Workspace, served: Served) -> None:
    with connect("model_registry.db", create=True) as kept:
        kept.submit(samples.audit("other"), recorded_at="2025-01-05T10:00:00Z")
    before = (job.root / "model_registry.db").read_bytes()
    run = record(job)
    assert (outputs(run)["recorded"], run.exit_code) == ("1", 5)
    assert (job.root / "model_registry.db").read_bytes() == before
    assert "glassalpha-registry-db" not in git(served.root / REPOSITORY, "branch")


def test_no_link_leads_the_registry_elsewhere(job: Workspace, tmp_path: Path) -> None:
    (job.root / "model_registry.db").symlink_to(tmp_path / "planted")
    run = record(job)
    assert run.exit_code == 2
    assert "a link leads from here elsewhere" in run.faults[0].message
    assert not (tmp_path / "planted").exists()


def test_a_registry_outside_its_folder_is_not_written(job: Workspace) -> None:
    run = record(job, registry_url="../elsewhere.db")
    assert run.exit_code == 2
    assert run.faults[0].message.startswith("../elsewhere.db: leads out of its folder by `..`")
    assert "Passed, but not everything was published" in (job.root.parent / "summary").read_text()
    assert not (job.root.parent / "elsewhere.db").exists()


def test_the_portal_is_built_from_the_ledger_in_a_job_of_its_own(job: Workspace) -> None:
    recorded = record(job)
    (job.root / "model_registry.db").unlink()
    run = record(job, mode="site")
    assert (run.exit_code, run.registry_head) == (0, recorded.registry_head)
    assert (job.root / "glassalpha-report" / "site").is_dir()
    with connect("model_registry.db") as kept:
        assert kept.head().anchor == recorded.registry_head


def test_a_portal_before_the_first_record_says_what_to_do(job: Workspace) -> None:
    run = record(job, mode="site")
    assert run.exit_code == 2
    assert "the first recorded audit makes it" in run.faults[0].message


def test_the_ledger_of_many_repositories(job: Workspace, served: Served, tmp_path: Path) -> None:
    """By its name on the same server, and as a git URL; a folder is one too."""
    for place in ("models/all.models", str(tmp_path / "elsewhere")):
        bare(Path(place) if place.startswith("/") else served.root / place)
        (job.root / "model_registry.db").unlink(missing_ok=True)
        run = record(job, registry_repository=place, registry_branch="audits")
        assert (run.exit_code, run.faults) == (0, ())
        branches = git(tmp_path / "elsewhere" if place.startswith("/") else served.root / place, "branch")
        assert branches.split() == ["audits", "audits-db"]


def test_outside_github_the_ledger_is_the_origins(job: Workspace, tmp_path: Path) -> None:
    del job.told["GITHUB_REPOSITORY"]
    run = record(job)
    assert (run.records, run.exit_code) == ((), 2)
    assert "registry-repository" in run.faults[0].message
    git(job.root, "init", "--quiet")
    git(job.root, "remote", "add", "origin", str(bare(tmp_path / "origin.git")))
    assert record(job).exit_code == 0
    assert git(tmp_path / "origin.git", "branch").split() == [ledger.BRANCH, publication.BRANCH]


@pytest.mark.parametrize("branch", ["a..b", "--force", "a b", "x" * 300])
def test_a_branch_that_is_none(job: Workspace, served: Served, branch: str) -> None:
    run = record(job, registry_branch=branch)
    assert (run.records, run.exit_code, served.headers) == ((), 2, [])


@pytest.mark.parametrize("branch", ["master", "main", "HEAD", "refs/heads/ledger"])
def test_the_ledger_has_a_branch_of_its_own(job: Workspace, served: Served, branch: str) -> None:
    """The default branch, the branch of this run, and what git takes for another name."""
    push = json.loads(Path(job.told["GITHUB_EVENT_PATH"]).read_bytes())
    push["repository"]["default_branch"] = "master"
    Path(job.told["GITHUB_EVENT_PATH"]).write_text(json.dumps(push))
    job.told["GITHUB_REF"] = "refs/heads/main"
    run = record(job, registry_branch=branch)
    assert (run.records, run.exit_code, served.headers) == ((), 2, [])
    assert run.faults[0].message.startswith(f"input registry-branch: {branch} ")


def test_a_ledger_in_a_repository_for_ledgers_may_be_its_main_branch(job: Workspace, served: Served) -> None:
    bare(served.root / "Codertocat/ledger")
    assert record(job, registry_branch="master", registry_repository="Codertocat/ledger").exit_code == 0


@pytest.mark.parametrize("name", ["a/..", "a/.", "../x"])
def test_no_name_of_a_repository_leads_to_another(job: Workspace, served: Served, name: str) -> None:
    run = record(job, registry_repository=name)
    assert (run.records, run.exit_code, served.headers) == ((), 2, [])
    assert "there is no such folder" in run.faults[0].message


@pytest.mark.parametrize(
    "content",
    [None, "", "not json", "\xff", "[]", "null", pytest.param("[" * 100_000, id="deep"),
     pytest.param(" " * (32 << 20) + "{}", id="large")],
)  # fmt: skip
@pytest.mark.parametrize("event", ["push", "schedule"])
def test_an_event_that_cannot_be_read_is_never_taken_for_nothing_to_record(
    job: Workspace, served: Served, tmp_path: Path, event: str, content: str | None
) -> None:
    job.told["GITHUB_EVENT_PATH"] = str(tmp_path / "event.json")
    if content is not None:
        (tmp_path / "event.json").write_text(content, encoding="latin-1")
    run = record(job, event)
    assert (run.status, run.records, run.exit_code, served.headers) == ("PASSED", (), 4, [])
    (fault,) = run.faults
    assert fault.message.startswith(f"the payload of the event {event} in GITHUB_EVENT_PATH cannot be read (")
    assert "\n" not in fault.message
    assert "Passed, but not recorded" in (job.root.parent / "summary").read_text()
    assert job.said[-1].startswith("::error title=Not recorded or not published::")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ACTIONS_RUNTIME_TOKEN", "x"), ("ACTIONS_ID_TOKEN_REQUEST_URL", "x"), ("MY_SECRET", "x"), ("API_KEY", "x"),
     ("DATABASE_URL", "x"), ("PGPASSWORD", "x"), ("PLACE", "postgresql://me:word@host/x")],
)  # fmt: skip
def test_no_audit_file_takes_a_secret_into_the_record(
    job: Workspace, served: Served, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    (job.root / "a.audit.yaml").write_text(CONFIG.replace("COST_CENTER", name))
    run = record(job)
    assert (run.records, run.exit_code, served.headers) == ((), 4, [])
    assert f"{name} may hold a secret" in run.faults[0].message


def test_nothing_that_could_be_audited_makes_no_ledger(job: Workspace, served: Served) -> None:
    (job.root / "a.audit.yaml").unlink()
    assert record(job).exit_code == 2
    assert served.headers == []


def test_a_registry_in_postgresql_is_filled_and_a_file_published(
    job: Workspace, served: Served, postgres: Server
) -> None:
    url = postgres.new_registry()
    run = record(job, registry_url=url)
    assert (run.exit_code, run.faults) == (0, ())
    with connect(url) as kept:
        assert kept.head().anchor == run.registry_head
    assert not (job.root / "model_registry.db").exists()
    listed = git(served.root / REPOSITORY, "ls-tree", "--name-only", publication.BRANCH)
    assert listed.splitlines() == ["head.json", "model_registry.db"]


def test_a_registry_too_large_for_a_branch_is_recorded_all_the_same(
    job: Workspace, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glassalpha_action.github.record.publish", partial(publication.publish, limit=1))
    run = record(job)
    assert (run.exit_code, run.faults, len(run.records)) == (0, (), 1)
    assert git(served.root / REPOSITORY, "branch").split() == [ledger.BRANCH]
    with connect("model_registry.db") as kept:
        assert kept.head().anchor == run.registry_head
    assert "Not published: the registry's file has" in (job.root.parent / "summary").read_text()
    assert "glassalpha registry sync" in job.said[-1] + job.said[-2]


def test_the_inputs_and_the_registry_agree_on_the_branch() -> None:
    assert settings.Inputs().registry_branch == ledger.BRANCH
    assert f"{ledger.BRANCH}-db" == publication.BRANCH
