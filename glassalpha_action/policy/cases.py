"""Policy tests: what metrics a model would have, and what a policy must make of them; and which gates no test holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from glassalpha_action.documents import (
    Day,
    Document,
    DocumentError,
    Number,
    Problem,
    Text,
    Tree,
    UserError,
    Whole,
    build,
    nearest,
    parse,
    read_bytes,
)
from glassalpha_action.policy.binding import passed_over
from glassalpha_action.policy.compare import TOLERANCE, exact
from glassalpha_action.policy.schema import Gate, LoadedPolicy, Policy, Reproducibility, Task
from glassalpha_action.policy.verdict import Decision, decide
from glassalpha_action.records import Definition, Group, Measurement, ModelCard, Provenance, Verdict
from glassalpha_action.vocabulary import AND, Comparison, Outcome, Status

NOT_MEASURED = "missing"
ROWS = 10_000
WANTED = ("pass", "fail", "boundary")


def _ratio(value: object) -> str:
    if isinstance(value, str) and value.count("/") == 1:
        above, below = value.split("/")
        if above.strip().isdigit() and below.strip().isdigit() and int(below):
            return str(Fraction(int(above), int(below)))
    raise ValueError("must be a ratio of counts in quotes, such as 4/5")


class Value(Document):
    """One metric of a case; `exact` is a ratio of counts, `groups` the rows or the value of each group."""

    value: Number | None = None
    exact: Annotated[str, BeforeValidator(_ratio)] | None = None
    low: Number | None = None
    high: Number | None = None
    p_value: Number | None = None
    n: Annotated[Whole, Field(ge=0)] = ROWS
    attribute: Text | None = None
    groups: Mapping[Text, Annotated[Whole, Field(ge=0)]] = {}
    reason: Text = "the case leaves it out"

    @model_validator(mode="after")
    def _whole_interval(self) -> Value:
        if (self.low is None) is not (self.high is None):
            raise ValueError("needs both `low` and `high`, or neither")
        if self.exact is not None and self.value is not None:
            raise ValueError("needs `value` or `exact`, not both")
        return self


def _values(said: object) -> object:
    """Short forms: a number, a ratio in quotes, `missing`, or a list of one for each attribute."""
    if isinstance(said, list):
        return [_value(one) for one in said]
    return [_value(said)]


def _value(said: object) -> object:
    if said == NOT_MEASURED:
        return {}
    if isinstance(said, str):
        return {"exact": said}
    return {"value": said} if isinstance(said, int | float) and not isinstance(said, bool) else said


Values = Mapping[Text, Annotated[tuple[Value, ...], BeforeValidator(_values)]]
Expected = Outcome | Mapping[Text, Outcome]


class Case(Document):
    """One model that might come, and what the policy must make of it.

    `expect` is one outcome for every gate that judges the model's `task`, or gate ids with theirs; `status` what the
    whole must come to. `baseline` has the earlier model's metrics.
    """

    name: Text
    metrics: Values
    baseline: Annotated[Values, Field(default_factory=dict)]
    expect: Annotated[Expected, Field(default_factory=dict)]
    status: Status | None = None
    use_case: Text | None = None
    task: Task = "classification"
    model_id: Text = "model"
    as_of: Day | None = None


class CaseFile(Document):
    """The tests of one policy; `policy` is its path from this file."""

    policy: Text
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Cases:
    """A file of cases as read, where each value stands, and the path of its policy."""

    document: CaseFile
    tree: Tree
    name: str
    policy: Path


@dataclass(frozen=True, slots=True)
class Examined:
    """What testing a policy came to: how many cases, each failure with its line, and what no case covers."""

    cases: int
    failures: tuple[Problem, ...]
    uncovered: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def passed(self) -> bool:
        """Whether every case held and every gate is covered."""
        return not self.failures and not self.uncovered


def load(path: Path, name: str | None = None) -> Cases:
    """The cases in the file at `path`. Raises UserError with every mistake and its line."""
    shown = name or path.as_posix()
    tree = parse(read_bytes(path, shown), shown)
    if "gates" in tree.data:
        raise UserError(f"{shown} is a policy, not cases of one; write those as tests/{path.name} beside it.")
    document = build(tree, CaseFile)
    return Cases(document, tree, shown, path.parent / document.policy)


def run(cases: Cases, loaded: LoadedPolicy, definitions: Mapping[str, Definition]) -> Examined:
    """Judge every case by `loaded`; `definitions` has every metric and alias. Raises UserError for unknown names.

    Cases are asked for every gate but those that stand unchanged in the policy extended, whose own tests hold them.
    """
    _require_known(cases, loaded.policy, definitions)
    failures: list[Problem] = []
    covered: dict[str, set[str]] = {gate.key: set() for gate in loaded.policy.gates}
    taken_over = _taken_over(loaded)
    for i, case in enumerate(cases.document.cases):
        decision = _judged(case, loaded, definitions)
        expected = _expected(case, loaded.policy)
        failures += _failures(cases, i, expected, decision)
        for gate, verdict in zip(loaded.policy.gates, decision.verdicts, strict=True):
            if verdict.gate_id in expected:
                covered[gate.key] |= set(_covers(gate, verdict))
    lacking = ((key, tuple(w for w in WANTED if w not in have)) for key, have in covered.items())
    uncovered = tuple((key, lack) for key, lack in lacking if lack and key not in taken_over)
    return Examined(len(cases.document.cases), tuple(failures), uncovered)


def _taken_over(loaded: LoadedPolicy) -> frozenset[str]:
    """The gates that come as they are from the policy extended, and are decided as there."""
    base = loaded.base.policy if loaded.base else None
    if base is None or base.statistics != loaded.policy.statistics:
        return frozenset()
    return frozenset(gate.key for gate in loaded.policy.gates if gate in base.gates)


def _require_known(cases: Cases, policy: Policy, definitions: Mapping[str, Definition]) -> None:
    problems = []
    keys = [gate.key for gate in policy.gates]
    for i, case in enumerate(cases.document.cases):
        for metric in (*case.metrics, *case.baseline):
            if metric not in definitions:
                line = cases.tree.line("cases", i, "metrics", metric)
                problems.append(
                    Problem(cases.name, line, f"unknown metric `{metric}`{nearest(metric, sorted(definitions))}")
                )
        for key in case.expect if isinstance(case.expect, Mapping) else ():
            if key not in keys:
                line = cases.tree.line("cases", i, "expect", key)
                problems.append(Problem(cases.name, line, f"the policy has no gate `{key}`{nearest(key, keys)}"))
    if problems:
        raise DocumentError(problems)


def _found(values: Values, gate: Gate, definitions: Mapping[str, Definition]) -> list[Measurement]:
    """The values of the gate's metric; one that names no attribute stands for each the gate looks at."""
    metric = definitions[gate.metric]
    said = [v for name, given in values.items() if definitions[name].id == metric.id for v in given]
    scope = gate.scope
    looks: list[tuple[str, ...]] = [(name,) for name in scope.attributes or ()] if scope else []
    looks += scope.intersections if scope else ()
    return [
        _measurement(metric, one, gate, names)
        for one in said or [Value()]
        for names in ([tuple(one.attribute.split(AND))] if one.attribute else looks or [()])
    ]


def _measurement(metric: Definition, said: Value, gate: Gate, names: tuple[str, ...]) -> Measurement:
    value = float(Fraction(said.exact)) if said.exact is not None else said.value
    return Measurement(
        metric=metric.id,
        title=metric.title,
        unit=metric.unit,
        better=metric.better,
        value=value,
        exact=said.exact,
        reason=None if value is not None else said.reason,
        low=said.low,
        high=said.high,
        n=said.n,
        p_value=said.p_value,
        attribute=AND.join(names) or None,
        combines=names if len(names) > 1 else (),
        counts_missing=gate.scope.missing if gate.scope else False,
        groups=tuple(Group(level=level, n=n, value=value) for level, n in said.groups.items()),
        params=gate.params,
    )


def _judged(case: Case, loaded: LoadedPolicy, definitions: Mapping[str, Definition]) -> Decision:
    """The gates' decision; what a policy requires beside its gates is taken as met."""
    policy = loaded.policy
    bare = policy.model_copy(update={"reproducibility": Reproducibility(), "required_evidence": ()})
    days = [policy.effective_date, *(gate.enforce_from for gate in policy.gates)]
    day = case.as_of or max((d for d in days if d), default=date(2026, 1, 1))
    card = ModelCard(id=case.model_id, use_case=case.use_case or next(iter(policy.applies_to), None))
    measured = [(definitions[gate.metric], _found(case.metrics, gate, definitions)) for gate in policy.gates]
    earlier = [m for gate in policy.gates if gate.baseline for m in _found(case.baseline, gate, definitions)]
    baselines = {"base_commit": earlier, "last_audit": earlier} if case.baseline else None
    provenance = Provenance(as_of=day.isoformat(), tool_version="", predictions_sha256="")
    bound = replace(loaded, policy=bare)
    return decide(bound, measured, provenance, card, day, "prod", baselines=baselines, task=case.task)


def _expected(case: Case, policy: Policy) -> Mapping[str, Outcome]:
    """What each gate must come to; one outcome for all is for those that judge models of the case's task."""
    if not isinstance(case.expect, Outcome):
        return case.expect
    every = case.expect is Outcome.NOT_APPLICABLE
    return {gate.key: case.expect for gate in policy.gates if every or not passed_over(gate, case.task)}


def _failures(cases: Cases, i: int, expected: Mapping[str, Outcome], decision: Decision) -> Iterator[Problem]:
    case = cases.document.cases[i]
    found = {verdict.gate_id: verdict for verdict in decision.verdicts}
    for key, outcome in expected.items():
        verdict = found[key]
        if verdict.outcome is not outcome:
            line = cases.tree.line("cases", i, "expect", key)
            said = (
                f"case `{case.name}`: `{key}` came to {verdict.outcome.value}, not {outcome.value}: {verdict.message}"
            )
            yield Problem(cases.name, line, said)
    if case.status and case.status is not decision.status:
        line = cases.tree.line("cases", i, "status")
        said = f"case `{case.name}`: the policy comes to {decision.status.value}, not {case.status.value}."
        yield Problem(cases.name, line, said)


def _covers(gate: Gate, verdict: Verdict) -> Iterator[str]:
    """Which of pass, fail and boundary a case shows of a gate. A gate that asks only for a number fails without one."""
    present = gate.comparison is Comparison.present
    if verdict.raw_outcome is Outcome.PASS:
        yield "pass"
    if verdict.raw_outcome is (Outcome.MISSING if present else Outcome.FAIL):
        yield "fail"
    edges = gate.threshold if isinstance(gate.threshold, tuple) else (gate.threshold or 0.0,)
    ends = [end for one in verdict.judged for end in (one.value, one.low, one.high) if end is not None]
    if any(abs(Fraction(end) - exact(edge)) <= TOLERANCE for end in ends for edge in edges):
        yield "boundary"
