from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from glassalpha_action import settings
from glassalpha_action.registry import Registry, connect
from tests.registry import server
from tests.registry.backends import Opener


@pytest.fixture(scope="session")
def postgres() -> Iterator[server.Server]:
    """A PostgreSQL server; where none can be started this fails under CI and skips elsewhere."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server.start())
        except OSError as error:
            if settings.under_ci():
                raise
            pytest.skip(f"no PostgreSQL: {error}")
        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a registry of each backend is or can be made; in PostgreSQL for a login that may only read and add."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    return str(request.getfixturevalue("postgres").new_registry())


@pytest.fixture
def opener(url: str) -> Opener:
    """Opens one and the same registry of each backend, again and again."""
    return Opener(url)


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
