"""Where the policies and templates that come with the package lie: `_data/` in a wheel, the top in a checkout."""

from __future__ import annotations

from pathlib import Path


def policies() -> Path:
    """The folder of the shipped policy packs."""
    return _root() / "policies"


def templates() -> Path:
    """The folder of the shipped templates."""
    return _root() / "templates"


def mkdocs_config() -> Path:
    """The shipped mkdocs.yml, beside which lies the folder `site` of authored pages."""
    return _root() / "mkdocs.yml"


def _root() -> Path:
    here = Path(__file__).resolve().parent
    data = here / "_data"
    return data if data.is_dir() else here.parent
