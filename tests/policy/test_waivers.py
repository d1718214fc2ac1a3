from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.metrics import known
from glassalpha_action.policy.schema import Statistics
from glassalpha_action.policy.verdict import Decision, decide, judge
from glassalpha_action.policy.waivers import Waiver, apply, load, recalled
from glassalpha_action.records import Measurement, ModelCard, Provenance
from glassalpha_action.vocabulary import Outcome, Status
from tests.policy.gates import loaded, measured

TEXT = """id: W-1
gate: g
model_id: m
reason: The new scores arrive with the March release.
compensating_controls: Every refusal is read by an officer.
owner: Ada
requested_on: 2025-01-01
approved_by: Grace
approved_on: 2025-01-02
expires: 2025-03-01
ceiling: 0.2
ticket: RISK-7
"""
POLICY = """policy_name: P
version: "1"
gates:
  - {name: G, metric: demographic_parity_difference, threshold: 0.1, comparison: less_than}
"""
PARITY = known("demographic_parity_difference").definition
FAIL, WAIVED, PASS = Outcome.FAIL, Outcome.WAIVED, Outcome.PASS


def waiver(**fields: object) -> Waiver:
    content: dict[str, object] = {
        "id": "W-1", "gate": "g", "model_id": "m", "reason": "The new scores arrive in March.", "owner": "Ada",
        "approved_by": "Grace", "approved_on": "2025-01-02", "expires": "2025-03-01", "ceiling": 0.2,
    }  # fmt: skip
    return Waiver.model_validate(content | fields)


def gap(value: Fraction | None, **fields: object) -> Measurement:
    return measured(value, "demographic_parity_difference", attribute=str(fields.pop("attribute", "sex")), **fields)


def decided(
    folder: Path,
    waivers: Sequence[Waiver],
    found: Sequence[Measurement] = (gap(Fraction(15, 100)),),
    *,
    text: str = POLICY,
    today: str = "2025-02-01",
) -> Decision:
    provenance = Provenance(as_of=today, tool_version="0", predictions_sha256="p")
    day = date.fromisoformat(today)
    return decide(loaded(folder, text), [(PARITY, found)], provenance, ModelCard(id="m"), day, "prod", waivers=waivers)


def test_a_waiver_makes_a_block_a_review_and_shows(tmp_path: Path) -> None:
    assert decided(tmp_path, ()).status is Status.BLOCKED
    found = decided(tmp_path, [waiver(compensating_controls="An officer reads each.", ticket="RISK-7")])
    (verdict,) = found.verdicts
    assert (found.status, found.enforced) == (Status.REVIEW, True)
    assert (verdict.outcome, verdict.raw_outcome, verdict.waiver, verdict.failed) == (WAIVED, FAIL, "W-1", False)
    assert "Waived until 2025-03-01 by W-1, approved by Grace" in verdict.message
    assert "An officer reads each." in verdict.message
    bare = decided(tmp_path, [waiver(reason="Retrained in the next release", compensating_controls="A second reader")])
    assert "Retrained in the next release. Meanwhile: A second reader." in bare.verdicts[0].message
    assert verdict.message.startswith("0.150 is not < 0.100"), "the number stays visible"
    (use,) = found.waivers
    assert (use.state, use.ticket, use.ceiling, use.expires) == ("in_force", "RISK-7", 0.2, "2025-03-01")
    assert recalled(found.waivers) == (waiver(compensating_controls="An officer reads each.", ticket="RISK-7"),)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("fields", "today", "says"),
    [
        ({"approved_by": "Ada"}, "2025-02-01", "needs a second person"),
        ({"approved_by": " ada "}, "2025-02-01", "needs a second person"),
        ({"approved_by": "@ada"}, "2025-02-01", "needs a second person"),
        ({"approved_by": "\uff21da"}, "2025-02-01", "needs a second person"),
        ({"expires": "2025-04-03"}, "2025-02-01", "lasts 91 days from its approval, and the policy allows 90"),
        ({"ceiling": 0.14}, "2025-02-01", "the value 0.150 for sex is beyond its ceiling 0.140"),
        ({"approved_on": "2025-02-02"}, "2025-02-01", "approved only from 2025-02-02"),
        ({"requested_on": "2025-01-03"}, "2025-02-01", "approved before it was asked for"),
        ({"expires": "2025-01-31"}, "2025-02-01", "expired on 2025-01-31; the gate is live again"),
    ],
)  # fmt: skip
def test_a_waiver_that_does_not_hold_leaves_the_gate_live(
    tmp_path: Path, fields: dict[str, object], today: str, says: str
) -> None:
    found = decided(tmp_path, [waiver(**fields)], today=today)
    assert (found.status, found.verdicts[0].outcome, found.verdicts[0].waiver) == (Status.BLOCKED, FAIL, None)
    assert says in found.verdicts[0].message
    assert found.waivers[0].state in {"refused", "expired"}
    assert says in found.waivers[0].message


@pytest.mark.parametrize(
    ("today", "state", "outcome"),
    [("2025-02-28", "in_force", WAIVED), ("2025-03-01", "in_force", WAIVED), ("2025-03-02", "expired", FAIL)],
)
def test_a_waiver_holds_through_its_last_day(tmp_path: Path, today: str, state: str, outcome: Outcome) -> None:
    found = decided(tmp_path, [waiver()], today=today)
    assert (found.waivers[0].state, found.verdicts[0].outcome) == (state, outcome)


def test_ninety_days_are_not_too_long_and_the_policy_may_say_fewer(tmp_path: Path) -> None:
    assert decided(tmp_path, [waiver(expires="2025-04-02")]).waivers[0].state == "in_force"
    short = POLICY + "exceptions: {max_days: 30}\n"
    assert decided(tmp_path, [waiver(expires="2025-02-01")], text=short).waivers[0].state == "in_force"
    assert decided(tmp_path, [waiver(expires="2025-02-02")], text=short).waivers[0].state == "refused"


@pytest.mark.parametrize(("today", "warned"), [("2025-02-14", False), ("2025-02-15", True), ("2025-03-01", True)])
def test_two_weeks_before_its_end_a_waiver_warns(tmp_path: Path, today: str, warned: bool) -> None:
    found = decided(tmp_path, [waiver()], today=today)
    assert any("expires on 2025-03-01" in note for note in found.notes) is warned
    assert found.enforced, "a note about a waiver loosens nothing"
    assert ("It expires " in found.verdicts[0].message) is warned


def test_another_models_waiver_is_neither_used_nor_kept(tmp_path: Path) -> None:
    found = decided(tmp_path, [waiver(model_id="another"), waiver(model_id="M")])
    assert (found.status, found.waivers) == (Status.BLOCKED, ())


def test_a_waiver_of_a_gate_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    found = decided(tmp_path, [waiver(gate="gg")])
    assert found.status is Status.BLOCKED
    assert "which the policy does not have" in found.waivers[0].message
    assert decided(tmp_path, [waiver(gate="G")]).waivers[0].state == "in_force", "a gate's name names it too"


def test_a_gate_is_meant_by_its_id_before_another_by_its_name(tmp_path: Path) -> None:
    line = POLICY[POLICY.index("  - ") :]
    text = POLICY.replace("{name: G", "{name: X, id: g") + line.replace("{name: G", "{name: g, id: other")
    gates = loaded(tmp_path, text).policy.gates
    assert [(gate.key, gate.name) for gate in gates] == [("g", "X"), ("other", "g")]
    for order in (gates, gates[::-1]):
        verdicts = [judge(gate, [gap(Fraction(15, 100))], Statistics(), PARITY) for gate in order]
        left = apply(verdicts, order, [waiver()], loaded(tmp_path, POLICY).policy, "m", date(2025, 2, 1)).verdicts
        assert {v.gate_id: v.outcome for v in left} == {"g": WAIVED, "other": FAIL}


def test_hard_mandatory_gates_cannot_be_waived(tmp_path: Path) -> None:
    found = decided(tmp_path, [waiver()], text=POLICY + "enforcement: hard_mandatory\n")
    assert (found.status, found.verdicts[0].outcome) == (Status.BLOCKED, FAIL)
    assert "hard_mandatory" in found.verdicts[0].message


def test_only_those_the_policy_names_may_approve(tmp_path: Path) -> None:
    roles = POLICY + "exceptions: {approver_roles: {Chief Risk Officer: [Grace, Joan]}}\n"
    assert decided(tmp_path, [waiver()], text=roles).waivers[0].state == "in_force"
    assert decided(tmp_path, [waiver(approved_by="Chief Risk Officer")], text=roles).waivers[0].state == "in_force"
    assert "not among those who may" in decided(tmp_path, [waiver(approved_by="Eve")], text=roles).waivers[0].message
    listed = POLICY + "exceptions: {approver_roles: [Model Risk]}\n"
    assert decided(tmp_path, [waiver()], text=listed).waivers[0].state == "refused"


def test_of_two_waivers_for_one_gate_the_one_that_holds_holds(tmp_path: Path) -> None:
    pair = [waiver(id="W-1", expires="2025-01-31"), waiver(id="W-2")]
    found = decided(tmp_path, pair)
    assert [use.state for use in found.waivers] == ["expired", "in_force"]
    assert (found.verdicts[0].outcome, found.verdicts[0].waiver) == (WAIVED, "W-2")
    both = decided(tmp_path, [waiver(id="W-1"), waiver(id="W-2", expires="2025-03-05")])
    assert both.verdicts[0].waiver == "W-2", "the one that lasts longer"
    assert both.verdicts == decided(tmp_path, [waiver(id="W-2", expires="2025-03-05"), waiver(id="W-1")]).verdicts
    assert both.verdicts[0].raw_outcome is FAIL
    tight = decided(tmp_path, [waiver(id="W-1", ceiling=0.12), waiver(id="W-2", ceiling=0.14)])
    assert tight.status is Status.BLOCKED


def test_a_ceiling_covers_every_attribute_that_fails(tmp_path: Path) -> None:
    found = decided(tmp_path, [waiver()], [gap(Fraction(15, 100)), gap(Fraction(21, 100), attribute="age")])
    assert found.status is Status.BLOCKED
    assert "for age is beyond its ceiling" in found.verdicts[0].message
    at = decided(tmp_path, [waiver()], [gap(Fraction(1, 5))])
    assert at.verdicts[0].outcome is WAIVED, "the ceiling itself is within it"


def test_a_floor_is_the_ceiling_of_what_should_be_large(tmp_path: Path) -> None:
    text = POLICY.replace("less_than", "greater_than_or_equal").replace("0.1,", "0.8,")
    low = [waiver(ceiling=0.6)]
    assert decided(tmp_path, low, [gap(Fraction(6, 10))], text=text).verdicts[0].outcome is WAIVED
    assert decided(tmp_path, low, [gap(Fraction(59, 100))], text=text).verdicts[0].outcome is FAIL


@pytest.mark.parametrize("others", [(), (gap(None, attribute="age"),)])
def test_what_was_not_measured_cannot_be_waived(tmp_path: Path, others: tuple[Measurement, ...]) -> None:
    first = (gap(Fraction(15, 100)),) if others else (gap(None),)
    found = decided(tmp_path, [waiver()], [*first, *others])
    assert found.status is Status.BLOCKED
    assert "it covers a number that was measured" in found.waivers[0].message


def test_a_waiver_of_a_passing_gate_is_not_needed(tmp_path: Path) -> None:
    found = decided(tmp_path, [waiver()], [gap(Fraction(1, 100))])
    assert (found.status, found.verdicts[0].outcome, found.waivers[0].state) == (Status.PASSED, PASS, "not_needed")


def test_a_waiver_in_use_is_no_plain_pass_even_of_a_gate_that_only_informs(tmp_path: Path) -> None:
    text = POLICY.replace("less_than}", "less_than, severity: info}")
    assert decided(tmp_path, (), text=text).status is Status.PASSED
    assert decided(tmp_path, [waiver()], text=text).status is Status.REVIEW


def test_the_last_day_of_the_calendar(tmp_path: Path) -> None:
    text = POLICY + "reaudit_days_by_status: {REVIEW: 30}\n"
    last = waiver(approved_on="9999-12-30", expires="9999-12-31")
    found = decided(tmp_path, [last], text=text, today="9999-12-31")
    assert (found.waivers[0].state, found.reaudit_by) == ("in_force", "9999-12-31")


def test_no_waiver_meets_a_requirement(tmp_path: Path) -> None:
    text = POLICY + "reproducibility: {seed_required: true}\n"
    assert decided(tmp_path, [waiver(), waiver(id="W-2", gate="seed_required")], text=text).status is Status.BLOCKED


def test_waivers_are_read_from_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "waivers"
    assert load(folder) == ()
    folder.mkdir()
    (folder / "b.yaml").write_text(TEXT.replace("W-1", "W-2"))
    (folder / "a.yml").write_text(TEXT)
    (folder / "notes.md").write_text("not a waiver")
    (folder / ".hidden.yaml").write_text("[")
    found = load(folder)
    assert [w.id for w in found] == ["W-1", "W-2"]
    assert (found[0].category, found[0].expires, found[0].ticket) == ("waiver", date(2025, 3, 1), "RISK-7")


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("reason: The new scores arrive with the March release.", "reason: Because."), 4, "20"),
        (("ceiling: 0.2\n", ""), 1, "`ceiling` is required"),
        (("ceiling: 0.2", "ceiling: .nan"), 11, "ceiling"),
        (("expires: 2025-03-01", "expires: never"), 10, "YYYY-MM-DD"),
        (("expires", "expire"), 1, "did you mean `expires`?"),
        (("approved_by: Grace\n", ""), 1, "`approved_by` is required"),
        (("ticket: RISK-7", "category: forever"), 12, "cannot be `forever`"),
        (("owner: Ada", "owner: 7"), 6, "must be text"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_waiver_is_one_sentence_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, says: str
) -> None:
    folder = tmp_path / "waivers"
    folder.mkdir()
    (folder / "w.yaml").write_text(TEXT.replace(*change))
    with pytest.raises(UserError) as caught:
        load(folder, "waivers")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"waivers/w.yaml:{line}: "), lines
    assert any(says in one for one in lines)


def test_two_waivers_need_two_ids(tmp_path: Path) -> None:
    folder = tmp_path / "waivers"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(TEXT)
    with pytest.raises(UserError, match=r"the id `W-1` is waivers/a\.yaml's"):
        load(folder, "waivers")


def test_too_many_waivers_are_refused(tmp_path: Path) -> None:
    for i in range(1001):
        (tmp_path / f"{i}.yaml").touch()
    with pytest.raises(UserError, match="more than 1000 waivers"):
        load(tmp_path)


def test_a_gate_that_does_not_judge_the_model_needs_no_waiver(tmp_path: Path) -> None:
    text = POLICY.replace("comparison: less_than", "comparison: less_than, applies_to: {task: regression}")
    both = text + "  - {name: H, metric: demographic_parity_difference, comparison: present}\n"
    policy = loaded(tmp_path, both)
    rows = [(PARITY, [gap(Fraction(15, 100))])] * 2
    provenance = Provenance(as_of="2025-02-01", tool_version="0", predictions_sha256="p")
    found = decide(policy, rows, provenance, ModelCard(id="m"), date(2025, 2, 1), "prod", waivers=[waiver()])
    assert (found.status, found.verdicts[0].outcome) == (Status.PASSED, Outcome.NOT_APPLICABLE)
    assert found.waivers[0].state == "not_needed"
    assert "the gate does not judge this model" in found.waivers[0].message
