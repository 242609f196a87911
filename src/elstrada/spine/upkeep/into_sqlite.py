"""A backup becomes a SQLite file: made beside its place, then put there in one step."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from elstrada.spine.lock import DatabaseInUse, lock_beside
from elstrada.spine.migrate import migrate
from elstrada.spine.upkeep.archive import SQLITE_MEMBER, Archive, Content
from elstrada.spine.upkeep.copy_text import rows_of
from elstrada.spine.upkeep.counts import check_counts, counts_in, tables_in
from elstrada.spine.upkeep.database import Broken, CannotOpen, Refused
from elstrada.spine.upkeep.sqlite_files import check_file, check_owner, put_in_place

_ONLY_THERE = frozenset({"shard"})
"""Tables that only PostgreSQL has; what is in them, SQLite knows otherwise."""


def restore_into_sqlite(archive: Archive, path: Path, *, replace: bool) -> None:
    """Make the database of ``archive`` the one at ``path``; raises as ``restore``."""
    check_owner(path.parent)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_beside(path)
    except DatabaseInUse as used:
        raise Refused(str(used)) from None
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be restored to: {problem.strerror}") from None
    with lock:
        if not replace:
            _check_empty(path)
        with tempfile.TemporaryDirectory(prefix=".elstrada-restore-", dir=path.parent) as folder:
            made = Path(folder) / SQLITE_MEMBER
            made.touch(mode=0o600)
            _make(archive, made)
            put_in_place(made, path)


def _make(archive: Archive, made: Path) -> None:
    try:
        if archive.manifest.engine == "sqlite":
            archive.unpack(SQLITE_MEMBER, made)
        else:
            _fill(archive, made)
        with closing(sqlite3.connect(made)) as connection:
            check_counts(archive.manifest, counts_in(connection), beside=_ONLY_THERE)
        migrate(made)
        check_file(made)
    except sqlite3.Error as problem:
        raise Broken(f"the backup cannot become a SQLite database: {problem}") from None


def _fill(archive: Archive, made: Path) -> None:
    shards = archive.manifest.log_ends
    if archive.manifest.archived:
        raise Refused(
            f"the backup's log has {len(archive.manifest.archived)} archived months, and SQLite archives none: restore it"
            " into PostgreSQL, and bring them back there with `elstrada db unarchive`"
        )
    if len(shards) > 1:
        raise Refused(
            f"the backup's log has {len(shards)} shards, whose positions are their own; SQLite has one log:"
            " restore it into PostgreSQL"
        )
    migrate(made, archive.manifest.revision)
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        known = tables_in(connection)
        for table, content in archive.manifest.tables.items():
            if table in known:
                _insert(archive, connection, table, content)
        for end in shards.values():
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'log'")
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('log', ?)", (end,))
        connection.execute("COMMIT")


def _insert(archive: Archive, connection: sqlite3.Connection, table: str, content: Content) -> None:
    types = [column.type for column in content.columns]
    listed = ", ".join(f'"{column.name}"' for column in content.columns)
    places = ", ".join("?" * len(types))
    connection.execute(f'DELETE FROM "{table}"')  # noqa: S608  What a migration may have put there is in the backup.
    connection.executemany(
        f'INSERT INTO "{table}" ({listed}) VALUES ({places})',  # noqa: S608  Checked against the schema by SQLite.
        rows_of(archive.chunks(f"{table}.copy"), types),
    )


def _check_empty(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            filled = [table for table in tables_in(connection) if _has_rows(connection, table)]
    except sqlite3.DatabaseError as problem:
        raise Refused(f"{path} is there and cannot be read as a database ({problem}): {_HOW}") from None
    if filled:
        raise Refused(f"{path} is not empty, there are rows in {', '.join(filled[:3])}: {_HOW}")


_HOW = "move it away, or allow that it is destroyed with --replace --destroy-what-is-there"


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is not None  # noqa: S608  From the schema.
