"""Which tables there are and how many rows each has, so that none is lost on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Set

from elstrada.spine.upkeep.archive import Manifest
from elstrada.spine.upkeep.database import Broken

BOOKKEEPING = "alembic_version"
"""Where a database's revision is kept; the manifest names it instead."""
_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    " AND name <> 'alembic_version' ORDER BY name"
)


def tables_in(connection: sqlite3.Connection) -> list[str]:
    """The tables of a SQLite database, without its engine's and Alembic's own."""
    return [str(name) for (name,) in connection.execute(_TABLES)]


def counts_in(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by table of a SQLite database."""
    return {table: _count(connection, table) for table in tables_in(connection)}


def _count(connection: sqlite3.Connection, table: str) -> int:
    (rows,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608  From the schema.
    return int(rows)


def check_counts(manifest: Manifest, found: Mapping[str, int], beside: Set[str] = frozenset()) -> None:
    """See that as many rows arrived as left, in all tables but those ``beside``.

    Raises:
        Broken: some did not.
    """
    for table, content in manifest.tables.items():
        if table not in beside and found.get(table) != content.rows:
            raise Broken(
                f"{table} has {found.get(table, 0)} rows, and the backup's manifest says {content.rows}"
            )
