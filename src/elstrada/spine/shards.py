"""Which of the logs a stream belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

from elstrada.spine.face import Work


@lru_cache(100_000)
def shard_of(stream: str, shards: int) -> int:
    """The shard, 0 to ``shards`` - 1, that holds all facts of a stream, on every node and for ever."""
    return crc32(stream.encode()) % shards


def shards_of(work: Work, shards: int) -> list[int]:
    """The shards that a work touches, ascending; shard 0 when it touches none."""
    return sorted(set(_touched(work, shards))) or [0]


def _touched(work: Work, shards: int) -> Iterator[int]:
    for append in work.appends:
        yield shard_of(append.stream, shards)
    if work.advance is not None:
        yield work.advance.shard
