"""The words and marks every report shares: outcomes, statuses, intervals, thresholds, text made safe to show."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from glassalpha_action.documents import inert
from glassalpha_action.vocabulary import MODEL_PRESENT, RULES_APPLY, Comparison, Outcome, Severity, Status, Unit

NAME_LIMIT = 80
TEXT_LIMIT = 1200
GIVEN_NAME = re.compile(r"\w+[._/]\w")
# Joiners are part of words in several scripts and of emoji; every other invisible format mark can disguise a text.
JOINERS = "\u200c\u200d"
CODE = re.compile(r"`([^`]+)`")
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


@dataclass(frozen=True)
class Look:
    """How an outcome is shown: an icon, a word and the tone that decides its colour."""

    icon: str
    word: str
    tone: str


OUTCOMES = {
    Outcome.PASS: Look("✓", "Pass", "good"),
    Outcome.FAIL: Look("✕", "Fail", "bad"),
    Outcome.INCONCLUSIVE: Look("?", "Inconclusive", "caution"),
    Outcome.MISSING: Look("○", "Not measured", "bad"),
    Outcome.WAIVED: Look("⚑", "Waived", "caution"),
    Outcome.NOT_APPLICABLE: Look("–", "Does not apply", "neutral"),
    Outcome.ERROR: Look("!", "Error", "bad"),
}
STATUSES = {
    Status.PASSED: Look("✓", "Passed", "good"),
    Status.REVIEW: Look("!", "Needs review", "caution"),
    Status.BLOCKED: Look("✕", "Blocked", "bad"),
    Status.NO_POLICY: Look("–", "No policy", "neutral"),
}
SEVERITIES = {
    Severity.error: "error gate",
    Severity.warning: "warning gate",
    Severity.info: "info gate",
}
RATES = {
    "selection rate": "share of the group given the favourable outcome",
    "true positive rate": "share flagged among those who truly have the positive label",
    "false positive rate": "share flagged among those who truly lack the positive label",
    "power against the reference": "chance to see a difference of the assumed size, if there is one",
}
REQUIREMENTS = {
    MODEL_PRESENT: "Model still configured",
    RULES_APPLY: "Base commit's rules apply",
}
MET = Look("✓", "Met", "good")
UNMET = Look("✕", "Not met", "bad")


def clean(text: str) -> str:
    """`text` with control characters and invisible direction marks written out: what is read is what is there."""
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text.replace("\r\n", "\n").replace("\t", "    "))


def _visible(character: str) -> str:
    if character == "\n" or character in JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def clip(text: str, limit: int) -> str:
    """`text` cut to `limit` characters; a cut text says how long the whole is and where to find it."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()}… ({len(text):,} characters, whole in audit.json)"


def name(text: str, limit: int = NAME_LIMIT) -> str:
    """A name from outside on one line, clean and clipped."""
    line = " ".join(clean(text[: 4 * limit]).split())
    if len(text) <= 4 * limit and len(line) <= limit:
        return line
    return f"{line[:limit].rstrip()}… ({len(text):,} characters, whole in audit.json)"


def short(text: str, limit: int = 22) -> str:
    """A name short enough to label a chart."""
    line = " ".join(clean(text[: limit + 1]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def cell(text: str) -> str:
    """`text` as a cell that no spreadsheet runs: inert, with an apostrophe before what could start a formula."""
    formula = text.lstrip().startswith(FORMULA) and not NUMBER.fullmatch(text)
    return f"'{inert(text)}" if formula else inert(text)


def coded(html: str) -> str:
    """Escaped HTML text with its `code` marked up as code."""
    return CODE.sub(r"<code>\1</code>", html)


def script_json(value: Any) -> str:
    """JSON that is inert inside a script element: no `<`, `>` or `&` is left in it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def interval(unit: Unit, low: float | None, high: float | None, confidence: float | None = None) -> str:
    """The interval as words: "95% interval 0.012 to 0.245"; empty where there is none."""
    if low is None or high is None:
        return ""
    level = f"{100 * confidence:g}% " if confidence is not None else ""
    return f"{level}interval {unit.show(low)} to {unit.show(high)}"


def span(unit: Unit, low: float | None, high: float | None) -> str:
    """The two ends alone, for a column that is headed as an interval."""
    return "" if low is None or high is None else f"{unit.show(low)} to {unit.show(high)}"


def required(unit: Unit, comparison: Comparison, threshold: float | tuple[float, float] | None) -> str:
    """What the gate asks for: "< 0.100"."""
    if isinstance(threshold, tuple):
        return f"{comparison.sign} {unit.show_limit(threshold[0])} to {unit.show_limit(threshold[1])}"
    return comparison.sign if threshold is None else f"{comparison.sign} {unit.show_limit(threshold)}"


def shown(unit: Unit, value: float | None, threshold: float | tuple[float, float] | None) -> str:
    """A value written so that it can be told apart from its threshold."""
    if value is None:
        return "not measured"
    if isinstance(threshold, tuple):
        middle = value
        threshold = min(threshold, key=lambda edge: abs(edge - middle))
    return unit.show(value, threshold)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 gate", "1,204 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: Iterable[str], limit: int = 12) -> str:
    """Items as running text: "a, b and c"; a long list says how many more there are."""
    parts = list(items)
    if len(parts) > limit:
        parts = [*parts[:limit], f"{len(parts) - limit:,} more"]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def sentence(text: str) -> str:
    """`text` with a capital letter, unless it begins with a file's or another given name, and a full stop."""
    text = text.strip()
    start = text[:1] if GIVEN_NAME.match(text) else text[:1].upper()
    return f"{start}{text[1:]}{'' if text.endswith(('.', '!', '?', '…', ')')) else '.'}" if text else ""


def requirement(identifier: str) -> str:
    """What a requirement asks, in a few words."""
    return REQUIREMENTS.get(identifier) or human(name(identifier))


def human(identifier: str) -> str:
    """An identifier as words: "seed_required" is "Seed required"."""
    return identifier.replace("_", " ").strip().capitalize()


def groups(attribute: str | None, levels: Sequence[str], rows: dict[str, int]) -> str:
    """Whom a number is about: "sex: female (n 92) against male (n 208)"."""
    if attribute is None:
        return "whole model"
    apart = levels if len(set(levels)) > 1 or len(levels) == 1 else ()
    named = [f"{name(level)} (n {rows[level]:,})" if level in rows else name(level) for level in apart]
    return f"{name(attribute)}: {' against '.join(named)}" if named else name(attribute)
