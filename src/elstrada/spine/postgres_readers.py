"""A few threads that read from PostgreSQL, each question within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
import sqlalchemy.exc
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from elstrada.spine.face import Row, SpineDown
from elstrada.spine.postgres_line import PATIENCE_S, Door, Line, Overdue, StoreAway
from elstrada.spine.queries import Query

_Result = TypeVar("_Result")

_THREADS = 4
_GOING = ("57P", "080")
"""SQLSTATEs of a server that goes, or of a connection that is lost."""
_MOST_WAITING = 10_000
"""Questions put and not answered; who comes then is sent away."""


class PostgresReaders:
    """Runs questions off the event loop. Each sees everything committed before it was put."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spine-reader")
        self._waiting = 0
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=door.open,
            poolclass=QueuePool,
            pool_size=_THREADS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            use_native_hstore=False,
        )

    async def ask(self, question: Callable[[Line], _Result]) -> _Result:
        """Put a question to the plain connection.

        Raises:
            SpineDown: there is no answer now.
            ValueError: it asks for a value that PostgreSQL cannot keep.
        """
        return await self._in_thread(lambda: self._plainly(question))

    async def rows(self, query: Query) -> list[Row]:
        """The rows of a select; raises as ``ask``."""
        return await self._in_thread(lambda: self._selected(query))

    async def close(self) -> None:
        """Answer what was asked, then close."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        if self._waiting >= _MOST_WAITING:
            raise SpineDown(f"{_MOST_WAITING} questions wait for the store")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._twice, work)
        except (psycopg.Error, DBAPIError, Overdue, StoreAway) as error:
            if isinstance(error, (psycopg.DataError, sqlalchemy.exc.DataError)):
                raise ValueError(f"PostgreSQL knows no such value: {error}") from error
            raise SpineDown(f"the store cannot be read now: {error}") from error
        finally:
            self._waiting -= 1

    def _twice(self, work: Callable[[], _Result]) -> _Result:
        """Ask once more when the connection turns out to have been closed while nobody used it."""
        try:
            return work()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and error.sqlstate[:3] not in _GOING:
                raise
        return work()

    def _plainly(self, question: Callable[[Line], _Result]) -> _Result:
        with self._engine.connect() as connection:
            line = self._trusted(connection)
            try:
                with line.within(PATIENCE_S):
                    return question(line)
            except BaseException as error:
                # Whatever state it is in, nobody shall inherit it.
                connection.invalidate()
                self._lost(line, error)
                raise

    def _selected(self, query: Query) -> list[Row]:
        with self._engine.connect() as connection:
            line = self._trusted(connection)
            try:
                with line.within(PATIENCE_S):
                    result = connection.execute(query.select, query.values)
            except Overdue as error:
                connection.invalidate()
                self._lost(line, error)
                raise
            # Plain names: SQLAlchemy's own are a kind of str that strict readers of a row refuse.
            names = [str(name) for name in result.keys()]  # noqa: SIM118  A result is no mapping.
            return [dict(zip(names, row, strict=True)) for row in result]

    def _trusted(self, connection: Connection) -> Line:
        """The plain connection; another one if the server was silent since it was opened."""
        line = connection.connection.driver_connection
        assert isinstance(line, Line)
        if self._door.trusts(line):
            return line
        connection.invalidate()
        line = connection.connection.driver_connection
        assert isinstance(line, Line)
        return line

    def _lost(self, line: Line, error: BaseException) -> None:
        if isinstance(error, Overdue):
            self._door.was_silent()
        if line.closed:
            # The server went, and with it all the others.
            self._engine.dispose()
