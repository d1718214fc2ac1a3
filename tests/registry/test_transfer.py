from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Registry, Supersedes, connect
from glassalpha_action.registry.transfer import migrate
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.registry import server
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


def test_a_copy_that_is_none_is_found(
    source: Registry, opener: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    with source, opener() as target:
        real = type(target).append_records
        monkeypatch.setattr(type(target), "append_records", lambda self, entries: real(self, list(entries)[:-1]))
        with pytest.raises(UserError, match="not a copy: record") as refused:
            migrate(source, target)
        assert refused.value.exit_code == 5
