"""The tables of sentences: each has a test, or a reason why none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import ocpi_rules
import robustness

TABLES = [(robustness, 39, "| {} |"), (ocpi_rules, 72, "| R-{:02} |")]
NAMES = ["robustness", "ocpi"]


def numbers(table: ModuleType) -> list[int]:
    return [number for rules in table.SENTENCES.values() for number in rules]


@pytest.mark.parametrize(("table", "count", "called"), TABLES, ids=NAMES)
def test_every_sentence_has_a_test_or_a_reason_and_not_both(
    table: ModuleType, count: int, called: str
) -> None:
    assert numbers(table) == list(range(1, count + 1))
    proofs = table.proofs()
    for number in numbers(table):
        tests = proofs.get(number, [])
        assert bool(tests) != (number in table.NOT_YET), (number, tests)
        assert number not in table.NOT_WHOLE or tests, number


@pytest.mark.parametrize(("table", "count", "called"), TABLES, ids=NAMES)
def test_every_mark_is_of_a_sentence(table: ModuleType, count: int, called: str) -> None:
    assert set(table.proofs()) <= set(numbers(table))


@pytest.mark.parametrize(("table", "count", "called"), TABLES, ids=NAMES)
def test_every_sentence_stands_on_the_page(table: ModuleType, count: int, called: str) -> None:
    text = table.page()
    assert all(called.format(number) in text for number in numbers(table))
    assert text.count("**not yet**") == len(table.NOT_YET)
