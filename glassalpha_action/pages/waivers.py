"""The waivers of every model: those in force first, and among them those that end first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from glassalpha_action.pages.data import Model, Page, Portfolio
from glassalpha_action.pages.render import render
from glassalpha_action.report import rules, words

SOON = 14


@dataclass(frozen=True)
class Line:
    """One waiver of one model, and the days from the portal's day to its last."""

    model: Model
    waiver: rules.Waiver
    days: int

    @property
    def ends(self) -> str:
        """When it ends, seen from the portal's day; empty for a refused one, which never began.

        An audit may be older than the waiver is long.
        """
        if self.waiver.look == rules.STATES["refused"]:
            return ""
        if self.days < 0:
            return f"ended {words.count(-self.days, 'day')} ago"
        return "ends today" if self.days == 0 else f"ends in {words.count(self.days, 'day')}"

    @property
    def soon(self) -> bool:
        """Whether somebody must act: it is in force by the latest audit and ends within 14 days, or has ended."""
        return self.waiver.look == rules.STATES["in_force"] and self.days <= SOON


def waiver_lines(models: Iterable[Model], as_of: str) -> list[Line]:
    """Every waiver that a latest audit of `models` names, seen from the day `as_of`."""
    lines = [
        Line(model, waiver, (date.fromisoformat(waiver.expires) - date.fromisoformat(as_of)).days)
        for model in models
        if model.audit.waivers
        for waiver in rules.waivers(model.audit)
    ]
    states = list(rules.STATES.values())
    return sorted(lines, key=lambda x: (states.index(x.waiver.look), x.waiver.expires, x.model.id, x.waiver.id))


def waivers_page(portfolio: Portfolio) -> Page:
    """The page of all waivers; where there is none, what a waiver is."""
    lines = waiver_lines(portfolio.models, portfolio.as_of)
    live = sum(line.waiver.look == rules.STATES["in_force"] for line in lines)
    body = render("waivers.html", lines=lines, live=live, portfolio=portfolio, root="../")
    return Page("Waivers", body, search="Waivers in force, refused and expired: who asked, who approved, until when.")
