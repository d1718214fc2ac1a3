"""Values at the edge of what JSON holds, on every backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.registry import Event, Registry, connect
from tests import samples
from tests.registry.backends import NOW


def nested(depth: int) -> list[object]:
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize("depth", [250, 5_000])
def test_what_could_not_be_read_again_is_not_recorded(registry: Registry, depth: int) -> None:
    with pytest.raises(UserError, match="nested too deeply") as refused:
        registry.record_event(Event("survey.recorded", "x", NOW, "Ada", {"answers": nested(depth)}))
    assert (refused.value.exit_code, registry.head().seq) == (2, 0)


@pytest.mark.parametrize("number", [2.0**53, 12345678901234567890.0, -(2.0**60), 9.9e20, 1e21, 5e-324])
def test_doubles_written_as_long_whole_numbers_stay_doubles(registry: Registry, tmp_path: Path, number: float) -> None:
    audit = samples.audit(measurements=(samples.AUC, samples.GAP.model_copy(update={"value": number}), samples.POWER))
    event = Event("survey.recorded", "x", NOW, "Ada", {"answers": [number, {"one": number}]})
    with connect(tmp_path / "from.db", create=True) as source:
        source.submit(audit, recorded_at=NOW)
        source.record_event(event)
        assert registry.append_records(source.entries()) == 2
    assert registry.verify() == []
    assert registry.audit(audit.audit_id) == audit
    assert registry.events() == [event]
    assert registry.query_metric(samples.GAP.metric)[0].value == number
