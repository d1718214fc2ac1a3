from __future__ import annotations

import re
from pathlib import Path

import pytest

from glassalpha_action.pages.policies import policies, policy_page
from glassalpha_action.records import Audit, ModelCard
from glassalpha_action.vocabulary import Outcome, Severity
from tests import samples
from tests.pages.portfolios import model, portfolio
from tests.policy.portfolio import parity, policy, recorded

TEXT = """policy_name: Parity policy
version: "1"
enforcement: soft_mandatory
gates:
  - name: Parity
    metric: demographic_parity_difference
    comparison: less_than_or_equal
    threshold: 0.10
    warn_threshold: 0.05
    clause: c
    rationale: As agreed.
    overrides: {other: {threshold: 0.3, warn_threshold: 0.2, rationale: x}, soft: {severity: error, rationale: y}}
"""
WARNED = {"a": (50, 100), "b": (58, 100)}
FINE = {"a": (50, 100), "b": (51, 100)}


def audit(
    folder: Path, name: str, counts: dict[str, tuple[int, int]], text: str = TEXT, day: str = "2025-06-15"
) -> Audit:
    return recorded(policy(folder, text), ModelCard(id=name), day, (parity(counts),))


def gates(*audits: Audit) -> str:
    shown = portfolio(*map(model, audits), as_of="2025-06-15")
    (found,) = policies(shown)
    body = policy_page(found, shown).body
    section = body[body.index('id="gates"') : body.index('id="models"')]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", section))


def test_a_gate_stands_as_the_policy_has_it_whichever_model_was_audited_last(tmp_path: Path) -> None:
    warned, other = audit(tmp_path, "m", WARNED), audit(tmp_path, "other", FINE)
    assert [found.verdicts[0].threshold for found in (warned, other)] == [0.05, 0.3]
    for audits in ((warned,), (other,), (warned, other)):
        text = gates(*audits)
        assert "Demographic parity difference ≤ 0.100 As agreed." in text
        assert "blocks the model asks for a review unless ≤ 0.050" in text
        assert "For other: ≤ 0.300; asks for a review unless ≤ 0.200" in text
    assert "1 of 2" in gates(warned, other)


def test_a_gate_says_from_when_it_blocks_and_that_an_advisory_one_never_does(tmp_path: Path) -> None:
    later = TEXT.replace("    clause: c\n", "    enforce_from: 2026-01-01\n")
    assert "from 2026-01-01; until then asks for a review" in gates(audit(tmp_path, "m", WARNED, later))
    advisory = gates(audit(tmp_path, "m", WARNED, TEXT.replace("soft_mandatory", "advisory")))
    assert "asks for a review" in advisory
    assert "blocks the model" not in advisory


def test_many_overrides_are_counted_and_not_all_shown(tmp_path: Path) -> None:
    many = ", ".join(f"m{k}: {{threshold: 0.3, rationale: x}}" for k in range(8))
    text = gates(audit(tmp_path, "m", FINE, re.sub(r"overrides: .*", f"overrides: {{{many}}}", TEXT)))
    assert "For m4: ≤ 0.300" in text
    assert "For m5:" not in text
    assert "3 more models held to something else" in text


@pytest.mark.parametrize("text", ["x" * 100, "policy_name: Older\nrules: []\n", "{" * 5000, ""])
def test_a_text_that_this_version_cannot_read_leaves_the_limits_of_the_audit_and_says_so(text: str) -> None:
    softer = samples.verdict(samples.GAP, Outcome.FAIL, threshold=0.05, policy_threshold=0.1, severity=Severity.warning,
                             policy_severity=Severity.error)  # fmt: skip
    read = samples.POLICY.model_copy(update={"text": text})
    said = gates(samples.audit(policy=read, verdicts=(softer,)))
    assert "&lt; 0.100" in said
    assert "blocks the model" in said
    assert "This version cannot read the text below: the limits are those that credit_model_v2 was held to." in said
