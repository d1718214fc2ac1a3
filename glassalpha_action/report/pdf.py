"""The report as a tagged PDF whose bytes depend on the audit alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassalpha_action.records import Audit
from glassalpha_action.report.html import template
from glassalpha_action.report.view import View, view

if TYPE_CHECKING:
    from weasyprint import URLFetcher


def render_pdf(audit: Audit) -> bytes:
    """The PDF report of `audit`."""
    return pdf_of(view(audit))


def pdf_of(content: View) -> bytes:
    """The content of a report as PDF/UA-1, tagged and bookmarked; only `data:` addresses could ever be read."""
    import weasyprint

    page = template("pdf.jinja").render(view=content)
    made: bytes | None = weasyprint.HTML(string=page, url_fetcher=fetcher()).write_pdf(
        pdf_variant="pdf/ua-1", pdf_identifier=content.audit_id[:32].encode()
    )
    if made is None:
        raise RuntimeError("no PDF was written")
    return made


def fetcher() -> URLFetcher:
    """A fetcher that reads no file and no network, only what an address itself holds."""
    from weasyprint import URLFetcher

    return URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
