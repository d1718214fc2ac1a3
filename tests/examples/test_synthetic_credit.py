"""The synthetic applications follow their written description."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def drawn(generate: ModuleType) -> pd.DataFrame:
    applications: pd.DataFrame = generate.applications()
    return applications


def test_size_and_shares(drawn: pd.DataFrame) -> None:
    assert len(drawn) == 50_000
    sexes = {"female": 0.48, "male": 0.52}
    assert drawn["sex"].value_counts(normalize=True).to_dict() == pytest.approx(sexes, abs=0.01)
    ages = {"18-29": 0.24, "30-44": 0.34, "45-59": 0.27, "60+": 0.15}
    assert drawn["age_group"].value_counts(normalize=True).to_dict() == pytest.approx(ages, abs=0.01)
    assert drawn.notna().all().all()


def test_seed_decides(generate: ModuleType) -> None:
    pd.testing.assert_frame_equal(generate.applications(200, seed=7), generate.applications(200, seed=7))
    assert not generate.applications(200, seed=7).equals(generate.applications(200, seed=8))


def test_defaults_follow_their_probability(drawn: pd.DataFrame, generate: ModuleType) -> None:
    probability = generate.default_probability(drawn)
    noise = np.sqrt((probability * (1 - probability)).sum())
    assert abs(drawn["default"].sum() - probability.sum()) < 4 * noise


def test_sex_and_age_have_no_effect_of_their_own(drawn: pd.DataFrame, generate: ModuleType) -> None:
    swapped = drawn.assign(sex="male", age_group="60+")
    np.testing.assert_array_equal(generate.default_probability(swapped), generate.default_probability(drawn))


def test_one_log_odds_by_hand(generate: ModuleType) -> None:
    row = pd.DataFrame(
        {
            "debt_to_income": [0.3],
            "card_utilization": [0.5],
            "late_payments": [1],
            "history_years": [5.0],
            "years_employed": [2.0],
            "loan_to_income": [0.5],
            "housing": ["rent"],
        }
    )
    log_odds = -3.8 + 1.5 + 1.2 + 0.9 - 0.6 - 0.2 + 0.6 + 0.3
    assert generate.default_probability(row)[0] == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_held_out_groups_are_large_enough_for_the_power_gate(built: dict[str, Path]) -> None:
    held_out = pd.read_csv(built["synthetic_credit"] / "test.csv")
    assert len(held_out) == 15_000
    assert min(held_out[name].value_counts().min() for name in ("sex", "age_group")) > 1600
