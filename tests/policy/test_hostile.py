"""Policies and waivers that nobody sane would write: read or refused, judged without a pass by accident, in time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action.documents import SIZE_LIMIT, UserError
from glassalpha_action.metrics import known
from glassalpha_action.policy.changes import policy_changes, waiver_changes
from glassalpha_action.policy.schema import LoadedPolicy, load
from glassalpha_action.policy.verdict import Decision, decide
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.policy.waivers import load as load_waivers
from glassalpha_action.records import Measurement, ModelCard, Provenance
from glassalpha_action.vocabulary import Outcome, Severity, Status
from tests.policy.gates import KNOWN, SMALL, group, loaded, measured

COUNT = 3_400  # each a policy and two waivers: more than 10,000 documents
TODAY = date(2025, 6, 1)
FULL = Provenance(as_of="2025-06-01", tool_version="0", config_sha256="c", data_sha256="d", predictions_sha256="p",
                  model_sha256="m", seed=0, strict=True, git_commit="a" * 40, git_clean=True)  # fmt: skip
MODEL = ModelCard(id="m", use_case="credit", owner="Ada", developer="Joan", validator="Grace", team="t", tier="1",
                  version="1", intended_use="u", limitations="l")  # fmt: skip
NAMES = [
    "G",
    "g",
    "<script>",
    "](javascript:x)",
    "a\nb",
    "@team",
    "=cmd|x",
    "\u202eabc",
    "x" * 500,
    "é",
    "0",
    "- -",
    "a & b",
]
METRICS = ["accuracy", "roc_auc", "demographic_parity_difference", "min_group_size", "statistical_power", "nonsense"]
COMPARISONS = [
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "equals",
    "between",
    "present",
]
DAYS = ["2025-05-31", "2025-06-01", "2025-06-02", "0001-01-01", "9999-12-31", "2025-02-30", "soon", 7, None]
ODD = [
    None,
    True,
    "",
    "x",
    [],
    {},
    -1,
    0,
    1,
    0.5,
    1e308,
    1e-320,
    "1",
    [0, 1],
    [1, 0],
    "no",
    10**400,
    float("inf"),
    [[]],
]


def document(chance: random.Random, sound: float) -> dict[str, Any]:
    """A policy, each part sensible with the chance `sound` and odd otherwise."""

    def one(choices: Sequence[Any]) -> Any:
        return chance.choice(choices) if chance.random() < sound else chance.choice(ODD)

    def gate() -> dict[str, Any]:
        comparison = chance.choice(COMPARISONS)
        limit: Any = {"present": None, "between": [0.2, 0.6]}.get(comparison, chance.choice([0, 0.1, 0.5, 1, 30]))
        found: dict[str, Any] = {"name": one(NAMES), "metric": one(METRICS[:5]), "comparison": one([comparison])}
        if limit is not None:
            found["threshold"] = one([limit])
        some = {
            "severity": ["error", "error", "warning", "info"], "warn_threshold": [0.05, 0.6, [0.3, 0.5]],
            "enforce_from": DAYS[:5], "locked": [True, False], "id": NAMES, "params": [{}, {"effect": 0.1}],
            "scope": [{"attributes": ["sex"]}, {"intersections": [["sex", "age"]]}, {"missing": True}],
            "overrides": [{"m": {"threshold": 0.9, "rationale": "r"}}, {"n": {"severity": "info", "rationale": "r"}}],
            "applies_to": [{"task": "classification"}, {"task": "regression"}, {"task": "other"}, ["credit"]],
            "clause": NAMES, "rationale": NAMES, "remediation": NAMES, "odd": ODD,
        }  # fmt: skip
        for key, choices in some.items():
            if chance.random() < (0.01 if key == "odd" else 0.06):
                found[key] = one(choices)
        if chance.random() < 0.15:
            for key in ("threshold", "comparison", "warn_threshold"):
                found.pop(key, None)
            found["baseline"] = one([{"no_worse_than": 0.02}, {"no_worse_than": 0, "paired": True}])
        return found

    policy: dict[str, Any] = {"policy_name": one(NAMES), "version": one(["1", "1.10"])}
    policy["gates"] = one([[gate() for _ in range(chance.randint(1, 3))]])
    some = {
        "statistics": [{"decision": "bound"}, {"on_missing": "review"}, {"on_inconclusive": "block"},
                       {"min_group_n": 40}, {"min_group_share": 0.3}, {"confidence": 0.9}],
        "enforcement": ["advisory", "soft_mandatory", "hard_mandatory"], "applies_to": [["credit"], ["other"], []],
        "effective_date": DAYS, "sunset_date": DAYS, "announced_date": DAYS,
        "reproducibility": [{"seed_required": True}, {"strict_mode_required": False}],
        "required_evidence": [["owner"], ["independent_validator", "team"]],
        "exceptions": [{"max_days": 30}, {"approver_roles": ["Risk"]}, {"approver_roles": {"Risk": ["Grace"]}}],
        "reaudit_days_by_status": [{"PASSED": 30}], "contacts": [{"policy": "x"}], "citations": [["a"]],
        "extends": ["nowhere.yaml", "pack:nothing", "pack:../x", "fuzzed.yaml"],
    }  # fmt: skip
    for key, choices in some.items():
        if chance.random() < (0.01 if key == "extends" else 0.08):
            policy[key] = one(choices)
    return policy


def waiver_document(chance: random.Random, at: int, gates: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": f"W-{at}", "gate": chance.choice([*gates, *gates, "g", *NAMES[:3]]),
        "model_id": chance.choice(["m", "m", "n"]),
        "reason": "r" * chance.choice([10, *[30] * 25]), "owner": chance.choice(["Ada", "Ada", "Ada", "Grace"]),
        "approved_by": "Grace", "approved_on": chance.choice(["2025-05-31", "2025-05-31", "2025-06-02"]),
        "expires": chance.choice(["2025-06-01", "2025-06-02", "2025-05-31", "9999-12-31"]),
        "ceiling": chance.choice([0, 0.5, 99]),
    }  # fmt: skip
    if chance.random() < 0.06:
        found[chance.choice(list(found))] = chance.choice(ODD)
    if chance.random() < 0.05:
        del found[chance.choice(list(found))]
    return found


def hurt(chance: random.Random, content: bytes, often: float = 0.15) -> bytes:
    """The same bytes, or some of them changed, dropped or doubled."""
    if chance.random() > often:
        return content
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found))
        found[at : at + chance.randint(0, 8)] = chance.choice(
            [b"", b"\x00", b": ", b"- ", b"{", b"\xff", b"*a", b"&a ", b"'"]
        )
    return bytes(found)


def measurements(chance: random.Random, metric: str) -> list[Measurement]:
    found = []
    for name in (None,) if metric in {"accuracy", "roc_auc"} else ("sex", "age"):
        value = chance.choice([None, Fraction(1, 2), Fraction(1, 10), Fraction(0), Fraction(1), Fraction(31)])
        width = chance.choice([None, 0.0, 0.05])
        ends = {} if value is None or width is None else {"low": float(value) - width, "high": float(value) + width}
        groups = (group("a", 0.5, 50), group("b", chance.choice([None, 0.5]), chance.choice([10, 50]))) if name else ()
        one = measured(value, metric, attribute=name, groups=groups, params=dict(known(metric).params), **ends)
        found.append(one)
    return found


def judged(
    policy: LoadedPolicy, waivers: Sequence[Waiver], chance: random.Random
) -> tuple[Decision, list[list[Measurement]]]:
    seen = [measurements(chance, known(gate.metric).id) for gate in policy.policy.gates]
    pairs = [(known(gate.metric).definition, found) for gate, found in zip(policy.policy.gates, seen, strict=True)]
    earlier = {"base_commit": [m for found in seen for m in found]} if chance.random() < 0.5 else {}
    return decide(policy, pairs, FULL, MODEL, TODAY, "prod", waivers=waivers, baselines=earlier), seen


def clean(policy: LoadedPolicy, seen: Sequence[Sequence[Measurement]]) -> bool:
    """Whether every gate that counts has every number it needs, on the right side, told apart from the judge itself."""

    def right(value: float, comparison: str, limit: Any) -> bool:
        if comparison == "present":
            return True
        if comparison == "between":
            return bool(limit[0] <= value <= limit[1])
        return {"greater_than": value > limit, "greater_than_or_equal": value >= limit, "less_than": value < limit,
                "less_than_or_equal": value <= limit, "equals": value == limit}[comparison]  # fmt: skip

    for gate, found in zip(policy.policy.gates, seen, strict=True):
        here = gate.of("m")
        chosen = [
            m for m in found if not (gate.scope and gate.scope.attributes) or m.attribute in gate.scope.attributes
        ]
        if here.severity is Severity.info or (here.applies_to and here.applies_to.task != "classification"):
            continue
        if not chosen or any(m.value is None for m in chosen) or any(g.value is None for m in chosen for g in m.groups):
            return False
        if here.baseline is None and not all(
            right(m.value or 0.0, here.comparison.value, here.threshold) for m in chosen
        ):
            return False
    return True


def fuzz(folder: Path, seed: int, count: int) -> dict[str, int]:
    """Read and judge `count` policies, each with some waivers; how many were refused, judged and passed."""
    chance = random.Random(seed)  # noqa: S311
    tally = dict.fromkeys(("refused", "judged", "PASSED", "REVIEW", "BLOCKED", "NO_POLICY", "waived", "bad waivers"), 0)
    before: tuple[LoadedPolicy, Sequence[Waiver]] | None = None
    waivers_at = folder / "waivers"
    waivers_at.mkdir(exist_ok=True)
    for at in range(count):
        sound = chance.choice([0.9, 1.0, 1.0])
        written = document(chance, sound)
        some = written["gates"] if isinstance(written["gates"], list) else []
        names = [gate.get("name") for gate in some if isinstance(gate, dict)] or ["G"]
        content = hurt(chance, json.dumps(written).encode())
        (folder / "fuzzed.yaml").write_bytes(content)
        for n in range(2):
            (waivers_at / f"{n}.yaml").write_bytes(
                hurt(chance, json.dumps(waiver_document(chance, n, names)).encode(), 0.03)
            )
        waivers: Sequence[Waiver] = ()
        try:
            waivers = load_waivers(waivers_at, "waivers")
        except UserError as error:
            tally["bad waivers"] += 1
            plain(error)
        try:
            policy = load(folder / "fuzzed.yaml", KNOWN, "p.yaml")
        except UserError as error:
            tally["refused"] += 1
            plain(error)
            continue
        decision, seen = judged(policy, waivers, chance)
        tally["judged"] += 1
        tally[decision.status.value] += 1
        tally["waived"] += any(v.outcome is Outcome.WAIVED for v in decision.verdicts)
        if decision.status is Status.PASSED:
            assert clean(policy, seen), (at, content)
            assert all(
                v.outcome in {Outcome.PASS, Outcome.NOT_APPLICABLE} or v.severity is Severity.info
                for v in decision.verdicts
            )
        for verdict in decision.verdicts:
            assert (verdict.outcome is Outcome.WAIVED) is (verdict.waiver is not None)
            if verdict.outcome is Outcome.WAIVED:
                assert policy.policy.enforcement != "hard_mandatory"
        if before:
            assert policy_changes(before[0], policy) is not None
            assert waiver_changes(before[1], waivers, policy.policy.gates) is not None
        before = (policy, waivers)
    return tally


def plain(error: UserError) -> None:
    """An error is a few plain lines that start with their place."""
    assert error.exit_code == 2
    for line in str(error).split("\n"):
        assert line.startswith(("p.yaml", "waivers")), line
        assert line.isprintable(), repr(line)
        assert len(line) < 2500


def test_fuzzed_policies_and_waivers(tmp_path: Path) -> None:
    found = fuzz(tmp_path, seed=4, count=COUNT)
    for name in ("refused", "judged", "PASSED", "REVIEW", "BLOCKED", "NO_POLICY", "waived", "bad waivers"):
        assert found[name] > 20, f"the fuzz hardly reaches {name}: {found}"
    assert found["judged"] > COUNT // 3, f"too few get past the reader: {found}"


def largest() -> bytes:
    """A policy of 500 gates, each with as many overrides as the size limit leaves room for."""
    gates = [
        {"name": f"Gate {i}", "metric": "statistical_power", "threshold": 0.1, "comparison": "less_than",
         "scope": {"attributes": [f"a{j}" for j in range(10)]},
         "overrides": {f"model_{j}": {"threshold": 0.2, "rationale": "r"} for j in range(34)}}
        for i in range(500)
    ]  # fmt: skip
    content = json.dumps({"policy_name": "P", "version": "1", "gates": gates}).encode()
    assert SIZE_LIMIT * 0.8 < len(content) < SIZE_LIMIT
    return content


def test_the_largest_policy_is_read_extended_compared_and_judged_in_time(tmp_path: Path) -> None:
    content = largest()
    (tmp_path / "base.yaml").write_bytes(content)
    began = time.process_time()
    policy = loaded(tmp_path, content)
    read = time.process_time() - began
    seen = [measured(0.05, "statistical_power", attribute=f"a{j}") for j in range(100)]
    began = time.process_time()
    pairs = [(known("statistical_power").definition, seen)] * 500
    waivers = [
        Waiver(
            id=f"W-{i}",
            gate=f"gate-{i % 500}",
            model_id="m",
            reason="r" * 20,
            owner="Ada",
            approved_by="Grace",
            approved_on="2025-05-01",
            expires="2025-07-01",
            ceiling=1,
        )
        for i in range(1000)
    ]  # type: ignore[arg-type]
    decision = decide(policy, pairs, FULL, MODEL, TODAY, "prod", waivers=waivers)
    judging = time.process_time() - began
    assert decision.status is Status.PASSED
    began = time.process_time()
    top = loaded(
        tmp_path, b'policy_name: T\nversion: "1"\nextends: base.yaml\ngates: [{name: Gate 7, threshold: 0.05}]\n'
    )
    assert len(policy_changes(policy, top)) > 0
    extending = time.process_time() - began
    assert max(read, judging, extending - read) < 2, (read, judging, extending)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"#" * (SIZE_LIMIT + 1), "larger than 1 MiB"),
        (b"policy_name: P\nversion: '1'\ngates:\n" + b"".join(
            b"- {name: g%d, metric: accuracy, comparison: present}\n" % i for i in range(501)), "gates"),
        (b"applies_to: [" + b"a," * 100_001 + b"]", "more than 100,000 values"),
        (b"a: " + b"[" * 60 + b"]" * 60, "nested deeper"),
        (b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\n" % ((b, b, *[a] * 10))
            for a, b in zip([b"a", b"b", b"c", b"d", b"e"], [b"b", b"c", b"d", b"e", b"f"], strict=True)),
         "more than 100,000"),
        ((SMALL + "applies_to: [" + ",".join(f"u{i}" for i in range(1001)) + "]\n").encode(), "applies_to"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_at_once(tmp_path: Path, content: bytes, says: str) -> None:
    began = time.process_time()
    with pytest.raises(UserError, match=says) as caught:
        loaded(tmp_path, content)
    assert time.process_time() - began < 2
    assert str(caught.value).startswith("p.yaml")
