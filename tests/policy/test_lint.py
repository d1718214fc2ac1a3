from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from glassalpha_action import shipped
from glassalpha_action.documents import UserError
from glassalpha_action.metrics.intervals import gap
from glassalpha_action.policy import citations
from glassalpha_action.policy.lint import Finding, lint
from glassalpha_action.vocabulary import Better
from tests.policy.gates import HEAD, KNOWN, loaded
from tests.policy.portfolio import METRICS

TODAY = date(2026, 11, 23)
CITATIONS = citations.load(shipped.policies() / "citations.yaml")
SOURCE = shipped.policies() / "org_credit_baseline_v1.yaml"


def found(folder: Path, text: str, today: date = TODAY) -> list[Finding]:
    return lint(loaded(folder, text), METRICS, CITATIONS, today, gap)


def gate(metric: str, comparison: str, threshold: object, name: str = "G", extra: str = "rationale: r") -> str:
    return f"  - {{name: {name}, metric: {metric}, comparison: {comparison}, threshold: {threshold}, {extra}}}\n"


def rules(findings: list[Finding]) -> list[tuple[str, str, int | None]]:
    return [(f.rule, f.level, f.line) for f in findings]


CLEAN = f"{HEAD}gates:\n{gate('roc_auc', 'greater_than_or_equal', 0.7)}"


def test_a_sound_policy_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, CLEAN) == []


def test_the_source_s_file_warns_with_lines_and_has_no_error(tmp_path: Path) -> None:
    findings = found(tmp_path, SOURCE.read_bytes().decode())
    assert {f.level for f in findings} == {"warning"}
    assert rules(findings) == [
        ("citation", "warning", 6),
        ("citation", "warning", 6),
        ("boundary", "warning", 13),
        ("noise", "warning", 30),
        ("boundary", "warning", 31),
        ("noise", "warning", 38),
        ("boundary", "warning", 48),
        ("boundary", "warning", 56),
        ("review", "warning", 78),
    ]
    rescinded, amended = findings[:2]
    assert "SR 11-7" in rescinded.message
    assert "rescinded since 2026-04-17, superseded by SR 26-2" in rescinded.message
    assert "Cited on lines 24, 50, 58, 67 too." in rescinded.message
    assert "ECOA" in amended.message
    assert "amended since 2026-07-21" in amended.message
    assert "Cited on lines 33, 41 too." in amended.message
    assert "601 days overdue" in findings[-1].message
    assert "2025-04-01" in findings[-1].message


def test_the_review_is_due_only_after_its_day(tmp_path: Path) -> None:
    text = f'{CLEAN}review_cycle: {{next_review: "2026-11-23"}}\n'
    assert found(tmp_path, text) == []
    assert rules(found(tmp_path, text, date(2026, 11, 24))) == [("review", "warning", 5)]


@pytest.mark.parametrize(
    ("announced", "effective", "warned"),
    [
        ("2026-12-01", "2026-12-15", False),
        ("2026-12-01", "2026-12-14", True),
        ("2026-12-01", "2026-11-30", True),
        (None, "2026-12-06", True),
        (None, "2026-12-07", False),
        (None, "2026-11-01", False),
        ("2020-01-01", "2020-01-02", True),
    ],
)
def test_teams_get_fourteen_days_notice(tmp_path: Path, announced: str | None, effective: str, warned: bool) -> None:
    dates = (f'announced_date: "{announced}"\n' if announced else "") + f'effective_date: "{effective}"\n'
    findings = found(tmp_path, CLEAN.replace("gates:", f"{dates}gates:"))
    assert [f.rule for f in findings] == (["notice"] if warned else [])


@pytest.mark.parametrize(
    ("metric", "comparison", "threshold", "name", "warned"),
    [
        ("min_group_size", "greater_than", 30, "Rows", True),
        ("min_group_size", "greater_than_or_equal", 30, "Rows", False),
        ("roc_auc", "greater_than", 0.75, "Minimum AUC", True),
        ("roc_auc", "greater_than", 0.75, "AUC", True),
        ("brier_score", "less_than", 0.2, "Brier at most 0.2", True),
        ("brier_score", "less_than", 0.2, "Brier", False),
        ("brier_score", "less_than_or_equal", 0.2, "Brier at most 0.2", False),
    ],
)
def test_comparisons_that_leave_their_own_limit_out(
    tmp_path: Path, metric: str, comparison: str, threshold: float, name: str, warned: bool
) -> None:
    findings = found(tmp_path, f"{HEAD}gates:\n{gate(metric, comparison, threshold, name)}")
    assert [f.rule for f in findings] == (["boundary"] if warned else [])
    if warned:
        assert f"exactly {threshold:g} fails" in findings[0].message
        assert f"{comparison}_or_equal" in findings[0].message


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (("roc_auc", "greater_than_or_equal", 0.8), ("roc_auc", "less_than_or_equal", 0.7), "error"),
        (("brier_score", "less_than", 0.1), ("brier_score", "greater_than_or_equal", 0.1), "error"),
        (("brier_score", "less_than_or_equal", 0.1), ("brier_score", "greater_than_or_equal", 0.1), None),
        (("roc_auc", "between", "[0.5, 0.6]"), ("roc_auc", "between", "[0.7, 0.8]"), "error"),
        (("roc_auc", "greater_than_or_equal", 0.8), ("brier_score", "less_than_or_equal", 0.1), None),
    ],
)
def test_gates_that_no_model_can_meet_together(
    tmp_path: Path, first: tuple[str, str, object], second: tuple[str, str, object], said: str | None
) -> None:
    findings = found(tmp_path, f"{HEAD}gates:\n{gate(*first, name='A')}{gate(*second, name='B')}")
    assert [(f.rule, f.level, f.line) for f in findings] == ([("contradiction", said, 5)] if said else [])


def test_a_contradiction_between_warnings_is_only_a_warning(tmp_path: Path) -> None:
    soft = "rationale: r, severity: warning"
    text = gate("roc_auc", "greater_than_or_equal", 0.8, "A", soft) + gate("roc_auc", "less_than_or_equal", 0.7, "B")
    assert rules(found(tmp_path, f"{HEAD}gates:\n{text}")) == [("contradiction", "warning", 5)]


def test_a_gate_behind_a_stricter_one_never_decides(tmp_path: Path) -> None:
    strict = gate("brier_score", "less_than_or_equal", 0.1, "Strict")
    loose = gate("brier_score", "less_than_or_equal", 0.2, "Loose", "rationale: r, severity: warning")
    findings = found(tmp_path, f"{HEAD}gates:\n{strict}{loose}")
    assert rules(findings) == [("unreachable", "warning", 5)]
    assert "`Loose` never decides" in findings[0].message


def test_a_softer_warning_before_a_hard_gate_is_reachable(tmp_path: Path) -> None:
    hard = gate("brier_score", "less_than_or_equal", 0.2, "Hard")
    early = gate("brier_score", "less_than_or_equal", 0.1, "Early", "rationale: r, severity: warning")
    assert found(tmp_path, f"{HEAD}gates:\n{hard}{early}") == []


@pytest.mark.parametrize(
    ("comparison", "threshold", "level"),
    [
        ("greater_than", 1, "error"),
        ("greater_than_or_equal", 1, None),
        ("less_than", 0, "error"),
        ("greater_than_or_equal", 0, "warning"),
        ("less_than_or_equal", 1.5, "warning"),
        ("between", "[2, 3]", "error"),
    ],
)
def test_limits_outside_what_a_metric_can_be(
    tmp_path: Path, comparison: str, threshold: object, level: str | None
) -> None:
    findings = [
        f for f in found(tmp_path, f"{HEAD}gates:\n{gate('roc_auc', comparison, threshold)}") if f.rule == "unreachable"
    ]
    assert [f.level for f in findings] == ([level] if level else [])


@pytest.mark.parametrize(
    ("metric", "comparison", "threshold", "said"),
    [
        ("calibration_difference", "less_than", 1.5, None),
        ("calibration_difference", "less_than_or_equal", 2, "which every model meets"),
        ("demographic_parity_difference", "less_than", -0.1, "which no model reaches: it lies from 0 to 1."),
        ("gini", "greater_than_or_equal", 1.5, "which no model reaches: it lies from -1 to 1."),
        ("population_stability_index", "less_than", -1, "which no model reaches: it is 0 at least."),
        ("r2", "greater_than_or_equal", 1.5, "which no model reaches: it is 1 at most."),
        ("r2", "greater_than_or_equal", -5, None),
    ],
)
def test_each_metric_has_its_own_range(
    tmp_path: Path, metric: str, comparison: str, threshold: float, said: str | None
) -> None:
    findings = found(tmp_path, f"{HEAD}gates:\n{gate(metric, comparison, threshold)}")
    assert [f.rule for f in findings] == (["unreachable"] if said else [])
    assert all(said in f.message for f in findings if said)


def test_every_gate_needs_a_rationale(tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n{gate('roc_auc', 'greater_than_or_equal', 0.7, extra='clause: c')}"
    assert rules(found(tmp_path, text)) == [("rationale", "warning", 4)]


@pytest.mark.parametrize(
    ("rows", "statistics", "warned"),
    [
        (30, "", True),
        (5000, "", False),
        (30, "statistics: {decision: bound}\n", False),
        (30, "statistics: {decision: bound, on_inconclusive: block}\n", True),
        (30, "statistics: {min_group_n: 6000}\n", False),
    ],
)
def test_thresholds_that_chance_alone_breaks(tmp_path: Path, rows: int, statistics: str, warned: bool) -> None:
    size = gate("min_group_size", "greater_than_or_equal", rows, "Size")
    parity = gate("demographic_parity_difference", "less_than_or_equal", 0.1, "Parity")
    findings = found(tmp_path, f"{HEAD}{statistics}gates:\n{size}{parity}")
    assert [f.rule for f in findings] == (["noise"] if warned else [])


RATES = {
    "demographic_parity_difference", "demographic_parity_ratio", "adverse_impact_ratio", "scoring_rate_ratio",
    "equalized_odds_difference", "equal_opportunity_difference", "predictive_parity_difference",
    "true_positive_rate_difference", "false_positive_rate_difference",
}  # fmt: skip


@pytest.mark.parametrize(
    "metric", sorted(name for name, one in METRICS.items() if one.per_attribute and name == one.id)
)
def test_chance_breaks_every_gap_and_ratio_of_rates(tmp_path: Path, metric: str) -> None:
    floor = METRICS[metric].better is Better.higher
    comparison, limit = ("greater_than_or_equal", 0.95) if floor else ("less_than_or_equal", 0.05)
    findings = found(tmp_path, f"{HEAD}statistics: {{min_group_n: 50}}\ngates:\n{gate(metric, comparison, limit)}")
    assert [f.rule for f in findings] == (["noise"] if metric in RATES else [])


def test_the_share_of_fair_models_that_break_is_about_right(tmp_path: Path) -> None:
    from benchmarks.decisions import outcomes
    from glassalpha_action.vocabulary import Outcome

    size = gate("min_group_size", "greater_than_or_equal", 30, "Size")
    parity = gate("demographic_parity_difference", "less_than", 0.1, "Parity")
    findings = found(tmp_path, f"{HEAD}gates:\n{size}{parity}")
    said = float(findings[0].message.split("in about ")[1].split("%")[0]) / 100
    assert said == pytest.approx(outcomes(30, 0.0, "point")[Outcome.FAIL], abs=0.1)


def test_without_a_least_group_size_nothing_is_known_of_noise(tmp_path: Path) -> None:
    parity = gate("demographic_parity_difference", "less_than_or_equal", 0.1, "Parity")
    assert found(tmp_path, f"{HEAD}gates:\n{parity}") == []


@pytest.mark.parametrize(
    ("clause", "level"),
    [
        ("SR 11-7 §III.B.1", "warning"),
        ("OCC  2011-12", "warning"),
        ("SR 26-2, governance and controls", None),
        ("Colorado SB 24-205", "warning"),
        ("Colorado SB 26-189", "warning"),
        ("CFPB Circular 2022-03", "warning"),
        ("UGESP, 29 CFR 1607.4(D)", "note"),
        ("12 CFR 1002.9(b)(2)", None),
        ("RSR 11-70", None),
        ("SR 11-7.5", None),
    ],
)
def test_citations_are_held_against_their_status(tmp_path: Path, clause: str, level: str | None) -> None:
    text = gate("roc_auc", "greater_than_or_equal", 0.7, extra=f'rationale: r, clause: "{clause}"')
    findings = found(tmp_path, f"{HEAD}gates:\n{text}")
    assert [(f.rule, f.level) for f in findings] == ([("citation", level)] if level else [])


def test_a_law_of_the_future_may_be_cited_by_a_policy_of_the_future(tmp_path: Path) -> None:
    text = gate("roc_auc", "greater_than_or_equal", 0.7, extra='rationale: r, clause: "EU AI Act, Art 15"')
    early, late = (f'{HEAD}effective_date: "{day}"\ngates:\n{text}' for day in ("2027-01-01", "2027-12-02"))
    assert [f.level for f in found(tmp_path, early)] == ["warning"]
    assert [f.level for f in found(tmp_path, late)] == ["note"]
    assert found(tmp_path, late, date(2027, 12, 2)) == []
    assert "not applicable before 2027-12-02" in found(tmp_path, early)[0].message


def test_every_authority_says_when_and_how_it_is_known() -> None:
    assert len(CITATIONS.authorities) >= 20
    assert len({one.id for one in CITATIONS.authorities}) == len(CITATIONS.authorities)
    for one in CITATIONS.authorities:
        assert one.as_of == TODAY
        assert one.cited_in(f"see {one.names[0]}, as amended")
        assert one.status not in citations.GONE or one.since or one.superseded_by


def test_an_extended_policy_without_a_pin_is_noted(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(CLEAN)
    findings = found(tmp_path, f"{HEAD}extends: base.yaml\n")
    assert rules(findings) == [("extends", "note", 3)]


def test_an_overdue_sunset_and_a_gate_that_starts_after_it(tmp_path: Path) -> None:
    text = gate("roc_auc", "greater_than_or_equal", 0.7, extra='rationale: r, enforce_from: "2026-02-01"')
    findings = found(tmp_path, f'{HEAD}sunset_date: "2026-01-01"\ngates:\n{text}')
    assert rules(findings) == [("sunset", "warning", 3), ("unreachable", "warning", 5)]


def test_a_finding_is_one_line_whatever_the_names_say(tmp_path: Path) -> None:
    text = f'{HEAD}gates:\n  - {{name: "a\\nb\\e[31m", metric: roc_auc, comparison: greater_than, threshold: 0.7}}\n'
    for finding in found(tmp_path, text):
        assert str(finding).isprintable()


def test_unknown_metrics_are_errors_with_a_suggestion(tmp_path: Path) -> None:
    assert "roc_auc" in KNOWN
    with pytest.raises(UserError, match="did you mean `roc_auc`"):
        found(tmp_path, f"{HEAD}gates:\n{gate('roc_acu', 'greater_than', 0.7)}")


def test_gates_of_different_tasks_do_not_contradict_each_other(tmp_path: Path) -> None:
    def both(first: str, second: str) -> list[tuple[str, str, int | None]]:
        low = gate("accuracy", "less_than_or_equal", 0.2, "A", f"rationale: r{first}")
        high = gate("accuracy", "greater_than_or_equal", 0.8, "B", f"rationale: r{second}")
        return rules(found(tmp_path, f"{HEAD}gates:\n{low}{high}"))

    scores, amounts = ", applies_to: {task: classification}", ", applies_to: {task: regression}"
    assert both(scores, amounts) == []
    assert both(scores, scores) == both("", scores) == [("contradiction", "error", 5)]


def test_a_stricter_gate_for_one_task_leaves_the_other_to_the_looser(tmp_path: Path) -> None:
    def both(first: str, second: str) -> list[tuple[str, str, int | None]]:
        strict = gate("accuracy", "greater_than_or_equal", 0.8, "A", f"rationale: r{first}")
        loose = gate("accuracy", "greater_than_or_equal", 0.6, "B", f"rationale: r{second}")
        return rules(found(tmp_path, f"{HEAD}gates:\n{strict}{loose}"))

    scores = ", applies_to: {task: classification}"
    assert both(scores, "") == []
    assert both("", scores) == both(scores, scores) == [("unreachable", "warning", 5)]
