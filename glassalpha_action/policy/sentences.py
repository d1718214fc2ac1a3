"""A policy in sentences, for the people it binds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from glassalpha_action.policy.binding import TASKS
from glassalpha_action.policy.compare import Limit
from glassalpha_action.policy.schema import Gate, Policy, Scope, Statistics
from glassalpha_action.policy.wording import limits, stopped
from glassalpha_action.records import Definition
from glassalpha_action.vocabulary import Comparison, Severity, Unit

DOES = {
    Severity.error: "blocks",
    Severity.warning: "asks for review",
    Severity.info: "is reported, and stops nothing",
}
SHARES = frozenset({Unit.share, Unit.difference})
WORDS = {
    Comparison.greater_than: "greater than",
    Comparison.greater_than_or_equal: "at least",
    Comparison.less_than: "less than",
    Comparison.less_than_or_equal: "at most",
    Comparison.equals: "exactly",
    Comparison.between: "between",
    Comparison.present: "measured",
}
REQUIREMENTS = {
    "strict_mode_required": "Run the audit with `--strict`.",
    "seed_required": "Set `reproducibility: random_seed:` in audit.yaml.",
    "manifest_required": "Audit from files, so that the digest of every input is recorded.",
    "git_commit_required": "Commit the audit's files; no tracked file may be modified.",
}
ENFORCEMENT = {
    "advisory": "It is advisory: a failed gate asks for review and does not block.",
    "soft_mandatory": "A failed error gate blocks; a waiver can lift it for a while.",
    "hard_mandatory": "A failed error gate blocks, and no waiver lifts it.",
}


def stated(limit: Limit, unit: Unit) -> str:
    """A threshold as a verdict writes it, and of shares and their differences as people say it: 0.050 (5%)."""
    written = " and ".join(limits(limit, unit).split(" to "))
    return f"{written} ({level(limit, unit)})" if limit is not None and unit in SHARES else written


def level(limit: Limit, unit: Unit) -> str:
    """A threshold as people say it: 5% for a share or a difference of shares, 0.75 for the rest."""
    if limit is None:
        return ""
    if isinstance(limit, tuple):
        return f"{level(limit[0], unit)} and {level(limit[1], unit)}"
    if unit in SHARES:
        return f"{100 * limit:.10g}%"
    if unit is Unit.rows and limit.is_integer():
        return f"{limit:,.0f}"
    return f"{limit:.2f}" if float(f"{limit:.2f}") == limit else f"{limit:.10g}"


def gate_sentence(gate: Gate, metric: Definition) -> str:
    """What the gate asks and what failing it does, in one sentence."""
    unit = " rows" if metric.unit is Unit.rows else ""
    if gate.baseline:
        than = "the base commit's model" if gate.baseline.ref == "base_commit" else "the last recorded audit"
        asks = f"must be no more than {stated(gate.baseline.no_worse_than, metric.unit)} worse than {than}'s"
    else:
        limit = stated(gate.threshold, metric.unit)
        asks = f"must be {WORDS[gate.comparison]}{limit and f' {limit}{unit}'}"
    params = "".join(f", {name} {value:g}" for name, value in gate.params.items())
    until = f" from {gate.enforce_from.isoformat()} on (until then it warns)" if gate.enforce_from else ""
    softer = f"; it warns from {stated(gate.warn_threshold, metric.unit)} on" if gate.warn_threshold is not None else ""
    return (
        f"{metric.title} (`{metric.id}`{params}){_groups(gate.scope)} {asks}; if not, it "
        f"{DOES[gate.severity]}{until}{softer}.{_models(gate)}"
    )


def _models(gate: Gate) -> str:
    return f" It judges {TASKS[gate.applies_to.task]} only." if gate.applies_to else ""


def _groups(scope: Scope | None) -> str:
    if scope is None:
        return ""
    named = [*(scope.attributes or (["every protected attribute"] if scope.combined else [])), *scope.combined]
    missing = ["rows without a value counted as a group"] if scope.missing else []
    return f" for {', '.join([*named, *missing])}" if named else f", {missing[0]},"


def explained(policy: Policy, definitions: Mapping[str, Definition]) -> Iterator[tuple[str, list[str]]]:
    """The policy as headings, each with its sentences."""
    yield "What it binds", [*_binds(policy)]
    yield "Gates", [*_gates(policy, definitions)]
    yield "How sure it must be", [*_sure(policy.statistics)]
    required = [text for name, text in REQUIREMENTS.items() if getattr(policy.reproducibility, name)]
    if policy.required_evidence:
        fields = ", ".join(name.replace("_", " ") for name in policy.required_evidence)
        required.append(f"State in audit.yaml, or have recorded: {fields}.")
    if required:
        yield "What must be there (each unmet one blocks)", required
    yield "Exceptions and reviews", [*_exceptions(policy)]
    people = [f"{name.capitalize()} questions: {who}." for name, who in policy.contacts.model_dump().items() if who]
    if people:
        yield "Whom to ask", people


def _binds(policy: Policy) -> Iterator[str]:
    cases = ", ".join(f"`{case}`" for case in policy.applies_to)
    yield f"Models whose use case is one of {cases}." if cases else "Every model, whatever its use case."
    if policy.effective_date:
        yield f"In force from {policy.effective_date.isoformat()}; before that day it says what it would block."
    if policy.sunset_date:
        yield f"It applies until {policy.sunset_date.isoformat()}."
    yield ENFORCEMENT[policy.enforcement]
    if policy.extends:
        yield f"It adds to {policy.extends.source}; the gates of both are below."


def _gates(policy: Policy, definitions: Mapping[str, Definition]) -> Iterator[str]:
    for gate in policy.gates:
        parts = [f"{gate.name}: {gate_sentence(gate, definitions[gate.metric])}"]
        parts += [f"Why: {stopped(gate.rationale)}"] if gate.rationale else []
        parts += [f"Source: {stopped(gate.clause)}"] if gate.clause else []
        parts += [f"Held to something else: {', '.join(gate.overrides)}."] if gate.overrides else []
        yield " ".join(parts)


def _sure(rules: Statistics) -> Iterator[str]:
    if rules.decision == "point":
        yield "Gates compare the estimate itself; the interval stands beside it."
    else:
        yield (
            f"Gates compare the whole {rules.confidence * 100:g}% interval: a model fails when all of it is on the "
            "wrong side, passes when all of it is on the right side, and is inconclusive between. The expected "
            "calibration error, which is above zero by chance alone, fails when the estimate is on the wrong side and "
            f"chance explains it in fewer than {100 - rules.confidence * 100:.10g}% of cases."
        )
    does = {"block": "blocks", "review": "asks for review"}
    yield f"What cannot be measured never passes: on an error gate it {does[rules.on_missing]}."
    yield f"An inconclusive error gate {does[rules.on_inconclusive]}; audit more rows to decide it."
    if rules.min_group_n:
        yield f"Groups of fewer than {rules.min_group_n:,} rows ask for review."
    if rules.min_group_share:
        yield f"Groups of less than {rules.min_group_share:.10g} of the rows ask for review."


def _exceptions(policy: Policy) -> Iterator[str]:
    if policy.enforcement != "hard_mandatory":
        who = ", ".join(sorted(policy.exceptions.approvers)) or "someone other than its owner"
        yield f"A gate can be waived for at most {policy.exceptions.max_days} days, approved by {who}."
    for status, days in policy.reaudit_days_by_status.items():
        yield f"A model at {status} is audited again within {days} days."
    cycle = policy.review_cycle
    if cycle.next_review or cycle.owner:
        when = f", next on {cycle.next_review.isoformat()}" if cycle.next_review else ""
        who = f", by the {cycle.owner}" if cycle.owner else ""
        yield f"The policy is reviewed {cycle.frequency or 'as needed'}{when}{who}."
