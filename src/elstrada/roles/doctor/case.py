"""What is examined, and what an examination finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.config import Config


class Level(StrEnum):
    """How bad it is."""

    FINE = "fine"
    WARNING = "warning"
    """It works, and should be seen to."""
    PROBLEM = "problem"
    """Something does not work, or will not."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    area: str
    """Such as ``database``."""
    says: str
    do: str = ""
    """What to do about it."""

    def line(self) -> str:
        """All of it, on one line."""
        advice = f" {self.do[:1].upper()}{self.do[1:]}." if self.do else ""
        return f"{self.level:<8} {self.area}: {self.says}.{advice}"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What this process was given by the machine it runs on."""

    python: tuple[int, int, int]
    sqlite: tuple[int, int, int]
    uid: int
    open_files: int
    """That a process started as this one was may have open."""
    now: datetime
    """By this machine's clock, UTC."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An installation as it is configured, on the machine it stands on."""

    config: Config
    machine: Machine


Examine = Callable[[Case], Iterable[Finding]]


def fine(area: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.FINE, area, says)


def warning(area: str, says: str, do: str = "") -> Finding:
    """It should be seen to."""
    return Finding(Level.WARNING, area, says, do)


def problem(area: str, says: str, do: str = "") -> Finding:
    """It does not work."""
    return Finding(Level.PROBLEM, area, says, do)
