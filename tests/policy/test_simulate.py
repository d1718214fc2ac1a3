from __future__ import annotations

import json
from pathlib import Path

import pytest

from glassalpha_action.policy.simulate import Simulation, latest, simulate
from glassalpha_action.policy.stricter import inapplicable
from glassalpha_action.records import Measurement, ModelCard, sealed
from glassalpha_action.registry import connect
from glassalpha_action.report.simulation import as_data, render_simulation
from glassalpha_action.vocabulary import Outcome, Status
from tests.policy.portfolio import CURRENT, DEFINITIONS, MODELS, MONTHS, TEAMS, auc, parity, policy, recorded, registry

STRICTER = CURRENT.replace("Current", "Stricter").replace("0.70", "0.82").replace("0.12", "0.08")
DAY = "2025-06-15"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


def replayed(shelf: Path, folder: Path, text: str) -> Simulation:
    return simulate(policy(folder, text), registry(shelf), DEFINITIONS)


def test_every_audit_of_a_year_is_replayed(shelf: Path, tmp_path: Path) -> None:
    found = replayed(shelf, tmp_path, STRICTER)
    assert len(found.replays) == MODELS * len(MONTHS)
    assert len(found.latest) == MODELS
    assert {one.as_of for one in found.latest} == {MONTHS[-1]}
    assert [team.team for team in found.teams] == sorted(TEAMS)
    assert sum(team.models for team in found.teams) == MODELS


def test_the_same_policy_flips_nothing(shelf: Path, tmp_path: Path) -> None:
    found = replayed(shelf, tmp_path, CURRENT)
    assert not any(one.flipped or one.gates for one in found.replays)
    assert all(not team.flipped and team.before == team.after for team in found.teams)


def test_flips_are_listed_by_team_and_say_which_gates(shelf: Path, tmp_path: Path) -> None:
    found = replayed(shelf, tmp_path, STRICTER)
    for team in found.teams:
        mine = [one for one in found.latest if one.team == team.team]
        assert team.flipped == tuple(one.model_id for one in mine if one.before is not one.after)
        assert team.after[Status.BLOCKED] >= team.before[Status.BLOCKED]
        assert team.flipped
    best = next(one for one in found.latest if one.model_id == "model_23")
    assert [(f.gate, f.before, f.after) for f in best.gates] == []
    worst = next(one for one in found.latest if one.model_id == "model_00")
    assert [(f.gate, f.before, f.after) for f in worst.gates] == [("AUC", Outcome.PASS, Outcome.FAIL)]
    text = render_simulation(found, policy(tmp_path, STRICTER).policy)
    assert text.index("Team credit-risk: 6 models") < text.index("Team fraud: 6 models") < text.index("Team lending")
    assert "model_00  PASSED → BLOCKED  2025-01-15 to 2025-12-15 (12 audits): AUC PASS → FAIL" in text


def test_a_gate_that_most_models_fail_is_marked(shelf: Path, tmp_path: Path) -> None:
    found = replayed(shelf, tmp_path, STRICTER)
    loads = {gate.gate_id: gate for gate in found.gates}
    assert loads["auc"].models == MODELS
    assert loads["auc"].failing >= 0.8 * MODELS
    assert loads["auc"].unrealistic
    assert not loads["parity"].unrealistic
    marked = [
        line for line in render_simulation(found, policy(tmp_path, STRICTER).policy).splitlines() if "80%" in line
    ]
    assert len(marked) == 1
    assert "AUC" in marked[0]


@pytest.mark.parametrize(("failing", "marked"), [(7, False), (8, True), (10, True)])
def test_the_mark_starts_at_four_fifths(tmp_path: Path, failing: int, marked: bool) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audits = [
        recorded(current, ModelCard(id=f"m{i}", use_case="credit_scoring"), DAY, (auc(0.7 if i < failing else 0.9, 800),
                 parity({"a": (50, 100), "b": (50, 100)})))
        for i in range(10)
    ]  # fmt: skip
    found = simulate(policy(tmp_path, STRICTER), audits, DEFINITIONS)
    assert found.gates[0].unrealistic is marked


def test_four_models_are_too_few_to_call_a_threshold_unrealistic(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audits = [recorded(current, ModelCard(id=f"m{i}", use_case="credit_scoring"), DAY, one("0.71")) for i in range(4)]
    assert not simulate(policy(tmp_path, STRICTER), audits, DEFINITIONS).gates[0].unrealistic


def one(value: str) -> tuple[Measurement, ...]:
    return (auc(float(value), 800), parity({"a": (50, 100), "b": (50, 100)}))


def test_what_an_audit_did_not_measure_is_missing_and_blocks(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.9"))
    more = CURRENT + "  - {name: Size, metric: min_group_size, threshold: 30, comparison: greater_than_or_equal}\n"
    found = simulate(policy(tmp_path, more), [audit], DEFINITIONS).replays[0]
    assert (found.before, found.after) == (Status.PASSED, Status.BLOCKED)
    assert [(f.gate, f.before, f.after) for f in found.gates] == [("Size", None, Outcome.MISSING)]
    assert "the audit of 2025-06-15 did not measure it" in found.decision.verdicts[-1].message


def test_a_flip_names_the_gates_that_can_be_why(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.9"))
    others = "\n".join(CURRENT.splitlines()[:-1]) + (
        "\n  - {name: Size, metric: min_group_size, threshold: 30, comparison: greater_than_or_equal}\n"
        "  - {name: Ranking, metric: roc_auc, threshold: 0.5, comparison: greater_than}\n"
    )
    asked = policy(tmp_path, others)
    text = render_simulation(simulate(asked, [audit], DEFINITIONS), asked.policy)
    assert "m  PASSED → BLOCKED  2025-06-15: Size MISSING (new)\n" in text


def test_a_removed_gate_and_another_parameter_show(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.9"))
    fewer = "\n".join(CURRENT.splitlines()[:-1])
    found = simulate(policy(tmp_path, fewer), [audit], DEFINITIONS).replays[0]
    assert [(f.gate, f.before, f.after) for f in found.gates] == [("Parity", Outcome.PASS, None)]
    other = CURRENT + (
        "  - {name: P, metric: statistical_power, threshold: 0.8, comparison: greater_than, params: {effect: 0.1}}\n"
    )
    found = simulate(policy(tmp_path, other), [audit], DEFINITIONS).replays[0]
    assert "did not measure it at effect 0.1" in found.decision.verdicts[-1].message


def test_a_policy_of_the_future_is_replayed_as_if_in_force(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.71"))
    later = STRICTER.replace('version: "1"', 'version: "2"\neffective_date: "2031-01-01"').replace(
        "rationale: r}", 'rationale: r, enforce_from: "2031-06-01"}', 1
    )
    found = simulate(policy(tmp_path, later), [audit], DEFINITIONS).replays[0]
    assert found.after is Status.BLOCKED


def test_a_requirement_that_is_newly_not_met_is_named(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.9"))
    asking = policy(tmp_path, CURRENT + "required_evidence: [owner]\n")
    found = simulate(asking, [audit], DEFINITIONS)
    assert found.replays[0].after is Status.BLOCKED
    assert found.replays[0].gates == ()
    assert len(found.replays[0].unmet) == 1
    assert "owner not met" in render_simulation(found, asking.policy)


def test_a_baseline_gate_compares_with_the_audit_before(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    card = ModelCard(id="m", use_case="credit_scoring")
    audits = [recorded(current, card, f"2025-0{month}-15", one(value)) for month, value in ((1, "0.8"), (2, "0.75"))]
    worse = CURRENT + "  - {name: Drop, metric: roc_auc, baseline: {no_worse_than: 0.02}}\n"
    first, second = simulate(policy(tmp_path, worse), audits, DEFINITIONS).replays
    assert first.decision.verdicts[-1].outcome is Outcome.INCONCLUSIVE
    assert second.decision.verdicts[-1].outcome is Outcome.FAIL
    assert second.decision.verdicts[-1].value == pytest.approx(0.05)


def test_what_the_base_commit_asked_still_blocks(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    audit = recorded(current, ModelCard(id="m", use_case="credit_scoring"), DAY, one("0.9"))
    unmet = inapplicable("its target is gone")
    blocked = sealed(audit.model_copy(update={"status": Status.BLOCKED, "requirements": (unmet,)}))
    (found,) = simulate(current, [blocked], DEFINITIONS).replays
    assert (found.before, found.after, found.unmet) == (Status.BLOCKED, Status.BLOCKED, ())


@pytest.mark.parametrize("values", [("0.5", "0.9"), ("0.9", "0.5")])
def test_of_two_audits_of_a_day_the_registrys_latest_counts(tmp_path: Path, values: tuple[str, str]) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    card = ModelCard(id="m", use_case="credit_scoring")
    with connect(tmp_path / "r.db", create=True) as registry:
        for hour, value in enumerate(values):
            registry.submit(recorded(current, card, DAY, one(value)), recorded_at=f"{DAY}T0{hour}:00:00Z")
        (newest,) = registry.query_all()
        audits = [registry.audit(row.audit_id) for row in registry.query_all(latest=False)]
    assert [audit.audit_id for audit in latest(audits)] == [newest.audit_id]
    assert [one.before for one in simulate(current, audits, DEFINITIONS).latest] == [newest.status]


def test_repetition_and_the_order_of_days_do_not_matter(shelf: Path, tmp_path: Path) -> None:
    loaded = policy(tmp_path, STRICTER)
    some = registry(shelf)[:30]
    assert simulate(loaded, some, DEFINITIONS) == simulate(loaded, [*reversed(some), *some], DEFINITIONS)


def test_as_data_it_is_plain_json(shelf: Path, tmp_path: Path) -> None:
    found = as_data(replayed(shelf, tmp_path, STRICTER))
    again = json.loads(json.dumps(found))
    assert len(again["audits"]) == MODELS * len(MONTHS)
    assert [g["id"] for g in again["gates"] if g["unrealistic"]] == ["auc"]


def test_hostile_names_stay_on_their_line(tmp_path: Path) -> None:
    current = policy(tmp_path, CURRENT, "current.yaml")
    card = ModelCard(id="m\n\x1b[31mPASSED", team="\u202eteam\nx", use_case="credit_scoring")
    found = simulate(policy(tmp_path, STRICTER), [recorded(current, card, DAY, one("0.71"))], DEFINITIONS)
    text = render_simulation(found, policy(tmp_path, STRICTER).policy)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith(("PASSED", "x")) for line in text.splitlines())
