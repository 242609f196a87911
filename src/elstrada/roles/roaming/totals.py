"""How many objects a list has that peers read: counted anew for each page while they are few."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Table

from elstrada.roles.roaming.means import Means
from elstrada.spine.face import Row, Spine, Where
from elstrada.spine.paging import PAGE, Place, merged, pages, place_of

COUNTED_ANEW = 10_000
"""Up to so many objects X-Total-Count is counted for each page; more are counted once in ``COUNT_HOLDS``."""
COUNT_HOLDS = timedelta(seconds=30)
LOOKED_AT_ANEW = 1_000
"""The same of objects that have to be looked at to be counted."""
_MOST_KEPT = 100
_AT_ONCE = 100
"""Rows that are looked at before others have their turn."""


class Those(msgspec.Struct, frozen=True):
    """Which rows of a list a caller may have, where no column says so."""

    name: str
    """Tells them from those of other callers."""
    shows: Callable[[Row], bool]


class Totals:
    """How many objects the long lists have."""

    def __init__(self, means: Means) -> None:
        self._spine, self._clock = means.spine, means.clock
        self._kept: OrderedDict[tuple[str, str, str], tuple[datetime, int]] = OrderedDict()

    async def of(self, table: Table, where: Where, those: Those | None = None) -> int:
        """How many rows match.

        Args:
            those: which of them count, where no column says so.
        """
        most = COUNTED_ANEW if those is None else LOOKED_AT_ANEW
        few = await self._spine.count(table, where, most=most)
        if (count := _number(few)) < most and those is None:
            return count
        key = (table.name, repr(sorted(where.items())), those.name if those else "")
        now, kept = self._clock.now(), self._kept.get(key)
        if count >= most and kept is not None and now - kept[0] < COUNT_HOLDS:
            return kept[1]
        total = _number(await self._spine.count(table, where)) if those is None else 0
        if those is not None:
            async for rows in pages(self._spine, table, where):
                total += len(await _shown(rows, those))
        self._kept[key] = now, total
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return total


async def filled(
    spine: Spine,
    table: Table,
    wheres: Sequence[Where],
    order: Sequence[str],
    offset: int,
    size: int,
    place: Place | None,
    those: Those,
) -> list[Row]:
    """Rows behind a place that a caller may have, without the first so many of them, which nobody keeps."""
    found: list[Row] = []
    while True:
        rows = await merged(spine, table, wheres, order, PAGE, place)
        shown = await _shown(rows, those)
        found += shown[offset:]
        offset = max(offset - len(shown), 0)
        if len(rows) < PAGE or len(found) >= size:
            return found[:size]
        place = place_of(table, order, rows[-1])


async def _shown(rows: Sequence[Row], those: Those) -> list[Row]:
    """Those of some rows that a caller may have; others have their turn while they are looked at."""
    shown: list[Row] = []
    for first in range(0, len(rows), _AT_ONCE):
        shown += filter(those.shows, rows[first : first + _AT_ONCE])
        await asyncio.sleep(0)
    return shown


def _number(rows: Sequence[Row]) -> int:
    return int(str(rows[0]["count"])) if rows else 0
