"""The writing side of the PostgreSQL spine, without thread or event loop: transactions on one connection.

Whoever appends to a shard holds the lock of its row until the commit. So positions are in commit order and
no reader can pass one that is not there yet, and what is read under the lock of streams and cursors
stays true, whichever node writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from random import uniform
from time import monotonic, sleep
from typing import TypeVar, cast

import psycopg

from elstrada.spine import postgres_trouble, tables
from elstrada.spine.archived.month import ArchivedMonth, fact_of
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.batch import EMPTY, Batch, Ends, Head, Written
from elstrada.spine.face import CursorMoved, Recorded, RowMoved, StreamMoved
from elstrada.spine.merging import Merged
from elstrada.spine.months import Month, base_of, make_months, month_at
from elstrada.spine.postgres_arrays import array, columnwise
from elstrada.spine.postgres_line import LONG_TRANSACTION, PATIENCE_S, Door, Line, Overdue
from elstrada.spine.postgres_log import FACTS_BETWEEN, HOLD_MONTHS, archived_months, recorded
from elstrada.spine.postgres_records import write_all
from elstrada.spine.postgres_statements import (
    CURSORS,
    END,
    HEADS,
    LOCK,
    put_rows,
    quoted,
    statements,
)
from elstrada.spine.postgres_trouble import CommitUnknown, MonthMissing, is_lost, lacks_month, passes_at_once
from elstrada.spine.shards import shards_of, touched_by
from elstrada.spine.store import Outcome
from elstrada.spine.trouble import Trouble
from elstrada.spine.views import project

_Result = TypeVar("_Result")

_TRIES = 10
_APART_S = 0.002
_REBUILT_AT_ONCE = 5_000
_REBUILD_S = 3600.0
_END_OF_ALL = 2**63 - 1


class PostgresStore:
    """Does works in transactions, as ``store.Store`` says; other nodes may write at the same time."""

    def __init__(self, door: Door, shards: int, shelf: Shelf) -> None:
        self._door, self._shards, self._shelf = door, shards, shelf
        self._line: Line | None = None
        self.ends: dict[int, int] = {}
        """Where shards ended after the last commit here that appended to them."""

    def transact(self, works: Sequence[Written], at: datetime) -> list[Outcome]:
        return self._again(lambda line: self._transact(line, works, at))

    def rebuild(self) -> int:
        return self._again(self._rebuild, _REBUILD_S)

    def close(self) -> None:
        """Give the connection back."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def trouble_of(self, error: Exception) -> Trouble:
        return postgres_trouble.trouble_of(error)

    def for_caller(self, error: Exception) -> Exception:
        return postgres_trouble.for_caller(error)

    def _again(self, do: Callable[[Line], _Result], patience_s: float = PATIENCE_S) -> _Result:
        """Do a transaction; again if it was undone for a reason that has passed, a few times."""
        end = monotonic() + patience_s
        for again in range(1, _TRIES + 1):
            line = self._opened()
            was_used = line.used
            try:
                with line.within(patience_s):
                    return do(line)
            except Exception as error:
                self._undo(line, error)
                if again == _TRIES or monotonic() > end or not self._may_try_again(error, was_used):
                    raise
            # Two that ran into each other shall not do so again.
            sleep(uniform(0, _APART_S * 2**again))  # noqa: S311  Not a secret.
        raise AssertionError("the last try returns or raises")

    def _opened(self) -> Line:
        if self._line is not None and not self._door.trusts(self._line):
            self.close()
        if self._line is None:
            self._line = self._door.open()
        return self._line

    def _undo(self, line: Line, error: Exception) -> None:
        """Leave no transaction open."""
        if isinstance(error, Overdue):
            self._door.was_silent()
        if isinstance(error, (psycopg.Error, Overdue, CommitUnknown, MonthMissing)):
            # After an error within a pipeline the driver remembers statements as prepared that are not.
            self.close()
            return
        with line.within(PATIENCE_S):
            line.execute("ROLLBACK")

    def _may_try_again(self, error: Exception, was_used: bool) -> bool:
        if isinstance(error, MonthMissing):
            line = self._opened()
            with line.within(PATIENCE_S):
                make_months(line, error.months)
            return True
        # The server ended a connection while it was idle, before it could do anything of this.
        is_stale = was_used and is_lost(error)
        return is_stale or passes_at_once(error)

    def _transact(self, line: Line, works: Sequence[Written], at: datetime) -> list[Outcome]:
        ends = self._found(line, works)
        before = dict(ends.shards)
        batch = Batch(ends, at, at, shards=self._shards, base=base_of(at))
        outcomes = [_take(line, work, batch) for work in works]
        self._commit(line, batch, before)
        # A new one: the event loop reads it meanwhile.
        self.ends = self.ends | {s: end for s, end in ends.shards.items() if end != before[s]}
        return outcomes

    def _found(self, line: Line, works: Sequence[Written]) -> Ends:
        """Begin; lock the shards that these works touch, then see where everything ends."""
        touched = sorted({shard for written in works for shard in touched_by(written.work, self._shards)})
        beside = {shards_of(written.work, self._shards)[0] for written in works} - set(touched)
        streams = list({append.stream for written in works for append in written.work.appends})
        keys = list({(a.follower, a.shard) for written in works if (a := written.work.advance) is not None})
        with line.pipeline():
            line.execute("BEGIN")
            # Each is a statement with a view of its own: those behind the lock see what the lock waited for.
            answers = [
                line.execute(LOCK, (array(touched),)) if touched else None,
                line.execute(END, (min(beside),)) if beside else None,
                line.execute(HEADS, (array(streams),)) if streams else None,
                line.execute(CURSORS, columnwise(keys)) if keys else None,
            ]
        locked, end, heads, cursors = (answer.fetchall() if answer else [] for answer in answers)
        found = Ends(
            dict(cast(list[tuple[int, int]], locked + end)),
            dict.fromkeys(streams, EMPTY),
            dict.fromkeys(keys, 0),
        )
        found.streams.update({stream: Head(version, position) for stream, version, position in heads})
        found.cursors.update({(follower, shard): position for follower, shard, position in cursors})
        return found

    def _commit(self, line: Line, batch: Batch, before: dict[int, int]) -> None:
        try:
            with line.pipeline():
                for text, parameters in statements(batch, before):
                    line.execute(text.encode(), parameters)
                end = line.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            if line.closed or is_lost(error):
                raise CommitUnknown(
                    f"the connection was lost while a commit was under way: {error}"
                ) from error
            if lacks_month(error):
                raise MonthMissing(_months_of(batch)) from error
            raise
        if end.statusmessage != "COMMIT":
            raise CommitUnknown(f"PostgreSQL said {end.statusmessage} to COMMIT")

    def _rebuild(self, line: Line) -> int:
        line.execute("BEGIN")
        line.execute(HOLD_MONTHS)
        line.execute(LONG_TRANSACTION)
        locked = line.execute(LOCK, (array(range(self._shards)),)).fetchall()
        for table in tables.VIEWS:
            line.execute(f"DELETE FROM {quoted(table.name)}".encode())  # noqa: S608  A name of ours.
        gone = archived_months(line)
        for shard in range(self._shards):
            _project_all(line, shard, [month for month in gone if month.shard == shard], self._shelf)
        line.execute("COMMIT")
        return cast(int, locked[0][1])


def _months_of(batch: Batch) -> list[Month]:
    """The partitions that its facts go to, always in the same order."""
    places = cast(list[tuple[int, int]], [row[:2] for row in batch.facts])
    return sorted({month_at(*place) for place in places}, key=lambda month: month.name)


def _take(line: Line, written: Written, batch: Batch) -> Outcome:
    try:
        batch.check(written.work)
        write_all(line, written.work.writes)
    except (StreamMoved, CursorMoved, RowMoved) as moved:
        return moved
    return batch.add(written)


def _project_all(line: Line, shard: int, gone: Sequence[ArchivedMonth], shelf: Shelf) -> None:
    """A shard from its beginning. Within a month that is a file, stream by stream: each row has one stream."""
    after = 0
    for month in gone:
        _project_between(line, shard, after, month.first_position)
        with closing(shelf.opened(month)) as file:
            for rows in file.parts():
                _put(line, map(fact_of, rows))
        after = month.last_position
    _project_between(line, shard, after, _END_OF_ALL)


def _project_between(line: Line, shard: int, after: int, below: int) -> None:
    while rows := line.execute(FACTS_BETWEEN, (shard, after, below, _REBUILT_AT_ONCE)).fetchall():
        facts = [recorded(row) for row in rows]
        _put(line, facts)
        after = facts[-1].position


def _put(line: Line, facts: Iterable[Recorded]) -> None:
    merged = Merged()
    for fact in facts:
        for change in project(fact):
            merged.add(change)
    with line.pipeline():
        for text, parameters in put_rows(merged):
            line.execute(text.encode(), parameters)
