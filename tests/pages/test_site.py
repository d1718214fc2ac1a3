from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from glassalpha_action.cli.tables import csv_text
from glassalpha_action.pages import downloads
from glassalpha_action.pages.data import Page
from glassalpha_action.pages.render import compact
from glassalpha_action.pages.site import footer, site
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.pages.portfolios import HOSTILE, hostile_audit, model, portfolio

OURS = {
    "a",
    "b",
    "br",
    "button",
    "caption",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "form",
    "h1",
    "h2",
    "h3",
    "i",
    "input",
    "label",
    "li",
    "nav",
    "ol",
    "option",
    "output",
    "p",
    "path",
    "pre",
    "script",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "tr",
    "ul",
    "wbr",
}


class Reader(HTMLParser):
    """Gathers the tags of a page, its links and its scripts."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on")]
        self.links += [found["href"] or ""] if "href" in found else []
        self.scripts += [found] if tag == "script" else []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_inert_on_every_page(name: str) -> None:
    made = site(portfolio(model(hostile_audit(name)), model(samples.audit())))
    for path, page in made.items():
        if not isinstance(page, Page):
            continue
        read = Reader(page.body)
        assert read.tags <= OURS, path
        assert all(not re.match(r"\s*(javascript|data|https?|//)", link) for link in read.links), path
        assert all(script.get("type") == "application/json" for script in read.scripts), path
        assert "\x00" not in page.body
        assert "\u202e" not in page.body


def test_many_hostile_models_have_pages_of_their_own() -> None:
    made = site(portfolio(*(model(hostile_audit(name)) for name in HOSTILE)))
    folders = {path.split("/")[1].lower() for path in made if path.startswith("models/") and path.count("/") == 2}
    assert len(folders) == len(HOSTILE)
    assert all(".." not in path and "\\" not in path and len(path) < 200 for path in made)


def test_a_name_of_ten_thousand_characters_does_not_fill_a_page() -> None:
    own = model(hostile_audit("x" * 10_000))
    page = site(portfolio(own))[f"{own.folder}/index.md"]
    assert isinstance(page, Page)
    assert len(page.body) < 20_000


def test_every_link_between_pages_leads_somewhere() -> None:
    audits = [samples.audit(f"model_{status}", status) for status in Status]
    made = site(portfolio(*(model(audit) for audit in audits)))
    there = {path.removesuffix(".md") + ".html" if path.endswith(".md") else path for path in made}
    for path, page in made.items():
        for link in Reader(page.body).links if isinstance(page, Page) else []:
            target, _, anchor = link.partition("#")
            steps = path.split("/")[:-1]
            for step in target.partition("?")[0].split("/"):
                steps = steps[:-1] if step == ".." else [*steps, step] if step else steps
            end = "/".join(steps) if target.partition("?")[0] else path.removesuffix(".md") + ".html"
            assert end in there, (path, link)
            goal = made[end.removesuffix(".html") + ".md"] if end.endswith(".html") else None
            assert not anchor or (isinstance(goal, Page) and f'id="{anchor}"' in goal.body), (path, link)


def test_the_same_registry_gives_the_same_pages() -> None:
    assert site(portfolio(model(samples.audit()))) == site(portfolio(model(samples.audit())))


def test_csv_cells_cannot_be_formulas_and_numbers_stay_numbers() -> None:
    own = portfolio(*(model(hostile_audit(name)) for name in HOSTILE))
    lines = list(csv.reader(io.StringIO(downloads.models_csv(own).decode("utf-8-sig"), newline="")))
    assert len(lines) == len(HOSTILE) + 1
    assert not [
        cell for line in lines for cell in line if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    ]
    history = downloads.history_csv(
        model(samples.audit(verdicts=(samples.verdict(samples.GAP, samples.Outcome.FAIL, value=-0.5),)))
    )
    assert b",-0.5," in history


@pytest.mark.parametrize("text", ["=1+1", "-5", "\t=1", "a\x07b\nc\u202e", " ＝1", "credit"])
def test_a_download_and_an_export_write_the_same_text_alike(text: str) -> None:
    ours = list(csv.DictReader(io.StringIO(
        downloads.models_csv(portfolio(model(samples.audit(text)))).decode("utf-8-sig"), newline="")))  # fmt: skip
    theirs = list(csv.DictReader(io.StringIO(csv_text(["model_id"], [{"model_id": text}]), newline="")))
    assert ours[0]["model_id"] == theirs[0]["model_id"]
    assert ours[0]["model_id"].isprintable()


def test_the_json_download_holds_every_model() -> None:
    content = json.loads(
        downloads.models_json(portfolio(model(samples.audit()), model(samples.audit("b", Status.PASSED))))
    )
    assert [line["model_id"] for line in content["models"]] == ["credit_model_v2", "b"]
    assert content["models"][0]["failed_gate_names"] == ["Demographic parity difference gate", "Statistical power gate"]
    assert (content["registry_head"], content["registry_anchor"]) == ("f" * 64, "9:ffffffffffff")


def test_audit_json_is_the_record_itself() -> None:
    audit = samples.audit()
    assert site(portfolio(model(audit)))["models/credit_model_v2/audit.json"] == audit.to_json()


def test_compacting_leaves_preformatted_text_alone() -> None:
    assert (
        compact("<ul>\n  <li>a</li>\n</ul>\n<pre>\n  a\n\n  </li>b</pre>")
        == "<ul>\n<li>a\n</ul>\n<pre>\n  a\n\n  </li>b</pre>"
    )


def test_the_footer_names_day_anchor_and_version() -> None:
    text = footer(portfolio(model(samples.audit())))
    assert "2025-01-31" in text
    assert "<code>9:ffffffffffff</code>" in text
    assert "0.1.0" in text


def test_a_policy_text_that_changed_without_a_new_version_is_pointed_out() -> None:
    other = samples.POLICY.model_copy(update={"text": "changed", "sha256": "9" * 64})
    made = site(portfolio(model(samples.audit("a")), model(samples.audit("b", policy=other, as_of="2025-01-06"))))
    page = made["policies/sample-policy/1.0/index.md"]
    assert isinstance(page, Page)
    assert "changed without a new version" in page.body
    assert samples.POLICY.sha256 in page.body
    assert "9" * 64 in page.body


def test_a_policy_page_says_its_gates_in_words_and_how_many_models_fail_each() -> None:
    made = site(portfolio(model(samples.audit("a")), model(samples.audit("b", Status.PASSED))))
    page = made["policies/sample-policy/1.0/index.md"]
    assert isinstance(page, Page)
    assert 'Demographic parity difference <b class="ga-nowrap">&lt; 0.100</b>' in page.body
    assert "blocks the model<td>1 of 2" in page.body
