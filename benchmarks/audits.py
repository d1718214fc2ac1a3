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

from glassalpha_action.digests import settled, sha256
from glassalpha_action.records import Audit, sealed

ROOT = Path(__file__).parent.parent
DIGESTS = ("config_sha256", "model_sha256", "data_sha256", "predictions_sha256")
KEPT = {"threshold", "policy_threshold", "confidence", "params"}


@cache
def example() -> Audit:
    """The audit of the German Credit example's model, made by `glassalpha audit` in a checkout of its own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("examples", "policies"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("build", "__pycache__"))
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        audit = ["audit", "--config", "examples/german_credit/logistic.audit.yaml", "--as-of", "2025-01-05",
                 "--fail-on", "never", "--output", "out/r.json"]  # fmt: skip
        for command in (["git", "init", "-q"], ["git", "add", "."], [*git, "commit", "-qm", "examples"],
                        [sys.executable, "examples/german_credit/make_model.py"],
                        [str(Path(sys.executable).parent / "glassalpha"), *audit]):  # fmt: skip
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return Audit.model_validate_json((folder / "out/r.json").read_bytes())


@cache
def small() -> Audit:
    """The example's audit cut down to the first three gates of its policy and what they judge, on one attribute."""
    whole = example().content()
    text = whole["policy"]["text"].partition('  - name: "Equalized Odds"')[0]
    gates = whole["verdicts"][:3]
    judged, attribute = {gate["metric"] for gate in gates}, gates[-1]["attribute"]
    content = whole | {
        "policy": whole["policy"] | {"text": text, "sha256": sha256(text.encode())},
        "verdicts": [
            gate | {"judged": [one for one in gate["judged"] if one["attribute"] in {None, attribute}]}
            for gate in gates
        ],
        "measurements": [
            m for m in whole["measurements"] if m["metric"] in judged and m.get("attribute") in {None, attribute}
        ],
        "glossary": {metric: whole["glossary"][metric] for metric in sorted(judged)},
        "data": whole["data"] | {"attributes": [a for a in whole["data"]["attributes"] if a["name"] == attribute]},
    }
    del content["charts"]
    return sealed(Audit.model_validate(content))


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
