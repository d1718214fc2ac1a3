"""Where the action writes, as seen from the workspace, and that no link leads it elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from glassalpha_action.documents import UserError, plain
from glassalpha_action.registry import file_name
from glassalpha_action.settings import Settings


def from_workspace(settings: Settings, path: str) -> str | None:
    """`path`, relative to the current folder, as seen from the workspace; None where it lies outside."""
    workspace = settings.runner.workspace.resolve()
    found = Path(os.path.normpath(settings.folder.resolve() / path))
    return found.relative_to(workspace).as_posix() if found.is_relative_to(workspace) else None


def registry_file(settings: Settings) -> Path | None:
    """The registry's file, relative to the current folder; None where the registry is a server's."""
    file = file_name(settings.inputs.registry_url.get_secret_value())
    return None if "://" in file else Path(file)


def refuse_links(path: Path) -> None:
    """A change under audit may not lead what is written here to somewhere else."""
    if ".." in path.parts:
        raise UserError(
            f"{plain(path.as_posix())}: leads out of its folder by `..`; name a place to write to without it."
        )
    if path.resolve() != Path.cwd().resolve() / path:
        raise UserError(
            f"{path.as_posix()}: a link leads from here elsewhere; remove it, or choose another place to write to."
        )
