"""Hand-written audits for the rooms right of the waist: no metric or gate code is needed to make one."""

from __future__ import annotations

from glassalpha_action.digests import sha256
from glassalpha_action.records import (
    Advice,
    AttributeSummary,
    Audit,
    CalibrationBin,
    Charts,
    DataSummary,
    Definition,
    Group,
    Judged,
    Level,
    Measurement,
    ModelCard,
    PolicyText,
    Provenance,
    Requirement,
    RocCurve,
    Verdict,
    sealed,
)
from glassalpha_action.vocabulary import Better, Comparison, Outcome, Severity, Status, Unit

POLICY_TEXT = "policy_name: Sample Policy\nversion: '1.0'\n"
POLICY = PolicyText(
    id="sample-policy",
    name="Sample Policy",
    version="1.0",
    sha256=sha256(POLICY_TEXT.encode()),
    text=POLICY_TEXT,
    effective_date="2025-01-01",
    citation="RP-2024-03",
    owner="Chief Risk Officer",
    next_review="2025-04-01",
)
ADVICE = Advice(
    issue="The rate of favourable decisions differs between groups by more than the policy allows.",
    causes=("Imbalanced training data", "Proxy features correlated with the attribute"),
    fixes=(
        "Look for features that stand in for the attribute.",
        "Review the decision threshold with the policy owner.",
    ),
)
GROUPS = (
    Group(level="female", n=92, value=0.62, low=0.517, high=0.712),
    Group(level="male", n=208, value=0.75, low=0.687, high=0.804),
)
DEFINITIONS = {
    "roc_auc": Definition(
        id="roc_auc",
        title="Area under the ROC curve",
        family="performance",
        unit=Unit.probability,
        better=Better.higher,
        advice=ADVICE,
        definition="Chance that a positive case outranks a negative one.",
    ),
    "demographic_parity_difference": Definition(
        id="demographic_parity_difference",
        title="Demographic parity difference",
        family="fairness",
        unit=Unit.difference,
        better=Better.lower,
        advice=ADVICE,
        definition="Largest difference in selection rate between two groups.",
    ),
    "statistical_power": Definition(
        id="statistical_power",
        title="Statistical power",
        family="data_quality",
        unit=Unit.probability,
        better=Better.higher,
        advice=ADVICE,
        definition="Chance to see a five-point gap if there is one.",
    ),
}
AUC = Measurement(
    metric="roc_auc",
    title="Area under the ROC curve",
    unit=Unit.probability,
    better=Better.higher,
    value=0.781,
    low=0.724,
    high=0.838,
    confidence=0.95,
    n=300,
)
GAP = Measurement(
    metric="demographic_parity_difference",
    title="Demographic parity difference",
    unit=Unit.difference,
    better=Better.lower,
    value=0.13,
    exact="13/100",
    low=0.012,
    high=0.245,
    confidence=0.95,
    n=300,
    attribute="sex",
    between=("female", "male"),
    groups=GROUPS,
    of="selection rate",
)
POWER = Measurement(
    metric="statistical_power",
    title="Statistical power",
    unit=Unit.probability,
    better=Better.higher,
    value=None,
    reason="only one group has rows",
    n=300,
    attribute="age_group",
)


def verdict(measurement: Measurement, outcome: Outcome, **fields: object) -> Verdict:
    """A verdict on `measurement`; any field may be given otherwise."""
    content: dict[str, object] = {
        "gate": f"{measurement.title} gate",
        "gate_id": measurement.metric.replace("_", "-"),
        "metric": measurement.metric,
        "title": measurement.title,
        "unit": measurement.unit,
        "outcome": outcome,
        "raw_outcome": outcome,
        "value": measurement.value,
        "threshold": 0.1,
        "comparison": Comparison.less_than,
        "severity": Severity.error,
        "attribute": measurement.attribute,
        "groups": measurement.between,
        "low": measurement.low,
        "high": measurement.high,
        "n": measurement.n,
        "clause": "RP-2024-03 §2.1",
        "rationale": "As agreed with risk.",
        "message": "0.130 is not < 0.100 for sex: female (n 92) against male (n 208).",
        "remediation": ADVICE.fixes[0],
        "line": 12,
        "judged": (
            Judged(
                attribute=measurement.attribute,
                outcome=outcome,
                value=measurement.value,
                n=measurement.n,
                low=measurement.low,
                high=measurement.high,
                groups=measurement.between,
            ),
        ),
    }
    return Verdict.model_validate(content | fields)


def audit(
    model_id: str = "credit_model_v2",
    status: Status = Status.BLOCKED,
    as_of: str = "2025-01-05",
    team: str = "credit-risk",
    **fields: object,
) -> Audit:
    """A sealed audit of `model_id` whose verdicts fit `status`."""
    gap = {Status.BLOCKED: Outcome.FAIL, Status.REVIEW: Outcome.INCONCLUSIVE}.get(status, Outcome.PASS)
    verdicts = (
        verdict(
            AUC,
            Outcome.PASS,
            threshold=0.75,
            comparison=Comparison.greater_than,
            message="0.781 > 0.750.",
            remediation=None,
            line=8,
        ),
        verdict(GAP, gap),
        verdict(
            POWER,
            Outcome.MISSING if status is Status.BLOCKED else Outcome.NOT_APPLICABLE,
            threshold=0.8,
            comparison=Comparison.greater_than,
            severity=Severity.warning,
            n=None,
            message="Not measured: only one group has rows.",
        ),
    )
    content: dict[str, object] = {
        "audit_id": "",
        "status": status,
        "enforced": True,
        "model": ModelCard(
            id=model_id,
            name="Credit model",
            version="2.0",
            use_case="credit_scoring",
            team=team,
            owner="Credit Risk Team",
            lifecycle="production",
            intended_use="Rank retail loan applicants.",
        ),
        "policy": None if status is Status.NO_POLICY else POLICY,
        "requirements": ()
        if status is Status.NO_POLICY
        else (Requirement(name="seed_required", met=True, message="A seed is set: 42."),),
        "verdicts": () if status is Status.NO_POLICY else verdicts,
        "measurements": (AUC, GAP, POWER),
        "glossary": DEFINITIONS,
        "charts": Charts(
            roc=(
                RocCurve(auc=0.781, fpr=(0, 0.1, 0.3, 0.6, 1), tpr=(0, 0.42, 0.7, 0.91, 1)),
                RocCurve(attribute="sex", level="female", auc=0.76, fpr=(0, 0.2, 1), tpr=(0, 0.5, 1)),
                RocCurve(attribute="sex", level="male", auc=0.79, fpr=(0, 0.15, 1), tpr=(0, 0.55, 1)),
            ),
            calibration=tuple(
                CalibrationBin(
                    low=k / 10,
                    high=(k + 1) / 10,
                    n=30,
                    mean_score=k / 10 + 0.05,
                    observed=k / 10 + 0.03,
                    observed_low=max(0.0, k / 10 - 0.1),
                    observed_high=min(1.0, k / 10 + 0.16),
                )
                for k in range(10)
            ),
            score_histogram=tuple((k / 10, 20 - k, 5 + k) for k in range(10)),
        ),
        "data": DataSummary(
            rows=300,
            positives=90,
            positive_label="2",
            favorable_label="1",
            threshold=0.5,
            target="default",
            features=("duration_months", "amount"),
            attributes=(
                AttributeSummary(
                    name="sex",
                    reference="male",
                    levels=(Level(level="female", n=92, positives=32), Level(level="male", n=208, positives=58)),
                ),
            ),
        ),
        "provenance": Provenance(
            as_of=as_of,
            tool_version="0.1.0",
            config_sha256="c" * 64,
            model_sha256="a" * 64,
            model_format="joblib",
            data_sha256="d" * 64,
            policy_sha256=POLICY.sha256,
            predictions_sha256="e" * 64,
            seed=42,
            strict=True,
            git_commit="0" * 40,
            git_clean=True,
            isolation=("network namespace", "landlock", "seccomp"),
            versions={"numpy": "2.4.6"},
        ),
    }
    return sealed(Audit.model_validate(content | fields))
