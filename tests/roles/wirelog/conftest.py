"""Wire logs for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wire_book import Book


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path) as book:
        yield book
