"""A backup becomes the content of a PostgreSQL database, in one transaction."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from elstrada.spine.migrate import migrate, upgrade
from elstrada.spine.months import TAKE_LOCK, Month, ensure_months, make_months
from elstrada.spine.postgres_migrate import SHARDS, DatabaseUnready, check_text, make_shards
from elstrada.spine.upkeep.archive import SQLITE_MEMBER, Archive
from elstrada.spine.upkeep.copy_text import lines_of
from elstrada.spine.upkeep.counts import BOOKKEEPING, check_counts, tables_in
from elstrada.spine.upkeep.database import CannotOpen, Plain, PostgresAt, Refused, cause, connected, named
from elstrada.spine.upkeep.postgres_copy import columns_of, plain_connection, tables_of
from elstrada.spine.upkeep.shard_anew import Spread

_NODES = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'elstrada'"


def restore_into_postgres(archive: Archive, database: PostgresAt, *, replace: bool) -> None:
    """Make the content of ``archive`` that of a database; raises as ``restore``."""
    with _writing(database) as connection:
        plain = plain_connection(connection)
        plain.execute(TAKE_LOCK)
        check_text(plain, named(database))
        shards = _cleared(plain, database, replace=replace)
        if archive.manifest.engine == "postgresql":
            _from_postgres(archive, connection, plain)
        else:
            _from_sqlite(archive, connection, plain, shards)


@contextmanager
def _writing(database: PostgresAt) -> Generator[Connection, None, None]:
    """One transaction, which lasts if all goes well."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connected(database, for_reading=False),
        poolclass=NullPool,
        use_native_hstore=False,
    )
    try:
        with engine.begin() as connection:
            yield connection
    except DatabaseUnready as unready:
        raise Refused(str(unready)) from None
    except (DBAPIError, psycopg.Error) as problem:
        raise _meant(problem, database) from None
    finally:
        engine.dispose()


def _meant(problem: Exception, database: PostgresAt) -> Exception:
    inner = problem.orig if isinstance(problem, DBAPIError) else problem
    if isinstance(inner, psycopg.DataError | psycopg.IntegrityError):
        return Refused(f"{named(database)} cannot take this backup: {cause(problem)}")
    return CannotOpen(f"{named(database)} cannot be restored to: {cause(problem)}")


def _cleared(plain: Plain, database: PostgresAt, *, replace: bool) -> int:
    """Take away every table of ours; returns how many shards there were."""
    if nodes := _number(plain, _NODES):
        raise Refused(f"{named(database)} is in use: nodes have {nodes} connections to it; stop them first")
    tables = tables_of(plain)
    shards = _number(plain, "SELECT count(*) FROM shard") if "shard" in tables else 0
    filled = [] if replace else [table for table in tables if table != "shard" and _has_rows(plain, table)]
    if filled:
        raise Refused(
            f"{named(database)} is not empty, there are rows in {', '.join(filled[:3])}: name another"
            " database, or allow that it is destroyed with --replace --destroy-what-is-there"
        )
    for table in (*tables, BOOKKEEPING):
        plain.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(table)))
    return shards or SHARDS


def _from_postgres(archive: Archive, connection: Connection, plain: Plain) -> None:
    """As it was, at its own revision, and then brought up to date."""
    manifest = archive.manifest
    upgrade(connection, manifest.revision)
    make_shards(plain, len(manifest.log_ends))
    make_months(plain, [Month(shard, number) for shard, number in manifest.months])
    for table, content in manifest.tables.items():
        names = [column.name for column in content.columns]
        _fill(plain, table, names, archive.chunks(f"{table}.copy"))
    check_counts(manifest, {table: _count(plain, table) for table in manifest.tables})
    upgrade(connection)
    ensure_months(plain, len(manifest.log_ends), datetime.now(UTC))


def _from_sqlite(archive: Archive, connection: Connection, plain: Plain, shards: int) -> None:
    """By way of the file that is in the archive, brought up to date, so that both ends have the same tables."""
    upgrade(connection)
    make_shards(plain, shards)
    ensure_months(plain, shards, datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="elstrada-restore-") as folder:
        made = Path(folder) / SQLITE_MEMBER
        archive.unpack(SQLITE_MEMBER, made)
        migrate(made)
        with closing(sqlite3.connect(made, isolation_level=None)) as source:
            spread = Spread(source, shards)
            make_months(plain, spread.months())
            for table in tables_in(source):
                _carry(source, spread, plain, table)
            for shard, end in spread.ends().items():
                plain.execute("UPDATE shard SET position = %s WHERE shard = %s", (end, shard))


def _carry(source: sqlite3.Connection, spread: Spread, plain: Plain, table: str) -> None:
    here = [str(row[1]) for row in source.execute(f'PRAGMA table_info("{table}")')]
    kinds = {column.name: column.type for column in columns_of(plain, table)}
    # A column that only one engine has would be lost here, and must not be in silence.
    assert set(here) == kinds.keys(), f"{table} has the columns {here} here and {[*kinds]} there"
    _fill(plain, table, here, lines_of(spread.rows(table, here), [kinds[name] for name in here]))


def _fill(plain: Plain, table: str, names: list[str], lines: Iterable[bytes]) -> None:
    # What a migration may have put there is in the backup.
    plain.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    text = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), listed)
    with plain.cursor() as cursor, cursor.copy(text) as copy:
        for line in lines:
            copy.write(line)


def _has_rows(plain: Plain, table: str) -> bool:
    text = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))
    return plain.execute(text).fetchone() is not None


def _count(plain: Plain, table: str) -> int:
    row = plain.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def _number(plain: Plain, text: LiteralString) -> int:
    row = plain.execute(text).fetchone()
    assert row is not None
    return int(row[0])
