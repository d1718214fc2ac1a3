"""The contract every backend keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action import brevity
from glassalpha_action.digests import canonical, sha256
from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit, Requirement, sealed
from glassalpha_action.registry import Event, Head, Registry, Supersedes, chain, connect, packing, rows, schema
from glassalpha_action.vocabulary import Outcome, Status
from tests import samples
from tests.registry.backends import HOSTILE, NOW, TODAY, fill


def test_an_empty_registry(registry: Registry) -> None:
    assert registry.head() == Head(0, chain.GENESIS)
    assert registry.query_all() == []
    assert registry.query_failed_gates_summary() == {"gate_name": [], "count": []}
    assert registry.verify() == []


def test_an_audit_comes_back_as_it_went_in(registry: Registry) -> None:
    audit = samples.audit()
    receipt = registry.submit(audit, recorded_at=NOW, metadata={"cost_center": "CR-4501", "run": "7"}, author="grace")
    assert registry.head() == Head(1, receipt.link)
    assert receipt.link == chain.link(chain.GENESIS, 1, receipt.digest)
    assert registry.audit(audit.audit_id).to_json() == audit.to_json()
    assert registry.audit(audit.audit_id[:6]) == audit
    (row,) = registry.query_all()
    assert (row.model_id, row.team, row.cost_center, row.as_of) == (
        "credit_model_v2",
        "credit-risk",
        "CR-4501",
        "2025-01-05",
    )
    assert (row.status, row.enforced, row.failed_gates, row.author) == ("BLOCKED", True, 2, "grace")
    assert row.metadata == {"cost_center": "CR-4501", "run": "7"}
    assert (row.seq, row.recorded_at, row.policy_id, row.data_rows) == (1, NOW, "sample-policy", 300)


def test_the_same_audit_twice_is_one_row(opener: Callable[[], Registry]) -> None:
    with opener() as registry:
        first = registry.submit(samples.audit(), recorded_at=NOW)
    with opener() as registry:
        again = registry.submit(samples.audit(), recorded_at="2025-02-01T00:00:00Z", metadata={"team": "other"})
        assert (again.seq, again.link, again.digest, again.new) == (first.seq, first.link, first.digest, False)
        assert [row.team for row in registry.query_all(latest=False)] == ["credit-risk"]


def test_a_proposed_audit_does_not_change_the_standing(registry: Registry) -> None:
    registry.submit(samples.audit(status=Status.PASSED), recorded_at=NOW)
    proposed = samples.audit(status=Status.BLOCKED, as_of="2025-01-06")
    assert registry.submit(proposed, recorded_at=NOW, stage="proposed").new
    assert [row.status for row in registry.query_all()] == ["PASSED"]
    assert [row.status for row in registry.query_all(stage="proposed")] == ["BLOCKED"]
    assert registry.query_failed_gates_summary()["count"] == []
    assert registry.submit(proposed, recorded_at=NOW).new, "merged: the same audit now stands on main too"
    assert [row.status for row in registry.query_all()] == ["BLOCKED"]
    assert registry.audit(proposed.audit_id) == proposed
    assert registry.verify() == []


def test_the_latest_audit_is_that_of_the_latest_day_then_the_last_submitted(registry: Registry) -> None:
    registry.submit(samples.audit(as_of="2025-01-05", status=Status.PASSED), recorded_at=NOW)
    registry.submit(samples.audit(as_of="2025-01-04", status=Status.BLOCKED), recorded_at=NOW)
    assert [row.as_of for row in registry.query_all()] == ["2025-01-05"]
    assert [row.as_of for row in registry.history("credit_model_v2")] == ["2025-01-04", "2025-01-05"]
    registry.submit(samples.audit(as_of="2025-01-05", status=Status.REVIEW), recorded_at=NOW)
    assert [row.status for row in registry.query_all()] == ["REVIEW"]
    assert len(registry.query_all(latest=False)) == 3


def test_last_n_days_counts_by_the_day_of_the_audit(registry: Registry) -> None:
    fill(registry)
    assert [row.model_id for row in registry.query_all(last_n_days=3)] == ["credit_model_v2", "fraud_model_v3"]
    assert [row.model_id for row in registry.query_all(2)] == ["credit_model_v2"]
    assert [row.model_id for row in registry.query_all(0, today=date(2025, 1, 5))] == ["credit_model_v2"]
    assert len(registry.query_all(10**9)) == 3
    with pytest.raises(UserError, match="0 or more"):
        registry.query_all(-1)


def test_filters_look_at_the_latest_audit_only(registry: Registry) -> None:
    fill(registry)
    registry.submit(samples.audit("credit_model_v2", Status.PASSED, "2025-01-06"), recorded_at=NOW)
    assert registry.query_all(status="BLOCKED") == []
    assert [row.model_id for row in registry.query_all(status="BLOCKED", latest=False)] == ["credit_model_v2"]
    assert [row.model_id for row in registry.query_all(team="fraud")] == ["fraud_model_v3"]
    assert registry.query_all(use_case="pricing") == []
    with pytest.raises(UserError, match="no status 'APPROVED'"):
        registry.query_all(status="APPROVED")


def test_a_status_that_is_not_enforced_keeps_its_name_and_shows_would_be(registry: Registry) -> None:
    audit = samples.audit(enforced=False, profile="dev")
    registry.submit(audit, recorded_at=NOW)
    (row,) = registry.query_all(status="BLOCKED")
    assert (row.status, row.enforced, row.shown()) == ("BLOCKED", False, "would be BLOCKED")


def test_approved_is_shown_only_with_an_approval_of_an_audit_that_may_have_one(registry: Registry) -> None:
    fill(registry)
    rows = registry.query_all()
    everything = {row.audit_id for row in rows}
    assert [row.shown() for row in rows] == ["BLOCKED", "PASSED", "REVIEW"]
    assert [row.shown(everything) for row in rows] == ["BLOCKED", "APPROVED", "APPROVED"]


def test_the_summary_counts_models_in_their_latest_audit(registry: Registry) -> None:
    registry.submit(samples.audit("a", as_of="2025-01-01"), recorded_at=NOW)
    registry.submit(samples.audit("a", as_of="2025-01-02"), recorded_at=NOW)
    registry.submit(samples.audit("b", as_of="2025-01-01"), recorded_at=NOW)
    registry.submit(samples.audit("b", Status.PASSED, as_of="2025-01-02"), recorded_at=NOW)
    registry.submit(samples.audit("c", Status.PASSED, verdicts=(samples.verdict(samples.GAP, Outcome.FAIL),),
                                  requirements=(Requirement(name="seed_required", met=False, message="Set one."),)),
                    recorded_at=NOW)  # fmt: skip
    assert registry.query_failed_gates_summary() == {
        "gate_name": ["Demographic parity difference gate", "Statistical power gate", "seed_required"],
        "count": [2, 1, 1],
    }


def test_models_policies_gates_and_measurements_are_tables(registry: Registry) -> None:
    fill(registry)
    registry.submit(samples.audit("fraud_model_v3", Status.PASSED, "2025-01-04", "fraud"), recorded_at=NOW)
    registry.submit(samples.audit("fraud_model_v3", Status.PASSED, "2025-01-05", "risk"), recorded_at=NOW)
    teams = registry.fetch("SELECT seq, team FROM models WHERE model_id = :m ORDER BY seq", {"m": "fraud_model_v3"})
    assert teams == [{"seq": 2, "team": "fraud"}, {"seq": 6, "team": "risk"}]
    assert registry.fetch("SELECT seq, sha256, text FROM policies") == [
        {"seq": 1, "sha256": samples.POLICY.sha256, "text": samples.POLICY_TEXT}
    ]
    gates = registry.fetch(
        "SELECT gate_id, outcome, value, threshold, failed FROM gates WHERE seq = 1 ORDER BY position"
    )
    assert gates[1] == {"gate_id": "demographic-parity-difference", "outcome": "FAIL", "value": 0.13, "threshold": 0.1,
                        "failed": 1}  # fmt: skip
    power = registry.fetch(
        "SELECT value, reason, attribute FROM measurements WHERE seq = 1 AND metric = 'statistical_power'"
    )
    assert power == [{"value": None, "reason": "only one group has rows", "attribute": "age_group"}]


def test_events_are_records_of_the_same_chain(registry: Registry) -> None:
    fill(registry)
    event = Event("training.held", "credit-risk", NOW, "Ada", {"attendees": 12})
    assert registry.events(kind="training.held", subject="credit-risk") == [event]
    assert registry.events(kind="other") == []
    again = registry.record_event(event)
    assert (again.seq, again.new, registry.head().seq) == (4, False, 4)


def test_a_next_review_is_a_day(registry: Registry) -> None:
    with pytest.raises(UserError, match="next_review must be a day as YYYY-MM-DD"):
        registry.submit(samples.audit(), recorded_at=NOW, metadata={"next_review": "next spring"})
    assert registry.head().seq == 0


def test_an_altered_audit_is_not_recorded(registry: Registry) -> None:
    altered = samples.audit().model_copy(update={"status": Status.PASSED})
    with pytest.raises(UserError, match="altered after it was made") as refused:
        registry.submit(altered, recorded_at=NOW)
    assert refused.value.exit_code == 5
    assert registry.head().seq == 0


@pytest.mark.parametrize("moment", ["", "2025-01-06", "2025-01-06T08:30:00", "2025-13-06T08:30:00Z", "yesterday"])
def test_a_moment_that_is_none_is_refused(registry: Registry, moment: str) -> None:
    with pytest.raises(UserError, match="YYYY-MM-DDTHH:MM:SSZ"):
        registry.submit(samples.audit(), recorded_at=moment)
    assert registry.head().seq == 0


@pytest.mark.parametrize("day", ["2025-1-5", "20250105", "5 January"])
def test_a_day_that_is_none_is_refused(registry: Registry, day: str) -> None:
    with pytest.raises(UserError, match="YYYY-MM-DD"):
        registry.submit(samples.audit(as_of=day), recorded_at=NOW)


@pytest.mark.parametrize("wanted", ["", "abc", "zzzzzzzz", "%%%%%%", "abcdef' OR 1=1"])
def test_what_is_no_audit_id_is_refused(registry: Registry, wanted: str) -> None:
    fill(registry)
    with pytest.raises(UserError, match="an audit id is"):
        registry.audit(wanted)


def test_an_audit_that_is_not_there(registry: Registry) -> None:
    fill(registry)
    with pytest.raises(UserError, match="holds no audit 000000"):
        registry.audit("000000")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_unchanged_and_does_nothing(registry: Registry, text: str) -> None:
    audit = samples.audit(text, team=text)
    registry.submit(audit, recorded_at=NOW, metadata={text: text, "cost_center": text}, author=text)
    registry.record_event(Event(text, text, NOW, text, {text: [text]}))
    (row,) = registry.query_all(team=text, use_case="credit_scoring", today=TODAY)
    assert (row.model_id, row.team, row.author, row.metadata[text]) == (text, text, text, text)
    assert registry.history(text) == [row]
    assert registry.audit(row.audit_id).model.id == text
    assert registry.events(subject=text)[0].body == {text: [text]}
    assert registry.verify() == []


def test_text_that_no_json_can_hold_is_refused(registry: Registry) -> None:
    with pytest.raises(UserError, match="canonical JSON"):
        registry.submit(samples.audit(), recorded_at=NOW, author="\ud800")
    assert registry.head().seq == 0


def test_reading_sees_one_moment_and_passes_on_the_callers_own_errors(opener: Callable[[], Registry]) -> None:
    with opener() as registry, registry.reading(), registry.reading():
        assert registry.verify() == []
    with opener() as registry, pytest.raises(FileNotFoundError), registry.reading():
        raise FileNotFoundError(2, "a file of the caller's")


def test_a_failure_inside_an_append_leaves_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(registry).insert

    def failing(self: Registry, table: str, cells: list[dict[str, object]]) -> None:
        if table == "measured":
            raise KeyboardInterrupt
        real(self, table, cells)

    with monkeypatch.context() as patched:
        patched.setattr(type(registry), "insert", failing)
        with pytest.raises(KeyboardInterrupt):
            registry.submit(samples.audit(), recorded_at=NOW)
    assert registry.head().seq == 0
    assert registry.fetch("SELECT count(*) AS n FROM gates") == [{"n": 0}]
    assert registry.submit(samples.audit(), recorded_at=NOW).seq == 1


def corrected(registry: Registry) -> tuple[str, str]:
    """A blocked audit and the correction that stands in for it, a day earlier."""
    wrong, right = samples.audit(as_of="2025-01-05"), samples.audit(status=Status.PASSED, as_of="2025-01-04")
    registry.submit(wrong, recorded_at=NOW)
    registry.submit(right, recorded_at=NOW, supersedes=Supersedes(wrong.audit_id, "the labels were stale"))
    return wrong.audit_id, right.audit_id


def test_a_correction_stands_in_for_the_audit_it_supersedes(registry: Registry) -> None:
    wrong, right = corrected(registry)
    (row,) = registry.query_all()
    assert (row.audit_id, row.status, row.supersedes, row.reason) == (right, "PASSED", wrong, "the labels were stale")
    assert [r.audit_id for r in registry.query_all(latest=False)] == [right]
    assert [r.audit_id for r in registry.query_all(latest=False, superseded=True)] == [right, wrong]
    assert [r.audit_id for r in registry.history("credit_model_v2")] == [right, wrong]
    assert registry.query_failed_gates_summary()["count"] == []
    assert [r["audit_id"] for r in registry.fetch("SELECT audit_id FROM standing")] == [right]
    assert registry.audit(wrong).status is Status.BLOCKED, "it stays in the chain"
    assert registry.verify() == []


def test_a_correction_needs_an_audit_of_the_same_model_on_main_and_a_reason(registry: Registry) -> None:
    wrong, right = corrected(registry)
    other, new = samples.audit("other"), samples.audit(as_of="2025-01-07")
    registry.submit(samples.audit(as_of="2025-01-08"), recorded_at=NOW, stage="proposed")
    for audit, stage, supersedes, says in (
        (other, "main", Supersedes(wrong, "why"), "no audit .* of this model"),
        (new, "main", Supersedes("0" * 64, "why"), "no audit 0+ of this model"),
        (new, "main", Supersedes(samples.audit(as_of="2025-01-08").audit_id, "why"), "no audit .* of this model"),
        (new, "main", Supersedes(wrong, "why"), "superseded already"),
        (new, "main", Supersedes(right, " "), "needs a reason"),
        (new, "main", Supersedes(new.audit_id, "why"), "itself"),
        (new, "proposed", Supersedes(right, "why"), "only an audit on main"),
    ):
        with pytest.raises(UserError, match=says):
            registry.submit(audit, recorded_at=NOW, stage=stage, supersedes=supersedes)  # type: ignore[arg-type]
    assert registry.head().seq == 3


def test_records_are_added_as_another_registry_holds_them(opener: Callable[[], Registry], tmp_path: Path) -> None:
    with connect(tmp_path / "from.db", create=True) as source, opener() as registry:
        fill(source)
        corrected(source)
        entries = list(source.entries())
        assert registry.append_records(entries[:2]) == 2
        assert registry.append_records(iter(entries)) == len(entries) - 2 == 3
        assert registry.append_records(entries) == 0
        assert registry.head() == source.head()
        assert registry.verify(source.head().anchor) == []
        assert registry.query_all(latest=False, superseded=True) == source.query_all(latest=False, superseded=True)
        assert list(registry.entries(after=4)) == entries[4:]


BROKEN = (
    lambda _: b"",
    lambda _: b"[]",
    lambda _: b"{}",
    lambda _: b"[" * 100_000,
    lambda content: content[:-1],
    lambda content: b" " + content,
    lambda content: content.replace(b'"status":"BLOCKED"', b'"status":"PASSED"'),
    lambda content: content.replace(b'"stage":"main"', b'"stage":"other"'),
    lambda content: content.replace(b"glassalpha-record/1", b"glassalpha-record/2"),
    lambda content: content.replace(b'"kind":"audit"', b'"kind":"other"'),
    lambda content: content.replace(b'"metadata":{}', b'"metadata":1'),
    lambda content: content.replace(b"T08:30:00Z", b"T08:30:00"),
)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_record_is_refused_and_nothing_is_added(
    registry: Registry, tmp_path: Path, broken: Callable[[bytes], bytes]
) -> None:
    with connect(tmp_path / "from.db", create=True) as source:
        fill(source)
        first, second, *_ = source.entries()
    assert broken(first.content) != first.content
    with pytest.raises(UserError, match="is no record") as refused:
        registry.append_records([second, rows.read_entry(broken(first.content), first.parts)])
    assert (refused.value.exit_code, registry.head().seq) == (5, 0)


def test_pass_rates_by_month_and_quarter(registry: Registry) -> None:
    for model, status, day in (("a", Status.PASSED, "2024-12-31"), ("a", Status.BLOCKED, "2025-01-01"),
                               ("b", Status.PASSED, "2025-01-31"), ("b", Status.REVIEW, "2025-03-01"),
                               ("c", Status.NO_POLICY, "2025-03-01")):  # fmt: skip
        registry.submit(samples.audit(model, status, day), recorded_at=NOW)
    registry.submit(samples.audit("dev", Status.PASSED, "2025-03-01", profile="dev"), recorded_at=NOW)
    registry.submit(samples.audit("a", Status.PASSED, "2025-03-02"), recorded_at=NOW, stage="proposed")
    assert registry.query_pass_rates() == [("2024-12", 1, 1), ("2025-01", 2, 1), ("2025-03", 1, 0)]
    assert registry.query_pass_rates("quarter") == [("2024-Q4", 1, 1), ("2025-Q1", 3, 1)]
    assert registry.query_pass_rates("quarter")[1].share == 1 / 3
    assert registry.query_pass_rates(team="nobody") == []


def test_a_metric_over_time(registry: Registry) -> None:
    fill(registry)
    registry.submit(samples.audit(as_of="2024-12-01", measurements=(samples.AUC.model_copy(update={"value": 1.0}),)),
                    recorded_at=NOW)  # fmt: skip
    found = registry.query_metric("roc_auc", model_id="credit_model_v2")
    assert [(v.as_of, v.value, v.n) for v in found] == [("2024-12-01", 1.0, 300), ("2025-01-05", 0.781, 300)]
    assert len(registry.query_metric("demographic_parity_difference", attribute="sex")) == 3
    assert registry.query_metric("demographic_parity_difference", attribute="age_group") == []


def test_the_inventory_is_each_model_as_last_described(registry: Registry) -> None:
    fill(registry)
    card = samples.audit().model.model_copy(update={"tier": "1", "validator": "MRM", "limitations": "None known."})
    registry.submit(samples.audit(as_of="2025-01-06", model=card), recorded_at=NOW,
                    metadata={"cost_center": "CR-1", "next_review": "2025-02-01"})  # fmt: skip
    found = {row["model_id"]: row for row in registry.fetch("SELECT * FROM inventory")}
    assert len(found) == 3
    one = found["credit_model_v2"]
    assert (one["tier"], one["validator"], one["cost_center"], one["next_review"]) == ("1", "MRM", "CR-1", "2025-02-01")
    assert found["loan_pricing_v1"]["next_review"] == "2025-04-01", "the policy's"


@pytest.mark.parametrize("table", schema.TABLES)
def test_no_row_can_be_changed_or_removed(registry: Registry, table: str) -> None:
    fill(registry)
    column = registry.fetch(f"SELECT * FROM {table} LIMIT 1")[0]  # noqa: S608
    name = next(iter(column))
    for sql in (f'UPDATE {table} SET "{name}" = "{name}"', f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(UserError), registry.appending():
            registry.fetch(sql)
    assert registry.verify() == []


def test_an_audit_of_an_earlier_version_keeps_its_id(registry: Registry) -> None:
    """A field that came later is not in what was sealed before; one with its default may be written out."""
    written = samples.audit().model_dump(mode="json")
    del written["waivers"], written["provenance"]["isolation"]
    written["audit_id"] = brevity.digest(written)
    registry.submit(Audit.model_validate(written), recorded_at=NOW)
    assert registry.verify() == []
    assert registry.audit(written["audit_id"]).waivers == ()
    written["status"] = "PASSED"
    with pytest.raises(UserError, match="altered after it was made"):
        registry.submit(Audit.model_validate(written), recorded_at=NOW)


MISFITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a newer schema": lambda r: r["audit"].update(schema_version="2"),
    "no schema": lambda r: r["audit"].pop("schema_version"),
    "a key of no schema": lambda r: r["audit"].update(later=1),
    "a number as text": lambda r: r["audit"]["measurements"][0].update(n="300"),
    "no number": lambda r: r["audit"]["measurements"][0].update(n=None),
    "a number too large": lambda r: r["audit"]["measurements"][0].update(n=1e300),
    "a list for a value": lambda r: r["audit"]["measurements"][0].update(value=[1]),
    "a list for a name": lambda r: r["audit"]["measurements"][0].update(metric=["auc"]),
    "a list for a model": lambda r: r["audit"]["model"].update(id=["m"]),
    "an object for measurements": lambda r: r["audit"].update(measurements={"a": 1}),
    "a status there is none": lambda r: r["audit"].update(status="GREAT"),
    "one thing measured twice": lambda r: r["audit"]["measurements"].append(r["audit"]["measurements"][0]),
    "a glossary, not its digest": lambda r: r["audit"].update(glossary={}),
    "a digest that is none": lambda r: r["audit"].update(policy="../policy"),
    "no policy and no null": lambda r: r["audit"].pop("policy"),
    "a metric of no glossary": lambda r: r["audit"]["measurements"][0].update(metric="x"),
    "a gate of no glossary": lambda r: r["audit"]["verdicts"][0].update(metric="x"),
    "an author of no text": lambda r: r.update(author={"name": "x"}),
    "metadata of no text": lambda r: r.update(metadata={"team": ["x"]}),
    "no such day": lambda r: r["audit"]["provenance"].update(as_of="2025-02-30"),
}


def edited(edit: Callable[[dict[str, Any]], object]) -> tuple[bytes, Mapping[str, bytes]]:
    """The content of a record that somebody edited and sealed anew, and its parts."""
    entry = rows.audit_entry(samples.audit(), "main", NOW, {}, "ada")
    record = json.loads(entry.content)
    edit(record)
    audit = record["audit"]
    audit["audit_id"] = record["id"] = sha256(canonical({k: v for k, v in audit.items() if k != "audit_id"}))
    return canonical(record), entry.parts


@pytest.mark.parametrize("edit", MISFITS.values(), ids=MISFITS)
def test_a_record_from_outside_that_fits_no_schema_is_refused(
    registry: Registry, edit: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(UserError, match="no record") as refused:
        registry.append_records([rows.read_entry(*edited(edit))])
    assert refused.value.exit_code == 5
    assert registry.head().seq == 0
    registry.submit(samples.audit(), recorded_at=NOW)
    assert registry.verify() == []


@pytest.mark.parametrize("edit", [
    lambda r: r["audit"]["measurements"][1]["groups"][0].update(n="many"),
    lambda r: r["audit"]["verdicts"][0]["judged"][0].pop("outcome"),
    lambda r: r["audit"].update(charts={"roc": [{"auc": 0.5}]}),
])  # fmt: skip
def test_what_no_row_comes_from_is_checked_by_verify_and_by_whoever_reads_the_audit(
    registry: Registry, edit: Callable[[dict[str, Any]], object]
) -> None:
    entry = rows.read_entry(*edited(edit))
    registry.append_records([entry, rows.audit_entry(samples.audit("another"), "main", NOW, {}, "ada")])
    assert [re.fullmatch("record 1: it cannot be read: .*", found) is not None for found in registry.verify()] == [True]
    with pytest.raises(UserError, match="record 1 of the registry is damaged"):
        next(registry.entries())
    with pytest.raises(UserError, match="record 1 of the registry is damaged") as refused:
        registry.audit(entry.id)
    assert refused.value.exit_code == 5


@pytest.mark.parametrize("said", [{"subject": ["x"]}, {"by": 5}, {"at": "yesterday"}, {"body": ["x"]}, {"more": "x"}])
def test_an_event_from_outside_that_is_none_is_refused(registry: Registry, said: dict[str, Any]) -> None:
    record = json.loads(rows.event_entry(Event("incident.opened", "m", NOW, "ada", {})).content)
    record["event"] |= said
    record["id"] = sha256(canonical(record["event"]))
    with pytest.raises(UserError, match="no record") as refused:
        registry.append_records([rows.read_entry(canonical(record))])
    assert (refused.value.exit_code, registry.head().seq) == (5, 0)


@pytest.mark.parametrize(("change", "says"), [
    (lambda _: {}, "its part [0-9a-f]{12} is missing"),
    (lambda parts: {digest: part + b" " for digest, part in parts.items()}, "is not what its digest says"),
])  # fmt: skip
def test_a_part_that_did_not_come_whole_is_refused(
    registry: Registry, change: Callable[[Mapping[str, bytes]], Mapping[str, bytes]], says: str
) -> None:
    entry = rows.audit_entry(samples.audit(), "main", NOW, {}, "ada")
    with pytest.raises(UserError, match=says) as refused:
        registry.append_records([rows.read_entry(entry.content, change(entry.parts))])
    assert (refused.value.exit_code, registry.head().seq) == (5, 0)


def test_a_part_too_large_to_be_read_again_is_not_recorded(registry: Registry) -> None:
    known = samples.audit()
    words = known.glossary["roc_auc"].model_copy(update={"definition": "x" * (packing.PART_LIMIT + 1)})
    audit = sealed(known.model_copy(update={"glossary": {**known.glossary, "roc_auc": words}}))
    with pytest.raises(UserError, match="is larger than 16 MB") as refused:
        registry.submit(audit, recorded_at=NOW)
    assert (refused.value.exit_code, registry.head().seq) == (4, 0)


@pytest.mark.parametrize("name", ["glossary", "policy"])
@pytest.mark.parametrize("text", [b"{}", b"[]", b"{", b'{"roc_auc":{}}', b"null"])
def test_a_part_that_is_none_is_refused(registry: Registry, name: str, text: bytes) -> None:
    entry = rows.audit_entry(samples.audit(), "main", NOW, {}, "ada")
    record = json.loads(entry.content)
    audit = record["audit"] | {name: sha256(text)}
    record["audit"] = audit
    audit["audit_id"] = record["id"] = sha256(canonical({k: v for k, v in audit.items() if k != "audit_id"}))
    with pytest.raises(UserError, match="no record") as refused:
        registry.append_records([rows.read_entry(canonical(record), {**entry.parts, sha256(text): text})])
    assert "\n" not in str(refused.value)
    assert record["id"][:12] in str(refused.value)
    assert (refused.value.exit_code, registry.head().seq) == (5, 0)


def test_an_audit_is_read_with_the_bytes_that_were_recorded(registry: Registry) -> None:
    audits = [samples.audit(f"model_{k}", as_of=f"2025-01-0{k}") for k in range(1, 4)]
    for audit in audits:
        registry.submit(audit, recorded_at=NOW)
    registry.record_event(Event("incident.opened", "m", NOW, "ada", {}))
    assert [registry.read_audit(seq) for seq in (1, 2, 3)] == [(audit, audit.to_json()) for audit in audits]
    for seq in (0, 4, 5):
        with pytest.raises(UserError, match="is no audit"):
            registry.read_audit(seq)


def test_what_records_share_is_kept_once(registry: Registry) -> None:
    for k in range(1, 6):
        registry.submit(samples.audit(f"model_{k}"), recorded_at=NOW)
    assert registry.fetch("SELECT count(*) AS n FROM parts") == [{"n": 2}]
    assert registry.fetch("SELECT count(*) AS n FROM metrics") == [{"n": 3}]
    assert registry.fetch("SELECT count(*) AS n FROM measurements WHERE metric = 'roc_auc'") == [{"n": 5}]
    assert list(registry.entries()) == [
        rows.audit_entry(samples.audit(f"model_{k}"), "main", NOW, {}, None) for k in range(1, 6)
    ]
    assert registry.verify() == []
