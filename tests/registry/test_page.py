"""What the reference page says can be done with a registry's tables can be done, word for word."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from glassalpha_action.registry import Event, Registry, connect
from tests import samples
from tests.registry import judged
from tests.registry.backends import NOW
from tests.registry.page import INTRODUCTION, registry_page


def blocks(language: str) -> list[str]:
    """The blocks of code on the page."""
    return re.findall(rf"```{language}\n(.*?)```", registry_page(), re.DOTALL)


@pytest.fixture
def filled(registry: Registry) -> Registry:
    for day in ("2025-01-05", "2025-01-06"):
        registry.submit(judged.audit(as_of=day), recorded_at=NOW)
    registry.record_event(Event("incident.opened", "credit_model_v2", NOW, "ada", {}))
    return registry


def test_every_question_in_sql_has_its_answer(filled: Registry) -> None:
    asked = [sql for sql in blocks("sql") if sql.startswith("SELECT")]
    failed, over_time, by_policy = (filled.fetch(sql.strip().rstrip(";")) for sql in asked)
    assert [row["gate_name"] for row in failed] == ["Demographic Parity", "Statistical Power"]
    assert [(row["as_of"], row["value"]) for row in over_time] == [("2025-01-05", 0.13), ("2025-01-06", 0.13)]
    assert [row["status"] for row in by_policy] == ["BLOCKED", "BLOCKED"]
    (shown,) = set(re.findall(r'"(SELECT .*?)"', INTRODUCTION))
    assert filled.fetch(shown)[0]["as_of"] == "2025-01-06"


def test_a_record_is_read_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = samples.audit()
    with connect(tmp_path / "model_registry.db", create=True) as registry:
        registry.submit(samples.audit("without", policy=None, verdicts=()), recorded_at=NOW)
        registry.record_event(Event("incident.opened", "credit_model_v2", NOW, "ada", {}))
        registry.submit(audit, recorded_at=NOW)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    (tmp_path / "by_hand.py").write_text(code)
    assert runpy.run_path("by_hand.py")["audit"] == audit.content()
