"""A folder that is replaced as a whole or not at all: nobody ever finds half a site in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glassalpha_action.documents import UserError


@contextmanager
def replaced(place: Path, listing: Path) -> Iterator[Path]:
    """Give a new folder, and put it where `place` is once the block has ended well; else `place` stays as it was.

    The new folder lies in a hidden one beside `place`: two renamings swap them. `listing` is a path inside the new
    folder, where the names at its top are kept: whatever else lies at the top of `place` was put there by somebody, and
    is carried over. What a killed run left behind is put right by the next one; a second run at the same time waits.
    Raises UserError (2) where `place` cannot be renamed.
    """
    stage = place.with_name(f".{place.name}.building")
    new, old = stage / "new", stage / "old"
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.parent):
        _settle(place, old, listing)
        shutil.rmtree(stage, ignore_errors=True)
        new.mkdir(parents=True)
        try:
            yield new
            names = sorted(entry.name for entry in new.iterdir())
            (new / listing).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
            _swap(place, new, old)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            with suppress(OSError):
                stage.rmdir()
        _settle(place, old, listing)
        shutil.rmtree(stage, ignore_errors=True)


def _swap(place: Path, new: Path, old: Path) -> None:
    try:
        if place.exists():
            shutil.copymode(place, new)
            place.rename(old)
        new.rename(place)
    except OSError as error:
        if old.exists() and not place.exists():
            old.rename(place)
        raise UserError(f"{place} cannot be renamed ({error.strerror}): name a folder inside it or another") from error


def _settle(place: Path, old: Path, listing: Path) -> None:
    """Finish a swap: what was moved aside comes back where nothing took its place, else all of it that is not ours."""
    if not old.is_dir():
        return
    if not place.exists():
        old.rename(place)
        return
    for entry in _foreign(old, listing):
        if not os.path.lexists(place / entry.name):
            entry.rename(place / entry.name)


def _foreign(old: Path, listing: Path) -> list[Path]:
    """What lies at the top of a folder and `replaced` did not put there; hidden names only, where nothing tells."""
    entries = list(old.iterdir())
    if not (old / listing).is_file():
        return [entry for entry in entries if entry.name.startswith(".")]
    ours = (old / listing).read_text(encoding="utf-8").splitlines()
    return [entry for entry in entries if entry.name not in ours]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run at a time in `folder`."""
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
