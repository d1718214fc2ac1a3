"""german.data as UCI documents it, and as prepare.py writes it out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.examples.conftest import EXAMPLES

SOURCE = EXAMPLES / "german_credit" / "german.data"


@pytest.fixture(scope="module")
def applicants(prepare: ModuleType) -> pd.DataFrame:
    decoded: pd.DataFrame = prepare.read_german_credit(SOURCE)
    return decoded


def test_counts_are_those_of_the_documentation(applicants: pd.DataFrame) -> None:
    assert len(applicants) == 1000
    assert applicants["default"].value_counts().to_dict() == {0: 700, 1: 300}
    assert applicants["sex"].value_counts().to_dict() == {"male": 690, "female": 310}
    assert applicants["checking_status"].value_counts().to_dict() == {
        "no account": 394,
        "below 0 DM": 274,
        "0 to 199 DM": 269,
        "200 DM or more": 63,
    }
    assert applicants["purpose"].value_counts().to_dict() == {
        "radio or television": 280,
        "new car": 234,
        "furniture": 181,
        "used car": 103,
        "business": 97,
        "education": 50,
        "repairs": 22,
        "other": 12,
        "domestic appliances": 12,
        "retraining": 9,
    }
    assert applicants["foreign_worker"].value_counts().to_dict() == {"yes": 963, "no": 37}


def test_numbers_are_numbers(applicants: pd.DataFrame) -> None:
    assert applicants["amount"].mean() == pytest.approx(3271.258)
    assert applicants["duration_months"].mean() == pytest.approx(20.903)
    assert applicants["age"].mean() == pytest.approx(35.546)
    assert (applicants["age"].min(), applicants["age"].max()) == (19, 75)


def test_first_row_by_hand(applicants: pd.DataFrame) -> None:
    assert applicants.iloc[0].to_dict() == {
        "row": 1,
        "checking_status": "below 0 DM",
        "duration_months": 6,
        "credit_history": "critical account",
        "purpose": "radio or television",
        "amount": 1169,
        "savings": "unknown or no account",
        "employment_since": "7 years or more",
        "installment_rate": 4,
        "personal_status": "male single",
        "debtors": "no other",
        "residence_since": 4,
        "property": "real estate",
        "age": 67,
        "other_installments": "no other",
        "housing": "own",
        "existing_credits": 2,
        "job": "skilled",
        "dependents": 1,
        "telephone": "yes",
        "foreign_worker": "yes",
        "sex": "male",
        "age_group": "40+",
        "default": 0,
    }


def test_sex_agrees_with_personal_status(applicants: pd.DataFrame) -> None:
    assert (applicants["personal_status"].str.split().str[0] == applicants["sex"]).all()


def test_age_groups_cut_after_25_and_39(applicants: pd.DataFrame) -> None:
    ages = applicants.groupby("age_group")["age"].agg(["min", "max", "size"])
    assert ages.to_dict("index") == {
        "18-25": {"min": 19, "max": 25, "size": 190},
        "26-39": {"min": 26, "max": 39, "size": 511},
        "40+": {"min": 40, "max": 75, "size": 299},
    }


def test_words_survive_a_csv_file(applicants: pd.DataFrame, tmp_path: Path) -> None:
    applicants.to_csv(tmp_path / "applicants.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "applicants.csv"), applicants)


def test_another_file_is_refused(prepare: ModuleType, tmp_path: Path) -> None:
    changed = tmp_path / "german.data"
    changed.write_bytes(SOURCE.read_bytes().replace(b"A92", b"A93", 1))
    with pytest.raises(ValueError, match="not UCI's"):
        prepare.read_german_credit(changed)


def test_an_undocumented_code_is_refused(prepare: ModuleType) -> None:
    coded = pd.read_csv(SOURCE, sep=" ", header=None, names=[*prepare.ATTRIBUTES, "class"])
    coded.loc[3, "purpose"] = "A411"
    with pytest.raises(ValueError, match=r"column purpose holds undocumented codes: A411"):
        prepare.decode(coded)
