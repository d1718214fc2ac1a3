"""Finds a model's audit.yaml in a checkout of the base commit, and what of it is gone from this one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassalpha_action.config import Config
    from glassalpha_action.records import Change, Requirement

SEARCH_LIMIT = 20_000


def gone_since(base: Path, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Of the audit files at the base commit, those whose model no audit file at the head configures in their stead.

    Both are paths from the top of their checkout, the head's being the current folder. A file that stays configures
    its own model only: it does not stand in for another one of the same model that is gone. Models that are retired at
    the base commit may go, and so may a dev-profile file beside another file of the model. `judged` blocks each of the
    rest.
    """
    then = {path: known for path in before if (known := _model(base / path))}
    now = {path: known[0] for path in after if (known := _model(Path(path)))}
    come = Counter(model for path, model in now.items() if path not in then or then[path][0] != model)
    gone = []
    for path, (model, lifecycle, profile) in sorted(then.items()):
        if now.get(path) == model or lifecycle == "retired" or (profile == "dev" and model in now.values()):
            continue
        if come[model]:
            come[model] -= 1
        elif path not in after:
            gone.append(path)
    return gone


def counterpart(folder: Path, base: Path) -> Path:
    """The folder of the base commit's checkout that lies there as `folder` does in its own."""
    moved = at_base(folder / "audit.yaml", base)
    return moved.parent if moved else base


def configs_at(config: Config, base: Path) -> tuple[list[Config], Change | None]:
    """What the base commit has of the model: its audit.yaml wherever it lies, and the one in the same place.

    Where both are there and differ, files of two models were exchanged, and the rules of both hold. The second value
    says where the one in the same place cannot be read.
    """
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError
    from glassalpha_action.records import Change

    same, model, unread = at_base(config.path, base), config.document.model.id, None
    found = []
    if same and same.is_file():
        try:
            found = [load(same)]
        except UserError as error:
            said = f"The base commit's audit.yaml cannot be read ({error}), so that it judges nothing."
            unread = Change(what="base", effect="neutral", message=said)
    if found and found[0].document.model.id == model:
        return found, None
    root = root_of(config.path)

    def order(one: Config) -> tuple[bool, bool]:
        """One that is gone from its place, so that it may have come here, before one that still stands there."""
        kept = _model(root / one.path.relative_to(base))
        return bool(kept and kept[0] == model), one.document.audit.profile == "dev"

    return [*sorted(_configuring(model, base), key=order)[:1], *found], unread


def vanished(there: Config, config: Config, base: Path) -> tuple[Requirement, ...]:
    """The requirement that is not met where the base commit's model is no longer configured."""
    from glassalpha_action.policy.stricter import absent

    model = there.document.model
    if model.id == config.document.model.id or model.lifecycle == "retired":
        return ()
    return () if instead(there, root_of(config.path), base) else (absent(model.id),)


def instead(gone: Config, root: Path, base: Path) -> Config | None:
    """The audit.yaml under `root` that came in the stead of the base commit's; for a dev-profile one, any of its model.

    One that stood there already configures its model by rules of its own.
    """
    found = _configuring(gone.document.model.id, root, base)
    if gone.document.audit.profile == "dev":
        return next(found, None)
    for one in found:
        stood = _model(base / one.path.relative_to(root))
        if stood is None or stood[0] != gone.document.model.id:
            return one
    return None


def _configuring(model_id: str, root: Path, apart: Path | None = None) -> Iterator[Config]:
    """The audit.yaml files under `root` that configure this model, those in the folder `apart` left out."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import SIZE_LIMIT, UserError

    every = (p for p in root.rglob("*.y*ml") if p.suffix in {".yaml", ".yml"} and p.is_file())
    files = sorted(p for p in every if apart is None or not p.resolve().is_relative_to(apart.resolve()))
    for path in files[:SEARCH_LIMIT]:
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or path.stat().st_size > SIZE_LIMIT or model_id.encode() not in path.read_bytes():
            continue
        try:
            found = load(path)
        except UserError:
            continue
        if found.document.model.id == model_id:
            yield found


def at_base(path: Path, base: Path) -> Path | None:
    """The same file in the base commit's checkout; None for one outside this checkout."""
    full, root = _plainly(path), root_of(path)
    return base / full.relative_to(root) if full.is_relative_to(root) else None


def root_of(path: Path) -> Path:
    """The top of the checkout that holds `path`: where .git lies, else the current folder or the file's own."""
    folder = _plainly(path).parent
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return Path.cwd() if folder.is_relative_to(Path.cwd()) else folder


def _plainly(path: Path) -> Path:
    """The path from the root, its links not followed: a commit could turn a file into a link to a milder one."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def _model(path: Path) -> tuple[str, str, str] | None:
    """The id, lifecycle and profile that an audit.yaml gives; None where it cannot be read."""
    from glassalpha_action.config import load
    from glassalpha_action.documents import UserError

    try:
        found = load(path).document
    except UserError:
        return None
    return found.model.id, found.model.lifecycle, found.audit.profile
