"""Audits as different as reports must bear: many gates and groups, nothing judged, nothing measured, hostile names."""

from __future__ import annotations

import re

from glassalpha_action.records import (
    AttributeSummary,
    Audit,
    Change,
    Charts,
    Definition,
    Group,
    Judged,
    Level,
    Measurement,
    ModelCard,
    Requirement,
    RocCurve,
    WaiverUse,
)
from glassalpha_action.vocabulary import Better, Comparison, Outcome, Severity, Status, Unit
from tests import samples

# What a report may never show: a raw value of ours, or a gap without its reason.
RAW = re.compile(
    r"\b(None|(True|False)(?! positive)|nan|NaN|inf|Infinity|undefined)\b|N/A|Outcome\.|Status\.|\{\{|\(\)"
)
HOSTILE = (
    "<script>alert(1)</script>",
    "](javascript:alert(1))",
    "@team #12 https://evil.example www.evil.example",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u202c",
    "line\none\r\ntwo\x00",
    "</style></title>'\"{{ 7*7 }}",
    "~~~\n# heading",
)
USED = ("id", "gate", "category", "reason", "owner", "approved_by", "compensating_controls", "ticket", "message")
LEVELS = {
    "sex": ("female", "male"),
    "age_group": ("18–25", "26–35", "36–45", "46–60", "over 60", "(missing)"),
    "region": (
        "north",
        "north east",
        "east",
        "south east",
        "south",
        "south west",
        "west",
        "north west",
        "islands",
        "capital and its surrounding commuter belt",
        "abroad",
        "(missing)",
    ),
}
FAMILIES = (
    ("accuracy", "Accuracy", "performance", Unit.share, Better.higher, 0.74),
    ("f1", "F1 score", "performance", Unit.score, Better.higher, 0.61),
    ("expected_calibration_error", "Expected calibration error", "calibration", Unit.difference, Better.lower, 0.0712),
    ("brier_score", "Brier score", "calibration", Unit.score, Better.lower, 0.171),
    ("max_shift_degradation", "Largest degradation under shift", "robustness", Unit.difference, Better.lower, 0.0312),
    ("top_feature_share", "Share of the top feature", "explainability", Unit.share, Better.neither, 0.41),
    ("duplicate_share", "Share of duplicated rows", "data_quality", Unit.share, Better.lower, 0.0),
)
RATES = (
    ("demographic_parity_difference", "Demographic parity difference", Unit.difference, "selection rate", 0.5),
    ("demographic_parity_ratio", "Impact ratio", Unit.ratio, "selection rate", 0.5),
    ("equal_opportunity_difference", "Equal opportunity difference", Unit.difference, "true positive rate", 0.7),
    ("false_positive_rate_difference", "False positive rate difference", Unit.difference, "false positive rate", 0.2),
)


def definition(metric: str, title: str, family: str, unit: Unit, better: Better) -> Definition:
    """A definition with the samples' advice."""
    return Definition(
        id=metric,
        title=title,
        family=family,
        unit=unit,
        better=better,
        advice=samples.ADVICE,
        definition=f"What {title.lower()} says, in one sentence.",
    )


def gap(metric: str, title: str, unit: Unit, of: str, base: float, attribute: str) -> Measurement:
    """A gap over every level of `attribute`; the last level of a long attribute has no rate."""
    levels = LEVELS[attribute]
    groups = tuple(
        Group(
            level=level,
            n=900 // (k + 1),
            value=base + 0.02 * k,
            low=base + 0.02 * k - 0.01 * (k + 2),
            high=base + 0.02 * k + 0.01 * (k + 2),
        )
        if level != "(missing)"
        else Group(level=level, n=7, reason="no favourable outcome among 7 rows")
        for k, level in enumerate(levels)
    )
    return Measurement(
        metric=metric,
        title=title,
        unit=unit,
        better=Better.lower,
        value=0.02 * len(levels),
        low=0.001,
        high=0.05 * len(levels),
        confidence=0.95,
        n=2792,
        attribute=attribute,
        groups=groups,
        of=of,
        between=(levels[0], levels[-2] if len(levels) > 2 else levels[-1]),
    )


def large() -> Audit:
    """Every family, three attributes of up to twelve levels, seven gates of every outcome."""
    plain = tuple(
        Measurement(
            metric=metric,
            title=title,
            unit=unit,
            better=better,
            value=value,
            n=2792,
            low=max(0.0, value - 0.02),
            high=value + 0.02,
            confidence=0.95,
        )
        for metric, title, _, unit, better, value in FAMILIES
    )
    gaps = tuple(
        gap(metric, title, unit, of, base, attribute) for metric, title, unit, of, base in RATES for attribute in LEVELS
    )
    unmeasured = Measurement(
        metric="permutation_importance",
        title="Permutation importance",
        unit=Unit.score,
        better=Better.neither,
        value=None,
        n=2792,
        reason="only predictions were given, no model to run",
    )
    size = Measurement(
        metric="min_group_size",
        title="Smallest group",
        unit=Unit.rows,
        better=Better.higher,
        value=81,
        n=2792,
        attribute="region",
        between=("abroad",),
        groups=tuple(Group(level=level, n=81 + k) for k, level in enumerate(LEVELS["region"])),
    )
    worst = next(m for m in gaps if m.attribute == "region")
    judged = tuple(
        Judged(attribute=m.attribute, outcome=outcome, value=m.value, low=m.low, high=m.high, n=m.n, groups=m.between)
        for m, outcome in zip(gaps[:3], (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL), strict=True)
    )
    verdicts = (
        samples.verdict(
            samples.AUC, Outcome.PASS, threshold=0.75, comparison=Comparison.greater_than, message="0.781 > 0.750."
        ),
        samples.verdict(
            worst,
            Outcome.FAIL,
            gate="Demographic Parity",
            judged=judged,
            message="0.240 is not < 0.100 for region: north (n 900) against abroad (n 81).",
            rationale="Maximum acceptable approval rate difference across groups",
        ),
        samples.verdict(
            plain[2],
            Outcome.WAIVED,
            raw_outcome=Outcome.FAIL,
            gate="Calibration Quality",
            threshold=0.05,
            message="0.071 is not < 0.050; waived until 2025-06-30 by the Chief Risk Officer.",
        ),
        samples.verdict(
            samples.POWER,
            Outcome.MISSING,
            gate="Statistical Power for Bias Detection",
            severity=Severity.warning,
            threshold=0.8,
            comparison=Comparison.greater_than_or_equal,
            message="Not measured: only one group has rows.",
        ),
        samples.verdict(
            gaps[3],
            Outcome.INCONCLUSIVE,
            gate="Impact ratio",
            threshold=(0.8, 1.25),
            comparison=Comparison.between,
            severity=Severity.warning,
            message="0.040 lies outside 0.8 to 1.25, and the interval reaches inside.",
        ),
        samples.verdict(
            size,
            Outcome.NOT_APPLICABLE,
            threshold=30,
            comparison=Comparison.greater_than_or_equal,
            clause=None,
            message="The gate's scope names no attribute of this model.",
        ),
        samples.verdict(
            plain[5],
            Outcome.FAIL,
            severity=Severity.info,
            threshold=None,
            comparison=Comparison.present,
            rationale=None,
            message="Noted only.",
        ),
    )
    attributes = tuple(
        AttributeSummary(
            name=name,
            reference=levels[0],
            missing=7 if "(missing)" in levels else 0,
            levels=tuple(
                Level(level=level, n=900 // (k + 1) if level != "(missing)" else 7, positives=k + 2)
                for k, level in enumerate(levels)
            ),
        )
        for name, levels in LEVELS.items()
    )
    base = samples.audit()
    curves = tuple(
        RocCurve(
            attribute=name,
            level=level,
            auc=None if level == "(missing)" else 0.7 + k / 100,
            fpr=(0, 0.1 + k / 50, 0.5, 1),
            tpr=(0, 0.5, 0.85, 1),
        )
        for name, levels in LEVELS.items()
        for k, level in enumerate(levels)
    )
    glossary = {
        metric: definition(metric, title, family, unit, better) for metric, title, family, unit, better, _ in FAMILIES
    }
    glossary |= {
        metric: definition(metric, title, "fairness", unit, Better.lower) for metric, title, unit, _, _ in RATES
    }
    glossary |= {
        m.metric: definition(m.metric, m.title, family, m.unit, m.better)
        for m, family in ((unmeasured, "explainability"), (size, "data_quality"))
    }
    return samples.audit(
        measurements=(samples.AUC, *plain, *gaps, size, samples.POWER, unmeasured),
        glossary=samples.DEFINITIONS | glossary,
        verdicts=verdicts,
        charts=base.charts.model_copy(update={"roc": (base.charts.roc[0], *curves)}),
        data=base.data.model_copy(
            update={"rows": 2792, "attributes": attributes, "warnings": ("12 rows are duplicates",)}
        ),
        requirements=(
            *base.requirements,
            Requirement(
                name="git_commit_required", met=False, message="Commit the change to `audit.yaml`, then audit again."
            ),
        ),
    )


def dev() -> Audit:
    """A dev-profile audit that would be blocked."""
    return samples.audit(
        profile="dev", enforced=False, would_be=Status.BLOCKED, notes=("The dev profile enforces nothing.",)
    )


def bare() -> Audit:
    """Nothing but one row of predictions: no policy, no chart, no attribute, nothing measured."""
    base = samples.audit()
    unmeasured = samples.AUC.model_copy(
        update={"value": None, "low": None, "high": None, "reason": "only one class has rows", "n": 1}
    )
    return samples.audit(
        status=Status.NO_POLICY,
        measurements=(unmeasured,),
        charts=Charts(),
        model=ModelCard(id="m"),
        data=base.data.model_copy(
            update={"rows": 1, "positives": 0, "attributes": (), "features": (), "threshold": None}
        ),
        provenance=base.provenance.model_copy(
            update={
                "model_format": "predictions",
                "model_sha256": None,
                "config_sha256": None,
                "data_sha256": None,
                "policy_sha256": None,
                "seed": None,
                "strict": False,
                "git_commit": None,
                "git_clean": None,
                "isolation": (),
                "versions": {},
            }
        ),
    )


def waiver(state: str = "in_force", **fields: object) -> WaiverUse:
    """A waiver of the samples' failing gate."""
    content: dict[str, object] = {
        "id": "W-1", "gate": "demographic-parity-difference", "model_id": "credit_model_v2", "category": "waiver",
        "reason": "the new scores arrive in March", "owner": "Ada", "approved_by": "Grace", "approved_on": "2025-01-01",
        "expires": "2025-03-01", "ceiling": 0.2, "state": state, "message": "Waived until 2025-03-01 by W-1.",
    }  # fmt: skip
    return WaiverUse.model_validate(content | fields)


def waived() -> Audit:
    """The samples' failing gate waived, by one of four waivers; its rules changed, and the base commit's judged."""
    gap = samples.verdict(samples.GAP, Outcome.WAIVED, raw_outcome=Outcome.FAIL, waiver="W-1")
    refused = waiver("refused", id="W-2", message="Waiver W-2 is refused: Ada owns it and approved it.")
    expired = waiver("expired", id="W-3", message="Waiver W-3 expired on 2025-01-04; the gate is live again.")
    idle = waiver("not_needed", id="W-4", gate="gone", message="Waiver W-4 is not needed: the gate passes.")
    weaker = Change(what="a", effect="weakened", message="The gate asked for < 0.05 and now asks for < 0.1.")
    return samples.audit(
        status=Status.REVIEW, verdicts=(samples.verdict(samples.AUC, Outcome.PASS), gap), reaudit_by="2025-02-04",
        waivers=(idle, expired, refused, waiver(ticket="R-1", compensating_controls="A person reads refusals.")),
        changes=(Change(what="b", effect="neutral", message="`contacts` changed."), weaker), judged_by="base",
        notes=("1 change weakens what judges the model.", weaker.message),
        policy=samples.POLICY.model_copy(
            update={"contacts": {"policy": "risk@example.com"}, "enforcement": "soft_mandatory"}
        ),
    )  # fmt: skip


def hostile(name: str) -> Audit:
    """`name` wherever a name or a text from outside can stand."""
    gap = samples.GAP.model_copy(
        update={
            "attribute": name,
            "between": (name, "male"),
            "title": name,
            "of": name,
            "detail": name,
            "groups": (samples.GROUPS[0].model_copy(update={"level": name}), samples.GROUPS[1]),
        }
    )
    power = samples.POWER.model_copy(update={"reason": name, "attribute": name})
    base = samples.audit()
    policy = samples.POLICY.model_copy(
        update={
            "name": name,
            "version": name,
            "owner": name,
            "text": f"policy_name: {name}\n",
            "contacts": {name: name},
            "citations": (name,),
        }
    )
    words = {"gate": name, "clause": name, "rationale": name, "message": name, "remediation": name}
    return samples.audit(
        model_id=name,
        team=name,
        policy=policy,
        notes=(name,),
        waivers=(waiver(**dict.fromkeys(USED, name)), waiver("refused", **dict.fromkeys(USED, name))),
        changes=(Change(what=name, effect="weakened", message=name),),
        measurements=(gap, power),
        verdicts=(samples.verdict(gap, Outcome.FAIL, **words), samples.verdict(power, Outcome.MISSING, **words)),
        requirements=(Requirement(name=name, met=False, message=name),),
        model=ModelCard(id=name, name=name, owner=name, team=name, intended_use=name, limitations=name),
        data=base.data.model_copy(
            update={
                "positive_label": name,
                "favorable_label": name,
                "target": name,
                "features": (name,),
                "warnings": (name,),
                "attributes": (
                    AttributeSummary(name=name, reference=name, levels=(Level(level=name, n=3, positives=1),)),
                ),
            }
        ),
        charts=base.charts.model_copy(
            update={"roc": (RocCurve(attribute=name, level=name, auc=0.7, fpr=(0, 1), tpr=(0, 1)),)}
        ),
        provenance=base.provenance.model_copy(update={"isolation": (name,), "versions": {name: name}}),
    )
