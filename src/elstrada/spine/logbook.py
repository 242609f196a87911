"""Reading the log and its companions from SQLite: the texts, and what their rows mean."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from elstrada.spine.face import Loaded, Recorded
from elstrada.spine.records import Connection
from elstrada.spine.upcast import decode

_FACT = "SELECT position, stream, version, at, kind, body FROM log"

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM log"
LAST_VERSIONS = (
    "SELECT json_group_object(value, (SELECT coalesce(max(version), 0) FROM log WHERE stream = value))"
    " FROM json_each(?)"
)
"""Of a JSON list of streams, as a JSON object: one row, for the reason that ``statements.filled`` gives."""
FACTS_AFTER = f"{_FACT} WHERE position > ? AND shard = ? ORDER BY position LIMIT ?"
_FACTS_OF = f"{_FACT} WHERE stream = ? AND version > ? ORDER BY version LIMIT ?"
_SNAPSHOT = "SELECT version, state FROM snapshot WHERE stream = ?"
_CURSOR = "SELECT position FROM cursor WHERE follower = ? AND shard = ?"

_ALL = -1  # SQLite's LIMIT without a limit.


def recorded(row: tuple[object, ...]) -> Recorded:
    """A row of the log, its fact lifted to today's model."""
    position, stream, version, at, kind, body = cast(tuple[int, str, int, str, str, str], row)
    return Recorded(position, stream, version, datetime.fromisoformat(at), decode(kind, body))


def facts_after(connection: Connection, position: int, limit: int, shard: int) -> list[Recorded]:
    """Facts of all streams behind a position."""
    return [recorded(row) for row in connection.execute(FACTS_AFTER, (position, shard, limit)).fetchall()]


def facts_of(connection: Connection, stream: str, after_version: int, limit: int = _ALL) -> list[Recorded]:
    """Facts of one stream behind a version."""
    rows = connection.execute(_FACTS_OF, (stream, after_version, limit)).fetchall()
    return [recorded(row) for row in rows]


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


def cursor_of(connection: Connection, follower: str, shard: int) -> int:
    """How far a follower has come."""
    row = connection.execute(_CURSOR, (follower, shard)).fetchone()
    return 0 if row is None else cast(tuple[int], row)[0]
