"""The nouns: what a measurement, a gate, a verdict and an audit are. They hold shape and words, never a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from glassalpha_action import brevity
from glassalpha_action.digests import canonical
from glassalpha_action.vocabulary import (
    Better,
    Comparison,
    Outcome,
    Severity,
    Status,
    Unit,
    failed,
    first_sentence,
    headline,
)


class Record(BaseModel):
    """A frozen record: unknown keys, NaN and infinities are refused.

    What has its default is left out of JSON, so a default never changes once it is published: files rely on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Advice(Record):
    """What failing a metric means and what to do; it travels in the Audit."""

    issue: str = ""
    causes: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


class Definition(Record):
    """A metric as product text. `brief` ones say what it is in one sentence, and have no advice."""

    id: str
    title: str
    family: str
    unit: Unit
    better: Better
    definition: str
    advice: Advice = Advice()
    aliases: tuple[str, ...] = ()

    def brief(self) -> Definition:
        """The first sentence, for a reader of a number that nothing judges."""
        return self.model_copy(update={"definition": first_sentence(self.definition), "advice": Advice()})


class Group(Record):
    """One level of one attribute: `n` rows, and its value or the reason why there is none."""

    level: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Measurement(Record):
    """One metric on one model, for one attribute where the metric compares groups.

    `value` is None exactly when `reason` says why. `exact` is the value as a fraction of whole numbers ("37/250")
    where it is a ratio of counts. `between` names the two levels a gap lies between, or the one a minimum comes from.
    `detail` is one sentence a reader needs beside the number. `bounds` is what the value surely lies between, where the
    rows are not at hand and their counts do not give it exactly. `combines` names the attributes whose combinations are
    the groups; `counts_missing` says that rows without a value are a group of their own.
    `subject` says what the groups are where they are no levels of an attribute, such as "Feature".
    """

    model_config = ConfigDict(json_schema_extra=brevity.may_be_absent(brevity.MEASURED))

    metric: str
    title: str
    unit: Unit
    better: Better
    value: float | None
    exact: str | None = None
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int
    attribute: str | None = None
    between: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    of: str | None = None
    params: Mapping[str, float] = {}
    detail: str | None = None
    p_value: float | None = None
    bounds: tuple[float, float] | None = None
    combines: tuple[str, ...] = ()
    counts_missing: bool = False
    subject: str | None = None


class Judged(Record):
    """One gate on one attribute (or on the whole model, where `attribute` is None).

    `warned` says that only the gate's softer level, its `warn_threshold`, is not met. `baseline` is the earlier model's
    value where `value` is how much worse this one is.
    """

    attribute: str | None
    outcome: Outcome
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    groups: tuple[str, ...] = ()
    reason: str | None = None
    warned: bool = False
    baseline: float | None = None


class Verdict(Record):
    """One gate's outcome with everything needed to show it and to judge it again.

    `severity` and `threshold` are those in force. Where the gate only warns for now, `policy_severity` is the policy's
    own; where a softer level decided, `policy_threshold` is. `raw_outcome` is the outcome without the waiver whose id
    is `waiver`. `baseline` is the earlier model's value where `value` is how much worse this one is.
    """

    model_config = ConfigDict(json_schema_extra=brevity.may_be_absent(brevity.JUDGED))

    gate: str
    gate_id: str
    metric: str
    title: str
    unit: Unit
    outcome: Outcome
    raw_outcome: Outcome
    value: float | None
    threshold: float | tuple[float, float] | None
    comparison: Comparison
    severity: Severity
    attribute: str | None = None
    groups: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    n: int | None = None
    clause: str | None = None
    rationale: str | None = None
    message: str
    remediation: str | None = None
    judged: tuple[Judged, ...] = ()
    line: int | None = None
    policy_severity: Severity | None = None
    policy_threshold: float | tuple[float, float] | None = None
    waiver: str | None = None
    baseline: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it counts among the failed gates: an error or warning gate that fails, is missing or in error."""
        return failed(self.severity, self.outcome)


class Requirement(Record):
    """One reproducibility requirement of the policy; where it is not met, `message` says how to meet it."""

    name: str
    met: bool
    message: str


class WaiverUse(Record):
    """A waiver of this model's, whole, and what came of it; days are YYYY-MM-DD.

    in_force: it covers a failing gate. not_needed: its gate does not fail. expired: its last day has passed.
    refused: it does not hold, and `message` says why.
    """

    id: str
    gate: str
    model_id: str
    category: str
    reason: str
    owner: str
    approved_by: str
    approved_on: str
    expires: str
    ceiling: float
    compensating_controls: str | None = None
    requested_on: str | None = None
    ticket: str | None = None
    state: Literal["in_force", "not_needed", "expired", "refused"]
    message: str


# What a change is about that a person has to look at: the rules are the same, what they are held against is not.
EVIDENCE = frozenset({
    "base", "data.rows", "data.score_column", "data.prediction_column", "data.reference_path", "data.inputs",
})  # fmt: skip


class Change(Record):
    """One difference between the base commit and this one in what the model is held to."""

    what: str
    effect: Literal["weakened", "strengthened", "neutral"]
    message: str

    @property
    def asks_for_review(self) -> bool:
        """Whether a person has to look at it before what was judged may pass."""
        return self.what in EVIDENCE


class PolicyText(Record):
    """The policy an audit was judged by, whole, with the one it extends; `sha256` covers both."""

    name: str
    version: str
    sha256: str
    text: str
    id: str
    effective_date: str | None = None
    citation: str | None = None
    owner: str | None = None
    next_review: str | None = None
    announced_date: str | None = None
    sunset_date: str | None = None
    enforcement: Literal["advisory", "soft_mandatory", "hard_mandatory"] = "soft_mandatory"
    citations: tuple[str, ...] = ()
    contacts: Mapping[str, str] = {}
    extends: PolicyText | None = None


class ModelCard(Record):
    """Who and what the model is, as its audit.yaml declares."""

    id: str
    name: str | None = None
    version: str | None = None
    use_case: str | None = None
    owner: str | None = None
    developer: str | None = None
    validator: str | None = None
    team: str | None = None
    tier: str | None = None
    lifecycle: Literal["dev", "candidate", "production", "retired"] = "candidate"
    intended_use: str | None = None
    limitations: str | None = None


class Level(Record):
    """One level of an attribute in the data: `n` rows, of which `positives` carry the positive label."""

    level: str
    n: int
    positives: int


class AttributeSummary(Record):
    """A protected attribute as found in the data."""

    name: str
    reference: str
    levels: tuple[Level, ...]
    missing: int = 0


class DataSummary(Record):
    """What the audit looked at."""

    rows: int
    positives: int
    positive_label: str
    favorable_label: str
    threshold: float | None
    target: str
    features: tuple[str, ...] = ()
    attributes: tuple[AttributeSummary, ...] = ()
    weighted: bool = False
    task: Literal["classification", "regression", "dataset"] = "classification"
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class RocCurve(Record):
    """A ROC curve by its false and true positive rates, one by one; `level` None is the whole model."""

    attribute: str | None = None
    level: str | None = None
    auc: float | None
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """(false positive rate, true positive rate), from (0, 0) to (1, 1)."""
        return tuple(zip(self.fpr, self.tpr, strict=False))


class CalibrationBin(Record):
    """One bin of scores: mean score against the observed share of positives with its Wilson interval."""

    low: float
    high: float
    n: int
    mean_score: float
    observed: float
    observed_low: float
    observed_high: float


class Charts(Record):
    """Data behind the figures, so that a chart is drawn from the Audit alone."""

    roc: tuple[RocCurve, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    score_histogram: tuple[tuple[float, int, int], ...] = ()


class CubeOrigin(Record):
    """Where counts came from that were not made from rows here: digest of the file, who counted, and the totals.

    `rows` and `cells` are of all that was counted; those `suppressed` were not told, each cell having fewer rows than
    `suppress_below`. `grid` is the number of equal score bins.
    """

    sha256: str
    engine: str
    grid: int
    rows: int
    cells: int
    suppress_below: int = 0
    suppressed_rows: int = 0
    suppressed_cells: int = 0


class Provenance(Record):
    """What went in: digests, seed, commit, versions. Never a host, a user or a path.

    `cube` is there where only counts were given; `predictions_sha256` is then the digest of the counts.
    """

    as_of: str
    tool_version: str
    config_sha256: str | None = None
    model_sha256: str | None = None
    model_format: str = "predictions"
    data_sha256: str | None = None
    policy_sha256: str | None = None
    predictions_sha256: str
    seed: int | None = None
    strict: bool = False
    git_commit: str | None = None
    git_clean: bool | None = None
    isolation: tuple[str, ...] = ()
    versions: Mapping[str, str] = {}
    cube: CubeOrigin | None = None


class Audit(Record):
    """One model, measured and judged on one day: the waist of the house and the published wire format.

    `baselines` holds what baseline gates compared with. `changes` is how what the model is held to differs from the
    base commit, and `judged_by` says whose rules gave this verdict, the stricter one. `reaudit_by` is the day the
    policy wants the next audit. `glossary` defines every metric that a gate judges, whole, and every other that was
    measured, in brief.
    """

    schema_version: Literal["1"] = "1"
    audit_id: str
    status: Status
    enforced: bool
    would_be: Status | None = None
    notes: tuple[str, ...] = ()
    profile: Literal["dev", "prod"] = "prod"
    model: ModelCard
    policy: PolicyText | None
    requirements: tuple[Requirement, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    glossary: Mapping[str, Definition] = {}
    charts: Charts = Charts()
    data: DataSummary
    provenance: Provenance
    waivers: tuple[WaiverUse, ...] = ()
    baselines: Mapping[str, tuple[Measurement, ...]] = {}
    changes: tuple[Change, ...] = ()
    judged_by: Literal["head", "base"] = "head"
    reaudit_by: str | None = None

    @property
    def failed_gates(self) -> int:
        """Error and warning gates that fail, are missing or in error, and unmet requirements."""
        return sum(v.failed for v in self.verdicts) + sum(not r.met for r in self.requirements)

    @property
    def headline(self) -> str:
        """The status as shown: what it would be, where it is not enforced."""
        return headline(self.status.value, self.enforced)

    @model_validator(mode="before")
    @classmethod
    def _lengthened(cls, given: Any) -> Any:
        return brevity.lengthened(given) if isinstance(given, Mapping) else given

    def content(self) -> dict[str, Any]:
        """The audit as plain data, without what has its default; its schema's version is always there.

        A measurement's or verdict's title, unit and better that its metric has in the glossary too are left out.
        """
        found = self.model_dump(mode="json", exclude_defaults=True)
        return {"schema_version": self.schema_version, **brevity.shortened(found)}

    def to_json(self) -> bytes:
        """The audit as audit.json: canonical JSON (RFC 8785) of its content, the same bytes for the same audit."""
        return canonical(self.content())


def sealed(audit: Audit) -> Audit:
    """The audit with its id."""
    return audit.model_copy(update={"audit_id": brevity.digest(audit.content())})
