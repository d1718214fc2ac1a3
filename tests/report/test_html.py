import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from glassalpha_action.records import Audit
from glassalpha_action.report import render_html
from glassalpha_action.report.view import view
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.report import audits

AUDITS = {
    "blocked": samples.audit(),
    "review": samples.audit(status=Status.REVIEW),
    "large": audits.large(),
    "dev": audits.dev(),
    "bare": audits.bare(),
}
HOSTILE = [*audits.HOSTILE, "x" * 10_000, "\u05d0\u200f\u202b mixed", "{{ view }}{% raw %}"]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, its visible text, its headings and scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.headings: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag in {"meta", "link", "img", "br", "line", "circle", "rect", "polyline"}:
            self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] += data
        elif not {"style", "pre"} & set(self.open):
            self.text.append(data)
            if self.open and self.open[-1] == "h2":
                self.headings.append(data)


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_no_raw_value_and_no_unexplained_gap_is_shown(audit: Audit) -> None:
    text = " ".join(Page(render_html(audit)).text)
    assert not audits.RAW.search(text)
    assert audit.audit_id in text


def test_a_reader_finds_the_parts_in_order() -> None:
    page = Page(render_html(audits.large()))
    assert page.headings == [
        "Verdict",
        "What needs attention",
        "Gates",
        "Performance",
        "Calibration",
        "Fairness by group",
        "Robustness",
        "Data quality",
        "Explanations",
        "Model and data",
        "Limits of this evidence",
        "Provenance",
    ]


def test_what_was_not_judged_or_measured_has_no_section() -> None:
    page = Page(render_html(audits.bare()))
    assert page.headings == ["Verdict", "Model and data", "Limits of this evidence", "Provenance"]
    assert "only one class has rows." in " ".join(page.text)
    assert page.scripts == []


def test_a_dev_audit_is_stamped() -> None:
    assert "NOT FOR APPROVAL" in render_html(audits.dev())
    assert "NOT FOR APPROVAL" not in render_html(samples.audit())


def test_the_page_asks_nothing_of_any_other_place() -> None:
    page = Page(render_html(audits.large()))
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert sum("plotly.js (basic - minified)" in script for script in page.scripts) == 1


def test_only_our_own_scripts_may_run() -> None:
    page = Page(render_html(audits.large()))
    policy = next(a["content"] or "" for tag, a in page.elements if tag == "meta" and a.get("http-equiv"))
    plotly, figures, ours = page.scripts
    assert policy.startswith("default-src 'none'")
    for script in (plotly, ours):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert set(json.loads(figures)["figures"]) == {plot.id for plot in view(audits.large()).plots}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_inert(name: str) -> None:
    tame, wild = Page(render_html(audits.hostile("tame"))), Page(render_html(audits.hostile(name)))
    # The same elements in the same order: nothing from a name became markup.
    keep = {"code"}
    assert [tag for tag, _ in wild.elements if tag not in keep] == [tag for tag, _ in tame.elements if tag not in keep]
    assert len(wild.scripts) == len(tame.scripts)
    assert {key for _, attributes in wild.elements for key in attributes} == {
        key for _, attributes in tame.elements for key in attributes
    }
    assert not re.search("[\x00\u202a-\u202e\u2066-\u2069\u200e\u200f]", "".join(wild.text))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        try:
            made = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except Error:
            if os.environ.get("CI"):
                raise
            pytest.skip("Chromium does not start here")
        yield made
        made.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
def test_a_browser_draws_it_without_a_request_an_error_or_an_overflow(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(audits.large()), encoding="utf-8")
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('figure.lively .main-svg').length > 0")
    assert asked == [path.as_uri()]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure.lively").count() == len(view(audits.large()).plots)
    assert page.locator("figure .drawn svg").first.is_hidden()
    page.emulate_media(media="print")
    assert page.locator("figure .drawn svg").first.is_visible()
    assert page.locator("figure .live").first.is_hidden()
    page.close()


def test_without_javascript_the_drawings_stand_in(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(samples.audit()), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("figure .drawn svg").first.is_visible()
    assert page.locator("figure .live").first.is_hidden()
    context.close()


def test_a_hostile_name_runs_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    name = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    path.write_text(render_html(audits.hostile(name)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('figure.lively').length > 0")
    assert page.title().startswith("Blocked: <img src=x")
    assert page.locator("img").count() == 0
    page.close()
