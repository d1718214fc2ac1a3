"""What a policy file may say: gates on metrics, reproducibility requirements, and how uncertainty is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, PlainValidator, WithJsonSchema, model_validator

from glassalpha_action.documents import (
    Day,
    Document,
    DocumentError,
    Flag,
    Number,
    Problem,
    Text,
    Tree,
    build,
    nearest,
    parse,
    read_bytes,
)
from glassalpha_action.records import Comparison, PolicyText, Severity, sha256

Limit = float | tuple[float, float] | None


def _threshold(value: Any) -> Limit:
    def number(one: Any) -> bool:
        return isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e15

    if value is None or number(value):
        return None if value is None else float(value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(number(v) for v in value) and value[0] <= value[1]:
        return float(value[0]), float(value[1])
    raise ValueError("must be a number, or [low, high] for `between`")


Threshold = Annotated[
    Limit,
    PlainValidator(_threshold),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}]}
    ),
]


class Scope(Document):
    """Which protected attributes a gate judges; all of them where it does not say."""

    attributes: Annotated[tuple[Text, ...], Field(min_length=1)]


class Gate(Document):
    """One line of policy: a metric, what it is compared with, and what failing does."""

    name: Text
    id: Text | None = None
    metric: Text
    threshold: Threshold = None
    comparison: Comparison
    severity: Severity = Severity.error
    clause: Annotated[Text | None, Field(validation_alias=AliasChoices("clause", "article"))] = None
    rationale: Text | None = None
    remediation: Text | None = None
    scope: Scope | None = None
    params: Mapping[str, Number] = {}

    @model_validator(mode="after")
    def _threshold_fits(self) -> Gate:
        pair = isinstance(self.threshold, tuple)
        if self.comparison is Comparison.between and not pair:
            raise ValueError("`between` needs `threshold: [low, high]`")
        if self.comparison is Comparison.present and self.threshold is not None:
            raise ValueError("`present` asks only that the metric is measured; remove `threshold`")
        if self.comparison not in {Comparison.between, Comparison.present} and (pair or self.threshold is None):
            raise ValueError(f"`{self.comparison.value}` needs `threshold`, one number")
        return self

    @property
    def key(self) -> str:
        """The id, or one made of the name."""
        return self.id or "-".join("".join(c if c.isalnum() else " " for c in self.name.lower()).split())


class Reproducibility(Document):
    """What must hold for an audit to be repeatable; each unmet one blocks."""

    strict_mode_required: Flag = False
    seed_required: Flag = False
    manifest_required: Flag = False
    git_commit_required: Flag = False


class ReviewCycle(Document):
    """When the policy itself is looked at again, and by whom."""

    frequency: Text | None = None
    next_review: Day | None = None
    owner: Text | None = None


class Statistics(Document):
    """How sure a gate must be: `point` compares the estimate, `bound` the whole confidence interval."""

    confidence: Annotated[Number, Field(ge=0.5, lt=1)] = 0.95
    decision: Literal["point", "bound"] = "point"
    on_missing: Literal["block", "review"] = "block"
    on_inconclusive: Literal["block", "review"] = "review"


class Policy(Document):
    """A whole policy file."""

    policy_name: Text
    version: Text
    policy_id: Text | None = None
    effective_date: Day | None = None
    applies_to: tuple[Text, ...] = ()
    citation: Text | None = None
    enforcement: Literal["advisory", "soft_mandatory", "hard_mandatory"] = "soft_mandatory"
    statistics: Statistics = Statistics()
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)]
    reproducibility: Reproducibility = Reproducibility()
    review_cycle: ReviewCycle = ReviewCycle()

    @property
    def key(self) -> str:
        """The id, or one made of the name."""
        return self.policy_id or "-".join("".join(c if c.isalnum() else " " for c in self.policy_name.lower()).split())


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as read: its document, where each value stands, and its exact text."""

    policy: Policy
    tree: Tree
    text: str
    sha256: str
    name: str

    def record(self) -> PolicyText:
        """The policy as it travels in an Audit."""
        found = self.policy
        return PolicyText(
            id=found.key,
            name=found.policy_name,
            version=found.version,
            sha256=self.sha256,
            text=self.text,
            citation=found.citation,
            owner=found.review_cycle.owner,
            effective_date=_iso(found.effective_date),
            next_review=_iso(found.review_cycle.next_review),
        )

    def line(self, gate: int) -> int | None:
        """The line the gate with this index starts on."""
        return self.tree.line("gates", gate)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def load(path: Path, metrics: Mapping[str, Mapping[str, float]], name: str | None = None) -> LoadedPolicy:
    """Read the policy at `path`; `metrics` maps every known metric and alias to the parameters it takes.

    Raises UserError with every mistake and its line.
    """
    shown = name or path.as_posix()
    content = read_bytes(path, shown)
    tree = parse(content, shown)
    policy = build(tree, Policy)
    if problems := _problems(policy, tree, shown, metrics):
        raise DocumentError(problems)
    return LoadedPolicy(policy, tree, content.decode("utf-8-sig"), sha256(content), shown)


def _problems(policy: Policy, tree: Tree, file: str, metrics: Mapping[str, Mapping[str, float]]) -> list[Problem]:
    """What the schema alone cannot see: unknown metrics and parameters, and ids that stand twice."""
    problems, seen = [], dict[str, int]()
    for i, gate in enumerate(policy.gates):
        if gate.metric not in metrics:
            problems.append(
                Problem(
                    file,
                    tree.line("gates", i, "metric"),
                    f"unknown metric `{gate.metric}`{nearest(gate.metric, sorted(metrics))}",
                )
            )
        for name in gate.params:
            taken = sorted(metrics.get(gate.metric, {}))
            if gate.metric in metrics and name not in taken:
                said = nearest(name, taken) if taken else "; it takes none."
                problems.append(
                    Problem(
                        file, tree.line("gates", i, "params", name), f"`{gate.metric}` has no parameter `{name}`{said}"
                    )
                )
        if gate.key in seen:
            problems.append(
                Problem(
                    file,
                    tree.line("gates", i),
                    f"two gates are called `{gate.key}` (the first on line "
                    f"{tree.line('gates', seen[gate.key])}); give each its own name or `id`.",
                )
            )
        seen.setdefault(gate.key, i)
    return problems
