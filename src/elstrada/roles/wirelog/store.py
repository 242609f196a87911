"""The wire log's file: SQLite of its own, beside the database, never synced with it, thrown away when it is broken.

Every limit is kept here: entries go when they are too old, or when the file is full, the oldest first.
SQLite itself refuses to let the file grow beyond its size, and the last of the disk is left to the database.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from elstrada.roles.wirelog.line import Line, middle

FORM = 1
"""Of the tables. A file of another form is thrown away."""
SUFFIX = ".wire.db"
MOST_CONNECTIONS = 200_000
"""Sockets that are remembered, with their frames or without."""
_PATIENCE_MS = 1_000
_FILLED = 0.9
"""Of the size, from which on the oldest entries make room."""
_AT_ONCE = 500
_ROUNDS = 16
"""How often entries are removed before the next batch is written: together more than a batch may bring."""
_LEAST_FREE, _MOST_FREE = 64 << 20, 2 << 30
"""Bytes of the disk that are not ours to fill: a twentieth of it, between these."""

TABLES = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS station (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, station_id TEXT NOT NULL, UNIQUE (station_id, owner)
);
CREATE TABLE IF NOT EXISTS connection (
    id INTEGER PRIMARY KEY, station INTEGER NOT NULL, connection_id TEXT, protocol TEXT, remote TEXT,
    security TEXT, opened_at INTEGER, closed_at INTEGER, close_code INTEGER, close_reason TEXT,
    closed_by TEXT, received INTEGER, sent INTEGER, received_bytes INTEGER, sent_bytes INTEGER,
    heard_at INTEGER, heartbeat_at INTEGER, ahead_ms INTEGER, answer_us INTEGER, reply_us INTEGER
);
CREATE INDEX IF NOT EXISTS connection_by_station ON connection (station, id);
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, station INTEGER NOT NULL, connection INTEGER, at INTEGER NOT NULL,
    inbound INTEGER, kind TEXT NOT NULL, message_id TEXT, action TEXT, outcome TEXT, latency_us INTEGER,
    answers INTEGER, size INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_by_station ON entry (station, id);
CREATE INDEX IF NOT EXISTS entry_by_answer ON entry (answers) WHERE answers IS NOT NULL;
PRAGMA user_version = {FORM};
COMMIT;
"""
_TOLD = ", ".join(f"json_extract(value, '$[{column}]')" for column in range(13))
_PUT_ENTRIES = f"INSERT INTO entry SELECT {_TOLD} FROM json_each(?)"  # noqa: S608  Numbers.
"""All rows in one step: each step of a statement gives up the interpreter's lock, and waits to have it again."""
_PUT_CONNECTION = "INSERT INTO connection (id, station, connection_id, protocol, remote, security, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
_COUNTED = (
    *("received", "sent", "received_bytes", "sent_bytes", "heard_at", "heartbeat_at"),
    *("ahead_ms", "answer_us", "reply_us"),
)
_SET = ", ".join(f"{name} = json_extract(value, '$[{column}]')" for column, name in enumerate(_COUNTED, 1))
_MEASURED = (
    f"UPDATE connection SET {_SET} FROM json_each(?) WHERE connection.id = json_extract(value, '$[0]')"  # noqa: S608  Numbers.
)
_CLOSED = "UPDATE connection SET closed_at = ?, close_code = ?, close_reason = ?, closed_by = ? WHERE id = ?"
_LEFT_OPEN = (
    "UPDATE connection SET closed_at = coalesce(heard_at, opened_at), close_reason = 'the node ended without"
    " a word', closed_by = 'us' WHERE closed_at IS NULL"
)
_REMOVE_OLDEST = "DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY id LIMIT ?) AND at < ?"
_WHENEVER = 1 << 62


def _encode(values: object) -> str:
    return msgspec.json.encode(values).decode()


class Bounds(msgspec.Struct, frozen=True):
    """How much is kept."""

    days: int = 30
    size_bytes: int = 1 << 30


class EntryRow(NamedTuple):
    """One entry as it stands in the file, its fields in the order of the columns."""

    id: int
    station: int
    connection: int | None
    at: int
    """As ``in_us`` has it."""
    inbound: int | None
    """Did it come from the station? None: it is no frame."""
    kind: str
    message_id: str | None
    action: str | None
    outcome: str | None
    latency_us: int | None
    answers: int | None
    """The entry that this one answers."""
    size: int
    text: str


class Store:
    """The open file; whoever made it is its only user. Methods raise ``sqlite3.Error``, and ``OSError``."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        """Open it, or make it."""
        self._path, self._bounds = path, bounds
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = _opened(path)
        self._most_pages = bounds.size_bytes // self._one("PRAGMA page_size")
        # A file that was larger before stays so, and cannot grow.
        self._connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
        self._stations: dict[tuple[str, str], int] = {}
        self.next_entry = 1

    def close_left_open(self) -> None:
        """At a node's start: no socket of its life before is open."""
        self._connection.execute(_LEFT_OPEN)

    def close(self) -> None:
        self._connection.close()

    @property
    def size_bytes(self) -> int:
        """Of the file, without what is written ahead."""
        return self._path.stat().st_size

    def room(self) -> bool:
        """May this file grow? The last of the disk is the database's."""
        disk = shutil.disk_usage(self._path.parent)
        return disk.free > min(max(disk.total // 20, _LEAST_FREE), _MOST_FREE)

    # --- a batch ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a batch; nobody else writes until it is over."""
        self._connection.execute("BEGIN IMMEDIATE")
        newest: int = self._one("SELECT coalesce(max(id), 0) FROM entry")
        self.next_entry = max(self.next_entry, newest + 1)

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        self._stations.clear()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def station(self, line: Line) -> int:
        """The number under which a station stands here."""
        key = (line.owner, line.station_id)
        known = self._stations.get(key)
        if known is None:
            self._connection.execute("INSERT OR IGNORE INTO station (owner, station_id) VALUES (?, ?)", key)
            found = "SELECT id FROM station WHERE owner = ? AND station_id = ?"
            known = self._stations[key] = self._one(found, *key)
        return known

    def add_connection(self, line: Line, opened_at: datetime) -> int:
        """Put a socket on record; returns its number."""
        row: int = self._one("SELECT coalesce(max(id), 0) + 1 FROM connection")
        told = (line.connection_id, line.protocol, line.remote, line.security, in_us(opened_at))
        self._connection.execute(_PUT_CONNECTION, (row, self.station(line), *told))
        self._connection.execute("DELETE FROM connection WHERE id <= ?", (row - MOST_CONNECTIONS,))
        return row

    def close_connection(self, line: Line, at: datetime, code: int, reason: str) -> None:
        by = "us" if line.closed_by_us else "station"
        self._connection.execute(_CLOSED, (in_us(at), code, reason, by, line.row))

    def measured(self, lines: Iterable[Line]) -> None:
        """Write down what was counted of sockets."""
        told = _encode(
            [
                (
                    line.row,
                    line.received,
                    line.sent,
                    line.received_bytes,
                    line.sent_bytes,
                    line.heard_at and in_us(line.heard_at),
                    line.heartbeat_at and in_us(line.heartbeat_at),
                    middle(line.ahead_ms),
                    middle(line.answer_us),
                    middle(line.reply_us),
                )
                for line in lines
            ]
        )
        self._connection.execute(_MEASURED, (told,))

    def add(self, entries: list[EntryRow]) -> None:
        self._connection.execute(_PUT_ENTRIES, (_encode(entries),))

    # --- bounds -----------------------------------------------------------------------------------------

    def make_room(self) -> None:
        """Remove the oldest entries while the file is full."""
        for _ in range(_ROUNDS):
            used = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
            if used < _FILLED * self._most_pages:
                return
            self._connection.execute(_REMOVE_OLDEST, (_AT_ONCE, _WHENEVER))

    def forget_old(self, now: datetime) -> None:
        """Remove some of what is older than it may be."""
        before = in_us(now - timedelta(days=self._bounds.days))
        for _ in range(_ROUNDS):
            if self._connection.execute(_REMOVE_OLDEST, (_AT_ONCE, before)).rowcount < _AT_ONCE:
                break
        self._connection.execute("DELETE FROM connection WHERE closed_at < ?", (before,))

    def _one(self, statement: str, *values: object) -> int:
        found: int = self._connection.execute(statement, values).fetchone()[0]
        return found


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        form: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables and form != FORM:
            raise sqlite3.DatabaseError(f"the file has form {form}, not {FORM}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # Syncs at checkpoints only, in the writer's thread.
        connection.execute("PRAGMA cache_size = -512")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        connection.executescript(TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


def throw_away(path: Path) -> None:
    """Remove a file that cannot be used."""
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with contextlib.suppress(FileNotFoundError):
            name.unlink()


def in_us(at: datetime) -> int:
    """Microseconds since 1970: a moment in the file."""
    return round(at.timestamp() * 1_000_000)
