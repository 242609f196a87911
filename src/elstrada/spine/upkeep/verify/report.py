"""What a verification finds."""

from __future__ import annotations

from collections import Counter

import msgspec

MOST_OF_A_CHECK = 100
"""Problems of one check that are named; more are only counted."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is not as it must be."""

    check: str
    row: str
    """Which, such as ``log 17 of station/SE*ELS/CP1``."""
    says: str

    def line(self) -> str:
        """All of it, on one line."""
        return f"{self.check}: {self.row}: {self.says}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a verification."""

    database: str
    revision: str | None
    checked: dict[str, int]
    """How many rows each check looked at."""
    problems: tuple[Problem, ...]
    counts: dict[str, int]
    """Problems of each check that found any, also those beyond what is named."""
    notes: tuple[str, ...] = ()
    """What could not be checked, and why."""

    @property
    def sound(self) -> bool:
        """Nothing was found."""
        return not self.counts


class Findings:
    """Takes in what checks find."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.counts: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.notes: list[str] = []

    def add(self, check: str, row: str, says: str) -> None:
        """A problem; control characters in what is said are made visible."""
        self.counts[check] += 1
        if self.counts[check] <= MOST_OF_A_CHECK:
            self.problems.append(Problem(check, _one_line(row, 200), _one_line(says, 400)))

    def report(self, database: str, revision: str | None) -> Report:
        """All of it."""
        return Report(
            database=database,
            revision=revision,
            checked=dict(self.checked),
            problems=tuple(self.problems),
            counts=dict(self.counts),
            notes=tuple(self.notes),
        )


def _one_line(text: str, most: int) -> str:
    shown = "".join(char if char.isprintable() else "·" for char in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
