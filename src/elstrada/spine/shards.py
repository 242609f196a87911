"""Which of the logs a stream belongs to."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

from elstrada.spine.face import Work


@lru_cache(100_000)
def shard_of(stream: str, shards: int) -> int:
    """The shard, 0 to ``shards`` - 1, that holds all facts of a stream, on every node and for ever."""
    return crc32(stream.encode()) % shards


def shards_of(work: Work, shards: int) -> list[int]:
    """The shards that a work belongs to, ascending: those it touches, or shard 0 when it touches none."""
    return sorted(touched_by(work, shards)) or [0]


def touched_by(work: Work, shards: int) -> set[int]:
    """The shards whose facts or cursors a work changes."""
    touched = {shard_of(append.stream, shards) for append in work.appends}
    if work.advance is not None:
        touched.add(work.advance.shard)
    return touched
