"""Bringing a PostgreSQL database up to date, and seeing that it is. Every run is done whole or not at all (F23).

A release says which revision it needs, and works on newer ones too: a revision only adds what the
release before does not see, and takes away what it no longer uses. So old and new nodes run side by side.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from psycopg import Connection, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from elstrada.spine.migrate import upgrade
from elstrada.spine.months import TAKE_LOCK, ensure_months

NEEDED = "0037"
"""The oldest revision that this release works on. Revisions are numbered, so they compare as text."""

SHARDS = 1
"""Of a database that is made without saying how many."""

_MOST_SHARDS = 64
_BYTE_ORDERED = ("C", "POSIX", "C.UTF-8", "C.utf8", "PG_UNICODE_FAST")
"""Locales that sort text by its bytes, of whichever provider."""
# The column was renamed in PostgreSQL 17.
_TEXT = """
SELECT pg_encoding_to_char(encoding),
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate)
FROM pg_database AS d WHERE datname = current_database()
"""


class DatabaseUnready(Exception):
    """The database is not one that this release can work on; the message says what to do."""


def migrate_postgres(url: str, now: datetime, *, shards: int = SHARDS) -> None:
    """Run the revisions that a database lacks, in one transaction; of many who try, one at a time.

    Args:
        url: as ``postgresql://user@host/database``, of a role that may create tables.
        now: for the partitions of this month and the next.
        shards: how many logs a new database gets, 1 to 64; one that exists keeps its number.
    Raises:
        DatabaseUnready: text would not be sorted as on every other engine.
        ValueError: there cannot be so many shards.
        psycopg.Error: the database cannot be reached, or the role may not do this.
    """
    if not 1 <= shards <= _MOST_SHARDS:
        raise ValueError(f"a database has 1 to {_MOST_SHARDS} shards, not {shards}")
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: _connected(url), poolclass=NullPool, use_native_hstore=False
    )
    with engine.begin() as connection:
        plain = connection.connection.driver_connection
        assert isinstance(plain, Connection)
        line = cast("Connection[TupleRow]", plain)
        line.execute(TAKE_LOCK)
        check_text(line, _named(url))
        upgrade(connection)
        make_shards(line, shards)
        ensure_months(line, _count(line), now)
    engine.dispose()


def check_revision(line: Connection[TupleRow], place: str) -> int:
    """See that the database is new enough; returns its number of shards.

    Args:
        place: of the database, for people.
    Raises:
        DatabaseUnready: it is not.
    """
    try:
        row = line.execute("SELECT version_num FROM alembic_version").fetchone()
    except errors.UndefinedTable:
        row = None
    found = None if row is None else str(row[0])
    if found is None or found < NEEDED:
        at = "has no tables of ours" if found is None else f"is at revision {found}"
        raise DatabaseUnready(f"{place} {at}, this release needs {NEEDED}: run `elstrada db migrate`")
    return _count(line)


def make_shards(line: Connection[TupleRow], shards: int) -> None:
    """Give a database without shards this many, each empty; one that has some keeps them."""
    if _count(line):
        return
    for shard in range(shards):
        line.execute(
            f"CREATE TABLE log_{shard} PARTITION OF log FOR VALUES IN ({shard})".encode()
            + b" PARTITION BY RANGE (position)"
        )
        line.execute("INSERT INTO shard (shard, position) VALUES (%s, 0)", (shard,))


def _count(line: Connection[TupleRow]) -> int:
    row = line.execute("SELECT count(*) FROM shard").fetchone()
    assert row is not None
    return int(row[0])


def check_text(line: Connection[TupleRow], place: str) -> None:
    """See that texts are in byte order: the same on every engine, and no index breaks with the system's locales.

    Raises:
        DatabaseUnready: they are not.
    """
    row = line.execute(_TEXT).fetchone()
    assert row is not None
    encoding, locale = map(str, row)
    if encoding != "UTF8" or locale not in _BYTE_ORDERED:
        raise DatabaseUnready(
            f"{place} has encoding {encoding} and locale {locale}, not UTF8 and C: make it with"
            " `CREATE DATABASE elstrada TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`"
        )


def _connected(url: str) -> Connection[TupleRow]:
    return Connection.connect(
        url, connect_timeout=10, application_name="elstrada-migrate", client_encoding="UTF8"
    )


def _named(url: str) -> str:
    return f"database {conninfo_to_dict(url).get('dbname', '')}"
