"""A writer for each shard of a PostgreSQL log, and the order among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.batch import Written
from elstrada.spine.clock import Clock
from elstrada.spine.postgres_line import Door
from elstrada.spine.postgres_store import PostgresStore
from elstrada.spine.shards import shards_of, touched_by
from elstrada.spine.tally import WriterTally
from elstrada.spine.writer import Writer


class PostgresWriters:
    """Hands each work to the writer of its lowest shard; those of its other shards stand by meanwhile.

    So works of one stream are done in the order in which they were handed in, whatever else they touch.
    """

    def __init__(
        self,
        door: Door,
        shards: int,
        clock: Clock,
        committed: Callable[[set[int], dict[int, int]], None],
        shelf: Shelf,
    ) -> None:
        """Start the threads.

        Args:
            committed: called on the event loop after every batch that added facts, with the shards
                that may have grown, and where shards ended after the last commits of that writer.
            shelf: the months that were archived, for making the views again.
        """
        self._shards, self._committed = shards, committed
        self._stores = [PostgresStore(door, shards, shelf) for _ in range(shards)]
        self._writers = [
            Writer(store, clock, self._telling(store), f"spine-writer-{shard}", shard)
            for shard, store in enumerate(self._stores)
        ]

    @property
    def tallies(self) -> tuple[WriterTally, ...]:
        """What the writers have done, by shard."""
        return tuple(writer.tally for writer in self._writers)

    def do(self, written: Written) -> asyncio.Future[int]:
        """Hand in a work; what it comes to is as with ``Spine.commit``."""
        lowest, *others = shards_of(written.work, self._shards)
        return self._writers[lowest].do(written, [self._writers[shard] for shard in others])

    def rebuild(self) -> asyncio.Future[int]:
        """Make the views again, with all writers standing by."""
        return self._writers[0].do(None, self._writers[1:])

    async def stop(self) -> None:
        """Do what was handed in, then end the threads."""
        await asyncio.gather(*(writer.stop() for writer in self._writers))
        for store in self._stores:
            await asyncio.to_thread(store.close)

    def _telling(self, store: PostgresStore) -> Callable[[Sequence[Written]], None]:
        def tell(works: Sequence[Written]) -> None:
            grown = {shard for written in works for shard in touched_by(written.work, self._shards)}
            self._committed(grown, store.ends)

        return tell
