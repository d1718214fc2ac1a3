"""What each field of the policy language does to a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.documents import UserError, parse
from glassalpha_action.metrics import known
from glassalpha_action.policy.requirements import requirements
from glassalpha_action.policy.schema import Policy, Statistics
from glassalpha_action.policy.stricter import absent
from glassalpha_action.policy.verdict import Decision, decide, judge, status
from glassalpha_action.records import CubeOrigin, Measurement, ModelCard, Provenance
from glassalpha_action.vocabulary import Better, Outcome, Severity, Status, Unit
from tests.policy.gates import HEAD, SMALL, gate, group, loaded, measured

PASS, FAIL, UNSURE, MISSED = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.MISSING
POINT, BOUND = Statistics(), Statistics(decision="bound")
ACCURACY = known("accuracy").definition
FULL = Provenance(as_of="2025-06-01", tool_version="0", predictions_sha256="p", model_sha256="m")


def decided(
    folder: Path,
    text: str,
    found: Sequence[Measurement],
    *,
    today: str = "2025-06-01",
    baselines: Mapping[str, Sequence[Measurement]] | None = None,
    model: ModelCard | None = None,
) -> Decision:
    policy = loaded(folder, text)
    return decide(
        policy,
        [(ACCURACY, found)] * len(policy.policy.gates),
        FULL,
        model or ModelCard(id="m"),
        date.fromisoformat(today),
        "prod",
        baselines=baselines,
    )


@pytest.mark.parametrize(("comparison", "outcome"), [("greater_than", FAIL), ("greater_than_or_equal", PASS)])
def test_thirty_rows_are_not_more_than_thirty(comparison: str, outcome: Outcome) -> None:
    rows = measured(Fraction(30), "min_group_size", unit=Unit.rows, attribute="sex")
    assert judge(gate(comparison, 30, "min_group_size"), [rows], POINT, ACCURACY).outcome is outcome


# warn_threshold

SOFT = {"warn_threshold": 0.08}


@pytest.mark.parametrize(
    ("value", "outcome", "severity"),
    [
        (Fraction(7, 100), PASS, Severity.error),
        (Fraction(8, 100), FAIL, Severity.warning),
        (Fraction(9, 100), FAIL, Severity.warning),
        (Fraction(10, 100), FAIL, Severity.error),
    ],
)
def test_a_softer_level_warns_earlier(value: Fraction, outcome: Outcome, severity: Severity) -> None:
    found = judge(gate("less_than", 0.1, **SOFT), [measured(value)], POINT, ACCURACY)
    assert (found.outcome, found.severity) == (outcome, severity)
    if severity is Severity.warning:
        assert (found.policy_severity, found.threshold, found.policy_threshold) == (Severity.error, 0.08, 0.1)
        assert "is not < 0.08" in found.message
        assert "It is a warning: the gate blocks from 0.100." in found.message
        assert found.failed
    else:
        assert (found.policy_severity, found.policy_threshold, found.threshold) == (None, None, 0.1)


def test_what_blocks_hides_no_warning_and_no_warning_what_blocks() -> None:
    one = gate("less_than", 0.1, **SOFT)
    warned, blocked = measured(Fraction(9, 100), attribute="a"), measured(Fraction(2, 10), attribute="b")
    unsure = measured(Fraction(1, 100), attribute="c", groups=(group("x", None),))
    assert judge(one, [warned, blocked, unsure], POINT, ACCURACY).attribute == "b"
    assert judge(one, [unsure, warned], POINT, ACCURACY).attribute == "a"
    hard = Statistics(on_inconclusive="block")
    assert judge(one, [unsure, warned], hard, ACCURACY).attribute == "c", "what blocks comes first"


def test_a_softer_level_by_the_interval() -> None:
    one = gate("less_than", 0.1, **SOFT)
    found = judge(one, [measured(0.05, low=0.03, high=0.09)], BOUND, ACCURACY)
    assert (found.outcome, found.severity) == (UNSURE, Severity.warning)
    assert judge(one, [measured(0.05, low=0.03, high=0.07)], BOUND, ACCURACY).outcome is PASS


@pytest.mark.parametrize(("comparison", "threshold", "soft"), [
    ("less_than", 0.1, 0.2), ("less_than", 0.1, 0.1), ("greater_than", 0.1, 0.05), ("equals", 0.1, 0.1),
    ("equals", 0.1, 0.2), ("present", None, 0.1), ("between", [0.1, 0.2], 0.15), ("between", [0.1, 0.2], [0.1, 0.3]),
    ("between", [0.1, 0.2], [0.1, 0.2]), ("less_than", 0.1, [0.0, 0.05]),
])  # fmt: skip
def test_a_softer_level_lies_on_the_passing_side(comparison: str, threshold: object, soft: object) -> None:
    with pytest.raises(ValueError, match="warn_threshold"):
        gate(comparison, threshold, warn_threshold=soft)


def test_a_warning_gate_has_no_softer_level() -> None:
    with pytest.raises(ValueError, match="needs `severity: error`"):
        gate("less_than", 0.1, severity="warning", **SOFT)


# enforce_from, effective and sunset dates

LATER = SMALL + "    enforce_from: 2025-06-02\n"


@pytest.mark.parametrize(
    ("today", "status", "severity"),
    [("2025-06-01", Status.REVIEW, Severity.warning), ("2025-06-02", Status.BLOCKED, Severity.error)],
)
def test_a_gate_warns_until_it_is_enforced(tmp_path: Path, today: str, status: Status, severity: Severity) -> None:
    found = decided(tmp_path, LATER, [measured(0.1)], today=today)
    assert (found.status, found.enforced, found.verdicts[0].severity) == (status, True, severity)
    assert ("Until 2025-06-02 it is a warning" in found.verdicts[0].message) is (severity is Severity.warning)
    assert found.verdicts[0].policy_severity is (Severity.error if severity is Severity.warning else None)


@pytest.mark.parametrize(("today", "status"), [("2025-06-01", Status.BLOCKED), ("2025-06-02", Status.NO_POLICY)])
def test_a_policy_applies_through_its_last_day(tmp_path: Path, today: str, status: Status) -> None:
    found = decided(tmp_path, SMALL + "sunset_date: 2025-06-01\n", [measured(0.1)], today=today)
    assert found.status is status
    if status is Status.NO_POLICY:
        assert found.verdicts[0].outcome is Outcome.NOT_APPLICABLE
        assert "its last day was 2025-06-01" in found.notes[0]
        assert found.enforced, "no policy is no pass"


def test_a_policy_that_never_applies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`sunset_date` comes before `effective_date`"):
        loaded(tmp_path, SMALL + "sunset_date: 2025-01-01\neffective_date: 2025-01-02\n")


def test_an_announced_day_is_told(tmp_path: Path) -> None:
    text = SMALL + "effective_date: 2025-07-01\nannounced_date: 2025-05-01\n"
    found = decided(tmp_path, text, [measured(0.1)])
    assert (found.status, found.enforced) == (Status.BLOCKED, False)
    assert "(announced on 2025-05-01)" in found.notes[0]


# small groups

SMALL_GROUPS = (group("a", 0.5, 29), group("b", 0.5, 471))


def test_a_small_group_never_passes_and_is_named() -> None:
    found = measured(Fraction(1, 100), attribute="sex", groups=SMALL_GROUPS)
    one = gate("less_than", 0.1)
    assert judge(one, [found], POINT, ACCURACY).outcome is PASS
    by_n = judge(one, [found], Statistics(min_group_n=30), ACCURACY)
    assert by_n.outcome is UNSURE
    assert "a (n 29) below the 30 rows a group needs" in by_n.message
    assert judge(one, [found], Statistics(min_group_n=29), ACCURACY).outcome is PASS
    by_share = judge(one, [found], Statistics(min_group_share=0.06), ACCURACY)
    assert by_share.outcome is UNSURE
    assert "a (n 29) below the 0.06 of all rows" in by_share.message
    assert judge(one, [found], Statistics(min_group_share=0.058), ACCURACY).outcome is PASS, "29 of 500 are 0.058"


def test_a_small_group_hides_no_failure_and_asks_for_review(tmp_path: Path) -> None:
    found = measured(Fraction(5, 10), attribute="sex", groups=SMALL_GROUPS)
    assert judge(gate("less_than", 0.1), [found], Statistics(min_group_n=30), ACCURACY).outcome is FAIL
    text = SMALL.replace("greater_than", "less_than") + "statistics: {min_group_n: 30}\n"
    calm = measured(Fraction(1, 100), attribute="sex", groups=SMALL_GROUPS)
    assert decided(tmp_path, text, [calm]).status is Status.REVIEW
    blocking = text.replace("min_group_n: 30", "min_group_n: 30, on_inconclusive: block")
    assert decided(tmp_path, blocking, [calm]).status is Status.BLOCKED


def test_counts_of_rows_are_certain_and_missing_values_are_not_a_group() -> None:
    rows = measured(29.0, "min_group_size", unit=Unit.rows, groups=SMALL_GROUPS)
    assert judge(gate("greater_than", 20), [rows], Statistics(min_group_n=30), ACCURACY).outcome is PASS
    shown = measured(0.0, groups=(group("a", 0.5, 100), group("(missing)", 0.5, 2), group("x & (missing)", None, 2)))
    assert judge(gate("less_than", 0.1), [shown], Statistics(min_group_n=30), ACCURACY).outcome is PASS
    counted = shown.model_copy(update={"counts_missing": True})
    scoped = gate("less_than", 0.1, scope={"missing": True})
    assert judge(scoped, [counted], Statistics(min_group_n=30), ACCURACY).outcome is UNSURE


# scope

ALONE = [measured(0.05, attribute="sex"), measured(0.06, attribute="age")]
BOTH = measured(0.5, attribute="sex & age", combines=("sex", "age"))
WITH_MISSING = [m.model_copy(update={"counts_missing": True, "value": 0.7}) for m in ALONE]


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        (None, {"sex", "age"}),
        ({"attributes": ["sex"]}, {"sex"}),
        ({"intersections": [["sex", "age"]]}, {"sex", "age", "sex & age"}),
        ({"attributes": ["age"], "intersections": [["sex", "age"]]}, {"age", "sex & age"}),
        ({"attributes": ["sex"], "missing": True}, {"sex"}),
    ],
)
def test_a_gate_judges_its_scope_and_nothing_else(scope: object, attributes: set[str]) -> None:
    found = judge(gate("less_than", 0.1, scope=scope), [*ALONE, BOTH, *WITH_MISSING], POINT, ACCURACY)
    assert {j.attribute for j in found.judged} == attributes
    expected = 0.7 if isinstance(scope, dict) and scope.get("missing") else 0.5 if "sex & age" in attributes else 0.06
    assert found.value == (expected if attributes != {"sex"} or expected == 0.7 else 0.05)


def test_a_combination_nobody_measured_is_missing() -> None:
    found = judge(gate("less_than", 0.1, scope={"intersections": [["sex", "race"]]}), ALONE, POINT, ACCURACY)
    assert (found.outcome, found.attribute) == (MISSED, "sex & race")


@pytest.mark.parametrize("scope", [
    {}, {"missing": False}, {"attributes": []}, {"intersections": [["sex"]]}, {"intersections": [["sex", "sex"]]},
])  # fmt: skip
def test_a_scope_says_something(scope: object) -> None:
    with pytest.raises(ValueError, match="scope"):
        gate("less_than", 0.1, scope=scope)


# overrides

OVERRIDES = (
    SMALL
    + """    overrides:
      small: {threshold: 0.3, rationale: Few rows.}
      watched: {severity: warning, rationale: In pilot.}
      strict: {warn_threshold: 0.7, rationale: Large.}
"""
)


@pytest.mark.parametrize(
    ("model", "value", "status", "threshold"),
    [
        ("any", 0.4, Status.BLOCKED, 0.5), ("small", 0.4, Status.PASSED, 0.3), ("small", 0.3, Status.BLOCKED, 0.3),
        ("watched", 0.4, Status.REVIEW, 0.5), ("strict", 0.6, Status.REVIEW, 0.7), ("any", 0.6, Status.PASSED, 0.5),
    ],
)  # fmt: skip
def test_one_model_is_held_to_something_else(
    tmp_path: Path, model: str, value: float, status: Status, threshold: float
) -> None:
    found = decided(tmp_path, OVERRIDES, [measured(value)], model=ModelCard(id=model))
    assert (found.status, found.verdicts[0].threshold) == (status, threshold)
    if model == "small":
        assert found.verdicts[0].rationale == "Few rows."


@pytest.mark.parametrize("override", [
    "{threshold: 0.3}", "{threshold: [0.1, 0.2], rationale: x}", "{rationale: x, y: 1}",
    "{warn_threshold: 0.4, rationale: x}",
])  # fmt: skip
def test_an_override_must_fit_its_gate(tmp_path: Path, override: str) -> None:
    with pytest.raises(UserError):
        loaded(tmp_path, SMALL + f"    overrides: {{m: {override}}}\n")


# baselines

AGAINST = HEAD + "gates:\n  - {name: G, metric: accuracy, baseline: {no_worse_than: 0.02%s}}\n"


def based(folder: Path, found: Measurement, *, more: str = "", text: str = AGAINST, **baselines: object) -> Decision:
    return decided(folder, text % more, [found], baselines=baselines)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "then", "better", "outcome"),
    [
        (Fraction(78, 100), Fraction(80, 100), Better.higher, PASS),
        (Fraction(77, 100), Fraction(80, 100), Better.higher, FAIL),
        (Fraction(90, 100), Fraction(80, 100), Better.higher, PASS),
        (Fraction(12, 100), Fraction(10, 100), Better.lower, PASS),
        (Fraction(13, 100), Fraction(10, 100), Better.lower, FAIL),
        (Fraction(103, 100), Fraction(1), Better.neither, FAIL),
        (Fraction(97, 100), Fraction(1), Better.neither, FAIL),
        (Fraction(98, 100), Fraction(1), Better.neither, PASS),
    ],
)
def test_a_model_is_no_worse_than_the_base_commits(
    tmp_path: Path, now: Fraction, then: Fraction, better: Better, outcome: Outcome
) -> None:
    found = based(tmp_path, measured(now, better=better), base_commit=[measured(then, better=better)])
    (verdict,) = found.verdicts
    assert verdict.outcome is outcome
    assert (verdict.threshold, verdict.baseline) == (0.02, float(then))
    assert verdict.title == "Accuracy, worsening"
    assert (
        f"{float(now):.3f} now against {float(then):.3f} of the base commit's model on the same rows" in verdict.message
    )


def test_an_unpaired_comparison_says_so_and_has_an_interval(tmp_path: Path) -> None:
    now, then = measured(0.77, low=0.73, high=0.81), measured(0.80, low=0.77, high=0.83)
    found = based(tmp_path, now, last_audit=[then])
    verdict = found.verdicts[0]
    assert verdict.outcome is FAIL
    assert "of the last recorded audit, on other rows" in verdict.message
    # Worsening 0.03; down hypot(0.03, 0.04) = 0.05, up hypot(0.03, 0.04) = 0.05.
    assert (verdict.low, verdict.high) == pytest.approx((-0.02, 0.08))
    sure = based(
        tmp_path, now, text=AGAINST.replace("gates:", "statistics: {decision: bound}\ngates:"), last_audit=[then]
    )
    assert sure.verdicts[0].outcome is UNSURE


def test_what_a_baseline_gate_compares_with(tmp_path: Path) -> None:
    now, good, bad = measured(0.8), measured(0.8), measured(0.9)
    assert based(tmp_path, now, base_commit=[good], last_audit=[bad]).status is Status.PASSED
    assert based(tmp_path, now, more=", ref: last_audit", base_commit=[good], last_audit=[bad]).status is Status.BLOCKED
    assert based(tmp_path, now, more=", paired: true", last_audit=[good]).verdicts[0].outcome is MISSED
    assert based(tmp_path, now).verdicts[0].outcome is MISSED
    assert based(tmp_path, now).status is Status.BLOCKED
    new = based(tmp_path, now, base_commit=[], last_audit=[])
    assert (new.verdicts[0].outcome, new.status) == (UNSURE, Status.REVIEW)
    assert "no earlier model to compare with yet" in new.verdicts[0].message
    other = based(tmp_path, now, base_commit=[measured(0.8, "recall")])
    assert other.verdicts[0].outcome is UNSURE
    assert based(tmp_path, measured(None), base_commit=[good]).verdicts[0].outcome is MISSED
    assert based(tmp_path, now, base_commit=[measured(None)]).verdicts[0].outcome is UNSURE


def test_each_attribute_is_compared_with_itself(tmp_path: Path) -> None:
    now = [measured(0.8, attribute="sex"), measured(0.8, attribute="age")]
    then = [measured(0.9, attribute="age"), measured(0.8, attribute="sex")]
    found = decided(tmp_path, AGAINST % "", now, baselines={"base_commit": then})
    assert (found.verdicts[0].outcome, found.verdicts[0].attribute) == (FAIL, "age")


@pytest.mark.parametrize("fields", [
    "{no_worse_than: 0.1}, threshold: 0.2", "{no_worse_than: 0.1}, comparison: less_than, threshold: 0.1",
    "{no_worse_than: -0.1}", "{}", "{no_worse_than: 0.1, paired: true, ref: last_audit}", "{no_worse_than: .nan}",
    "{no_worse_than: 0.1}, warn_threshold: 0.05",
])  # fmt: skip
def test_a_baseline_gate_asks_one_thing(tmp_path: Path, fields: str) -> None:
    with pytest.raises(UserError):
        loaded(tmp_path, HEAD + f"gates: [{{name: G, metric: accuracy, baseline: {fields}}}]\n")


# a value known only between bounds


def test_no_gate_is_decided_between_bounds() -> None:
    found = measured(0.745, "roc_auc", bounds=(0.74, 0.76))
    assert judge(gate("greater_than", 0.75), [found], POINT, ACCURACY).outcome is UNSURE
    assert judge(gate("greater_than", 0.73), [found], POINT, ACCURACY).outcome is PASS
    assert judge(gate("greater_than", 0.77), [found], POINT, ACCURACY).outcome is FAIL


# evidence, enforcement and the next audit

CARD = ModelCard(id="m", owner="Ada", developer="Joan", validator="Grace", intended_use="Ranks applicants.")


@pytest.mark.parametrize(
    ("name", "change", "met"),
    [
        ("owner", {}, True), ("owner", {"owner": None}, False), ("owner", {"owner": "  "}, False),
        ("independent_validator", {}, True), ("independent_validator", {"validator": None}, False),
        ("independent_validator", {"validator": " ada"}, False),
        ("independent_validator", {"developer": "GRACE"}, False),
        ("intended_use", {}, True), ("limitations", {}, False), ("model_digest", {}, True),
    ],
)  # fmt: skip
def test_required_evidence(tmp_path: Path, name: str, change: dict[str, object], met: bool) -> None:
    text = SMALL + f"required_evidence: [{name}]\n"
    found = decided(tmp_path, text, [measured(0.9)], model=CARD.model_copy(update=change))
    assert [(r.name, r.met) for r in found.requirements] == [(f"evidence: {name}", met)]
    assert found.status is (Status.PASSED if met else Status.BLOCKED)
    assert found.requirements[0].message.endswith(".")


def test_predictions_alone_have_no_model_digest(tmp_path: Path) -> None:
    policy = loaded(tmp_path, SMALL + "required_evidence: [model_digest]\n").policy
    assert [r.met for r in requirements(policy, FULL.model_copy(update={"model_sha256": None}), CARD)] == [False]


def test_evidence_nobody_can_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="required_evidence"):
        loaded(tmp_path, SMALL + "required_evidence: [horoscope]\n")


@pytest.mark.parametrize(("value", "day"), [(0.9, "2025-08-30"), (0.1, "2025-06-15")])
def test_the_next_audit_is_due_by_the_status(tmp_path: Path, value: float, day: str) -> None:
    text = SMALL + "reaudit_days_by_status: {PASSED: 90, BLOCKED: 14}\n"
    assert decided(tmp_path, text, [measured(value)]).reaudit_by == day
    assert decided(tmp_path, SMALL, [measured(value)]).reaudit_by is None


def test_a_requirement_beside_the_policy_binds_whatever_the_policy_says(tmp_path: Path) -> None:
    mild = loaded(tmp_path, SMALL + "enforcement: advisory\n")
    for policy in (mild, None):
        found = decide(policy, [(ACCURACY, [measured(0.9)])] if policy else [], FULL, CARD, date(2025, 6, 1), "dev",
                       beside=[absent("m")])  # fmt: skip
        assert (found.status, found.enforced) == (Status.BLOCKED, True)


# no pass by accident, and monotone

values = st.fractions(0, 1, max_denominator=40)
effects = st.sampled_from(["block", "review"])
rules = st.builds(Statistics, decision=st.sampled_from(["point", "bound"]), on_missing=effects, on_inconclusive=effects,
                  min_group_n=st.sampled_from([None, 1, 60]),
                  min_group_share=st.sampled_from([None, 0.3]))  # fmt: skip
RANK = {PASS: 0, UNSURE: 1, FAIL: 2}


def verdicts(one: Sequence[Measurement], comparison: str, soft: bool, statistics: Statistics) -> tuple[bool, int]:
    up = comparison.startswith("greater")
    warn = {"warn_threshold": 0.6 if up else 0.4} if soft else {}
    found = judge(gate(comparison, 0.5, **warn), one, statistics, ACCURACY)
    return found.severity is Severity.error and found.outcome is FAIL, RANK[found.outcome]


@given(values, values, st.sampled_from(["greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"]),
       st.booleans(), rules, st.fractions(0, Fraction(1, 4), max_denominator=20))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_better_value_is_never_judged_worse(
    a: Fraction, b: Fraction, comparison: str, soft: bool, statistics: Statistics, width: Fraction
) -> None:
    worse, better = sorted((a, b), reverse=comparison.startswith("less"))

    def around(value: Fraction) -> list[Measurement]:
        return [measured(value, low=float(value - width), high=float(value + width), groups=(group("x", 0.5, 50),))]

    bad, good = (verdicts(around(v), comparison, soft, statistics) for v in (worse, better))
    assert good <= bad


@given(
    st.sampled_from(["greater_than", "less_than", "equals", "between", "present"]), rules, st.booleans(), st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_nothing_unmeasured_ever_passes(comparison: str, statistics: Statistics, other: bool, nan: bool) -> None:
    threshold = {"between": [-1e9, 1e9], "present": None}.get(comparison, 0.0)
    gone = measured(None, attribute="a")
    if nan:
        gone = measured(0.5, attribute="a").model_copy(update={"value": float("nan"), "low": float("nan")})
    found = judge(
        gate(comparison, threshold), [gone, *([measured(0.0, attribute="b")] if other else [])], statistics, ACCURACY
    )
    assert found.outcome is not PASS
    policy = Policy.model_validate({"policy_name": "P", "version": "1", "gates": [gate(comparison, threshold)],
                                    "statistics": statistics.model_dump()})  # fmt: skip
    assert status([found], [], policy) is not Status.PASSED


def test_the_published_schema_takes_what_the_loader_takes(tmp_path: Path) -> None:
    validator = jsonschema.Draft202012Validator(Policy.model_json_schema())
    texts = [SMALL, SMALL + "    article: Art. 15\n", OVERRIDES, AGAINST % "", LATER,
             HEAD + "extends: pack:org_credit_baseline_v1\n", SMALL + "exceptions: {approver_roles: [Risk]}\n",
             SMALL + "exceptions: {approver_roles: {Risk: [Ada]}}\n"]  # fmt: skip
    for text in texts:
        assert loaded(tmp_path, text)
        assert list(validator.iter_errors(parse(text.encode(), "p").data)) == []
    for wrong in (SMALL.replace("comparison: greater_than\n", ""), SMALL + "    sevrity: error\n", HEAD):
        assert list(validator.iter_errors(parse(wrong.encode(), "p").data))


def test_every_field_says_what_it_is_for() -> None:
    schema = Policy.model_json_schema()
    for name, definition in {"Policy": schema, **schema["$defs"]}.items():
        for field, said in definition.get("properties", {}).items():
            plain = name == "Override" and field != "rationale"
            assert plain or said.get("description"), f"{name}.{field}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("effective_date: 2025-13-01", "`effective_date`: 2025-13-01 is not a day of the calendar; write"),
        ("effective_date: 2025-02-01\nsunset_date: 2025-01-01", "p.yaml:1: `sunset_date` comes before"),
        ("statistics: {confidence: 2}", "`statistics.confidence` must be less than 1."),
        ("statistics: {confidence: 0.4}", "`statistics.confidence` must be at least 0.5."),
        ("statistics: {min_group_share: 0}", "`statistics.min_group_share` must be more than 0."),
        ("exceptions: {max_days: 1000}", "`exceptions.max_days` must be at most 366."),
        ("reaudit_days_by_status: {PASS: 3}", "`reaudit_days_by_status.PASS` cannot be `PASS`; did you mean `PASSED`?"),
        (f"applies_to: [{'a, ' * 1001}]", "`applies_to` has more than the 1000 entries it may have."),
        (f"citation: {'a' * 20_001}", "`citation` is longer than the 20000 characters it may have."),
        ("\tcitation: a", "indent with spaces, not tabs."),
        ("citation: [a", "check the indentation, quotes and brackets"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_would_do(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, f"{SMALL}{line}\n")
    assert said in str(caught.value)


def test_a_combination_takes_two_attributes(tmp_path: Path) -> None:
    text = SMALL + "    scope: {intersections: [[sex]]}\n"
    with pytest.raises(UserError, match=r"`gates\[0\].scope.intersections\[0\]` needs at least 2 entries."):
        loaded(tmp_path, text)


# applies_to of a gate

TASKS = f"""{HEAD}gates:
  - {{name: Scores, metric: accuracy, threshold: 0.5, comparison: greater_than, applies_to: {{task: classification}}}}
  - {{name: Amounts, metric: accuracy, threshold: 0.5, comparison: greater_than, applies_to: {{task: regression}}}}
  - {{name: Both, metric: accuracy, threshold: 0.5, comparison: greater_than}}
"""


def of_task(folder: Path, text: str, task: str, value: float | None = 0.9) -> Decision:
    policy = loaded(folder, text)
    rows = [(ACCURACY, [measured(value)])] * len(policy.policy.gates)
    return decide(policy, rows, FULL, ModelCard(id="m"), date(2025, 6, 1), "prod", task=task)


@pytest.mark.parametrize(("task", "other"), [("classification", 1), ("regression", 0)])
def test_a_gate_judges_only_models_of_its_task(tmp_path: Path, task: str, other: int) -> None:
    found = of_task(tmp_path, TASKS, task)
    outcomes = [v.outcome for v in found.verdicts]
    assert outcomes.pop(other) is Outcome.NOT_APPLICABLE
    assert (outcomes, found.status) == ([PASS, PASS], Status.PASSED)
    assert f"(`task: {'classification' if other == 0 else 'regression'}`)" in found.verdicts[other].message
    assert of_task(tmp_path, TASKS, task, None).status is Status.BLOCKED


def test_a_policy_without_a_gate_for_the_task_judges_nothing_and_passes_nothing(tmp_path: Path) -> None:
    found = of_task(tmp_path, TASKS[: TASKS.index("  - {name: Amounts")], "regression")
    assert (found.status, found.enforced) == (Status.NO_POLICY, True)
    assert found.notes == ("The policy has no gate for models of amounts (`task: regression`).",)


@pytest.mark.parametrize("said", ["[credit]", "{task: clasification}", "{}", "classification", "{task: }"])
def test_a_gate_s_task_is_one_of_two(tmp_path: Path, said: str) -> None:
    with pytest.raises(UserError, match=r"p\.yaml:4: .*applies_to"):
        loaded(tmp_path, TASKS.replace("{task: classification}", said))


# rows that were suppressed at the source


def counted(hidden: int) -> Provenance:
    origin = CubeOrigin(sha256="c", engine="sql", grid=10, rows=100, cells=9, suppress_below=5, suppressed_rows=hidden)
    return FULL.model_copy(update={"cube": origin})


@pytest.mark.parametrize(
    ("hidden", "value", "comparison", "outcome", "status"),
    [
        (0, 0.9, "greater_than", PASS, Status.PASSED),
        (7, 0.9, "greater_than", UNSURE, Status.REVIEW),
        (7, 0.9, "present", UNSURE, Status.REVIEW),
        (7, 0.1, "greater_than", FAIL, Status.BLOCKED),
        (7, None, "greater_than", MISSED, Status.BLOCKED),
    ],
)
def test_what_was_not_told_is_no_pass(
    tmp_path: Path, hidden: int, value: float | None, comparison: str, outcome: Outcome, status: Status
) -> None:
    limit = "" if comparison == "present" else "threshold: 0.5, "
    policy = loaded(tmp_path, f"{HEAD}gates: [{{name: G, metric: accuracy, {limit}comparison: {comparison}}}]\n")
    rows = [(ACCURACY, [measured(value)])]
    found = decide(policy, rows, counted(hidden), ModelCard(id="m"), date(2025, 6, 1), "prod")
    assert (found.verdicts[0].outcome, found.status) == (outcome, status)
    assert ("7 of 100 rows were suppressed at the source" in found.verdicts[0].message) is (outcome is UNSURE)


# groups that are no groups of people


@pytest.mark.parametrize("rules", [{"min_group_n": 100}, {"min_group_share": 0.9}])
def test_columns_are_not_too_small_to_speak_but_one_without_a_value_is_no_pass(rules: dict[str, float]) -> None:
    few, statistics = (group("income", 0.5, 60), group("(missing)", 0.5, 40)), Statistics.model_validate(rules)
    people = measured(0.9, groups=few)
    assert judge(gate("greater_than", 0.5), [people], statistics, ACCURACY).outcome is UNSURE
    columns = measured(0.9, groups=few, subject="Column")
    assert judge(gate("greater_than", 0.5), [columns], statistics, ACCURACY).outcome is PASS
    blind = measured(0.9, groups=(*few, group("(missing)", None, 60)), subject="Column")
    found = judge(gate("greater_than", 0.5), [blind], statistics, ACCURACY)
    assert (found.outcome, "not estimable for (missing)" in found.message) == (UNSURE, True)
