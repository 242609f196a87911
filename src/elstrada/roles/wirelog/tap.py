"""Where frames leave the way of a message: a bounded queue, and nothing that waits.

An entry costs the event loop a look at the time and an append. What it says is made of it in the writer's
thread; when that is behind, what comes new is dropped and counted, and no answer is late for it.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from elstrada.net.face import Clock
from elstrada.roles.wirelog.line import Line

MOST_WAITING_BYTES = 8 << 20
"""Of frames that wait for the writer; what comes new beyond it is dropped."""
_ENTRY_BYTES = 400
"""What an entry takes beside its frame."""
MOST_REFUSED_PER_MINUTE = 60
"""Refused handshakes noted, of all stations: whoever guesses passwords must not push the others' frames out."""


class Kind(IntEnum):
    """What happened on the wire."""

    RECEIVED = 1
    SENT = 2
    OPENED = 3
    CLOSED = 4
    REFUSED = 5


class Entry(NamedTuple):
    """Something that happened, as it is handed to the writer."""

    line: Line
    kind: Kind
    at: datetime
    moment_s: float
    """The same on a clock that only moves on, for latencies."""
    text: bytes
    """A frame as it was on the wire; of other kinds, words about it."""
    code: int = 0
    """Of a close; of a refusal, the HTTP status."""


class WireLog:
    """The event loop's end of the log."""

    def __init__(self, clock: Clock, most_waiting_bytes: int = MOST_WAITING_BYTES) -> None:
        self._clock, self._most = clock, most_waiting_bytes
        self._queue: deque[Entry] = deque()
        self._put = self._taken = 0
        """Bytes, since the process began; each is written by one thread only."""
        self._refused: deque[float] = deque(maxlen=MOST_REFUSED_PER_MINUTE)
        self.dropped = 0
        """Entries for which there was no room."""

    def tap(self, line: Line) -> Tap:
        """Note that a station's socket is open, and what is said on it from now on."""
        tap = Tap(self, line)
        self.note(line, Kind.OPENED, b"", self._clock.now())
        return tap

    def refused(self, line: Line, status: int, why: str) -> None:
        """Note a handshake of a station that was not let in."""
        now = time.monotonic()
        if len(self._refused) == MOST_REFUSED_PER_MINUTE and now - self._refused[0] < 60:
            self.dropped += 1
            return
        self._refused.append(now)
        self.note(line, Kind.REFUSED, why.encode(), self._clock.now(), status)

    def note(self, line: Line, kind: Kind, text: bytes, at: datetime | None = None, code: int = 0) -> None:
        """Put one entry in the queue, if there is room."""
        if self._put - self._taken > self._most:
            self.dropped += 1
            return
        self._put += len(text) + _ENTRY_BYTES
        self._queue.append(Entry(line, kind, at or self._clock.now(), time.perf_counter(), text, code))

    @property
    def waiting(self) -> int:
        """Entries that the writer has not taken yet."""
        return len(self._queue)

    def take(self, most: int, most_bytes: int) -> list[Entry]:
        """The oldest entries, until one more than ``most_bytes`` of them. Called by the writer's thread only."""
        queue, taken, size = self._queue, list[Entry](), 0
        while queue and len(taken) < most and size < most_bytes:
            entry = queue.popleft()
            taken.append(entry)
            size += len(entry.text) + _ENTRY_BYTES
        self._taken += size
        return taken


class Tap:
    """One socket's end of the log."""

    __slots__ = ("_line", "_log")

    def __init__(self, log: WireLog, line: Line) -> None:
        self._log, self._line = log, line

    def received(self, frame: bytes, now: datetime | None = None) -> None:
        """The station sent a frame."""
        self._log.note(self._line, Kind.RECEIVED, frame, now)

    def sent(self, frame: bytes) -> None:
        """We sent a frame."""
        self._log.note(self._line, Kind.SENT, frame)

    def closed(self, code: int, reason: str, *, by_us: bool) -> None:
        """The socket is gone."""
        self._line.closed_by_us = by_us
        self._log.note(self._line, Kind.CLOSED, reason.encode(), None, code)
