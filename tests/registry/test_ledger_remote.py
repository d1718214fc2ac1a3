from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from glassalpha_action.documents import UserError
from glassalpha_action.registry import connect, history, ledger, publication
from glassalpha_action.registry import sync as registry_sync
from glassalpha_action.registry.patience import Patience
from glassalpha_action.registry.remote import RaceLostError, Remote, UnreachableError
from tests import credentials
from tests.credentials import REMOTE as TOKEN
from tests.credentials import WRONG
from tests.registry.backends import NOW
from tests.registry.ledgers import AT_ONCE, Served, bare, entry, git, serve

CODED = credentials.coded(TOKEN)
SPY = """#!/bin/sh
echo "$*" >> {log}
{git} "$@" 2> {log}.$$
code=$?
cat {log}.$$ >&2
grep -r -l -a -e "$SPY_TOKEN" -e "$SPY_CODED" . >> {found}
exit $code
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    root = tmp_path / "root"
    root.mkdir()
    bare(root / "r.git")
    with serve(root, TOKEN) as found:
        yield found


def append(served: Served, *names: str, token: str | None = TOKEN, patience: Patience = AT_ONCE) -> ledger.Appended:
    return ledger.append(f"{served.url}/r.git", [entry(name) for name in names], recorded_at=NOW,
                         token=SecretStr(token) if token else None, patience=patience)  # fmt: skip


def refused(served: Served, code: int = 4, **fields: str | None) -> str:
    with pytest.raises(UserError) as caught:
        append(served, "refused", **fields)  # type: ignore[arg-type]
    assert caught.value.exit_code == code
    said = str(caught.value)
    assert TOKEN not in said
    assert CODED not in said
    assert len(said.splitlines()) == 1
    return said


def test_over_http_with_a_token(served: Served, tmp_path: Path) -> None:
    assert append(served, "a").head.seq == 1
    assert append(served, "a", "b").head.seq == 2
    with connect(tmp_path / "a.db", create=True) as registry:
        assert registry_sync.sync(f"{served.url}/r.git", registry, token=SecretStr(TOKEN)) == 2
        append(served, "c")
        served.received = 0
        assert registry_sync.sync(f"{served.url}/r.git", registry, token=SecretStr(TOKEN)) == 1
        assert registry.verify() == []
    assert set(served.headers) == {f"Basic {CODED}"}


def test_a_password_in_the_url_becomes_a_header(served: Served) -> None:
    url = served.url.replace("http://", f"http://x-access-token:{TOKEN}@")
    assert ledger.append(f"{url}/r.git", [entry("a")], recorded_at=NOW).head.seq == 1
    assert set(served.headers) == {f"Basic {CODED}"}


def test_no_credential_in_any_argument_file_log_or_error(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    spy, log, found = tmp_path / "bin" / "git", tmp_path / "log", tmp_path / "found"
    spy.parent.mkdir()
    spy.write_text(SPY.format(git=real, log=log, found=found))
    spy.chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SPY_TOKEN", TOKEN)
    monkeypatch.setenv("SPY_CODED", CODED)
    monkeypatch.setenv("GIT_TRACE_CURL", "1")
    monkeypatch.setenv("GIT_TRACE_REDACT", "0")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    append(served, "a")
    url = served.url.replace("http://", f"http://x-access-token:{TOKEN}@")
    assert len(list(ledger.read(f"{url}/r.git"))) == 1
    served.fail = [403]
    refused(served)
    refused(served, token=WRONG)
    assert "push" in log.read_text()
    assert not found.exists() or found.read_text() == ""
    for path in [*tmp_path.rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert TOKEN.encode() not in content, path
            assert CODED.encode() not in content, path
    printed = capfd.readouterr()
    assert TOKEN not in printed.out + printed.err
    assert list(temporary.iterdir()) == []
    assert TOKEN not in repr(Remote.parse(url)) + str(Remote.parse(url)) + repr(
        Remote.parse(served.url, SecretStr(TOKEN))
    )


@pytest.mark.parametrize(("token", "named"), [(None, "github-token"), (WRONG, "github-token")], ids=["none", "wrong"])
def test_missing_and_wrong_credentials_are_not_retried(served: Served, token: str | None, named: str) -> None:
    assert named in refused(served, token=token)
    assert len(served.headers) <= 3


def test_a_token_that_may_not_write(served: Served) -> None:
    served.fail = [403, 403]
    assert "contents: write" in refused(served)
    assert served.fail == [403]


def test_a_repository_that_is_not_there(served: Served) -> None:
    with pytest.raises(UserError, match="no such repository") as caught:
        ledger.append(f"{served.url}/none.git", [entry("a")], recorded_at=NOW, token=SecretStr(TOKEN))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("codes", [[500], [502, 503, 429]])
def test_a_server_in_trouble_is_asked_again(served: Served, codes: list[int]) -> None:
    served.fail = codes
    assert append(served, "a").head.seq == 1


def test_a_reply_that_is_lost_is_found_out(served: Served) -> None:
    """The push landed; the record is at the tip when the writer looks again."""
    served.lose = 1
    appended = append(served, "a")
    assert (appended.head.seq, appended.receipts[0].new) == (1, True)
    assert git(served.root / "r.git", "rev-list", "--count", ledger.BRANCH) == "1"


def test_a_server_that_stays_in_trouble_is_given_up(served: Served) -> None:
    served.fail = [500] * 50
    assert "after 8 attempts" in refused(served)


def test_an_append_fetches_no_records(served: Served) -> None:
    append(served, *(f"m{k}" for k in range(40)))
    served.received = 0
    append(served, "one more")
    assert served.received < 8_000


@pytest.mark.parametrize("text", [
    "", " ", "-oProxyCommand=x", "--upload-pack=x", "ext::sh -c id", "ext://sh", "fd::1", "ftp://host/x", "a\nb",
    "https://host/\x00", "https://ho st:99999999/x", "ssh://git:secret@host/x", "no/such/folder", "file\x1b[31m",
])  # fmt: skip
def test_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        Remote.parse(text)
    assert caught.value.exit_code == 2
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "url"), [
    ("https://github.com/o/r.git", "https://github.com/o/r.git"),
    ("https://ada@github.com/o/r", "https://ada@github.com/o/r"),
    ("https://o:p%40ss@host:8443/x?token=y#z", "https://host:8443/x"),
    pytest.param(f"https://{TOKEN}@github.com/o/r", "https://github.com/o/r", id="a token for a user"),
    ("ssh://git@host:22/o/r.git", "ssh://git@host:22/o/r.git"),
    ("git@github.com:o/r.git", "git@github.com:o/r.git"),
    ("file:///srv/r.git", "file:///srv/r.git"),
    ("https://[::1]:8443/x", "https://[::1]:8443/x"),
])  # fmt: skip
def test_addresses_that_are_taken(text: str, url: str) -> None:
    assert Remote.parse(text).url == url


@pytest.mark.parametrize("setting", [
    "safe.bareRepository=explicit", "push.pushOption=x", "diff.orderFile=/nonexistent",
    "trace2.eventTarget=/dev/stdout", "trace2.perfTarget=/dev/stdout", "trace2.normalTarget=/dev/stdout",
])  # fmt: skip
def test_what_a_user_told_git_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, file: Path
) -> None:
    remote = str(bare(tmp_path / "r.git"))
    told = tmp_path / "gitconfig"
    git(tmp_path, "config", "--file", str(told), *setting.split("="))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(told))
    for name in ("a", "b"):
        head = ledger.append(remote, [entry(name)], recorded_at=NOW, patience=AT_ONCE).head
    assert history.verify(remote, history=True) == (head, [])
    assert publication.publish(remote, file, recorded_at=NOW, patience=AT_ONCE)


@pytest.mark.parametrize("over", ["a path", "http"])
@pytest.mark.parametrize("holds", ["nothing", "code"])
def test_a_repository_that_names_objects_by_sha256(served: Served, file: Path, over: str, holds: str) -> None:
    path = served.root / "sha256.git"
    git(served.root, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", str(path))
    for name in ("uploadpack.allowFilter", "http.receivepack"):
        git(path, "config", name, "true")
    if holds == "code":
        tree = git(path, "write-tree")
        git(path, "update-ref", "refs/heads/main", git(path, "commit-tree", tree, "-m", "code"))
    url = str(path) if over == "a path" else f"{served.url}/sha256.git"
    token = SecretStr(TOKEN)
    for name in ("a", "b"):
        made = ledger.append(url, [entry(name)], recorded_at=NOW, token=token, patience=AT_ONCE)
    assert (made.head.seq, len(made.commit or "")) == (2, 64)
    assert history.verify(url, history=True, token=token) == (made.head, [])
    with connect(path.with_suffix(".db"), create=True) as registry:
        assert registry_sync.sync(url, registry, token=token) == 2
    assert len(publication.publish(url, file, recorded_at=NOW, token=token, patience=AT_ONCE)) == 64


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(UserError, match="https only"):
        Remote.parse("http://github.com/o/r", SecretStr(TOKEN))
    with pytest.raises(UserError, match="line end"):
        Remote.parse("https://github.com/o/r", SecretStr(TOKEN + "\nX-Evil: 1"))


@pytest.mark.parametrize(("said", "kind"), [
    ("! refs/x:refs/x [rejected] (fetch first)", RaceLostError),
    ("! refs/x:refs/x [remote rejected] (cannot lock ref 'x': is at 12ab but expected 34cd)", RaceLostError),
    ("error: RPC failed; curl 56 GnuTLS recv error", UnreachableError),
    ("ssh: connect to host github.com port 22: Connection timed out", UnreachableError),
    ("fatal: unable to access: The requested URL returned error: 503", UnreachableError),
    ("git@github.com: Permission denied (publickey).", UserError),
    ("fatal: Authentication failed for 'https://github.com/o/r/'", UserError),
    ("fatal: detected dubious ownership in repository at '/srv/r.git'", UserError),
    ("remote: Write access to repository not granted.", UserError),
    ("fatal: mismatched algorithms: client sha256; server sha1", UserError),
    ("error: denying non-fast-forward refs/heads/x (you should pull first)", UserError),
])  # fmt: skip
def test_what_git_says_is_understood(said: str, kind: type[Exception]) -> None:
    assert type(Remote("https://github.com/o/r").explain("", said)) is kind
