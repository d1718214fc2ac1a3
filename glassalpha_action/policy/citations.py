"""The authorities that policies cite, whether each still stands, and where a text names one."""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from glassalpha_action.documents import Day, Document, Text, read

Standing = Literal[
    "in_force", "voluntary", "amended", "rescinded", "withdrawn", "superseded", "repeal_proposed", "uncertain"
]
GONE = {"rescinded", "withdrawn", "superseded"}


class Authority(Document):
    """One law, rule or guidance: its status as of a day, how that is known, and the names policies give it."""

    id: Text
    title: Text
    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    status: Standing
    since: Day | None = None
    applies_from: Day | None = None
    superseded_by: Text | None = None
    as_of: Day
    confidence: Literal["read", "partly from memory", "from memory: verify", "uncertain"]
    note: Text
    url: Text | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of its names as whole words, however the space in them is written."""
        names = "|".join(r"\s+".join(map(re.escape, name.split())) for name in self.names)
        return re.compile(rf"(?<![\w.])(?:{names})(?![\w-]|\.\d)", re.IGNORECASE)

    def cited_in(self, text: str) -> bool:
        """Whether `text` names this authority."""
        return self.pattern.search(text) is not None

    def standing(self, today: date) -> str:
        """Its status in a sentence, as of `today`."""
        since = f" since {self.since.isoformat()}" if self.since else ""
        said = {
            "in_force": "in force",
            "repeal_proposed": "in force, its repeal proposed",
            "uncertain": "of uncertain status",
        }.get(self.status, self.status)
        parts = [f"{self.title} is {said}{since}"]
        if self.superseded_by:
            parts.append(f", superseded by {self.superseded_by}")
        if self.applies_from and self.applies_from > today:
            parts.append(f", not applicable before {self.applies_from.isoformat()}")
        known = "" if self.confidence == "read" else f"; {self.confidence}"
        return f"{''.join(parts)} (as of {self.as_of.isoformat()}{known}). {self.note}"


class Citations(Document):
    """Every authority that is known here."""

    authorities: tuple[Authority, ...]

    def cited_in(self, text: str) -> list[Authority]:
        """The authorities that `text` names."""
        return [one for one in self.authorities if one.cited_in(text)]


def load(path: Path) -> Citations:
    """The authorities listed in the file at `path`. Raises UserError."""
    return read(path, Citations)
