"""The table of models as files: JSON for programs, CSV for spreadsheets, in which no cell can be a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from glassalpha_action.digests import canonical
from glassalpha_action.pages.data import Model, Portfolio
from glassalpha_action.report import words

COLUMNS = (
    "model_id",
    "name",
    "team",
    "use_case",
    "owner",
    "lifecycle",
    "status",
    "enforced",
    "approved_by",
    "approved_on",
    "failed_gates",
    "failed_gate_names",
    "last_audit",
    "policy",
    "policy_version",
    "audit_id",
)


def models_json(portfolio: Portfolio) -> bytes:
    """Canonical JSON: the day, the registry's head, and one object per model."""
    content = {
        "as_of": portfolio.as_of,
        "registry_head": portfolio.head.link if portfolio.anchor else "",
        "registry_anchor": portfolio.anchor,
        "tool_version": portfolio.version,
        "models": [_line(model) for model in portfolio.models],
    }
    return canonical(content)


def models_csv(portfolio: Portfolio) -> bytes:
    """CSV in UTF-8 with a byte-order mark, which spreadsheets need to read it as such."""
    return _csv(COLUMNS, ([_words(value) for value in _line(model).values()] for model in portfolio.models))


def history_csv(model: Model) -> bytes:
    """Every gate of every audit of one model, the newest first."""
    lines = (
        [
            past.as_of,
            past.status,
            _words(past.enforced),
            gate,
            "" if value is None else repr(value),
            outcome,
            past.audit_id,
        ]
        for past in reversed(model.history)
        for gate, (value, outcome) in past.gates.items()
    )
    return _csv(("as_of", "status", "enforced", "gate", "value", "outcome", "audit_id"), lines)


def _csv(header: tuple[str, ...], lines: Iterable[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow([words.cell(text) for text in line])
    return out.getvalue().encode("utf-8-sig")


def _line(model: Model) -> dict[str, object]:
    audit, card = model.audit, model.audit.model
    return {
        "model_id": card.id,
        "name": card.name,
        "team": card.team,
        "use_case": card.use_case,
        "owner": card.owner,
        "lifecycle": card.lifecycle,
        "status": audit.status.value,
        "enforced": audit.enforced,
        "approved_by": model.decision.by if model.decision and model.approved else None,
        "approved_on": model.decision.on if model.decision and model.approved else None,
        "failed_gates": audit.failed_gates,
        "failed_gate_names": [*model.failed],
        "last_audit": audit.provenance.as_of,
        "policy": audit.policy and audit.policy.name,
        "policy_version": audit.policy and audit.policy.version,
        "audit_id": audit.audit_id,
    }


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
