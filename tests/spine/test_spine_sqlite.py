"""What only SQLite can do wrong: a killed process, a full disk, a failed disk, a second process."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from killed_writer import STREAMS, killed_after

from elstrada.model.facts import StationConnected
from elstrada.spine import tables as t
from elstrada.spine.batch import written
from elstrada.spine.face import Append, Put, RowMoved, SpineDown, Work
from elstrada.spine.lock import DatabaseInUse
from elstrada.spine.migrate import migrate
from elstrada.spine.sqlite import SqliteSpine
from elstrada.spine.sqlite_store import SqliteStore
from elstrada.spine.trouble import Trouble, trouble_of
from elstrada.spine.writer import Writer

_NOW = datetime(2026, 3, 1, tzinfo=UTC)


class _Clock:
    def now(self) -> datetime:
        return _NOW


def _hello(stream: str, expected: int, length: int = 10) -> Work:
    return Work(appends=(Append(stream, expected, (StationConnected("ocpp1.6", "x" * length),)),))


def test_every_acknowledged_fact_survives_sigkill(tmp_path: Path) -> None:
    """P1, F1. Five kills, each of a process that carries on where the one before it was killed."""
    database = tmp_path / "killed.db"
    for kill in range(5):
        acknowledged = killed_after(0.1 + 0.1 * kill, str(database))
        connection = sqlite3.connect(database)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT stream, count(*), max(version) FROM log GROUP BY stream")
        stored = {stream.rpartition("CP")[2]: (count, version) for stream, count, version in rows}
        connection.close()
        assert len(acknowledged) == STREAMS
        for number, version in acknowledged.items():
            count, last = stored[str(number)]
            assert count == last >= version


def test_a_full_disk_acknowledges_nothing_falsely_and_passes(tmp_path: Path) -> None:
    """P8, F6: the quota is SQLite's own; the same spine goes on when there is room again."""

    async def fill(spine: SqliteSpine) -> int:
        for version in range(10_000):
            try:
                await spine.commit(_hello("station/SE*ELS/CP1", version, 5_000))
            except SpineDown:
                return version
        raise AssertionError("the disk never filled up")

    async def scene() -> None:
        spine = SqliteSpine(tmp_path / "full.db", _Clock())
        await spine.start()
        assert spine._open is not None
        quota = spine._open.connection
        (pages,) = quota.execute("PRAGMA page_count").fetchone()
        quota.execute(f"PRAGMA max_page_count = {pages + 100}")
        acknowledged = await fill(spine)
        assert acknowledged > 10
        assert len(await spine.facts("station/SE*ELS/CP1")) == acknowledged
        assert spine.failure is None
        refused = await asyncio.gather(
            *(spine.commit(_hello(f"station/SE*ELS/CQ{n}", 0, 50_000)) for n in range(20)),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in refused} == {SpineDown}
        assert len(await spine.read(0, 10_000)) == acknowledged
        quota.execute("PRAGMA max_page_count = 100000")
        assert await spine.commit(_hello("station/SE*ELS/CP1", acknowledged, 5_000)) == acknowledged + 1
        await spine.close()

    asyncio.run(scene())


class _FailingSync:
    """A connection whose next COMMIT meets a disk that cannot sync."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.failing = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: tuple[()] = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.failing:
            self.failing = False
            raise _error(sqlite3.SQLITE_IOERR_FSYNC)
        return self._connection.execute(sql, parameters)


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


def test_a_failed_sync_stops_the_spine_for_good(tmp_path: Path) -> None:
    """F7: nothing is tried again, although the disk would seem to work."""

    async def scene() -> None:
        migrate(tmp_path / "failed.db")
        connection = _FailingSync(tmp_path / "failed.db")
        writer = Writer(SqliteStore(connection), _Clock(), lambda _: None)  # type: ignore[arg-type]
        assert await writer.do(written(_hello("station/SE*ELS/CP1", 0))) == 1
        connection.failing = True
        for _ in range(2):
            with pytest.raises(SpineDown, match="disk I/O error"):
                await writer.do(written(_hello("station/SE*ELS/CP1", 1)))
        assert writer.failure is not None
        await writer.stop()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (_error(sqlite3.SQLITE_FULL), Trouble.PASSING),
        (_error(sqlite3.SQLITE_BUSY_SNAPSHOT), Trouble.PASSING),
        (_error(sqlite3.SQLITE_IOERR_SHMSIZE), Trouble.PASSING),
        (_error(sqlite3.SQLITE_IOERR_WRITE), Trouble.LASTING),
        (_error(sqlite3.SQLITE_CORRUPT), Trouble.LASTING),
        (_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE), Trouble.WORK),
        (sqlite3.InterfaceError("unbindable"), Trouble.WORK),
        (ValueError("not a stream"), Trouble.WORK),
    ],
)
def test_whose_fault_an_error_is(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def test_a_second_writer_is_refused_and_told_which_file(tmp_path: Path) -> None:
    async def scene() -> None:
        one, two = (SqliteSpine(tmp_path / "one.db", _Clock()) for _ in range(2))
        await one.start()
        with pytest.raises(DatabaseInUse, match=r"one\.db\.lock"):
            await two.start()
        await one.close()
        await two.start()
        await two.close()

    asyncio.run(scene())


def test_a_reopened_database_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scene() -> None:
        for start in range(3):
            spine = SqliteSpine(tmp_path / "again.db", _Clock())
            await spine.start()
            assert await spine.commit(_hello("station/SE*ELS/CP1", start)) == start + 1
            await spine.close()

    asyncio.run(scene())
    assert {file.name for file in tmp_path.iterdir()} == {"again.db", "again.db.lock"}


def test_what_one_work_of_a_group_spoils_the_others_keep(tmp_path: Path) -> None:
    """A unique index, and a number SQLite cannot hold, fail their own works."""
    peer = {"owner": "A", "state": "ACTIVE", "token_in_hash": b"same", "document": "{}", "changed_at": _NOW}
    count = {"source": "s", "code": "c", "count": 2**63, "sample": "", "first_at": _NOW, "last_at": _NOW}

    async def scene() -> None:
        spine = SqliteSpine(tmp_path / "group.db", _Clock())
        await spine.start()
        outcomes = await asyncio.gather(
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "p"}),))),
            spine.commit(Work(writes=(Put(t.peer, {**peer, "peer_id": "q"}),))),
            spine.commit(Work(writes=(Put(t.finding, count),))),
            spine.commit(_hello("station/SE*ELS/CP1", 0)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [int, RowMoved, OverflowError, int]
        await spine.close()

    asyncio.run(scene())


@pytest.mark.parametrize("before", [None, 0o644])
def test_the_database_is_its_owners_alone_whatever_the_folder_allows(
    tmp_path: Path, before: int | None
) -> None:
    """It holds card numbers; one made by an earlier release is closed too."""
    tmp_path.chmod(0o755)
    path = tmp_path / "elstrada.db"
    if before is not None:
        path.touch(before)
        path.chmod(before)

    found: dict[str, int] = {}

    def look() -> None:
        found.update({file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("elstrada.db*")})

    async def live() -> None:
        spine = SqliteSpine(path, _Clock())
        await spine.start()
        look()
        await spine.close()

    asyncio.run(live())
    assert {"elstrada.db", "elstrada.db-wal", "elstrada.db-shm"} <= found.keys()
    assert {mode for name, mode in found.items() if not name.endswith(".lock")} == {0o600}
