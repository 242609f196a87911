"""Reading the log and its companions from PostgreSQL: the texts, and what their rows mean."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from elstrada.spine.face import MOST_COUNTED, Loaded, Recorded, Waiting
from elstrada.spine.postgres_line import Line
from elstrada.spine.postgres_statements import ENDS
from elstrada.spine.shards import shard_of
from elstrada.spine.upcast import decode

FACTS_AFTER = (
    "SELECT position, stream, version, at, kind, body FROM log"
    " WHERE shard = %s AND position > %s ORDER BY position LIMIT %s"
)
_WAITING = (
    "SELECT count(*), min(at) FROM (SELECT at FROM log WHERE shard = %s AND position > %s"
    " ORDER BY position LIMIT %s) AS behind"
)
# OFFSET 0 keeps the planner from turning the walk into a join over the whole log; the position says
# which month's partition is looked into.
_FACTS_OF = """
WITH RECURSIVE back (position, stream, version, at, kind, body, previous) AS (
    SELECT position, stream, version, at, kind, body, previous FROM log
    WHERE shard = %(shard)s AND position = coalesce(
        (SELECT position FROM milestone WHERE stream = %(stream)s AND version >= %(last)s
            ORDER BY version LIMIT 1),
        (SELECT position FROM stream WHERE stream = %(stream)s))
    UNION ALL
    SELECT before.* FROM back CROSS JOIN LATERAL (
        SELECT position, stream, version, at, kind, body, previous FROM log
        WHERE shard = %(shard)s AND position = back.previous OFFSET 0) AS before
    WHERE back.version > %(first)s
)
SELECT position, stream, version, at, kind, body FROM back WHERE version BETWEEN %(first)s AND %(last)s
ORDER BY version
"""
"""From the stream's end, or the nearest milestone, back from fact to fact."""
_SNAPSHOT = "SELECT version, state FROM snapshot WHERE stream = %s"
_CURSOR = "SELECT position FROM cursor WHERE follower = %s AND shard = %s"

_LAST_OF_ALL = 2**31 - 1


def recorded(row: tuple[object, ...]) -> Recorded:
    """A row of the log, its fact lifted to today's model."""
    position, stream, version, at, kind, body = cast(tuple[int, str, int, datetime, str, str], row)
    return Recorded(position, stream, version, at, decode(kind, body))


def ends(line: Line) -> dict[int, int]:
    """Where every shard ends: the position of its last fact, 0 at first."""
    return dict(cast(list[tuple[int, int]], line.execute(ENDS).fetchall()))


def facts_after(line: Line, position: int, limit: int, shard: int) -> list[Recorded]:
    """Facts of all streams of a shard behind a position."""
    return [recorded(row) for row in line.execute(FACTS_AFTER, (shard, position, limit))]


def waiting_after(line: Line, position: int, shard: int) -> Waiting:
    """How much of a shard lies behind a position."""
    row = line.execute(_WAITING, (shard, position, MOST_COUNTED)).fetchone()
    return Waiting(*cast(tuple[int, datetime | None], row))


def facts_of(
    line: Line, stream: str, shards: int, after_version: int, limit: int = _LAST_OF_ALL
) -> list[Recorded]:
    """Facts of one stream behind a version."""
    wanted = {
        "shard": shard_of(stream, shards),
        "stream": stream,
        "first": after_version + 1,
        "last": min(after_version + limit, _LAST_OF_ALL),
    }
    return [recorded(row) for row in line.execute(_FACTS_OF, wanted)]


def loaded(line: Line, stream: str, shards: int) -> Loaded:
    """The newest snapshot and the facts after it, both as of one moment."""
    with line.transaction():
        line.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = line.execute(_SNAPSHOT, (stream,)).fetchone()
        version, state = (0, None) if row is None else cast(tuple[int, bytes], row)
        facts = tuple(facts_of(line, stream, shards, version))
    return Loaded(facts[-1].version if facts else version, state, facts)


def cursor_of(line: Line, follower: str, shard: int) -> int:
    """How far a follower has come."""
    row = line.execute(_CURSOR, (follower, shard)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]
