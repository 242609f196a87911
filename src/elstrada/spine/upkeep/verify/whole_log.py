"""The whole log as rows, wherever a month of it is: in the database or in the archive."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Connection

from elstrada.spine.archived.month import COLUMNS, ArchiveAway, ArchivedMonth, LogRow, archived, moment
from elstrada.spine.archived.order import LogOrder
from elstrada.spine.archived.parquet import sha256_of
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.columns import moment_text
from elstrada.spine.upkeep.verify.companions import ends_of
from elstrada.spine.upkeep.verify.report import Findings
from elstrada.spine.upkeep.verify.rows import RawRow, query, raw_rows

CHECK = "archive"
_LOG = "SELECT position, stream, version, at, kind, body, previous, shard FROM log"
_PLACES = ("stream", "version", "position", "previous", "shard")


class WholeLog:
    """Reads the log; archived months are sorted in a folder for temporary files, so memory does not grow."""

    def __init__(
        self, connection: Connection, shelf: Shelf, months: Sequence[ArchivedMonth], scratch: Path
    ) -> None:
        self._connection, self._shelf, self._months, self._scratch = connection, shelf, months, scratch

    def in_order(self) -> Iterator[RawRow]:
        """Position, stream, version, at, kind, body, previous, shard; by shard and position."""
        if not self._months:
            yield from query(self._connection, f"{_LOG} ORDER BY shard, position")
            return
        for shard in sorted(ends_of(self._connection)):
            after = 0
            for month in self._months:
                if month.shard == shard:
                    yield from self._between(shard, after, month.first_position)
                    yield from self._sorted(month)
                    after = month.last_position
            yield from self._between(shard, after, 2**63 - 1)

    def by_stream(self) -> Iterator[RawRow]:
        """Stream, version, position, previous, shard; by stream and version."""
        live = raw_rows(self._connection, "log", _PLACES, order=("stream", "version"))
        if not self._months:
            return live
        return heapq.merge(live, self._archived_places(), key=lambda row: row[:2])

    def _between(self, shard: int, after: int, below: int) -> Iterator[RawRow]:
        where = f"WHERE shard = {shard} AND position > {after} AND position < {below}"
        return query(self._connection, f"{_LOG} {where} ORDER BY position")

    def _sorted(self, month: ArchivedMonth) -> Iterator[RawRow]:
        with closing(self._shelf.opened(month)) as file:
            order = LogOrder(file, self._scratch / f"{month.of.name}.db")
        with closing(order):
            yield from map(_raw, order.rows())

    def _archived_places(self) -> Iterator[RawRow]:
        with closing(sqlite3.connect(self._scratch / "places.db", isolation_level=None)) as places:
            places.execute("PRAGMA journal_mode = OFF")
            places.execute(f"CREATE TABLE place ({', '.join(_PLACES)})")
            places.execute("BEGIN")
            for month in self._months:
                with closing(self._shelf.opened(month)) as file:
                    for rows in file.parts():
                        cells = ((row[2], row[3], row[0], row[7], row[1]) for row in rows)
                        places.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?)", cells)
            places.execute("COMMIT")
            yield from places.execute("SELECT * FROM place ORDER BY stream, version")


def archived_months(connection: Connection) -> list[ArchivedMonth]:
    """Every month that is a file, by shard, oldest first."""
    rows = connection.exec_driver_sql(f"SELECT {COLUMNS} FROM archived_month ORDER BY shard, month")  # noqa: S608
    return [archived(tuple(row)) for row in rows]


def check_archive(
    connection: Connection, shelf: Shelf, months: Sequence[ArchivedMonth], findings: Findings
) -> bool:
    """Read every archived month's file, byte for byte; False when one is not as it was written."""
    before = findings.counts[CHECK]
    for month in months:
        findings.checked[CHECK] += 1
        for says in _amiss(connection, shelf, month):
            findings.add(CHECK, f"archived month {month.of.name}", says)
    return findings.counts[CHECK] == before


def _amiss(connection: Connection, shelf: Shelf, month: ArchivedMonth) -> Iterator[str]:
    low, high = month.of.bounds
    if not low < month.first_position <= month.last_position < high:
        yield f"it is said to hold positions {month.first_position} to {month.last_position}, which are of another month"
    text = (
        f"SELECT 1 FROM log WHERE shard = {month.shard} AND position >= {low} AND position < {high} LIMIT 1"  # noqa: S608
    )
    if connection.exec_driver_sql(text).first() is not None:
        yield "the log has facts of it as well"
    try:
        path = shelf.path(month)
        with closing(shelf.opened(month)):
            if sha256_of(path) != month.sha256:
                yield f"{path} is not what was written: its hash differs"
    except ArchiveAway as away:
        yield str(away)


def _raw(row: LogRow) -> RawRow:
    position, shard, stream, version, at_us, kind, body, previous = row
    return position, stream, version, moment_text(moment(at_us)), kind, body, previous, shard
