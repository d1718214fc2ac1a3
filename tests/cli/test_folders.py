from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from glassalpha_action.cli.folders import replaced
from glassalpha_action.documents import UserError

LISTING = Path("made/list.txt")


def make(place: Path, text: str) -> None:
    """Put a site of one page where `place` is."""
    with replaced(place, LISTING) as new:
        (new / "made").mkdir()
        (new / "index.html").write_text(text, encoding="utf-8")


def files(place: Path) -> dict[str, str]:
    """Every file under `place` with its text."""
    return {
        path.relative_to(place).as_posix(): path.read_text(encoding="utf-8")
        for path in place.rglob("*")
        if path.is_file()
    }


def test_the_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "site"
    make(place, "one")
    (place / "made/of-one.html").write_text("ours, though deep inside", encoding="utf-8")
    make(place, "two")
    assert files(place) == {"index.html": "two", "made/list.txt": "index.html\nmade\n"}
    assert [path.name for path in place.parent.iterdir()] == ["site"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_block_that_fails_leaves_the_old_folder_whole(tmp_path: Path, error: type[BaseException]) -> None:
    place = tmp_path / "site"
    make(place, "one")
    before = files(place)

    def half() -> None:
        with replaced(place, LISTING) as new:
            (new / "index.html").write_text("half", encoding="utf-8")
            assert files(place) == before
            raise error

    with pytest.raises(error):
        half()
    assert files(place) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_somebody_put_at_its_top_stays(tmp_path: Path) -> None:
    place = tmp_path / "site"
    make(place, "one")
    (place / "CNAME").write_text("models.example.com", encoding="utf-8")
    (place / ".git").mkdir()
    (place / ".git/HEAD").write_text("ref", encoding="utf-8")
    make(place, "two")
    make(place, "three")
    assert {"index.html": "three", "CNAME": "models.example.com", ".git/HEAD": "ref"}.items() <= files(place).items()


def test_of_a_folder_without_a_list_the_hidden_names_stay(tmp_path: Path) -> None:
    place = tmp_path / "site"
    place.mkdir()
    for name in (".nojekyll", "gone.html"):
        (place / name).write_text("", encoding="utf-8")
    make(place, "one")
    assert sorted(files(place)) == [".nojekyll", "index.html", "made/list.txt"]


def test_the_rights_of_the_folder_stay(tmp_path: Path) -> None:
    place = tmp_path / "site"
    make(place, "one")
    assert place.stat().st_mode & 0o777 == 0o777 & ~_umask()
    place.chmod(0o750)
    make(place, "two")
    assert place.stat().st_mode & 0o777 == 0o750


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


KILLED = """
import os, signal, sys
from pathlib import Path
from glassalpha_action.cli import folders
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
place, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "swap":  # after the old folder has moved aside, before the new one is in its place
    rename, told = Path.rename, []
    Path.rename = lambda path, to: kill() if told else (told.append(path), rename(path, to))
if moment == "settle":  # before what somebody else put into the old folder is in the new one
    folders._foreign = kill
with folders.replaced(place, Path("made/list.txt")) as new:
    (new / "made").mkdir()
    (new / "index.html").write_text("two")
    if moment == "build":
        kill()
"""


@pytest.mark.parametrize(("moment", "left"), [("build", "one"), ("swap", None), ("settle", "two")])
def test_a_killed_run_costs_nothing_and_the_next_one_clears_up(tmp_path: Path, moment: str, left: str | None) -> None:
    place = tmp_path / "site"
    make(place, "one")
    (place / "CNAME").write_text("models.example.com", encoding="utf-8")
    ran = subprocess.run([sys.executable, "-c", KILLED, str(place), moment], check=False, timeout=60)
    assert ran.returncode == -signal.SIGKILL
    assert ((place / "index.html").read_text(encoding="utf-8") if place.exists() else None) == left
    with pytest.raises(ValueError, match="no"), replaced(place, LISTING):
        raise ValueError("no")
    assert files(place)["index.html"] == (left or "one")
    assert files(place)["CNAME"] == "models.example.com"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_cannot_be_renamed_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "site"
    make(place, "one")
    before = files(place)
    rename = Path.rename

    def busy(path: Path, to: Path) -> Path:
        if path.name == "new":
            raise OSError(16, "Device or resource busy")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(UserError, match=r"cannot be renamed .*busy"):
        make(place, "two")
    assert files(place) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_two_runs_at_once_follow_one_another(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from glassalpha_action.cli.folders import replaced
with replaced(Path(sys.argv[1]), Path("made/list.txt")) as new:
    (new / "made").mkdir()
    for k in range(3):
        (new / f"{sys.argv[2]}{k}").write_text("")
        time.sleep(.1)
"""
    place = tmp_path / "site"
    runs = [subprocess.Popen([sys.executable, "-c", program, str(place), name]) for name in "abc"]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    names = sorted(path.name for path in place.iterdir())
    assert len({name[0] for name in names if name != "made"}) == 1
    assert len(names) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
