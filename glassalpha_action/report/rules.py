"""What a model is held to, in words: the waivers of its gates, and what a change does to its rules."""

from __future__ import annotations

from dataclasses import dataclass

from glassalpha_action import records
from glassalpha_action.records import Audit, WaiverUse
from glassalpha_action.report import words
from glassalpha_action.report.words import Look

STATES = {
    "in_force": Look("⚑", "In force", "caution"),
    "refused": Look("✕", "Refused", "bad"),
    "expired": Look("○", "Expired", "neutral"),
    "not_needed": Look("✓", "Not needed", "good"),
}
EFFECTS = {
    "weakened": Look("▼", "Weakened", "bad"),
    "asked": Look("!", "Needs review", "caution"),
    "strengthened": Look("▲", "Strengthened", "good"),
    "neutral": Look("–", "Neutral", "neutral"),
}
CATEGORIES = {"waiver": "waiver", "mitigated": "risk mitigated", "false_positive": "false positive"}
JUDGED_BY = {
    "base": "the base commit's rules, which are the stricter",
    "head": "this commit's own rules; the base commit's give no stricter verdict",
}


@dataclass(frozen=True)
class Waiver:
    """One waiver of the model: who asked, who approved, how far and how long it reaches, and what came of it."""

    id: str
    gate: str
    look: Look
    category: str
    reason: str
    controls: str
    owner: str
    approved_by: str
    approved_on: str
    expires: str
    ceiling: str
    ticket: str
    message: str


@dataclass(frozen=True)
class Change:
    """One difference from the base commit in what the model is held to."""

    look: Look
    text: str


def waivers(audit: Audit) -> tuple[Waiver, ...]:
    """The model's waivers, those in force first."""
    states = list(STATES)
    return tuple(_waiver(use, audit) for use in sorted(audit.waivers, key=lambda u: (states.index(u.state), u.id)))


def _waiver(use: WaiverUse, audit: Audit) -> Waiver:
    verdict = next((v for v in audit.verdicts if use.gate in {v.gate_id, v.gate}), None)
    return Waiver(
        id=words.name(use.id),
        gate=words.name(verdict.gate if verdict else use.gate),
        look=STATES[use.state],
        category=CATEGORIES.get(use.category, words.name(use.category)),
        reason=words.clip(words.sentence(use.reason), words.TEXT_LIMIT),
        controls=words.sentence(use.compensating_controls or ""),
        owner=words.name(use.owner),
        approved_by=words.name(use.approved_by),
        approved_on=use.approved_on,
        expires=use.expires,
        ceiling=verdict.unit.show_limit(use.ceiling) if verdict else f"{use.ceiling:.12g}",
        ticket=words.name(use.ticket or ""),
        message="" if use.state == "in_force" else words.sentence(use.message),
    )


def changes(audit: Audit) -> tuple[Change, ...]:
    """What differs from the base commit in what the model is held to: the weakened, then what a person must look at."""
    order = list(EFFECTS)
    found = sorted(audit.changes, key=lambda change: order.index(_effect(change)))
    return tuple(Change(EFFECTS[_effect(change)], words.sentence(change.message)) for change in found)


def _effect(change: records.Change) -> str:
    return "asked" if change.asks_for_review and change.effect != "weakened" else change.effect


def judged_by(audit: Audit) -> str:
    """Whose rules gave the verdict; empty where there was nothing to choose from."""
    return f"Judged by {JUDGED_BY[audit.judged_by]}." if audit.changes else ""


def notes(audit: Audit) -> tuple[str, ...]:
    """The audit's notes but for those that the list of changes says again."""
    told = {change.message for change in audit.changes}
    return tuple(note for note in audit.notes if note not in told)
