"""Archived months come back into the database, so that archiving can be undone. Their files stay."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from psycopg import sql

from elstrada.spine.archived.month import ArchivedMonth, Content, archived
from elstrada.spine.archived.parquet import MonthFile
from elstrada.spine.postgres_log import ARCHIVED
from elstrada.spine.upkeep.archiving import content_in, on_postgres, only_one, transaction
from elstrada.spine.upkeep.database import Broken, Database, Plain, PostgresAt, Refused, named
from elstrada.spine.upkeep.month_rows import content_of, exchange, fill


def unarchive(database: Database, folder: Path, number: int) -> tuple[ArchivedMonth, ...]:
    """Bring back what was archived of a month, in every shard; a shard at a time, each whole or not at all.

    Args:
        number: of the month, since January 2000.
    Raises:
        CannotOpen: the database or the folder cannot be reached.
        Refused: nothing of this month is archived, or others are at it.
        Broken: a file is missing or not as it was written; its shard's month stays archived.
    """
    with on_postgres(database) as place, only_one(folder):
        with transaction(place, for_reading=True) as plain:
            months = [
                month for month in map(archived, plain.execute(ARCHIVED.encode())) if month.month == number
            ]
        if not months:
            raise Refused(f"{named(database)} has nothing archived of this month")
        for month in months:
            _bring_back(place, folder / month.file, month)
    return tuple(months)


def _bring_back(place: PostgresAt, path: Path, month: ArchivedMonth) -> None:
    content = content_in(path, month)
    with transaction(place, for_reading=False) as plain:
        _fill(plain, path, month, content)
        exchange(plain, month.of, lambda: _swap(plain, month))


def _fill(plain: Plain, path: Path, month: ArchivedMonth, content: Content) -> None:
    """Make the partition, not yet part of the log; nobody sees it before the transaction ends."""
    name = _returning(month)
    table, parent = sql.Identifier(name), sql.Identifier(f"log_{month.shard}")
    plain.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(table, parent))
    with closing(MonthFile(path, month)) as file:
        fill(plain, name, file.parts())
    # With its index and the proof that it belongs there it is attached without being read.
    low, high = month.of.bounds
    text = sql.SQL(
        "ALTER TABLE {} ADD PRIMARY KEY (shard, position), ADD CONSTRAINT belongs CHECK"
        " (shard = {}::smallint AND position >= {}::bigint AND position < {}::bigint)"
    )
    plain.execute(text.format(table, month.shard, low, high))
    plain.execute(sql.SQL("ANALYZE {}").format(table))
    found = content_of(plain, name)
    if found != content:
        raise Broken(f"{month.of.name} was brought back and reads otherwise: {found}, not {content}")


def _swap(plain: Plain, month: ArchivedMonth) -> None:
    gone = plain.execute(
        "DELETE FROM archived_month WHERE shard = %s AND month = %s AND sha256 = %s",
        (month.shard, month.month, month.sha256),
    )
    if gone.rowcount != 1:
        raise Refused(f"{month.of.name} was brought back by somebody else meanwhile")
    _drop_empty(plain, month)
    table, parent = sql.Identifier(month.of.name), sql.Identifier(f"log_{month.shard}")
    plain.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(_returning(month)), table))
    text = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
    plain.execute(text.format(parent, table, *month.of.bounds))
    plain.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT belongs").format(table))


def _drop_empty(plain: Plain, month: ArchivedMonth) -> None:
    """A node whose clock is behind makes that month's partition anew; no fact ever comes into it."""
    row = plain.execute("SELECT to_regclass(%s)", (month.of.name,)).fetchone()
    assert row is not None
    if row[0] is None:
        return
    table = sql.Identifier(month.of.name)
    if plain.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone() is not None:
        raise Refused(f"{month.of.name} has facts in the database as well: run `elstrada db verify`")
    plain.execute(sql.SQL("DROP TABLE {}").format(table))


def _returning(month: ArchivedMonth) -> str:
    return f"returning_{month.of.name}"
