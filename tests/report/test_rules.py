"""Waivers and changed rules in every report, and the terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glassalpha_action.records import Audit, Change, Measurement, Requirement
from glassalpha_action.report import render_html, render_markdown
from glassalpha_action.report.terminal import render_text
from glassalpha_action.report.view import view
from glassalpha_action.vocabulary import Better, Outcome, Severity, Status, Unit
from tests import samples
from tests.report import audits


def test_waivers_come_by_what_became_of_them_with_their_people_and_limits() -> None:
    shown = view(audits.waived())
    assert [(w.id, w.look.word) for w in shown.waivers] == [
        ("W-1", "In force"), ("W-2", "Refused"), ("W-3", "Expired"), ("W-4", "Not needed"),
    ]  # fmt: skip
    live = shown.waivers[0]
    assert (live.gate, live.owner, live.approved_by, live.approved_on, live.expires, live.ceiling) == (
        "Demographic parity difference gate", "Ada", "Grace", "2025-01-01", "2025-03-01", "0.200",
    )  # fmt: skip
    assert shown.waivers[3].ceiling == "0.2", "a gate that is not there has no unit"


def test_a_waived_gate_keeps_its_raw_outcome_beside_it() -> None:
    (gate,) = view(audits.waived()).attention
    assert (gate.look.icon, gate.look.word, gate.raw) == ("⚑", "Waived", "fail, waived by W-1")


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({"policy_threshold": 0.2, "policy_severity": Severity.error, "severity": Severity.warning},
         "blocks only beyond < 0.200"),
        ({"policy_severity": Severity.error, "severity": Severity.warning}, "an error gate later"),
        ({}, ""),
    ],
)  # fmt: skip
def test_a_gate_that_only_warns_says_why(fields: dict[str, object], raw: str) -> None:
    verdict = samples.verdict(samples.GAP, Outcome.FAIL, **fields)
    assert view(samples.audit(verdicts=(verdict,))).gates[0].raw == raw


def test_other_rows_are_said_to_need_a_look_and_not_to_be_neutral() -> None:
    found = (
        Change(what="model.path", effect="neutral", message="audit.yaml: `model.path` was a and is b."),
        Change(what="data.rows", effect="neutral", message="the audit's rows are others."),
        Change(what="data.score_column", effect="weakened", message="audit.yaml: `data.score_column` was a and is b."),
    )
    shown = view(samples.audit().model_copy(update={"changes": found})).changes
    assert [(change.look.word, change.look.tone) for change in shown] == [
        ("Weakened", "bad"), ("Needs review", "caution"), ("Neutral", "neutral"),
    ]  # fmt: skip
    assert [change.text[:9] for change in shown] == ["audit.yam", "The audit", "audit.yam"]


def test_the_weakened_rules_come_first_and_once() -> None:
    shown = view(audits.waived())
    assert [change.look.word for change in shown.changes] == ["Weakened", "Neutral"]
    assert shown.banner.notes == ("1 change weakens what judges the model.",)
    assert shown.judged_by == "Judged by the base commit's rules, which are the stricter."
    assert view(samples.audit()).judged_by == ""


@pytest.mark.parametrize("render", [render_html, render_markdown, render_text])
def test_every_report_tells_of_waivers_changes_and_the_next_audit(render: object) -> None:
    text = render(audits.waived())  # type: ignore[operator]
    for said in ("W-2 is refused", "now asks for", "2025-02-04"):
        assert said in text
    without = render(samples.audit())  # type: ignore[operator]
    assert "Waivers" not in without
    assert "does to the rules" not in without


def test_the_policy_says_whom_to_ask_and_how_far_it_binds() -> None:
    shown = view(audits.waived())
    assert shown.questions == "Policy questions: risk@example.com"
    facts = {fact.label: fact.text for fact in shown.policy}
    assert facts["Questions"] == shown.questions
    assert facts["Enforcement"].startswith("mandatory, with waivers")
    assert view(samples.audit()).questions == ""


def test_a_model_that_vanished_is_blocked_for_that() -> None:
    gone = Requirement(name="base: model_present", met=False, message="Keep its audit.yaml.")
    shown = view(samples.audit(policy=None, verdicts=(), measurements=(), requirements=(gone,)))
    assert shown.banner.sentence == "Blocked: a model of the base commit is no longer configured."
    assert shown.requirements[0][0] == "Model still configured"
    assert "Keep its audit.yaml." in render_html(samples.audit(policy=None, verdicts=(), requirements=(gone,)))


def test_the_terminal_wraps_its_notes_and_never_clips_them() -> None:
    note = "Judged by the base commit's rules, " * 8
    text = render_text(samples.audit(notes=(note,)), 80)
    assert " ".join(note.split()) in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_terminal_counts_as_the_report_does_and_gives_a_command_to_copy_whole() -> None:
    unmet = Requirement(name="evidence: owner", met=False, message="Say the model's owner.")
    failed = samples.verdict(samples.GAP, Outcome.FAIL)
    missing = samples.verdict(samples.AUC, Outcome.MISSING, remediation="Audit rows of both labels.")
    audit = samples.audit(verdicts=(failed, missing), requirements=(unmet,))
    lines = render_text(audit, 80).splitlines()
    assert lines[0].endswith("BLOCKED")
    assert (
        lines[1]
        == f"  {view(audit).banner.why}"
        == ("  1 of 2 gates failed, 1 was not measured and 1 requirement is not met.")
    )
    commands = [line.strip() for line in lines if "explain failed-gate" in line]
    assert commands == ["glassalpha explain failed-gate demographic_parity_difference"]
    assert [line.split(":")[0].strip() for line in lines if ": A" in line or "Fix:" in line] == ["Fix", "Next"]


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_what_needs_attention_begins_with_unmet_requirements_and_names_the_command(
    render: Callable[[Audit], str],
) -> None:
    unmet = Requirement(name="evidence: owner", met=False, message="Say the model's owner.")
    failed = samples.verdict(samples.GAP, Outcome.FAIL)
    text = render(samples.audit(verdicts=(failed,), requirements=(unmet,)))
    text = text[text.index("What needs attention") :]
    assert text.index("Evidence: owner") < text.index("Demographic parity difference gate")
    assert "glassalpha explain failed-gate demographic_parity_difference" in text.replace("\\_", "_")
    alone = render(samples.audit(status=Status.BLOCKED, verdicts=(), requirements=(unmet,)))
    assert "What needs attention" in alone


def measured(metric: str, value: float | None, reason: str | None = None, **fields: object) -> Measurement:
    return Measurement(metric=metric, title=metric.title(), unit=Unit.share, better=Better.higher, value=value,
                       reason=reason, n=10, **fields)  # fmt: skip


def test_what_gates_judge_comes_first_and_what_was_not_measured_is_told_once_for_each_reason() -> None:
    found = (
        measured("accuracy", 0.7), measured("recall", None, "no row is positive"),
        measured("precision", None, "no row is positive"), samples.AUC,
    )  # fmt: skip
    audit = samples.audit(measurements=found, glossary={}, verdicts=(samples.verdict(samples.AUC, Outcome.PASS),))
    shown = view(audit)
    (other,) = [section for section in shown.sections if section.id == "other"]
    assert [metric.title for metric in other.metrics] == [samples.AUC.title, "Accuracy"]
    (limit,) = [limit for limit in shown.limits if limit.title == "Not measured"]
    assert limit.sentences == ("Recall and Precision: no row is positive.",)


def test_a_value_known_between_bounds_says_so() -> None:
    audit = samples.audit(measurements=(measured("accuracy", 0.7, bounds=(0.69, 0.71)),), glossary={}, verdicts=())
    assert "known to lie between 0.690 and 0.710" in render_markdown(audit)


def test_long_lists_of_features_are_cut_and_levels_never_are() -> None:
    features = tuple(samples.GROUPS[0].model_copy(update={"level": f"f{k}", "value": 1 / (k + 2)}) for k in range(30))
    of_features = measured("proxy_strength", 0.5, attribute="sex", subject="Feature", groups=features)
    of_levels = measured("selection", 0.5, attribute="region", groups=features)
    audit = samples.audit(status=Status.PASSED, measurements=(of_features, of_levels), glossary={})
    tables = {table.title: table for section in view(audit).sections for table in section.tables}
    assert tables["Features and sex"].more == f"{30 - len(tables['Features and sex'].rows)} more rows in audit.json."
    assert (len(tables["By region"].rows), tables["By region"].more) == (30, "")
