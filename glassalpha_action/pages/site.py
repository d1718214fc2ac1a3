"""The whole portal: path -> page or file."""

from __future__ import annotations

from collections.abc import Iterator

from glassalpha_action.pages.data import Page, Portfolio
from glassalpha_action.pages.downloads import history_csv, models_csv, models_json
from glassalpha_action.pages.models import model_page
from glassalpha_action.pages.policies import policies, policies_page, policy_page
from glassalpha_action.pages.portfolio import models_page, portfolio_page
from glassalpha_action.pages.render import render
from glassalpha_action.pages.waivers import waivers_page


def site(portfolio: Portfolio) -> dict[str, Page | bytes]:
    """Every generated page (paths end in .md, as MkDocs wants them) and download of the portal."""
    made: dict[str, Page | bytes] = {}
    for path, content in _all(portfolio):
        if path in made:
            raise ValueError(f"two pages of the portal would lie at {path}")
        made[path] = content
    return made


def _all(portfolio: Portfolio) -> Iterator[tuple[str, Page | bytes]]:
    yield "index.md", portfolio_page(portfolio)
    yield "about/index.md", about_page(portfolio)
    yield "models/index.md", models_page(portfolio)
    yield "policies/index.md", policies_page(portfolio)
    yield "waivers/index.md", waivers_page(portfolio)
    yield "downloads/models.json", models_json(portfolio)
    yield "downloads/models.csv", models_csv(portfolio)
    for policy in policies(portfolio):
        yield f"{policy.folder}/index.md", policy_page(policy, portfolio)
    for model in portfolio.models:
        yield f"{model.folder}/index.md", model_page(model, portfolio)
        yield f"{model.folder}/audit.json", model.json
        yield f"{model.folder}/history.csv", history_csv(model)


def about_page(portfolio: Portfolio) -> Page:
    """What the portal is, what its words mean and how to check it."""
    return Page(
        "About",
        render("about.html", portfolio=portfolio, root="../"),
        "What the portal shows, what its words mean, how to check it.",
    )


def footer(portfolio: Portfolio) -> str:
    """The line under every page, as HTML: day, registry anchor, tool version."""
    return render("footer.html", portfolio=portfolio)
