"""Checks of an installation: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import distributions, packages_distributions

OURS = "glassalpha-action"
EXTRAS = {"pyarrow": "parquet", "psycopg": "postgres"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it is well, and a sentence that says what was found and, if not well, what to do."""

    ok: bool
    optional: bool
    sentence: str


def check() -> Iterator[Finding]:
    """Every check in turn."""
    yield Finding(True, False, f"Python {sys.version.split()[0]}.")
    others = sorted({name for name in packages_distributions().get("glassalpha", []) if name != OURS})
    yield Finding(
        not others,
        False,
        f"Another package takes the name glassalpha: uninstall it with `pip uninstall {' '.join(others)}`."
        if others
        else "The command and the import `glassalpha` are this package's own.",
    )
    yield _imports(
        "weasyprint",
        "PDF reports can be made.",
        "PDF reports cannot be made: install Pango (Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0).",
    )
    yield Finding(
        shutil.which("git") is not None,
        False,
        "git is installed." if shutil.which("git") else "git is missing: strict audits need it; install it.",
    )
    installed = {d.metadata["Name"].lower() for d in distributions() if d.metadata["Name"]}
    for package, extra in EXTRAS.items():
        there = package in installed
        yield Finding(
            there,
            True,
            f"{package} is installed."
            if there
            else f"{package} is not installed; if needed: pip install '{OURS}[{extra}]'.",
        )


def _imports(module: str, well: str, otherwise: str) -> Finding:
    try:
        import_module(module)
    except (ImportError, OSError):
        return Finding(False, False, otherwise)
    return Finding(True, False, well)
