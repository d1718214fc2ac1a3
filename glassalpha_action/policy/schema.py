"""What a policy file may say: gates on metrics, how uncertainty is decided, and who may make exceptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from glassalpha_action.documents import Day, Document, Flag, Number, Text, Tree, Whole
from glassalpha_action.policy.compare import Threshold, require_limit, require_softer
from glassalpha_action.records import PolicyText
from glassalpha_action.vocabulary import AND, Comparison, Severity

Task = Literal["classification", "regression"]
DIGEST = r"^[0-9a-f]{64}$"
EVIDENCE = (
    "owner", "developer", "validator", "independent_validator", "team", "tier", "version", "use_case", "intended_use",
    "limitations", "model_digest",
)  # fmt: skip


def slug(name: str) -> str:
    """An id made of a name: its letters and digits, in lower case, joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _said(text: str) -> Any:
    return Field(description=text)


def _publish_gate(schema: dict[str, Any]) -> None:
    """What the fields alone do not say: `article` stands for `clause`, `baseline` for `comparison`."""
    schema["properties"]["article"] = schema["properties"]["clause"] | {"description": "Another name for `clause`."}
    schema["required"] = ["name", "metric"]
    schema["anyOf"] = [{"required": ["comparison"]}, {"required": ["baseline"]}]


def _publish_policy(schema: dict[str, Any]) -> None:
    """What the fields alone do not say: `extends` may be one line of text, and an extending file needs no gates."""
    schema["properties"]["extends"]["anyOf"].append({"type": "string"})
    schema["required"] = ["policy_name", "version"]
    schema["anyOf"] = [{"required": ["gates"]}, {"required": ["extends"]}]


class Scope(Document):
    """Which groups a gate judges: every protected attribute by itself, where it does not say."""

    attributes: Annotated[
        tuple[Text, ...] | None, Field(min_length=1, max_length=50, description="The attributes it judges; else all.")
    ] = None
    intersections: Annotated[
        tuple[Annotated[tuple[Text, ...], Field(min_length=2, max_length=4)], ...],
        Field(max_length=20, description="Combinations it judges as well, such as [[sex, age_group]]; a combination "
              "that no row has is no group."),
    ] = ()  # fmt: skip
    missing: Annotated[
        Flag, _said("Whether rows whose value is missing count as a group of their own; shown either way.")
    ] = False

    @model_validator(mode="after")
    def _says_something(self) -> Scope:
        if self.attributes is None and not self.intersections and not self.missing:
            raise ValueError("needs `attributes`, `intersections` or `missing: true`; else remove `scope`")
        if any(len(set(names)) < len(names) for names in self.intersections):
            raise ValueError("`intersections` names an attribute twice in one combination")
        return self

    @property
    def combined(self) -> tuple[str, ...]:
        """The names its intersections are measured under."""
        return tuple(AND.join(names) for names in self.intersections)


class AppliesTo(Document):
    """Which models a gate judges: all that its policy does, where it does not say."""

    task: Annotated[Task, _said("What the model does: `classification` into two labels, or `regression` of amounts.")]


class Baseline(Document):
    """How much worse than an earlier model this one may be on the gate's metric."""

    ref: Annotated[
        Literal["base_commit", "last_audit"],
        _said("What to compare with: the base commit's model run on the same rows (where it cannot run, the last "
              "recorded audit, and the verdict says so), or always the last recorded audit."),
    ] = "base_commit"  # fmt: skip
    no_worse_than: Annotated[Number, Field(ge=0, lt=1e15, description="The largest worsening, in the metric's unit.")]
    paired: Annotated[
        Flag, _said("Whether only a comparison on the same rows will do; without one the gate is MISSING.")
    ] = False

    @model_validator(mode="after")
    def _can_be_paired(self) -> Baseline:
        if self.paired and self.ref == "last_audit":
            raise ValueError("`paired: true` needs `ref: base_commit`; a recorded audit looked at other rows")
        return self


class Override(Document):
    """What one model is held to instead; anything not named stays as the gate says."""

    threshold: Threshold = None
    warn_threshold: Threshold = None
    severity: Severity | None = None
    rationale: Annotated[Text, _said("Why this model is held to something else.")]


class Gate(Document):
    """One line of policy: a metric, what it is compared with, and what failing does."""

    name: Annotated[Text, _said("What readers call the gate.")]
    id: Annotated[Text | None, _said("What waivers and extending policies call it; made of the name if not given.")] = (
        None
    )
    metric: Annotated[Text, _said("A metric of the catalogue, by its id or an alias: `glassalpha metrics list`.")]
    threshold: Annotated[Threshold, _said("What the metric is compared with; [low, high] for `between`.")] = None
    warn_threshold: Annotated[
        Threshold, _said("A second, softer level, met earlier: passing it by fails the gate as a warning.")
    ] = None
    comparison: Annotated[Comparison, _said("How; each means exactly what it says. Left out beside `baseline`.")]
    severity: Annotated[Severity, _said("What failing does: error blocks, warning asks for review, info informs.")] = (
        Severity.error
    )
    clause: Annotated[
        Text | None,
        Field(validation_alias=AliasChoices("clause", "article"), description="The clause of law or policy behind it."),
    ] = None
    rationale: Annotated[Text | None, _said("Why the gate is there, in a sentence.")] = None
    remediation: Annotated[Text | None, _said("What to do when it fails; the metric's own advice if not given.")] = None
    applies_to: Annotated[AppliesTo | None, _said("Which models it judges; its policy's if not given.")] = None
    scope: Annotated[Scope | None, _said("Which groups it judges; every protected attribute if not given.")] = None
    params: Annotated[Mapping[str, Number], _said("The metric's parameters: `glassalpha metrics show NAME`.")] = {}
    locked: Annotated[Flag, _said("Whether a policy that extends this one may only tighten the gate.")] = False
    enforce_from: Annotated[Day | None, _said("The day it starts to block; before it, failing is a warning.")] = None
    baseline: Annotated[Baseline | None, _said("Compare with an earlier model instead of with a threshold.")] = None
    overrides: Annotated[
        Mapping[Text, Override], Field(max_length=1000, description="Other levels for single models, by model id.")
    ] = {}

    model_config = ConfigDict(json_schema_extra=_publish_gate)

    @model_validator(mode="before")
    @classmethod
    def _baseline_compares(cls, data: Any) -> Any:
        """A baseline gate holds the worsening to at most `no_worse_than`; it has no comparison of its own."""
        if isinstance(data, dict) and isinstance(data.get("baseline"), dict) and "comparison" not in data:
            if data.get("threshold") is not None or data.get("warn_threshold") is not None:
                raise ValueError("a `baseline` stands instead of `threshold`; make a second gate for the threshold")
            return data | {"comparison": "less_than_or_equal", "threshold": data["baseline"].get("no_worse_than", 0)}
        return data

    @model_validator(mode="after")
    def _threshold_fits(self) -> Gate:
        if self.baseline and (self.comparison, self.threshold) != (
            Comparison.less_than_or_equal, self.baseline.no_worse_than,
        ):  # fmt: skip
            raise ValueError("a `baseline` stands instead of `comparison` and `threshold`; make a second gate for them")
        require_limit(self.comparison, self.threshold)
        require_softer(self.comparison, self.threshold, self.warn_threshold)
        if self.warn_threshold is not None and self.severity is not Severity.error:
            raise ValueError("`warn_threshold` needs `severity: error`; the gate warns at `threshold` already")
        for model in self.overrides:
            _require_overridden(self, model)
        return self

    @property
    def key(self) -> str:
        """The id, or one made of the name."""
        return self.id or slug(self.name)

    @property
    def wanted(self) -> tuple[str, Mapping[str, float], tuple[tuple[str, ...], ...], bool]:
        """What must be measured for it: the metric, its parameters, the combinations, whether missing values count."""
        scope = self.scope
        return self.metric, self.params, scope.intersections if scope else (), bool(scope and scope.missing)

    def of(self, model_id: str) -> Gate:
        """The gate as it holds for this model."""
        other = self.overrides.get(model_id)
        if other is None:
            return self
        said = {name: getattr(other, name) for name in ("threshold", "warn_threshold", "severity", "rationale")}
        return self.model_copy(update={name: value for name, value in said.items() if value is not None})


def _require_overridden(gate: Gate, model: str) -> None:
    held = gate.of(model)
    try:
        require_limit(held.comparison, held.threshold)
        require_softer(held.comparison, held.threshold, held.warn_threshold)
    except ValueError as error:
        raise ValueError(f"the override for {model}: {error}") from None


class Reproducibility(Document):
    """What must hold for an audit to be repeatable; each unmet one blocks."""

    strict_mode_required: Annotated[Flag, _said("The audit runs with --strict.")] = False
    seed_required: Annotated[Flag, _said("audit.yaml sets the random seed.")] = False
    manifest_required: Annotated[Flag, _said("Digests of every input are recorded.")] = False
    git_commit_required: Annotated[Flag, _said("The audit runs at a commit, with no tracked file modified.")] = False


class ReviewCycle(Document):
    """When the policy itself is looked at again, and by whom."""

    frequency: Annotated[Text | None, _said("How often, such as quarterly.")] = None
    next_review: Annotated[Day | None, _said("The next time, YYYY-MM-DD.")] = None
    owner: Annotated[Text | None, _said("Who owns the policy.")] = None


class Statistics(Document):
    """How sure a gate must be, and what it does where it cannot be."""

    confidence: Annotated[Number, Field(ge=0.5, lt=1, description="The level of the confidence intervals.")] = 0.95
    decision: Annotated[
        Literal["point", "bound"],
        _said(
            "`point` compares the estimate, `bound` the whole confidence interval, so that noise alone fails nobody "
            "(an expected calibration error fails by its estimate and its p-value: noise alone keeps it above zero)."
        ),
    ] = "point"
    on_missing: Annotated[
        Literal["block", "review"], _said("What an error gate does whose metric could not be measured.")
    ] = "block"
    on_inconclusive: Annotated[
        Literal["block", "review"], _said("What an error gate does that the rows are too few to decide.")
    ] = "review"
    min_group_n: Annotated[
        Whole | None,
        Field(ge=1, lt=10**12, description="Groups with fewer rows than this ask for review: they never pass."),
    ] = None
    min_group_share: Annotated[
        Number | None, Field(gt=0, lt=1, description="The same for groups with less than this share of the rows.")
    ] = None


def _listed(value: object) -> object:
    """Roles without anyone named, as roles."""
    return {role: [] for role in value} if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


class Exceptions(Document):
    """Who may waive a gate, and for how long at most."""

    max_days: Annotated[Whole, Field(ge=1, le=366, description="The longest a waiver lasts after its approval.")] = 90
    approver_roles: Annotated[
        Mapping[Text, tuple[Text, ...]],
        BeforeValidator(_listed),
        Field(max_length=50, description="Who may approve: roles, each with the people who hold it; anyone but the "
              "waiver's owner if not given."),
        WithJsonSchema({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        ]}),
    ] = {}  # fmt: skip

    @property
    def approvers(self) -> frozenset[str]:
        """Every role, and everyone who holds one; empty where anyone may."""
        return frozenset(self.approver_roles) | {name for people in self.approver_roles.values() for name in people}


class Contacts(Document):
    """Whom teams ask, as announcements print it."""

    policy: Annotated[Text | None, _said("For what the policy means.")] = None
    technical: Annotated[Text | None, _said("For how to run it.")] = None
    approval: Annotated[Text | None, _said("For approvals.")] = None


def _source(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


class Extends(Document):
    """The policy this one adds to."""

    source: Annotated[Text, _said("`pack:NAME` for one that comes with the tool, or a path from this file.")]
    sha256: Annotated[Text | None, Field(pattern=DIGEST, description="The digest that it must have.")] = None


class Policy(Document):
    """A whole policy file."""

    policy_name: Annotated[Text, _said("What readers call the policy.")]
    version: Annotated[Text, _said('Its version, in quotes: "1.10".')]
    policy_id: Annotated[Text | None, _said("What records call it; made of the name if not given.")] = None
    extends: Annotated[
        Extends | None,
        BeforeValidator(_source),
        _said("The policy this one adds to: `pack:NAME` or a path, or both with the digest it must have. Its gates "
              "hold here too; one of the same id or name is laid over it, and a locked one only tightened."),
    ] = None  # fmt: skip
    announced_date: Annotated[Day | None, _said("The day teams were told of it.")] = None
    effective_date: Annotated[Day | None, _said("The day it starts to block.")] = None
    sunset_date: Annotated[Day | None, _said("The last day it applies.")] = None
    applies_to: Annotated[
        tuple[Text, ...],
        Field(max_length=1000, description="The use cases it judges, as audit.yaml names them; else all."),
    ] = ()
    citation: Annotated[Text | None, _said("What it rests on, in a line.")] = None
    citations: Annotated[tuple[Text, ...], Field(max_length=200, description="What it rests on, one by one.")] = ()
    enforcement: Annotated[
        Literal["advisory", "soft_mandatory", "hard_mandatory"],
        _said("advisory asks for review at most, soft_mandatory blocks and can be waived, hard_mandatory cannot."),
    ] = "soft_mandatory"
    statistics: Annotated[Statistics, _said("How sure a gate must be.")] = Statistics()
    required_evidence: Annotated[
        tuple[Literal[EVIDENCE], ...],  # type: ignore[valid-type]
        Field(
            max_length=len(EVIDENCE),
            description="What every audit must hold beside its numbers; each unmet one blocks.",
        ),
    ] = ()
    exceptions: Annotated[Exceptions, _said("Who may waive a gate, and for how long.")] = Exceptions()
    reaudit_days_by_status: Annotated[
        Mapping[Literal["PASSED", "REVIEW", "BLOCKED"], Annotated[Whole, Field(ge=1, le=3660)]],
        _said("After how many days the next audit is due, by the status of the last."),
    ] = {}
    contacts: Annotated[Contacts, _said("Whom teams ask.")] = Contacts()
    gates: Annotated[tuple[Gate, ...], Field(min_length=1, max_length=500, description="What is judged.")]
    reproducibility: Annotated[Reproducibility, _said("What makes an audit repeatable.")] = Reproducibility()
    review_cycle: Annotated[ReviewCycle, _said("When the policy is looked at again.")] = ReviewCycle()

    model_config = ConfigDict(json_schema_extra=_publish_policy)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Policy:
        if self.sunset_date and self.effective_date and self.sunset_date < self.effective_date:
            raise ValueError("`sunset_date` comes before `effective_date`, so that the policy never applies")
        return self

    @property
    def key(self) -> str:
        """The id, or one made of the name."""
        return self.policy_id or slug(self.policy_name)


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as read: its document, where each value stands, its exact text, and the policy it extends.

    `sha256` is the digest of the file, or of the digests of all files where it extends another.
    """

    policy: Policy
    tree: Tree
    text: str
    sha256: str
    name: str
    base: LoadedPolicy | None = None

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
            announced_date=_iso(found.announced_date),
            effective_date=_iso(found.effective_date),
            sunset_date=_iso(found.sunset_date),
            next_review=_iso(found.review_cycle.next_review),
            enforcement=found.enforcement,
            citations=found.citations,
            contacts={name: text for name, text in found.contacts.model_dump().items() if text},
            extends=self.base.record() if self.base else None,
        )

    def line(self, gate: int) -> int | None:
        """The line the gate with this index starts on; None where it stands in the policy that this one extends."""
        place = self.tree.place(("gates", gate))
        return place.line if place and place.file == self.name else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def load(
    path: Path, metrics: Mapping[str, Mapping[str, float]], name: str | None = None, whole: Collection[str] = ()
) -> LoadedPolicy:
    """Read the policy at `path` and what it extends.

    `metrics` maps every known metric and alias to the parameters it takes; `whole` names those measured once for the
    model, which no scope can narrow. Raises UserError with every mistake and its line.
    """
    from glassalpha_action.policy.extends import read

    return read(path, name or path.as_posix(), metrics, whole)
