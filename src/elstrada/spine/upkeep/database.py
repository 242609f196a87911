"""Where an installation's database is, and one moment of it to look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.pool import NullPool

from elstrada.spine.postgres_log import HOLD_MONTHS


class PostgresAt(msgspec.Struct, frozen=True):
    """A PostgreSQL database, by its address."""

    url: str
    """``postgresql://user:password@host/name``, as libpq takes it."""

    def __repr__(self) -> str:
        return f"PostgresAt({named(self)!r})"


Database = Path | PostgresAt
"""The file of a SQLite database, or the address of a PostgreSQL one."""
Plain = psycopg.Connection[tuple[Any, ...]]
"""A connection of PostgreSQL's driver."""

APPLICATION = "elstrada-upkeep"
"""How we appear among a server's sessions."""
CONNECT_S = 10
"""Longest wait for a PostgreSQL server to take a connection."""


class CannotOpen(Exception):
    """The database is not there, or does not let us in."""


class Refused(Exception):
    """It could be done, and would be wrong; the message says what to do instead."""


class Broken(Exception):
    """What was found is not as it must be: a damaged database, or a backup that was changed."""


def named(database: Database) -> str:
    """As people are shown it; a password is not part of it."""
    if isinstance(database, Path):
        return str(database)
    told = conninfo_to_dict(database.url)
    return f"postgresql://{told.get('host', '')}:{told.get('port', 5432)}/{told.get('dbname', '')}"


@contextmanager
def snapshot(database: Database) -> Generator[Connection, None, None]:
    """A connection that reads only, and sees one moment of the database as long as it is open.

    Months of the log are neither archived nor brought back meanwhile: what is not in the log as of this
    moment is in ``archived_month`` as of this moment. On SQLite the write-ahead log cannot be reset meanwhile, so a long look lets that file grow; on
    PostgreSQL dead rows stay. Nobody is kept from writing.

    Raises:
        CannotOpen: there is no such database, or it cannot be reached.
    """
    engine = _reading(database)
    try:
        with _connected(engine, database) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _connected(engine: Engine, database: Database) -> Generator[Connection, None, None]:
    try:
        connection = engine.connect()
    except (DBAPIError, sqlite3.Error, psycopg.Error) as problem:
        raise _cannot_open(database, problem) from None
    with connection:
        try:
            transaction = connection.begin()
            if connection.dialect.name == "postgresql" and not _holds_months(connection):
                transaction.rollback()
                connection.begin()
        except (DBAPIError, sqlite3.Error, psycopg.Error) as problem:
            raise _cannot_open(database, problem) from None
        yield connection


def _holds_months(connection: Connection) -> bool:
    """Hold the months of the log where they are, before the moment is chosen; False: there is no log."""
    try:
        connection.exec_driver_sql(HOLD_MONTHS)
    except ProgrammingError as problem:
        if isinstance(problem.orig, psycopg.errors.UndefinedTable):
            return False
        raise
    return True


def _cannot_open(database: Database, problem: Exception) -> CannotOpen:
    return CannotOpen(f"{named(database)} cannot be opened: {cause(problem)}")


def cause(problem: Exception) -> str:
    """What the driver said, on one line, without SQLAlchemy's frame around it."""
    inner = problem.orig if isinstance(problem, DBAPIError) and problem.orig is not None else problem
    return " ".join(str(inner).split()) or type(inner).__name__


def _reading(database: Database) -> Engine:
    if isinstance(database, Path):
        return _reading_sqlite(database)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connected(database, for_reading=True),
        poolclass=NullPool,
        use_native_hstore=False,
    )


def connected(database: PostgresAt, *, for_reading: bool) -> Plain:
    """A connection to PostgreSQL whose statements may take as long as they need.

    Raises:
        psycopg.Error: there is none to be had within ten seconds.
    """
    line: Plain = psycopg.connect(
        database.url, connect_timeout=CONNECT_S, application_name=APPLICATION, autocommit=True
    )
    line.execute("SELECT set_config('TimeZone', 'UTC', false), set_config('statement_timeout', '0', false)")
    line.autocommit = False
    line.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ if for_reading else None
    line.read_only = for_reading
    return line


def _reading_sqlite(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        if not path.is_file():
            raise CannotOpen(f"there is no database at {path}: `elstrada db migrate` makes one")
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        # Only the writer may checkpoint: old SQLite can corrupt a database that two connections do it to.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN")
        # The moment is that of the first look.
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").fetchall()

    return engine
