"""Models of every format, scored by the project's own image and by this machine."""

from __future__ import annotations

import json
from pathlib import Path

import joblib
import numpy as np
import pytest

from glassalpha_action.load.model import FORMATS, score
from glassalpha_action.settings import Trust
from tests.e2e.conftest import IMAGE, ROOT, RUNNER, Action
from tests.load import formats

pytestmark = pytest.mark.e2e
FILES = ("m.joblib", "m.pkl", *formats.FILES)
SCORED = """
import json, sys
from pathlib import Path
import pandas
from glassalpha_action.load.model import score
features = pandas.read_csv("features.csv")
for name in sys.argv[1:]:
    found = score(Path(name), features, positive_label="1", negative_label="0")
    print(json.dumps([name, found.format, found.isolation, found.values.tolist()]))
"""
EXPLAINED = """
model: {id: m, path: m.joblib, threshold: 0.5, positive_label: 1, favorable_label: 1}
data: {path: features.csv, target_column: y, protected_attributes: [y], feature_columns: [loan amount, age, months]}
audit: {shap: true}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of every format, and the rows they were trained on."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in formats.FILES:
        formats.write(folder, name)
    for name in ("m.joblib", "m.pkl"):
        joblib.dump(formats.forest(), folder / name)
    formats.NUMBERS.to_csv(folder / "features.csv", index=False)
    (folder / "score.py").write_text(SCORED)
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


def _inside(action: Action, folder: Path, *command: str) -> tuple[int, str, str]:
    entry, *words = command
    ran = action.engine.docker(
        "run", "--rm", "--user", f"{RUNNER}:{RUNNER}", "--cap-drop", "ALL", "--volume", f"{folder}:/case:ro",
        "--workdir", "/case", "--entrypoint", entry, IMAGE, *words, check=False, timeout=300,
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def test_every_format_scores_in_the_image_as_it_does_here(action: Action, folder: Path) -> None:
    code, said, errors = _inside(action, folder, "python", "score.py", *FILES)
    assert code == 0, errors
    told = {name: rest for name, *rest in map(json.loads, said.splitlines())}
    assert set(told) == set(FILES)
    assert {kind for kind, _, _ in told.values()} == {each.name for each in FORMATS}
    for name, (_, isolation, values) in told.items():
        here = score(folder / name, formats.NUMBERS, positive_label="1", negative_label="0", trust=Trust.sandbox)
        np.testing.assert_allclose(values, here.values, rtol=0, atol=1e-9, err_msg=name)
        assert np.ptp(values) > 0.1, name
        assert "seccomp filter" in isolation, name


def test_the_image_carries_what_every_format_needs_and_no_shap(action: Action, folder: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    needed = {each.package for each in FORMATS if each.package}
    assert all(f"\n{name}==" in lock or f"\n{name}-cpu==" in lock for name in needed)
    formats.NUMBERS.assign(y=formats.LABELS).to_csv(folder / "features.csv", index=False)
    (folder / "audit.yaml").write_text(EXPLAINED)
    code, said, errors = _inside(action, folder, "glassalpha", "audit", "--config", "audit.yaml")
    assert code == 2, said + errors
    assert "SHAP values need the package shap: run pip install 'glassalpha-action[shap]'" in errors
    assert "Traceback" not in said + errors
