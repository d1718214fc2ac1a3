"""The words of a verdict: outcomes and statuses and which is worse, severities, comparisons, units, days, sentences."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from enum import Enum, StrEnum

AND = " & "
MODEL_PRESENT = "base: model_present"
RULES_APPLY = "base: rules_apply"


class Severity(StrEnum):
    """What a failed gate does: an error blocks, a warning asks for review, info only informs."""

    error = "error"
    warning = "warning"
    info = "info"


class Outcome(StrEnum):
    """What judging one gate came to."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    MISSING = "MISSING"
    WAIVED = "WAIVED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    ERROR = "ERROR"


WORST_OUTCOME_FIRST = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.MISSING,
    Outcome.INCONCLUSIVE,
    Outcome.WAIVED,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)
FAILED = frozenset({Outcome.FAIL, Outcome.ERROR, Outcome.MISSING})
SATISFIED = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})


class Status(StrEnum):
    """What an audit came to. An approval is a person's decision and is not among these."""

    PASSED = "PASSED"
    REVIEW = "REVIEW"
    BLOCKED = "BLOCKED"
    NO_POLICY = "NO_POLICY"


# A model that nothing judges is worse than one that a person has to look at: in the action it fails the run.
WORST_STATUS_FIRST = (Status.BLOCKED, Status.NO_POLICY, Status.REVIEW, Status.PASSED)


class Better(Enum):
    """Which way a metric improves."""

    higher = "higher"
    lower = "lower"
    neither = "neither"


class Unit(StrEnum):
    """What a metric's number counts; it knows how to write such a number for a reader."""

    share = "share"
    difference = "difference"
    ratio = "ratio"
    score = "score"
    rows = "rows"
    probability = "probability"

    def show(self, value: float, beside: float | None = None) -> str:
        """Write `value` with as few decimals as keep it visibly apart from `beside` (a threshold), three at least."""
        if self is Unit.rows:
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
        return self._written(value, beside, 3)

    def show_limit(self, limit: float, beside: float | None = None) -> str:
        """Write a threshold with every decimal that its author gave it, and apart from `beside` (a value)."""
        if self is Unit.rows:
            return f"{limit:,.12g}"
        decimals = -int(Decimal(repr(limit)).normalize().as_tuple().exponent)
        return self._written(limit, beside, max(3, min(decimals, 12)))

    @staticmethod
    def _written(value: float, beside: float | None, least: int) -> str:
        for decimals in range(least, 13):
            text = f"{value:.{decimals}f}"
            if beside is None or value == beside or float(text) != float(f"{beside:.{decimals}f}"):
                break
        return text.lstrip("-") if float(text) == 0 else text


class Comparison(StrEnum):
    """How a gate compares the metric with its threshold; each means exactly what it says."""

    greater_than = "greater_than"
    greater_than_or_equal = "greater_than_or_equal"
    less_than = "less_than"
    less_than_or_equal = "less_than_or_equal"
    equals = "equals"
    between = "between"
    present = "present"

    @property
    def sign(self) -> str:
        """The comparison as a reader writes it."""
        return {
            "greater_than": ">",
            "greater_than_or_equal": "≥",
            "less_than": "<",
            "less_than_or_equal": "≤",
            "equals": "=",
            "between": "within",
            "present": "is measured",
        }[self.value]


def day(value: object) -> date:
    """The day written as YYYY-MM-DD and in no other way; ValueError where it is none."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("must be a day as YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is not a day of the calendar; write it as YYYY-MM-DD") from None


def chance(p_value: float) -> str:
    """A p-value as a reader needs it: "p = 0.012", and below a thousandth only that."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def first_sentence(text: str) -> str:
    """The first sentence of a definition: what a reader needs beside the number."""
    return re.split(r"\n\s*\n|(?<=[^\W_][.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)\s+", text, maxsplit=1)[0]


def failed(severity: str, outcome: str) -> bool:
    """Whether a gate of that severity and outcome counts among the failed ones."""
    return severity != Severity.info and outcome in FAILED


def headline(status: str, enforced: bool) -> str:
    """The status as shown: what it would be, where it is not enforced."""
    return status if enforced else f"would be {status}"
