"""The writing side of the SQLite spine, without thread or event loop: transactions on one connection.

Any connection with ``execute`` will do, so that tests can run these very
transactions on a disk that forgets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import msgspec

from elstrada.spine import tables, trouble
from elstrada.spine.batch import EMPTY, Batch, CursorKey, Ends, Head, Written
from elstrada.spine.columns import moment_text
from elstrada.spine.face import CursorMoved, RowMoved, StreamMoved
from elstrada.spine.logbook import FACTS_AFTER, HEADS, LAST_POSITION, cursor_of, recorded
from elstrada.spine.merging import Merged
from elstrada.spine.records import Connection, write_all
from elstrada.spine.statements import put_rows, statements
from elstrada.spine.store import Outcome
from elstrada.spine.trouble import Trouble
from elstrada.spine.views import project

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL syncs the log at every commit; with NORMAL a power cut takes acknowledged work back (P1, F2).
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA mmap_size = 0",
)
"""Of the one connection that writes and checkpoints."""

_HEADS_KEPT = 100_000
_REBUILT_AT_ONCE = 5_000


class SqliteStore:
    """Does works in transactions, as ``store.Store`` says; nobody else may write to the file."""

    def __init__(self, connection: Connection) -> None:
        for pragma in PRAGMAS:
            connection.execute(pragma).fetchall()
        self._connection = connection
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._cursors: dict[CursorKey, int] = {}
        self._position = _last_position(connection)

    def transact(self, works: Sequence[Written], at: datetime) -> list[Outcome]:
        ends = Ends({0: self._position}, self._heads_of(works), self._cursors_of(works))
        batch = Batch(ends, at, moment_text(at))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._take(work, batch) for work in works]
            for text, parameters in statements(batch):
                self._connection.execute(text, parameters)
            self._connection.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        self._remember(batch)
        return outcomes

    def rebuild(self) -> int:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for table in tables.VIEWS:
                self._connection.execute(f'DELETE FROM "{table.name}"')  # noqa: S608  A name of ours.
            self._project_all()
            self._connection.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        return self._position

    def trouble_of(self, error: Exception) -> Trouble:
        return trouble.trouble_of(error)

    def for_caller(self, error: Exception) -> Exception:
        return trouble.for_caller(error)

    def _take(self, written: Written, batch: Batch) -> Outcome:
        try:
            batch.check(written.work)
            write_all(self._connection, written.work.writes)
        except (StreamMoved, CursorMoved, RowMoved) as moved:
            return moved
        return batch.add(written)

    def _project_all(self) -> None:
        after = 0
        while rows := self._connection.execute(FACTS_AFTER, (after, 0, _REBUILT_AT_ONCE)).fetchall():
            merged = Merged()
            for row in rows:
                for change in project(recorded(row)):
                    merged.add(change)
            for text, parameters in put_rows(merged):
                self._connection.execute(text, parameters)
            after = recorded(rows[-1]).position

    def _undo(self) -> None:
        # A commit that failed may have rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _heads_of(self, works: Sequence[Written]) -> dict[str, Head]:
        """Where all the streams of these works end; those not known are asked for in one question."""
        streams = {append.stream for written in works for append in written.work.appends}
        unknown = [stream for stream in streams if stream not in self._heads]
        if unknown:
            row = self._connection.execute(HEADS, (msgspec.json.encode(unknown).decode(),)).fetchone()
            assert row is not None
            assert isinstance(row[0], str)
            self._heads.update(msgspec.json.decode(row[0], type=dict[str, Head]))
        return {stream: self._heads.get(stream, EMPTY) for stream in streams}

    def _cursors_of(self, works: Sequence[Written]) -> dict[CursorKey, int]:
        keys = {(a.follower, a.shard) for written in works if (a := written.work.advance) is not None}
        for key in keys - self._cursors.keys():
            self._cursors[key] = cursor_of(self._connection, *key)
        return {key: self._cursors[key] for key in keys}

    def _remember(self, batch: Batch) -> None:
        self._position = batch.ends.shards[0]
        self._cursors.update(batch.ends.cursors)
        for stream, head in batch.ends.streams.items():
            self._heads[stream] = head
            self._heads.move_to_end(stream)
        while len(self._heads) > _HEADS_KEPT:
            self._heads.popitem(last=False)


def _last_position(connection: Connection) -> int:
    row = connection.execute(LAST_POSITION).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]
