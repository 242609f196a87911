"""Connections to PostgreSQL on which nothing waits for ever, and the door that hands them out.

A server that is stopped, or a network that swallows packets, leaves libpq waiting without end. Here every
wait has a deadline; what passes it is closed at once, and its outcome is unknown (F4, F5).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

import psycopg
from psycopg.abc import ConnDict, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

_Result = TypeVar("_Result")

# Of a statement that fails, the driver also warns that what came after it was not done. Every error
# reaches whoever judges it, so that says nothing new, a line for each.
logging.getLogger("psycopg").setLevel(logging.ERROR)

PATIENCE_S = 4.0
"""For one transaction, or one question."""

_CONNECT_S = 2
_LOOK_S = 0.1
"""How often a wait looks at its deadline."""
_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
"""After each failure to connect, until the next is tried; the last for ever."""

_SESSION = """
SELECT set_config('TimeZone', 'UTC', false),
    set_config('application_name', 'elstrada', false),
    -- The server gives up before we do, so that what we closed does not hold locks.
    set_config('statement_timeout', '3500ms', false),
    -- A node that is paused within a transaction must not stop the others for long (F11). Idle is one that
    -- has our answer; paused in the middle of a pipeline it is not, and only its age tells (since 17).
    set_config('idle_in_transaction_session_timeout', '2s', false),
    CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN set_config('transaction_timeout', '3s', false) END,
    -- P1, whatever the server's default; remote_apply is stronger and stays.
    set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
        THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""


LONG_TRANSACTION = """
SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '1min', true),
    CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN set_config('transaction_timeout', '0', true) END
"""
"""The same limits for the transaction at hand, where it may take its time."""


class StoreAway(Exception):
    """There is no connection now; what was asked for did not begin."""


class Overdue(Exception):
    """PostgreSQL did not answer in time; the connection is closed, and what was asked for may be done."""


class Line(psycopg.Connection[TupleRow]):
    """A connection whose waits end at ``until``, on the monotonic clock. Transactions are opened by hand."""

    until: float = math.inf
    used: bool = False
    """Has it done anything before? The server may have closed it since."""
    opened_in: int = 0
    """The door's ``silences`` when it was opened."""

    def wait(self, gen: PQGen[_Result], interval: float = _LOOK_S, timeout: float | None = None) -> _Result:
        limits = () if timeout is None else (timeout,)  # Not every release of the driver knows this one.
        return super().wait(self._within_time(gen), min(interval, _LOOK_S), *limits)

    @contextmanager
    def within(self, patience_s: float) -> Generator[None]:
        """Everything in here together takes no longer than this, in seconds.

        Raises:
            Overdue: it would have.
        """
        self.until = monotonic() + patience_s
        try:
            yield
        finally:
            self.until, self.used = math.inf, True

    def _within_time(self, gen: PQGen[_Result]) -> PQGen[_Result]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and monotonic() > self.until:
                    self.pgconn.finish()
                    raise Overdue("PostgreSQL gave no answer in time; the connection was given up")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


class Door:
    """Opens connections to one database; while it is away, says so at once and tries now and then.

    Used by many threads.
    """

    def __init__(self, url: str) -> None:
        """Name the database.

        Raises:
            ValueError: this is no address of one; it is not repeated, since it may hold a password.
        """
        self._url = url
        self._closed_until, self._failures = -math.inf, 0
        self._silences = 0
        """How often the server did not answer on a connection."""
        named = _read(url)
        self.place = f"{named.get('host', 'localhost')}:{named.get('port', 5432)}/{named.get('dbname', '')}"
        """Of the database, without secrets."""

    def open(self) -> Line:
        """A new connection.

        Raises:
            StoreAway: there is none now.
        """
        if monotonic() < self._closed_until:
            raise StoreAway(f"PostgreSQL at {self.place} could not be reached a moment ago")
        try:
            line = Line.connect(
                self._url,
                autocommit=True,
                prepare_threshold=2,
                connect_timeout=_CONNECT_S,
                tcp_user_timeout=int(PATIENCE_S * 1000),
            )
            with line.within(PATIENCE_S):
                line.execute(_SESSION)
            # Also of whatever is done before it is first used ``within`` a time.
            line.used, line.until = False, monotonic() + PATIENCE_S
            line.opened_in = self._silences
        except (psycopg.Error, Overdue) as error:
            self._shut()
            raise StoreAway(f"PostgreSQL at {self.place} cannot be reached: {error}") from error
        self._failures = 0
        return line

    def trusts(self, line: Line) -> bool:
        """Has the server been heard since the last silence, as far as is known? If not, open another."""
        return line.opened_in == self._silences

    def was_silent(self) -> None:
        """A connection was given up: distrust all that are open, or each would be waited for in turn."""
        self._silences += 1
        self._shut()

    def _shut(self) -> None:
        self._closed_until = monotonic() + _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
        self._failures += 1


def _read(url: str) -> ConnDict:
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        expected = "postgresql://user:password@host/database, with special characters as %XX"
        raise ValueError(f"the address of the database cannot be read; expected {expected}") from None
