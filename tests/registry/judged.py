"""Audits whose verdicts are what judging their measurements by their policy comes to."""

from __future__ import annotations

from datetime import date

from glassalpha_action.digests import sha256
from glassalpha_action.policy.extends import recalled
from glassalpha_action.policy.verdict import decide
from glassalpha_action.records import Audit, Measurement, PolicyText, sealed
from glassalpha_action.vocabulary import Status
from tests import samples

TEXT = """\
policy_name: Organization Credit Model Baseline
version: "1.0"
effective_date: "2024-12-01"
gates:
  - {name: Minimum Model Performance, metric: roc_auc, threshold: 0.75, comparison: greater_than}
  - {name: Demographic Parity, metric: demographic_parity_difference, threshold: 0.10, comparison: less_than}
  - {name: Statistical Power, metric: statistical_power, threshold: 0.80, comparison: greater_than, severity: warning}
reproducibility: {seed_required: true}
review_cycle: {next_review: "2025-04-01", owner: Chief Risk Officer}
"""
VALUES = {Status.BLOCKED: ("13/100", 0.6), Status.REVIEW: ("1/20", 0.6), Status.PASSED: ("1/20", 0.9)}


def policy(text: str = TEXT) -> PolicyText:
    bare = PolicyText(id="", name="", version="", sha256=sha256(text.encode()), text=text)
    return recalled(bare).record()


def measurements(gap: str, power: float) -> tuple[Measurement, ...]:
    top, bottom = map(int, gap.split("/"))
    return (
        samples.AUC,
        samples.GAP.model_copy(update={"value": top / bottom, "exact": gap}),
        samples.POWER.model_copy(update={"value": power, "reason": None}),
    )


def audit(
    model_id: str = "credit_model_v2",
    status: Status = Status.BLOCKED,
    as_of: str = "2025-01-05",
    team: str = "credit-risk",
    text: str = TEXT,
    **fields: object,
) -> Audit:
    """A sealed audit whose measurements come to `status`; 2, 1 and 0 gates fail at BLOCKED, REVIEW, PASSED."""
    draft = samples.audit(
        model_id, status, as_of, team, measurements=measurements(*VALUES[status]), policy=policy(text)
    )
    draft = draft.model_copy(update=fields)
    provenance = draft.provenance.model_copy(update={"policy_sha256": sha256(text.encode())})
    found = [(draft.glossary[m.metric], [m]) for m in draft.measurements]
    loaded = recalled(policy(text))
    decision = decide(loaded, found, provenance, draft.model, date.fromisoformat(as_of), draft.profile)
    return sealed(
        draft.model_copy(
            update={
                "provenance": provenance, "status": decision.status, "verdicts": decision.verdicts,
                "requirements": decision.requirements, "notes": decision.notes, "enforced": decision.enforced,
                "would_be": None if decision.enforced else decision.status,
            }
        )
    )  # fmt: skip
