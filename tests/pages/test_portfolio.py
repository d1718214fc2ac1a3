from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from glassalpha_action.pages.downloads import models_json
from glassalpha_action.pages.policies import policies, policies_page, policy_page
from glassalpha_action.pages.portfolio import models_page, portfolio_page, search_text
from glassalpha_action.records import Requirement
from glassalpha_action.registry import connect
from glassalpha_action.vocabulary import Outcome, Severity, Status
from tests import samples
from tests.pages.portfolios import model, portfolio, registry


def four() -> tuple[str, str]:
    page = portfolio_page(portfolio(*(model(samples.audit(f"model_{status.lower()}", status)) for status in Status)))
    return page.body, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.body))


def test_each_status_is_counted_with_its_word_and_a_way_to_its_models() -> None:
    body, text = four()
    for status, word in (
        ("PASSED", "Passed"),
        ("REVIEW", "Needs review"),
        ("BLOCKED", "Blocked"),
        ("NO_POLICY", "No policy"),
    ):
        assert f'href="?status={status}#all-models"' in body
        assert f"{word} 1 25.0% of models" in text


def test_what_needs_attention_stands_in_order_of_weight_and_says_why() -> None:
    body, text = four()
    section = body[body.index('id="attention"') : body.index('id="teams"')]
    found = re.findall(r"<strong>(.*?)</strong>", section)
    assert found == ["model_blocked", "model_no_policy", "model_review"]
    assert "0.130 is not &lt; 0.100 for sex" in section
    assert "No policy applies to this model" in text


def test_what_blocks_a_model_is_said_before_what_asks_for_a_review() -> None:
    warning = samples.verdict(samples.GAP, Outcome.FAIL, severity=Severity.warning)
    error = samples.verdict(samples.AUC, Outcome.FAIL, message="Too low.")
    unmet = Requirement(name="seed_required", met=False, message="Set one.")
    for verdicts, needs, first in (((warning,), (unmet,), "Requirement not met: Set one."),
                                   ((warning, error), (), "Area under the ROC curve gate: Too low.")):  # fmt: skip
        body = portfolio_page(portfolio(model(samples.audit(verdicts=verdicts, requirements=needs)))).body
        assert f'<p>{first} <span class="ga-quiet">and 1 more reason</span>' in body


def test_a_status_that_is_not_enforced_is_shown_as_would_be() -> None:
    body = portfolio_page(portfolio(model(samples.audit(enforced=False)))).body
    assert "Would be blocked" in body
    assert "1 not yet enforced" in body


def test_a_portfolio_where_all_is_well_says_so() -> None:
    body = portfolio_page(portfolio(model(samples.audit(status=Status.PASSED)))).body
    assert "Every model passes the gates of its policy." in body
    assert "No gate fails on any model." in body


def test_an_unmet_requirement_counts_among_the_failed_gates_wherever_these_are_named(tmp_path: Path) -> None:
    unmet = tuple(Requirement(name="seed_required", met=met, message="Set one.") for met in (False, True))
    audits = [samples.audit(f"m{k}", Status.BLOCKED, verdicts=(), requirements=(need,)) for k, need in enumerate(unmet)]
    body = portfolio_page(portfolio(*map(model, audits))).body
    gates = body[body.index('id="gates"') : body.index('id="all-models"')]
    assert re.findall(r'<a href="\?find=([^"#]*)#all-models">([^<]*)</a>.*?ga-count">(\d+)', gates, re.DOTALL) == [
        ("Seed%20required", "Seed required", "1")
    ]
    with connect(registry(tmp_path / "registry.db", audits)) as opened:
        assert opened.query_failed_gates_summary() == {"gate_name": ["seed_required"], "count": [1]}
    failing, meeting = re.findall(r'<td data-v="(\d)">\d((?:<small>[^<]*</small>)?)', body)
    assert (failing, meeting) == (("1", "<small>Seed required</small>"), ("0", ""))
    assert search_text(model(audits[0])).endswith("fails Seed required")
    named = [line["failed_gate_names"] for line in json.loads(models_json(portfolio(*map(model, audits))))["models"]]
    assert named == [["Seed required"], []]


def test_a_waived_gate_is_named_in_the_table() -> None:
    waived = samples.verdict(samples.GAP, Outcome.WAIVED, raw_outcome=Outcome.FAIL)
    body = models_page(portfolio(model(samples.audit(status=Status.REVIEW, verdicts=(waived,))))).body
    assert "1 gate waived" in body


def test_an_empty_registry_says_what_to_do_next() -> None:
    empty = portfolio(as_of="")
    assert "glassalpha registry submit" in portfolio_page(empty).body
    assert "No model is recorded yet" in models_page(empty).body


def test_the_trend_counts_each_model_once_a_month_by_its_latest_audit() -> None:
    first = samples.audit("a", Status.BLOCKED, "2024-11-20")
    again = samples.audit("a", Status.PASSED, "2024-11-25")
    later = samples.audit("b", Status.BLOCKED, "2025-01-02")
    body = portfolio_page(portfolio(model(first, again), model(later))).body
    rows = re.findall(r"<tr><th[^>]*>(\d{4}-\d\d)<td>(\d+)<td>(\d+)<td>(\d+)<td>(\d+)<td>([\d.]+)%", body)
    assert rows == [("2024-11", "1", "0", "0", "0", "100.0"), ("2024-12", "1", "0", "0", "0", "100.0"),
                    ("2025-01", "1", "0", "1", "0", "50.0")]  # fmt: skip


def test_a_policy_whose_review_is_overdue_needs_attention_and_is_marked_in_the_list() -> None:
    passed = model(samples.audit(status=Status.PASSED))
    late, due = portfolio(passed, as_of="2025-04-03"), portfolio(passed, as_of="2025-04-01")
    front = portfolio_page(late).body
    assert "The policy was to be reviewed by 2025-04-01, 2 days ago." in front
    assert "Every model passes the gates of its policy." in front
    assert 'href="policies/sample-policy/1.0/index.html"' in front
    for body in (policies_page(late).body, policy_page(policies(late)[0], late).body):
        assert (
            '2025-04-01 <span class="ga-s ga-review">overdue</span> <small class="ga-quiet">by 2 days</small>' in body
        )
    for body in (portfolio_page(due).body, policies_page(due).body, policy_page(policies(due)[0], due).body):
        assert "overdue" not in body.lower()


@pytest.mark.parametrize("next_review", [None, "<b>soon</b>", "2025-13-01"])
def test_a_review_without_a_day_is_not_overdue(next_review: str | None) -> None:
    policy = samples.POLICY.model_copy(update={"next_review": next_review})
    held = portfolio(model(samples.audit(policy=policy)))
    for body in (portfolio_page(held).body, policies_page(held).body):
        assert "overdue" not in body.lower()
        assert "<b>soon" not in body


def test_a_waived_gate_is_told_beside_whatever_else_needs_attention() -> None:
    waiver_of = samples.verdict(samples.AUC, Outcome.WAIVED, message="Below, as W-1 allows.")
    error = samples.verdict(samples.GAP, Outcome.FAIL, message="Too wide.")
    warning = samples.verdict(samples.GAP, Outcome.FAIL, severity=Severity.warning, message="Rather wide.")
    for other, first in ((error, "Too wide."), (warning, "Below, as W-1 allows.")):
        body = portfolio_page(portfolio(model(samples.audit(verdicts=(other, waiver_of))))).body
        listed = body[body.index('id="attention"') : body.index('id="teams"')]
        assert "1 gate waived" in listed
        assert f"{first} <span" in listed
