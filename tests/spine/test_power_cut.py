"""P1, F2: what was acknowledged survives a power cut.

The real transactions of ``SqliteStore``, with its pragmas, on apsw and a disk that forgets. The one
difference: ``locking_mode = EXCLUSIVE``, since such a disk cannot share memory between connections.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

import apsw
import pytest
from forgetful_disk import ForgetfulDisk
from sqlalchemy import create_mock_engine

from elstrada.model.facts import StationConnected
from elstrada.spine import sqlite_store
from elstrada.spine.batch import written
from elstrada.spine.face import Append, Work
from elstrada.spine.sqlite_store import SqliteStore
from elstrada.spine.tables import metadata

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_CUTS = 60


def _schema() -> str:
    texts: list[str] = []
    engine = create_mock_engine(
        "sqlite://", lambda sql, *_: texts.append(str(sql.compile(dialect=engine.dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    return ";".join(texts)


def _open(disk: ForgetfulDisk) -> apsw.Connection:
    connection = apsw.Connection("elstrada.db", vfs=disk.name)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _rows(disk: ForgetfulDisk) -> int:
    connection = _open(disk)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    count = connection.execute("SELECT count(*) FROM log").fetchone()[0]
    assert count == connection.execute("SELECT coalesce(max(version), 0) FROM log").fetchone()[0]
    connection.close()
    return count


def _lost_in(number: int) -> int:
    """Acknowledged facts that one cut took back."""
    chance = random.Random(number)
    disk = ForgetfulDisk(f"forgetful-{number}-{chance.random()}")
    connection = _open(disk)
    connection.execute(_schema())
    store = SqliteStore(connection)
    acknowledged = 0
    for _ in range(chance.randint(1, 60)):
        facts = tuple(
            StationConnected("ocpp1.6", "x" * chance.randint(1, 3000)) for _ in range(chance.randint(1, 9))
        )
        work = written(Work(appends=(Append("station/SE*ELS/CP1", acknowledged, facts),)))
        assert store.transact([work], _NOW) == [acknowledged + len(facts)]
        acknowledged += len(facts)
    disk.cut_power(chance)
    after = ForgetfulDisk(disk.name + "-after")
    after.files = disk.files
    return max(0, acknowledged - _rows(after))


def test_no_acknowledged_fact_is_lost_in_a_power_cut() -> None:
    assert [_lost_in(number) for number in range(_CUTS)] == [0] * _CUTS


def test_the_disk_does_forget_when_nothing_is_synced_at_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: with NORMAL the same cuts lose facts."""
    weaker = tuple(pragma.replace("= FULL", "= NORMAL") for pragma in sqlite_store.PRAGMAS)
    monkeypatch.setattr(sqlite_store, "PRAGMAS", weaker)
    assert sum(_lost_in(number) for number in range(_CUTS)) > 0
