"""The one log of a SQLite database, as a PostgreSQL database keeps it: in shards, positions telling their month.

Nothing is reordered. A position gets the month of its fact in front (never an earlier one than the
position before it), so positions still rise along the log; and each stream's facts go to its shard. A
follower that had come to a position has had the effect of everything before it, in every shard.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from elstrada.spine.months import RUNNING_BITS, Month, base_of, month_at
from elstrada.spine.shards import shard_of
from elstrada.spine.statements import Bound

EXPRESSIONS: Mapping[tuple[str, str], str] = {
    ("log", "position"): "moved(position)",
    ("log", "previous"): "moved(previous)",
    ("log", "shard"): "shard_of(stream)",
    ("stream", "position"): "moved(position)",
    ("milestone", "position"): "moved(position)",
    # Not beyond the shard's end: facts to come may get positions below, and would be passed over.
    ("cursor", "position"): "min(moved(position), end_of(shards.value))",
    ("cursor", "shard"): "shards.value",
    ("mark", "position"): "moved(position)",
    # SQLite archives nothing, so there is no row that could move.
    ("archived_month", "shard"): "shard",
}
"""What is not as it was, by table and column."""


class Spread:
    """Reads a SQLite database's tables as they will be."""

    def __init__(self, source: sqlite3.Connection, shards: int) -> None:
        self._source, self._shards = source, shards
        self._begins, self._bases = _months_begin(source)

        def to_shard(stream: str) -> int:
            return shard_of(stream, shards)

        source.create_function("shard_of", 1, to_shard, deterministic=True)
        source.create_function("moved", 1, self._moved, deterministic=True)
        self._ends = self.ends()
        source.create_function("end_of", 1, self._end_of, deterministic=True)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Bound, ...]]:
        """A table's rows."""
        listed = ", ".join(EXPRESSIONS.get((table, name), f'"{name}"') for name in columns)
        places = f'"{table}"'
        if table == "cursor":
            places += f", json_each('{[*range(self._shards)]}') AS shards"
        return self._source.execute(f"SELECT {listed} FROM {places}")  # noqa: S608  Names of the schema.

    def ends(self) -> dict[int, int]:
        """Position of the last fact of every shard that has any."""
        text = "SELECT shard_of(stream), max(moved(position)) FROM stream GROUP BY 1"
        return {int(shard): int(end) for shard, end in self._source.execute(text)}

    def months(self) -> list[Month]:
        """Every month of a shard that may hold a fact."""
        numbers = {month_at(base, 0).number for base in self._bases} or {0}
        kept = self._source.execute(
            "SELECT DISTINCT position >> ? FROM log WHERE position >> ?", (RUNNING_BITS,) * 2
        )
        numbers |= {int(number) for (number,) in kept}
        return [Month(shard, number) for shard in range(self._shards) for number in sorted(numbers)]

    def _end_of(self, shard: int) -> int:
        return self._ends.get(shard, 0)

    def _moved(self, position: int) -> int:
        if position == 0 or position >> RUNNING_BITS:
            return position  # Nowhere; or a log that was PostgreSQL's once.
        at = bisect_right(self._begins, position)
        return position + (self._bases[at - 1] if at else 0)


def _months_begin(source: sqlite3.Connection) -> tuple[list[int], list[int]]:
    """Positions from which on a later month holds, and the base of each such month."""
    begins: list[int] = []
    bases: list[int] = []
    before = ""
    for position, at in source.execute("SELECT position, at FROM log ORDER BY position"):
        if at[:7] == before or position >> RUNNING_BITS:
            continue
        before = at[:7]
        base = base_of(datetime.fromisoformat(at))
        if not bases or base > bases[-1]:
            begins.append(position)
            bases.append(base)
    return begins, bases
