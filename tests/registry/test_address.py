"""A password never gets into an error, a file's name or an argument of git, however its address is misspelt."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect
from glassalpha_action.registry.address import suspect
from glassalpha_action.registry.remote import Remote
from tests.credentials import DATABASE, IN_AN_ADDRESS

BOTH = (
    "//u:{}@h/x", "u:{}@h/x", "/srv/u:{}@h/x", "x://u:{}@h/x", "'https://u:{}@h/x'", "u%3A{}%40h/x", "u：{}＠h/x",
    "https:/u:{}@h/x", "https:u:{}@h/x", "https//u:{}@h/x", "https:\\\\u:{}@h\\x", "https:/{}@h/x", "ssh:/u:{}@h/x",
    "h:22:db:u:{}", "ssh://u%3A{}@h/x", "ssh://h/x?password={}", "https:///u:{}@h/x/y", "https://h//u:{}@h/x",
)  # fmt: skip
DATABASES = (
    '"postgresql://u:{}@h/x"', "'postgres://u:{}@h/x'", " postgresql:/u:{}@h/x", "postgresql:/u:{}@h/x",
    "postgres:u:{}@h/x", "postgresql:/{}@h/x", "postgresql//{}@h/x", "postgresql;//{}@h/x", "postgres:{}",
    "postgresql+psycopg:/{}@h/x", "jdbc:postgresql://h/x?user=u&password={}", "host=localhost password={}",
    "host=localhost user=u PASSWORD = '{}'", "Server=h;Uid=u;Pwd={};", "PGPASSWORD={} x", '{{"password": "{}"}}',
    "sqlite:///u:{}@h/x", "sqlite:///postgres:{}", "/srv/models/postgresql:/u:{}@h/x", "mysql://u:{}@h/x",
    "\u200bpostgresql://u:{}@h/x", "psql postgresql://u:{}@h/x", "postgresql%3A%2F%2Fu%3A{}%40h%2Fx",
    "postgresql:///u:{}@h/x", "postgresql://u:{}/x@h/x", "postgresql：//u:{}@h/x",
)  # fmt: skip
REMOTES = (
    "ssh://u:{}@h/x", "git://u:{}@h/x", "ssh://[u:{}@h/x", "ssh://u:{}@h℀/x", "https://u:{}@h℀/x", "https://u:{}@h:x/y",
    "https://u:{}/x@h/x", "https://u:1/{}@h/x", "https://u:1#{}@h/x", "u:x/{}@h/x", "{}@h/x", "file:/u:{}@h/x",
    "x-access-token:{}@h/o/r", "ssh:///u:{}@h/x",
)  # fmt: skip
NAMES = (
    "my=file.db", "a:b.db", "model registry.db", " spaced.db", "~", "~ada.db", "C:\\Users\\ada@work\\m.db", "pg.db",
    "postgres.db", "compass=1.db", "at@home.db", "2025-01-06T08:30:00.db", "passwords.db", "https.db", "50%.db",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", [*BOTH, *DATABASES])
def test_an_address_that_is_no_registrys_shows_nothing_and_makes_no_file(folder: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        connect(text.format(DATABASE), create=True)
    assert (caught.value.exit_code, DATABASE in str(caught.value)) == (2, False)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text", [*BOTH, *REMOTES])
def test_an_address_that_is_no_ledgers_shows_nothing(text: str) -> None:
    with pytest.raises(UserError) as caught:
        Remote.parse(text.format(IN_AN_ADDRESS))
    told = "".join(traceback.format_exception(caught.value)[-1:])
    assert (caught.value.exit_code, IN_AN_ADDRESS in told, caught.value.__cause__) == (2, False, None)


def test_a_password_within_the_user_becomes_a_header_too() -> None:
    remote = Remote.parse(f"https://u%3A{IN_AN_ADDRESS}@h/x")
    assert (remote.url, remote.header is None) == ("https://h/x", False)


def test_what_git_says_of_an_address_that_it_rewrote_shows_no_password() -> None:
    said = Remote("https://h/x").said("", f"fatal: unable to access 'https://u:p@ss{IN_AN_ADDRESS}@h/x/': reset")
    assert said == "fatal: unable to access 'https://h/x/': reset"


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_files_work_as_they_are(folder: Path, name: str) -> None:
    connect(name, create=True).close()
    assert [path.name for path in folder.iterdir()] == [name]
    assert not suspect(name)


def test_an_address_may_end_in_a_line_end(folder: Path) -> None:
    connect(" SQLite:///one.db\n", create=True).close()
    assert [path.name for path in folder.iterdir()] == ["one.db"]


@pytest.mark.parametrize("name", ["a:b.git", "u:p@h.git", "password=x.git", "r@x.git"])
def test_the_names_of_folders_work_as_they_are(folder: Path, name: str) -> None:
    Path(name).mkdir()
    assert Remote.parse(name) == Remote(str(folder.resolve() / name))


@pytest.mark.parametrize("text", [
    "git@github.com:o/r@x.git", "host:o/r.git", "my-ssh:o/r.git", "git:o/r.git", "ssh://git@host:22/o/r@x.git",
    "ssh://host/~ada/r.git", "https://host:8443/o/r.git", "https://host/o/@scope/r", "file:///srv/a:b.git",
])  # fmt: skip
def test_ordinary_addresses_stay_as_they_are(text: str) -> None:
    assert Remote.parse(text).url == text
