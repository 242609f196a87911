"""What whole-process tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from installation import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where commands come from."""
    made = Nursery()
    yield made
    made.close()
