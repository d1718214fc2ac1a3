from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.policy.changes import policy_changes, waiver_changes
from glassalpha_action.policy.schema import LoadedPolicy
from tests.policy.gates import loaded
from tests.policy.test_waivers import waiver

POLICY = """policy_name: P
version: "1"
effective_date: 2025-01-01
sunset_date: 2027-01-01
applies_to: [credit, pricing]
required_evidence: [owner]
exceptions: {max_days: 60, approver_roles: [Risk]}
reaudit_days_by_status: {PASSED: 90}
reproducibility: {seed_required: true}
statistics: {decision: DECISION, confidence: 0.95, on_inconclusive: UNSURE, min_group_n: 30, min_group_share: 0.02}
gates:
  - name: Gap
    metric: demographic_parity_difference
    threshold: 0.10
    warn_threshold: 0.08
    comparison: less_than
    clause: Clause 1
    scope: {attributes: [sex, age], intersections: [[sex, age]], missing: true}
    overrides: {small: {threshold: 0.2, rationale: Few rows.}}
  - name: Rank
    metric: roc_auc
    threshold: 0.75
    comparison: greater_than_or_equal
    enforce_from: 2025-06-01
  - name: Ratio
    metric: demographic_parity_ratio
    threshold: [0.8, 1.25]
    comparison: between
  - name: Drop
    metric: accuracy
    baseline: {no_worse_than: 0.02, paired: true}
  - name: Power
    metric: statistical_power
    threshold: 0.8
    comparison: greater_than_or_equal
    severity: warning
    params: {effect: 0.05}
""".replace("DECISION", "point").replace("UNSURE", "review")
OVERRIDE = "overrides: {small: {threshold: 0.2, rationale: Few rows.}}"
WEAKER, STRICTER, SAME = "weakened", "strengthened", "neutral"


def effects(folder: Path, base: str, head: str) -> dict[str, str]:
    found = policy_changes(loaded(folder, base), loaded(folder, head))
    assert all(c.message.endswith(".") and c.message.isprintable() for c in found)
    return {c.what: c.effect for c in found}


@pytest.mark.parametrize(
    ("what", "old", "new", "there", "back"),
    [
        ("gates.gap.threshold", "threshold: 0.10", "threshold: 0.12", WEAKER, STRICTER),
        ("gates.gap.threshold", "comparison: less_than\n", "comparison: less_than_or_equal\n", WEAKER, STRICTER),
        ("gates.gap.warn_threshold", "warn_threshold: 0.08", "warn_threshold: 0.09", WEAKER, STRICTER),
        ("gates.gap.warn_threshold", "    warn_threshold: 0.08\n", "", WEAKER, STRICTER),
        ("gates.rank.threshold", "threshold: 0.75", "threshold: 0.70", WEAKER, STRICTER),
        ("gates.rank.threshold", "greater_than_or_equal\n    enf", "greater_than\n    enf", STRICTER, WEAKER),
        ("gates.ratio.threshold", "[0.8, 1.25]", "[0.7, 1.25]", WEAKER, STRICTER),
        ("gates.ratio.threshold", "[0.8, 1.25]", "[0.7, 1.2]", WEAKER, WEAKER),
        ("gates.drop.threshold", "no_worse_than: 0.02", "no_worse_than: 0.05", WEAKER, STRICTER),
        ("gates.drop.baseline", "paired: true", "paired: false", WEAKER, STRICTER),
        ("gates.drop.baseline", "0.02, paired: true", "0.02, ref: last_audit", WEAKER, STRICTER),
        ("gates.power.severity", "severity: warning", "severity: info", WEAKER, STRICTER),
        ("gates.power.severity", "severity: warning", "severity: error", STRICTER, WEAKER),
        ("gates.power.params", "effect: 0.05", "effect: 0.1", WEAKER, WEAKER),
        ("gates.gap.metric", "demographic_parity_difference", "equalized_odds_difference", WEAKER, WEAKER),
        ("gates.rank.enforce_from", "2025-06-01", "2025-07-01", WEAKER, STRICTER),
        ("gates.rank.enforce_from", "    enforce_from: 2025-06-01\n", "", STRICTER, WEAKER),
        ("gates.rank.locked", "    enforce_from", "    locked: true\n    enforce_from", STRICTER, WEAKER),
        ("gates.gap.scope", "attributes: [sex, age]", "attributes: [sex]", WEAKER, STRICTER),
        ("gates.gap.scope", "attributes: [sex, age], ", "", STRICTER, WEAKER),
        ("gates.gap.scope", ", intersections: [[sex, age]]", "", WEAKER, STRICTER),
        ("gates.gap.scope", ", missing: true", "", WEAKER, STRICTER),
        ("gates.gap.applies_to", "name: Gap\n", "name: Gap\n    applies_to: {task: regression}\n", WEAKER, STRICTER),
        ("gates.gap.overrides.small", "threshold: 0.2,", "threshold: 0.3,", WEAKER, STRICTER),
        ("gates.gap.overrides.small", f"    {OVERRIDE}\n", "", STRICTER, WEAKER),
        ("gates.gap.overrides.small", "Few rows.", "Very few rows.", SAME, SAME),
        ("gates.gap.clause", "Clause 1", "Clause 2", SAME, SAME),
        ("gates.gap.name", "name: Gap", "name: Parity\n    id: gap", SAME, SAME),
        ("applies_to", "[credit, pricing]", "[credit]", WEAKER, STRICTER),
        ("applies_to", "applies_to: [credit, pricing]\n", "", STRICTER, WEAKER),
        ("effective_date", "effective_date: 2025-01-01", "effective_date: 2026-01-01", WEAKER, STRICTER),
        ("sunset_date", "sunset_date: 2027-01-01", "sunset_date: 2026-01-01", WEAKER, STRICTER),
        ("sunset_date", "sunset_date: 2027-01-01\n", "", STRICTER, WEAKER),
        ("enforcement", "version", "enforcement: advisory\nversion", WEAKER, STRICTER),
        ("enforcement", "version", "enforcement: hard_mandatory\nversion", STRICTER, WEAKER),
        ("required_evidence", "[owner]", "[owner, validator]", STRICTER, WEAKER),
        ("exceptions.max_days", "max_days: 60", "max_days: 90", WEAKER, STRICTER),
        ("exceptions.approver_roles", "[Risk]", "[Risk, Audit]", WEAKER, STRICTER),
        ("exceptions.approver_roles", ", approver_roles: [Risk]", "", WEAKER, STRICTER),
        ("reaudit_days_by_status.PASSED", "PASSED: 90", "PASSED: 180", WEAKER, STRICTER),
        ("reaudit_days_by_status.PASSED", "{PASSED: 90}", "{}", WEAKER, STRICTER),
        ("reproducibility.seed_required", "seed_required: true", "seed_required: false", WEAKER, STRICTER),
        ("statistics.min_group_n", "min_group_n: 30", "min_group_n: 20", WEAKER, STRICTER),
        ("statistics.min_group_share", ", min_group_share: 0.02", "", WEAKER, STRICTER),
        ("statistics.on_inconclusive", "on_inconclusive: review", "on_inconclusive: block", STRICTER, WEAKER),
        ("statistics.on_missing", "statistics: {", "statistics: {on_missing: review, ", WEAKER, STRICTER),
        ("statistics.confidence", "confidence: 0.95", "confidence: 0.9", SAME, SAME),
        ("statistics.decision", "decision: point", "decision: bound", WEAKER, WEAKER),
        ("policy_name", "policy_name: P", "policy_name: Q", SAME, SAME),
        ("version", 'version: "1"', 'version: "2"', SAME, SAME),
        ("contacts", "version", "contacts: {policy: Risk}\nversion", SAME, SAME),
    ],
)  # fmt: skip
def test_each_change_is_classed_there_and_back(
    tmp_path: Path, what: str, old: str, new: str, there: str, back: str
) -> None:
    base, head = POLICY, POLICY.replace(old, new)
    assert base != head
    assert effects(tmp_path, base, head) == {what: there}
    assert effects(tmp_path, head, base) == {what: back}


def test_nothing_changed(tmp_path: Path) -> None:
    assert effects(tmp_path, POLICY, "# a comment\n" + POLICY) == {}


@pytest.mark.parametrize(
    ("unsure", "decision", "before", "after", "expected"),
    [
        ("review", "bound", "0.95", "0.99", WEAKER),
        ("review", "bound", "0.95", "0.90", WEAKER),
        ("block", "bound", "0.95", "0.99", STRICTER),
        ("block", "bound", "0.95", "0.90", WEAKER),
        ("block", "point", "0.95", "0.90", SAME),
    ],
)
def test_confidence_counts_where_intervals_decide(
    tmp_path: Path, unsure: str, decision: str, before: str, after: str, expected: str
) -> None:
    base = POLICY.replace("decision: point", f"decision: {decision}").replace(
        "inconclusive: review", f"inconclusive: {unsure}"
    )
    found = effects(tmp_path, base.replace("confidence: 0.95", f"confidence: {before}"),
                    base.replace("confidence: 0.95", f"confidence: {after}"))  # fmt: skip
    assert found == {"statistics.confidence": expected}


def test_a_gate_removed_added_and_renamed(tmp_path: Path) -> None:
    start = POLICY.index("  - name: Ratio")
    end = POLICY.index("  - name: Drop")
    without = POLICY[:start] + POLICY[end:]
    assert effects(tmp_path, POLICY, without) == {"gates.ratio": WEAKER}
    assert effects(tmp_path, without, POLICY) == {"gates.ratio": STRICTER}
    renamed = POLICY.replace("name: Ratio", "name: Impact ratio")
    assert effects(tmp_path, POLICY, renamed) == {"gates.impact-ratio.id": SAME}
    loosened = renamed.replace("[0.8, 1.25]", "[0.5, 1.25]")
    assert effects(tmp_path, POLICY, loosened) == {
        "gates.impact-ratio.id": SAME,
        "gates.impact-ratio.threshold": WEAKER,
    }
    informing = POLICY.replace("[0.8, 1.25]\n", "[0.8, 1.25]\n    severity: info\n")
    at = informing.index("  - name: Ratio")
    assert effects(tmp_path, informing, informing[:at] + informing[informing.index("  - name: Drop") :]) == {
        "gates.ratio": SAME
    }


def test_a_baseline_instead_of_a_threshold_is_another_demand(tmp_path: Path) -> None:
    at = "threshold: 0.75\n    comparison: greater_than_or_equal\n    enforce_from: 2025-06-01\n"
    head = POLICY.replace(at, "baseline: {no_worse_than: 0.01}\n    enforce_from: 2025-06-01\n")
    assert effects(tmp_path, POLICY, head) == {"gates.rank.baseline": WEAKER}
    assert effects(tmp_path, head, POLICY) == {"gates.rank.baseline": WEAKER}


def test_a_policy_that_comes_or_goes(tmp_path: Path) -> None:
    policy = loaded(tmp_path, POLICY)
    assert [c.effect for c in policy_changes(policy, None)] == [WEAKER]
    assert [c.effect for c in policy_changes(None, policy)] == [STRICTER]
    assert policy_changes(None, None) == ()


def extending(folder: Path, base: str, line: str) -> LoadedPolicy:
    (folder / "base.yaml").write_text(base)
    return loaded(folder, f'policy_name: Mine\nversion: "1"\nextends: {line}\n')


def test_the_digest_that_extends_pins(tmp_path: Path) -> None:
    one = loaded(tmp_path, POLICY).sha256
    loosened = POLICY.replace("0.75", "0.70")
    two = loaded(tmp_path, loosened).sha256
    first = extending(tmp_path, POLICY, f"{{source: base.yaml, sha256: {one}}}")
    second = extending(tmp_path, loosened, f"{{source: base.yaml, sha256: {two}}}")
    loose = extending(tmp_path, POLICY, "base.yaml")
    moved = extending(tmp_path, loosened, "base.yaml")
    assert {c.what: c.effect for c in policy_changes(first, second)} == {
        "extends.sha256": SAME,
        "gates.rank.threshold": WEAKER,
    }
    assert {c.what: c.effect for c in policy_changes(first, loose)} == {"extends.sha256": WEAKER}
    assert {c.what: c.effect for c in policy_changes(loose, first)} == {"extends.sha256": STRICTER}
    assert {c.what: c.effect for c in policy_changes(loose, moved)} == {"extends": SAME, "gates.rank.threshold": WEAKER}


@pytest.mark.parametrize(
    ("fields", "what", "there", "back"),
    [
        ({"expires": "2025-03-15"}, "waivers.W-1.expires", WEAKER, STRICTER),
        ({"ceiling": 0.3}, "waivers.W-1.ceiling", WEAKER, STRICTER),
        ({"ceiling": 0.05}, "waivers.W-1.ceiling", STRICTER, WEAKER),
        ({"gate": "rank"}, "waivers.W-1.gate", WEAKER, WEAKER),
        ({"model_id": "n"}, "waivers.W-1.model_id", WEAKER, WEAKER),
        ({"approved_by": "Eve"}, "waivers.W-1.approved_by", WEAKER, WEAKER),
        ({"ticket": "X"}, "waivers.W-1.ticket", SAME, SAME),
    ],
)
def test_changes_of_a_waiver(tmp_path: Path, fields: dict[str, object], what: str, there: str, back: str) -> None:
    gates = loaded(tmp_path, POLICY).policy.gates
    base, head = [waiver(gate="gap")], [waiver(**{"gate": "gap"} | fields)]
    assert [(c.what, c.effect) for c in waiver_changes(base, head, gates)] == [(what, there)]
    assert [(c.what, c.effect) for c in waiver_changes(head, base, gates)] == [(what, back)]


def test_waivers_that_come_and_go(tmp_path: Path) -> None:
    one, other = waiver(), waiver(id="W-2", model_id="another")
    assert [(c.what, c.effect) for c in waiver_changes([], [one], ())] == [("waivers.W-1", WEAKER)]
    assert [(c.what, c.effect) for c in waiver_changes([one], [], ())] == [("waivers.W-1", STRICTER)]
    assert len(waiver_changes([one], [one, other], ())) == 1
    assert waiver_changes([one], [waiver(ceiling=0.1)], ())[0].effect == WEAKER, "of a gate nobody knows"


@pytest.mark.parametrize("named", ["gap", "Gap"])
def test_a_waiver_names_its_gate_by_id_or_by_name(tmp_path: Path, named: str) -> None:
    gates = loaded(tmp_path, POLICY).policy.gates
    lower = waiver_changes([waiver(gate=named, ceiling=0.2)], [waiver(gate=named, ceiling=0.15)], gates)
    assert [c.effect for c in lower] == [STRICTER]


def test_an_id_goes_before_another_gates_name(tmp_path: Path) -> None:
    """As where waivers are applied: one gate's name may be another's id, and only one of them is a ceiling."""
    text = (
        'policy_name: P\nversion: "1"\ngates:\n'
        "  - {name: other, id: first, metric: roc_auc, threshold: 0.7, comparison: greater_than}\n"
        "  - {name: Gap, id: other, metric: demographic_parity_difference, threshold: 0.1, comparison: less_than}\n"
    )
    gates = loaded(tmp_path, text).policy.gates
    lower = waiver_changes([waiver(gate="other", ceiling=0.2)], [waiver(gate="other", ceiling=0.15)], gates)
    assert [c.effect for c in lower] == [STRICTER]


def test_a_gate_for_other_models_is_weakened_both_ways(tmp_path: Path) -> None:
    base, head = (
        POLICY.replace("name: Gap\n", f"name: Gap\n    applies_to: {{task: {task}}}\n")
        for task in ("classification", "regression")
    )
    assert effects(tmp_path, base, head) == effects(tmp_path, head, base) == {"gates.gap.applies_to": WEAKER}
