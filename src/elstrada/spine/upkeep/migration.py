"""Bringing a database's tables up to date, by hand, before the nodes of a new version start (F23)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from elstrada.spine.lock import DatabaseInUse, lock_beside
from elstrada.spine.migrate import migrate
from elstrada.spine.postgres_migrate import SHARDS, DatabaseUnready, migrate_postgres
from elstrada.spine.upkeep.database import CannotOpen, Database, PostgresAt, Refused, cause, named, snapshot
from elstrada.spine.upkeep.revisions import Revisions, revisions_from, revisions_of
from elstrada.spine.upkeep.sqlite_files import check_owner


def revisions_in(database: Database) -> Revisions:
    """Where a database is; a SQLite file that does not exist lacks everything.

    Raises:
        CannotOpen: it cannot be reached.
        Refused: it was migrated by a newer Elstrada.
    """
    if isinstance(database, Path) and not database.exists():
        return revisions_from(None)
    with snapshot(database) as connection:
        revisions = revisions_of(connection)
    if not revisions.known:
        raise Refused(
            f"{named(database)} is at revision {revisions.found}, which this version does not know (its newest"
            f" is {revisions.head}): use the version that migrated it, or a newer one"
        )
    return revisions


def migrate_database(database: Database, *, shards: int | None = None) -> None:
    """Run the revisions that it lacks, each whole or not at all; makes a SQLite file if need be.

    Args:
        shards: of a PostgreSQL database that has no tables yet; None: as many as is usual.
    Raises:
        CannotOpen: it cannot be reached.
        Refused: a node runs on the SQLite file, and migrates it by itself when it starts; or shards were
            named where there is no choice.
    """
    if shards is not None and (isinstance(database, Path) or revisions_in(database).found is not None):
        raise Refused(f"the shards of {named(database)} are fixed; they are chosen for a new PostgreSQL only")
    if isinstance(database, Path):
        _migrate_sqlite(database)
    else:
        _migrate_postgres(database, shards or SHARDS)


def _migrate_sqlite(path: Path) -> None:
    check_owner(path.parent)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_beside(path)
    except DatabaseInUse as used:
        raise Refused(f"{used}; it was brought up to date when that one started") from None
    except OSError as problem:
        raise CannotOpen(f"{path} cannot be migrated: {problem.strerror}") from None
    with lock:
        path.touch(mode=0o600)
        path.chmod(0o600)
        migrate(path)


def _migrate_postgres(database: PostgresAt, shards: int) -> None:
    try:
        migrate_postgres(database.url, datetime.now(UTC), shards=shards)
    except DatabaseUnready as unready:
        raise Refused(str(unready)) from None
    except (DBAPIError, psycopg.Error) as problem:
        raise CannotOpen(f"{named(database)} cannot be migrated: {cause(problem)}") from None
