"""A PostgreSQL database as COPY texts, all of one moment."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import cast

from psycopg import sql
from sqlalchemy.engine import Connection

from elstrada.spine.archived.month import archived
from elstrada.spine.archived.shelf import Shelf
from elstrada.spine.months import RUNNING_BITS
from elstrada.spine.postgres_log import ARCHIVED
from elstrada.spine.upkeep.archive import FORMAT, Content, CopyColumn, Manifest, Packing
from elstrada.spine.upkeep.archived_files import pack_archived
from elstrada.spine.upkeep.counts import BOOKKEEPING
from elstrada.spine.upkeep.database import Plain, PostgresAt, Refused, named, snapshot
from elstrada.spine.upkeep.revisions import revisions_of

_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname
"""
"""Every table but parts of others and those of extensions."""
_COLUMNS = """
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(%s))
AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_ENDS = "SELECT shard, position FROM shard ORDER BY shard"
_MONTHS = "SELECT DISTINCT shard, position >> %s FROM log ORDER BY 1, 2"


def pack_postgres(database: PostgresAt, packing: Packing, shelf: Shelf, *, with_archive: bool) -> Manifest:
    """Write every table, as one transaction sees them; memory does not grow with their size."""
    with snapshot(database) as connection:
        revisions = revisions_of(connection)
        if revisions.found is None:
            raise Refused(f"{named(database)} has no tables of Elstrada's: there is nothing to back up")
        if not revisions.known:
            raise Refused(
                f"{named(database)} is at revision {revisions.found}, which this version does not know"
            )
        plain = plain_connection(connection)
        tables = {table: _pack(plain, table, packing) for table in tables_of(plain)}
        gone = (
            [archived(row) for row in plain.execute(ARCHIVED.encode())] if "archived_month" in tables else []
        )
        files = pack_archived(gone, shelf, packing, with_content=with_archive)
        return Manifest(
            format=FORMAT,
            version=version("elstrada"),
            engine="postgresql",
            engine_version=str(plain.info.server_version),
            revision=revisions.found,
            made_at=datetime.now(UTC),
            log_ends={str(shard): int(end) for shard, end in plain.execute(_ENDS)},
            tables=tables,
            members=packing.members,
            months=tuple(
                (int(shard), int(month)) for shard, month in plain.execute(_MONTHS, (RUNNING_BITS,))
            ),
            archived=files,
        )


def plain_connection(connection: Connection) -> Plain:
    """The driver's connection, which knows COPY."""
    return cast(Plain, connection.connection.driver_connection)


def tables_of(plain: Plain) -> list[str]:
    """Our tables, by name, without Alembic's."""
    return [str(name) for (name,) in plain.execute(_TABLES) if name != BOOKKEEPING]


def columns_of(plain: Plain, table: str) -> tuple[CopyColumn, ...]:
    """The columns that a COPY of a table has, in order."""
    return tuple(CopyColumn(str(name), str(kind)) for name, kind in plain.execute(_COLUMNS, (table,)))


def _pack(plain: Plain, table: str, packing: Packing) -> Content:
    columns = columns_of(plain, table)
    listed = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    # A COPY of a partitioned table itself is empty; of a select, it is everything.
    text = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(listed, sql.Identifier(table))
    rows = 0
    with packing.member(f"{table}.copy") as target, plain.cursor() as cursor, cursor.copy(text) as lines:
        for line in lines:
            rows += bytes(line).count(b"\n")
            target.write(bytes(line))
    return Content(rows, columns)
