"""Reading wire logs, one file per node, also while their nodes write: read-only, in short looks."""

from __future__ import annotations

import contextlib
import heapq
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from elstrada.roles.wirelog.store import FORM, SUFFIX, TABLES, in_us

_PAGE = 500


class WireUnreadable(Exception):
    """A file cannot be read; the text says which and why."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are asked for. None: whatever it is."""

    station_id: str
    owner: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    action: str | None = None
    inbound: bool | None = None
    """Who began: the station, or we; of events nobody did."""
    message_id: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a call was answered."""

    at: datetime
    kind: str
    """``result`` or ``error``."""
    outcome: str
    """The status in a result, the code of an error."""
    latency_ms: float
    """From the frame of the call to this one, at the gateway."""
    size: int
    text: str


class Logged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call with its answer, another frame, or something that happened to the socket."""

    id: int
    """Of this entry in its file; larger is later."""
    node: str
    at: datetime
    party: str
    station: str
    connection: str | None = None
    protocol: str | None = None
    direction: str | None = None
    """``from station``, ``to station``; None: it is no frame."""
    kind: str
    """call, send, result or error (to no call that is known), garbled; opened, closed, refused."""
    message_id: str | None = None
    action: str | None = None
    outcome: str | None = None
    """answered, refused or unanswered, of a call; a close code; a status of HTTP."""
    size: int = 0
    text: str = ""
    """The frame without its secrets, or words about what happened."""
    answer: Answer | None = None


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """One socket of a station's, from its opening to its end."""

    node: str
    connection: str
    opened_at: datetime
    closed_at: datetime | None
    """None: it is open, or its node ended a moment ago."""
    protocol: str
    security: str
    remote: str
    ended: str
    """When it is over: by whom and why, in words."""
    received: int
    """Frames of the station's."""
    sent: int
    heard_at: datetime | None
    heartbeat_at: datetime | None
    clock_ahead_s: float | None
    """Of the station, as the middle one of its last messages with a time says."""
    answer_ms: float | None
    """How long the station waits for us: the median of the last calls."""
    reply_ms: float | None
    """How long we wait for the station."""


def files_in(folder: Path, node: str | None = None) -> list[Path]:
    """The wire logs of a folder, of one node or all."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if node is None or _node_of(path) == node)


def latest(files: Iterable[Path], wanted: Wanted, limit: int) -> list[Logged]:
    """The newest entries that are wanted, of all files, the oldest first."""
    newest = heapq.merge(*(_backwards(path, wanted) for path in files), key=lambda one: one.at, reverse=True)
    return [one for one, _ in zip(newest, range(limit), strict=False)][::-1]


def every(files: Iterable[Path], wanted: Wanted) -> Iterator[Logged]:
    """All entries that are wanted, the oldest first."""
    return heapq.merge(*(_forwards(path, wanted) for path in files), key=lambda one: one.at)


def connections(files: Iterable[Path], owner: str, station_id: str, limit: int) -> list[Connected]:
    """A station's latest sockets, the newest first."""
    found: list[Connected] = []
    for path in files:
        with _open(path) as store:
            rows = store.execute(_CONNECTIONS, (owner, station_id, limit)).fetchall()
        found += [_connected(_node_of(path), row) for row in rows]
    return sorted(found, key=lambda one: one.opened_at, reverse=True)[:limit]


class Following:
    """What comes new of a station: each call when it is answered, or late without its answer, and then again."""

    PATIENCE = timedelta(seconds=5)

    def __init__(self, files: Sequence[Path], wanted: Wanted) -> None:
        self._wanted, self._seen = wanted, {path: _last_id(path) for path in files}
        self._waiting: dict[tuple[Path, int], Logged] = {}

    def look(self, now: datetime) -> list[Logged]:
        """What there is to tell now."""
        told: list[Logged] = []
        for path in self._seen:
            told += self._answered(path)
            for one in _forwards(path, self._wanted, self._seen[path]):
                self._seen[path] = one.id
                if one.kind == "call" and one.answer is None:
                    self._waiting[path, one.id] = one
                else:
                    told.append(one)
        late = [key for key, one in self._waiting.items() if now - one.at > self.PATIENCE]
        told += [self._waiting.pop(key) for key in late]
        return sorted(told, key=lambda one: one.at)

    def _answered(self, path: Path) -> list[Logged]:
        mine = [number for file, number in self._waiting if file == path]
        found: list[Logged] = []
        for first in range(0, len(mine), _PAGE):
            ids = mine[first : first + _PAGE]
            with _open(path) as store:
                rows = store.execute(_BY_ID.format(",".join("?" * len(ids))), ids).fetchall()
            found += [one for row in rows if (one := _logged(_node_of(path), row)).answer is not None]
        for one in found:
            del self._waiting[path, one.id]
        return found


# --- files ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _open(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """Open a file for one look.

    Raises:
        WireUnreadable: it cannot be read.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
            store.execute("PRAGMA busy_timeout = 2000")
            form: int = store.execute("PRAGMA user_version").fetchone()[0]
            if form == 0 and not store.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                yield _empty()  # Its node is about to make the tables.
                return
            if form != FORM:
                raise WireUnreadable(f"{path} has form {form}, and this version reads {FORM}")
            yield store
    except sqlite3.Error as problem:
        raise WireUnreadable(f"{path} cannot be read: {problem}") from problem


def _empty() -> sqlite3.Connection:
    store = sqlite3.connect(":memory:")
    store.executescript(TABLES)
    return store


def _node_of(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def _last_id(path: Path) -> int:
    with _open(path) as store:
        found: int = store.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()[0]
        return found


# --- entries ----------------------------------------------------------------------------------------

_SELECT = """
SELECT e.id, e.at, s.owner, s.station_id, c.connection_id, c.protocol, e.inbound, e.kind, e.message_id, e.action,
       e.outcome, e.size, e.text, a.at, a.kind, a.outcome, a.latency_us, a.size, a.text
FROM entry e JOIN station s ON s.id = e.station
     LEFT JOIN connection c ON c.id = e.connection
     LEFT JOIN entry a ON a.answers = e.id
"""
_BY_ID = _SELECT + "WHERE e.id IN ({})"
_BEGINNING = """
WHERE e.station = :station
  AND NOT (e.answers IS NOT NULL AND EXISTS (SELECT 1 FROM entry q WHERE q.id = e.answers))
  AND (:since IS NULL OR e.at >= :since) AND (:until IS NULL OR e.at < :until)
  AND (:action IS NULL OR e.action = :action COLLATE NOCASE)
  AND (:inbound IS NULL OR e.inbound = :inbound)
  AND (:message_id IS NULL OR e.message_id = :message_id)
"""
"""Entries that stand by themselves: an answer stands with its call, if that is still there."""
_UP = _SELECT + _BEGINNING + "AND e.id > :from ORDER BY e.id LIMIT :page"
_DOWN = _SELECT + _BEGINNING + "AND e.id < :from ORDER BY e.id DESC LIMIT :page"
_STATIONS = "SELECT id FROM station WHERE station_id = ? AND (? IS NULL OR owner = ?)"
_NEVER = 1 << 62


class _EntryRow(msgspec.Struct, array_like=True):
    """A row of ``_SELECT``."""

    id: int
    at: int
    owner: str
    station: str
    connection: str | None
    protocol: str | None
    inbound: int | None
    kind: str
    message_id: str | None
    action: str | None
    outcome: str | None
    size: int
    text: str
    answered_at: int | None
    answer_kind: str | None
    answer_outcome: str | None
    latency_us: int | None
    answer_size: int | None
    answer_text: str | None


def _forwards(path: Path, wanted: Wanted, after: int = 0) -> Iterator[Logged]:
    found = [_pages(path, _UP, wanted, station, after) for station in _stations(path, wanted)]
    return heapq.merge(*found, key=lambda one: one.id)


def _backwards(path: Path, wanted: Wanted) -> Iterator[Logged]:
    found = [_pages(path, _DOWN, wanted, station, _NEVER) for station in _stations(path, wanted)]
    return heapq.merge(*found, key=lambda one: one.id, reverse=True)


def _stations(path: Path, wanted: Wanted) -> list[int]:
    """Under which numbers a file knows the station: several owners may have one of this identity."""
    with _open(path) as store:
        return [row[0] for row in store.execute(_STATIONS, (wanted.station_id, wanted.owner, wanted.owner))]


def _pages(path: Path, statement: str, wanted: Wanted, station: int, start: int) -> Iterator[Logged]:
    """Page by page, so that the file's writer is held up by nobody who reads on for long."""
    while True:
        told = {
            "station": station,
            "since": wanted.since and in_us(wanted.since),
            "until": wanted.until and in_us(wanted.until),
            "action": wanted.action,
            "inbound": wanted.inbound,
            "message_id": wanted.message_id,
            "page": _PAGE,
            "from": start,
        }
        with _open(path) as store:
            rows = store.execute(statement, told).fetchall()
        yield from (_logged(_node_of(path), row) for row in rows)
        if len(rows) < _PAGE:
            return
        start = rows[-1][0]


def _logged(node: str, values: object) -> Logged:
    row = msgspec.convert(values, _EntryRow)
    answer, outcome = _answer(row), row.outcome
    if row.kind == "call":
        outcome = "unanswered" if answer is None else "refused" if answer.kind == "error" else "answered"
    return Logged(
        id=row.id,
        node=node,
        at=_moment(row.at),
        party=row.owner,
        station=row.station,
        connection=row.connection,
        protocol=row.protocol,
        direction=None if row.inbound is None else "from station" if row.inbound else "to station",
        kind=row.kind,
        message_id=row.message_id,
        action=row.action,
        outcome=outcome,
        size=row.size,
        text=row.text,
        answer=answer,
    )


def _answer(row: _EntryRow) -> Answer | None:
    if row.answered_at is None:
        return None
    return Answer(
        at=_moment(row.answered_at),
        kind=row.answer_kind or "",
        outcome=row.answer_outcome or "",
        latency_ms=(row.latency_us or 0) / 1000,
        size=row.answer_size or 0,
        text=row.answer_text or "",
    )


# --- connections ------------------------------------------------------------------------------------

_CONNECTIONS = """
SELECT c.connection_id, c.opened_at, c.closed_at, c.protocol, c.security, c.remote, c.close_code, c.close_reason,
       c.closed_by, c.received, c.sent, c.heard_at, c.heartbeat_at, c.ahead_ms, c.answer_us, c.reply_us
FROM connection c JOIN station s ON s.id = c.station
WHERE s.owner = ? AND s.station_id = ? ORDER BY c.id DESC LIMIT ?
"""
_CODES = {
    1000: "a regular end",
    1001: "going away",
    1002: "breach of the WebSocket protocol",
    1003: "not text",
    1005: "no code given",
    1006: "the line broke",
    1007: "not UTF-8",
    1008: "breach of our rules",
    1009: "message too big",
    1011: "internal error",
    1012: "restart",
    1013: "try again later",
}


class _ConnectionRow(msgspec.Struct, array_like=True):
    """A row of ``_CONNECTIONS``."""

    connection: str
    opened_at: int
    closed_at: int | None
    protocol: str
    security: str
    remote: str
    code: int | None
    reason: str | None
    by: str | None
    received: int | None
    sent: int | None
    heard_at: int | None
    heartbeat_at: int | None
    ahead_ms: int | None
    answer_us: int | None
    reply_us: int | None


def _connected(node: str, values: object) -> Connected:
    row = msgspec.convert(values, _ConnectionRow)
    return Connected(
        node=node,
        connection=row.connection,
        opened_at=_moment(row.opened_at),
        closed_at=_moment_if(row.closed_at),
        protocol=row.protocol,
        security=row.security,
        remote=row.remote,
        ended="" if row.closed_at is None else why_ended(row.code, row.reason, row.by),
        received=row.received or 0,
        sent=row.sent or 0,
        heard_at=_moment_if(row.heard_at),
        heartbeat_at=_moment_if(row.heartbeat_at),
        clock_ahead_s=_thousandth(row.ahead_ms),
        answer_ms=_thousandth(row.answer_us),
        reply_ms=_thousandth(row.reply_us),
    )


def why_ended(code: int | None, reason: str | None, by: str | None) -> str:
    """Code, its meaning, the reason that was given, and who ended it."""
    parts = [reason or ""] if code is None else [f"{code} {_CODES.get(code, 'of its own')}", reason or ""]
    who = "" if code == 1006 else " (by us)" if by == "us" else " (by the station or the network)"
    return ": ".join(part for part in parts if part) + who


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)


def _moment_if(us: int | None) -> datetime | None:
    return None if us is None else _moment(us)


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000
