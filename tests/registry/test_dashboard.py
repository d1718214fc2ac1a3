"""The source document's dashboard script, as printed but for the URL."""

from __future__ import annotations

import datetime
import sys
import types
from pathlib import Path

import pytest

import glassalpha
from glassalpha_action.records import Status
from glassalpha_action.registry import connect
from tests import samples
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
