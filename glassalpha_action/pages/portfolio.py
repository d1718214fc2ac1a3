"""The first page: how the portfolio stands, what needs attention, and every model in one table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from glassalpha_action.pages.data import Model, Page, Portfolio
from glassalpha_action.pages.policies import overdue
from glassalpha_action.pages.render import render
from glassalpha_action.pages.slugs import slug
from glassalpha_action.records import Verdict
from glassalpha_action.report import words
from glassalpha_action.vocabulary import WORST_STATUS_FIRST, Outcome, Severity, Status

CARDS = (Status.PASSED, Status.REVIEW, Status.BLOCKED, Status.NO_POLICY)
MONTHS = 12
FOUND_BY = 40


@dataclass(frozen=True)
class Bar:
    """One bar: a label, what finds its models in the table, its total, its parts as (status or None, count)."""

    label: str
    find: str
    total: int
    parts: tuple[tuple[str | None, int], ...]


def portfolio_page(portfolio: Portfolio) -> Page:
    """The page at the top of the site; where no model is recorded yet, what to do next."""
    if not portfolio.models:
        return Page("Portfolio", render("empty.html"), search="No audit is recorded yet: how to record the first one.")
    counts = Counter(model.audit.status for model in portfolio.models)
    body = render(
        "portfolio.html",
        portfolio=portfolio,
        total=len(portfolio.models),
        cards=[
            (status, counts[status], _unenforced(portfolio, status), _approved(portfolio, status)) for status in CARDS
        ],
        attention=_attention(portfolio),
        overdue=overdue(portfolio),
        teams=_by_team(portfolio),
        gates=_failed_gates(portfolio),
        trend=_trend(portfolio),
        **table(portfolio, root=""),
    )
    return Page(
        "Portfolio", body, search="Portfolio: counts by status, models that need attention, failed gates, trend."
    )


def models_page(portfolio: Portfolio) -> Page:
    """The table of all models on a page of its own."""
    body = render("models.html", portfolio=portfolio, **table(portfolio, root="../"))
    return Page("Models", body, search="All models: sort, filter and download the table as CSV or JSON.")


def table(portfolio: Portfolio, root: str) -> dict[str, object]:
    """What the table's template needs; `root` leads from the page to the top of the site."""
    return {
        "root": root,
        "lines": [(model, portfolio.age(model), _waived(model)) for model in portfolio.models],
        "statuses": [
            status for status in WORST_STATUS_FIRST if any(m.audit.status is status for m in portfolio.models)
        ],
        "team_names": sorted({(model.team_key, model.team) for model in portfolio.models}, key=lambda pair: pair[1]),
    }


def _unenforced(portfolio: Portfolio, status: Status) -> int:
    return sum(model.audit.status is status and not model.audit.enforced for model in portfolio.models)


def _approved(portfolio: Portfolio, status: Status) -> int:
    return sum(model.audit.status is status and model.approved for model in portfolio.models)


def _waived(model: Model) -> int:
    return sum(verdict.outcome is Outcome.WAIVED for verdict in model.audit.verdicts)


def _attention(portfolio: Portfolio) -> list[tuple[Model, list[str], int, int]]:
    """Models that did not pass, the worst first: each with its reasons, its age in days and its number of waived gates.

    Blocked models stand before those without policy, and these before those for review.
    """
    found = [
        (model, _reasons(model), portfolio.age(model), _waived(model))
        for model in portfolio.models
        if model.audit.status is not Status.PASSED
    ]
    return sorted(
        found,
        key=lambda line: (
            WORST_STATUS_FIRST.index(line[0].audit.status),
            not line[0].audit.enforced,
            -line[0].audit.failed_gates,
            -line[2],
            line[0].id,
        ),
    )


def _reasons(model: Model) -> list[str]:
    audit = model.audit
    if audit.status is Status.NO_POLICY:
        return ["No policy applies to this model, so nothing was judged."]
    unmet = [f"Requirement not met: {need.message}" for need in audit.requirements if not need.met]
    failed = [f"{v.gate}: {v.message}" for v in audit.verdicts if v.failed and v.severity is Severity.error]
    warned = [f"{v.gate}: {v.message}" for v in audit.verdicts if v.failed and v.severity is not Severity.error]
    waived = [_open(v) for v in audit.verdicts if v.outcome is Outcome.WAIVED]
    undecided = [_open(v) for v in audit.verdicts if v.outcome is Outcome.INCONCLUSIVE and not v.failed]
    return failed + unmet + waived + warned + undecided or ["The audit gives no failed gate; see its notes."]


def _open(verdict: Verdict) -> str:
    return f"{verdict.gate} ({words.OUTCOMES[verdict.outcome].word.lower()}): {verdict.message}"


def _by_team(portfolio: Portfolio) -> list[Bar]:
    teams: dict[str, Counter[Status]] = {}
    for model in portfolio.models:
        teams.setdefault(model.team, Counter())[model.audit.status] += 1
    bars = [
        Bar(
            team,
            slug(team),
            counts.total(),
            tuple((status.value, counts[status]) for status in WORST_STATUS_FIRST if counts[status]),
        )
        for team, counts in teams.items()
    ]
    return sorted(
        bars, key=lambda bar: (-sum(n for s, n in bar.parts if s == "BLOCKED") / bar.total, -bar.total, bar.label)
    )


def _failed_gates(portfolio: Portfolio) -> list[Bar]:
    """How many models fail each gate, or do not meet each requirement, the most failed first."""
    counts = Counter(gate for model in portfolio.models for gate in {*model.failed})
    return [
        Bar(gate, gate[:FOUND_BY], n, ((None, n),))
        for gate, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _trend(portfolio: Portfolio) -> list[tuple[str, dict[str, int]]]:
    """Standing statuses at the end of each of the last twelve months: the latest audit each model had by then."""
    months = _months(portfolio.as_of)
    counts = {month: Counter[str]() for month in months}
    for model in portfolio.models:
        for month in months:
            if standing := model.standing(month):
                counts[month][standing.status] += 1
    return [
        (month, {status.value: counts[month][status.value] for status in WORST_STATUS_FIRST})
        for month in months
        if counts[month]
    ]


def _months(as_of: str) -> list[str]:
    last = int(as_of[:4]) * 12 + int(as_of[5:7]) - 1
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last - MONTHS + 1, last + 1)]


def search_text(model: Model) -> str:
    """What the search finds a model by: its names, its people, its status and what fails."""
    audit, card = model.audit, model.audit.model
    names = [
        "Approved" if model.approved else None,
        audit.headline,
        card.name,
        model.team,
        card.owner,
        card.use_case,
        audit.policy.name if audit.policy else None,
    ]
    failed = [f"fails {gate}" for gate in model.failed]
    return words.short(". ".join(filter(None, [*names, *failed])), 400)
