"""What all tests share: the fast lane runs first, the real parts after it."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is marked e2e last, otherwise in the order of the files."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)
