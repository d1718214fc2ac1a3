from __future__ import annotations

import pytest

from glassalpha_action.pages.models import model_page
from glassalpha_action.pages.policies import policies, policy_page
from glassalpha_action.pages.waivers import waivers_page
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.pages.portfolios import HOSTILE, hostile_audit, model, portfolio
from tests.report.audits import waived, waiver


def test_every_waiver_is_on_its_model_its_policy_and_the_list_of_all() -> None:
    held = portfolio(model(waived()))
    page = waivers_page(held).body
    assert "1 waiver is in force by the models’ latest audits, of 4 on record." in page
    assert page.index("In force") < page.index("Refused") < page.index("Expired") < page.index("Not needed")
    for said in ("Ada", "approved by Grace, 2025-01-01", "ends in 29 days", "A person reads refusals."):
        assert said in page
    (policy,) = policies(held)
    assert 'href="../../../models/credit_model_v2/index.html#waivers"' in policy_page(policy, held).body
    assert "Policy questions: risk@example.com" in policy_page(policy, held).body
    shown = model_page(held.models[0], held).body
    assert "Needs review: 1 of 2 gates is waived." in shown, "the page says it as the report does"
    assert '<h2 id="waivers">' in shown
    assert "fail without W-1" in shown
    assert "2025-02-04" in shown


@pytest.mark.parametrize(
    ("expires", "ends", "soon"),
    [("2025-01-30", "ended 1 day ago", True), ("2025-01-31", "ends today", True),
     ("2025-02-14", "ends in 14 days", True), ("2025-02-15", "ends in 15 days", False)],
)  # fmt: skip
def test_a_waiver_that_ends_soon_or_has_ended_since_the_audit_stands_out(expires: str, ends: str, soon: bool) -> None:
    audit = samples.audit(status=Status.REVIEW, waivers=(waiver(expires=expires),))
    page = waivers_page(portfolio(model(audit))).body
    assert ends in page
    assert ('class="ga-s ga-review"' in page) is soon


def test_a_refused_waiver_does_not_end() -> None:
    audit = samples.audit(waivers=(waiver("refused", expires="2025-03-20"),))
    page = waivers_page(portfolio(model(audit))).body
    assert "2025-03-20" in page
    assert "ends in" not in page


def test_without_any_it_says_where_they_come_from() -> None:
    for held in (portfolio(), portfolio(model(samples.audit()))):
        page = waivers_page(held).body
        assert "<code>waivers</code>" in page
        assert "<table" not in page


def test_the_changed_rules_are_on_the_models_page_and_once() -> None:
    held = portfolio(model(waived()))
    page = model_page(held.models[0], held).body
    assert page.count("asked for &lt; 0.05") == 1
    assert page.index("Weakened") < page.index("Neutral")
    assert "Judged by the base commit" in page
    plain = portfolio(model(samples.audit()))
    assert 'id="changes"' not in model_page(plain.models[0], plain).body


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert(name: str) -> None:
    page = waivers_page(portfolio(model(hostile_audit(name)))).body
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page


def test_what_to_do_says_of_each_failed_gate_whether_it_blocks() -> None:
    shown = model_page(model(samples.audit()), portfolio(model(samples.audit()))).body
    todo = shown[shown.index('id="why"') : shown.index('id="gates"')]
    assert todo.index("error gate") < todo.index("warning gate")
