"""Which months of the log can be archived: nothing can be added to them, and nobody has yet to follow them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from psycopg import sql

from elstrada.spine.months import Month, month_at
from elstrada.spine.upkeep.database import Plain

_PARTITIONS = (
    "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = to_regclass(%s)"
)
_NAMED = re.compile(r"log_(\d+)_(\d{4})_(\d\d)")
_ENDS = "SELECT shard, position FROM shard ORDER BY shard"
_CURSORS = "SELECT follower, shard, position FROM cursor"
_ARCHIVED_ENDS = "SELECT shard, month, last_position FROM archived_month"


class Open(msgspec.Struct, frozen=True):
    """A month that must stay in the database, and why."""

    month: Month
    because: str


class Log(msgspec.Struct, frozen=True):
    """What must be known of a log to say which of its months are sealed."""

    ends: Mapping[int, int]
    """Position of the last fact, by shard."""
    lasts: Mapping[Month, int]
    """Position of the last fact of each month that has any and is in the database."""
    gone: Mapping[Month, int]
    """The same of those that were archived."""
    cursors: Mapping[tuple[str, int], int]


def log_of(plain: Plain) -> Log:
    """Look at a database, as of the moment of its transaction."""
    ends = {int(shard): int(end) for shard, end in plain.execute(_ENDS)}
    months = [month for shard in ends for month in _partitions(plain, shard)]
    lasts = {month: last for month in months if (last := _last(plain, month))}
    gone = {Month(int(shard), int(month)): int(last) for shard, month, last in plain.execute(_ARCHIVED_ENDS)}
    cursors = {(str(name), int(shard)): int(at) for name, shard, at in plain.execute(_CURSORS)}
    return Log(ends, lasts, gone, cursors)


def sorted_out(log: Log, before: int) -> tuple[list[Month], list[Open]]:
    """The months before ``before`` (since January 2000) that are sealed, oldest first, and those that are not.

    A month is sealed when its shard's log has gone on into a later one, for positions never fall; and
    when every follower has passed it in every shard.
    """
    sealed: list[Month] = []
    still: list[Open] = []
    for month in sorted(log.lasts, key=lambda month: (month.number, month.shard)):
        if month.number >= before:
            continue
        because = next(_reasons(log, month), None)
        if because is None:
            sealed.append(month)
        else:
            still.append(Open(month, because))
    return sealed, still


def _reasons(log: Log, month: Month) -> Iterator[str]:
    if month_at(log.ends[month.shard], month.shard).number <= month.number:
        yield "the shard has no fact of a later month yet, so one more may still be put here"
    for follower in sorted({name for name, _ in log.cursors}):
        for shard in log.ends:
            last = _last_up_to(log, shard, month.number)
            at = log.cursors.get((follower, shard), 0)
            if at < last:
                yield f"{follower} is at position {at} of shard {shard}, and has facts up to {last} to follow"


def _last_up_to(log: Log, shard: int, number: int) -> int:
    """Where a shard's facts of all months up to this one end."""
    known = (*log.lasts.items(), *log.gone.items())
    return max((last for month, last in known if month.shard == shard and month.number <= number), default=0)


def _partitions(plain: Plain, shard: int) -> Iterator[Month]:
    for (name,) in plain.execute(_PARTITIONS, (f"log_{shard}",)):
        named = _NAMED.fullmatch(str(name))
        if named is not None:
            yield month_named(int(named[2]), int(named[3]), shard)


def month_named(year: int, month: int, shard: int = 0) -> Month:
    """A month by the calendar."""
    return Month(shard, (year - 2000) * 12 + month - 1)


def _last(plain: Plain, month: Month) -> int:
    text = sql.SQL("SELECT coalesce(max(position), 0) FROM {} WHERE shard = %s")
    row = plain.execute(text.format(sql.Identifier(month.name)), (month.shard,)).fetchone()
    assert row is not None
    return int(row[0])
