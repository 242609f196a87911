"""Reading the log and its companions from SQLite: the texts, and what their rows mean."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from elstrada.spine.face import MOST_COUNTED, Loaded, Recorded, Waiting
from elstrada.spine.records import Connection
from elstrada.spine.upcast import decode

_FACT = "SELECT position, stream, version, at, kind, body FROM log"

LAST_POSITION = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log'"
"""The highest ever given, also when all facts up to it are archived."""
HEADS = (
    "SELECT json_group_object(stream, json_array(version, position))"
    " FROM json_each(?) JOIN stream ON stream = value"
)
"""Of a JSON list of streams, as a JSON object: one row, for the reason that ``statements.filled`` gives."""
CURSOR = "SELECT position FROM cursor WHERE follower = ? AND shard = ?"
FACTS_AFTER = f"{_FACT} WHERE position > ? AND shard = ? ORDER BY position LIMIT ?"
_WAITING = (
    "SELECT count(*), min(at) FROM (SELECT at FROM log WHERE position > ? AND shard = ?"
    " ORDER BY position LIMIT ?)"
)
_FACTS_OF = """
WITH RECURSIVE back (position, stream, version, at, kind, body, previous) AS (
    SELECT position, stream, version, at, kind, body, previous FROM log WHERE position = coalesce(
        (SELECT position FROM milestone WHERE stream = :stream AND version >= :last ORDER BY version LIMIT 1),
        (SELECT position FROM stream WHERE stream = :stream))
    UNION ALL
    SELECT log.position, log.stream, log.version, log.at, log.kind, log.body, log.previous
    FROM back CROSS JOIN log ON log.position = back.previous WHERE back.version > :first
)
SELECT position, stream, version, at, kind, body FROM back WHERE version BETWEEN :first AND :last
ORDER BY version
"""
"""From the stream's end, or the nearest milestone, back from fact to fact."""
_SNAPSHOT = "SELECT version, state FROM snapshot WHERE stream = ?"
_VERSION = "SELECT version FROM stream WHERE stream = ?"

_LAST_OF_ALL = 2**31 - 1


def recorded(row: tuple[object, ...]) -> Recorded:
    """A row of the log, its fact lifted to today's model."""
    position, stream, version, at, kind, body = cast(tuple[int, str, int, str, str, str], row)
    return Recorded(position, stream, version, datetime.fromisoformat(at), decode(kind, body))


def facts_after(connection: Connection, position: int, limit: int, shard: int) -> list[Recorded]:
    """Facts of all streams behind a position."""
    return [recorded(row) for row in connection.execute(FACTS_AFTER, (position, shard, limit)).fetchall()]


def waiting_after(connection: Connection, position: int, shard: int) -> Waiting:
    """How much lies behind a position."""
    row = connection.execute(_WAITING, (position, shard, MOST_COUNTED)).fetchone()
    count, oldest = cast(tuple[int, str | None], row)
    return Waiting(count, None if oldest is None else datetime.fromisoformat(oldest))


def facts_of(
    connection: Connection, stream: str, after_version: int, limit: int = _LAST_OF_ALL
) -> list[Recorded]:
    """Facts of one stream behind a version."""
    first = after_version + 1
    wanted = {"stream": stream, "first": first, "last": min(after_version + limit, _LAST_OF_ALL)}
    return [recorded(row) for row in connection.execute(_FACTS_OF, wanted).fetchall()]


def loaded(connection: Connection, stream: str) -> Loaded:
    """The newest snapshot and the facts after it, both as of one moment."""
    connection.execute("BEGIN")
    try:
        row = connection.execute(_SNAPSHOT, (stream,)).fetchone()
        version, state = (0, None) if row is None else cast(tuple[int, bytes], row)
        facts = tuple(facts_of(connection, stream, version))
    finally:
        connection.execute("COMMIT")
    return Loaded(facts[-1].version if facts else version, state, facts)


def version_of(connection: Connection, stream: str) -> int:
    """How many facts a stream has."""
    row = connection.execute(_VERSION, (stream,)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]


def cursor_of(connection: Connection, follower: str, shard: int) -> int:
    """How far a follower has come."""
    row = connection.execute(CURSOR, (follower, shard)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]
