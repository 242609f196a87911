"""Reading the log and its companions from PostgreSQL: the texts, and what their rows mean.

What is archived is not in these tables. Every text that could pass over it says in the same statement
that it is, because a month leaves and comes back in one transaction: two statements may see two states.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

import msgspec

from elstrada.spine.archived.month import COLUMNS, ArchivedMonth, archived
from elstrada.spine.archived.way import Place, Stretch, Wanted
from elstrada.spine.face import MOST_COUNTED, Recorded
from elstrada.spine.months import Month
from elstrada.spine.postgres_line import Line
from elstrada.spine.postgres_statements import ENDS
from elstrada.spine.upcast import decode

HOLD_MONTHS = "LOCK TABLE log IN ACCESS SHARE MODE"
"""No month leaves the log, or comes back, until the transaction ends. Appends go on.

The first statement of its transaction, for months are not part of a snapshot that was taken before."""
ARCHIVED = f"SELECT {COLUMNS} FROM archived_month ORDER BY shard, month"  # noqa: S608  Names of ours.
_ARCHIVED_OF = f"SELECT {COLUMNS} FROM archived_month WHERE shard = %s AND month = %s"  # noqa: S608

FACTS_BETWEEN = (
    "SELECT position, stream, version, at, kind, body FROM log"
    " WHERE shard = %s AND position > %s AND position < %s ORDER BY position LIMIT %s"
)
_NEXT_ARCHIVED = f"""
(SELECT 1) AS one LEFT JOIN LATERAL (
    SELECT {COLUMNS} FROM archived_month WHERE shard = %(shard)s AND last_position > %(after)s
    ORDER BY month LIMIT 1) AS gone ON true
"""  # noqa: S608
_UP_TO_IT = "shard = %(shard)s AND position > %(after)s AND position < coalesce(gone.first_position, 9223372036854775807)"
_COUNT = len(ArchivedMonth.__struct_fields__)
FACTS_AFTER = f"""
SELECT gone.*, log.* FROM {_NEXT_ARCHIVED} LEFT JOIN LATERAL (
    SELECT position, stream, version, at, kind, body FROM log
    WHERE {_UP_TO_IT} ORDER BY position LIMIT %(limit)s) AS log ON true
"""  # noqa: S608
"""At least one row: the first archived month behind the position, or nothing; and facts before it, or nothing."""
_WAITING = f"""
SELECT gone.*, behind.* FROM {_NEXT_ARCHIVED} CROSS JOIN LATERAL (
    SELECT count(*), min(at) FROM (
        SELECT at FROM log WHERE {_UP_TO_IT} ORDER BY position LIMIT %(limit)s) AS log) AS behind
"""  # noqa: S608

# OFFSET 0 keeps the planner from turning the walk into a join over the whole log; the position says
# which month's partition is looked into.
_BACK = """
WITH RECURSIVE back (position, stream, version, at, kind, body, previous) AS (
    SELECT position, stream, version, at, kind, body, previous FROM log
    WHERE shard = %(shard)s AND position = {start}
    UNION ALL
    SELECT before.* FROM back CROSS JOIN LATERAL (
        SELECT position, stream, version, at, kind, body, previous FROM log
        WHERE shard = %(shard)s AND position = back.previous OFFSET 0) AS before
    WHERE back.version > %(first)s
)
SELECT position, stream, version, at, kind, body, previous FROM back
WHERE version BETWEEN %(first)s AND %(last)s OR version = (SELECT min(version) FROM back)
ORDER BY version
"""
"""Back from fact to fact; the oldest that was found is told in any case."""
_START = """
SELECT version, position FROM (
    SELECT version, position FROM milestone WHERE stream = %(stream)s AND version >= %(last)s
    UNION ALL SELECT version, position FROM stream WHERE stream = %(stream)s) AS start
WHERE version >= %(first)s ORDER BY version LIMIT 1
"""
_FROM_END = _BACK.format(
    start="""coalesce(
        (SELECT position FROM milestone WHERE stream = %(stream)s AND version >= %(last)s
            ORDER BY version LIMIT 1),
        (SELECT position FROM stream WHERE stream = %(stream)s))"""
)
"""From the stream's end, or the nearest milestone."""
_FROM_PLACE = _BACK.format(start="%(position)s")
_SNAPSHOT = "SELECT version, state FROM snapshot WHERE stream = %s"
_VERSION = "SELECT version FROM stream WHERE stream = %s"
_CURSOR = "SELECT position FROM cursor WHERE follower = %s AND shard = %s"


class Next(msgspec.Struct, frozen=True):
    """What comes behind a position: facts of the log, then a month that was archived, if there is one."""

    facts: list[Recorded]
    gone: ArchivedMonth | None


class Behind(msgspec.Struct, frozen=True):
    """The same, counted."""

    count: int
    oldest: datetime | None
    gone: ArchivedMonth | None


def recorded(row: tuple[object, ...]) -> Recorded:
    """A row of the log, its fact lifted to today's model."""
    position, stream, version, at, kind, body = cast(tuple[int, str, int, datetime, str, str], row)
    return Recorded(position, stream, version, at, decode(kind, body))


def ends(line: Line) -> dict[int, int]:
    """Where every shard ends: the position of its last fact, 0 at first."""
    return dict(cast(list[tuple[int, int]], line.execute(ENDS).fetchall()))


def archived_months(line: Line) -> list[ArchivedMonth]:
    """Every month that is a file, by shard, oldest first."""
    return [archived(row) for row in line.execute(ARCHIVED.encode())]


def archived_month(line: Line, month: Month) -> ArchivedMonth | None:
    """The file that a month is; None when it is none."""
    row = line.execute(_ARCHIVED_OF.encode(), (month.shard, month.number)).fetchone()
    return None if row is None else archived(row)


def facts_after(line: Line, position: int, limit: int, shard: int) -> Next:
    """Facts of all streams of a shard behind a position, up to the first archived month."""
    asked = {"shard": shard, "after": position, "limit": limit}
    rows = line.execute(FACTS_AFTER.encode(), asked).fetchall()
    facts = [recorded(row[_COUNT:]) for row in rows if row[_COUNT] is not None]
    return Next(facts, _gone(rows[0]))


def waiting_after(line: Line, position: int, shard: int, most: int = MOST_COUNTED) -> Behind:
    """How much of a shard lies behind a position, up to the first archived month."""
    asked = {"shard": shard, "after": position, "limit": most}
    row = line.execute(_WAITING.encode(), asked).fetchone()
    assert row is not None
    count, oldest = cast(tuple[int, datetime | None], row[_COUNT:])
    return Behind(count, oldest, _gone(row))


def stretch_from_end(line: Line, wanted: Wanted) -> Stretch:
    """What the log has of the facts asked for, from the newest of them to where it breaks off."""
    rows = line.execute(_FROM_END, msgspec.structs.asdict(wanted)).fetchall()
    if rows:
        return _stretch(wanted, rows)
    start = line.execute(_START, msgspec.structs.asdict(wanted)).fetchone()
    return Stretch([], None if start is None else Place(*cast(tuple[int, int], start)))


def stretch_from(line: Line, wanted: Wanted, start: Place) -> Stretch | None:
    """What the log has from ``start`` backwards; None when the fact is not there."""
    rows = line.execute(_FROM_PLACE, msgspec.structs.asdict(wanted) | {"position": start.position}).fetchall()
    if not rows or rows[-1][1] != wanted.stream or cast(int, rows[-1][2]) > start.version:
        return None
    return _stretch(wanted, rows)


def snapshot_of(line: Line, stream: str) -> tuple[int, bytes | None]:
    """The newest snapshot and its version; version 0 when there is none."""
    row = line.execute(_SNAPSHOT, (stream,)).fetchone()
    return (0, None) if row is None else cast(tuple[int, bytes], row)


def version_of(line: Line, stream: str) -> int:
    """How many facts a stream has."""
    row = line.execute(_VERSION, (stream,)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]


def cursor_of(line: Line, follower: str, shard: int) -> int:
    """How far a follower has come."""
    row = line.execute(_CURSOR, (follower, shard)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]


def _stretch(wanted: Wanted, rows: list[tuple[object, ...]]) -> Stretch:
    facts = [recorded(row[:6]) for row in rows if wanted.first <= cast(int, row[2]) <= wanted.last]
    return Stretch(facts, wanted.lacks(cast(int, rows[0][2]), cast(int, rows[0][6])))


def _gone(row: tuple[object, ...]) -> ArchivedMonth | None:
    return None if row[0] is None else archived(row[:_COUNT])
