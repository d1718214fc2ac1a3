"""Every way of tampering with the file is found, and the broken record is named."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action import brevity
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import UserError
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import Audit, sealed
from glassalpha_action.registry import Supersedes, chain, connect, derived, packing, rows, schema, verify
from glassalpha_action.registry.derived import Known
from glassalpha_action.vocabulary import Outcome, Status
from tests import samples
from tests.registry import judged
from tests.registry.backends import NOW

Tamper = Callable[[sqlite3.Connection], object]
SWAPPED = (
    "UPDATE records SET seq = -1 WHERE seq = 1; UPDATE records SET seq = 1 WHERE seq = 2; "
    "UPDATE records SET seq = 2 WHERE seq = -1"
)


def tampered(file: Path, change: Tamper | str) -> list[str]:
    """What verify says after a change by somebody who removed the triggers first and puts them back."""
    database = sqlite3.connect(file)
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    if isinstance(change, str):
        database.executescript(change)
    else:
        change(database)
    for _, sql in triggers:
        database.execute(sql)
    database.commit()
    database.close()
    with connect(str(file)) as registry:
        return registry.verify()


def rewrite(seq: int, edit: Callable[[dict[str, Any]], object], *, digest: bool) -> Tamper:
    """Change the content of record `seq`, its audit as a whole, and its digest too where `digest` says so."""

    def change(database: sqlite3.Connection) -> None:
        record = json.loads(contents(database)[seq - 1])
        if "audit" in record:
            record["audit"] = verify.whole(record["audit"], texts(database).__getitem__)
        edit(record)
        if record.get("audit"):
            record["audit"], parts = brevity.packed(record["audit"])
            for name, part in parts.items():
                row = (name, seq, zlib.compress(part))
                database.execute("INSERT OR IGNORE INTO parts VALUES (?, ?, ?)", row)
        content = canonical(record)
        database.execute("UPDATE records SET content = ? WHERE seq = ?", [zlib.compress(content), seq])
        if digest:
            database.execute("UPDATE records SET digest = ? WHERE seq = ?", [sha256(content), seq])

    return change


def flip(record: dict[str, Any]) -> None:
    record["audit"]["status"] = "PASSED"


def flip_and_seal(record: dict[str, Any]) -> None:
    flip(record)
    audit = sealed(Audit.model_validate(record["audit"]))
    record |= {"id": audit.audit_id, "audit": audit.content()}


def test_a_whole_registry_has_no_problems(file: Path) -> None:
    assert tampered(file, "SELECT 1") == []


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("UPDATE audits SET status = 'PASSED' WHERE seq = 1", "record 1: its rows in audits .*: status differs"),
        ("UPDATE audits SET team = NULL WHERE seq = 2", "record 2: its rows in audits .*: team differs"),
        ("UPDATE gates SET value = 0 WHERE seq = 1 AND position = 1", "record 1: its rows in gates .*: value differs"),
        ("DELETE FROM gates WHERE seq = 3 AND position = 0", "record 3: its rows in gates .*: 2 instead of 3"),
        ("UPDATE measured SET n = 999 WHERE seq = 2", "record 2: its rows in measured .*: n differs"),
        ("UPDATE metrics SET metric = 'x' WHERE id = 1", "record 1: its rows in metrics .*: metric differs"),
        ("UPDATE metrics SET attribute = 'x' WHERE id = 1", "record 1: its rows in metrics .*: attribute differs"),
        ("INSERT INTO metrics VALUES (99, 1, 'x', '{}', NULL, 'ratio', 0.9, 0)",
         "record 1: its rows in metrics .*: 4 instead of 3"),
        ("UPDATE parts SET content = x'00' WHERE seq = 1", "record 1: it cannot be read"),
        (lambda database: database.execute("UPDATE parts SET content = ?", [zlib.compress(b"{}")]),
         "record 1: it cannot be read: its part [0-9a-f]{12} is not what its digest says"),
        ("DELETE FROM parts", "record 1: it cannot be read: its part [0-9a-f]{12} is missing"),
        ("INSERT INTO parts VALUES ('x', 9, x'00')", "parts holds rows that no record brought"),
        ("UPDATE parts SET seq = 2", "record 1: its rows in parts are not those of the record"),
        ("UPDATE parts SET sha256 = 'x' WHERE sha256 = (SELECT max(sha256) FROM parts)", "record 1: it cannot be read"),
        ("UPDATE requirements SET met = 0 WHERE seq = 2", "record 2: its rows in requirements .*: met differs"),
        ("UPDATE policies SET text = 'gates: []'", "record 1: its rows in policies .*: text differs"),
        ("UPDATE models SET owner = 'Mallory' WHERE seq = 2", "record 2: its rows in models .*: owner differs"),
        ("UPDATE events SET body = '{}'", "record 4: its rows in events .*: body differs"),
        ("DELETE FROM events", "record 4: its rows in events .*: 0 instead of 1"),
        ("INSERT INTO requirements VALUES (9, 0, 'seed_required', 1)",
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
        (rewrite(4, lambda record: record["event"].update(by="Mallory"), digest=True), "record 4: its link"),
    ],
)  # fmt: skip
def test_tampering_is_found(file: Path, change: Tamper | str, first: str) -> None:
    problems = tampered(file, change)
    assert re.match(first, problems[0]), problems


@pytest.mark.parametrize(("change", "first"), [
    ("DROP VIEW standing; CREATE VIEW standing AS SELECT * FROM audits WHERE status = 'PASSED'",
     "its schema was altered: standing"),
    ("DROP VIEW inventory; CREATE VIEW inventory AS SELECT * FROM models WHERE model_id = 'none'",
     "its schema was altered: inventory"),
    ("DROP TRIGGER audits_no_update", "its schema was altered: audits_no_update"),
    (("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'main or', 'main and') "
      "WHERE name = 'audits'"), "its schema was altered: audits"),
    ("DROP INDEX audits_id", "its schema was altered: audits_id"),
    ("CREATE TRIGGER x AFTER INSERT ON audits BEGIN UPDATE audits SET status = 'PASSED'; END",
     "it has a trigger of no registry: x"),
])  # fmt: skip
def test_what_stands_around_the_rows_is_checked_too(file: Path, change: str, first: str) -> None:
    database = sqlite3.connect(file)
    database.executescript(change)
    database.close()
    with connect(file) as registry:
        assert registry.verify() == [first]


def test_one_broken_record_is_not_reported_as_all_after_it(file: Path) -> None:
    problems = tampered(file, rewrite(1, lambda record: record.update(author="Mallory"), digest=True))
    assert {problem.split(":")[0] for problem in problems} == {"record 1"}


def relinked(database: sqlite3.Connection) -> None:
    """What a forger does who recomputes digests, links and rows of the whole chain."""
    rewrite(3, flip_and_seal, digest=True)(database)
    relink(database)


def contents(database: sqlite3.Connection) -> list[bytes]:
    """The canonical JSON of every record."""
    return [zlib.decompress(kept) for (kept,) in database.execute("SELECT content FROM records ORDER BY seq")]


def texts(database: sqlite3.Connection) -> dict[str, bytes]:
    """The canonical JSON of every part."""
    return {name: zlib.decompress(kept) for name, kept in database.execute("SELECT sha256, content FROM parts")}


def relink(database: sqlite3.Connection, given: Sequence[bytes] = ()) -> None:
    """Derive ids, links and rows anew from the contents, as an honest registry has them."""
    given, parts = given or contents(database), texts(database)
    for table in schema.TABLES[::-1]:
        database.execute(f"DELETE FROM {table}")  # noqa: S608
    head, known = chain.GENESIS, Known(parts.__getitem__)
    for seq, content in enumerate(given, 1):
        entry = rows.parse_entry(content, parts)
        head = chain.link(head, seq, entry.digest)
        row = (seq, entry.kind, entry.id, entry.stage, entry.digest, head, packing.compress(content))
        brought = derived.parts(entry, seq, known)
        for table, found in {"records": [row], "parts": brought, **derived.derived(entry, seq, known)}.items():
            places = ", ".join("?" * len(schema.columns(table)))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", found)  # noqa: S608


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


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    """A registry of three audits that judging again confirms."""
    path = tmp_path / "honest.db"
    with connect(path, create=True) as registry:
        for model, status in (("a", Status.PASSED), ("b", Status.BLOCKED), ("c", Status.REVIEW)):
            registry.submit(judged.audit(model, status), recorded_at=NOW)
        assert registry.verify(rejudge=rejudge) == []
    return path


def forged(record: dict[str, Any], **fields: Any) -> None:
    """Put an audit altered in `fields` in its place, with an id that fits."""
    audit = sealed(Audit.model_validate(record["audit"]).model_copy(update=fields))
    record |= {"id": audit.audit_id, "audit": audit.content()}


def pass_the_gate(record: dict[str, Any]) -> None:
    verdicts = Audit.model_validate(record["audit"]).verdicts
    passing = verdicts[1].model_copy(update={"outcome": Outcome.PASS, "raw_outcome": Outcome.PASS})
    forged(record, verdicts=(verdicts[0], passing, verdicts[2]), status=Status.REVIEW)


def soften_the_policy(record: dict[str, Any]) -> None:
    text = judged.TEXT.replace("0.10", "0.20")
    forged(record, policy=judged.policy(text))


def rewrite_the_policy(record: dict[str, Any]) -> None:
    policy = Audit.model_validate(record["audit"]).policy
    assert policy
    forged(record, policy=policy.model_copy(update={"text": policy.text.replace("Demographic", "Some")}))


def shrink_the_gap(record: dict[str, Any]) -> None:
    forged(record, measurements=judged.measurements("1/100", 0.6))


@pytest.mark.parametrize(("change", "says"), [
    (flip, "its id does not fit its content"),
    (flip_and_seal, "its status is PASSED, but judged again it is BLOCKED"),
    (pass_the_gate, "its status is REVIEW, but judged again it is BLOCKED"),
    (soften_the_policy, "its provenance names another policy's digest"),
    (rewrite_the_policy, "its policy's text is not what the policy's digest says"),
    (shrink_the_gap, "its status is BLOCKED, but judged again it is REVIEW"),
])  # fmt: skip
def test_a_verdict_forged_with_its_whole_chain_is_found_by_judging_again(
    honest: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    def forge(database: sqlite3.Connection) -> None:
        rewrite(2, change, digest=True)(database)
        relink(database)

    with connect(honest) as registry:
        anchor = registry.head().anchor
    without_judging = tampered(honest, forge)
    assert without_judging == ([] if change is not flip else [f"record 2: {says}"])
    with connect(honest) as registry:
        assert registry.verify(rejudge=rejudge)[0] == f"record 2: {says}"
        assert registry.verify(anchor)[-1].startswith("record 3: its link is not the anchor's")


@pytest.mark.parametrize(("model", "stage", "of"), [
    ("b", "main", 0), ("a", "proposed", 0), ("a", "main", None), ("a", "main", 1)])  # fmt: skip
def test_a_correction_of_what_it_may_not_correct_is_found(
    tmp_path: Path, model: str, stage: Any, of: int | None
) -> None:
    """Records that are added by their content may hold one."""
    with connect(tmp_path / "forged.db", create=True) as registry:
        first, second = samples.audit("a", as_of="2025-01-01"), samples.audit("a", as_of="2025-01-02")
        registry.submit(first, recorded_at=NOW)
        registry.submit(second, recorded_at=NOW, supersedes=Supersedes(first.audit_id, "wrong data"))
        target = {0: first.audit_id, 1: second.audit_id, None: "0" * 64}[of]
        entry = rows.audit_entry(samples.audit(model, as_of="2025-01-03"), stage, NOW, {}, None)
        forgery = canonical(json.loads(entry.content) | {"supersedes": {"audit_id": target, "reason": "x"}})
        assert registry.append_records([rows.read_entry(forgery, entry.parts)]) == 1
        wrong = ["record 3: it supersedes what is no audit of its model on main that counts"]
        assert registry.verify() == ([] if (model, stage, of) == ("a", "main", 1) else wrong)


def test_an_old_state_put_back_is_found_by_the_anchor(file: Path, tmp_path: Path) -> None:
    old = file.read_bytes()
    with connect(file) as registry:
        registry.submit(samples.audit(as_of="2025-02-01"), recorded_at=NOW)
        anchor = registry.head().anchor
    file.write_bytes(old)
    with connect(file) as registry:
        assert registry.verify() == []
        assert registry.verify(anchor) == [
            "record 5: missing; the chain ends at 4, before the anchor: records were removed"
        ]


def test_content_that_is_not_canonical_is_found(file: Path) -> None:
    def spaced(database: sqlite3.Connection) -> None:
        *before, last = contents(database)
        relink(database, [*before, last.replace(b'"kind"', b' "kind"', 1)])

    assert tampered(file, spaced) == ["record 4: its content is not canonical JSON"]


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


@pytest.mark.parametrize(
    "content", [b'{"audit":"x"}', b'{"audit":[]}', b'{"audit":{"policy":"x"}}', b"[" * 100_000, b"1"]
)
def test_a_record_that_is_none_is_damage(file: Path, content: bytes) -> None:
    def replaced(database: sqlite3.Connection) -> None:
        kept = [zlib.compress(content), sha256(content)]
        database.execute("UPDATE records SET content = ?, digest = ? WHERE seq = 1", kept)

    assert tampered(file, replaced)[0].startswith("record 1: ")
    with connect(file) as registry, pytest.raises(UserError, match="record 1 of the registry is damaged") as refused:
        registry.read_audit(1)
    assert refused.value.exit_code == 5


def test_metadata_nested_too_deeply_is_damage(file: Path) -> None:
    tampered(file, f"UPDATE audits SET metadata = '{'[' * 100_000}' WHERE seq = 1")  # noqa: S608
    with connect(file) as registry, pytest.raises(UserError, match="damaged") as refused:
        registry.query_all()
    assert refused.value.exit_code == 5


def test_a_status_that_does_not_exist_is_damage(file: Path) -> None:
    tampered(file, "UPDATE audits SET status = 'GREAT' WHERE seq = 1")
    with connect(str(file)) as registry, pytest.raises(UserError, match="damaged") as refused:
        registry.query_all()
    assert refused.value.exit_code == 5
