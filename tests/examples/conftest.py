"""The examples' own scripts, run as a reader would run them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("german_credit", "synthetic_credit")


def run_make_model(name: str, out: Path, hash_seed: str, threads: str) -> None:
    """Run one example's make_model.py in a process of its own."""
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    script = EXAMPLES / name / "make_model.py"
    subprocess.run([sys.executable, "-W", "error", str(script), "--out", str(out)], check=True, env=environment)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The build folder of each example."""
    root = tmp_path_factory.mktemp("built")
    for name in NAMES:
        run_make_model(name, root / name, hash_seed="1", threads="1")
    return {name: root / name for name in NAMES}


@pytest.fixture(scope="session")
def prepare() -> ModuleType:
    """examples/german_credit/prepare.py."""
    return _module("german_credit", "prepare")


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    """examples/synthetic_credit/generate.py."""
    return _module("synthetic_credit", "generate")


@pytest.fixture(scope="session")
def german_make_model() -> Iterator[ModuleType]:
    """examples/german_credit/make_model.py, with its neighbour `prepare` in reach while it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES / "german_credit"))
        yield _module("german_credit", "make_model")
    sys.modules.pop("prepare", None)


def _module(folder: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / folder / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
