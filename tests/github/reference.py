"""The action's reference page, made from action.yml."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ACTION = Path(__file__).parents[2] / "action.yml"


def declared() -> dict[str, Any]:
    """What action.yml says."""
    found: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    return found


def page() -> str:
    """Its inputs and outputs as a page."""
    action = declared()
    inputs = [(f"`{name}`", about["description"], _code(about["default"])) for name, about in action["inputs"].items()]
    outputs = [(f"`{name}`", about["description"]) for name, about in action["outputs"].items()]
    return "\n".join([
        "# The action's inputs and outputs",
        "",
        "<!-- Generated from the code by `make docs`; change the code, not this page. -->",
        "",
        "## Inputs",
        "",
        *_table(("Input", "What it does", "Default"), inputs),
        "",
        "## Outputs",
        "",
        *_table(("Output", "What it says"), outputs),
        "",
    ])  # fmt: skip


def _code(default: str) -> str:
    return " ".join(f"`{line}`" for line in default.splitlines()) or "(empty)"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells]
