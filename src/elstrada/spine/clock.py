"""What the spine needs of a clock; whatever has a ``now`` will do."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of record. The SQLite writer asks it from its own thread."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        ...
