from __future__ import annotations

import re
from pathlib import Path

import pytest

from glassalpha_action import shipped
from glassalpha_action.cli.policy import packs, read_policy
from glassalpha_action.policy.changes import policy_changes
from glassalpha_action.report.announcement import render_announcement
from tests.policy.gates import HEAD
from tests.policy.portfolio import DEFINITIONS, policy

SOURCE = shipped.policies() / "org_credit_baseline_v1.yaml"
SECTIONS = ["What Changed", "Required Actions", "Policy Gates", "How to Use", "Getting Help", "Resources"]
CONTACTS = """contacts:
  policy: "Contact Risk Management Team"
  technical: "#ml-compliance Slack channel"
  approval: "Submit audit report to Model Review Board"
"""


def headings(text: str) -> list[str]:
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def test_the_source_s_policy_is_announced_with_every_section(tmp_path: Path) -> None:
    loaded = policy(tmp_path, SOURCE.read_text(encoding="utf-8") + CONTACTS)
    path = "configs/policy/org_credit_baseline_v1.yaml"
    text = render_announcement(loaded.policy, DEFINITIONS, path)
    assert text.startswith("# Organization Credit Model Baseline (v1.0)\n")
    assert headings(text) == SECTIONS
    for line in (
        "Effective January 1, 2025, all credit scoring, loan pricing and risk assessment models must meet the gates",
        f"1. Update your audit config to reference this policy: `policy: {{path: {path}}}`",
        f"2. Run audit with `--policy-gates {path}`",
        "3. Address any failed gates before requesting deployment approval",
        "- **Calibration Quality**: Expected calibration error < 5% (ERROR - blocks deployment)",
        "- **Demographic Parity**: Demographic parity difference < 10% (ERROR - blocks deployment)",
        "- **Minimum Model Performance**: Area under the ROC curve > 0.75 (ERROR - blocks deployment)",
        "- **Equalized Odds**: Equalized odds difference < 15% (WARNING - requires documentation)",
        f"  --policy-gates {path} \\\n  --strict \\\n  --output audit_report.pdf\n```",
        "- **Policy questions**: Contact Risk Management Team",
        "- **Technical support**: #ml-compliance Slack channel",
        "- **Approval requests**: Submit audit report to Model Review Board",
    ):
        assert line in text
    assert "not named" not in text


@pytest.mark.parametrize("name", sorted(packs()))
def test_any_policy_can_be_announced(name: str) -> None:
    found = read_policy(packs()[name], f"pack:{name}").policy
    text = render_announcement(found, DEFINITIONS, name)
    assert headings(text) == SECTIONS
    for gate in found.gates:
        assert f"- **{gate.name}**: " in text
    assert "\n\n\n" not in text


def test_without_contacts_the_owner_answers_and_the_rest_is_said_to_be_missing(tmp_path: Path) -> None:
    text = render_announcement(policy(tmp_path, SOURCE.read_text(encoding="utf-8")).policy, DEFINITIONS, "p.yaml")
    assert "- **Policy questions**: Chief Risk Officer" in text
    assert "- **Technical support**: not named; add `contacts: {technical: …}` to the policy" in text


def test_what_changed_since_the_last_version_is_listed(tmp_path: Path) -> None:
    old = policy(tmp_path, SOURCE.read_text(encoding="utf-8"), "old.yaml")
    new = policy(tmp_path, old.text.replace("threshold: 0.75", "threshold: 0.78").replace('"1.0"', '"1.1"'), "new.yaml")
    text = render_announcement(
        new.policy, DEFINITIONS, "p.yaml", since="1.0", changes=policy_changes(old, new), portal="https://p.example/"
    )
    assert "Since version 1.0:" in text
    assert "asked for > 0.75 and now asks for > 0.78. (strengthened)" in text
    assert "[Getting started](https://p.example/guides/getting-started/)" in text


def test_the_lead_time_is_said(tmp_path: Path) -> None:
    text = f"""{HEAD}announced_date: "2026-12-01"
effective_date: "2026-12-15"
gates:
  - {{name: A, metric: roc_auc, comparison: present}}
  - {{name: B, metric: accuracy, threshold: [0.5, 0.9], comparison: between, enforce_from: "2027-01-01"}}
  - {{name: C, metric: roc_auc, baseline: {{no_worse_than: 0.02}}, severity: info}}
statistics: {{decision: bound}}
"""
    said = render_announcement(policy(tmp_path, text).policy, DEFINITIONS, "p.yaml")
    assert "Announced December 1, 2026, 14 days ahead." in said
    assert "Effective December 15, 2026, all models must meet the gates below." in said
    assert "- **A**: Area under the ROC curve is measured (ERROR - blocks deployment)" in said
    assert "within 50% and 90% (ERROR - blocks deployment from January 1, 2027; until then a warning)" in said
    assert "at most 0.02 worse than the model before (INFO - reported only)" in said
    assert "--strict" not in said


def test_an_advisory_policy_promises_no_blocking(tmp_path: Path) -> None:
    text = f"{HEAD}enforcement: advisory\ngates:\n  - {{name: A, metric: roc_auc, comparison: present}}\n"
    said = render_announcement(policy(tmp_path, text).policy, DEFINITIONS, "p.yaml")
    assert "blocks deployment" not in said
    assert "all models" in said.casefold()


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "a\\nb\\n# Heading", "`code`", "\\u202Eevil", "a|b"],
)
def test_hostile_names_stay_text(tmp_path: Path, name: str) -> None:
    text = (
        f'{HEAD}gates:\n  - {{name: "{name}", metric: roc_auc, comparison: present}}\ncontacts: {{policy: "{name}"}}\n'
    )
    said = render_announcement(policy(tmp_path, text).policy, DEFINITIONS, "a b`;$(x).yaml")
    assert "<script" not in said
    assert not re.search(r"(?<!\\)\]\(", said)
    assert "\u202e" not in said
    assert headings(said) == SECTIONS
    assert not any(line.startswith("# ") for line in said.splitlines()[1:])
    assert "--policy-gates 'a b`;$(x).yaml'" in said
