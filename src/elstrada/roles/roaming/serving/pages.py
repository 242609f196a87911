"""A page of a list that peers read: by its place at the same cost wherever it is, and counted within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Table

from elstrada.ocpi.codes import Why
from elstrada.ocpi.paging import Window
from elstrada.ocpi.server import Refusal
from elstrada.roles.roaming.leaves import Rows
from elstrada.roles.roaming.serving.visit import Visit
from elstrada.roles.roaming.totals import Those, filled
from elstrada.spine.face import AnyOf, Where
from elstrada.spine.paging import Place, merged, place_text, place_told


async def page(
    visit: Visit,
    table: Table,
    where: Where,
    column: str,
    order: Sequence[str],
    window: Window | None = None,
    those: Those | None = None,
) -> Rows | Refusal:
    """The page that a caller asks for, of the rows that match.

    Args:
        column: has one of several values by ``where``; an index serves each of them with ``order``.
        window: of the page; None: as the caller asks.
        those: which of the rows the caller may have, where no column says so. Those it may not are
            passed over while the page is filled, and not counted.
    """
    window = window or visit.call.window
    assert window is not None
    values = where[column]
    assert isinstance(values, AnyOf)
    place: Place | None = None
    if window.place:
        try:
            place = place_told(table, order, window.place)
        except ValueError:
            return Refusal(Why.INVALID, "place: expected what our Link says")
    wheres: list[Where] = [{**where, column: value} for value in values.values]
    read = partial(_read, visit, table, where, wheres, order, window, place, those)
    if table not in visit.stock.leaves:
        return await read()
    key = (*where.items(), window.offset, window.limit, place, those.name if those else "")
    return await visit.stock.leaves[table].of(key, read)


async def _read(
    visit: Visit,
    table: Table,
    where: Where,
    wheres: Sequence[Where],
    order: Sequence[str],
    window: Window,
    place: Place | None,
    those: Those | None,
) -> Rows:
    total = await visit.stock.totals.of(table, where, those)
    if window.limit == 0 or not wheres:
        return Rows((), total, "")
    size, spine = window.limit + 1, visit.means.spine
    if those is not None:
        rows = await filled(spine, table, wheres, order, 0 if place else window.offset, size, place, those)
    elif place is None and window.offset:
        one = wheres[0] if len(wheres) == 1 else where
        rows = await spine.find(table, one, order=order, limit=size, offset=window.offset)
    else:
        rows = await merged(spine, table, wheres, order, size, place)
    if len(rows) < size:
        return Rows(rows, total, "")
    # What was counted a while ago is never less than what has been seen since.
    seen = window.offset + size
    return Rows(rows[:-1], max(total, seen), place_text(table, order, rows[-2]))
