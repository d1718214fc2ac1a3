"""Reads german.data and writes its attribute codes out as words; see README.md for what each column means."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

SHA256 = "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871"
TARGET = "default"

# The 20 attributes in the file's order, each with its codes as UCI documents them; a number has none.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "checking_status": {
        "A11": "below 0 DM",
        "A12": "0 to 199 DM",
        "A13": "200 DM or more",
        "A14": "no account",
    },
    "duration_months": {},
    "credit_history": {
        "A30": "no credits or all repaid",
        "A31": "all repaid at this bank",
        "A32": "existing repaid so far",
        "A33": "past delays",
        "A34": "critical account",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A47": "vacation",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "amount": {},
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to 499 DM",
        "A63": "500 to 999 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or no account",
    },
    "employment_since": {
        "A71": "unemployed",
        "A72": "under 1 year",
        "A73": "1 to 3 years",
        "A74": "4 to 6 years",
        "A75": "7 years or more",
    },
    "installment_rate": {},
    "personal_status": {
        "A91": "male divorced or separated",
        "A92": "female divorced, separated or married",
        "A93": "male single",
        "A94": "male married or widowed",
        "A95": "female single",
    },
    "debtors": {"A101": "no other", "A102": "co-applicant", "A103": "guarantor"},
    "residence_since": {},
    "property": {
        "A121": "real estate",
        "A122": "savings agreement or life insurance",
        "A123": "car or other",
        "A124": "unknown or no property",
    },
    "age": {},
    "other_installments": {"A141": "bank", "A142": "stores", "A143": "no other"},
    "housing": {"A151": "rent", "A152": "own", "A153": "free"},
    "existing_credits": {},
    "job": {
        "A171": "unemployed or unskilled non-resident",
        "A172": "unskilled resident",
        "A173": "skilled",
        "A174": "management or self-employed",
    },
    "dependents": {},
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
}
FEMALE_CODES = ("A92", "A95")
AGE_EDGES = (18, 26, 40, 120)
AGE_GROUPS = ("18-25", "26-39", "40+")


def read_german_credit(path: Path) -> pd.DataFrame:
    """The 1,000 applicants of the file at `path`, one a row, in words.

    Columns: `row` (line in the file, from 1), the 20 attributes, `sex`, `age_group`, and `default` (1: bad, 0: good).
    Raises ValueError where the file is not the one UCI publishes.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{path} is not UCI's german.data: its SHA-256 is {digest}, expected {SHA256}")
    return decode(pd.read_csv(path, sep=" ", header=None, names=[*ATTRIBUTES, "class"]))


def decode(coded: pd.DataFrame) -> pd.DataFrame:
    """Coded attributes and `class` (1: good, 2: bad) as the columns of `read_german_credit`.

    Raises ValueError on a code that UCI's documentation does not list.
    """
    decoded = pd.DataFrame({"row": range(1, len(coded) + 1)})
    for name, codes in ATTRIBUTES.items():
        decoded[name] = _words(coded[name], codes) if codes else coded[name].astype(int)
    decoded["sex"] = coded["personal_status"].isin(FEMALE_CODES).map({True: "female", False: "male"})
    groups = pd.cut(coded["age"], list(AGE_EDGES), right=False, labels=list(AGE_GROUPS))
    decoded["age_group"] = groups.astype(str)
    decoded[TARGET] = _words(coded["class"].astype(str), {"1": "0", "2": "1"}).astype(int)
    return decoded


def _words(codes: pd.Series[str], meaning: dict[str, str]) -> pd.Series[str]:
    unknown = sorted(set(codes) - set(meaning))
    if unknown:
        raise ValueError(f"column {codes.name} holds undocumented codes: {', '.join(unknown)}")
    return codes.map(meaning)
