"""The source document's dashboard script, as printed but for the URL."""

from __future__ import annotations

import datetime
import subprocess
import sys
import types
from pathlib import Path

import pytest

import glassalpha
from glassalpha_action.registry import connect
from glassalpha_action.vocabulary import Status
from tests import samples
from tests.generated import ROOT
from tests.registry.backends import NOW, fill

SCRIPT = """
# scripts/generate_dashboard.py
import glassalpha as ga
import pandas as pd
import matplotlib.pyplot as plt

# Query registry
registry = ga.Registry.connect("postgresql://host/registry")
audits = registry.query_all(last_n_days=30)

# Summary metrics
total_models = len(audits)
passed = sum(1 for a in audits if a.status == "PASSED")
blocked = sum(1 for a in audits if a.status == "BLOCKED")
review = sum(1 for a in audits if a.status == "REVIEW")

# Create summary
summary = pd.DataFrame({
    "Status": ["Passed", "Blocked", "Needs Review"],
    "Count": [passed, blocked, review],
    "Percentage": [
        passed/total_models*100,
        blocked/total_models*100,
        review/total_models*100
    ]
})

# Generate plots
fig, (ax1, ax2) = plt.subplots(1, 2, figsize=(14, 5))

# Status pie chart
ax1.pie(summary["Count"], labels=summary["Status"], autopct='%1.1f%%')
ax1.set_title("Model Compliance Status")

# Failed gates breakdown
failed_gates = registry.query_failed_gates_summary()
ax2.barh(failed_gates["gate_name"], failed_gates["count"])
ax2.set_xlabel("Number of Models Failing Gate")
ax2.set_title("Most Common Failed Gates")

plt.tight_layout()
plt.savefig("reports/portfolio_dashboard.pdf")
"""


TRAINING = """
# scripts/track_training.py
training_log = {
    "date": "2025-01-15",
    "session": "Introduction to Model Auditing",
    "attendees": 12,
    "teams_represented": ["credit-risk", "fraud", "lending"],
    "feedback_score": 4.6
}
"""


class Axes:
    """Takes the calls that the script makes, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[object, ...]] = {}

    def __getattr__(self, name: str) -> object:
        return lambda *values, **_: self.given.update({name: values})


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> tuple[Axes, Axes]:
    """A stand-in for matplotlib.pyplot, which is the script's own dependency and not ours."""
    pair = (Axes(), Axes())
    plot = types.ModuleType("matplotlib.pyplot")
    vars(plot).update(subplots=lambda *_, **__: (None, pair), tight_layout=lambda: None, savefig=lambda _: None)
    package = types.ModuleType("matplotlib")
    vars(package).update(pyplot=plot)
    monkeypatch.setitem(sys.modules, "matplotlib", package)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", plot)
    return pair


def test_the_script_runs(url: str, monkeypatch: pytest.MonkeyPatch, axes: tuple[Axes, Axes]) -> None:
    monkeypatch.setattr(glassalpha, "_today", lambda: datetime.date(2025, 1, 6))
    with connect(url, create=True) as registry:
        fill(registry)
        registry.submit(samples.audit("old", Status.PASSED, "2024-11-30"), recorded_at=NOW)
    script: dict[str, object] = {}
    exec(SCRIPT.replace("postgresql://host/registry", url), script)  # noqa: S102
    script["registry"].close()  # type: ignore[attr-defined]
    assert [script[name] for name in ("total_models", "passed", "blocked", "review")] == [3, 1, 1, 1]
    assert axes[1].given["barh"] == (["Demographic parity difference gate", "Statistical power gate"], [1, 1])


def test_the_clock_of_the_public_api_is_todays_utc_date(tmp_path: Path) -> None:
    before = datetime.datetime.now(datetime.UTC).date()
    with glassalpha.Registry.connect(str(tmp_path / "r.db"), create=True) as registry:
        registry.submit(samples.audit("today", as_of=before.isoformat()), recorded_at=NOW)
        registry.submit(samples.audit("long_ago", as_of="2000-01-01"), recorded_at=NOW)
        assert [row.model_id for row in registry.query_all(last_n_days=1)] == ["today"]


def test_both_scripts_run_as_they_are_printed(tmp_path: Path) -> None:
    url = str(tmp_path / "registry.db")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    with connect(url, create=True) as registry:
        for status in (Status.PASSED, Status.REVIEW, Status.BLOCKED):
            registry.submit(samples.audit(status.value, status, today), recorded_at=NOW)
    (tmp_path / "reports").mkdir()
    for script in (SCRIPT.replace("postgresql://host/registry", url), TRAINING):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "reports" / "portfolio_dashboard.pdf").read_bytes().startswith(b"%PDF")
