"""The runner's own formats: output files and workflow commands, closed against whatever the values say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "notice"]

DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
PROPERTY = DATA | {":": "%3A", ",": "%2C"}


@dataclass(frozen=True)
class Annotation:
    """A mark on a line of a file; without a file it belongs to the run."""

    level: Level
    title: str
    message: str
    file: str | None = None
    line: int | None = None


def annotation_command(mark: Annotation) -> str:
    """The workflow command that makes the annotation, one line."""
    places = {"file": mark.file, "line": str(mark.line) if mark.file and mark.line else None, "title": mark.title}
    written = ",".join(f"{key}={_escape(value, PROPERTY)}" for key, value in places.items() if value)
    return f"::{mark.level} {written}::{_escape(mark.message, DATA)}"


def output_block(values: Mapping[str, str]) -> str:
    """`values` as the runner reads them from GITHUB_OUTPUT: each between delimiters that do not occur in it."""
    return "".join(f"{name}<<{(mark := _delimiter(value))}\n{value}\n{mark}\n" for name, value in values.items())


def plain_line(text: str) -> str:
    """`text` as one line of the log that the runner cannot take for a workflow command."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line.replace("##[", "## [").replace("::", ": :")


def _escape(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(c, c) for c in text.encode("utf-8", "backslashreplace").decode())


def _delimiter(value: str) -> str:
    mark = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    while mark in value:
        mark = hashlib.sha256(mark.encode()).hexdigest()
    return f"end-{mark}"
