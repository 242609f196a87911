"""The log once more from its beginning: every fact is read, and the views are made again beside the live ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from elstrada.spine.face import Recorded
from elstrada.spine.logbook import recorded
from elstrada.spine.merging import Merged
from elstrada.spine.statements import put_rows
from elstrada.spine.tables import VIEWS
from elstrada.spine.upcast import LIFTS
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import RawRow
from elstrada.spine.upkeep.verify.seals import Sealing
from elstrada.spine.views import project

FACTS, REPLAY = "facts", "replay"
_AT_ONCE = 2000
_UNSAFE = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA locking_mode = EXCLUSIVE")
"""The file is thrown away, so nothing about it need last."""


class Scratch:
    """Views made again, in a file of their own."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        for text in _UNSAFE:
            self.connection.execute(text)
        for table in VIEWS:
            self.connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))

    def close(self) -> None:
        """It is thrown away with its folder."""
        self.connection.close()

    def put(self, facts: list[Recorded]) -> None:
        """Let the facts have their effect on the views.

        Raises:
            Exception: one of them cannot; nothing of these was done.
        """
        merged = Merged()
        for fact in facts:
            for change in project(fact):
                merged.add(change)
        self.connection.execute("SAVEPOINT facts")
        try:
            for text, parameters in put_rows(merged):
                self.connection.execute(text, parameters)
        except BaseException:
            self.connection.execute("ROLLBACK TO facts")
            raise
        finally:
            self.connection.execute("RELEASE facts")


def replay(log: Iterable[RawRow], scratch: Scratch, sealing: Sealing, findings: Findings) -> dict[int, int]:
    """Read the whole log in the order in which followers see it; returns each shard's last position."""
    ends: dict[int, int] = {}
    batch: list[Recorded] = []
    for row in log:
        findings.checked[FACTS] += 1
        sealing.take(row)
        fact = _read(row, findings)
        if fact is None:
            continue
        batch.append(fact)
        ends[_shard(row)] = fact.position
        if len(batch) == _AT_ONCE:
            _project(batch, scratch, findings)
            batch = []
    _project(batch, scratch, findings)
    return ends


def _read(row: RawRow, findings: Findings) -> Recorded | None:
    try:
        fact = recorded(row[:6])
        kind = type(fact.fact).__name__
        if kind != row[4] and row[4] not in LIFTS:
            raise ValueError(f"it is a {kind}, and its row calls it {row[4]}")
    except Exception as problem:  # noqa: BLE001  Whatever damage makes of a row, it is told and the rest is read.
        findings.add(FACTS, _name(row), f"it cannot be read: {problem}")
        return None
    return fact


def _project(batch: list[Recorded], scratch: Scratch, findings: Findings) -> None:
    try:
        scratch.put(batch)
    except Exception:  # noqa: BLE001  One of them cannot be; which one shows when each is alone.
        for fact in batch:
            _project_alone(fact, scratch, findings)


def _project_alone(fact: Recorded, scratch: Scratch, findings: Findings) -> None:
    try:
        scratch.put([fact])
    except Exception as problem:  # noqa: BLE001  As above.
        row = f"log {fact.position} of {fact.stream} version {fact.version}"
        findings.add(REPLAY, row, f"it has no effect on the views: {problem}")


def _name(row: RawRow) -> str:
    return f"log {row[0]} of {row[1]} version {row[2]}"


def _shard(row: RawRow) -> int:
    return row[7] if isinstance(row[7], int) else 0
