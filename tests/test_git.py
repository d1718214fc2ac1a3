"""git, asked in a checkout that a stranger's change is in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from glassalpha_action import git


def run(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("x")
    run(folder, "init", "--quiet", "--initial-branch=main")
    run(folder, "add", ".")
    run(folder, "commit", "--quiet", "--message", "one")
    return folder


def test_a_question_is_answered_below_the_top_too(checkout: Path) -> None:
    assert git.ask(checkout / "below", "rev-parse", "--show-prefix") == "below/\n"
    assert git.ask(checkout, "rev-parse", "--verify", "no-such-thing") is None
    assert git.ask(checkout / "none", "rev-parse", "HEAD") is None
    assert git.ask(checkout.parent, "rev-parse", "HEAD") is None


@pytest.mark.parametrize("setting", ["fsmonitor", "a filter"])
def test_a_folder_made_to_look_like_a_repository_runs_nothing(checkout: Path, setting: str) -> None:
    """A commit can hold such a folder: its configuration would name programs, and its HEAD the audited commit."""
    marker = checkout.parent / "ran"
    trap = checkout / "models"
    for folder in ("objects", "refs"):
        (trap / folder).mkdir(parents=True)
    (trap / "HEAD").write_text("ref: refs/heads/main\n")
    line = (
        f"[core]\nfsmonitor = touch {marker};\n"
        if setting == "fsmonitor"
        else f'[filter "x"]\nclean = touch {marker}\n'
    )
    (trap / "config").write_text(f"[core]\nrepositoryformatversion = 0\nbare = false\nworktree = {trap}\n{line}")
    (trap / ".gitattributes").write_text("* filter=x\n")
    (trap / "file").write_text("content")
    # What the attacker's index would say, so that the status has something to compare.
    run(trap, "--git-dir=.", "--work-tree=.", "-c", "filter.x.clean=cat", "add", "file")
    (trap / "file").write_text("changed")
    subprocess.run(["git", "status"], cwd=trap, check=False, capture_output=True)
    assert marker.exists(), "without care it does run"
    marker.unlink()
    assert git.ask(trap, "status", "--porcelain") is None
    assert git.ask(trap, "rev-parse", "--git-dir") is None
    assert not marker.exists()


def test_the_origin_is_told_from_the_top(checkout: Path) -> None:
    assert git.origin(checkout) is None
    run(checkout, "remote", "add", "origin", "../remote.git")
    assert git.origin(checkout / "below") == str(checkout / "../remote.git")
    run(checkout, "remote", "set-url", "origin", "https://example.org/o/r")
    assert git.origin(checkout) == "https://example.org/o/r"
    assert git.origin(checkout.parent) is None


@pytest.mark.parametrize("kind", ["normal", "event", "perf"])
def test_a_trace_is_not_taken_for_an_answer(checkout: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    told = checkout.parent / "gitconfig"
    run(checkout, "config", "--file", str(told), f"trace2.{kind}Target", "/dev/stdout")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(told))
    assert git.ask(checkout / "below", "rev-parse", "--show-prefix") == "below/\n"


def test_the_environment_points_git_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in git.KEPT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "GIT_DIR": "/x", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "id",
        "GIT_CONFIG_PARAMETERS": "'core.pager=id'", "GIT_TRACE": "1", "GIT_SSH_COMMAND": "ssh -i key", "LANG": "de",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    made = git.environment({"a.b": "c"})
    assert {name: made[name] for name in made if name.startswith("GIT_")} == {
        "GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "false",
        "GIT_CONFIG_KEY_1": "core.hooksPath", "GIT_CONFIG_VALUE_1": os.devnull, "GIT_CONFIG_KEY_2": "a.b",
        "GIT_CONFIG_VALUE_2": "c", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -i key", "GIT_TRACE2": "0", "GIT_TRACE2_EVENT": "0", "GIT_TRACE2_PERF": "0",
    }  # fmt: skip
    assert (made["LC_ALL"], made["LANGUAGE"]) == ("C", "C")
