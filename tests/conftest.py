"""What all tests share: the fast lane runs first, the real parts after it, and the search of what they left last."""

from __future__ import annotations

import pytest

from tests import credentials

LEFT = pytest.StashKey[list[str]]()


def _order(item: pytest.Item) -> int:
    if item.get_closest_marker("last"):
        return 2
    return int(item.get_closest_marker("e2e") is not None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is marked e2e after the rest and what is marked last at the end, otherwise in the order of the files."""
    items.sort(key=_order)


def pytest_configure(config: pytest.Config) -> None:
    """Keep what is found in the reports for the last test."""
    found: list[str] = []
    config.stash[LEFT] = found
    config.pluginmanager.register(_Reports(found))


class _Reports:
    """Reads every report of the run: what was printed, logged and raised."""

    def __init__(self, found: list[str]) -> None:
        self.found = found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = "\n".join([report.longreprtext, *(text for _, text in report.sections)])
        if credentials.found_in(said):
            self.found.append(report.nodeid)
