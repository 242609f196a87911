"""How many objects a list has that peers read: counted anew for each page while they are few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Table

from elstrada.roles.roaming.means import Means
from elstrada.spine.face import Row, Where

COUNTED_ANEW = 10_000
"""Up to so many objects X-Total-Count is counted for each page; more are counted once in ``COUNT_HOLDS``."""
COUNT_HOLDS = timedelta(seconds=30)
_MOST_KEPT = 100


class Totals:
    """How many objects the long lists have."""

    def __init__(self, means: Means) -> None:
        self._spine, self._clock = means.spine, means.clock
        self._kept: OrderedDict[tuple[str, str], tuple[datetime, int]] = OrderedDict()

    async def of(self, table: Table, where: Where) -> int:
        """How many rows match."""
        few = await self._spine.count(table, where, most=COUNTED_ANEW)
        if (count := _number(few)) < COUNTED_ANEW:
            return count
        key, now = (table.name, repr(sorted(where.items()))), self._clock.now()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < COUNT_HOLDS:
            return kept[1]
        total = _number(await self._spine.count(table, where))
        self._kept[key] = now, total
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return total


def _number(rows: Sequence[Row]) -> int:
    return int(str(rows[0]["count"])) if rows else 0
