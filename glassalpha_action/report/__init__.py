"""Shows an Audit: one format per file ending, each made from the record and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from glassalpha_action.documents import UserError
from glassalpha_action.records import Audit
from glassalpha_action.report.html import render_html
from glassalpha_action.report.markdown import render_markdown
from glassalpha_action.report.pdf import render_pdf

__all__ = ["FORMATS", "check_formats", "render_html", "render_markdown", "render_pdf", "write"]

FORMATS: Mapping[str, Callable[[Audit], bytes]] = {
    ".html": lambda audit: render_html(audit).encode(),
    ".pdf": render_pdf,
    ".md": lambda audit: render_markdown(audit).encode(),
    ".json": Audit.to_json,
}


def check_formats(paths: Iterable[Path]) -> None:
    """Raise UserError that names every path whose ending is no report format."""
    known = ", ".join(FORMATS)
    if unknown := [p for p in paths if p.suffix.lower() not in FORMATS]:
        raise UserError("\n".join(f"{p}: no report format has this ending; use one of {known}." for p in unknown))


def write(audit: Audit, path: Path) -> None:
    """Write the report of `audit` to `path` in the format of its ending; an unknown ending is a UserError."""
    check_formats([path])
    content = FORMATS[path.suffix.lower()](audit)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
