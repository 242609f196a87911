"""The writer: a thread that takes entries from the queue, makes sense of them, and writes them in batches.

What it cannot write it counts and forgets. Nothing here can hold up or end the process: a store that is
locked, full, broken or gone costs log lines, and is tried again, less and less often.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from pathlib import Path

from elstrada.net.face import Clock
from elstrada.ocpp.clock import ahead_ms
from elstrada.ocpp.signed import unsigned
from elstrada.redaction import redacted
from elstrada.roles.wirelog.line import Asked, Line, asked, remember
from elstrada.roles.wirelog.shown import Frame, cut, shown
from elstrada.roles.wirelog.store import Bounds, EntryRow, Store, in_us, throw_away
from elstrada.roles.wirelog.tap import Entry, Kind, WireLog

log = logging.getLogger(__name__)

MOST_PER_S = 5_000
"""Entries that are written in a second, about, so that a flood takes a small part of the interpreter's time only;
more wait in the queue, and beyond it are dropped."""
PERIOD_S = 0.25
"""Between batches."""
_BATCHES, _BATCH = 5, round(MOST_PER_S * PERIOD_S / 5)
"""How many follow each other, and entries of each."""
_BATCH_BYTES = 256 << 10
"""Of a batch, so that it fits into the smallest file, and takes little memory while it is written."""
_LOOK_S = 10.0
"""Between looks at the disk, and at what has grown old."""
_AT_A_STRETCH, _BREATH_S = 20, 0.001
"""Entries read before others may have the interpreter: a fifth of a millisecond's work, less than they would wait
to take it away (``serve.settle``)."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
"""After the store failed."""
_GOODBYE_S = 2.0


class Writer:
    """Writes one node's wire log."""

    def __init__(self, log: WireLog, path: Path, bounds: Bounds, clock: Clock) -> None:
        self._log, self._path, self._bounds, self._clock = log, path, bounds, clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire-log", daemon=True)
        self._store: Store | None = None
        self._began = self._busy = False
        self._file = 0
        self._pause_s = _FIRST_PAUSE_S
        self._wait_s = 0.0
        self._look_in_s = 0.0
        self.written = 0
        """Entries in the file, since the process began."""
        self.lost = 0
        """Entries that the store did not take."""
        self.size_bytes = 0
        """Of the file."""
        self.trouble = ""
        """Why entries are being lost, in words; empty: they are not."""

    @property
    def idle(self) -> bool:
        """Is nothing on its way into the file?"""
        return not self._log.waiting and not self._busy

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, if that can be done soon, and end."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_GOODBYE_S)

    # --- the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._go_on()
        except Exception as problem:
            self.trouble = f"the writer ended: {type(problem).__name__}"
            log.exception("the wire log at %s is written no more", self._path)

    def _go_on(self) -> None:
        while not self._over.wait(PERIOD_S):
            self._wait_s -= PERIOD_S
            self._look_in_s -= PERIOD_S
            for _ in range(_BATCHES):
                self._take_batch()
            self._busy = False
        while self._log.waiting:
            self._take_batch()
        if self._store is not None:
            self._store.close()

    def _take_batch(self) -> None:
        """Take the oldest of what waits; while the store is in trouble, only to count it."""
        self._busy = True
        entries = self._log.take(_BATCH, _BATCH_BYTES)
        if self._wait_s > 0:
            self.lost += len(entries)
        elif entries or self._look_in_s <= 0:  # A look makes the file, before there is anything to write.
            self._write(entries)

    def _write(self, entries: list[Entry]) -> None:
        batch = _Batch(entries, self._file)
        try:
            if self._store is None:
                self._open()
            assert self._store is not None, "it was just opened"
            if self._look_in_s <= 0:
                self._look(self._store)
            self._store.make_room()
            batch.write(self._store)
        except Exception as problem:  # noqa: BLE001  Whatever it is, it costs log lines and nothing else.
            self.lost += len(entries)
            batch.forget()
            self._fail(problem)
        else:
            self.written += len(entries)
            self.trouble, self._pause_s = "", _FIRST_PAUSE_S

    def _open(self) -> None:
        self._store = Store(self._path, self._bounds)
        if not self._began:
            self._began = True
            self._store.close_left_open()

    def _look(self, store: Store) -> None:
        """See to what grows old, and to what others need."""
        self._look_in_s = _LOOK_S
        self.size_bytes = store.size_bytes
        store.forget_old(self._clock.now())
        if not store.room():
            raise OSError("the disk is nearly full, and what is left of it is the database's")

    def _fail(self, problem: Exception) -> None:
        if self._store is not None:
            self._store.roll_back()
            with contextlib.suppress(sqlite3.Error):
                self._store.close()
            self._store = None
        if not self.trouble:
            log.warning("the wire log at %s loses lines", self._path, exc_info=problem)
        self.trouble = f"{type(problem).__name__}: {redacted(str(problem))}"
        self._wait_s, self._look_in_s = self._pause_s, 0.0
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        if _is_broken(problem):
            self._replace()

    def _replace(self) -> None:
        self._file += 1
        try:
            throw_away(self._path)
        except OSError as problem:
            self.trouble += f"; and it cannot be removed: {problem}"


def _is_broken(problem: Exception) -> bool:
    """Is the file itself no good? Else it may be locked or full, or another node's."""
    trouble = isinstance(problem, sqlite3.DatabaseError)
    return trouble and not isinstance(
        problem, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


class _Batch:
    """Entries on their way into the store, together or not at all."""

    def __init__(self, entries: list[Entry], file: int) -> None:
        self._entries, self._file = entries, file
        self._rows: list[EntryRow] = []
        self._touched: dict[int, Line] = {}
        self._added: list[Line] = []

    def write(self, store: Store) -> None:
        self._store = store
        store.begin()
        for number, entry in enumerate(self._entries, 1):
            self._take(entry)
            if number % _AT_A_STRETCH == 0:
                time.sleep(_BREATH_S)
        store.add(self._rows)
        store.measured(self._touched.values())
        store.commit()

    def forget(self) -> None:
        """It did not get there: what is remembered of it does not stand in the file."""
        for line in self._added:
            line.row = None
        for entry in self._entries:
            entry.line.theirs = entry.line.ours = None

    def _take(self, entry: Entry) -> None:
        line, number = entry.line, self._store.next_entry
        self._store.next_entry += 1
        if entry.kind is Kind.REFUSED:
            self._add(number, entry, "refused", entry.text.decode(), str(entry.code))
            return
        if line.row is None or line.file != self._file:
            line.opened_at = line.opened_at or entry.at
            line.row, line.file = self._store.add_connection(line, line.opened_at), self._file
            self._added.append(line)
        self._touched[line.row] = line
        match entry.kind:
            case Kind.OPENED:
                self._add(number, entry, "opened", f"{line.protocol}, {line.security}, from {line.remote}")
            case Kind.CLOSED:
                reason = cut(entry.text.decode())
                self._store.close_connection(line, entry.at, entry.code, reason)
                self._add(number, entry, "closed", reason, str(entry.code))
            case _:
                self._take_frame(number, entry)

    def _take_frame(self, number: int, entry: Entry) -> None:
        line, frame = entry.line, shown(entry.text)
        inbound = entry.kind is Kind.RECEIVED
        call = _paired(number, entry, frame)
        latency_us = None
        if call is not None:
            latency_us = max(round((entry.moment_s - call.moment_s) * 1_000_000), 0)
        _measure(entry, frame, latency_us)
        row = EntryRow(
            number,
            self._store.station(line),
            line.row,
            in_us(entry.at),
            int(inbound),
            frame.kind,
            frame.message_id or None,
            (call.action if call else frame.action) or None,
            frame.outcome or None,
            latency_us,
            call and call.entry,
            len(entry.text),
            frame.text,
        )
        self._rows.append(row)

    def _add(self, number: int, entry: Entry, kind: str, text: str, outcome: str | None = None) -> None:
        told = (in_us(entry.at), None, kind, None, None, outcome, None, None, 0, text)
        self._rows.append(EntryRow(number, self._store.station(entry.line), entry.line.row, *told))


def _paired(number: int, entry: Entry, frame: Frame) -> Asked | None:
    """Remember a call; of an answer, find the call."""
    line, inbound = entry.line, entry.kind is Kind.RECEIVED
    match frame.kind:
        case "call":
            call = Asked(number, frame.action, entry.moment_s)
            if inbound:
                line.theirs = asked(line.theirs, frame.message_id, call)
            else:
                line.ours = asked(line.ours, frame.message_id, call)
            return None
        case "result" | "error":
            calls = line.ours if inbound else line.theirs
            return calls.pop(frame.message_id, None) if calls else None
        case _:
            return None


def _measure(entry: Entry, frame: Frame, latency_us: int | None) -> None:
    """Count a frame, and what it tells of the line."""
    line = entry.line
    if entry.kind is Kind.SENT:
        line.sent += 1
        line.sent_bytes += len(entry.text)
        if latency_us is not None:
            line.answer_us = remember(line.answer_us, latency_us)
        return
    line.received += 1
    line.received_bytes += len(entry.text)
    line.heard_at = entry.at
    if latency_us is not None:
        line.reply_us = remember(line.reply_us, latency_us)
    if unsigned(frame.action) == "Heartbeat":
        line.heartbeat_at = entry.at
    ahead = ahead_ms(unsigned(frame.action), frame.text, entry.at)
    if ahead is not None:
        line.ahead_ms = remember(line.ahead_ms, ahead)
