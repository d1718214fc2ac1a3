"""Numbers as a reader sees them: apart from what they are compared with, and thresholds as their author wrote them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glassalpha_action import pages
from glassalpha_action.vocabulary import (
    FAILED,
    SATISFIED,
    WORST_OUTCOME_FIRST,
    WORST_STATUS_FIRST,
    Outcome,
    Status,
    Unit,
)


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [(0.12345, None, "0.123"), (0.0999999, 0.1, "0.0999999"), (-0.0001, None, "0.000"), (0.1, 0.1, "0.100")],
)
def test_a_value_is_written_apart_from_its_threshold(value: float, beside: float | None, text: str) -> None:
    assert Unit.share.show(value, beside) == text


@pytest.mark.parametrize(
    ("limit", "beside", "text"),
    [
        (0.1, None, "0.100"),
        (0.0001, 0.78, "0.0001"),
        (0.12345, None, "0.12345"),
        (1e-06, None, "0.000001"),
        (5.0, None, "5.000"),
        (0.1, 0.1000001, "0.1000000"),
    ],
)
def test_a_threshold_keeps_every_decimal_it_was_given(limit: float, beside: float | None, text: str) -> None:
    assert Unit.difference.show_limit(limit, beside) == text


def test_counts_are_written_whole() -> None:
    assert Unit.rows.show(1409.0) == "1,409"
    assert Unit.rows.show_limit(30.0) == "30"
    assert Unit.rows.show_limit(30.5) == "30.5"
    assert Unit.rows.show_limit(1_000_000.0) == "1,000,000"


def test_every_status_and_every_outcome_has_its_place() -> None:
    assert sorted(WORST_STATUS_FIRST) == sorted(Status)
    assert sorted(WORST_OUTCOME_FIRST) == sorted(Outcome)
    assert set(WORST_OUTCOME_FIRST[: len(FAILED)]) == FAILED
    assert set(WORST_OUTCOME_FIRST[-len(SATISFIED) :]) == SATISFIED


def test_what_nothing_judges_is_worse_than_what_a_person_looks_at() -> None:
    assert WORST_STATUS_FIRST == ("BLOCKED", "NO_POLICY", "REVIEW", "PASSED")


def test_the_portals_tables_sort_by_the_same_order() -> None:
    script = (Path(pages.__file__).parent / "assets/portal.js").read_text(encoding="utf-8")
    (grade,) = re.findall(r"const grade = \[(.*?)\];", script)
    assert re.findall(r'"(\w+)"', grade) == list(WORST_STATUS_FIRST)
