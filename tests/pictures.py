"""Takes the README's pictures from what `make demo` built: `python -m tests.pictures`, with Chromium installed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import markdown
from playwright.sync_api import Browser, sync_playwright

from glassalpha_action.github.result import Result, Run
from glassalpha_action.github.summary import render_summary
from glassalpha_action.records import Audit
from tests.generated import ROOT

IMAGES = ROOT / "site" / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
STYLE = """
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1f2328; margin: 24px 32px; max-width: 860px }
table { border-collapse: collapse; margin: 12px 0 }
th, td { border: 1px solid #d1d9e0; padding: 6px 12px; text-align: left }
code { background: #f0f2f4; padding: 2px 5px; border-radius: 5px; font-size: 85% }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: 6px }
summary, details { margin: 8px 0 }
"""


def shoot(browser: Browser, page_url: str, name: str, width: int, height: int) -> None:
    """Take one picture of the page's upper part."""
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1)
    page.goto(page_url)
    page.wait_for_timeout(800)
    page.screenshot(path=str(IMAGES / name))
    page.close()


def main() -> None:
    """Take the portal's first page and the summary of the biased model's pull request."""
    audit = Audit.model_validate_json((ROOT / "build/reports/german_credit_biased.audit.json").read_bytes())
    run = Run(results=(Result(config="examples/german_credit/biased.audit.yaml", audit=audit, exit_code=1),))
    html = markdown.markdown(render_summary(run), extensions=["tables", "md_in_html", "fenced_code"])
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        shoot(browser, (ROOT / "build/portal/index.html").as_uri(), "portal.png", 1200, 860)
        page = Path(folder) / "summary.html"
        page.write_text(f"<meta charset=utf-8><style>{STYLE}</style>{html}", encoding="utf-8")
        shoot(browser, page.as_uri(), "blocked.png", 930, 640)
        browser.close()


if __name__ == "__main__":
    main()
