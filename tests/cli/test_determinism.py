"""The same inputs give the same bytes: anywhere, under any hash seed, locale and time zone, and on any day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.workspace import CONFIG, POLICY, make

# The clock set to another day before anything of ours is imported; compiled libraries must meet the real one first.
CLOCK = """
import datetime, sys, time
import duckdb, pandas, pyarrow, pydantic
class Then(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2031, 12, 31, 23, 59, 59, tzinfo=tz)
    utcnow = today = now
class Day(datetime.date):
    @classmethod
    def today(cls):
        return cls(2031, 12, 31)
if sys.argv[1] == "then":
    datetime.datetime, datetime.date = Then, Day
    time.time = lambda: 1956528000.0
"""
COMMAND = CLOCK + "from glassalpha_action.cli.main import main\nmain(sys.argv[2:])\n"
ENVIRONMENTS = [
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "77", "TZ": "America/Anchorage", "LANG": "tr_TR.UTF-8", "LC_ALL": "", "OMP_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "HOME": "/nonexistent"},
]
REGION = "r\u00e9 I\u0131"
ROWS = "repaid,score,sex,region\n" + "".join(
    f"{i % 3 % 2},{i * 71 % 997 / 997:.6f},{'fm'[i % 2]},{REGION[: i % 5]}\n" for i in range(300)
)
SETTINGS = CONFIG.replace("[sex]", "[sex, region]")


def run(when: str, cwd: Path, environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, when, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr


def test_an_audit_anywhere_and_any_day(tmp_path: Path) -> None:
    places = [
        (tmp_path / "here", "now", True),
        (tmp_path / "a b" / "there", "then", False),
        (tmp_path / "c", "then", True),
    ]
    found = []
    for (place, when, inside), environment in zip(places, ENVIRONMENTS, strict=True):
        folder = tmp_path / place
        make(folder, SETTINGS, ROWS)
        start = Path() if inside else folder
        names = ["r.json", "r.html", "r.md"]
        outputs = [part for name in names for part in ("--output", str(start / name))]
        inputs = ["--config", str(start / "audit.yaml"), "--policy-gates", str(start / "policy.yaml")]
        cwd = folder if inside else tmp_path
        run(when, cwd, environment, "audit", *inputs, "--as-of", "2025-01-05", *outputs)
        cube = ["cube", "build", "--config", str(start / "audit.yaml"), "--output"]
        for engine, name in (("pandas", "c.parquet"), ("duckdb", "d.json")):
            run(when, cwd, environment, *cube, str(start / name), "--engine", engine)
        found.append({name: (folder / name).read_bytes() for name in [*names, "c.parquet", "d.json"]})
    for name, content in found[0].items():
        assert found[1][name] == content, name
        assert found[2][name] == content, name
        assert str(tmp_path).encode() not in content
        assert b"2031-12-31" not in found[1][name]


def test_without_a_pinned_day_the_day_is_the_clocks(tmp_path: Path) -> None:
    make(tmp_path, SETTINGS, ROWS)
    for when in ("now", "then"):
        run(when, tmp_path, {}, "audit", "--config", "audit.yaml", "--output", f"{when}.json")
    days = [json.loads((tmp_path / f"{when}.json").read_bytes())["provenance"]["as_of"] for when in ("now", "then")]
    assert days[1] == "2031-12-31" != days[0]


MODEL = CONFIG.replace("  score_column: score\n", "").replace("  threshold", "  path: m.joblib\n  threshold")


@pytest.fixture(scope="module")
def fitted() -> tuple[pd.DataFrame, LogisticRegression]:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=120).round(4), "b": draw.normal(size=120).round(4)})
    label = (frame["a"] + draw.normal(size=120) > 0).astype(int)
    model = LogisticRegression().fit(frame, label)
    return frame.assign(repaid=label, sex=np.array(["f", "m"])[draw.integers(0, 2, 120)]), model


def test_the_id_follows_every_byte_of_the_model(
    tmp_path: Path, fitted: tuple[pd.DataFrame, LogisticRegression]
) -> None:
    frame, model = fitted
    records = []
    for folder, compress, environment in (("a", 0, 0), ("b", 0, 1), ("c", 3, 0)):
        make(tmp_path / folder, MODEL, frame.to_csv(index=False), POLICY)
        joblib.dump(model, tmp_path / folder / "m.joblib", compress=compress)
        run("now", tmp_path / folder, ENVIRONMENTS[environment], "audit", "--config", "audit.yaml",
            "--as-of", "2025-01-05", "--output", "r.json")  # fmt: skip
        records.append(json.loads((tmp_path / folder / "r.json").read_bytes()))
    assert records[0] == records[1]
    assert records[0]["provenance"]["predictions_sha256"] == records[2]["provenance"]["predictions_sha256"]
    assert records[0]["provenance"]["model_sha256"] != records[2]["provenance"]["model_sha256"]
    assert records[0]["audit_id"] != records[2]["audit_id"]
