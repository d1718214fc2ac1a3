"""A registry's standing audits and their history, gathered for the pages; nothing is measured or judged again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby

from glassalpha_action.pages.data import Model, Past, Portfolio
from glassalpha_action.records import Audit, canonical
from glassalpha_action.registry import Registry, Row
from glassalpha_action.registry.rows import decompress
from glassalpha_action.registry.verify import read_audit

GATES = """SELECT a.seq, g.gate_id, g.value, g.outcome FROM gates g JOIN audits a ON a.seq = g.seq
WHERE a.stage = 'main' ORDER BY g.seq, g.position"""


def read_portfolio(registry: Registry, as_of: str | None, version: str, reports: tuple[str, ...] = ()) -> Portfolio:
    """The portfolio on the day `as_of` (YYYY-MM-DD), later audits left out; by default the day of the newest audit.

    An audit that a correction supersedes does not count, nor does it stand in the history. `reports` names the files
    that every model's page offers beside its audit.json. All history takes two queries, each latest audit one.
    """
    with registry.reading():
        rows = [row for row in registry.query_all(latest=False) if as_of is None or row.as_of <= as_of]
        gates = _gates(registry)
        models = tuple(
            _model(registry, list(own), gates, reports) for _, own in groupby(rows, key=lambda row: row.model_id)
        )
        head = registry.head()
    newest = max((row.as_of for row in rows), default="")
    return Portfolio(models, as_of or newest, head.link if head.seq else "", version)


def _model(
    registry: Registry, rows: list[Row], gates: dict[int, dict[str, tuple[float | None, str]]], reports: Iterable[str]
) -> Model:
    past = tuple(
        Past(row.audit_id, row.as_of, row.status.value, row.enforced, row.failed_gates, gates.get(row.seq, {}))
        for row in rows
    )
    audit, content = _audit(registry, rows[-1].seq)
    return Model(audit, content, past, rows[-1].team or "no team", tuple(reports))


def _audit(registry: Registry, seq: int) -> tuple[Audit, bytes]:
    """The audit in record `seq`, and its canonical JSON as it is kept: writing that anew would cost as much as a page.

    A record is canonical JSON, whose keys are in order: it begins with the audit, and the rest follows.
    """
    (kept,) = registry.fetch("SELECT * FROM records WHERE seq = :seq", {"seq": seq})
    audit = read_audit(kept)
    record = decompress(kept["content"])
    rest = {key: value for key, value in json.loads(record).items() if key != "audit"}
    return audit, record[len(b'{"audit":') : -len(canonical(rest))]


def _gates(registry: Registry) -> dict[int, dict[str, tuple[float | None, str]]]:
    found: dict[int, dict[str, tuple[float | None, str]]] = {}
    for cell in registry.fetch(GATES):
        found.setdefault(cell["seq"], {})[cell["gate_id"]] = (cell["value"], cell["outcome"])
    return found
