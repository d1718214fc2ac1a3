"""The rows of every table that a record brings with it: all computed from the record, so that `verify` can do it again.

A row is a tuple in the order of its table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from glassalpha_action.digests import canonical
from glassalpha_action.records import PolicyText
from glassalpha_action.registry import wire
from glassalpha_action.registry.packing import compress
from glassalpha_action.registry.rows import Entry, require_part
from glassalpha_action.registry.schema import columns
from glassalpha_action.vocabulary import failed, headline

Rows = list[tuple[Any, ...]]
Part = Callable[[str], bytes]
METRIC = ("metric", "params", "attribute", "unit", "confidence", "counts_missing")
CARD = ("name", "version", "use_case", "owner", "developer", "validator", "tier", "lifecycle", "intended_use",
        "limitations")  # fmt: skip


@dataclass
class Known:
    """What a registry holds so far that later records refer to instead of repeating it; `kept` reads one of its parts.

    `cards` are the rows of models that hold, without their seq, and `metrics` the numbers of what was measured.
    """

    kept: Part
    cards: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    policies: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    metrics: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _came: dict[str, bytes] = field(default_factory=dict)
    _units: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _texts: dict[str, PolicyText] = field(default_factory=dict)
    _written: dict[tuple[tuple[str, float], ...], str] = field(default_factory=dict)

    def new_parts(self, entry: Entry) -> list[str]:
        """The digests of the record's parts that are new, which are then known."""
        new = [digest for digest in entry.needs if digest not in self.parts]
        self.parts.update(new)
        return new

    def take(self, digest: str, part: bytes) -> None:
        """Keep a new part until it is read."""
        self._came[digest] = part

    def units(self, glossary: str | None) -> Mapping[str, str]:
        """The unit of every metric in the glossary of that digest."""
        if not glossary:
            return {}
        if glossary not in self._units:
            self._units[glossary] = {
                name: one.unit.value for name, one in wire.read_glossary(self._part(glossary)).items()
            }
        return self._units[glossary]

    def written(self, params: Mapping[str, float]) -> str:
        """A metric's parameters as canonical JSON."""
        key = tuple(params.items())
        if key not in self._written:
            self._written[key] = canonical(params).decode()
        return self._written[key]

    def policy(self, digest: str) -> PolicyText:
        """The policy of that digest."""
        if digest not in self._texts:
            self._texts[digest] = wire.read_policy(self._part(digest))
        return self._texts[digest]

    def _part(self, digest: str) -> bytes:
        return self._came.pop(digest, None) or self.kept(digest)


def parts(entry: Entry, seq: int, known: Known) -> Rows:
    """The rows of `parts` that are new, which are then known; ValueError where one did not come or is none."""
    rows = Rows()
    for digest in known.new_parts(entry):
        part = entry.parts.get(digest)
        if part is None:
            raise ValueError(f"its part {digest[:12]} is missing")
        require_part(digest, part)
        known.take(digest, part)
        rows.append((digest, seq, compress(part)))
    return rows


def derived(entry: Entry, seq: int, known: Known) -> dict[str, Rows]:
    """The rows of every table but `records` and `parts` that record `seq` brings with it, which are then known.

    Raises KeyError, TypeError or ValueError where the record is damaged.
    """
    record = entry.record
    if entry.kind == "event":
        said = record["event"]
        body = canonical(said["body"]).decode()
        return {"events": [(seq, entry.id, said["kind"], said["subject"], said["at"], said["by"], body)]}
    audit = record.audit
    policy = known.policy(audit.policy) if audit.policy else None
    units = known.units(audit.glossary)
    earlier = chain.from_iterable((audit.baselines or {}).values())
    _require_words([*audit.measurements, *audit.verdicts, *earlier], units)
    metrics, measured = _measured(audit, seq, units, known)
    card = _card(audit, record.metadata, policy)
    return {
        "audits": [_audit_row(record, seq, card, policy)],
        "gates": [_gate_row(v, seq, at) for at, v in enumerate(audit.verdicts)],
        "requirements": [(seq, at, r.name, int(r.met)) for at, r in enumerate(audit.requirements)],
        "metrics": metrics,
        "measured": measured,
        "models": _models(record, seq, card, known),
        "policies": _policies(seq, policy, known),
    }


def _require_words(told: Sequence[Any], units: Mapping[str, str]) -> None:
    """Raise ValueError where a measurement or verdict has not all its words, and the glossary none for its metric."""
    if {one.metric for one in told} <= units.keys():
        return
    for one in told:
        if one.metric not in units and None in (one.title, one.unit, getattr(one, "better", "")):
            raise ValueError(f"its glossary does not have {one.metric[:100]}")


def _measured(audit: Any, seq: int, units: Mapping[str, str], known: Known) -> tuple[Rows, Rows]:
    """The rows of `metrics` that are new, and those of `measured`; ValueError where one thing is measured twice."""
    new, rows, numbers = Rows(), {}, known.metrics
    for m in audit.measurements:
        params = known.written(m.params) if m.params else "{}"
        key = (m.metric, params, m.attribute, m.unit or units[m.metric], m.confidence, m.counts_missing)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(numbers) + 1
            new.append((number, seq, *key[:-1], int(m.counts_missing)))
        rows[number] = (seq, number, m.value, m.reason, m.low, m.high, m.n)
    if len(rows) < len(audit.measurements):
        raise ValueError("it measures the same thing twice")
    return new, sorted(rows.values())


def _card(audit: Any, metadata: Mapping[str, str], policy: PolicyText | None) -> dict[str, Any]:
    model = audit.model
    return {key: getattr(model, key) for key in CARD} | {
        "team": metadata.get("team") or model.team,
        "cost_center": metadata.get("cost_center"),
        "next_review": metadata.get("next_review") or (policy.next_review if policy else None),
    }


def _models(record: Any, seq: int, card: Mapping[str, Any], known: Known) -> Rows:
    """The row of `models`, where the description of the model on main is new."""
    name = record.audit.model.id
    row = (name, *(card[key] for key in columns("models")[2:]))
    if record.stage != "main" or known.cards.get(name) == row:
        return []
    known.cards[name] = row
    return [(seq, *row)]


def _policies(seq: int, policy: PolicyText | None, known: Known) -> Rows:
    if policy is None or policy.sha256 in known.policies:
        return []
    known.policies.add(policy.sha256)
    return [(policy.sha256, seq, policy.id, *(getattr(policy, key) for key in columns("policies")[3:]))]


def _audit_row(record: Any, seq: int, card: Mapping[str, Any], policy: PolicyText | None) -> tuple[Any, ...]:
    audit, provenance, corrected = record.audit, record.audit.provenance, record.supersedes
    unmet = sum(not requirement.met for requirement in audit.requirements)
    failing = sum(failed(v.severity, v.outcome) for v in audit.verdicts)
    return (
        seq, record.id, record.stage, provenance.as_of, record.recorded_at, record.author, audit.model.id,
        card["name"], card["version"], card["use_case"], card["team"], card["cost_center"], card["owner"], card["tier"],
        card["lifecycle"], audit.status, int(audit.enforced), headline(audit.status, audit.enforced), audit.profile,
        failing + unmet, *((policy.id, policy.version, policy.sha256) if policy else (None, None, None)),
        provenance.model_sha256, provenance.git_commit, audit.data.rows, canonical(record.metadata).decode(),
        corrected.audit_id if corrected else None, corrected.reason if corrected else None,
    )  # fmt: skip


def _gate_row(verdict: Any, seq: int, position: int) -> tuple[Any, ...]:
    v, limits = verdict, verdict.threshold
    low, high = limits if isinstance(limits, tuple) else (limits, None)
    return (
        seq, position, v.gate_id, v.gate, v.metric, v.attribute, v.severity, v.outcome, v.raw_outcome,
        int(failed(v.severity, v.outcome)), v.value, v.low, v.high, v.n, v.comparison, low, high, v.clause,
    )  # fmt: skip
