"""Finds the audit files that the globs of the `config` input mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

WILD = re.compile(r"[*?]")
TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def find_configs(root: Path, patterns: Sequence[str], leave_out: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """The audit files under `root` that `patterns` mean, as sorted relative paths, and the names that are not there.

    `*` and `?` stay within a folder, `**` crosses folders, and a pattern that starts with `!` takes files away. Folders
    whose name starts with a dot and those in `leave_out` are not searched; a name without wildcards is looked up as it
    is. A link that leads out of `root` is not followed.
    """
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [_matcher(pattern[1:].strip()) for pattern in patterns if pattern.startswith("!")]
    named = [str(PurePosixPath(pattern)) for pattern in wanted if not WILD.search(pattern)]
    globs = [_matcher(pattern) for pattern in wanted if WILD.search(pattern)]
    missing = [name for name in named if not _is_inside(root, name)]
    found = {path for path in _walk(root, frozenset(leave_out)) if any(glob.fullmatch(path) for glob in globs)}
    kept = (found | set(named)) - set(missing)
    return sorted(path for path in kept if not any(glob.fullmatch(path) for glob in unwanted)), missing


def report_folders(configs: Sequence[str]) -> dict[str, str]:
    """A folder name for each audit file's reports: its path without the ending, or all of it where two would meet."""
    short = {config: re.sub(r"(?:\.audit)?\.ya?ml$", "", config) or config for config in configs}
    names = list(short.values())
    return {config: name if names.count(name) == 1 else config for config, name in short.items()}


def _matcher(pattern: str) -> re.Pattern[str]:
    parts = TOKEN.findall(pattern.removeprefix("./"))
    return re.compile("".join(MEANS.get(part) or re.escape(part) for part in parts), re.DOTALL)


def _is_inside(root: Path, name: str) -> bool:
    path = (root / name).resolve()
    return path.is_file() and path.is_relative_to(root.resolve())


def _walk(root: Path, leave_out: frozenset[str]) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        folders[:] = [name for name in folders if not name.startswith(".") and str(below / name) not in leave_out]
        yield from (str(below / name) for name in files if _is_inside(root, str(below / name)))
