"""The pipeline: evidence and a policy become one sealed record."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from glassalpha_action import audit as room
from glassalpha_action.audit import audit
from glassalpha_action.config import AuditConfig
from glassalpha_action.digests import canonical
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import CATALOGUE
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.records import Audit, DataSummary, Provenance, sealed
from glassalpha_action.vocabulary import Outcome, Status
from tests.metrics.rows import any_rows, evidence, random_rows
from tests.policy.gates import HEAD, SMALL, loaded

PROVENANCE = Provenance(
    as_of="2025-01-05", tool_version="0", config_sha256="c", data_sha256="d", predictions_sha256="p"
)


def config(**fields: object) -> AuditConfig:
    content = {"model": {"id": "m", "use_case": "credit_scoring"}, "data": {"path": "r.csv", "target_column": "y"}}
    return AuditConfig.model_validate(content | fields)


def audited(
    rows: Evidence,
    policy: LoadedPolicy | None,
    *,
    today: str = "2025-01-05",
    provenance: Provenance = PROVENANCE,
    **fields: object,
) -> Audit:
    summary = DataSummary(
        rows=rows.rows,
        positives=int(rows.label.sum()),
        positive_label="1",
        favorable_label="1",
        threshold=0.5,
        target="y",
    )
    return audit(
        rows,
        config=config(**fields),
        data=summary,
        provenance=provenance,
        policy=policy,
        today=date.fromisoformat(today),
    )


def gate(metric: str, comparison: str, threshold: str, more: str = "") -> str:
    head = f"  - name: {metric} {comparison}\n    metric: {metric}\n"
    return f"{head}    threshold: {threshold}\n    comparison: {comparison}\n{more}"


@pytest.fixture
def rows() -> Evidence:
    return random_rows(3, n=300)


def test_the_record_holds_all_that_is_needed_to_show_it(rows: Evidence, tmp_path: Path) -> None:
    found = audited(rows, loaded(tmp_path, SMALL))
    assert {m.metric for m in found.measurements} == {m.id for m in CATALOGUE.values() if m.fits(rows)}
    judged = {v.metric for v in found.verdicts}
    assert set(found.glossary) == {m.metric for m in found.measurements} > judged
    for metric, definition in found.glossary.items():
        whole = CATALOGUE[metric].definition
        assert definition == (whole if metric in judged else whole.brief())
    assert found.policy is not None
    assert found.policy.text == SMALL
    assert found.charts.roc[0].auc == pytest.approx(
        next(m.value for m in found.measurements if m.metric == "roc_auc"), abs=1e-4
    )
    assert Audit.model_validate_json(found.to_json()) == found


def test_the_id_seals_the_content(rows: Evidence, tmp_path: Path) -> None:
    found = audited(rows, loaded(tmp_path, SMALL))
    assert len(found.audit_id) == 64
    assert sealed(found).audit_id == found.audit_id
    assert sealed(found.model_copy(update={"status": Status.REVIEW})).audit_id != found.audit_id
    assert audited(rows, loaded(tmp_path, SMALL)).to_json() == found.to_json()


def test_opposite_predictions_are_another_audit(rows: Evidence, tmp_path: Path) -> None:
    policy = loaded(tmp_path, SMALL)
    assert rows.score is not None
    opposite = replace(rows, score=1 - rows.score, decision=~rows.decision)
    assert audited(opposite, policy).audit_id != audited(rows, policy).audit_id


def test_every_gate_is_judged_on_its_own_parameters(rows: Evidence, tmp_path: Path) -> None:
    text = (
        f"{HEAD}gates:\n"
        + gate("statistical_power", "greater_than", "0.5")
        + (gate("statistical_power", "greater_than_or_equal", "0.5", "    params: {effect: 0.4}\n"))
    )
    first, second = audited(rows, loaded(tmp_path, text)).verdicts
    assert first.value is not None
    assert second.value is not None
    assert (first.outcome, second.outcome) == (Outcome.FAIL, Outcome.PASS)
    assert first.value < second.value


def test_a_gate_may_use_an_alias(rows: Evidence, tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n" + gate("max_metric_degradation_under_shift", "less_than", "0.9")
    (found,) = audited(rows, loaded(tmp_path, text)).verdicts
    assert (found.metric, found.outcome) == ("max_shift_degradation", Outcome.PASS)


def test_the_gate_names_the_worst_attribute(tmp_path: Path) -> None:
    rows = evidence([0, 1] * 50, [0, 1] * 25 + [1, 1] * 25, fair=["a", "b"] * 50, unfair=["a"] * 50 + ["b"] * 50)
    text = f"{HEAD}gates:\n" + gate("demographic_parity_difference", "less_than", "0.6")
    (found,) = audited(rows, loaded(tmp_path, text)).verdicts
    # fair: 25/50 against 50/50; unfair: 25/50 against 50/50 too, so the first of equals.
    assert found.value == 0.5
    assert {j.attribute for j in found.judged} == {"fair", "unfair"}


def test_exactness_survives_the_whole_way(tmp_path: Path) -> None:
    # Selected 8 of 10 and 7 of 10: exactly 0.1, which floating point calls 0.10000000000000009.
    rows = evidence([1] * 20, [1] * 8 + [0] * 2 + [1] * 7 + [0] * 3, g=["a"] * 10 + ["b"] * 10)
    text = (
        f"{HEAD}gates:\n"
        + "".join(
            gate("demographic_parity_difference", c, "0.1") for c in ("greater_than", "less_than_or_equal", "less_than")
        )
        + gate("demographic_parity_ratio", "greater_than_or_equal", "0.875")
        + gate("min_group_size", "greater_than", "10")
    )
    found = audited(rows, loaded(tmp_path, text))
    assert [v.outcome.value for v in found.verdicts] == ["FAIL", "PASS", "FAIL", "PASS", "FAIL"]


def test_without_attributes_fairness_gates_are_missing_not_passed(tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n" + gate("demographic_parity_difference", "less_than", "0.6")
    found = audited(evidence([0, 1], [0, 1]), loaded(tmp_path, text))
    assert (found.status, found.verdicts[0].outcome) == (Status.BLOCKED, Outcome.MISSING)
    assert found.failed_gates == 1


def test_a_policy_that_decides_by_the_interval_sets_its_level(rows: Evidence, tmp_path: Path) -> None:
    bound = loaded(tmp_path, SMALL + "statistics: {decision: bound, confidence: 0.99}\n")
    point = loaded(tmp_path, SMALL)
    assert {m.confidence for m in audited(rows, bound, audit={"confidence": 0.5}).measurements} == {0.99}
    assert {m.confidence for m in audited(rows, point, audit={"confidence": 0.9}).measurements} == {0.9}
    assert {m.confidence for m in audited(rows, None).measurements} == {0.95}


def test_statuses(rows: Evidence, tmp_path: Path) -> None:
    good = f"{HEAD}gates:\n" + gate("roc_auc", "greater_than", "0.5")
    bad = f"{HEAD}gates:\n" + gate("roc_auc", "greater_than", "0.99")
    assert audited(rows, loaded(tmp_path, good)).status is Status.PASSED
    assert audited(rows, loaded(tmp_path, bad)).status is Status.BLOCKED
    assert audited(rows, loaded(tmp_path, bad + "    severity: warning\n")).status is Status.REVIEW
    nothing = audited(rows, None)
    assert (nothing.status, nothing.policy, nothing.enforced) == (Status.NO_POLICY, None, True)
    assert nothing.notes == ("No policy was given, so nothing was judged.",)


def test_what_does_not_bind_is_stamped(rows: Evidence, tmp_path: Path) -> None:
    later = audited(rows, loaded(tmp_path, SMALL + "effective_date: 2025-02-01\n"))
    assert (later.enforced, later.would_be, later.headline) == (False, later.status, f"would be {later.status.value}")
    for policy in (None, loaded(tmp_path, SMALL), loaded(tmp_path, SMALL + "applies_to: [other]\n")):
        dev = audited(rows, policy, audit={"profile": "dev"})
        assert (dev.profile, dev.enforced) == ("dev", False)
        assert any("NOT FOR APPROVAL" in note for note in dev.notes)


def test_requirements_block(rows: Evidence, tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n" + gate("roc_auc", "greater_than", "0.5") + "reproducibility: {seed_required: true}\n"
    found = audited(rows, loaded(tmp_path, text))
    assert (found.status, found.failed_gates) == (Status.BLOCKED, 1)
    seeded = audited(rows, loaded(tmp_path, text), provenance=PROVENANCE.model_copy(update={"seed": 0}))
    assert seeded.status is Status.PASSED


ALL_GATES = f"{HEAD}gates:\n" + "".join(gate(name, "present", "~") for name in sorted(CATALOGUE))


@given(any_rows())
@settings(max_examples=40, deadline=None)
def test_no_evidence_makes_a_missing_metric_pass(tmp_path_factory: pytest.TempPathFactory, rows: Evidence) -> None:
    found = audited(rows, loaded(tmp_path_factory.getbasetemp(), ALL_GATES))
    values = {(m.metric, m.attribute): m.value for m in found.measurements}
    for verdict in found.verdicts:
        for one in verdict.judged:
            missing = values.get((verdict.metric, one.attribute)) is None
            assert (one.outcome is Outcome.MISSING) is missing
        if any(one.outcome is Outcome.MISSING for one in verdict.judged):
            assert verdict.outcome is Outcome.MISSING
            assert found.status is Status.BLOCKED
    assert Audit.model_validate_json(found.to_json()) == found


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=8),
              st.floats(allow_nan=False, allow_infinity=False),
              st.sampled_from([0.0, -0.0, 1e-7, 1e21, 5e-324, 0.1, 30.0])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@given(values)
@settings(max_examples=200, deadline=None)
def test_canonical_json_is_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, {"a": [float("nan")]}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        canonical(value)


def test_the_pipeline_reads_top_to_bottom() -> None:
    source = inspect.getsource(room)
    assert len(source.splitlines()) < 80
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert not names & {"open", "print", "Path", "datetime", "os", "sys"}


def test_a_thousand_groups_in_two_attributes(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    n = 2000
    rows = evidence(
        draw.integers(0, 2, n).tolist(),
        score=draw.uniform(size=n).tolist(),
        g=[f"g{i % 1000}" for i in range(n)],
        h=["x", "y"] * (n // 2),
    )
    found = audited(rows, loaded(tmp_path, SMALL))
    assert len(found.to_json()) < 3_000_000
