import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import weasyprint

from glassalpha_action import shipped
from glassalpha_action.records import Audit
from glassalpha_action.report import render_html, render_markdown, render_pdf
from glassalpha_action.report.html import template
from glassalpha_action.report.pdf import fetcher
from glassalpha_action.report.view import view
from tests import samples
from tests.report import audits

TOP = Path(__file__).resolve().parents[2]
RENDER = """
from hashlib import sha256
from glassalpha_action.report import FORMATS
from tests.report import audits
print([sha256(render(audits.large())).hexdigest() for render in FORMATS.values()])
"""


def tool(name: str, pdf: bytes, tmp_path: Path, *arguments: str) -> str:
    """What a poppler tool says of `pdf`."""
    if shutil.which(name) is None:
        assert not os.environ.get("CI"), f"{name} is missing: install poppler-utils"
        pytest.skip(f"{name} is not installed")
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf)
    return subprocess.run(
        [name, *arguments, str(path), *(["-"] if name == "pdftotext" else [])],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_it_is_tagged_titled_and_dated_by_the_audit(tmp_path: Path) -> None:
    pdf = render_pdf(samples.audit())
    assert pdf.startswith(b"%PDF-1.7")
    said = tool("pdfinfo", pdf, tmp_path, "-isodates")
    assert re.search(r"Tagged:\s+yes", said)
    assert re.search(r"Title:\s+Blocked: Credit model, audit of 2025-01-05", said)
    assert re.search(r"CreationDate:\s+2025-01-05", said)
    assert re.search(r"JavaScript:\s+no", said)


def test_it_is_bookmarked(tmp_path: Path) -> None:
    pages = tool("pdftohtml", render_pdf(samples.audit()), tmp_path, "-xml", "-i", "-stdout")
    marks = re.findall(r"<item page=\"\d+\">(.*?)</item>", pages)
    assert marks[:4] == ["Credit model", "Verdict", "What needs attention", "Demographic parity difference gate"]
    assert marks[-3:] == ["Provenance", "Policy", "The policy's text, as this audit read it"]


def test_every_page_says_model_status_audit_and_number(tmp_path: Path) -> None:
    audit = audits.dev()
    pages = tool("pdftotext", render_pdf(audit), tmp_path, "-layout").split("\f")[:-1]
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Would be blocked · NOT FOR APPROVAL" in page
        assert f"Audit {audit.audit_id[:12]} of 2025-01-05" in page
        assert len(page.split()) > 30, f"page {number} is all but empty"


@pytest.mark.parametrize("audit", [audits.large(), audits.bare(), samples.audit()], ids=["large", "bare", "blocked"])
def test_no_raw_value_is_shown(audit: Audit, tmp_path: Path) -> None:
    text = tool("pdftotext", render_pdf(audit), tmp_path)
    assert not audits.RAW.search(text)
    assert audit.audit_id in text.replace("\n", "")


@pytest.mark.parametrize("name", [" ".join(audits.HOSTILE), "x" * 10_000], ids=["hostile", "long"])
def test_hostile_names_are_inert(name: str, tmp_path: Path) -> None:
    pdf = render_pdf(audits.hostile(name))
    assert b"/URI" not in pdf
    assert re.search(r"JavaScript:\s+no", tool("pdfinfo", pdf, tmp_path))


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "http://127.0.0.1:9/x", "https://127.0.0.1:9/x", "ftp://127.0.0.1/x"]
)
def test_nothing_is_fetched(address: str) -> None:
    with pytest.raises(ValueError, match="disallowed protocol"):
        fetcher().fetch(address)


def test_data_addresses_are_read() -> None:
    assert fetcher().fetch("data:text/plain,inside").read() == b"inside"


def test_the_same_audit_gives_the_same_bytes_in_any_process() -> None:
    def rendered(seed: str, zone: str, language: str) -> str:
        surroundings = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LANG": language,
            "LC_ALL": language,
            "PYTHONPATH": str(TOP),
        }
        return subprocess.run(
            [sys.executable, "-c", RENDER], check=True, capture_output=True, text=True, cwd=TOP, env=surroundings
        ).stdout

    assert rendered("1", "UTC", "C.UTF-8") == rendered("2", "Pacific/Auckland", "C")


def test_another_audit_gives_another_report() -> None:
    for render in (render_pdf, render_html, render_markdown):
        assert render(samples.audit()) != render(samples.audit(as_of="2025-01-06"))


def test_a_number_of_rows_and_a_groups_size_are_never_broken(tmp_path: Path) -> None:
    audit = audits.large()
    many = {"n": 1_234_567}
    verdicts = tuple(verdict.model_copy(update=many) for verdict in audit.verdicts)
    measurements = tuple(m.model_copy(update=many) for m in audit.measurements)
    seen = audit.model_copy(update={"verdicts": verdicts, "measurements": measurements})
    text = tool("pdftotext", render_pdf(seen), tmp_path)
    assert text.count("1,234,567") >= len(verdicts) + len(measurements)
    assert not re.search(r"\(n\s*\n", text)


def test_a_metric_of_several_lines_stays_together_at_the_end_of_a_page(tmp_path: Path) -> None:
    section = next(
        section
        for section in view(audits.large()).sections
        if section.metrics and len(section.metrics[0].lines) > 1 and section.metrics[0].definition
    )
    first = replace(section.metrics[0], definition="begin " + "and so on " * 12 + "finish")
    table = template("parts.jinja").module.measurements(replace(section, metrics=(first,)))  # type: ignore[attr-defined]
    style = (shipped.templates() / "report/pdf.css").read_text(encoding="utf-8")
    split = []
    for height in range(200, 256, 5):
        page = f"<style>{style}</style><div style='height:{height}mm'></div><h2>Heading</h2>{table}"
        pages = tool("pdftotext", weasyprint.HTML(string=page).write_pdf(), tmp_path).split("\f")[:-1]
        here = [
            number
            for number, text in enumerate(pages)
            for word in ("Heading", "begin", "finish", first.lines[-1].value)
            if word in text
        ]
        split.append(len(set(here)) > 1)
    assert split == [False] * len(split)
