"""A month's partition as rows, both ways, and the right to take it out of the log or put it in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from psycopg import errors, sql

from elstrada.spine.archived.month import Content, Digest, LogRow, microseconds, moment
from elstrada.spine.archived.parquet import PART_BYTES, PART_ROWS
from elstrada.spine.months import TAKE_LOCK, Month
from elstrada.spine.upkeep.database import Plain, Refused

_COLUMNS = ("position", "shard", "stream", "version", "at", "kind", "body", "previous")
_LISTED = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
_AT_ONCE = 1000
_LOCK_MS = 250
"""Longest that appends to a shard wait behind us while we wait for others."""
_TRIES, _PAUSE_S = 40, 0.25


def parts_of(plain: Plain, table: str) -> Iterator[list[LogRow]]:
    """A table's rows by stream and version, in parts as the archive has them. The server sorts."""
    text = sql.SQL('SELECT {} FROM {} ORDER BY stream COLLATE "C", version').format(
        _LISTED, sql.Identifier(table)
    )
    part: list[LogRow] = []
    size = 0
    with plain.cursor(name="month") as rows:
        rows.itersize = _AT_ONCE
        for position, shard, stream, version, at, kind, body, previous in rows.execute(text):
            part.append((position, shard, stream, version, microseconds(at), kind, body, previous))
            size += len(body)
            if len(part) == PART_ROWS or size >= PART_BYTES:
                yield part
                part, size = [], 0
    if part:
        yield part


def content_of(plain: Plain, table: str) -> Content:
    """What a table holds."""
    digest = Digest()
    for part in parts_of(plain, table):
        digest.take(part)
    return digest.content()


def fill(plain: Plain, table: str, parts: Iterable[list[LogRow]]) -> None:
    """Put rows into a table."""
    text = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _LISTED)
    with plain.cursor() as cursor, cursor.copy(text) as copy:
        for part in parts:
            for position, shard, stream, version, at_us, kind, body, previous in part:
                copy.write_row((position, shard, stream, version, moment(at_us), kind, body, previous))


def exchange(plain: Plain, month: Month, change: Callable[[], None]) -> None:
    """Do a change while nobody reads or writes the shard's log; tries again when others do not let go.

    Whoever appends waits for a quarter of a second at most, and then for the change, which must be short.
    Within a transaction, which stays open.

    Raises:
        Refused: others held it all the time; nothing was changed.
    """
    for _ in range(_TRIES):
        try:
            with plain.transaction():
                plain.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{_LOCK_MS}ms")))
                plain.execute(TAKE_LOCK)
                parent = sql.Identifier(f"log_{month.shard}")
                plain.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(parent))
                change()
                return
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(_PAUSE_S)
    raise Refused(
        f"{month.name} is being read all the time, by a backup, a verification or a vacuum: do this again when it is done"
    )
