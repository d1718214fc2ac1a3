"""What all tests share: which runs when and on which worker, and the search of all they leave."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from xdist import is_xdist_worker
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import credentials

# Its tests share one container engine, of which no second can run beside it.
ONE_WORKER = "tests/e2e/"


def _order(item: pytest.Item) -> int:
    if item.get_closest_marker("last"):
        return 2
    # Beside other workers the longest part begins at once, so that it does not end alone.
    if is_xdist_worker(item) and item.nodeid.startswith(ONE_WORKER):
        return -1
    return int(item.get_closest_marker("e2e") is not None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is marked e2e after the rest and what is marked last at the end, otherwise in the order of the files."""
    items.sort(key=_order)


class Units(LoadFileScheduling):  # type: ignore[misc]
    """Gives each worker whole files, which share fixtures, in the order above."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_WORKER if nodeid.startswith(ONE_WORKER) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Units:
    """Keep the order also of what several workers run."""
    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail the test that prints, logs or raises a credential."""
    return credentials.judged((yield))


@pytest.fixture(scope="session", autouse=True)
def whole_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """Waits until every other worker has ended, and names the folder of what all of them left."""
    folder = tmp_path_factory.getbasetemp()
    if is_xdist_worker(request):
        folder = folder.parent
    # Every worker shares this lock while it has fixtures; the kernel takes it from one that crashed.
    with (folder / "running").open("a+") as held:

        def alone() -> Path:
            fcntl.lockf(held, fcntl.LOCK_EX)
            return folder

        fcntl.lockf(held, fcntl.LOCK_SH)
        yield alone
