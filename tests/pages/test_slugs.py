from __future__ import annotations

import re

import pytest

from glassalpha_action.pages.slugs import slug
from tests.pages.portfolios import HOSTILE

SAFE = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?")


@pytest.mark.parametrize("name", ["credit_model_v2", "1.0", "a", "fraud-v3.1"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert slug(name) == name


@pytest.mark.parametrize("name", [*HOSTILE, "", "..", ".", "a/b", "a\\b", "nul.txt", "COM1", "-x", "x.", "é", "\ud800"])
def test_every_name_becomes_one_safe_segment(name: str) -> None:
    made = slug(name)
    assert SAFE.fullmatch(made)
    assert ".." not in made
    assert made.split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "index"}


def test_names_that_differ_only_in_case_or_marks_do_not_share_a_folder() -> None:
    names = ["credit_v1", "Credit_V1", "CREDIT_V1", "credit v1", "credit/v1", "credit-v1"]
    assert len({slug(name) for name in names}) == len(names)


def test_a_name_chosen_to_land_on_the_page_of_another_does_not() -> None:
    victim = slug("Credit Model")
    assert slug(victim) != victim
