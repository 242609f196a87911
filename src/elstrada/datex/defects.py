"""Defects of open data: what a rule found in a row, and what was done about it.

Codes Q-01 to Q-15 are those of the quality gate (energy and open data, 4.6); codes of another letter
belong to one source and are declared beside its reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

VALUE_LIMIT = 80
"""Characters of a bad value that a report shows."""


class Severity(StrEnum):
    REJECTED = "REJECTED"
    """The row was not taken over."""
    MENDED = "MENDED"
    """The row was taken over with a corrected value."""
    DOUBTFUL = "DOUBTFUL"
    """The row was taken over; the value was kept or left out, and should not be relied on."""


class Rule(msgspec.Struct, frozen=True):
    """One named expectation of a row."""

    code: str
    severity: Severity
    says: str
    """What is wrong when the rule strikes, as a clause: ``the power is above 43 kW on AC``."""


class Defect(msgspec.Struct, frozen=True):
    """One strike of a rule."""

    code: str
    severity: Severity
    row: int
    """Line in the file, from 1."""
    field: str
    value: str
    """As given, cut at ``VALUE_LIMIT`` characters."""
    says: str
    done: str
    """What the reader did: ``taken as 22000 W``."""


def strike(rule: Rule, *, row: int, field: str, value: str, done: str) -> Defect:
    """The defect that ``rule`` finds in ``field`` of ``row``."""
    shown = value if len(value) <= VALUE_LIMIT else value[: VALUE_LIMIT - 1] + "…"
    return Defect(rule.code, rule.severity, row, field, shown, rule.says, done)


class Tally(msgspec.Struct, frozen=True):
    """How often one rule struck, and where first."""

    code: str
    severity: Severity
    says: str
    count: int
    first_row: int


def tally(defects: Iterable[Defect]) -> list[Tally]:
    """Defects counted by rule: rejections first, then the most frequent."""
    first: dict[tuple[str, Severity, str], int] = {}
    counts: Counter[tuple[str, Severity, str]] = Counter()
    for defect in defects:
        rule = (defect.code, defect.severity, defect.says)
        counts[rule] += 1
        first[rule] = min(first.get(rule, defect.row), defect.row)
    order = list(Severity)
    lines = [Tally(*rule, count=count, first_row=first[rule]) for rule, count in counts.items()]
    return sorted(lines, key=lambda line: (order.index(line.severity), -line.count, line.code, line.says))
