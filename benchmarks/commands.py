"""Whole commands in CPU seconds, children included, beside what the bare imports cost in the same run."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPEATS = 3
FLOORS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "numpy, pandas": "import numpy, pandas",
    "scikit-learn, joblib, pandas": "import sklearn.pipeline, sklearn.linear_model, joblib, pandas",
}
COMMANDS = (
    ("--help", ["--help"], 0.3, "nothing"),
    ("policy lint", ["policy", "lint", "policies/org_credit_baseline_v1.yaml"], 0.6, "numpy"),
    ("audit, predictions only, to HTML",
     ["audit", "--config", "examples/german_credit/boosted.audit.yaml", "--output", "out/boosted.html"], 1.5,
     "numpy, pandas"),
    ("audit, model in its child, to HTML",
     ["audit", "--config", "examples/german_credit/logistic.audit.yaml", "--output", "out/logistic.html"], 4.0,
     "scikit-learn, joblib, pandas"),
)  # fmt: skip


def cpu(command: list[str], folder: Path) -> float:
    """The least CPU seconds of a few runs of `command` in `folder`; it must succeed."""
    found = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def run() -> None:
    """Measure in a checkout of its own, so that strict audits find it clean."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("examples", "policies"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("build", "__pycache__"))
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for command in (["git", "init", "-q"], ["git", "add", "."], [*git, "commit", "-qm", "examples"],
                        [sys.executable, "examples/german_credit/make_model.py"]):  # fmt: skip
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        floors = {name: cpu([sys.executable, "-c", code], folder) for name, code in FLOORS.items()}
        glassalpha = str(Path(sys.executable).parent / "glassalpha")
        print(f"{'command':<36} {'CPU s':>6} {'budget':>7}   {'import floor':<30} {'CPU s':>6} {'above':>6}")
        for name, arguments, budget, floor in COMMANDS:
            seconds = cpu([glassalpha, *arguments], folder)
            print(f"{name:<36} {seconds:>6.2f} {budget:>7.1f}   {floor:<30} {floors[floor]:>6.2f} "
                  f"{seconds - floors[floor]:>6.2f}")  # fmt: skip
