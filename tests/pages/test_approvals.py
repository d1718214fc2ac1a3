"""Approvals on the pages: shown while they stand, told as past when they do not."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from glassalpha_action.governance import approvals
from glassalpha_action.pages import downloads
from glassalpha_action.pages.models import model_page
from glassalpha_action.pages.portfolio import models_page, portfolio_page
from glassalpha_action.pages.reading import read_portfolio
from glassalpha_action.records import Audit
from glassalpha_action.registry import Event, Registry, Supersedes, connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.pages.portfolios import HOSTILE

DAY = "2025-01-10"


def decide(
    opened: Registry, kind: str = approvals.GRANTED, by: str = "Dana", at: str = DAY, reason: str = "fine"
) -> None:
    row = opened.history("m")[-1]
    opened.record_event(approvals.decision(kind, row, by=by, at=f"{at}T09:00:00Z", reason=reason))


def submit(opened: Registry, audit: Audit) -> None:
    opened.submit(audit, recorded_at="2025-02-01T00:00:00Z")


@pytest.fixture
def opened(tmp_path: Path) -> Registry:
    registry = connect(tmp_path / "registry.db", create=True)
    submit(registry, samples.audit("m", Status.PASSED, "2025-01-05"))
    return registry


def text(opened: Registry, as_of: str | None = None) -> str:
    """The words of the model's page."""
    found = read_portfolio(opened, as_of, "0.1.0")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", model_page(found.models[0], found).body))


def table(opened: Registry) -> str:
    return models_page(read_portfolio(opened, None, "0.1.0")).body


def test_an_approval_is_shown_with_its_person_its_day_and_its_commit(opened: Registry) -> None:
    assert "pproved" not in text(opened) + table(opened)
    decide(opened)
    audit_id = opened.history("m")[-1].audit_id
    said = f"Approved by Dana (self-declared) on {DAY}, for commit 000000000000 , audit {audit_id[:12]} ."
    assert said in text(opened)
    body = table(opened)
    assert '<span class="ga-s ga-approved">Approved</span><small>Passed; by Dana, 2025-01-10</small>' in body
    assert 'data-status="PASSED" data-approved' in body
    assert '<option value="APPROVED">' in body
    found = read_portfolio(opened, None, "0.1.0")
    assert "1 approved" in portfolio_page(found).body
    (line,) = json.loads(downloads.models_json(found))["models"]
    assert (line["status"], line["approved_by"], line["approved_on"]) == ("PASSED", "Dana", DAY)


@pytest.mark.parametrize("change", ["worse", "model", "revoked", "rejected"])
def test_what_ends_an_approval_ends_it_on_every_page(opened: Registry, change: str) -> None:
    decide(opened)
    later = samples.audit("m", Status.BLOCKED if change == "worse" else Status.PASSED, "2025-01-20")
    if change == "model":
        provenance = later.provenance.model_copy(update={"model_sha256": "e" * 64})
        from glassalpha_action.records import sealed

        later = sealed(later.model_copy(update={"provenance": provenance}))
    if change in {"worse", "model"}:
        submit(opened, later)
    else:
        decide(opened, {"revoked": approvals.REVOKED, "rejected": approvals.REJECTED}[change], "Ed", "2025-01-21")
    assert "ga-approved" not in table(opened)
    assert "1 approved" not in portfolio_page(read_portfolio(opened, None, "0.1.0")).body
    told = {"revoked": "Not approved. Approval revoked by Ed", "rejected": "Not approved. Rejected by Ed"}
    said = text(opened)
    assert told.get(change, "No longer approved. Approved by Dana") in said
    assert ("needs an approval of its own" in said) is (change in {"worse", "model"})
    assert "Approved by Dana" in text(opened, as_of="2025-01-15"), "on that day it still stood"
    assert "pproved" not in text(opened, as_of="2025-01-09"), "and before that there was none"


@pytest.mark.parametrize("case", ["owner", "author", "blocked", "unknown", "unbound", "corrected"])
def test_an_approval_that_never_counted_says_why(tmp_path: Path, case: str) -> None:
    opened = connect(tmp_path / "registry.db", create=True)
    audit = samples.audit("m", Status.BLOCKED if case == "blocked" else Status.PASSED, "2025-01-05")
    opened.submit(audit, recorded_at="2025-02-01T00:00:00Z", author="octo")
    row = opened.history("m")[-1]
    by = {"owner": row.owner or "", "author": "@Octo"}.get(case, "Dana")
    made = approvals.decision(approvals.GRANTED, row, by=by, at=f"{DAY}T09:00:00Z", reason="fine")
    body = {"unknown": {}, "unbound": {"audit_id": row.audit_id}}.get(case, made.body)
    opened.record_event(Event(made.kind, made.subject, made.at, made.by, body))
    if case == "corrected":
        later, mended = samples.audit("m", Status.PASSED, "2025-01-06"), Supersedes(row.audit_id, "wrong rows")
        opened.submit(later, recorded_at="2025-02-02T00:00:00Z", supersedes=mended)
    said = text(opened)
    assert f"Not approved. Approved by {by}" in said
    why = {
        "owner": "owns the model: another person must approve it",
        "author": "@Octo made the change that was audited: another person must approve it",
        "blocked": "its status is BLOCKED: only PASSED and REVIEW can be approved",
        "unbound": "it is bound to another model file or policy than that audit's",
    }.get(case, "no audit of this model that counts is the one it names")
    assert f"This does not count: {'Credit Risk Team ' * (case == 'owner')}{why}." in html.unescape(said)
    assert "changed since" not in said
    assert "ga-approved" not in table(opened)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_an_approver_is_more_than_text(opened: Registry, name: str) -> None:
    if not name.strip():
        return
    decide(opened, by=name, reason=name)
    found = read_portfolio(opened, None, "0.1.0")
    assert found.models[0].approved
    for page in (model_page(found.models[0], found), portfolio_page(found)):
        assert "<script>alert" not in page.body
        assert "<img" not in page.body
        assert "\0" not in page.body
        assert len(page.body) < 40_000
