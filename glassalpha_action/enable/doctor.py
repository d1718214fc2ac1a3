"""Checks of an installation: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import distributions, packages_distributions, requires

OURS = "glassalpha-action"
OPTIONAL = re.compile(r"([A-Za-z0-9._-]+).*; extra == ['\"]([a-z]+)['\"]")
EVERYTHING = "image"


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
    for package, extra in extras().items():
        there = package in installed
        yield Finding(
            there,
            True,
            f"{package} is installed."
            if there
            else f"{package} is not installed; if needed: pip install '{OURS}[{extra}]'.",
        )


def extras() -> dict[str, str]:
    """The packages that serve one format or store only, and the extra that brings each."""
    found = filter(None, map(OPTIONAL.match, requires(OURS) or ()))
    return {match[1]: match[2] for match in found if match[2] != EVERYTHING}


def _imports(module: str, well: str, otherwise: str) -> Finding:
    try:
        import_module(module)
    except (ImportError, OSError):
        return Finding(False, False, otherwise)
    return Finding(True, False, well)
