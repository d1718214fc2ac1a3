"""From the facts of an event to what is done about the registry. Pure: nothing is read and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal["main", "proposed"]


@dataclass(frozen=True)
class Activity:
    """Where an audit of this event stands: `stage` None is judged and not recorded, and `reason` says why.

    `author` is who made the change under audit, `pull_request` its number, `commit` the change's own head.
    """

    stage: Stage | None
    reason: str
    author: str | None = None
    pull_request: int | None = None
    commit: str | None = None


def find_activity(event: str, payload: Mapping[str, Any], ref: str = "") -> Activity:
    """What the event named `event` with `payload` asks for; `ref` is the ref the run is for.

    A pull request proposes, unless it comes from a fork, whose token cannot write; a push to the default branch, and a
    run started on it, is what stands. A merge queue is judged afresh and not recorded, and so is everything unknown.
    """
    starts = {"push": "a push", "workflow_dispatch": "a run started by hand"}
    if event == "pull_request":
        found = _proposed(payload)
    elif event == "workflow_run":
        found = _after(_map(payload, "workflow_run"), payload)
    elif event in starts:
        found = _on(_text(payload, "ref") or ref, payload, starts[event])
    elif event == "schedule":
        found = Activity("main", "a scheduled run on the default branch")
    elif event == "merge_group":
        found = Activity(None, "a merge queue's trial is judged and not recorded")
    else:
        found = Activity(None, f"nothing is recorded on the event {event}" if event else "this run has no event")
    return found


def _proposed(payload: Mapping[str, Any]) -> Activity:
    change = _map(payload, "pull_request")
    number = change.get("number")
    if not isinstance(number, int):
        return Activity(None, "the event's payload names no pull request")
    ours, theirs = (_text(_map(_map(change, side), "repo"), "full_name") for side in ("base", "head"))
    own = ours is not None and ours == theirs
    reason = f"pull request {number}"
    return Activity(
        "proposed" if own else None,
        reason if own else f"{reason} comes from a fork, whose token cannot write: it is judged and not recorded",
        author=_text(_map(change, "user"), "login"),
        pull_request=number,
        commit=_text(_map(change, "head"), "sha"),
    )


def _on(ref: str, payload: Mapping[str, Any], what: str) -> Activity:
    default = find_default(payload)
    author = _text(_map(payload, "sender"), "login")
    if payload.get("deleted") is True:
        return Activity(None, "the branch was deleted")
    if default is None:
        return Activity(None, "the event's payload names no default branch", author=author)
    if ref != f"refs/heads/{default}":
        return Activity(None, f"{what} that is not to the default branch is judged and not recorded", author=author)
    return Activity("main", f"{what} to the default branch", author=author, commit=_text(payload, "after"))


def _after(run: Mapping[str, Any], payload: Mapping[str, Any]) -> Activity:
    author, commit = _text(_map(run, "actor"), "login"), _text(run, "head_sha")
    ours, theirs = _text(_map(payload, "repository"), "full_name"), _text(_map(run, "head_repository"), "full_name")
    default = find_default(payload)
    if ours is None or ours != theirs:
        return Activity(None, "that workflow run was for no branch of this repository, perhaps a fork's", author=author)
    if run.get("event") == "pull_request":
        return Activity("proposed", "the run of a pull request", author=author, commit=commit)
    if run.get("event") == "push" and default is not None and run.get("head_branch") == default:
        return Activity("main", "the run of a push to the default branch", author=author, commit=commit)
    return Activity(None, "that workflow run was for no pull request and no push to the default branch", author=author)


def find_default(payload: Mapping[str, Any]) -> str | None:
    """The repository's default branch; None where the payload does not name it."""
    return _text(_map(payload, "repository"), "default_branch")


def _map(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = payload.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(payload: Mapping[str, Any], key: str) -> str | None:
    found = payload.get(key)
    return found if isinstance(found, str) and found else None
