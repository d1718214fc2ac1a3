from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from glassalpha_action.load.provenance import commit_at, file_sha256, predictions_sha256, tool_version, versions


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "audit.yaml").write_text("a: 1\n")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_a_files_digest(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc" * 1_000_000)
    assert file_sha256(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_a_clean_checkout(checkout: Path) -> None:
    found = commit_at(checkout)
    assert found is not None
    assert (found.sha, found.clean) == (git(checkout, "rev-parse", "HEAD"), True)
    (checkout / "sub").mkdir()
    assert commit_at(checkout / "sub") == found


def test_outputs_do_not_make_it_dirty_and_changes_do(checkout: Path) -> None:
    (checkout / "report.html").write_text("new")
    (checkout / "ignored").mkdir()
    (checkout / "ignored" / "x").write_text("new")
    found = commit_at(checkout)
    assert found is not None
    assert found.clean
    (checkout / "audit.yaml").write_text("a: 2\n")
    changed = commit_at(checkout)
    assert changed is not None
    assert (changed.sha, changed.clean) == (found.sha, False)
    git(checkout, "add", "audit.yaml")
    staged = commit_at(checkout)
    assert staged is not None
    assert not staged.clean


def test_a_removed_file_makes_it_dirty(checkout: Path) -> None:
    (checkout / "audit.yaml").unlink()
    found = commit_at(checkout)
    assert found is not None
    assert not found.clean


def test_outside_git_or_before_the_first_commit_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_at(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert commit_at(tmp_path) is None
    assert commit_at(tmp_path / "nowhere") is None


def test_without_git_there_is_none(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert commit_at(checkout) is None


def test_the_names_of_changed_files(checkout: Path) -> None:
    odd = b"caf\xe9\n.txt"
    path = Path(os.fsdecode(bytes(checkout) + b"/" + odd))
    path.write_text("x")
    (checkout / "moved.txt").write_text("y" * 100)
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "two")
    path.write_text("z")
    git(checkout, "mv", "moved.txt", "there.txt")
    found = commit_at(checkout)
    assert found is not None
    assert sorted(found.modified) == ["caf\\xe9\n.txt", "moved.txt", "there.txt"]


def test_a_repositorys_own_commands_are_not_run(checkout: Path) -> None:
    marker = checkout.parent / "ran"
    git(checkout, "config", "core.fsmonitor", f"touch {marker};")
    assert commit_at(checkout) is not None
    assert not marker.exists()


def test_predictions_have_a_digest_of_their_own_order_and_values() -> None:
    scores, decisions = np.array([0.1, 0.9]), np.array([False, True])
    one = predictions_sha256(scores, decisions)
    assert one == predictions_sha256(scores.copy(), decisions.copy())
    others = {
        predictions_sha256(scores[::-1], decisions),
        predictions_sha256(np.array([0.1, np.nextafter(0.9, 1)]), decisions),
        predictions_sha256(scores, ~decisions),
        predictions_sha256(None, decisions),
        predictions_sha256(None, np.array([False, True, False])),
        predictions_sha256(None, np.array([False])),
    }
    assert len(others | {one}) == 7


def test_versions() -> None:
    assert versions("numpy") == {"numpy": np.__version__}
    assert tool_version()


def test_a_git_hooks_environment_does_not_answer_for_another_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        for arguments in (
            ["init", "-q"],
            ["add", "."],
            ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", name],
        ):
            subprocess.run(["git", *arguments], cwd=tmp_path / name, check=True)
    here = commit_at(tmp_path / "here")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "there" / ".git"))
    assert commit_at(tmp_path / "here") == here
