"""Every way of tampering with the file is found, and the broken record is named."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, canonical, sealed, sha256
from glassalpha_action.registry import chain, connect
from tests import samples
from tests.registry.backends import NOW

Tamper = Callable[[sqlite3.Connection], object]
SWAPPED = (
    "UPDATE records SET seq = -1 WHERE seq = 1; UPDATE records SET seq = 1 WHERE seq = 2; "
    "UPDATE records SET seq = 2 WHERE seq = -1"
)


def tampered(file: Path, change: Tamper | str) -> list[str]:
    """What verify says after a change by somebody who removed the triggers first."""
    database = sqlite3.connect(file)
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {name}")
    if isinstance(change, str):
        database.executescript(change)
    else:
        change(database)
    database.commit()
    database.close()
    with connect(str(file)) as registry:
        return registry.verify()


def rewrite(seq: int, edit: Callable[[dict[str, object]], object], *, digest: bool) -> Tamper:
    """Change the content of record `seq`, and its digest too where `digest` says so."""

    def change(database: sqlite3.Connection) -> None:
        (kept,) = database.execute("SELECT content FROM records WHERE seq = ?", [seq]).fetchone()
        record = json.loads(zlib.decompress(kept))
        edit(record)
        content = canonical(record)
        database.execute("UPDATE records SET content = ? WHERE seq = ?", [zlib.compress(content), seq])
        if digest:
            database.execute("UPDATE records SET digest = ? WHERE seq = ?", [sha256(content), seq])

    return change


def flip(record: dict[str, object]) -> None:
    record["audit"]["status"] = "PASSED"  # type: ignore[index]


def flip_and_seal(record: dict[str, object]) -> None:
    flip(record)
    audit = sealed(Audit.model_validate(record["audit"]))
    record |= {"id": audit.audit_id, "audit": audit.model_dump(mode="json")}


def test_a_whole_registry_has_no_problems(file: Path) -> None:
    assert tampered(file, "SELECT 1") == []


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("UPDATE audits SET status = 'PASSED' WHERE seq = 1", "record 1: its rows in audits .*: status differs"),
        ("UPDATE audits SET team = NULL WHERE seq = 2", "record 2: its rows in audits .*: team differs"),
        ("UPDATE gates SET value = 0 WHERE seq = 1 AND position = 1", "record 1: its rows in gates .*: value differs"),
        ("DELETE FROM gates WHERE seq = 3 AND position = 0", "record 3: its rows in gates .*: 2 instead of 3"),
        ("UPDATE measurements SET n = 999 WHERE seq = 2", "record 2: its rows in measurements .*: n differs"),
        ("UPDATE requirements SET met = 0 WHERE seq = 2", "record 2: its rows in requirements .*: met differs"),
        ("UPDATE policies SET text = 'gates: []'", "record 1: its rows in policies .*: text differs"),
        ("UPDATE models SET owner = 'Mallory' WHERE seq = 2", "record 2: its rows in models .*: owner differs"),
        ("UPDATE events SET body = '{}'", "record 4: its rows in events .*: body differs"),
        ("DELETE FROM events", "record 4: its rows in events .*: 0 instead of 1"),
        ("INSERT INTO requirements VALUES (9, 0, 'seed_required', 1, '')",
         "requirements holds rows that no record brought"),
        ("UPDATE records SET kind = 'event' WHERE seq = 1", "record 1: its kind, id or stage"),
        ("UPDATE records SET stage = 'proposed' WHERE seq = 1", "record 1: its kind, id or stage"),
        ("DELETE FROM records WHERE seq = 2", "record 3: record 2 is missing before it"),
        ("DELETE FROM records WHERE seq = 1", "record 2: record 1 is missing before it"),
        ("DELETE FROM records WHERE seq = 4", "events holds rows that no record brought"),
        (SWAPPED, "record 1: its link does not follow"),
        ("UPDATE records SET digest = '" + "0" * 64 + "' WHERE seq = 2", "record 2: its link does not follow"),
        ("UPDATE records SET content = x'00' WHERE seq = 2", "record 2: it cannot be read"),
        ("UPDATE records SET content = 'text' WHERE seq = 2", "record 2: it cannot be read"),
        (rewrite(1, flip, digest=False), "record 1: it cannot be read: its content is not what its digest says"),
        (rewrite(1, flip, digest=True), "record 1: its link does not follow"),
        (rewrite(3, flip_and_seal, digest=True), "record 3: its link does not follow"),
        (rewrite(3, lambda record: record.update(author="Mallory"), digest=True), "record 3: its link does not follow"),
        (rewrite(3, lambda record: record.update(audit={}), digest=True), "record 3: its link does not follow"),
        (rewrite(4, lambda record: record["event"].update(by="Mallory"), digest=True), "record 4: its link"),  # type: ignore[attr-defined]
    ],
)  # fmt: skip
def test_tampering_is_found(file: Path, change: Tamper | str, first: str) -> None:
    problems = tampered(file, change)
    assert re.match(first, problems[0]), problems


def test_one_broken_record_is_not_reported_as_all_after_it(file: Path) -> None:
    problems = tampered(file, rewrite(1, lambda record: record.update(author="Mallory"), digest=True))
    assert {problem.split(":")[0] for problem in problems} == {"record 1"}


def relinked(database: sqlite3.Connection) -> None:
    """What a forger does who recomputes digests, links and rows of the whole chain."""
    rewrite(3, flip_and_seal, digest=True)(database)
    (kept,) = database.execute("SELECT content FROM records WHERE seq = 3").fetchone()
    database.execute("UPDATE records SET id = ? WHERE seq = 3", [json.loads(zlib.decompress(kept))["id"]])
    previous = chain.GENESIS
    for seq, digest in database.execute("SELECT seq, digest FROM records ORDER BY seq").fetchall():
        previous = chain.link(previous, seq, digest)
        database.execute("UPDATE records SET link = ? WHERE seq = ?", [previous, seq])
    audit = json.loads(zlib.decompress(kept))["audit"]
    database.execute(
        "UPDATE audits SET audit_id = ?, status = 'PASSED', headline = 'PASSED' WHERE seq = 3", [audit["audit_id"]]
    )


def test_a_chain_forged_as_a_whole_is_found_by_its_anchor(file: Path) -> None:
    with connect(str(file)) as registry:
        anchor = registry.head().anchor
        assert registry.verify(anchor) == []
    assert tampered(file, relinked) == []
    with connect(str(file)) as registry:
        assert registry.verify(anchor) == [
            "record 4: its link is not the anchor's: records up to here were altered since"
        ]


def test_the_last_records_removed_without_trace_are_found_by_the_anchor(file: Path) -> None:
    with connect(str(file)) as registry:
        anchor = registry.head().anchor
    assert tampered(file, "DELETE FROM records WHERE seq = 4; DELETE FROM events") == []
    with connect(str(file)) as registry:
        assert registry.verify(anchor) == [
            "record 4: missing; the chain ends at 3, before the anchor: records were removed"
        ]


def test_an_anchor_still_holds_after_more_records(file: Path) -> None:
    with connect(str(file)) as registry:
        anchor = registry.head().anchor
        registry.submit(samples.audit(as_of="2025-02-01"), recorded_at=NOW)
        assert registry.verify(anchor) == []
        assert registry.verify("2:" + "0" * 12)[0].startswith("record 2: its link is not the anchor's")
        assert registry.verify(f"0:{chain.GENESIS}") == []
        assert registry.verify("0:" + "0" * 12) == [f"anchor 0:{'0' * 12}: no chain begins so"]


def test_verdicts_are_judged_again_where_a_judge_is_given(file: Path) -> None:
    with connect(str(file)) as registry:
        found = registry.verify(rejudge=lambda a: ["its gates pass"] if a.status == "BLOCKED" else [])
    assert found == ["record 1: its gates pass"]


def test_a_damaged_record_is_never_handed_out(file: Path) -> None:
    assert tampered(file, rewrite(1, flip, digest=False)) != []
    with connect(str(file)) as registry:
        row = registry.query_all()[0]
        with pytest.raises(UserError, match="record 1 of the registry is damaged") as refused:
            registry.audit(row.audit_id)
    assert refused.value.exit_code == 5


def test_a_status_that_does_not_exist_is_damage(file: Path) -> None:
    tampered(file, "UPDATE audits SET status = 'GREAT' WHERE seq = 1")
    with connect(str(file)) as registry, pytest.raises(UserError, match="damaged") as refused:
        registry.query_all()
    assert refused.value.exit_code == 5
