"""The portal in Chromium, opened from a folder: looks are checked by eye, everything else here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from glassalpha_action.cli.portal import build
from glassalpha_action.records import sealed
from glassalpha_action.report import render_html
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.pages.portfolios import HOSTILE, hostile_audit, registry
from tests.report.audits import waived

pytestmark = pytest.mark.e2e
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
MODEL = "models/credit_v2/index.html"
PAGES = ("index.html", "models/index.html", MODEL, "policies/index.html", "policies/sample-policy/1.0/index.html",
         "waivers/index.html", "models/waived_v1/index.html",
         "about/index.html", "guides/getting-started.html", "guides/exit-codes.html")  # fmt: skip
STATUSES = (Status.PASSED, Status.REVIEW, Status.NO_POLICY, Status.BLOCKED)


@dataclass
class Seen:
    """A page, and what it did beyond showing itself."""

    page: Page
    root: Path
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"file://{self.root}/{path}")
        self.page.wait_for_load_state("load")
        if self.page.query_selector("[data-ga-chart]"):
            self.page.wait_for_selector("[data-ga-chart] .main-svg", state="attached")
        return self.page

    def rows(self) -> list[str]:
        return self.page.locator("#ga-models tbody tr:not([hidden]) th").all_inner_texts()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal of ordinary and hostile models."""
    folder = tmp_path_factory.mktemp("portal")
    teams = ("credit-risk", "fraud", "lending")
    audits = [samples.audit(f"model_{k:02d}", STATUSES[k % 4], f"2025-01-{k + 1:02d}", teams[k % 3]) for k in range(12)]
    audits += [samples.audit("credit_v2", Status.BLOCKED, f"2024-{month:02d}-05") for month in range(3, 13)]
    audits += [hostile_audit(name) for name in HOSTILE]
    audits.append(sealed(waived().model_copy(update={"model": samples.audit("waived_v1").model})))
    return build(registry(folder / "registry.db", audits), folder / "out", reports=None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(params=[(1280, "light"), (390, "light"), (1280, "dark"), (390, "dark")], ids=lambda p: f"{p[0]}-{p[1]}")
def shape(request: pytest.FixtureRequest) -> tuple[int, str]:
    """The width of the window and the colour scheme of the system."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def seen(browser: Browser, portal: Path) -> Iterator[Seen]:
    """A wide, light window on the portal."""
    yield from look(browser, portal, 1280, "light")


def look(browser: Browser, portal: Path, width: int, scheme: str) -> Iterator[Seen]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    made = Seen(page, portal)
    page.on(
        "request", lambda r: made.outside.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
    )
    page.on("console", lambda m: made.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (made.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield made
    context.close()


@pytest.fixture(scope="session")
def axe() -> Path:
    """The accessibility checker's script, as its Python distribution carries it."""
    return Path(axe_playwright_python.__file__).parent / "axe.min.js"


def test_every_shape_is_accessible_fits_the_window_and_asks_nobody(
    browser: Browser, portal: Path, shape: tuple[int, str], axe: Path
) -> None:
    hostile = [
        f"{path.parent.relative_to(portal)}/index.html" for path in portal.glob("models/script-alert*/index.html")
    ]
    assert hostile
    for seen in look(browser, portal, *shape):
        for path in (*PAGES, *hostile):
            page = seen.open(path)
            page.add_script_tag(path=axe)
            found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa'], preload: false})")
            assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]] == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert seen.outside == []
        assert seen.complaints == []


def test_the_table_sorts_by_click_and_by_keyboard_and_says_so(seen: Seen) -> None:
    page = seen.open("models/index.html?team=fraud")
    head = page.locator("th[data-key=audited]")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [text.split("\n")[0] for text in seen.rows()] == ["model_10", "model_07", "model_04", "model_01"]
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [text.split("\n")[0] for text in seen.rows()] == ["model_01", "model_04", "model_07", "model_10"]
    assert page.url.endswith("?team=fraud&sort=audited")


def test_sorting_by_status_puts_the_gravest_first(seen: Seen) -> None:
    page = seen.open("models/index.html?find=model_&sort=status")
    shown = page.locator("#ga-models tbody tr:not([hidden]) td:nth-child(3)").all_inner_texts()
    assert shown == ["Blocked"] * 3 + ["No policy"] * 3 + ["Needs review"] * 3 + ["Passed"] * 3


def test_filters_join_are_counted_and_live_in_the_address(seen: Seen) -> None:
    page = seen.open("index.html")
    total = 14 + len(HOSTILE)
    assert page.inner_text("[data-ga-shown]") == f"{total} models"
    page.select_option("[name=status]", "BLOCKED")
    page.select_option("[name=team]", "lending")
    assert [text.split("\n")[0] for text in seen.rows()] == ["model_11"]
    assert page.inner_text("[data-ga-shown]") == f"1 of {total} models"
    page.reload()
    assert [text.split("\n")[0] for text in seen.rows()] == ["model_11"]
    page.fill("[name=find]", "nothing like it")
    assert page.is_visible("[data-ga-none]")
    page.click("[data-ga-clear]")
    page.wait_for_function("document.querySelector('[data-ga-none]').hidden")
    assert len(seen.rows()) == total
    assert "?" not in page.url


def test_an_address_from_outside_cannot_do_more_than_filter(seen: Seen) -> None:
    seen.open("index.html?find=<img src=x onerror=alert(1)>&status=__proto__&sort=constructor&team='>")
    assert seen.complaints == []
    assert seen.outside == []


def test_a_gate_on_the_first_page_leads_to_the_models_that_fail_it(seen: Seen) -> None:
    page = seen.open("index.html")
    page.click(".ga-bars a[href*=find] >> nth=0")
    page.wait_for_load_state("load")
    assert "?find=" in page.url
    assert 0 < len(seen.rows()) < 14 + len(HOSTILE)
    assert not page.is_checked("#__search"), "the search of the whole site does not open over the table"


def test_a_status_card_leads_to_its_models(seen: Seen) -> None:
    page = seen.open("index.html")
    page.click("a.ga-card:has-text('No policy')")
    page.wait_for_function("new URLSearchParams(location.search).get('status') === 'NO_POLICY'")
    assert len(seen.rows()) == 3


def test_search_works_from_a_folder_and_shows_hostile_names_as_text(seen: Seen) -> None:
    page = seen.open("index.html")
    page.click("input.md-search__input")
    page.keyboard.type("credit_v2")
    page.wait_for_selector(".md-search-result__item a")
    assert "models/credit_v2/index.html" in (
        page.locator(".md-search-result__item a").first.get_attribute("href") or ""
    )
    page.fill("input.md-search__input", "")
    page.keyboard.type("alert")
    page.wait_for_selector(".md-search-result__item :text('<script>alert(1)</script>')")
    assert page.locator(".md-search-result script, .md-search-result img").count() == 0
    assert seen.complaints == []


def test_the_way_to_a_model_and_back_works_from_a_folder(seen: Seen) -> None:
    page = seen.open("index.html")
    page.click("#ga-models a:has-text('credit_v2')")
    page.wait_for_url(f"**/{MODEL}")
    page.click(".ga-facts a")
    page.wait_for_url("**/policies/sample-policy/1.0/index.html")
    page.click("a.md-logo >> visible=true")
    page.wait_for_url("**/out/index.html")


def test_charts_are_drawn_follow_the_scheme_and_stand_as_tables_too(seen: Seen) -> None:
    page = seen.open(MODEL)
    ink = "getComputedStyle(document.querySelector('[data-ga-chart=roc] .xtick text')).fill"
    light = page.evaluate(ink)
    page.click("label[for=__palette_1]")
    page.wait_for_function(f"{ink} !== '{light}'")
    page.click("[data-ga-table=calibration] summary")
    rows = page.locator("[data-ga-table=calibration] tbody tr")
    assert rows.count() == 10
    assert rows.nth(2).locator("td").all_inner_texts() == ["0.25", "0.23", "0.1", "0.36", "30"]


def test_printing_is_dark_on_white_in_the_dark_scheme_too(browser: Browser, portal: Path) -> None:
    for seen in look(browser, portal, 1280, "dark"):
        page = seen.open(MODEL)
        page.emulate_media(media="print", color_scheme="dark")
        colour = "getComputedStyle(document.querySelector('{}')).{}"
        assert page.evaluate(colour.format("h1", "color")) == "rgb(29, 39, 51)"
        assert page.evaluate(colour.format("body", "backgroundColor")) in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
        assert not page.is_visible(".md-header")
        assert page.is_visible(".ga-foot")
        size = "parseFloat(getComputedStyle(document.querySelector('{}')).fontSize)"
        assert page.evaluate(f"{size.format('.ga-gates small')} < {size.format('.ga-gates td')}")
        assert page.pdf(format="A4").startswith(b"%PDF-")


def test_links_of_the_dark_scheme_have_its_own_colour(browser: Browser, portal: Path) -> None:
    for seen in look(browser, portal, 1280, "dark"):
        page = seen.open("index.html")
        colour = page.evaluate("getComputedStyle(document.querySelector('.ga-list a')).color")
        assert colour == "rgb(143, 185, 242)"


def test_a_narrow_window_shows_tables_whole(browser: Browser, portal: Path) -> None:
    inside = (
        "cell => cell.getBoundingClientRect().right <= cell.closest('.ga-scroll').getBoundingClientRect().right + 1"
    )
    for seen in look(browser, portal, 390, "light"):
        for path, cells in (
            ("models/index.html?find=model_", "#ga-models tbody tr:not([hidden]) td:nth-child(5)"),
            ("policies/index.html?", ".ga-policies tr:has(a[href*=sample]) td:last-child"),
            ("models/waived_v1/index.html", ".ga-waivers td, .ga-gates td"),
        ):
            page = seen.open(path)
            found = page.locator(cells)
            assert found.count() > 0, path
            assert found.evaluate_all(f"cells => cells.every({inside})"), path


@pytest.mark.parametrize(("width", "stacked"), [(390, True), (1280, False)])
def test_a_report_in_a_narrow_window_stacks_its_gates_and_waivers(
    browser: Browser, tmp_path: Path, axe: Path, width: int, stacked: bool
) -> None:
    (tmp_path / "report.html").write_text(render_html(waived()), encoding="utf-8")
    for seen in look(browser, tmp_path, width, "light"):
        page = seen.open("report.html")
        for table in ("gates", "waivers"):
            cells = page.locator(f".{table} td:visible")
            assert cells.count() > 5
            assert cells.evaluate_all("cells => cells.every(cell => cell.getBoundingClientRect().right <= innerWidth)")
            label = f"getComputedStyle(document.querySelector('.{table} td:nth-child(4)'), '::before').content"
            assert (page.evaluate(label) != "none") is stacked
        page.evaluate(axe.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa'], preload: false})")
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]] == []
