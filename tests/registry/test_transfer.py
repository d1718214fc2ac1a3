from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from glassalpha_action.cli import registry as cli
from glassalpha_action.documents import UserError
from glassalpha_action.policy.rejudge import rejudge
from glassalpha_action.records import Audit
from glassalpha_action.registry import Registry, Supersedes, connect
from glassalpha_action.registry import merge as merging
from glassalpha_action.registry.merge import merge
from glassalpha_action.registry.transfer import migrate
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.registry import judged, server
from tests.registry.backends import HOSTILE, NOW, fill


@pytest.fixture
def source(tmp_path: Path) -> Registry:
    """A registry with something of everything, hostile names among it."""
    registry = connect(tmp_path / "source.db", create=True)
    fill(registry)
    wrong = samples.audit("corrected", as_of="2025-01-01")
    registry.submit(wrong, recorded_at=NOW)
    right = samples.audit("corrected", Status.PASSED, as_of="2025-01-01")
    registry.submit(right, recorded_at=NOW, supersedes=Supersedes(wrong.audit_id, "the labels were stale"))
    registry.submit(samples.audit("proposed"), recorded_at=NOW, stage="proposed")
    for text in HOSTILE:
        registry.submit(samples.audit(text, team=text), recorded_at=NOW, metadata={text: text}, author=text)
    return registry


def test_a_registry_is_copied_into_another_kind_and_back(
    source: Registry, postgres: server.Server, tmp_path: Path
) -> None:
    with connect(postgres.new_registry()) as there, connect(tmp_path / "back.db", create=True) as back:
        count = source.head().seq
        assert (migrate(source, there), migrate(there, back)) == (count, count)
        assert source.head() == there.head() == back.head()
        assert there.query_all(latest=False, superseded=True) == source.query_all(latest=False, superseded=True)
        assert there.verify(source.head().anchor) == back.verify(source.head().anchor) == []
        assert list(there.entries()) == list(source.entries())
    source.close()
    assert (tmp_path / "back.db").read_bytes() != b""


def test_what_is_there_already_is_not_copied_again(source: Registry, opener: Callable[[], Registry]) -> None:
    with source, opener() as target:
        migrate(source, target)
        assert migrate(source, target) == 0
        source.submit(samples.audit("one_more"), recorded_at=NOW)
        assert migrate(source, target) == 1
        assert target.head() == source.head()


def test_a_registry_with_records_of_its_own_is_left_alone(source: Registry, opener: Callable[[], Registry]) -> None:
    with source, opener() as target:
        target.submit(samples.audit("its_own"), recorded_at=NOW)
        before = target.head()
        with pytest.raises(UserError, match="holds other records"):
            migrate(source, target)
        assert target.head() == before


def test_a_damaged_source_copies_nothing(source: Registry, opener: Callable[[], Registry], tmp_path: Path) -> None:
    source.close()
    import sqlite3

    database = sqlite3.connect(tmp_path / "source.db")
    database.execute("DROP TRIGGER records_no_update")
    database.execute("UPDATE records SET content = x'00' WHERE seq = 5")
    database.commit()
    database.close()
    with connect(tmp_path / "source.db") as broken, opener() as target:
        with pytest.raises(UserError, match="record 5 of the registry is damaged") as refused:
            migrate(broken, target)
        assert (refused.value.exit_code, target.head().seq) == (5, 0)


X1, X2, X3 = (judged.audit("m", status) for status in (Status.BLOCKED, Status.PASSED, Status.REVIEW))
Y1, Y2 = judged.audit("n", Status.PASSED, "2025-01-06"), judged.audit("n", Status.BLOCKED, "2025-01-05")
Audits = Sequence[tuple[Audit, Audit | None]]


def holding(path: Path, audits: Audits) -> Registry:
    """A registry of audits, each with the one that it corrects."""
    registry = connect(path, create=True)
    for audit, wrong in audits:
        supersedes = Supersedes(wrong.audit_id, "wrong data") if wrong else None
        registry.submit(audit, recorded_at=NOW, supersedes=supersedes)
    return registry


@pytest.mark.parametrize(("ours", "theirs", "records"), [
    pytest.param([(X1, None), (X2, X1)], [(X1, None), (X3, X1)], (2, 2), id="two corrections of one audit"),
    pytest.param([(Y2, None)], [(Y1, None), (Y2, Y1)], (1, 2), id="a correction that is none in the other"),
    pytest.param([(Y1, None), (Y2, Y1)], [(Y2, None)], (2, 1), id="the other way round"),
    pytest.param([(Y1, None), (Y2, Y1)], [(Y2, None), (Y1, Y2)], (2, 1), id="each corrects the other"),
    pytest.param([(X1, None), (X2, None), (X3, X1)], [(X1, None), (X2, None), (X3, X2)], (3, 3), id="another audit"),
])  # fmt: skip
def test_registries_that_correct_an_audit_differently_are_not_merged(
    tmp_path: Path, opener: Callable[[], Registry], ours: Audits, theirs: Audits, records: tuple[int, int]
) -> None:
    with holding(tmp_path / "a.db", ours) as one, holding(tmp_path / "b.db", theirs) as other, opener() as united:
        with pytest.raises(UserError) as refused:
            merge(one, other, united, at=NOW, by="ada")
        said = str(refused.value)
        assert (refused.value.exit_code, united.head().seq) == (2, 0)
        assert f"record {records[0]} of {one.name}" in said
        assert f"record {records[1]} of {other.name}" in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("ours", "theirs", "stands"), [
    ([(X1, None), (X2, X1)], [(X1, None), (X2, X1), (X3, X2)], [X3]),
    ([(X1, None), (X2, X1), (X3, X2)], [(X1, None), (X2, X1)], [X3]),
    ([(X1, None)], [(Y1, None), (X1, None), (Y2, Y1), (X2, X1)], [X2, Y2]),
    ([(X3, None)], [(X1, None), (X2, X1)], [X3, X2]),
])  # fmt: skip
def test_corrections_survive_a_merge(
    tmp_path: Path, opener: Callable[[], Registry], ours: Audits, theirs: Audits, stands: list[Audit]
) -> None:
    with holding(tmp_path / "a.db", ours) as one, holding(tmp_path / "b.db", theirs) as other, opener() as united:
        merge(one, other, united, at=NOW, by="ada")
        assert united.verify(rejudge=rejudge) == []
        counting = united.query_all(latest=False)
        assert [row.audit_id for row in counting] == [audit.audit_id for audit in stands]


def test_a_merge_that_came_out_broken_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_require_one_correction", lambda *_: None)
    first, second = [(X1, None), (X2, X1)], [(X1, None), (X3, X1)]
    with holding(tmp_path / "a.db", first), holding(tmp_path / "b.db", second), pytest.raises(UserError) as refused:
        CliRunner().invoke(
            cli.registry,
            ["merge", *(str(tmp_path / name) for name in ("a.db", "b.db")), "--into", str(tmp_path / "c.db")],
            catch_exceptions=False,
            standalone_mode=False,
        )
    assert (refused.value.exit_code, "record 3: it supersedes" in str(refused.value)) == (5, True)
    assert not (tmp_path / "c.db").exists()


def test_a_copy_that_is_none_is_found(
    source: Registry, opener: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    with source, opener() as target:
        real = type(target).append_records
        monkeypatch.setattr(type(target), "append_records", lambda self, entries: real(self, list(entries)[:-1]))
        with pytest.raises(UserError, match="not a copy: record") as refused:
            migrate(source, target)
        assert refused.value.exit_code == 5
