"""The engine beside its peers: CPU seconds on the same rows in one run, reading left out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
ROWS = 1_000_000
GROUPINGS = (("sex",), ("region",), ("sex", "region"))
AEQUITAS = ROOT / ".cache" / "aequitas"


def rows(n: int, seed: int = 0) -> pd.DataFrame:
    """`n` rows of two string attributes (as our reader and theirs leave them), a calibrated score and its outcome."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 5, n)
    return pd.DataFrame({
        "sex": pd.Categorical.from_codes(draw.integers(0, 2, n), ["female", "male"]),
        "region": pd.Categorical.from_codes(draw.integers(0, 4, n), ["north", "south", "east", "west"]),
        "score": score,
        "label": (draw.random(n) < score).astype(np.int64),
    })  # fmt: skip


def cpu(work: Callable[[], object], repeats: int = 3) -> float:
    """The least CPU seconds of a few runs."""
    found = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def ours(table: pd.DataFrame) -> None:
    """Encode, group, and measure: confusion rates and intervals of every grouping, AUC, ECE, 1,000 resamples."""
    from glassalpha_action.cube import build
    from glassalpha_action.evidence import Attribute, Evidence
    from glassalpha_action.load.data import coded
    from glassalpha_action.metrics import known
    from glassalpha_action.metrics.ranking import Ranking

    attributes = []
    for name in ("sex", "region"):
        column = coded(table[name])
        attributes.append(Attribute(name, column.levels, column.codes))
    score = table["score"].to_numpy()
    evidence = Evidence(table["label"].to_numpy() == 1, score >= 0.5, score, tuple(attributes), False, 0.5)
    cube = build(evidence)
    ranking = Ranking(evidence, cube)
    for name in ("roc_auc", "expected_calibration_error", "accuracy", "brier_score"):
        list(known(name).measure(evidence, cube, 0.95, {}, ranking))
    for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
        for grouping in GROUPINGS:
            known(name).measure_over(grouping, evidence, cube, 0.95, {}, ranking=ranking)


def fairlearn(table: pd.DataFrame) -> None:
    """The same rates by group, and AUC, from MetricFrame; no intervals."""
    import fairlearn.metrics as fm
    from sklearn.metrics import accuracy_score, roc_auc_score

    label, score = table["label"], table["score"]
    decided = (score >= 0.5).astype(int)
    rates = {"selection": fm.selection_rate, "tpr": fm.true_positive_rate, "fpr": fm.false_positive_rate,
             "accuracy": accuracy_score}  # fmt: skip
    for grouping in GROUPINGS:
        frame = table[list(grouping)]
        _ = fm.MetricFrame(metrics=rates, y_true=label, y_pred=decided, sensitive_features=frame).by_group
        _ = fm.MetricFrame(metrics=roc_auc_score, y_true=label, y_pred=score, sensitive_features=frame).by_group


def loop(table: pd.DataFrame) -> None:
    """The same by a loop over groups with scikit-learn; no intervals."""
    from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, roc_auc_score

    for grouping in GROUPINGS:
        for _, group in table.groupby(list(grouping)):
            decided = (group["score"] >= 0.5).astype(int)
            confusion_matrix(group["label"], decided)
            accuracy_score(group["label"], decided)
            roc_auc_score(group["label"], group["score"])
    brier_score_loss(table["label"], table["score"])


PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from aequitas.group import Group
table = pd.read_parquet(sys.argv[1]) if sys.argv[1].endswith("parquet") else pd.read_pickle(sys.argv[1])
found = []
for _ in range(3):
    before = time.process_time()
    Group().get_crosstabs(table[["score", "label_value", "sex", "region"]], attr_cols=["sex", "region"])
    found.append(time.process_time() - before)
print(json.dumps(min(found)))
"""


def aequitas(table: pd.DataFrame) -> float | None:
    """Its crosstabs (no intersections, no intervals), in an environment of its own: it needs an older pandas."""
    if not (AEQUITAS / "bin/python").exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(AEQUITAS)], check=False)
        if (
            made.returncode
            or subprocess.run(
                [str(AEQUITAS / "bin/pip"), "install", "--quiet", "aequitas==1.1.0", "pyarrow"], check=False
            ).returncode
        ):
            return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        text = table.astype({"sex": "str", "region": "str"})
        text.assign(score=(table["score"] >= 0.5).astype(int), label_value=table["label"]).to_parquet(path)
        done = subprocess.run(
            [str(AEQUITAS / "bin/python"), "-c", PEER, str(path)], capture_output=True, text=True, check=True
        )
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def run() -> None:
    """Print every peer's CPU seconds as a multiple of ours, then how ours grows."""
    table = rows(ROWS)
    mine = cpu(lambda: ours(table))
    peers = {
        "fairlearn MetricFrame": cpu(lambda: fairlearn(table), 1),
        "scikit-learn loop": cpu(lambda: loop(table), 1),
        "aequitas crosstabs": aequitas(table),
    }
    print(f"{ROWS:,} rows, two string attributes and their intersection, AUC, ECE, intervals, 1,000 resamples")
    print(f"{'':<28}{'CPU s':>8}{'ratio':>9}")
    print(f"{'ours':<28}{mine:>8.3f}{1:>8.0f}×")
    for name, seconds in peers.items():
        print(f"{name:<28}" + (f"{seconds:>8.3f}{seconds / mine:>8.1f}×" if seconds else "  could not be installed"))
    print("\ngrowth")
    for n in (100_000, 1_000_000, 10_000_000):
        big = rows(n)
        seconds = cpu(lambda big=big: ours(big), 1)  # type: ignore[misc]
        print(f"{n:>12,} rows {seconds:>8.3f} s {seconds / n * 1e6:>8.3f} s per million")
