"""Says what went into an audit: digests, the git commit, the versions that mattered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from glassalpha_action import git
from glassalpha_action.cube import Cube
from glassalpha_action.digests import canonical
from glassalpha_action.evidence import Flags, Floats


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit checked out where the inputs lie, and the tracked files that differ from it."""

    sha: str
    modified: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no tracked file is modified."""
        return not self.modified


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file at `path`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def predictions_sha256(scores: Floats | None, decisions: Flags) -> str:
    """Hex SHA-256 of the scores (as little-endian doubles) and decisions, in row order."""
    digest = hashlib.sha256(b"scores\n")
    if scores is not None:
        digest.update(np.ascontiguousarray(scores, "<f8").data)
    digest.update(b"\ndecisions\n" + np.packbits(decisions).tobytes() + str(decisions.size).encode())
    return digest.hexdigest()


def cube_sha256(cube: Cube) -> str:
    """Hex SHA-256 of the counts: the same for one cube, whoever counted it."""
    digest = hashlib.sha256(canonical([[a.name, list(a.levels)] for a in cube.axes]))
    for values, kind in ((cube.edges, "<f8"), (cube.key, "<i8"), (cube.whole, "<i8"), (cube.weighed, "<f8")):
        digest.update(b"\n" + np.ascontiguousarray(values, kind).tobytes())
    return digest.hexdigest()


def commit_at(folder: Path) -> Commit | None:
    """The commit checked out at `folder`; None outside git, or where git is not installed."""
    sha = git.ask(folder, "rev-parse", "--verify", "HEAD")
    if not sha:
        return None
    changed = git.ask(folder, "status", "--porcelain", "--no-renames", "--untracked-files=no", "-z")
    # Where git cannot say what changed, nothing may count as clean.
    modified = tuple(entry[3:] for entry in changed.split("\0") if entry) if changed is not None else ("(unknown)",)
    return Commit(sha.strip(), modified)


def tool_version() -> str:
    """The version of this distribution."""
    return version("glassalpha-action")


def versions(*names: str) -> dict[str, str]:
    """The installed version of each distribution."""
    return {name: version(name) for name in names}
