"""Portfolios and registries made of hand-written audits."""

from __future__ import annotations

from pathlib import Path

from glassalpha_action.pages.data import Model, Past, Portfolio
from glassalpha_action.records import Audit, Change, ModelCard, sealed
from glassalpha_action.registry import Head, connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.report.audits import USED, waiver

HOSTILE = (
    "<script>alert(1)</script>",
    "](javascript:alert(1))",
    "../../etc/passwd",
    "=cmd|'/c calc'!A1",
    "@team",
    "x" * 10_000,
    "Credit_V1",
    "credit_v1",
    "con",
    "a\u202eb\u0000c",
    " ",
    "line\nbreak",
    "index",
    "'><img src=x onerror=alert(1)>",
)


def past(audit: Audit) -> Past:
    """`audit` as a line of its model's history."""
    gates = {verdict.gate_id: (verdict.value, verdict.outcome.value) for verdict in audit.verdicts}
    return Past(audit.audit_id, audit.provenance.as_of, audit.status.value, audit.enforced, audit.failed_gates, gates)


def model(*audits: Audit, reports: tuple[str, ...] = ()) -> Model:
    """A model with these audits, the oldest first."""
    team = audits[-1].model.team or "no team"
    return Model(audits[-1], audits[-1].to_json(), tuple(past(audit) for audit in audits), team, reports)


def portfolio(*models: Model, as_of: str = "2025-01-31") -> Portfolio:
    """A portfolio of these models."""
    return Portfolio(models, as_of, Head(9, "f" * 64), "0.1.0")


def hostile_audit(name: str) -> Audit:
    """A blocked audit in which every text that comes from data is `name`."""
    audit = samples.audit(name, Status.BLOCKED)
    verdicts = tuple(
        found.model_copy(update={"gate": name, "title": name, "message": name, "clause": name, "rationale": name,
                                 "remediation": name, "groups": (name, name), "attribute": name})
        for found in audit.verdicts)  # fmt: skip
    measurements = tuple(
        found.model_copy(update={"title": name, "attribute": name, "of": name, "reason": found.reason and name,
                                 "groups": tuple(group.model_copy(update={"level": name}) for group in found.groups)})
        for found in audit.measurements)  # fmt: skip
    card = ModelCard(id=name, **dict.fromkeys(
        ("name", "version", "use_case", "owner", "developer", "validator", "team", "tier", "intended_use",
         "limitations"),
        name))  # fmt: skip
    policy = samples.POLICY.model_copy(
        update=dict.fromkeys(
            ("name", "version", "id", "text", "effective_date", "citation", "owner", "next_review"), name
        )
    )
    roc = tuple(
        curve.model_copy(update={"attribute": name, "level": curve.level and name}) for curve in audit.charts.roc
    )
    return sealed(
        audit.model_copy(
            update={
                "model": card,
                "policy": policy,
                "verdicts": verdicts,
                "measurements": measurements,
                "notes": (name,),
                "waivers": (waiver(**dict.fromkeys(USED, name)), waiver("refused", **dict.fromkeys(USED, name))),
                "changes": (Change(what=name, effect="weakened", message=name),),
                "charts": audit.charts.model_copy(update={"roc": roc}),
                "requirements": (
                    audit.requirements[0].model_copy(update={"name": name, "met": False, "message": name}),
                ),
            }
        )
    )


def registry(path: Path, audits: list[Audit]) -> str:
    """A registry file that holds `audits`."""
    with connect(str(path), create=True) as opened:
        for audit in audits:
            opened.submit(audit, recorded_at="2025-02-01T00:00:00Z")
    return str(path)
