"""A registry's standing audits and their history, gathered for the pages; nothing is measured or judged again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from glassalpha_action.governance.approvals import FAMILY
from glassalpha_action.pages.approvals import find_decisions
from glassalpha_action.pages.data import Decision, Model, Past, Portfolio
from glassalpha_action.registry import Registry, Row
from glassalpha_action.registry.rows import standing

GATES = """SELECT a.seq, g.gate_id, g.value, g.outcome FROM gates g JOIN audits a ON a.seq = g.seq
WHERE a.stage = 'main' ORDER BY g.seq, g.position"""


def read_portfolio(registry: Registry, as_of: str | None, version: str, reports: tuple[str, ...] = ()) -> Portfolio:
    """The portfolio on the day `as_of` (YYYY-MM-DD), later audits left out; by default the day of the newest audit.

    An audit that a correction of that day or an earlier one supersedes does not count. `reports` names the files that
    every model's page offers beside its audit.json. All history takes three queries, each latest audit one.
    """
    with registry.reading():
        every = registry.query_all(latest=False, superseded=True)
        rows = [row for row in every if as_of is None or row.as_of <= as_of]
        corrected = {row.supersedes: row.as_of for row in rows if row.supersedes}
        gates = _gates(registry)
        decided = find_decisions(registry.events(family=FAMILY), standing(rows), as_of)
        models = tuple(
            _model(registry, list(own), corrected, gates, reports, decided.get(model_id))
            for model_id, own in groupby(rows, key=lambda row: row.model_id)
        )
        head = registry.head()
    newest = max((model.audit.provenance.as_of for model in models), default="")
    return Portfolio(models, as_of or newest, head, version)


def _model(
    registry: Registry,
    rows: list[Row],
    corrected: Mapping[str, str],
    gates: dict[int, dict[str, tuple[float | None, str]]],
    reports: Iterable[str],
    decision: Decision | None,
) -> Model:
    past = tuple(
        Past(row.audit_id, row.as_of, row.status.value, row.enforced, row.failed_gates, gates.get(row.seq, {}),
             corrected.get(row.audit_id))
        for row in rows
    )  # fmt: skip
    latest = standing(rows)[-1]
    audit, content = registry.read_audit(latest.seq)
    return Model(audit, content, past, latest.team or "no team", tuple(reports), decision)


def _gates(registry: Registry) -> dict[int, dict[str, tuple[float | None, str]]]:
    found: dict[int, dict[str, tuple[float | None, str]]] = {}
    for cell in registry.fetch(GATES):
        found.setdefault(cell["seq"], {})[cell["gate_id"]] = (cell["value"], cell["outcome"])
    return found
