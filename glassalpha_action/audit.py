"""The pipeline: evidence and a policy become an Audit. No input or output happens here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from glassalpha_action.config import AuditConfig
from glassalpha_action.cube import Cube, build
from glassalpha_action.evidence import Evidence
from glassalpha_action.metrics import CATALOGUE, known, matching, measure
from glassalpha_action.metrics.curves import charts
from glassalpha_action.policy.schema import LoadedPolicy
from glassalpha_action.policy.verdict import decide
from glassalpha_action.policy.waivers import Waiver
from glassalpha_action.records import Audit, Change, DataSummary, Measurement, Provenance, Requirement, sealed

CONFIDENCE = 0.95


def audit(
    rows: Evidence | Cube,
    *,
    config: AuditConfig,
    data: DataSummary,
    provenance: Provenance,
    policy: LoadedPolicy | None,
    today: date,
    waivers: Sequence[Waiver] = (),
    baselines: Mapping[str, Sequence[Measurement]] | None = None,
    beside: Sequence[Requirement] = (),
    changes: Sequence[Change] = (),
) -> Audit:
    """Measure `rows` (or a cube of rows counted elsewhere), judge them by `policy` as of `today`, and seal the result.

    `data` and `provenance` say where the rows came from; without a policy, or with one that does not apply to the
    model's use case, the status is NO_POLICY. The other arguments are those of `decide`.
    """
    gates = policy.policy.gates if policy else ()
    rules = policy.policy.statistics if policy else None
    asked = config.audit.confidence or (rules.confidence if rules else CONFIDENCE)
    # A policy that decides by the interval also says how wide it is; the audited team does not.
    confidence = rules.confidence if rules and rules.decision == "bound" else asked
    model, profile = config.model.card(), config.audit.profile

    evidence, cube = (None, rows) if isinstance(rows, Cube) else (rows, build(rows))
    measured = measure(evidence, cube, confidence, [g.wanted for g in gates], config.audit.sections)
    judged = [(known(g.metric).definition, matching(g.metric, g.params, measured)) for g in gates]
    decision = decide(
        policy, judged, provenance, model, today, profile,
        waivers=waivers, baselines=baselines, beside=beside, changes=changes, task=data.task,
    )  # fmt: skip

    gated, named = {definition.id for definition, _ in judged}, {m.metric for m in measured}
    words = {m.id: m.definition for m in CATALOGUE.values() if m.id in gated | named}

    return sealed(
        Audit(
            audit_id="",
            status=decision.status,
            enforced=decision.enforced,
            would_be=None if decision.enforced else decision.status,
            notes=decision.notes,
            profile=profile,
            model=model,
            policy=policy.record() if policy else None,
            requirements=decision.requirements,
            verdicts=decision.verdicts,
            measurements=measured,
            glossary={name: one if name in gated else one.brief() for name, one in words.items()},
            charts=charts(cube, measured, confidence),
            data=data,
            provenance=provenance,
            waivers=decision.waivers,
            baselines={name: tuple(found) for name, found in (baselines or {}).items()},
            changes=tuple(changes),
            reaudit_by=decision.reaudit_by,
        )
    )
