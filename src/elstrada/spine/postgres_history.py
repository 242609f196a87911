"""The whole history: what is in PostgreSQL, and what was archived, as one log."""

from __future__ import annotations

from datetime import datetime

from elstrada.spine import postgres_log
from elstrada.spine.archived.month import ArchiveAway, ArchivedMonth, fact_of, moment
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.archived.way import Place, Stretch, Wanted
from elstrada.spine.face import MOST_COUNTED, Loaded, Recorded, SpineDown, Waiting
from elstrada.spine.months import month_at
from elstrada.spine.postgres_line import Line
from elstrada.spine.postgres_readers import PostgresReaders
from elstrada.spine.shards import shard_of

_LAST_OF_ALL = 2**31 - 1
_LOOKS = 3
"""For a fact whose month is just being archived or brought back."""


class History:
    """Answers ``face.Spine``'s questions to the log. No connection is held while a file is read."""

    def __init__(self, readers: PostgresReaders, shelf: Shelf, shards: int) -> None:
        self._readers, self._shelf, self._shards = readers, shelf, shards

    async def load(self, stream: str) -> Loaded:
        version, state, newest = await self._readers.ask(lambda line: self._loaded(line, stream))
        # What is older than the newest stretch never changes, so all of it is of one moment.
        facts = tuple(await self._completed(self._wanted(stream, version, _LAST_OF_ALL), newest))
        return Loaded(facts[-1].version if facts else version, state, facts)

    async def facts(self, stream: str, after_version: int, limit: int) -> list[Recorded]:
        wanted = self._wanted(stream, after_version, limit)
        newest = await self._readers.ask(lambda line: postgres_log.stretch_from_end(line, wanted))
        return await self._completed(wanted, newest)

    async def read(self, after: int, limit: int, shard: int) -> list[Recorded]:
        found: list[Recorded] = []
        while len(found) < limit:
            step = await self._next(after, limit - len(found), shard)
            found += step.facts
            if step.gone is None or len(found) == limit:
                break
            found += await self._archived(
                step.gone, found[-1].position if found else after, limit - len(found)
            )
            after = found[-1].position
        return found

    async def waiting(self, after: int, shard: int) -> Waiting:
        count, ages = 0, list[datetime]()
        while True:
            behind = await self._behind(after, shard, MOST_COUNTED - count)
            count += behind.count
            ages += [] if behind.oldest is None else [behind.oldest]
            if behind.gone is None or count == MOST_COUNTED:
                return Waiting(count, min(ages, default=None))
            more, at_us = await self._shelf.waiting(behind.gone, after, MOST_COUNTED - count)
            count += more
            ages += [] if at_us is None else [moment(at_us)]
            after = behind.gone.last_position

    async def _next(self, after: int, limit: int, shard: int) -> postgres_log.Next:
        return await self._readers.ask(lambda line: postgres_log.facts_after(line, after, limit, shard))

    async def _archived(self, month: ArchivedMonth, after: int, limit: int) -> list[Recorded]:
        rows = await self._shelf.after(month, after, limit)
        if not rows:
            raise ArchiveAway(
                f"the archived month {self._shelf.path(month)} has no fact behind position {after}, and ends at"
                f" {month.last_position} by the database"
            )
        return [fact_of(row) for row in rows]

    async def _behind(self, after: int, shard: int, most: int) -> postgres_log.Behind:
        return await self._readers.ask(lambda line: postgres_log.waiting_after(line, after, shard, most))

    def _wanted(self, stream: str, after_version: int, limit: int) -> Wanted:
        last = min(after_version + limit, _LAST_OF_ALL)
        return Wanted(stream, shard_of(stream, self._shards), after_version + 1, last)

    def _loaded(self, line: Line, stream: str) -> tuple[int, bytes | None, Stretch]:
        """The newest snapshot, and what the log has behind it, both as of one moment."""
        with line.transaction():
            line.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            version, state = postgres_log.snapshot_of(line, stream)
            wanted = self._wanted(stream, version, _LAST_OF_ALL)
            return version, state, postgres_log.stretch_from_end(line, wanted)

    async def _completed(self, wanted: Wanted, newest: Stretch) -> list[Recorded]:
        """Go on from where a stretch breaks off, until nothing is lacking; each begins at a lower position."""
        stretches = [newest.facts]
        before = newest.before
        while before is not None:
            older = await self._older(wanted, before)
            stretches.append(older.facts)
            assert older.before is None or older.before.position < before.position
            before = older.before
        return [fact for facts in reversed(stretches) for fact in facts]

    async def _older(self, wanted: Wanted, start: Place) -> Stretch:
        month = month_at(start.position, wanted.shard)
        for _ in range(_LOOKS):
            gone = await self._readers.ask(lambda line: postgres_log.archived_month(line, month))
            if gone is not None:
                return await self._shelf.older(gone, wanted, start)
            here = await self._readers.ask(lambda line: postgres_log.stretch_from(line, wanted, start))
            if here is not None:
                return here
        raise SpineDown(
            f"{wanted.stream} version {start.version} at position {start.position} is neither in the log nor"
            " in an archived month: run `elstrada db verify`"
        )
