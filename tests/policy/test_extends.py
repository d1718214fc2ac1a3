from __future__ import annotations

from pathlib import Path

import pytest

from glassalpha_action import shipped
from glassalpha_action.digests import sha256
from glassalpha_action.documents import UserError
from glassalpha_action.policy.extends import pinned, recalled
from glassalpha_action.policy.schema import load
from glassalpha_action.records import PolicyText
from tests.policy.gates import KNOWN, loaded

BASE = """policy_name: Group
version: "3"
policy_id: group
effective_date: 2025-01-01
citations: [RP-1]
contacts: {policy: Group Risk}
statistics: {on_missing: block, min_group_n: 30}
gates:
  - name: Gap
    metric: demographic_parity_difference
    threshold: 0.10
    comparison: less_than
    clause: Clause 1
    locked: true
  - name: Rank
    metric: roc_auc
    threshold: 0.75
    comparison: greater_than
    scope_note: x
""".replace("    scope_note: x\n", "")
HEAD = 'policy_name: Team\nversion: "1"\nextends: base.yaml\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        loaded(folder, text)
    return str(caught.value)


def test_a_policy_that_only_extends_has_the_bases_gates(folder: Path) -> None:
    found = loaded(folder, HEAD)
    assert [g.key for g in found.policy.gates] == ["gap", "rank"]
    assert (found.policy.policy_name, found.policy.version, found.policy.key) == ("Team", "1", "team")
    assert found.policy.contacts.policy == "Group Risk"
    assert [found.line(i) for i in range(2)] == [None, None], "they stand in another file"


def test_gates_are_laid_over_those_of_the_same_id(folder: Path) -> None:
    text = (
        HEAD
        + """contacts: {technical: "#ml"}
statistics: {min_group_n: 50}
gates:
  - name: Rank
    threshold: 0.8
    article: Art. 15
  - {id: gap, name: Parity, threshold: 0.05}
  - {name: Own, metric: accuracy, threshold: 0.5, comparison: greater_than}
"""
    )
    found = loaded(folder, text)
    gates = {g.key: g for g in found.policy.gates}
    assert list(gates) == ["gap", "rank", "own"]
    assert (gates["rank"].threshold, gates["rank"].metric, gates["rank"].clause) == (0.8, "roc_auc", "Art. 15")
    assert (gates["gap"].threshold, gates["gap"].name, gates["gap"].clause) == (0.05, "Parity", "Clause 1")
    assert gates["gap"].locked, "a lock is inherited"
    assert [found.line(i) for i in range(3)] == [10, 7, 11]
    assert (found.policy.contacts.policy, found.policy.contacts.technical) == ("Group Risk", "#ml")
    assert (found.policy.statistics.min_group_n, found.policy.statistics.on_missing) == (50, "block")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("gates: [{name: Gap, threshold: 0.11}]\n", 4, "asked for < 0.1 and now asks for < 0.11"),
        ("gates: [{name: Gap, comparison: less_than_or_equal}]\n", 4, "≤ 0.1"),
        ("gates: [{name: Gap, severity: warning}]\n", 4, "`severity` changed from error to warning"),
        ("gates: [{name: Gap, locked: false}]\n", 4, "`locked`"),
        ("gates: [{name: Gap, scope: {attributes: [sex]}}]\n", 4, "now judges sex"),
        ("gates: [{name: Gap, enforce_from: 2099-01-01}]\n", 4, "`enforce_from`"),
        ("gates: [{name: Gap, metric: demographic_parity_ratio}]\n", 4, "no longer for"),
        ("gates: [{name: Gap, overrides: {m: {threshold: 0.5, rationale: Because.}}}]\n", 4, "held m to"),
        ("enforcement: advisory\n", 4, "`enforcement`"),
        ("effective_date: 2099-01-01\n", 4, "`effective_date`"),
        ("sunset_date: 2025-06-01\n", 4, "`sunset_date`"),
        ("statistics: {on_missing: review}\n", 4, "`statistics.on_missing`"),
        ("exceptions: {max_days: 200}\n", 4, "`exceptions.max_days`"),
    ],
)  # fmt: skip
def test_a_locked_gate_may_only_be_tightened(folder: Path, text: str, line: int, says: str) -> None:
    said = refused(folder, HEAD + text)
    assert said.startswith(f"p.yaml:{line}: "), said
    assert says in said
    assert "locked in the policy this one extends" in said


@pytest.mark.parametrize("text", [
    "gates: [{name: Gap, threshold: 0.05, warn_threshold: 0.04}]\n",
    "gates: [{name: Gap, overrides: {m: {threshold: 0.01, rationale: Large.}}}]\n",
    "gates: [{name: Rank, threshold: 0.5, severity: info}]\n",
    "applies_to: [credit]\n",
    "enforcement: hard_mandatory\n",
])  # fmt: skip
def test_tightening_and_what_is_not_locked_are_free(folder: Path, text: str) -> None:
    assert loaded(folder, HEAD + text).policy.gates


def test_a_lock_holds_through_a_chain(folder: Path) -> None:
    (folder / "middle.yaml").write_text(HEAD + "gates: [{name: Gap, threshold: 0.08}]\n")
    text = HEAD.replace("base.yaml", "middle.yaml")
    assert loaded(folder, text).policy.gates[0].threshold == 0.08
    assert "locked" in refused(folder, text + "gates: [{name: Gap, threshold: 0.09}]\n")


def test_mistakes_in_the_base_are_the_bases(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE.replace("roc_auc", "roc_acu"))
    assert refused(folder, HEAD).startswith(f"{folder.as_posix()}/base.yaml:16: unknown metric `roc_acu`")
    (folder / "base.yaml").write_text(BASE)
    assert refused(folder, HEAD + "gates: [{name: Rank, threshold: high}]\n").startswith("p.yaml:4: ")
    assert "needs `threshold: [low, high]`" in refused(folder, HEAD + "gates: [{name: Rank, comparison: between}]\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("extends: nowhere.yaml\n", "there is no such file"),
        ("extends: pack:creditt\n", "there is no pack `creditt`"),
        ("extends: pack:../base\n", "there is no pack"),
        ("extends: p.yaml\n", "extends this file in turn"),
        (f"extends: {'x' * 5000}\n", "there is no such file"),
        ('extends: "a\\0b"\n', "there is no such file"),
        ("extends: {source: base.yaml, sha256: abc}\n", "not the pinned abc"),
        ("extends: {source: base.yaml, sha: abc}\n", "did you mean `sha256`"),
        ("extends: 7\n", "extends"),
        ("extends: [base.yaml]\n", "extends"),
        ("extends: {sha256: abc}\n", "`extends.source` is required"),
    ],
)  # fmt: skip
def test_what_cannot_be_extended(folder: Path, line: str, says: str) -> None:
    said = refused(folder, f'policy_name: T\nversion: "1"\n{line}')
    assert says in said
    assert said.startswith("p.yaml:3: ") or "p.yaml:1:" in said
    assert all(one.isprintable() and len(one) < 6000 for one in said.splitlines())


def test_a_circle_and_a_tower(folder: Path) -> None:
    for i in range(7):
        (folder / f"t{i}.yaml").write_text(HEAD.replace("base.yaml", f"t{i + 1}.yaml"))
    (folder / "t7.yaml").write_text(BASE)
    assert "more than 5 policies" in refused(folder, HEAD.replace("base.yaml", "t0.yaml"))
    (folder / "t1.yaml").write_text(HEAD.replace("base.yaml", "t0.yaml"))
    assert "break the circle" in refused(folder, HEAD.replace("base.yaml", "t0.yaml"))


def test_a_shipped_policy_is_extended_by_name(folder: Path) -> None:
    found = loaded(folder, HEAD.replace("base.yaml", "pack:org_credit_baseline_v1"))
    assert len(found.policy.gates) == 7
    assert found.base is not None
    assert found.base.sha256 == sha256((shipped.policies() / "org_credit_baseline_v1.yaml").read_bytes())


def test_a_pin_must_match(folder: Path) -> None:
    digest = sha256(BASE.encode())
    text = HEAD.replace("base.yaml", f"{{source: base.yaml, sha256: {digest}}}")
    found = loaded(folder, text)
    assert found.sha256 == sha256(f"{sha256(text.encode())}{digest}".encode())
    (folder / "base.yaml").write_text(BASE + "# touched\n")
    assert "see what changed" in refused(folder, text)


def test_a_pin_from_outside_must_match(folder: Path) -> None:
    found = loaded(folder, HEAD)
    pinned(found, found.sha256.upper(), "--policy-sha256")
    pinned(None, None, "--policy-sha256")
    with pytest.raises(UserError, match="has the digest"):
        pinned(found, "0" * 64, "--policy-sha256")
    with pytest.raises(UserError, match="none was given"):
        pinned(None, "0" * 64, "--policy-sha256")


def test_a_record_of_it_is_the_same_policy_again(folder: Path) -> None:
    found = loaded(folder, HEAD + "gates: [{name: Rank, threshold: 0.8}]\n")
    record = found.record()
    assert record.extends is not None
    assert (record.extends.text, record.contacts) == (BASE, {"policy": "Group Risk"})
    again = recalled(PolicyText.model_validate_json(record.model_dump_json()))
    assert again.policy == found.policy
    assert again.record() == record


def test_a_scope_needs_groups(folder: Path) -> None:
    text = BASE + "    scope: {attributes: [sex]}\n"
    (folder / "scoped.yaml").write_text(text)
    with pytest.raises(UserError, match=r"scoped.yaml:19: `roc_auc` is measured once for the whole model"):
        load(folder / "scoped.yaml", KNOWN, "scoped.yaml", {"roc_auc"})
