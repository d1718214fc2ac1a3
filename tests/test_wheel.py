"""The wheel: everything the tree ships is in it, and it works from where it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generated import ROOT


def tracked(*folders: str) -> Iterator[str]:
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    yield from done.stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_tree_ships(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"glassalpha_action/_data/{name}" for name in tracked("policies", "templates", "site", "mkdocs.yml")}
    wanted |= {*tracked("glassalpha_action"), "glassalpha.py"}
    assert not wanted - held
    assert not any(name.startswith(("tests/", "examples/", "benchmarks/")) for name in held)


def test_an_installed_wheel_finds_its_policies_and_templates(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    code = """
import sys
from pathlib import Path
from glassalpha_action import shipped
from glassalpha_action.cli.main import main
policy = shipped.policies() / "org_credit_baseline_v1.yaml"
for found in (policy, shipped.templates() / "report", shipped.mkdocs_config()):
    assert found.exists() and Path(sys.argv[1]) in found.parents, found
main(["policy", "lint", str(policy)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Organization Credit Model Baseline" in done.stdout
