"""No credential is in any file, log line or error of the whole run; this runs after every other test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import credentials
from tests.generated import ROOT

pytestmark = pytest.mark.last
CHUNK = 8 << 20
FORMS = tuple(form.encode() for form in credentials.FORMS)
OVERLAP = max(map(len, FORMS))
# A test may copy this checkout.
LIST = ("tests", "credentials.py")
# What a killed writer left.
LEFT_BEHIND = ("glassalpha-ledger-*", "glassalpha-registry-*")
WRITTEN_HERE = (".cache", "build", "site", "policies")


def holding(folder: Path) -> list[Path]:
    """The files below `folder`, or that file itself, that hold a secret in their content or in their name."""
    return [
        path for path in _files(folder) if credentials.found_in(str(path)) or (path.parts[-2:] != LIST and _holds(path))
    ]


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for at, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(at, name)).is_file() and not path.is_symlink())


def _holds(path: Path) -> bool:
    rest = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                if any(form in rest + chunk for form in FORMS):
                    return True
                rest = chunk[-OVERLAP:]
    except FileNotFoundError:
        pass
    return False


@pytest.mark.parametrize("form", credentials.FORMS, ids=range(len(credentials.FORMS)))
def test_the_search_finds_what_it_looks_for(tmp_path: Path, form: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"\0" * (CHUNK - 5) + form.encode() + b"\xff")
    assert holding(tmp_path) == [tmp_path / "below" / "file"]
    (tmp_path / "below" / "file").unlink()
    (tmp_path / "below" / "clean").write_bytes(form.encode()[:-1])
    assert holding(tmp_path) == []
    for sections, text in (([("Captured stdout call", f"x{form}")], None), ([], f"Error: {form}"), ([], None)):
        report = pytest.TestReport("id", ("", 0, ""), {}, "passed", text, "call", sections=sections)
        assert credentials.judged(report).passed is not bool(sections or text)
        assert form not in report.longreprtext


def test_no_credential_is_in_any_file_of_the_run(whole_run: Callable[[], Path]) -> None:
    run = whole_run()
    left = [path for pattern in LEFT_BEHIND for path in Path(tempfile.gettempdir()).glob(pattern)]
    places = [run, *left, *(ROOT / name for name in WRITTEN_HERE)]
    assert [path for place in places for path in holding(place)] == []
