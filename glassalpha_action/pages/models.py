"""A model's page: its status, its gates, fairness by group, curves, history, card and downloads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass

from glassalpha_action.pages.data import Model, Page, Past, Portfolio
from glassalpha_action.pages.portfolio import search_text
from glassalpha_action.pages.render import render
from glassalpha_action.pages.sparkline import Sparkline, sparkline
from glassalpha_action.policy.compare import TOLERANCE
from glassalpha_action.records import Audit, Group, Measurement, Verdict
from glassalpha_action.report import rules, verdicts
from glassalpha_action.report.background import questions
from glassalpha_action.report.words import required, requirement, short, shown, span
from glassalpha_action.vocabulary import WORST_OUTCOME_FIRST, Comparison, Outcome, Severity, Unit

SHOWN_AUDITS = 6
CURVE_POINTS = 12
GROUP_CURVES = 4
SHOWN_GROUPS = 20
HEADLINE_RATE = "selection rate"
HEADLINE_RATES = frozenset({HEADLINE_RATE, "true positive rate"})
HEADLINES = frozenset({
    "roc_auc", "average_precision", "accuracy", "precision", "recall", "expected_calibration_error", "brier_score",
    "max_shift_degradation", "population_stability_index", "rmse", "mae", "r2",
})  # fmt: skip
CARD = (
    ("name", "Name"),
    ("version", "Version"),
    ("use_case", "Use case"),
    ("team", "Team"),
    ("owner", "Owner"),
    ("developer", "Developer"),
    ("validator", "Validator"),
    ("tier", "Tier"),
    ("lifecycle", "Lifecycle"),
    ("intended_use", "Intended use"),
    ("limitations", "Limitations"),
)
PROSE = {"intended_use", "limitations"}
ABOVE = {Comparison.greater_than, Comparison.greater_than_or_equal}
BELOW = {Comparison.less_than, Comparison.less_than_or_equal}


@dataclass(frozen=True)
class GateLine:
    """One gate as a reader sees it: every number already written out in its metric's unit."""

    verdict: Verdict
    value: str
    threshold: str
    margin: str
    interval: str
    by_attribute: tuple[tuple[str, Outcome, str], ...]
    trend: Sparkline | None


@dataclass(frozen=True)
class GroupLine:
    """One level of an attribute: its rate in words and as a place on a scale from 0 to 100."""

    group: Group
    value: str
    interval: str
    at: float | None
    reach: tuple[float, float] | None


@dataclass(frozen=True)
class FairnessTable:
    """One rate (`of`) by the groups of one attribute, and the metrics made of it as (title, value or reason)."""

    of: str
    attribute: str | None
    findings: tuple[tuple[str, str], ...]
    lines: tuple[GroupLine, ...]
    hidden: int = 0


def model_page(model: Model, portfolio: Portfolio) -> Page:
    """The page of one model; every statement on it comes from the Audit and from its history."""
    audit = model.audit
    gates = gate_lines(model)
    fairness = fairness_tables(audit)
    charts = charts_data(audit)
    places = [
        ("gates", "Gates", bool(gates)),
        ("fairness", "Fairness by group", bool(fairness)),
        ("curves", "Calibration and ROC", bool(charts)),
        ("history", "History", True),
        ("card", "Model card", True),
        ("provenance", "Data and provenance", True),
        ("downloads", "Downloads", True),
    ]
    body = render(
        "model.html",
        sections=[(anchor, words) for anchor, words, there in places if there],
        model=model,
        audit=audit,
        portfolio=portfolio,
        root="../../",
        age=portfolio.age(model),
        gates=gates,
        failed=[line for line in gates if line.verdict.failed],
        unmet=[(requirement(need.name), need.message) for need in audit.requirements if not need.met],
        met=[requirement(need.name) for need in audit.requirements if need.met],
        digests=_digests(audit),
        fairness=fairness,
        charts=charts,
        more_curves=max(0, sum(curve.level is not None for curve in audit.charts.roc) - GROUP_CURVES),
        other=other_measurements(audit),
        more=_unshown(audit),
        changes=rules.changes(audit),
        judged_by=rules.judged_by(audit),
        notes=rules.notes(audit),
        banner=verdicts.banner(audit),
        waivers=rules.waivers(audit),
        contacts=questions(audit),
        card=_card(audit),
        history=_history(model),
        hidden_audits=max(0, len(model.history) - SHOWN_AUDITS),
    )
    return Page(short(model.id, 80), body, search_text(model))


def gate_lines(model: Model) -> list[GateLine]:
    """The gates of the latest audit, the worst first, then in the policy's order."""
    severities = list(Severity)
    found = sorted(
        model.audit.verdicts, key=lambda v: (WORST_OUTCOME_FIRST.index(v.outcome), severities.index(v.severity))
    )
    return [_gate_line(verdict, model) for verdict in found]


def _gate_line(verdict: Verdict, model: Model) -> GateLine:
    limit = verdict.threshold if isinstance(verdict.threshold, float | int) else None
    unit = verdict.unit
    points = [past.gates[verdict.gate_id][0] for past in model.history if verdict.gate_id in past.gates]
    judged = tuple(
        (
            judged.attribute or "whole model",
            judged.outcome,
            judged.reason if judged.reason and judged.value is None else shown(unit, judged.value, verdict.threshold),
        )
        for judged in verdict.judged
    )
    return GateLine(
        verdict,
        shown(unit, verdict.value, verdict.threshold),
        required(unit, verdict.comparison, verdict.threshold),
        _margin(verdict),
        span(unit, verdict.low, verdict.high),
        judged if len(judged) > 1 else (),
        sparkline(points, limit),
    )


def _margin(verdict: Verdict) -> str:
    """How far the value lies on the right side (+) or the wrong side (−) of its threshold; on it, it has no side."""
    value, limit = verdict.value, verdict.threshold
    if value is None or limit is None:
        return ""
    if isinstance(limit, tuple):
        room = min(value - limit[0], limit[1] - value)
    elif verdict.comparison in ABOVE:
        room = value - limit
    elif verdict.comparison in BELOW:
        room = limit - value
    else:
        return ""
    if abs(room) <= TOLERANCE:
        return "on the threshold"
    return f"margin {'−' if room < 0 else '+'}{verdict.unit.show(abs(room), beside=0.0)}"


def fairness_tables(audit: Audit) -> list[FairnessTable]:
    """The rates by group that gates judge and the headline one, each once, with the fairness metrics made of it."""
    judged = {verdict.metric for verdict in audit.verdicts}
    tables: dict[tuple[object, ...], list[Measurement]] = {}
    for found in audit.measurements:
        known = audit.glossary.get(found.metric)
        if found.groups and found.subject is None and (known is None or known.family == "fairness"):
            tables.setdefault((found.attribute, found.of, found.groups), []).append(found)
    gated = [made for made in tables.values() if any(found.metric in judged for found in made)]
    head = [made for made in tables.values() if made[0].of in HEADLINE_RATES and not made[0].combines]
    shown = [made for made in tables.values() if made in gated or made in head]
    return [_fairness_table(made, judged) for made in shown]


def _fairness_table(made: list[Measurement], judged: Collection[str]) -> FairnessTable:
    """The table of one rate; of what is made of it, all for the headline rate, else that which gates judge, if any."""
    first = made[0]
    told = made if first.of == HEADLINE_RATE else [found for found in made if found.metric in judged] or made
    lines = tuple(_group_line(group) for group in first.groups[:SHOWN_GROUPS])
    hidden = len(first.groups) - len(lines)
    return FairnessTable(first.of or first.title, first.attribute, tuple(map(_finding, told)), lines, hidden)


def _finding(found: Measurement) -> tuple[str, str]:
    return found.title, found.reason or "not estimable" if found.value is None else found.unit.show(found.value)


def _group_line(group: Group) -> GroupLine:
    value = group.reason or "not estimable" if group.value is None else Unit.share.show(group.value)
    at, low, high = (_percent(end) for end in (group.value, group.low, group.high))
    reach = None if at is None or low is None or high is None else (low, high)
    return GroupLine(group, value, span(Unit.share, group.low, group.high), at, reach)


def _percent(value: float | None) -> float | None:
    """A share's place on a scale from 0 to 100; None for what is no share."""
    return round(100 * value, 1) if value is not None and 0 <= value <= 1 else None


def other_measurements(audit: Audit) -> list[tuple[Measurement, str, str]]:
    """The headline numbers that have no gate: (measurement, value, interval); the report has the others."""
    judged = {verdict.metric for verdict in audit.verdicts}
    return [
        (found, found.unit.show(found.value), span(found.unit, found.low, found.high))
        for found in audit.measurements
        if found.metric in HEADLINES and found.metric not in judged and found.attribute is None
        if found.value is not None
    ]


def _unshown(audit: Audit) -> int:
    """How many metrics the audit holds beyond those on the page."""
    shown = {verdict.metric for verdict in audit.verdicts} | HEADLINES
    shown |= {found.metric for found in audit.measurements if found.of in HEADLINE_RATES}
    return len({found.metric for found in audit.measurements} - shown)


def charts_data(audit: Audit) -> dict[str, object]:
    """Curves as short lists of thousandths, thinned so that the page stays light; the whole curve is in audit.json."""
    content: dict[str, object] = {}
    whole = [curve for curve in audit.charts.roc if curve.level is None][:1]
    levels = [curve for curve in audit.charts.roc if curve.level is not None][:GROUP_CURVES]
    if whole:
        content["roc"] = [
            {
                "name": "All" if curve.level is None else short(f"{curve.attribute}: {curve.level}", 30),
                "auc": None if curve.auc is None else round(curve.auc, 3),
                "points": _thinned(curve.points),
            }
            for curve in whole + levels
        ]
    if audit.charts.calibration:
        content["calibration"] = [
            [round(1000 * x) for x in (b.mean_score, b.observed, b.observed_low, b.observed_high)] + [b.n]
            for b in audit.charts.calibration
        ]
    return content


def _thinned(points: tuple[tuple[float, float], ...]) -> list[int]:
    """At most 12 points, evenly along the curve, as x, y, x, y, … in thousandths."""
    kept = points
    if len(points) > CURVE_POINTS:
        along = [x + y for x, y in points]
        places = [bisect_left(along, 2 * k / (CURVE_POINTS - 1)) for k in range(CURVE_POINTS - 1)]
        kept = tuple(points[k] for k in sorted({*places, len(points) - 1}))
    return [round(1000 * part) for point in kept for part in point]


def _card(audit: Audit) -> list[tuple[str, str]]:
    declared = [(field, words, getattr(audit.model, field) or "not declared") for field, words in CARD]
    return [("Model id", short(audit.model.id, 200))] + [
        (words, value if field in PROSE else short(value, 160)) for field, words, value in declared
    ]


def _digests(audit: Audit) -> list[tuple[str, str]]:
    """What else went in, by its digest; only what is known."""
    found = (
        ("Predictions", audit.provenance.predictions_sha256),
        ("Configuration", audit.provenance.config_sha256),
        ("Policy", audit.provenance.policy_sha256 or (audit.policy.sha256 if audit.policy else None)),
    )
    return [(words, digest) for words, digest in found if digest]


def _history(model: Model) -> dict[str, object]:
    """The latest audits, newest first, and each one's value and outcome on the gates that are in force now."""
    gates = [(verdict.gate_id, verdict) for verdict in model.audit.verdicts]
    return {
        "gates": [verdict for _, verdict in gates],
        "lines": [
            (past, [_cell(past, gate_id, verdict) for gate_id, verdict in gates])
            for past in model.history[: -SHOWN_AUDITS - 1 : -1]
        ],
    }


def _cell(past: Past, gate_id: str, verdict: Verdict) -> tuple[str, str]:
    if gate_id not in past.gates:
        return "–", ""
    value, outcome = past.gates[gate_id]
    return shown(verdict.unit, value, verdict.threshold), outcome
