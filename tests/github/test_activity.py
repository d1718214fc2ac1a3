from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action.github.activity import Activity, find_activity

EVENTS = Path(__file__).parents[1] / "data" / "github"


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return found


@pytest.mark.parametrize("action", ["opened", "synchronize"])
def test_a_pull_request_proposes(action: str) -> None:
    found = find_activity("pull_request", payload(f"pull_request.{action}"))
    assert found == Activity("proposed", "pull request 2", author="Codertocat", pull_request=2,
                             commit="ec26c3e57ca3a959ca5aad62de7213c562f8c821")  # fmt: skip


@pytest.mark.parametrize("repository", [{"full_name": "stranger/Hello-World"}, None, {}])
def test_a_fork_is_judged_and_not_recorded(repository: dict[str, str] | None) -> None:
    event = payload("pull_request.opened")
    event["pull_request"]["head"]["repo"] = repository
    found = find_activity("pull_request", event)
    assert found.stage is None
    assert "comes from a fork, whose token cannot write" in found.reason


def test_only_a_push_to_the_default_branch_stands() -> None:
    event = payload("push")
    assert find_activity("push", event).stage is None, "the payload is a tag's"
    event["ref"] = "refs/heads/master"
    assert find_activity("push", event).stage == "main"
    for ref in ("refs/heads/master2", "refs/heads/feature", "refs/tags/master", "master", "refs/heads/Master"):
        event["ref"] = ref
        assert find_activity("push", event).stage is None, ref
    event |= {"ref": "refs/heads/master", "deleted": True}
    assert find_activity("push", event).stage is None


def test_a_run_by_hand_stands_on_the_default_branch_only() -> None:
    event = payload("workflow_dispatch")
    assert find_activity("workflow_dispatch", event).stage == "main"
    event["ref"] = "refs/heads/feature"
    assert find_activity("workflow_dispatch", event).stage is None


def test_a_schedule_runs_on_the_default_branch() -> None:
    assert find_activity("schedule", {"schedule": "0 3 * * *"}).stage == "main"


def test_a_merge_queue_is_judged_and_not_recorded() -> None:
    assert find_activity("merge_group", payload("merge_group.checks_requested")).stage is None


@pytest.mark.parametrize(
    ("event", "branch", "stage"),
    [("pull_request", "changes", "proposed"), ("push", "main", "main"), ("push", "changes", None),
     ("workflow_dispatch", "main", None), ("schedule", "main", None)],
)  # fmt: skip
def test_a_workflow_run_stands_for_what_started_it(event: str, branch: str, stage: str | None) -> None:
    given = payload("workflow_run.completed")
    given["workflow_run"] |= {"event": event, "head_branch": branch, "head_repository": given["repository"]}
    assert find_activity("workflow_run", given).stage == stage


@pytest.mark.parametrize("event", ["pull_request", "push"])
@pytest.mark.parametrize("repository", [{"full_name": "stranger/Hello-World"}, None, {}])
def test_nothing_stands_for_a_run_of_a_fork(event: str, repository: dict[str, str] | None) -> None:
    """Its default branch may be named like ours."""
    given = payload("workflow_run.completed")
    given["workflow_run"] |= {"event": event, "head_branch": "main", "head_repository": repository}
    found = find_activity("workflow_run", given)
    assert found.stage is None
    assert "fork" in found.reason


@pytest.mark.parametrize("event", ["", "pull_request_target", "issue_comment", "release", "delete"])
def test_an_unknown_event_is_not_recorded(event: str) -> None:
    found = find_activity(event, {"ref": "refs/heads/main", "repository": {"default_branch": "main"}})
    assert found.stage is None
    assert found.reason


@pytest.mark.parametrize("event", ["pull_request", "push", "workflow_run", "workflow_dispatch", "merge_group"])
@pytest.mark.parametrize(
    "value", [{}, {"pull_request": None, "repository": [], "workflow_run": "x", "ref": 7, "sender": 1}]
)
def test_a_payload_of_another_shape_is_not_recorded(event: str, value: dict[str, Any]) -> None:
    found = find_activity(event, value)
    assert found.stage is None
    assert "not to the default branch" not in found.reason, "nobody knows which that is"
