"""The guide's own files and commands, word for word, end with a model that passes, a record and a portal."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "site" / "guides" / "getting-started.md").read_text(encoding="utf-8")
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]


def write_rows(path: Path) -> None:
    draw, n = np.random.default_rng(7), 3000
    rows = pd.DataFrame({
        "income": draw.normal(40, 12, n).round(1), "debt": draw.normal(15, 6, n).round(1),
        "sex": draw.choice(["female", "male"], n), "age_group": draw.choice(["18-25", "26-39", "40+"], n),
    })  # fmt: skip
    score = 1 / (1 + np.exp(0.08 * (rows["income"] - 40) - 0.15 * (rows["debt"] - 15) + 0.6))
    rows.assign(score=score.round(4), default=(draw.random(n) < score).astype(int)).to_csv(path, index=False)


def run(*command: str, folder: Path) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_guide_ends_with_a_model_that_passes(tmp_path: Path) -> None:
    (described,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "audit.yaml").write_text(described, encoding="utf-8")
    write_rows(tmp_path / yaml.safe_load(described)["data"]["path"])
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Audit"]):
        run(*GIT, *words, folder=tmp_path)
    lines = [line for block in re.findall(r"```\n(glassalpha.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["audit", "registry", "registry", "portal"]
    glassalpha = str(Path(sys.executable).parent / "glassalpha")
    said = [run(glassalpha, *shlex.split(line)[1:], folder=tmp_path) for line in lines]
    assert "✓ PASSED" in said[0]
    assert "✕" not in said[0]
    portal = tmp_path / re.findall(r"Open `(.*?)`", GUIDE)[0]
    assert "credit_model_v2" in portal.read_text(encoding="utf-8")
