"""No credential is in any file, log line or error of the whole run; this runs after every other test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import credentials
from tests.conftest import LEFT, _Reports
from tests.generated import ROOT

CHUNK = 8 << 20
FORMS = tuple(form.encode() for form in credentials.FORMS)
OVERLAP = max(map(len, FORMS))
# A test may copy this checkout.
LIST = ("tests", "credentials.py")
# The logs of servers that still run, and what a killed writer left.
LEFT_BEHIND = ("glassalpha-*/log", "glassalpha-ledger-*", "glassalpha-registry-*")
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


@pytest.mark.last
def test_no_credential_is_in_any_file_log_or_error_of_the_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert request.config.stash[LEFT] == []
    left = [path for pattern in LEFT_BEHIND for path in Path(tempfile.gettempdir()).glob(pattern)]
    places = [tmp_path_factory.getbasetemp(), *left, *(ROOT / name for name in WRITTEN_HERE)]
    assert [path for place in places for path in holding(place)] == []


@pytest.mark.parametrize("form", credentials.FORMS, ids=range(len(credentials.FORMS)))
def test_the_search_finds_what_it_looks_for(tmp_path: Path, form: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"\0" * (CHUNK - 5) + form.encode() + b"\xff")
    assert holding(tmp_path) == [tmp_path / "below" / "file"]
    (tmp_path / "below" / "file").unlink()
    (tmp_path / "below" / "clean").write_bytes(form.encode()[:-1])
    assert holding(tmp_path) == []
    reports = _Reports([])
    for sections, text in (([("Captured stdout call", f"x{form}")], None), ([], f"Error: {form}"), ([], "fine")):
        reports.pytest_runtest_logreport(
            pytest.TestReport("id", ("", 0, ""), {}, "failed", text, "call", sections=sections)
        )
    assert reports.found == ["id", "id"]
