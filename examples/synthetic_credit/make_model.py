"""Trains the synthetic credit model and writes it with the rows held out for its audit."""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
from generate import EFFECTS, SEED, TARGET, applications
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
HELD_OUT_SHARE = 0.3
NUMBERS = list(EFFECTS)
FEATURES = [*NUMBERS, "housing"]


def logistic() -> Pipeline:
    """A logistic regression, the form in which the defaults were drawn."""
    columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["housing"]))
    return make_pipeline(columns, LogisticRegression())


def make(out: Path) -> None:
    """Write the model and its held-out rows to the folder `out`."""
    drawn = applications()
    train, held_out = train_test_split(drawn, test_size=HELD_OUT_SHARE, stratify=drawn[TARGET], random_state=SEED)
    out.mkdir(parents=True, exist_ok=True)
    held_out.sort_values("application").to_csv(out / "test.csv", index=False, lineterminator="\n")
    joblib.dump(logistic().fit(train[FEATURES], train[TARGET]), out / "logistic.joblib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "build", help="folder to write to (default: %(default)s)")
    out: Path = parser.parse_args().out
    # The number of threads changes the order of sums, and so the last bits of a coefficient.
    with threadpool_limits(limits=1):
        make(out)
    print(f"The synthetic credit model and its held-out rows are in {out}")
