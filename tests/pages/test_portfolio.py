from __future__ import annotations

import re

from glassalpha_action.pages.portfolio import models_page, portfolio_page
from glassalpha_action.vocabulary import Outcome, Status
from tests import samples
from tests.pages.portfolios import model, portfolio


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
    assert found == ["model_blocked", "model_review", "model_no_policy"]
    assert "0.130 is not &lt; 0.100 for sex" in section
    assert "No policy applies to this model" in text


def test_a_status_that_is_not_enforced_is_shown_as_would_be() -> None:
    body = portfolio_page(portfolio(model(samples.audit(enforced=False)))).body
    assert "Would be blocked" in body
    assert "1 not yet enforced" in body


def test_a_portfolio_where_all_is_well_says_so() -> None:
    body = portfolio_page(portfolio(model(samples.audit(status=Status.PASSED)))).body
    assert "Every model passes the gates of its policy." in body
    assert "No gate fails on any model." in body


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
