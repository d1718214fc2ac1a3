"""What is handed to the Python API by mistake ends in one sentence that names it, and nothing is recorded."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Event, Registry, Supersedes, connect
from tests.registry import judged

NOW = "2025-01-06T08:30:00Z"
HELD = Event("training.held", "credit-risk", NOW, "Ada", {"hours": 2})
AUDIT = judged.audit()

CALLS: dict[str, Callable[[Any], object]] = {
    "submit: audit": lambda r: r.submit({"audit_id": "x"}, recorded_at=NOW),
    "submit: recorded_at": lambda r: r.submit(AUDIT, recorded_at=datetime.datetime(2025, 1, 6, tzinfo=datetime.UTC)),
    "submit: metadata": lambda r: r.submit(AUDIT, recorded_at=NOW, metadata=["team"]),
    "submit: stage": lambda r: r.submit(AUDIT, recorded_at=NOW, stage="production"),
    "submit: supersedes": lambda r: r.submit(AUDIT, recorded_at=NOW, supersedes="0" * 64),
    "record_event: event": lambda r: r.record_event("training.held"),
    "query_all: last_n_days": lambda r: r.query_all("30"),
    "query_all: team": lambda r: r.query_all(team=3),
    "query_all: stage": lambda r: r.query_all(stage="production"),
    "query_all: today": lambda r: r.query_all(3, today="2025-01-01"),
    "history: model_id": lambda r: r.history(None),
    "history: stage": lambda r: r.history("m", stage="production"),
    "audit: audit_id": lambda r: r.audit(3),
    "read_audit: seq": lambda r: r.read_audit("1"),
    "query_pass_rates: period": lambda r: r.query_pass_rates("year"),
    "query_metric: metric": lambda r: r.query_metric(b"roc_auc"),
    "events: kind": lambda r: r.events(kind=3),
    "verify: anchor": lambda r: r.verify(3),
}


@pytest.mark.parametrize("named", CALLS)
def test_an_argument_of_another_type_is_named(registry: Registry, named: str) -> None:
    with pytest.raises(UserError, match=rf"^{named} .*, not this \w+$") as refused:
        CALLS[named](registry)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert registry.head().seq == 0


@pytest.mark.parametrize("url", [None, 3, b"postgresql://u:s3cret-of-test@h/x", ["x.db"]])
def test_a_registry_is_at_a_text_or_a_path(url: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^connect: url ") as refused:
        connect(url, create=True)
    assert "s3cret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_an_argument_too_few_or_too_many_is_pythons_own_error(registry: Any) -> None:
    with pytest.raises(TypeError, match="audit_id"):
        registry.audit()
    with pytest.raises(TypeError, match="colour"):
        registry.query_all(colour="red")


SAID: dict[str, tuple[dict[str, object], str]] = {
    "a subject that is no text": ({"subject": 2025}, "is no text"),
    "a kind that is no text": ({"kind": None}, "is no text"),
    "a name that is no text": ({"by": b"Ada"}, "bytes"),
    "no moment": ({"at": None}, "UTC as YYYY-MM-DD"),
    "a moment that is none": ({"at": "yesterday"}, "UTC as YYYY-MM-DD"),
    "no body": ({"body": None}, "cannot be recorded"),
    "a body that is a list": ({"body": [1]}, "cannot be recorded"),
    "a date in the body": ({"body": {"on": datetime.date(2025, 1, 6)}}, "datetime.date"),
    "a set in the body": ({"body": {"who": {"Ada"}}}, "set"),
    "a number for a key": ({"body": {1: "one"}}, "keys must be strings"),
    "no number": ({"body": {"share": math.nan}}, "infinite or none"),
    "half of a character": ({"body": {"who": "\ud800"}}, "half of a character"),
    "half of a character in a key": ({"body": {"\ud800": "who"}}, "half of a character"),
}


@pytest.mark.parametrize("name", SAID)
def test_an_event_that_could_not_be_read_again_is_not_recorded(registry: Registry, name: str) -> None:
    changed, words = SAID[name]
    with pytest.raises(UserError, match=words) as refused:
        registry.record_event(replace(HELD, **changed))  # type: ignore[arg-type]
    assert refused.value.exit_code == 2
    assert "half of a character" not in str(refused.value) or name.startswith("half")
    assert registry.record_event(HELD).seq == 1
    assert registry.events() == [HELD]
    assert registry.verify() == []


def test_a_correction_of_what_is_recorded_already_is_refused_rather_than_lost(registry: Registry) -> None:
    wrong, right = judged.audit(), judged.audit(as_of="2025-01-06")
    for one in (wrong, right):
        registry.submit(one, recorded_at=NOW)
    correction = Supersedes(wrong.audit_id, "wrong data")
    with pytest.raises(UserError, match="recorded already, without this correction") as refused:
        registry.submit(right, recorded_at=NOW, supersedes=correction)
    assert refused.value.exit_code == 2
    again = judged.audit(as_of="2025-01-07")
    assert registry.submit(again, recorded_at=NOW, supersedes=correction).new
    assert not registry.submit(again, recorded_at=NOW, supersedes=correction).new
    assert not registry.submit(again, recorded_at=NOW).new
    assert [row.audit_id for row in registry.query_all(latest=False)] == [right.audit_id, again.audit_id]
