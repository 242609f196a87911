"""What the writer thread needs of an engine: transactions, and a judgement of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from elstrada.spine.batch import Written
from elstrada.spine.trouble import Trouble

Outcome = int | Exception
"""Of one work: what ``Spine.commit`` returns, or why nothing of it was done."""


class Store(Protocol):
    """Does works in transactions, without thread or event loop. Used by one thread at a time."""

    def transact(self, works: Sequence[Written], at: datetime) -> list[Outcome]:
        """Do many works in one transaction, durable on return.

        A work whose expectation fails does nothing and fails alone: its outcome is StreamMoved,
        CursorMoved or RowMoved. Any other error undoes them all and is raised; ``trouble_of`` says what
        it means.
        """
        ...

    def rebuild(self) -> int:
        """Empty every view and make it again from the log, in one transaction; returns the end of shard 0."""
        ...

    def trouble_of(self, error: Exception) -> Trouble:
        """Judge what ``transact`` or ``rebuild`` raised."""
        ...

    def for_caller(self, error: Exception) -> Exception:
        """A single work's own error as ``Spine.commit`` raises it."""
        ...
