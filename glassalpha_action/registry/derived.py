"""The rows of every table that a record brings with it: all computed from the record, so that `verify` can do it again.

An audit's JSON leaves out what has its default, so that absent is null here and the few other defaults are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glassalpha_action.digests import canonical, sha256
from glassalpha_action.registry.packing import compress
from glassalpha_action.registry.rows import Cells
from glassalpha_action.vocabulary import failed, headline

MEASURED = ("value", "exact", "reason", "low", "high", "n")
METRIC = ("metric", "params", "attribute", "unit", "confidence")
JUDGED = ("gate_id", "metric", "attribute", "severity", "outcome", "raw_outcome", "value", "low", "high", "n",
          "comparison", "clause")  # fmt: skip
POLICY = ("name", "version", "effective_date", "citation", "owner", "next_review", "text")
CARD = ("name", "version", "use_case", "owner", "developer", "validator", "tier", "lifecycle", "intended_use",
        "limitations")  # fmt: skip
CANDIDATE = "candidate"


@dataclass
class Known:
    """What a registry holds so far that later records refer to instead of repeating it."""

    cards: dict[str, Cells] = field(default_factory=dict)
    policies: set[str] = field(default_factory=set)
    parts: dict[str, int] = field(default_factory=dict)
    metrics: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def learn(self, tables: Mapping[str, list[Cells]]) -> None:
        """Take in the rows that a record brought."""
        for card in tables.get("models", ()):
            self.cards[card["model_id"]] = card
        self.policies.update(policy["sha256"] for policy in tables.get("policies", ()))
        for part in tables.get("parts", ()):
            self.parts[part["sha256"]] = part["id"]
        for metric in tables.get("metrics", ()):
            self.metrics[tuple(metric[key] for key in METRIC)] = metric["id"]


def derived(record: Mapping[str, Any], seq: int, known: Known) -> dict[str, list[Cells]]:
    """The rows of every table but `records` and `parts` that record `seq` brings with it, to what is `known`.

    Raises KeyError, TypeError or ValueError where the record is damaged.
    """
    if record["kind"] == "event":
        said = record["event"]
        cells = {key: said[key] for key in ("kind", "subject", "at", "by")}
        return {"events": [{"seq": seq, "id": record["id"], **cells, "body": canonical(said["body"]).decode()}]}
    audit, policy = record["audit"], record["audit"]["policy"]
    row = _audit_row(audit, record, seq)
    card = {"seq": seq, "model_id": row["model_id"], **_card(audit, record["metadata"])}
    last_card = known.cards.get(row["model_id"])
    changed = last_card is None or any(last_card[key] != card[key] for key in card if key != "seq")
    metrics, measured = _measured(audit.get("measurements", ()), seq, known)
    return {
        "audits": [row],
        "gates": [_gate_row(v, seq, at) for at, v in enumerate(audit.get("verdicts", ()))],
        "requirements": [
            {"seq": seq, "position": at, "name": r["name"], "met": int(r["met"])}
            for at, r in enumerate(audit.get("requirements", ()))
        ],
        "metrics": metrics,
        "measured": measured,
        "models": [card] if record["stage"] == "main" and changed else [],
        "policies": [] if policy is None or policy["sha256"] in known.policies else [
            {"sha256": policy["sha256"], "seq": seq, "policy_id": policy["id"],
             **{key: policy.get(key) for key in POLICY}}
        ],
    }  # fmt: skip


def parts(split: Sequence[tuple[int, bytes]], seq: int, known: Known) -> tuple[list[Cells], str]:
    """The rows of `parts` that are new, and which parts stand where, as `records.parts` says it."""
    new, places = list[Cells](), list[str]()
    for at, part in split:
        digest = sha256(part)
        number = known.parts.get(digest)
        if number is None:
            number = len(known.parts) + len(new) + 1
            new.append({"id": number, "seq": seq, "sha256": digest, "content": compress(part)})
        places.append(f"{at}:{number}")
    return new, " ".join(places)


def _measured(measurements: Any, seq: int, known: Known) -> tuple[list[Cells], list[Cells]]:
    """The rows of `metrics` that are new, and those of `measured`."""
    new, rows = dict[tuple[Any, ...], int](), list[Cells]()
    for at, m in enumerate(measurements):
        given = m.get
        params = given("params")
        key = (m["metric"], canonical(params).decode() if params else "{}", given("attribute"), m["unit"],
               given("confidence"))  # fmt: skip
        number = known.metrics.get(key) or new.setdefault(key, len(known.metrics) + len(new) + 1)
        rows.append({"seq": seq, "position": at, "metric_id": number, "value": m["value"], "exact": given("exact"),
                     "reason": given("reason"), "low": given("low"), "high": given("high"), "n": m["n"]})  # fmt: skip
    return [{"id": number, "seq": seq, **dict(zip(METRIC, key, strict=True))} for key, number in new.items()], rows


def _card(audit: Mapping[str, Any], metadata: Mapping[str, str]) -> Cells:
    model, policy = audit["model"], audit["policy"] or {}
    return {key: model.get(key) for key in CARD} | {
        "lifecycle": model.get("lifecycle", CANDIDATE),
        "team": metadata.get("team") or model.get("team"),
        "cost_center": metadata.get("cost_center"),
        "next_review": metadata.get("next_review") or policy.get("next_review"),
    }


def _audit_row(audit: Mapping[str, Any], record: Mapping[str, Any], seq: int) -> Cells:
    card, policy, provenance = _card(audit, record["metadata"]), audit["policy"] or {}, audit["provenance"]
    unmet = sum(not requirement["met"] for requirement in audit.get("requirements", ()))
    corrected = record.get("supersedes") or {}
    return {
        "seq": seq, "audit_id": record["id"], "stage": record["stage"], "as_of": provenance["as_of"],
        "recorded_at": record["recorded_at"], "author": record["author"], "model_id": audit["model"]["id"],
        "model_name": card["name"], "model_version": card["version"],
        **{key: card[key] for key in ("use_case", "team", "cost_center", "owner", "tier", "lifecycle")},
        "status": audit["status"], "enforced": int(audit["enforced"]),
        "headline": headline(audit["status"], audit["enforced"]), "profile": audit.get("profile", "prod"),
        "failed_gates": sum(failed(v["severity"], v["outcome"]) for v in audit.get("verdicts", ())) + unmet,
        "policy_id": policy.get("id"), "policy_version": policy.get("version"), "policy_sha256": policy.get("sha256"),
        "model_sha256": provenance.get("model_sha256"), "git_commit": provenance.get("git_commit"),
        "data_rows": audit["data"]["rows"], "metadata": canonical(record["metadata"]).decode(),
        "supersedes": corrected.get("audit_id"), "reason": corrected.get("reason"),
    }  # fmt: skip


def _gate_row(verdict: Mapping[str, Any], seq: int, position: int) -> Cells:
    limits = verdict["threshold"]
    low, high = limits if isinstance(limits, list | tuple) else (limits, None)
    return {
        "seq": seq, "position": position, "gate_name": verdict["gate"], "threshold": low, "threshold_high": high,
        "failed": int(failed(verdict["severity"], verdict["outcome"])), **{key: verdict.get(key) for key in JUDGED},
    }  # fmt: skip
