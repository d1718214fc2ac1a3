from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from glassalpha_action import brevity
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.registry import chain, connect, history, ledger, rows
from glassalpha_action.registry.patience import Patience, persist
from glassalpha_action.registry.remote import RaceLostError, UnreachableError
from glassalpha_action.registry.rows import Head
from glassalpha_action.registry.sync import sync
from tests.registry import judged
from tests.registry.backends import NOW, refusal
from tests.registry.ledgers import AT_ONCE, bare, digest_of, entry, event, git, rewrite

FIRST, SECOND, THIRD = entry("a"), entry("b", "2025-02-01"), event()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


def append(remote: Path, *entries: ledger.Entry, branch: str = ledger.BRANCH) -> ledger.Appended:
    return ledger.append(str(remote), entries, recorded_at=NOW, branch=branch, patience=AT_ONCE)


def test_one_file_a_record_and_the_head(remote: Path) -> None:
    first = append(remote, FIRST)
    link = chain.link(chain.GENESIS, 1, FIRST.digest)
    assert first.head == Head(1, link)
    assert first.receipts[0].new
    both = append(remote, SECOND, entry("a", stage="proposed"), THIRD)
    assert [receipt.seq for receipt in both.receipts] == [2, 3, 4]
    paths = git(remote, "ls-tree", "-r", "--name-only", ledger.BRANCH).splitlines()
    assert paths == ["head.json", *sorted([
        f"ledger/2025/01/05/{FIRST.id}.json", f"ledger/2025/01/05/{FIRST.id}.proposed.json",
        f"ledger/2025/02/01/{SECOND.id}.json", f"ledger/2025/01/06/{THIRD.id}.json",
    ]), *sorted(f"parts/{digest}.json" for digest in FIRST.needs)]  # fmt: skip
    assert FIRST.needs == SECOND.needs
    for digest, part in FIRST.parts.items():
        assert git(remote, "show", f"{ledger.BRANCH}:parts/{digest}.json").encode() == part
    written = git(remote, "show", f"{ledger.BRANCH}:ledger/2025/01/05/{FIRST.id}.json")
    assert written.encode() == chain.write(1, link, FIRST.content)
    head = json.loads(git(remote, "show", f"{ledger.BRANCH}:head.json"))
    assert head == {"format": "glassalpha-ledger/1", "seq": 4, "link": both.head.link}
    assert list(ledger.read(str(remote))) == [FIRST, SECOND, entry("a", stage="proposed"), THIRD]


@pytest.mark.parametrize("limit", [0, 15_000, ledger.WAITING_LIMIT])
def test_records_are_read_in_the_chains_order_whatever_their_days(
    remote: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    days = ("2025-03-01", "2025-02-01", "2025-02-02", "2025-01-01", "2025-04-01")
    entries = [entry(f"model_{k}", day) for k, day in enumerate(days)]
    append(remote, *entries)
    monkeypatch.setattr(ledger, "WAITING_LIMIT", limit)
    assert list(ledger.read(str(remote))) == entries


def test_the_same_record_again_is_success_and_changes_nothing(remote: Path) -> None:
    append(remote, FIRST, THIRD)
    before = git(remote, "rev-parse", ledger.BRANCH)
    again = append(remote, FIRST)
    assert (again.commit, again.receipts[0].seq, again.receipts[0].new) == (before, 1, False)
    assert [receipt.new for receipt in append(remote, THIRD, SECOND, SECOND).receipts] == [False, True]
    assert git(remote, "rev-list", "--count", ledger.BRANCH) == "2"


def test_nothing_to_add_makes_no_branch(remote: Path) -> None:
    assert append(remote) == ledger.Appended(Head(0, chain.GENESIS), None, ())
    assert git(remote, "branch") == ""


def test_the_same_appends_make_the_same_commits(tmp_path: Path) -> None:
    tips = []
    for name in ("one", "two"):
        remote = bare(tmp_path / name)
        append(remote, FIRST)
        tips.append(append(remote, SECOND, THIRD).commit)
        assert git(remote, "log", "-1", "--format=%an <%ae> %at %cn %ct", ledger.BRANCH) == (
            "glassalpha <noreply@glassalpha.invalid> 1736152200 glassalpha 1736152200"
        )
    assert tips[0] == tips[1]


def test_a_remote_without_partial_clones_will_do(remote: Path) -> None:
    git(remote, "config", "uploadpack.allowFilter", "false")
    append(remote, FIRST)
    assert append(remote, FIRST, SECOND).head.seq == 2
    git(remote, "config", "uploadpack.allowFilter", "true")
    git(remote, "config", "uploadpackfilter.allow", "false")
    assert append(remote, THIRD, FIRST).head.seq == 3


def test_a_folder_with_a_shallow_checkout_can_be_read(remote: Path, tmp_path: Path) -> None:
    append(remote, FIRST)
    append(remote, SECOND)
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch", ledger.BRANCH, remote.as_uri(), "checkout")
    assert list(ledger.read(str(tmp_path / "checkout"))) == [FIRST, SECOND]


def test_the_users_checkout_hooks_and_signing_are_left_alone(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the environment points git at the checkout, and a global configuration brings hooks and signing."""
    home, hooks = tmp_path / "home", tmp_path / "hooks"
    hooks.mkdir()
    home.mkdir()
    for name in ("pre-push", "reference-transaction", "post-commit", "pre-commit", "commit-msg"):
        # A remote on the same machine obeys the same global configuration: what runs there is the remote's own.
        (hooks / name).write_text(f"#!/bin/sh\n[ $PWD = {remote} ] || {{ touch {tmp_path}/hook-ran; exit 1; }}\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\n[commit]\ngpgSign = true\n[push]\ngpgSign = true\nfollowTags = true\n"
        f"[gpg]\nprogram = {hooks}/pre-push\n[user]\nname = Ada\nemail = ada@example.org\n"
        "[remote \"ledger\"]\npush = refs/heads/*:refs/heads/*\n"
    )  # fmt: skip
    checkout = tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "checkout")
    (checkout / "file").write_text("content")
    git(checkout, "add", "file")
    git(checkout, "commit", "--quiet", "--message", "mine")
    (checkout / "file").write_text("changed")
    (checkout / "new").write_text("new")
    status, before = git(checkout, "status", "--porcelain"), digest_of(checkout)
    monkeypatch.setenv("HOME", str(home))
    for name, value in {
        "GIT_DIR": checkout / ".git", "GIT_WORK_TREE": checkout, "GIT_INDEX_FILE": checkout / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": checkout / ".git" / "objects", "GIT_NAMESPACE": "mine", "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": hooks, "GIT_AUTHOR_NAME": "Mallory",
        "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z", "GIT_TRACE": tmp_path / "trace",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(checkout)
    appended = append(remote, FIRST)
    assert list(ledger.read(str(remote))) == [FIRST]
    monkeypatch.undo()
    assert digest_of(checkout) == before
    assert git(checkout, "status", "--porcelain") == status
    assert not (tmp_path / "hook-ran").exists()
    assert not (tmp_path / "trace").exists()
    assert git(remote, "log", "--format=%an %s %G?", ledger.BRANCH) == "glassalpha Add record 1 N"
    assert git(remote, "for-each-ref", "--format=%(refname) %(objectname)") == (
        f"refs/heads/{ledger.BRANCH} {appended.commit}"
    )


def test_nothing_is_left_in_the_temporary_folder(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    append(remote, FIRST)
    list(ledger.read(str(remote)))
    refusal(lambda: append(remote, FIRST, branch="a..b"), 2)
    assert list(place.iterdir()) == []


HOSTILE = {
    "a symbolic link among the records": "ln -s /etc/passwd ledger/2025/01/05/link.json",
    "a record that is a symbolic link": "f=$(ls -d ledger/2025/01/05/*); rm $f; ln -s /etc/passwd $f",
    "a folder that is a symbolic link": "mv ledger other; ln -s other ledger",
    "an executable record": "chmod +x ledger/2025/01/05/*",
    "a file that no ledger holds": "echo hello > README.md",
    "a name that climbs": "mkdir -p ledger/2025/01/05/x; echo > 'ledger/2025/01/05/x/..json'",
    "a day that is none": "mkdir -p ledger/2025/13/45; cp ledger/2025/01/05/* ledger/2025/13/45/",
    "the same record on another day": "mkdir -p ledger/2025/01/09; cp ledger/2025/01/05/* ledger/2025/01/09/",
    "no head": "rm head.json",
    "an empty head": ": > head.json",
    "a head that is no JSON": "echo '{' > head.json",
    "a head of another format": "sed -i s/glassalpha-ledger/other/ head.json",
    "a head with a line end": "echo >> head.json",
    "a huge head": "head -c 3000000 /dev/zero > head.json",
    "a deeply nested head": "printf '%0200d' 0 | tr 0 '[' > head.json",
    "a head that counts more": "sed -i 's/\"seq\":1/\"seq\":7/' head.json",
    "a head with a sequence that is text": "sed -i 's/\"seq\":1/\"seq\":\"1\"/' head.json",
    "a head that starts over": "rm -r ledger; sed -i 's/\"seq\":1/\"seq\":0/' head.json",
    "no records": "rm -r ledger",
    "a part that is a symbolic link": "f=$(ls parts/* | head -n 1); rm $f; ln -s /etc/passwd $f",
    "a part of no digest": "cp $(ls parts/* | head -n 1) parts/x.json",
    "a folder among the parts": "mkdir parts/x; cp $(ls -d parts/*.json | head -n 1) parts/x/",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_branch_that_is_no_ledger_is_refused_and_left(remote: Path, name: str) -> None:
    append(remote, FIRST)
    rewrite(remote, HOSTILE[name])
    tip = git(remote, "rev-parse", ledger.BRANCH)
    said = refusal(lambda: append(remote, SECOND), 5)
    assert said.startswith("the ledger is broken") or "larger than" in said
    refusal(lambda: list(ledger.read(str(remote))), 5)
    assert git(remote, "rev-parse", ledger.BRANCH) == tip


def test_a_submodule_is_refusal(remote: Path) -> None:
    append(remote, FIRST)
    rewrite(remote, "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),ledger/2025/sub")
    # `git add --all` would drop an entry without a folder, so that the tree is made by hand.
    tip = git(remote, "rev-parse", ledger.BRANCH)
    tree = git(remote, "ls-tree", tip) + f"\n160000 commit {tip}\tsub\n"
    forged = git(remote, "commit-tree", "-p", tip, "-m", "x", git(remote, "mktree", given=tree.encode()))
    git(remote, "update-ref", f"refs/heads/{ledger.BRANCH}", forged)
    assert "holds sub," in refusal(lambda: append(remote, SECOND), 5)


def plant(remote: Path, name: bytes, mode: bytes = b"100644") -> None:
    """A commit whose tree holds `name`, which git itself would refuse to add."""
    tip = git(remote, "rev-parse", ledger.BRANCH)
    head, blob = (git(remote, "rev-parse", f"{tip}:head.json"), git(remote, "hash-object", "-w", "--stdin", given=b"x"))
    parts = [b"%s %s\0" % (mode, name) + bytes.fromhex(blob), b"100644 head.json\0" + bytes.fromhex(head)]
    tree = subprocess.run(
        ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"], cwd=remote, check=True,
        capture_output=True, input=b"".join(parts),
    ).stdout.decode().strip()  # fmt: skip
    forged = git(remote, "commit-tree", "-p", tip, "-m", "x", tree)
    git(remote, "update-ref", f"refs/heads/{ledger.BRANCH}", forged)


@pytest.mark.parametrize("name", [b"..", b".git", b"../../x", b"/etc/passwd", b".gitmodules", b"a\nb", b"\xff", b"-rf"])
@pytest.mark.parametrize("mode", [b"100644", b"120000", b"160000"])
def test_a_path_that_leads_elsewhere_is_refused_and_written_nowhere(
    remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, mode: bytes
) -> None:
    append(remote, FIRST)
    plant(remote, name, mode)
    place = tmp_path / "place" / "tmp"
    place.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.chdir(tmp_path / "place")
    before, tip = digest_of(remote), git(remote, "rev-parse", ledger.BRANCH)
    for call in (lambda: append(remote, SECOND), lambda: list(ledger.read(str(remote)))):
        refusal(call, 5)
    assert [path.name for path in (tmp_path / "place").rglob("*")] == ["tmp"]
    assert (digest_of(remote), git(remote, "rev-parse", ledger.BRANCH)) == (before, tip)


@pytest.mark.parametrize("change", [
    "sed -i s:glassalpha-ledger/1:glassalpha-ledger/2: head.json",
    "printf '{\"format\":\"glassalpha-ledger/17\",\"anything\":[]}' > head.json",
])  # fmt: skip
def test_a_ledger_of_a_later_version_is_not_touched(remote: Path, change: str) -> None:
    append(remote, FIRST)
    rewrite(remote, change)
    before = git(remote, "rev-parse", ledger.BRANCH)
    for call in (lambda: append(remote, SECOND), lambda: list(ledger.read(str(remote)))):
        assert "upgrade glassalpha-action" in refusal(call, 2)
    assert git(remote, "rev-parse", ledger.BRANCH) == before


RECORDS = {
    "bad JSON": "echo x > $f",
    "empty": ": > $f",
    "a changed value": "sed -i s/credit_model/other_model/ $f; sed -i 's/\"a\"/\"z\"/' $f",
    "another seq": "sed -i 's/\"seq\":1}/\"seq\":3}/' $f",
    "the seq of another": "sed -i 's/\"seq\":1}/\"seq\":2}/' $f",
    "a huge seq": "sed -i 's/\"seq\":1}/\"seq\":111111111111111111111111}/' $f",
    "a link that does not follow": "sed -i 's/\"link\":\"......../\"link\":\"00000000/' $f",
    "a key smuggled in": "sed -i 's/,\"seq\":1}/,\"seq\":1,\"seq\":1}/' $f",
    "the content of another": "cp ledger/2025/02/01/* $f",
    "a record of a later version": "sed -i s:glassalpha-record/1:glassalpha-record/2: $f",
    "an audit of a later schema": "sed -i 's/\"schema_version\":\"1\"/\"schema_version\":\"2\"/' $f",
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_damaged_record_is_refused_on_reading(remote: Path, name: str) -> None:
    append(remote, FIRST, SECOND)
    rewrite(remote, "f=$(ls -d ledger/2025/01/05/*); " + RECORDS[name])
    refusal(lambda: list(ledger.read(str(remote))), 5)


def test_a_huge_record_is_refusal(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(remote, FIRST, SECOND)
    monkeypatch.setattr(ledger, "RECORD_LIMIT", 5000)
    assert "larger than 5,000 bytes" in refusal(lambda: list(ledger.read(str(remote))), 5)


@pytest.mark.parametrize(("identity", "at"), [
    ("../../../etc/passwd", NOW), ("a" * 64, "../../../x"), ("a" * 64 + "\n", NOW), ("a" * 64, "2025-1-5T00:00:00Z"),
])  # fmt: skip
def test_no_record_names_a_path_of_its_own(identity: str, at: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        ledger.path_of(ledger.Entry("event", identity, "main", {"event": {"at": at}}, b""))


@pytest.mark.parametrize(("change", "says"), [
    ("rm parts/*", "the part [0-9a-f]{12} of record 1 is missing"),
    ("for f in parts/*; do echo >> $f; done", r"parts/[0-9a-f]{64}\.json is damaged: .* is not what its digest says"),
    ("set parts/*; mv $1 x; mv $2 $1; mv x $2", "is not what its digest says"),
    ("for f in parts/*; do head -c 20000000 /dev/zero > $f; done", "larger than 16,777,216 bytes"),
])  # fmt: skip
def test_a_part_that_is_not_what_records_name_is_refusal(remote: Path, tmp_path: Path, change: str, says: str) -> None:
    append(remote, FIRST)
    rewrite(remote, change)
    with connect(tmp_path / "r.db", create=True) as registry:
        assert re.search(says, refusal(lambda: sync(str(remote), registry), 5))
        assert registry.head().seq == 0


@pytest.mark.parametrize("change", [
    "for f in parts/*; do echo >> $f; done", "for f in parts/*; do : > $f; done",
    "set parts/*; mv $1 x; mv $2 $1; mv x $2",
])  # fmt: skip
def test_no_record_is_added_whose_part_another_file_stands_for(remote: Path, change: str) -> None:
    append(remote, FIRST)
    rewrite(remote, change)
    tip = git(remote, "rev-parse", ledger.BRANCH)
    assert "is not what its digest says" in refusal(lambda: append(remote, SECOND), 5)
    assert git(remote, "rev-parse", ledger.BRANCH) == tip
    append(remote, THIRD)


def test_a_record_without_its_parts_is_not_added(remote: Path) -> None:
    assert "did not come with it" in refusal(lambda: append(remote, replace(FIRST, parts={})), 5)
    assert git(remote, "branch") == ""


def test_parts_that_no_record_names_are_not_read(remote: Path, tmp_path: Path) -> None:
    append(remote, FIRST)
    rewrite(remote, "for k in $(seq -w 64); do echo x > parts/$(printf %064d $k).json; done")
    with connect(tmp_path / "r.db", create=True) as registry:
        assert (sync(str(remote), registry), sync(str(remote), registry)) == (1, 0)
        assert registry.verify() == []
        found = history.verify(str(remote), registry=registry)[1]
    assert len(found) == history.MOST
    assert all("is named by no record" in problem for problem in found)


@pytest.mark.parametrize("alter", [
    lambda part: part + b" ", lambda part: part.replace(b'"family":', b'"family":"x","family":', 1),
    lambda part: part.replace(b"{", b"{ ", 1), lambda _: b"[" * 100_000, lambda _: b"\xff",
    lambda part: part[:-1] + b"".join(b',"%03d":%s' % (k, b'"' + b"x" * 100_000 + b'"') for k in range(200)) + b"}",
])  # fmt: skip
def test_a_part_that_could_not_be_read_again_never_gets_in(
    remote: Path, tmp_path: Path, alter: Callable[[bytes], bytes]
) -> None:
    """Though every digest fits, as a hostile writer can make it."""
    audit = judged.audit("a")
    content = audit.content()
    glossary = alter(canonical(content["glossary"]))
    packed, parts = brevity.packed(content)
    packed["glossary"] = sha256(glossary)
    packed["audit_id"] = sha256(canonical({key: value for key, value in packed.items() if key != "audit_id"}))
    record = json.loads(FIRST.content) | {"audit": packed, "id": packed["audit_id"]}
    forged = rows.read_entry(canonical(record), {**parts, sha256(glossary): glossary})
    append(remote, forged)
    with connect(tmp_path / "r.db", create=True) as registry:
        refusal(lambda: registry.append_records([forged]), 5)
        refusal(lambda: sync(str(remote), registry), 5)
        assert registry.head().seq == 0
        registry.submit(audit, recorded_at=NOW)
        assert registry.verify() == []


def test_a_part_that_was_lost_comes_back_with_the_next_record_that_names_it(remote: Path) -> None:
    append(remote, FIRST)
    rewrite(remote, "rm parts/*")
    append(remote, SECOND)
    assert list(ledger.read(str(remote))) == [FIRST, SECOND]


def test_only_new_parts_are_fetched(remote: Path, tmp_path: Path) -> None:
    append(remote, FIRST)
    with connect(tmp_path / "r.db", create=True) as registry:
        assert sync(str(remote), registry) == 1
        other = judged.TEXT.replace("Baseline", "Second Baseline")
        append(remote, rows.audit_entry(judged.audit("b", text=other), "main", NOW, {}, "ada"))
        assert sync(str(remote), registry) == 1
        assert registry.fetch("SELECT seq, count(*) AS n FROM parts GROUP BY seq ORDER BY seq") == [
            {"seq": 1, "n": 2}, {"seq": 2, "n": 1}]  # fmt: skip
        assert registry.verify() == []


@pytest.mark.parametrize("branch", ["", "-f", "a b", "a..b", "a.lock", "/a", "a/", "a\n", "a~1", "@{u}", "x" * 300])
def test_a_branch_that_git_would_not_take(remote: Path, branch: str) -> None:
    refusal(lambda: append(remote, FIRST, branch=branch), 2)


def test_no_ledger_yet(remote: Path) -> None:
    assert "so no ledger yet" in refusal(lambda: list(ledger.read(str(remote))), 2)


def test_waits_grow_with_full_jitter_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits, ceilings = [0.0], list[float](), list[float]()

    def uniform(low: float, high: float) -> float:
        assert low == 0
        ceilings.append(high)
        return high / 2

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    def lose() -> None:
        now[0] += 0.5
        raise RaceLostError("fetch first")

    patient = Patience(attempts=14, sleep=sleep, uniform=uniform, clock=lambda: now[0])
    assert "after 14 attempts" in refusal(lambda: persist(lose, "not recorded", patient), 4)
    assert ceilings[:4] == [0.5 * 1.5**k for k in range(1, 5)]
    assert ceilings[12:] == [60, 60]
    assert waits == [ceiling / 2 for ceiling in ceilings[:13]]
    bounded = Patience(seconds=20, sleep=sleep, uniform=lambda _, high: high, clock=lambda: now[0])
    began = now[0]
    refusal(lambda: persist(lose, "not recorded", bounded), 4)
    assert 10 < now[0] - began <= 20


def test_failures_in_a_row_end_it_sooner_than_lost_races() -> None:
    tries, ceilings = [], list[float]()

    def uniform(_: float, high: float) -> float:
        ceilings.append(high)
        return 0

    def fail() -> None:
        tries.append(1)
        raise UnreachableError("connection reset")

    patient = Patience(sleep=lambda _: None, uniform=uniform)
    assert "connection reset" in refusal(lambda: persist(fail, "not recorded", patient), 4)
    assert len(tries) == patient.failures
    assert ceilings[:7] == [2, 4, 8, 16, 32, 60, 60]


def hook(remote: Path, name: str, text: str) -> None:
    path = remote / "hooks" / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


@pytest.mark.parametrize(("said", "named"), [
    ("GH013: Repository rule violations found for refs/heads/x.", "Settings > Rules"),
    ("GH006: Protected branch update failed for refs/heads/x.", "Settings > Branches"),
    ("GitLab: You are not allowed to push code to protected branches on this project.", "protection"),
    ("Permission to o/r.git denied to github-actions[bot].", "contents: write"),
    ("This repository was archived so it is read-only.", "archived"),
    ("error: GH001: Large files detected.", "size"),
])  # fmt: skip
def test_a_refusal_is_not_retried_and_names_the_setting(remote: Path, tmp_path: Path, said: str, named: str) -> None:
    append(remote, FIRST)
    hook(remote, "pre-receive", f"echo x >> {tmp_path}/tries; echo '{said}' >&2; exit 1")
    assert named in refusal(lambda: append(remote, SECOND), 4)
    assert (tmp_path / "tries").read_text() == "x\n"
    assert list(ledger.read(str(remote))) == [FIRST]


def test_a_branch_that_is_checked_out_there_is_said_to_be(remote: Path, tmp_path: Path) -> None:
    append(remote, FIRST)
    git(tmp_path, "clone", "--quiet", "--branch", ledger.BRANCH, str(remote), "checkout")
    said = refusal(lambda: append(tmp_path / "checkout", SECOND), 4)
    assert "check another branch out, or name a bare repository" in said
    assert "contents: write" not in said


def test_a_hook_that_always_rejects_is_given_up_with_its_words(remote: Path) -> None:
    hook(remote, "pre-receive", "echo 'say why \033[31min the message' >&2; exit 1")
    said = refusal(lambda: append(remote, FIRST), 4)
    assert "say why" in said
    assert "\033" not in said


def test_a_push_that_another_came_before_begins_again(remote: Path, tmp_path: Path) -> None:
    """The other writer's commit lands while ours is on its way, so that the server itself has to refuse ours."""
    append(remote, FIRST)
    other = bare(tmp_path / "other.git")
    git(other, "fetch", "--quiet", str(remote), f"{ledger.BRANCH}:{ledger.BRANCH}")
    theirs = append(other, SECOND).commit
    git(remote, "fetch", "--quiet", str(other), f"{ledger.BRANCH}:refs/kept")
    hook(remote, "pre-receive",
         "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY -u GIT_ALTERNATE_OBJECT_DIRECTORIES "
         f"git update-ref refs/heads/{ledger.BRANCH} {theirs}")  # fmt: skip
    appended = append(remote, THIRD)
    assert appended.head.seq == 3
    assert list(ledger.read(str(remote))) == [FIRST, SECOND, THIRD]


def test_git_that_is_not_installed(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in refusal(lambda: append(remote, FIRST), 4)


def test_objects_that_git_finds_damaged_are_refusal(remote: Path) -> None:
    append(remote, FIRST)
    tip = git(remote, "rev-parse", ledger.BRANCH)
    blob = git(remote, "rev-parse", f"{tip}:head.json")
    tree = subprocess.run(
        ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"], cwd=remote, check=True,
        capture_output=True, input=b"".join([b"100644 head.json\0" + bytes.fromhex(blob)] * 2),
    ).stdout.decode().strip()  # fmt: skip
    forged = git(remote, "commit-tree", "-p", tip, "-m", "x", tree)
    git(remote, "update-ref", f"refs/heads/{ledger.BRANCH}", forged)
    refusal(lambda: append(remote, SECOND), 5)
