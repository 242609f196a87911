"""Whatever the tests here send over the wire is judged by the official OpenAPI files, where they are at hand."""

from __future__ import annotations

from collections.abc import Iterator

import openapi
import pytest


@pytest.fixture(autouse=True)
def as_the_standard_has_it() -> Iterator[None]:
    openapi.found.clear()
    yield
    assert openapi.found == []
