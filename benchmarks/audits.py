"""Real audits for the benchmarks: the example's own audit made by the pipeline, then varied in every number."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from glassalpha_action.digests import settled
from glassalpha_action.records import Audit, sealed

ROOT = Path(__file__).parent.parent
DIGESTS = ("config_sha256", "model_sha256", "data_sha256", "predictions_sha256")
SCORES = """
model: {id: scores, use_case: credit_scoring, owner: Head of Consumer Lending, team: credit-risk, threshold: 0.5}
data: {path: scores.csv, target_column: default, score_column: score}
policy: {path: two_gates.yaml}
"""
SCORE = """
import joblib, pandas
rows = pandas.read_csv("examples/german_credit/build/test.csv")
model = joblib.load("examples/german_credit/build/logistic.joblib")
rows["score"] = model.predict_proba(rows)[:, 1]
rows[["default", "score"]].to_csv("scores.csv", index=False)
"""
KEPT = {"threshold", "policy_threshold", "confidence", "params"}


@cache
def example() -> Audit:
    """The audit of the German Credit example's model: 17 features, two protected attributes, seven gates."""
    return _examples()[0]


@cache
def small() -> Audit:
    """The audit of the same model's labels and scores alone, by the first two gates of the policy."""
    return _examples()[1]


@cache
def _examples() -> tuple[Audit, Audit]:
    """Both audits, made by `glassalpha audit` in a checkout of its own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("examples", "policies"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("build", "__pycache__"))
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for command in (["git", "init", "-q"], ["git", "add", "."], [*git, "commit", "-qm", "examples"],
                        [sys.executable, "examples/german_credit/make_model.py"]):  # fmt: skip
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        policy = (folder / "policies/org_credit_baseline_v1.yaml").read_text(encoding="utf-8")
        (folder / "two_gates.yaml").write_text(policy.partition("  # Fairness")[0], encoding="utf-8")
        (folder / "scores.audit.yaml").write_text(SCORES, encoding="utf-8")
        subprocess.run([sys.executable, "-c", SCORE], cwd=folder, check=True, capture_output=True)
        return _audited(folder, "examples/german_credit/logistic.audit.yaml"), _audited(folder, "scores.audit.yaml")


def _audited(folder: Path, config: str) -> Audit:
    command = [str(Path(sys.executable).parent / "glassalpha"), "audit", "--config", config, "--as-of", "2025-01-05",
               "--fail-on", "never", "--output", "out/r.json"]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return Audit.model_validate_json((folder / "out/r.json").read_bytes())


def audits(
    count: int, models: int, *, like: Audit | None = None, a_day: int = 0, named: str = "model", seed: int = 20260106
) -> Iterator[Audit]:
    """`count` audits of `models` in turn, `a_day` of them on each day (by default one a model and day).

    They differ from `like`, by default the example's whole audit, as real ones do: in every value, interval, curve and
    digest, by as many digits as the pipeline writes.
    """
    chance, base, start = random.Random(seed), (like or example()).content(), date(1990, 1, 1)  # noqa: S311
    for k in range(count):
        content = dict(base)
        for key in ("measurements", "verdicts", "charts"):
            if key in base:
                content[key] = _varied(base[key], chance)
        content["model"] = base["model"] | {"id": f"{named}_{k % models}"}
        content["provenance"] = base["provenance"] | {
            "as_of": (start + timedelta(days=k // (a_day or models))).isoformat(),
            "git_commit": chance.randbytes(20).hex(),
            **{name: chance.randbytes(32).hex() for name in DIGESTS},
        }
        yield sealed(Audit.model_validate(content))


def _varied(value: Any, chance: random.Random) -> Any:
    """The same with other numbers of as many digits; whole numbers, which are counts and lines, stay."""
    if isinstance(value, dict):
        return {key: one if key in KEPT else _varied(one, chance) for key, one in value.items()}
    if isinstance(value, list):
        return [_varied(one, chance) for one in value]
    if isinstance(value, float) and not value.is_integer():
        digits = len(repr(value).partition(".")[2])
        if digits > 9:
            return settled(value + chance.uniform(-1e-3, 1e-3))
        return round(value + chance.uniform(-0.01, 0.01), digits)
    return value
