"""Says whether a model is audited on the rows that the base commit has, or on others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassalpha_action.config import Config
    from glassalpha_action.records import Change

POINTER = b"version https://git-lfs.github.com/spec/"


def evidence_changes(there: Config, here: Config, cube: Path | None, base: Path) -> tuple[Change, ...]:
    """What differs between the files the model is audited on and those of the base commit's checkout at `base`.

    A file that is not in that checkout is not kept in git: a commit cannot have changed it, only its name.
    """
    from glassalpha_action.cli.checkout import at_base

    if cube:
        return tuple(_cubes(cube, at_base(cube, base)))
    return (*_rows(there, here), *_reference(there, here))


def _cubes(cube: Path, before: Path | None) -> Iterator[Change]:
    if before and before.is_file() and cube.is_file() and _digest(before) != _digest(cube):
        yield _said("data.rows", f"The counts in {cube.as_posix()} are not the base commit's{_digests(before, cube)}.")


def _rows(there: Config, here: Config) -> Iterator[Change]:
    before, after = there.resolve("data", "path"), here.resolve("data", "path")
    names = there.document.data.path, here.document.data.path
    if not after.is_file():
        return
    if not before.is_file():
        if names[0] != names[1]:
            text = f"The rows under audit are those of {names[1]} and no longer of {names[0]}, which the base commit's "
            yield _said("data.rows", f"{text}checkout does not have, so that they cannot be compared.")
        return
    if _digest(before) == _digest(after):
        return
    kept = _kept(there, here)
    file = names[1] if names[0] == names[1] else f"{names[1]} (before: {names[0]})"
    if kept:
        yield _said("data.predictions", f"The {kept:,} rows in {file} are the base commit's, with other scores.")
        return
    text = f"The rows under audit, in {file}, are not those of the base commit{_digests(before, after)}. A model may "
    yield _said("data.rows", f"{text}pass on easier ones: see that these stand for the people it decides on.")


def _reference(there: Config, here: Config) -> Iterator[Change]:
    if not (there.document.data.reference_path and here.document.data.reference_path):
        return
    before, after = there.resolve("data", "reference_path"), here.resolve("data", "reference_path")
    if before.is_file() and after.is_file() and _digest(before) != _digest(after):
        text = "The rows that drift is measured from are not those of the base commit"
        yield _said("data.reference_path", f"{text}{_digests(before, after)}.")


def _said(what: str, text: str) -> Change:
    from glassalpha_action.records import Change

    return Change(what=what, effect="neutral", message=text)


def _digests(before: Path, after: Path) -> str:
    return f" (sha256 {_digest(after)[:12]}, before {_digest(before)[:12]})"


def _digest(path: Path) -> str:
    """The digest of the file, or where only a large-file pointer is checked out, the one that it gives."""
    from glassalpha_action.load.provenance import file_sha256

    with path.open("rb") as stream:
        head = stream.read(200)
    if head.startswith(POINTER):
        given = [line.removeprefix(b"oid sha256:") for line in head.splitlines() if line.startswith(b"oid sha256:")]
        if given:
            return given[0].decode("ascii", "replace").strip()
    return file_sha256(path)


def _kept(there: Config, here: Config) -> int:
    """How many rows there are, where they are the same people with the same outcomes; 0 where they are others."""
    from glassalpha_action.documents import UserError
    from glassalpha_action.load import data
    from glassalpha_action.load.subject import columns
    from glassalpha_action.load.table import column_names, read_table

    block = here.document.data
    own = {
        name for one in (there, here) for name in (one.document.data.score_column, one.document.data.prediction_column)
    }
    amounts = here.document.model.task == "regression"
    try:
        present = [column_names(one.resolve("data", "path"), one.where("data", "path")) for one in (there, here)]
        both = [name for name in present[1] if name in present[0] and name not in own]
        bare = block.model_copy(update={"score_column": None, "prediction_column": None})
        features = tuple(name for name in data.feature_names(bare, present[1]) if name in both)
        wanted = columns(bare, features, amounts=amounts)
        if not {*wanted.roles} <= {*both}:
            return 0
        old, new = (read_table(one.resolve("data", "path"), one.where("data", "path"), wanted) for one in (there, here))
    except UserError:
        return 0
    return len(new.roles) if old.roles.equals(new.roles) and old.features.equals(new.features) else 0
