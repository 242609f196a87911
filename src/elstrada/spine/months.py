"""Months of the log on PostgreSQL: positions that tell their month, and the partitions made of them.

A position is the month of the time of record shifted left, plus a running number. So the bounds of a
month's partition are known before it begins, and a position alone says which partition holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from psycopg import Connection, sql
from psycopg.rows import TupleRow

RUNNING_BITS = 40
"""10^12 facts of a shard in a month."""

_FIRST_YEAR = 2000
_AHEAD = 2
"""Months made beforehand, beyond this one."""

_LOCK = 0x656C7374  # "elst": whoever changes the tables of a database holds this advisory lock.
TAKE_LOCK = sql.SQL("SELECT pg_advisory_xact_lock({})").format(_LOCK)
"""Wait for, and hold until the transaction ends, the right to change tables."""

# Read from the catalogue: to_regclass goes on saying that there is no such table to whoever asked before
# the lock was had, and another made it meanwhile.
_MADE = (
    "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace"
)


class Month(msgspec.Struct, frozen=True):
    """A month of one shard: one partition."""

    shard: int
    number: int
    """Since January 2000."""

    @property
    def name(self) -> str:
        """Of its table, as ``log_0_2026_03``."""
        return f"log_{self.shard}_{_FIRST_YEAR + self.number // 12:04}_{self.number % 12 + 1:02}"

    @property
    def bounds(self) -> tuple[int, int]:
        """Its positions: from, and below."""
        return self.number << RUNNING_BITS, (self.number + 1) << RUNNING_BITS


def base_of(moment: datetime) -> int:
    """All positions of this moment's month are higher, and below the next month's base. 0 before 2000."""
    return _number(moment) << RUNNING_BITS


def month_at(position: int, shard: int) -> Month:
    """The month that holds a position."""
    return Month(shard, position >> RUNNING_BITS)


def ensure_months(connection: Connection[TupleRow], shards: int, now: datetime) -> None:
    """Make what partitions are missing of this month and the two to come; cheap when none is."""
    make_months(connection, list(_coming(shards, now)))


def make_months(connection: Connection[TupleRow], months: Sequence[Month]) -> None:
    """Make those of these months that are missing, in a transaction of their own or the open one."""
    if not _missing(connection, months):
        return
    with connection.transaction():
        connection.execute(TAKE_LOCK)
        for month in _missing(connection, months):
            _make(connection, month)


def _coming(shards: int, now: datetime) -> Iterator[Month]:
    number = _number(now)
    for shard in range(shards):
        yield from (Month(shard, number + ahead) for ahead in range(_AHEAD + 1))


def _number(moment: datetime) -> int:
    return max(0, (moment.year - _FIRST_YEAR) * 12 + moment.month - 1)


def _missing(connection: Connection[TupleRow], months: Sequence[Month]) -> list[Month]:
    names = [month.name for month in months]
    made = {str(name) for (name,) in connection.execute(_MADE, (names,))}
    return [month for month in months if month.name not in made]


def _make(connection: Connection[TupleRow], month: Month) -> None:
    # Attached and not created in place: readers and writers of the other months need not wait.
    table, parent = sql.Identifier(month.name), sql.Identifier(f"log_{month.shard}")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(table, parent))
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent, table, *month.bounds
        )
    )
