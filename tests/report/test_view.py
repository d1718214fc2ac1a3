import pytest

from glassalpha_action.records import Audit, Requirement
from glassalpha_action.report import background
from glassalpha_action.report.view import printable, view
from glassalpha_action.report.words import UNMET
from glassalpha_action.vocabulary import Outcome, Severity, Status
from tests import samples
from tests.report import audits


def test_the_verdict_says_what_failed() -> None:
    shown = view(samples.audit()).banner
    assert shown.word == "Blocked"
    assert (
        shown.sentence
        == "Blocked: 1 of 3 gates failed and 1 was not measured. 1 error gate blocks, 1 warning gate asks for review."
    )


@pytest.mark.parametrize(
    ("audit", "sentence"),
    [
        (samples.audit(status=Status.REVIEW), "Needs review: 1 of 3 gates is inconclusive and 1 does not apply."),
        (samples.audit(status=Status.PASSED), "Passed: 2 of 3 gates passed and 1 does not apply."),
        (
            samples.audit(status=Status.PASSED, verdicts=(samples.verdict(samples.AUC, Outcome.PASS),)),
            "Passed: the one gate passed.",
        ),
        (
            samples.audit(
                status=Status.PASSED, verdicts=(samples.verdict(samples.AUC, Outcome.FAIL, severity=Severity.info),)
            ),
            "Passed: 1 info gate did not pass.",
        ),
        (audits.bare(), "No policy applies to this model, so nothing was judged."),
        (
            audits.dev(),
            (
                "Would be blocked: 1 of 3 gates failed and 1 was not measured. "
                "1 error gate blocks, 1 warning gate asks for review."
            ),
        ),
    ],
)
def test_the_sentence_of_each_status(audit: Audit, sentence: str) -> None:
    assert view(audit).banner.sentence == sentence


def test_an_unmet_requirement_stands_in_the_verdict_with_its_remedy() -> None:
    shown = view(audits.large())
    assert "1 requirement is not met" in shown.banner.sentence
    assert shown.unmet == (("Git commit required", UNMET, "Commit the change to `audit.yaml`, then audit again."),)
    assert [(look.word, text) for _, look, text in shown.requirements if look.word == "Not met"] == [
        ("Not met", "Commit the change to `audit.yaml`, then audit again.")
    ]


def test_unmet_requirements_block_as_error_gates_do_where_anything_blocks() -> None:
    unmet = tuple(Requirement(name=f"evidence: {name}", met=False, message="Say it.") for name in ("owner", "team"))
    power = samples.verdict(samples.POWER, Outcome.FAIL, severity=Severity.warning)
    gap = samples.verdict(samples.GAP, Outcome.FAIL)
    both = samples.audit(verdicts=(gap, power), requirements=unmet)
    assert view(both).banner.sentence == (
        "Blocked: 2 of 2 gates failed and 2 requirements are not met. "
        "1 error gate and 2 requirements block, 1 warning gate asks for review."
    )
    advised = samples.audit(status=Status.REVIEW, verdicts=(gap, power))
    assert view(advised).banner.sentence == "Needs review: 2 of 2 gates failed.", "an advisory policy blocks nothing"


def test_a_gate_without_a_value_has_no_advice_on_failing_and_a_failed_one_its_command() -> None:
    missing = samples.verdict(samples.GAP, Outcome.MISSING, value=None, remediation=None)
    failed = samples.verdict(samples.GAP, Outcome.FAIL, remediation=None)
    gates = view(samples.audit(verdicts=(failed, missing))).attention
    assert [(gate.step, gate.explain) for gate in gates] == [
        (samples.ADVICE.fixes[0], "glassalpha explain failed-gate demographic_parity_difference"),
        ("", ""),
    ]


def test_a_number_is_written_as_its_gate_writes_it() -> None:
    error = samples.GAP.model_copy(update={"value": 0.1003, "exact": None})
    verdict = samples.verdict(error, Outcome.FAIL)
    shown = view(samples.audit(verdicts=(verdict,), measurements=(error,)))
    assert shown.gates[0].value == "0.1003"
    assert [line.value for s in shown.sections for metric in s.metrics for line in metric.lines] == ["0.1003"]


def test_a_policy_that_does_not_apply_judges_nothing() -> None:
    verdict = samples.verdict(samples.AUC, Outcome.NOT_APPLICABLE)
    other = samples.audit(
        status=Status.NO_POLICY, policy=samples.POLICY, verdicts=(verdict,), notes=("It applies to pricing.",)
    )
    shown = view(other)
    assert shown.banner.sentence == "No policy applies to this model, so nothing was judged."
    assert shown.banner.notes == ("It applies to pricing.",)
    assert [gate.look.word for gate in shown.gates] == ["Does not apply"]


def test_attention_puts_the_gravest_first_and_gives_a_step() -> None:
    gates = view(audits.large()).attention
    assert [(gate.look.word, gate.severity) for gate in gates] == [
        ("Fail", "error gate"),
        ("Waived", "error gate"),
        ("Not measured", "warning gate"),
        ("Inconclusive", "warning gate"),
        ("Fail", "info gate"),
    ]
    worst = gates[0]
    assert (worst.value, worst.required, worst.group) == (
        "0.240",
        "< 0.100",
        "region: north (n 900) against abroad (n 81)",
    )
    assert worst.step == samples.ADVICE.fixes[0]
    assert gates[1].raw == "before: fail"


def test_each_attribute_a_gate_judged_is_shown_once() -> None:
    gate = next(gate for gate in view(audits.large()).gates if gate.name == "Demographic Parity")
    assert [part.group.split(":")[0] for part in gate.parts] == ["sex", "age_group"]


def test_sections_come_in_reading_order_and_none_is_empty() -> None:
    assert [section.id for section in view(audits.large()).sections] == [
        "performance",
        "calibration",
        "fairness",
        "robustness",
        "data-quality",
        "explanations",
    ]
    assert view(audits.bare()).sections == ()


def test_a_metric_without_a_definition_is_still_shown() -> None:
    shown = view(samples.audit(glossary={}))
    assert [section.id for section in shown.sections][-1] == "other"


def test_each_rate_of_an_attribute_is_one_column_with_its_reason_where_it_is_missing() -> None:
    fairness = next(section for section in view(audits.large()).sections if section.id == "fairness")
    table = fairness.tables[-1]
    assert [title for title, _ in table.columns] == ["Selection rate", "True positive rate", "False positive rate"]
    level, n, cells = table.rows[-1]
    assert (level, n) == ("(missing)", "7")
    assert cells[0] == ("not estimable", "no favourable outcome among 7 rows")
    assert len(table.rows) == 12


def test_the_limits_name_what_was_not_measured_what_is_small_and_what_is_uncertain() -> None:
    limits = {limit.title: limit.sentences for limit in view(audits.large()).limits}
    assert "Permutation importance: only predictions were given, no model to run." in limits["Not measured"]
    assert any("region has 1 group of fewer than 30 rows" in text for text in limits["Small groups"])
    assert any("reaches across the threshold (< 0.100)" in text for text in limits["Too few rows to be sure"])
    assert limits["Warnings about the data"] == ("12 rows are duplicates.",)
    assert "Not for approval" not in limits
    assert {limit.title for limit in view(audits.dev()).limits} >= {"Not for approval", "Not enforced"}


def test_a_policy_that_was_not_reviewed_in_time_limits_the_evidence() -> None:
    title = "Policy not reviewed in time"
    late = {limit.title: limit.sentences for limit in background.limits(samples.audit(as_of="2025-04-02"))}
    assert late[title][0].startswith("Sample Policy was to be reviewed by 2025-04-01, 1 day before this audit:")
    assert title not in {limit.title for limit in background.limits(samples.audit(as_of="2025-04-01"))}


def test_provenance_says_what_was_not_recorded() -> None:
    facts = {fact.label: fact.text for fact in view(audits.bare()).provenance}
    assert facts["Random seed"] == "not set"
    assert facts["Git commit"] == "not recorded"
    assert facts["Isolation of the model"] == "not needed: no model code ran"
    assert "Model digest" not in facts


@pytest.mark.parametrize("value", [None, True, 0.5, Status.PASSED, object()])
def test_a_template_cannot_print_a_raw_value(value: object) -> None:
    with pytest.raises(TypeError, match="may not print"):
        printable(value)


def test_whole_numbers_and_text_can_be_printed() -> None:
    assert printable(12345) == "12,345"
    assert printable("x" * 10_000).endswith("(10,000 characters, whole in audit.json)")
