from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action.documents import UserError
from glassalpha_action.policy.cases import Examined, load, run
from tests.policy.gates import HEAD
from tests.policy.portfolio import DEFINITIONS, policy

POLICY = f"""{HEAD}statistics: {{decision: bound}}
gates:
  - {{id: auc, name: AUC, metric: roc_auc, threshold: 0.7, comparison: greater_than_or_equal}}
  - {{id: parity, name: Parity, metric: demographic_parity_difference, threshold: 0.1, comparison: less_than_or_equal}}
"""
WHOLE = """policy: policy.yaml
cases:
  - name: good
    metrics:
      roc_auc: {value: 0.8, low: 0.7, high: 0.9}
      demographic_parity_difference: {exact: 1/20, low: 0, high: 0.1}
    expect: PASS
    status: PASSED
  - name: bad
    metrics: {roc_auc: {value: 0.5, low: 0.45, high: 0.55}, demographic_parity_difference: 0.4}
    expect: {auc: FAIL, parity: FAIL}
    status: BLOCKED
"""


def examined(folder: Path, cases: str, text: str = POLICY) -> Examined:
    loaded = policy(folder, text)
    (folder / "cases.yaml").write_text(cases)
    return run(load(folder / "cases.yaml", "cases.yaml"), loaded, DEFINITIONS)


def test_cases_that_hold_and_cover_every_gate(tmp_path: Path) -> None:
    found = examined(tmp_path, WHOLE)
    assert (found.cases, found.failures, found.uncovered) == (2, (), ())
    assert found.passed


def test_a_case_that_does_not_hold_says_where_and_what_came(tmp_path: Path) -> None:
    found = examined(tmp_path, WHOLE.replace("{auc: FAIL, parity: FAIL}", "{auc: PASS, parity: FAIL}"))
    assert len(found.failures) == 1
    assert str(found.failures[0]).startswith(
        "cases.yaml:11: case `bad`: `auc` came to FAIL, not PASS: 0.500 is not ≥ 0.700"
    )
    assert not found.passed


def test_a_status_that_does_not_hold_is_a_failure(tmp_path: Path) -> None:
    found = examined(tmp_path, WHOLE.replace("status: BLOCKED", "status: REVIEW"))
    assert [f.line for f in found.failures] == [12]
    assert "comes to BLOCKED, not REVIEW" in found.failures[0].message


@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        ("{value: 0.8, low: 0.7, high: 0.9}", "{value: 0.8, low: 0.72, high: 0.9}", ("auc", ("boundary",))),
        ("demographic_parity_difference: 0.4", "demographic_parity_difference: {exact: 1/20, low: 0, high: 0.1}",
         ("parity", ("fail",))),
        ("{auc: FAIL, parity: FAIL}", "{parity: FAIL}", ("auc", ("fail",))),
        ("expect: PASS", "expect: {auc: PASS}", ("parity", ("pass", "boundary"))),
    ],
)  # fmt: skip
def test_a_gate_that_no_case_covers_is_named(
    tmp_path: Path, old: str, new: str, lacking: tuple[str, tuple[str, ...]]
) -> None:
    assert lacking in examined(tmp_path, WHOLE.replace(old, new)).uncovered


def test_a_gate_that_asks_only_for_a_number_fails_without_one(tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n  - {{id: there, name: There, metric: roc_auc, comparison: present}}\n"
    cases = """policy: policy.yaml
cases:
  - {name: there, metrics: {roc_auc: 0}, expect: PASS}
  - {name: not there, metrics: {roc_auc: missing}, expect: MISSING, status: BLOCKED}
"""
    assert examined(tmp_path, cases, text).passed


def test_a_metric_that_a_case_leaves_out_is_missing(tmp_path: Path) -> None:
    found = examined(tmp_path, WHOLE + "  - {name: none, metrics: {}, expect: MISSING, status: BLOCKED}\n")
    assert found.failures == ()


def test_scopes_intersections_small_groups_and_parameters(tmp_path: Path) -> None:
    text = f"""{HEAD}statistics: {{min_group_n: 30}}
gates:
  - id: parity
    name: Parity
    metric: demographic_parity
    threshold: 0.1
    comparison: less_than_or_equal
    scope: {{attributes: [sex], intersections: [[sex, age]], missing: true}}
  - {{id: power, name: P, metric: statistical_power, threshold: 0.8, comparison: greater_than, params: {{effect: 0.1}}}}
"""
    cases = """policy: policy.yaml
cases:
  - name: all groups large enough
    metrics: {demographic_parity: {value: 0.05, groups: {f: 40, m: 60}}, statistical_power: 0.9}
    expect: PASS
  - name: a small group asks for review
    metrics: {demographic_parity: {value: 0.05, groups: {f: 29, m: 60}}}
    expect: {parity: INCONCLUSIVE}
  - name: the combination is worse than either
    metrics: {demographic_parity_difference: [{attribute: sex, value: 0.05}, {attribute: sex & age, value: 0.5}]}
    expect: {parity: FAIL}
"""
    found = examined(tmp_path, cases, text)
    assert found.failures == ()


def test_a_baseline_gate_is_tested_against_the_earlier_model(tmp_path: Path) -> None:
    text = f"{HEAD}gates:\n  - {{id: auc, name: AUC, metric: roc_auc, baseline: {{no_worse_than: 0.02}}}}\n"
    cases = """policy: policy.yaml
cases:
  - {name: better, metrics: {roc_auc: 0.8}, baseline: {roc_auc: 0.7}, expect: PASS}
  - {name: as much worse as allowed, metrics: {roc_auc: 0.68}, baseline: {roc_auc: 0.7}, expect: PASS}
  - {name: worse, metrics: {roc_auc: 0.6}, baseline: {roc_auc: 0.7}, expect: FAIL, status: BLOCKED}
  - {name: nothing to compare with, metrics: {roc_auc: 0.6}, expect: MISSING, status: BLOCKED}
"""
    found = examined(tmp_path, cases, text)
    assert found.failures == ()
    assert found.passed


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        (WHOLE.replace("{auc: FAIL", "{acu: FAIL"), "cases.yaml:11: the policy has no gate `acu`; did you mean `auc`?"),
        (WHOLE.replace("{roc_auc: {value: 0.5", "{roc_acu: {value: 0.5"), "cases.yaml:10: unknown metric `roc_acu`"),
        (WHOLE.replace("expect: PASS", "expect: PASSED"), "cases.yaml:7"),
        (WHOLE.replace("low: 0.45, high: 0.55", "low: 0.45"), "needs both `low` and `high`"),
        (WHOLE.replace("exact: 1/20", "exact: 1/0"), "ratio of counts"),
        (WHOLE.replace("exact: 1/20", "exact: 1/20, value: 0.05"), "not both"),
        (WHOLE.replace("value: 0.5", "value: .nan"), "cases.yaml:10"),
        ("policy: policy.yaml\ncases: []\n", "at least one entry"),
    ],
)
def test_mistakes_in_a_case_file_are_named_with_their_line(tmp_path: Path, cases: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        examined(tmp_path, cases)
    assert said in str(caught.value)


def test_what_a_policy_requires_beside_its_gates_is_taken_as_met(tmp_path: Path) -> None:
    text = POLICY + "reproducibility: {seed_required: true}\nrequired_evidence: [owner]\n"
    assert examined(tmp_path, WHOLE, text).passed


def test_a_case_of_amounts_is_judged_by_the_gates_for_amounts(tmp_path: Path) -> None:
    text = POLICY.replace("metric: roc_auc,", "metric: roc_auc, applies_to: {task: classification},")
    amounts = WHOLE + (
        "  - name: amounts\n    task: regression\n    metrics: {demographic_parity_difference: 0}\n    expect: PASS\n"
    )
    assert examined(tmp_path, amounts, text).failures == ()
    assert len(examined(tmp_path, amounts).failures) == 1


def test_a_gate_that_stands_unchanged_in_the_policy_extended_needs_no_case_here(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text(POLICY)
    top = f"{HEAD}extends: below.yaml\ngates:\n  - {{id: parity, threshold: 0.2}}\n"
    none = "policy: policy.yaml\ncases: [{name: nothing, metrics: {}}]\n"
    every = ("pass", "fail", "boundary")
    assert examined(tmp_path, none, top).uncovered == (("parity", every),)
    looser = f"{top}statistics: {{decision: point}}\n"
    assert examined(tmp_path, none, looser).uncovered == (("auc", every), ("parity", every))
