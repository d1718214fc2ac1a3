"""Trains the three German Credit models and writes them with the rows held out for their audits."""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import pandas as pd
from prepare import TARGET, read_german_credit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
SEED = 42
HELD_OUT_SHARE = 0.5

AMOUNTS = ["duration_months", "amount"]
COUNTS = ["installment_rate", "residence_since", "existing_credits", "dependents"]
CATEGORIES = [
    "checking_status",
    "credit_history",
    "purpose",
    "savings",
    "employment_since",
    "debtors",
    "property",
    "other_installments",
    "housing",
    "job",
    "telephone",
]
# Sex, age, personal status and foreign_worker are not among these.
FEATURES = AMOUNTS + COUNTS + CATEGORIES
BIASED_FEATURES = [*FEATURES, "age", "sex"]
HELD_OUT_COLUMNS = ["row", *FEATURES, "age", "sex", "age_group", TARGET]


def logistic() -> Pipeline:
    """A regularised logistic regression: simple, and usually well calibrated."""
    columns = make_column_transformer(
        (StandardScaler(), AMOUNTS + COUNTS), (OneHotEncoder(handle_unknown="ignore"), CATEGORIES)
    )
    return make_pipeline(columns, LogisticRegression(C=0.1, max_iter=1000))


def boosted() -> Pipeline:
    """Sixty gradient-boosted trees of depth two."""
    columns = make_column_transformer(
        ("passthrough", AMOUNTS + COUNTS),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
    )
    trees = GradientBoostingClassifier(n_estimators=60, max_depth=2, min_samples_leaf=10, random_state=SEED)
    return make_pipeline(columns, trees)


def biased() -> Pipeline:
    """Naive Bayes that is also given sex and age: it counts related evidence twice, so its scores are too extreme."""
    columns = make_column_transformer(
        (KBinsDiscretizer(n_bins=5, strategy="uniform"), [*AMOUNTS, "age"]),
        (OneHotEncoder(handle_unknown="ignore"), [*COUNTS, *CATEGORIES, "sex"]),
    )
    return make_pipeline(columns, BernoulliNB())


def split(applicants: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and held-out rows, half each, with the same share of defaults, both in file order."""
    train, held_out = train_test_split(
        applicants, test_size=HELD_OUT_SHARE, stratify=applicants[TARGET], random_state=SEED
    )
    return train.sort_values("row"), held_out.sort_values("row")


def cross_fitted(applicants: pd.DataFrame) -> pd.DataFrame:
    """Every applicant scored by a boosted model trained on the nine tenths of the data that do not hold this row."""
    folds = StratifiedKFold(n_splits=10, shuffle=True, random_state=SEED)
    scores = cross_val_predict(boosted(), applicants[FEATURES], applicants[TARGET], cv=folds, method="predict_proba")
    columns = applicants[["row", "sex", "age_group", TARGET]]
    return columns.assign(default_probability=scores[:, 1].round(6))


def make(out: Path) -> None:
    """Write the models and the evidence for their audits to the folder `out`."""
    applicants = read_german_credit(HERE / "german.data")
    train, held_out = split(applicants)
    out.mkdir(parents=True, exist_ok=True)
    held_out[HELD_OUT_COLUMNS].to_csv(out / "test.csv", index=False, lineterminator="\n")
    joblib.dump(logistic().fit(train[FEATURES], train[TARGET]), out / "logistic.joblib")
    joblib.dump(biased().fit(train[BIASED_FEATURES], train[TARGET]), out / "biased.joblib")
    cross_fitted(applicants).to_csv(out / "boosted_predictions.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "build", help="folder to write to (default: %(default)s)")
    out: Path = parser.parse_args().out
    # The number of threads changes the order of sums, and so the last bits of a coefficient.
    with threadpool_limits(limits=1):
        make(out)
    print(f"German Credit models and held-out rows are in {out}")
