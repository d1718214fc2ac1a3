from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action.evidence import MISSING
from glassalpha_action.metrics import CATALOGUE, known
from glassalpha_action.policy.schema import Gate, Policy, Statistics
from glassalpha_action.policy.verdict import Decision, decide, judge, requirements, status
from glassalpha_action.records import Definition, Measurement, ModelCard, Provenance, Requirement, Verdict
from glassalpha_action.vocabulary import Outcome, Status, Unit
from tests.policy.gates import SMALL, gate, group, loaded, measured

POINT = Statistics()
BOUND = Statistics(decision="bound")
ACCURACY = CATALOGUE["accuracy"].definition
PASS, FAIL, MISSED, UNSURE = Outcome.PASS, Outcome.FAIL, Outcome.MISSING, Outcome.INCONCLUSIVE


def outcome(
    one: Gate, *found: Measurement, statistics: Statistics = POINT, definition: Definition = ACCURACY
) -> Outcome:
    return judge(one, found, statistics, definition).outcome


ORDERS = {
    # comparison: outcome below, on and above the threshold
    "greater_than": (FAIL, FAIL, PASS),
    "greater_than_or_equal": (FAIL, PASS, PASS),
    "less_than": (PASS, FAIL, FAIL),
    "less_than_or_equal": (PASS, PASS, FAIL),
    "equals": (FAIL, PASS, FAIL),
}


@pytest.mark.parametrize("comparison", ORDERS)
@pytest.mark.parametrize(
    ("below", "on", "above"),
    [
        (Fraction(29), Fraction(30), Fraction(31)),
        (Fraction(3, 10), Fraction(30), Fraction(10**15)),
    ],
)
def test_counts_compare_as_whole_numbers(comparison: str, below: Fraction, on: Fraction, above: Fraction) -> None:
    one = gate(comparison, 30)
    assert tuple(outcome(one, measured(v)) for v in (below, on, above)) == ORDERS[comparison]


@pytest.mark.parametrize("comparison", ORDERS)
def test_ratios_of_counts_are_exact(comparison: str) -> None:
    # 4/5 is not below 0.80; one part in 10¹² off, it is.
    one, hair = gate(comparison, 0.80), Fraction(1, 10**12)
    found = tuple(outcome(one, measured(v)) for v in (Fraction(4, 5) - hair, Fraction(4, 5), Fraction(4, 5) + hair))
    assert found == ORDERS[comparison]


@pytest.mark.parametrize("comparison", ORDERS)
def test_other_values_within_a_billionth_are_equal(comparison: str) -> None:
    one = gate(comparison, 0.05)
    assert tuple(outcome(one, measured(v)) for v in (0.05 - 2e-9, 0.05, 0.05 + 2e-9)) == ORDERS[comparison]
    assert {outcome(one, measured(v)) for v in (0.05 - 5e-10, 0.05 + 5e-10)} == {ORDERS[comparison][1]}


def test_floating_point_does_not_decide() -> None:
    assert 0.8 - 0.7 > 0.1 - 1e-16
    gap = Fraction(8, 10) - Fraction(7, 10)
    assert outcome(gate("greater_than", 0.1), measured(gap)) is FAIL
    assert outcome(gate("less_than_or_equal", 0.1), measured(gap)) is PASS
    assert outcome(gate("less_than", 0.1), measured(gap)) is FAIL
    assert outcome(gate("equals", 0.1), measured(Fraction(1, 10))) is PASS
    assert outcome(gate("equals", 0.3333333333), measured(Fraction(1, 3))) is FAIL


def test_between_and_present() -> None:
    one = gate("between", [0.8, 1.25])
    values = (Fraction(79, 100), Fraction(4, 5), Fraction(1), Fraction(5, 4), Fraction(126, 100))
    assert [outcome(one, measured(v)) for v in values] == [FAIL, PASS, PASS, PASS, FAIL]
    assert outcome(gate("present"), measured(0.0)) is PASS
    assert outcome(gate("present"), measured(None)) is MISSED


@pytest.mark.parametrize("comparison", [*ORDERS, "between", "present"])
@pytest.mark.parametrize("statistics", [POINT, BOUND])
def test_nothing_missing_passes(comparison: str, statistics: Statistics) -> None:
    threshold = {"between": [0, 1], "present": None}.get(comparison, 0.0)
    one = gate(comparison, threshold)
    assert outcome(one, measured(None), statistics=statistics) is MISSED
    assert outcome(one, statistics=statistics) is MISSED
    assert outcome(one, measured(1.0, attribute="a"), measured(None, attribute="b"), statistics=statistics) is not PASS


def test_the_worst_outcome_then_the_worst_value() -> None:
    one = gate("less_than", 0.1)
    certain = measured(Fraction(2, 10), attribute="a")
    worse = measured(Fraction(3, 10), attribute="b")
    fine = measured(Fraction(1, 100), attribute="c")
    unsure = measured(Fraction(1, 1000), attribute="d", groups=(group("x", 0.1), group("y", None)))
    missing = measured(None, attribute="e")
    found = judge(one, [fine, certain, unsure, worse, missing], POINT, ACCURACY)
    assert (found.outcome, found.attribute, found.value) == (FAIL, "b", 0.3)
    assert [j.attribute for j in found.judged] == ["b", "a", "e", "d", "c"]
    assert judge(one, [fine, unsure], POINT, ACCURACY).attribute == "d"
    assert judge(gate("greater_than", 0.5), [certain, fine, worse], POINT, ACCURACY).attribute == "c"


def test_the_worst_value_of_between_is_the_farthest_outside() -> None:
    one = gate("between", [0.8, 1.25])
    low, high = measured(Fraction(1, 2), attribute="low"), measured(Fraction(13, 10), attribute="high")
    assert judge(one, [high, low], POINT, ACCURACY).attribute == "low"
    assert judge(one, [low, measured(Fraction(3), attribute="high")], POINT, ACCURACY).attribute == "high"


def test_a_group_not_estimable_caps_its_gate() -> None:
    one = gate("less_than", 0.1)
    unsure = measured(Fraction(0), attribute="a", groups=(group("x", 0.1), group("y", None)))
    found = judge(one, [unsure], POINT, ACCURACY)
    assert found.outcome is UNSURE
    assert "not estimable for y" in found.message
    worse = measured(Fraction(1, 2), attribute="a", groups=(group("x", 0.1), group("y", None)))
    assert outcome(one, worse) is FAIL


def test_neither_missing_values_nor_empty_levels_cap() -> None:
    shown = measured(
        Fraction(0), attribute="a", groups=(group("x", 0.1), group(MISSING, None), group("old", None, n=0))
    )
    assert outcome(gate("less_than", 0.1), shown) is PASS


def test_scope() -> None:
    one = gate("less_than", 0.1, scope={"attributes": ["sex"]})
    bad, good = measured(Fraction(1, 2), attribute="age"), measured(Fraction(0), attribute="sex")
    assert outcome(one, bad, good) is PASS
    both = gate("less_than", 0.1, scope={"attributes": ["sex", "race"]})
    found = judge(both, [bad, good], POINT, ACCURACY)
    assert (found.outcome, found.attribute) == (MISSED, "race")
    assert "no such protected attribute" in found.message


@pytest.mark.parametrize(
    ("comparison", "threshold", "low", "value", "high", "expected"),
    [
        ("less_than", 0.1, 0.01, 0.05, 0.09, PASS),
        ("less_than", 0.1, 0.01, 0.05, 0.12, UNSURE),
        ("less_than", 0.1, 0.08, 0.12, 0.15, UNSURE),
        ("less_than", 0.1, 0.11, 0.12, 0.15, FAIL),
        ("less_than", 0.1, 0.1, 0.12, 0.15, FAIL),
        ("less_than_or_equal", 0.1, 0.05, 0.07, 0.1, PASS),
        ("greater_than", 0.75, 0.76, 0.8, 0.9, PASS),
        ("greater_than", 0.75, 0.74, 0.8, 0.9, UNSURE),
        ("greater_than", 0.75, 0.6, 0.7, 0.75, FAIL),
        ("greater_than_or_equal", 0.75, 0.75, 0.8, 0.9, PASS),
        ("between", [0.2, 0.8], 0.3, 0.4, 0.5, PASS),
        ("between", [0.2, 0.8], 0.1, 0.4, 0.5, UNSURE),
        ("between", [0.2, 0.8], 0.81, 0.9, 0.95, FAIL),
        ("equals", 0.5, 0.5, 0.5, 0.5, PASS),
        ("equals", 0.5, 0.4, 0.5, 0.6, UNSURE),
        ("equals", 0.5, 0.6, 0.7, 0.8, FAIL),
        ("present", None, 0.1, 0.5, 0.9, PASS),
    ],
)  # fmt: skip
def test_deciding_by_the_interval(
    comparison: str, threshold: object, low: float, value: float, high: float, expected: Outcome
) -> None:
    assert outcome(gate(comparison, threshold), measured(value, low=low, high=high), statistics=BOUND) is expected


@pytest.mark.parametrize(
    ("low", "value", "p_value", "expected"),
    [(0.06, 0.08, 0.01, FAIL), (0.06, 0.08, 0.2, UNSURE), (0.04, 0.08, 0.01, FAIL), (0.04, 0.04, 0.01, UNSURE)],
)
def test_calibration_fails_by_value_and_p_value(low: float, value: float, p_value: float, expected: Outcome) -> None:
    found = measured(value, low=low, high=0.1, p_value=p_value)
    assert outcome(gate("less_than", 0.05), found, statistics=BOUND) is expected


@pytest.mark.parametrize(
    ("confidence", "p_value", "expected"),
    [(0.95, 0.04, FAIL), (0.99, 0.04, UNSURE), (0.99, 0.009, FAIL), (0.9, 0.09, FAIL), (0.99999, 1 / 1001, FAIL)],
)
def test_chance_explains_calibration_error_at_the_policys_confidence(
    confidence: float, p_value: float, expected: Outcome
) -> None:
    found = measured(0.08, low=0.04, high=0.1, p_value=p_value)
    rules = Statistics(decision="bound", confidence=confidence)
    assert outcome(gate("less_than", 0.05), found, statistics=rules) is expected


def test_a_p_value_against_parity_does_not_decide_a_limit_elsewhere() -> None:
    """A ratio surely below 1 may still lie on either side of four fifths."""
    four_fifths = gate("greater_than_or_equal", 0.8, "adverse_impact_ratio")
    for low, value, high, expected in ((0.7, 0.78, 0.87, UNSURE), (0.6, 0.7, 0.79, FAIL), (0.81, 0.85, 0.9, PASS)):
        found = measured(value, "adverse_impact_ratio", low=low, high=high, p_value=1e-6, attribute="sex")
        assert outcome(four_fifths, found, statistics=BOUND) is expected


@pytest.mark.parametrize(("low", "high"), [(0.76, 0.8), (None, None)])
@pytest.mark.parametrize("statistics", [POINT, BOUND])
def test_what_is_known_only_between_bounds_is_not_decided_inside_them(
    low: float | None, high: float | None, statistics: Statistics
) -> None:
    for bounds, expected in (((0.74, 0.9), UNSURE), ((0.77, 0.79), PASS)):
        found = measured(0.78, low=low, high=high, bounds=bounds)
        assert outcome(gate("greater_than", 0.75), found, statistics=statistics) is expected


def test_a_worsening_between_bounds_is_not_decided_inside_them() -> None:
    gauge = gate("less_than_or_equal", 0.02, baseline={"no_worse_than": 0.02, "ref": "last_audit"})
    for bounds, expected in (((0.85, 0.9), UNSURE), ((0.885, 0.9), PASS), ((0.8, 0.81), FAIL)):
        now = measured(sum(bounds) / 2, bounds=bounds)
        found = judge(gauge, [now], POINT, ACCURACY, baselines={"last_audit": [measured(0.9)]})
        assert found.outcome is expected


def test_an_undecided_gate_says_how_many_rows_would_decide() -> None:
    # The interval reaches 0.08 below 0.12 and must reach only 0.02: sixteen times the rows.
    found = judge(gate("less_than", 0.1), [measured(0.12, low=0.04, high=0.2)], BOUND, ACCURACY)
    assert "about 1,600 rows would decide" in found.message
    on = judge(gate("less_than", 0.1), [measured(0.1, low=0.04, high=0.2)], BOUND, ACCURACY)
    assert "no number of rows decides" in on.message


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.12, 0.0321, 0.21, "about 2,000 rows would decide"),
        (0.101, 0.05, 0.15, "the value lies so near it that it would take more than 100 times these rows to decide"),
    ],
)
def test_how_many_rows_would_decide_is_no_more_precise_than_it_is_known(
    value: float, low: float, high: float, said: str
) -> None:
    assert said in judge(gate("less_than", 0.1), [measured(value, low=low, high=high)], BOUND, ACCURACY).message


@pytest.mark.parametrize(
    ("reason", "next_step"),
    [
        ("the data hold no feature columns", "List the columns that the model was given in `data.feature_columns`"),
        ("there are no reference rows: name a file of them in `data.reference_path`", None),
    ],
)
def test_what_is_not_measured_has_the_step_of_its_reason_and_never_the_advice_on_failing(
    reason: str, next_step: str | None
) -> None:
    one = gate("less_than", 0.1, remediation="Train again.")
    found = judge(one, [measured(None, reason=reason)], POINT, ACCURACY)
    assert (found.outcome, found.message) == (MISSED, f"Not measured: {reason}.")
    assert found.remediation is None if next_step is None else (found.remediation or "").startswith(next_step)


def test_what_is_not_decided_has_no_advice_on_failing() -> None:
    near = judge(gate("less_than", 0.1), [measured(0.12, low=0.04, high=0.2)], BOUND, ACCURACY)
    assert (near.outcome, near.remediation) == (UNSURE, None), "the message says how many rows would decide"
    few = measured(0.05, attribute="sex", groups=(group("female", 0.1, 5), group("male", 0.15)))
    small = judge(gate("less_than", 0.1), [few], Statistics(min_group_n=30), ACCURACY)
    assert (small.outcome, small.remediation) == (UNSURE, "Audit more rows of the small groups.")


def test_every_attribute_that_does_not_pass_is_named() -> None:
    def apart(attribute: str, value: float | None, *between: str, **fields: object) -> Measurement:
        return measured(value, "demographic_parity_difference", attribute=attribute, between=between, **fields)

    one = gate("less_than", 0.1, "demographic_parity_difference")
    found = [
        apart("age", 0.148, "18-25", "40+"), apart("sex", 0.121, "female", "male"), apart("region", 0.05, "a", "b"),
        apart("race", None, reason="only one group has rows, so there is nothing to compare"),
    ]  # fmt: skip
    said = judge(one, found, POINT, ACCURACY).message
    assert said.startswith("0.148 is not < 0.100 for age: 18-25 against 40+.")
    assert said.endswith(
        " It also fails for sex: female against male 0.121."
        " It is not measured for race: only one group has rows, so there is nothing to compare."
    )
    assert "also" not in judge(one, found[1:3], POINT, ACCURACY).message
    unsure = [apart(name, 0.09, "x", "y", low=0.05, high=0.13) for name in ("sex", "age")]
    assert judge(one, unsure, BOUND, ACCURACY).message.endswith(" It is also inconclusive for age: x against y 0.090.")
    many = [apart(f"a{n}", 0.2 + n / 100, "x", "y") for n in range(6)]
    assert judge(one, many, POINT, ACCURACY).message.endswith("; a2: x against y 0.220; and 2 more.")
    softer = gate("less_than", 0.1, "demographic_parity_difference", warn_threshold=0.04)
    assert judge(softer, found[1:3], POINT, ACCURACY).message.count("region") == 0, "its gate passes, with a warning"
    assert judge(softer, found[2:3], POINT, ACCURACY).message.count("region") == 1


def test_a_commit_vouches_for_tracked_files_and_digests_for_the_rest(tmp_path: Path) -> None:
    policy = loaded(tmp_path, f"{SMALL}reproducibility: {{git_commit_required: true}}\n").policy
    came = Provenance(as_of="2026-01-01", tool_version="1", predictions_sha256="0" * 64, git_commit="ab" * 20)
    told = {
        (clean, model): requirements(
            policy, came.model_copy(update={"git_clean": clean, "model_sha256": model}), ModelCard(id="m")
        )[0].message
        for clean, model in ((True, "1" * 64), (None, None))
    }
    assert list(told.values()) == [
        (
            "The audit ran at commit abababababab with no tracked file modified; the model and the data are known by "
            "the digests recorded."
        ),
        "The audit ran at commit abababababab; the data are known by the digests recorded.",
    ]


def test_a_verdict_says_what_it_saw() -> None:
    found = measured(
        Fraction(13, 100),
        "demographic_parity_difference",
        unit=Unit.difference,
        attribute="sex",
        low=0.012,
        high=0.245,
        between=("female", "male"),
        groups=(group("female", 0.62, 92), group("male", 0.75, 208)),
    )
    one = gate(
        "less_than",
        0.10,
        "demographic_parity_difference",
        name="Parity gate",
        severity="warning",
        clause="ECOA",
        rationale="Agreed",
    )
    verdict = judge(one, [found], POINT, known("demographic_parity").definition, 28)
    assert verdict.message == (
        "0.130 is not < 0.100 for sex: female 0.620 (n 92) against male 0.750 (n 208) (95% interval 0.012 to 0.245)."
    )
    assert (verdict.gate, verdict.gate_id, verdict.line, verdict.clause) == ("Parity gate", "parity-gate", 28, "ECOA")
    assert (verdict.groups, verdict.n, verdict.low) == (("female", "male"), 100, 0.012)
    assert verdict.remediation == known("demographic_parity").advice.fixes[0]
    assert verdict.raw_outcome is verdict.outcome
    assert verdict.failed


def test_a_value_is_written_apart_from_its_threshold() -> None:
    found = judge(gate("less_than", 0.1), [measured(Fraction(1000004, 10**7))], POINT, ACCURACY)
    assert found.outcome is FAIL
    assert found.message.startswith("0.1000004 is not < 0.1000000")


def test_the_gates_own_remediation_wins_and_a_pass_has_none() -> None:
    one = gate("greater_than", 0.5, remediation="Ask risk.")
    assert judge(one, [measured(0.4)], POINT, ACCURACY).remediation == "Ask risk."
    assert judge(one, [measured(0.6)], POINT, ACCURACY).remediation is None


values = st.fractions(0, 1, max_denominator=60)


@given(values, values, st.sampled_from(["greater_than", "greater_than_or_equal"]), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_judging_is_monotone(a: Fraction, b: Fraction, comparison: str, sixtieths: int) -> None:
    """A better value never makes a verdict worse, whichever way is better."""
    threshold = sixtieths / 60
    worse, better = sorted((a, b))
    if outcome(gate(comparison, threshold), measured(worse)) is PASS:
        assert outcome(gate(comparison, threshold), measured(better)) is PASS
    downward = comparison.replace("greater", "less")
    if outcome(gate(downward, threshold), measured(better)) is PASS:
        assert outcome(gate(downward, threshold), measured(worse)) is PASS


@given(values, values, st.sampled_from(list(ORDERS)))
@settings(max_examples=100, deadline=None)
def test_exact_comparison_agrees_with_whole_numbers(value: Fraction, tenths: Fraction, comparison: str) -> None:
    threshold = round(float(tenths), 2)
    cents = Fraction(round(threshold * 100), 100)
    expected = ORDERS[comparison][(value > cents) - (value < cents) + 1]
    assert outcome(gate(comparison, threshold), measured(value)) is expected


def verdict(result: Outcome, severity: str = "error") -> Verdict:
    found = judge(gate("greater_than", 0.5, severity=severity), [measured(0.6)], POINT, ACCURACY)
    return found.model_copy(update={"outcome": result})


def policy(**fields: object) -> Policy:
    return Policy.model_validate({"policy_name": "P", "version": "1", "gates": [gate("greater_than", 0.5)]} | fields)


@pytest.mark.parametrize(
    ("result", "severity", "expected"),
    [
        (PASS, "error", Status.PASSED),
        (FAIL, "error", Status.BLOCKED),
        (MISSED, "error", Status.BLOCKED),
        (Outcome.ERROR, "error", Status.BLOCKED),
        (UNSURE, "error", Status.REVIEW),
        (Outcome.WAIVED, "error", Status.REVIEW),
        (FAIL, "warning", Status.REVIEW),
        (MISSED, "warning", Status.REVIEW),
        (Outcome.ERROR, "warning", Status.REVIEW),
        (UNSURE, "warning", Status.REVIEW),
        (FAIL, "info", Status.PASSED),
        (MISSED, "info", Status.PASSED),
    ],
)
def test_status(result: Outcome, severity: str, expected: Status) -> None:
    assert status([verdict(PASS), verdict(result, severity)], [], policy()) is expected


def test_an_unmet_requirement_blocks() -> None:
    unmet = Requirement(name="seed_required", met=False, message="Set it.")
    assert status([verdict(PASS)], [unmet], policy()) is Status.BLOCKED


def test_what_is_missing_or_undecided_is_never_a_pass() -> None:
    lax = policy(statistics={"on_missing": "review", "on_inconclusive": "review"})
    hard = policy(statistics={"on_inconclusive": "block"})
    assert status([verdict(MISSED)], [], lax) is Status.REVIEW
    assert status([verdict(UNSURE)], [], lax) is Status.REVIEW
    assert status([verdict(FAIL)], [], lax) is Status.BLOCKED
    assert status([verdict(UNSURE)], [], hard) is Status.BLOCKED
    assert status([verdict(UNSURE, "warning")], [], hard) is Status.REVIEW


def test_an_advisory_policy_is_never_worse_than_review() -> None:
    assert status([verdict(FAIL)], [], policy(enforcement="advisory")) is Status.REVIEW
    assert status([verdict(PASS)], [], policy(enforcement="advisory")) is Status.PASSED


FULL = Provenance(
    as_of="2025-01-05",
    tool_version="0",
    config_sha256="c",
    data_sha256="d",
    predictions_sha256="p",
    seed=0,
    strict=True,
    git_commit="a" * 40,
    git_clean=True,
)
ALL = dict.fromkeys(("strict_mode_required", "seed_required", "manifest_required", "git_commit_required"), True)


@pytest.mark.parametrize(
    ("name", "lacking", "way_out"),
    [
        ("strict_mode_required", {"strict": False}, "--strict"),
        ("seed_required", {"seed": None}, "random_seed"),
        ("manifest_required", {"data_sha256": None}, "files"),
        ("manifest_required", {"config_sha256": None}, "files"),
        ("git_commit_required", {"git_commit": None, "git_clean": None}, "Commit"),
        ("git_commit_required", {"git_clean": False}, "Commit"),
    ],
)
def test_each_requirement_says_how_to_meet_it(name: str, lacking: dict[str, object], way_out: str) -> None:
    asked = policy(reproducibility=ALL)
    assert [r.met for r in requirements(asked, FULL)] == [True] * 4
    (unmet,) = [r for r in requirements(asked, FULL.model_copy(update=lacking)) if not r.met]
    assert unmet.name == name
    assert way_out in unmet.message
    assert unmet.message.endswith(".")
    assert requirements(policy(), FULL.model_copy(update=lacking)) == ()


@pytest.mark.parametrize(
    ("validator", "met"),
    [
        ("Grace", True),
        ("Ada", False),
        ("@ada", False),
        ("\uff21da", False),
        (" Bob ", False),
        ("@", False),
        (None, False),
    ],
)
def test_a_validator_is_another_person_than_those_who_made_the_model(validator: str | None, met: bool) -> None:
    asked = policy(required_evidence=["independent_validator"])
    card = ModelCard(id="m", owner="Ada", developer="bob", validator=validator)
    assert [r.met for r in requirements(asked, FULL, card)] == [met]


def decision(
    folder: Path,
    text: str,
    value: float,
    *,
    use_case: str | None = "credit_scoring",
    today: str = "2025-06-01",
    profile: str = "prod",
) -> Decision:
    return decide(
        loaded(folder, text),
        [(ACCURACY, [measured(value)])],
        FULL,
        ModelCard(id="m", use_case=use_case),
        date.fromisoformat(today),
        profile,
    )


def test_a_policy_in_force_binds_from_its_day(tmp_path: Path) -> None:
    text = SMALL + "effective_date: 2025-01-01\n"
    before = decision(tmp_path, text, 0.1, today="2024-12-31")
    assert (before.status, before.enforced) == (Status.BLOCKED, False)
    assert "2025-01-01" in before.notes[0]
    on = decision(tmp_path, text, 0.1, today="2025-01-01")
    assert (on.status, on.enforced, on.notes) == (Status.BLOCKED, True, ())


def test_a_policy_for_other_models_judges_nothing(tmp_path: Path) -> None:
    for use_case in ("pricing", None):
        found = decision(tmp_path, SMALL + "applies_to: [credit_scoring, fraud]\n", 0.1, use_case=use_case)
        assert (found.status, found.requirements) == (Status.NO_POLICY, ())
        assert [v.outcome for v in found.verdicts] == [Outcome.NOT_APPLICABLE]
        assert not found.verdicts[0].failed
        assert "credit_scoring, fraud" in found.notes[0]
    assert decision(tmp_path, SMALL + "applies_to: [credit_scoring]\n", 0.9).status is Status.PASSED
    assert decision(tmp_path, SMALL, 0.9, use_case=None).status is Status.PASSED


def test_a_dev_audit_binds_nobody_and_says_so(tmp_path: Path) -> None:
    for text in (SMALL, SMALL + "applies_to: [other]\n"):
        found = decision(tmp_path, text, 0.9, profile="dev")
        assert not found.enforced
        assert any("NOT FOR APPROVAL" in note for note in found.notes)


def test_an_advisory_policy_says_so(tmp_path: Path) -> None:
    found = decision(tmp_path, SMALL + "enforcement: advisory\n", 0.1)
    assert (found.status, found.enforced) == (Status.REVIEW, False)
    assert "advisory" in found.notes[0]
