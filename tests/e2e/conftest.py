"""What whole-process tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where commands come from."""
    made = Nursery()
    yield made
    made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The processes they start are not measured, and measuring the stations that load them only slows these."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.no_cover)
