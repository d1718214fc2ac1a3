from __future__ import annotations

from datetime import date

import pytest

from glassalpha_action import shipped
from glassalpha_action.cli.policy import packs, read_policy
from glassalpha_action.metrics.intervals import gap
from glassalpha_action.policy import cases, citations
from glassalpha_action.policy.lint import lint
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.vocabulary import Comparison
from tests.policy.portfolio import DEFINITIONS, METRICS

TODAY = date(2026, 11, 23)
SOURCE = "org_credit_baseline_v1"
OURS = sorted(set(packs()) - {SOURCE})


def pack(name: str) -> LoadedPolicy:
    return read_policy(packs()[name], f"pack:{name}")


def test_the_packs_are_those_that_are_promised() -> None:
    assert set(packs()) >= {
        "general-baseline", "credit", "pricing-insurance", "hiring-ll144", "fraud", "eu-high-risk", SOURCE,
    }  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_a_pack_lints_clean(name: str) -> None:
    known = citations.load(shipped.policies() / "citations.yaml")
    findings = lint(pack(name), METRICS, known, TODAY, gap)
    assert [str(f) for f in findings if f.level != "note"] == []


@pytest.mark.parametrize("name", sorted(packs()))
def test_a_pack_passes_its_tests_which_cover_every_gate(name: str) -> None:
    read = cases.load(shipped.policies() / "tests" / f"{name}.yaml")
    assert read.policy.resolve() == packs()[name]
    found = cases.run(read, pack(name), DEFINITIONS)
    assert [str(f) for f in found.failures] == []
    assert found.uncovered == ()


@pytest.mark.parametrize("name", sorted(packs()))
def test_every_gate_has_advice_a_clause_and_a_rationale(name: str) -> None:
    for gate in pack(name).policy.gates:
        advice = DEFINITIONS[gate.metric].advice
        assert advice.issue
        assert advice.causes
        assert advice.fixes
        assert gate.clause
        assert gate.rationale


@pytest.mark.parametrize("name", OURS)
def test_a_pack_calls_its_thresholds_internal_and_no_legal_advice(name: str) -> None:
    found = pack(name)
    text = " ".join(found.text.replace("#", " ").split())
    assert "internal starting points" in text.casefold()
    assert "Nothing here is legal advice." in text
    assert text.count("required by law") == text.count('never "required by law"') == 1
    for gate in found.policy.gates:
        assert gate.comparison not in {Comparison.greater_than, Comparison.less_than}
        if gate.threshold is not None:
            assert "internal" in str(gate.clause).casefold() or gate.threshold in {0.0, 1.0}, gate.name


@pytest.mark.parametrize("name", OURS)
def test_a_pack_decides_by_intervals_and_asks_for_a_repeatable_audit(name: str) -> None:
    found = pack(name).policy
    assert found.statistics.decision == "bound"
    assert all(wanted for _, wanted in found.reproducibility)
    assert found.citation
    assert name == "general-baseline" or (found.extends is not None and found.extends.source == "pack:general-baseline")


def test_the_credit_pack_has_the_source_s_seven_thresholds_with_inclusive_operators() -> None:
    levels = {g.metric: (g.threshold, g.comparison, g.severity) for g in pack("credit").policy.gates}
    for gate in pack(SOURCE).policy.gates:
        threshold, comparison, severity = levels[gate.metric]
        assert threshold == gate.threshold
        assert comparison == f"{gate.comparison}_or_equal"
        assert severity is gate.severity


def test_the_hiring_pack_blocks_on_missing_tables_and_only_warns_of_a_ratio() -> None:
    for gate in pack("hiring-ll144").policy.gates:
        if "RCNY §5-301(b)" in str(gate.clause):
            assert (gate.comparison.value, gate.severity.value) == ("present", "error")
        if "UGESP" in str(gate.clause):
            assert gate.severity.value == "warning"
            assert "rescission pending" in str(gate.clause)


def test_the_eu_pack_waits_for_the_day_it_applies() -> None:
    assert pack("eu-high-risk").policy.effective_date == date(2027, 12, 2)
