from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action.governance import approvals
from glassalpha_action.registry import Event, Registry, Row, Supersedes, connect
from glassalpha_action.registry.merge import merge
from glassalpha_action.vocabulary import Status
from tests import samples

NOW = "2025-01-06T08:30:00Z"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return connect(tmp_path / "registry.db", create=True)


def submitted(
    registry: Registry,
    status: Status,
    day: str,
    stage: Any = "main",
    supersedes: Supersedes | None = None,
    **fields: Any,
) -> Row:
    audit = samples.audit("m", status, day, **fields)
    registry.submit(audit, recorded_at=NOW, stage=stage, author="grace", supersedes=supersedes)
    return next(row for row in registry.query_all(latest=False, stage=stage) if row.audit_id == audit.audit_id)


def decided(registry: Registry, kind: str, row: Row, by: str = "Ada", at: str = NOW) -> Event:
    event = approvals.decision(kind, row, by=by, at=at, reason="reviewed")
    registry.record_event(event)
    return event


def shown(registry: Registry) -> str:
    live = approvals.approved(registry)
    (row,) = registry.query_all()
    return row.shown(live)


@pytest.mark.parametrize("status", [Status.PASSED, Status.REVIEW])
def test_an_approved_audit_is_shown_so(registry: Registry, status: Status) -> None:
    row = submitted(registry, status, "2025-01-01")
    assert shown(registry) == status
    decided(registry, approvals.REQUESTED, row)
    assert shown(registry) == status
    decided(registry, approvals.GRANTED, row)
    assert shown(registry) == "APPROVED"


def test_an_approval_covers_later_audits_that_are_no_worse(registry: Registry) -> None:
    decided(registry, approvals.GRANTED, submitted(registry, Status.REVIEW, "2025-01-01"))
    submitted(registry, Status.PASSED, "2025-01-02")
    assert shown(registry) == "APPROVED"
    submitted(registry, Status.REVIEW, "2025-01-03")
    assert shown(registry) == "APPROVED"


@pytest.mark.parametrize("later", [
    {"status": Status.REVIEW},
    {"status": Status.BLOCKED},
    {"status": Status.PASSED, "policy": samples.POLICY.model_copy(update={"sha256": "f" * 64})},
])  # fmt: skip
def test_an_approval_that_is_void_stays_so(registry: Registry, later: dict[str, Any]) -> None:
    decided(registry, approvals.GRANTED, submitted(registry, Status.PASSED, "2025-01-01"))
    submitted(registry, day="2025-01-02", **later)
    assert shown(registry) == later["status"]
    submitted(registry, Status.PASSED, "2025-01-03")
    assert shown(registry) == "PASSED", "the old approval does not come back"


@pytest.mark.parametrize("digest", ["b" * 64, None])
def test_another_model_file_voids_the_approval(registry: Registry, digest: str | None) -> None:
    audit = samples.audit("m", Status.PASSED, "2025-01-02")
    changed = {"provenance": audit.provenance.model_copy(update={"model_sha256": digest})}
    decided(registry, approvals.GRANTED, submitted(registry, Status.PASSED, "2025-01-01"))
    submitted(registry, Status.PASSED, "2025-01-02", **changed)
    assert shown(registry) == "PASSED"


def test_without_a_digest_of_the_model_the_next_audit_voids_the_approval(registry: Registry) -> None:
    def undigested(day: str) -> Row:
        audit = samples.audit("m", Status.PASSED, day)
        return submitted(
            registry, Status.PASSED, day, provenance=audit.provenance.model_copy(update={"model_sha256": None})
        )

    decided(registry, approvals.GRANTED, undigested("2025-01-01"))
    assert shown(registry) == "APPROVED"
    undigested("2025-01-02")
    assert shown(registry) == "PASSED"


@pytest.mark.parametrize("kind", [approvals.REVOKED, approvals.REJECTED])
def test_the_last_decision_holds(registry: Registry, kind: str) -> None:
    row = submitted(registry, Status.PASSED, "2025-01-01")
    decided(registry, approvals.GRANTED, row)
    decided(registry, kind, row, "Linus")
    assert shown(registry) == "PASSED"
    decided(registry, approvals.GRANTED, row, "Barbara")
    assert shown(registry) == "APPROVED"


@pytest.mark.parametrize("kind", [approvals.REVOKED, approvals.REJECTED])
@pytest.mark.parametrize("approved_first", [True, False])
def test_of_a_merge_an_approval_does_not_overcome_a_later_decision(
    tmp_path: Path, kind: str, approved_first: bool
) -> None:
    """Whichever of the two registries comes first, so that the approval may stand behind what was decided after it."""
    with ExitStack() as stack:
        ours, theirs, united = (
            stack.enter_context(connect(tmp_path / name, create=True)) for name in ("a.db", "b.db", "c.db")
        )
        row = submitted(ours, Status.PASSED, "2025-01-01")
        submitted(theirs, Status.PASSED, "2025-01-01")
        decided(ours, approvals.GRANTED, row, at="2025-02-01T00:00:00Z")
        decided(theirs, kind, row, "Bob", at="2025-02-10T00:00:00Z")
        order = (ours, theirs) if approved_first else (theirs, ours)
        merge(*order, united, at="2025-03-01T00:00:00Z", by="ada")
        assert shown(united) == "PASSED"
        decided(united, approvals.GRANTED, row, "Barbara", at="2025-02-09T23:59:59Z")
        assert shown(united) == "PASSED"
        decided(united, approvals.GRANTED, row, "Barbara", at="2025-02-10T00:00:00Z")
        assert shown(united) == "APPROVED"


def test_an_approval_of_one_model_is_not_touched_by_what_is_decided_on_another(registry: Registry) -> None:
    row = submitted(registry, Status.PASSED, "2025-01-01")
    decided(registry, approvals.GRANTED, row)
    registry.record_event(Event(approvals.REJECTED, "other", "2025-12-31T00:00:00Z", "Bob", {}))
    registry.record_event(Event(approvals.REQUESTED, "m", "2025-12-31T00:00:00Z", "Bob", {}))
    assert shown(registry) == "APPROVED"


def test_a_corrected_audit_takes_its_approval_along(registry: Registry) -> None:
    row = submitted(registry, Status.PASSED, "2025-01-01")
    decided(registry, approvals.GRANTED, row)
    submitted(registry, Status.PASSED, "2025-01-02", supersedes=Supersedes(row.audit_id, "wrong data"))
    assert shown(registry) == "PASSED"


def test_proposed_and_dev_audits_change_nothing(registry: Registry) -> None:
    decided(registry, approvals.GRANTED, submitted(registry, Status.PASSED, "2025-01-02"))
    submitted(registry, Status.BLOCKED, "2025-01-03", stage="proposed")
    submitted(registry, Status.BLOCKED, "2025-01-01", profile="dev", enforced=False)
    assert shown(registry) == "APPROVED"


@pytest.mark.parametrize(("fields", "by", "why"), [
    ({"status": Status.BLOCKED}, "Ada", "its status is BLOCKED"),
    ({"status": Status.NO_POLICY}, "Ada", "its status is NO_POLICY"),
    ({"status": Status.PASSED, "enforced": False}, "Ada", "would be PASSED"),
    ({"status": Status.PASSED, "profile": "dev"}, "Ada", "dev-profile"),
    ({"status": Status.PASSED, "stage": "proposed"}, "Ada", "only proposed"),
    ({"status": Status.PASSED}, "Credit Risk Team", "owns the model"),
    ({"status": Status.PASSED}, " credit  RISK team", "owns the model"),
    ({"status": Status.PASSED}, "\uff43redit Risk Team", "owns the model"),
    ({"status": Status.PASSED}, "@Grace", "made the change"),
    ({"status": Status.PASSED}, "gr\u200bace", "made the change"),
    ({"status": Status.PASSED}, " ", "a name"),
    ({"status": Status.PASSED}, "@", "a name"),
])  # fmt: skip
def test_who_may_not_approve_what(registry: Registry, fields: dict[str, Any], by: str, why: str) -> None:
    row = submitted(registry, day="2025-01-01", **fields)
    assert why in (approvals.refusal(row, by) or "")
    decided(registry, approvals.GRANTED, row, by)
    assert approvals.approved(registry) == frozenset(), "an event that should not be there approves nothing"


@pytest.mark.parametrize("body", [{}, {"audit_id": "0" * 64}, {"audit_id": None}, {"audit_id": ["x"]}])
def test_an_event_that_is_bound_to_nothing_approves_nothing(registry: Registry, body: dict[str, Any]) -> None:
    submitted(registry, Status.PASSED, "2025-01-01")
    registry.record_event(Event(approvals.GRANTED, "m", NOW, "Ada", body))
    registry.record_event(Event(approvals.GRANTED, "no such model", NOW, "Ada", body))
    assert approvals.approved(registry) == frozenset()


def test_an_approval_of_other_digests_approves_nothing(registry: Registry) -> None:
    row = submitted(registry, Status.PASSED, "2025-01-01")
    event = approvals.decision(approvals.GRANTED, row, by="Ada", at=NOW, reason="reviewed")
    registry.record_event(Event(event.kind, event.subject, NOW, "Ada", {**event.body, "model_sha256": "b" * 64}))
    assert approvals.approved(registry) == frozenset()
