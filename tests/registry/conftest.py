from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glassalpha_action.registry import Registry, connect
from tests.registry.backends import Opener


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens one and the same registry of each backend, again and again."""
    return Opener({"sqlite": str(tmp_path / "registry.db")}[request.param])


@pytest.fixture
def registry(opener: Callable[[], Registry]) -> Iterator[Registry]:
    with opener() as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An SQLite registry of three audits of as many models, and one event."""
    from tests.registry.backends import fill

    path = tmp_path / "registry.db"
    with connect(str(path), create=True) as opened:
        fill(opened)
    return path
