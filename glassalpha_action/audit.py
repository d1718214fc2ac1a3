"""The pipeline: evidence and a policy become an Audit. No input or output happens here."""

from __future__ import annotations

from datetime import date

from glassalpha_action.config import AuditConfig
from glassalpha_action.cube import build
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import CATALOGUE, known, matching, measure
from glassalpha_action.metrics.curves import charts
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.policy.verdict import judge, not_applicable, requirements, status, unenforced
from glassalpha_action.records import Audit, DataSummary, Provenance, Status, sealed

CONFIDENCE = 0.95


def audit(
    rows: Evidence,
    *,
    config: AuditConfig,
    data: DataSummary,
    provenance: Provenance,
    policy: LoadedPolicy | None,
    today: date,
) -> Audit:
    """Measure `rows`, judge them by `policy` as of `today`, and seal the result.

    `data` and `provenance` say where the rows came from; without a policy, or with one that does not apply to the
    model's use case, the status is NO_POLICY.
    """
    confidence = config.audit.confidence or (policy.policy.statistics.confidence if policy else CONFIDENCE)
    gates = policy.policy.gates if policy else ()

    cube = build(rows)
    measured = measure(rows, cube, confidence, [(g.metric, g.params) for g in gates])
    found = Audit(
        audit_id="",
        status=Status.NO_POLICY,
        enforced=True,
        profile=config.audit.profile,
        model=config.model.card(),
        policy=policy.record() if policy else None,
        measurements=measured,
        glossary={m.id: m.definition for m in CATALOGUE.values()},
        charts=charts(cube, measured, confidence),
        data=data,
        provenance=provenance,
        notes=() if policy else ("No policy was given, so nothing was judged.",),
    )
    return sealed(_judged(found, policy, config.model.use_case, today) if policy else found)


def _judged(found: Audit, loaded: LoadedPolicy, use_case: str | None, today: date) -> Audit:
    """The audit with its verdicts, requirements and status."""
    policy = loaded.policy
    if policy.applies_to and use_case not in policy.applies_to:
        verdicts = tuple(
            not_applicable(g, known(g.metric).definition, use_case, loaded.line(i)) for i, g in enumerate(policy.gates)
        )
        note = f"The policy applies to {', '.join(policy.applies_to)}, not to the use case {use_case or '(none)'}."
        return found.model_copy(update={"verdicts": verdicts, "notes": (note,)})

    verdicts = tuple(
        judge(
            g,
            matching(g.metric, g.params, found.measurements),
            policy.statistics,
            known(g.metric).definition,
            loaded.line(i),
        )
        for i, g in enumerate(policy.gates)
    )
    required = requirements(policy, found.provenance)
    overall = status(verdicts, [r for r in required if not r.met], policy)
    reasons = unenforced(policy, today, found.profile)
    return found.model_copy(
        update={
            "verdicts": verdicts,
            "requirements": required,
            "status": overall,
            "enforced": not reasons,
            "would_be": overall if reasons else None,
            "notes": reasons,
        }
    )
