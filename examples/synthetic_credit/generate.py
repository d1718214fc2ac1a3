"""Draws made-up credit applications with a seed, enough of them for every gate; README.md describes each column."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 50_000
SEED = 42
TARGET = "default"
SEXES = ("female", "male")
SEX_SHARES = (0.48, 0.52)
AGE_GROUPS = ("18-29", "30-44", "45-59", "60+")
AGE_SHARES = (0.24, 0.34, 0.27, 0.15)
HOUSING = ("own", "mortgage", "rent")

# Years on file by age group: the one way in which age reaches the features.
HISTORY_YEARS = {"18-29": 6.0, "30-44": 8.0, "45-59": 9.0, "60+": 9.5}
# Typical debt-to-income ratio by sex: the one way in which sex reaches the features.
DEBT_RATIO = {"female": 0.32, "male": 0.30}

# Log-odds of default: these, added up. No term holds sex or age.
INTERCEPT = -3.8
EFFECTS = {
    "debt_to_income": 5.0,
    "card_utilization": 2.4,
    "late_payments": 0.9,
    "history_years": -0.12,
    "years_employed": -0.10,
    "loan_to_income": 1.2,
}
HOUSING_EFFECTS = {"own": -0.3, "mortgage": 0.0, "rent": 0.3}


def applications(rows: int = ROWS, seed: int = SEED) -> pd.DataFrame:
    """`rows` rows drawn with `seed`: `application` (from 1), sex, age_group, features and `default` (0 or 1)."""
    draw = np.random.default_rng(seed)
    drawn = pd.DataFrame(
        {
            "application": np.arange(1, rows + 1),
            "sex": draw.choice(SEXES, rows, p=SEX_SHARES),
            "age_group": draw.choice(AGE_GROUPS, rows, p=AGE_SHARES),
        }
    )
    debt = drawn["sex"].map(DEBT_RATIO).to_numpy(float)
    history = drawn["age_group"].map(HISTORY_YEARS).to_numpy(float)
    # Rounded as a lender would record them; defaults are drawn from the rounded values.
    drawn["debt_to_income"] = draw.beta(8 * debt, 8 * (1 - debt)).round(3)
    drawn["card_utilization"] = draw.beta(1.2, 2.0, rows).round(3)
    drawn["late_payments"] = draw.poisson(0.5, rows)
    drawn["history_years"] = draw.gamma(4.0, history / 4.0).round(1)
    drawn["years_employed"] = draw.gamma(1.5, 4.0, rows).round(1)
    drawn["loan_to_income"] = draw.gamma(3.0, 0.12, rows).round(3)
    drawn["housing"] = draw.choice(HOUSING, rows, p=(0.2, 0.4, 0.4))
    drawn[TARGET] = (draw.random(rows) < default_probability(drawn)).astype(int)
    return drawn


def default_probability(drawn: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Each application's true probability of default, from its features alone."""
    log_odds = INTERCEPT + drawn["housing"].map(HOUSING_EFFECTS).to_numpy(float)
    for feature, effect in EFFECTS.items():
        log_odds = log_odds + effect * drawn[feature].to_numpy(float)
    probability: np.ndarray[tuple[int], np.dtype[np.float64]] = 1.0 / (1.0 + np.exp(-log_odds))
    return probability
