"""Long lists in pages: each page tells the place behind which the next one begins.

A place is what its last line is sorted by. So a page costs the same wherever it is, and no line that
stays as it is comes twice or is left out while others come, change and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta
from sqlalchemy import Table

from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import own_parties, own_party
from elstrada.spine.face import Row, Where
from elstrada.spine.paging import LONGEST_PLACE, Place, merged, place_of, place_text, place_told

After = Annotated[
    Annotated[str, Meta(max_length=LONGEST_PLACE)] | None,
    Meta(description="Go on behind this place, which the page before told."),
]
MOST_LOOKED_THROUGH = 20_000
"""Rows that a page looks at for those that it wants, where no index leads to them alone."""
_AT_ONCE = 1_000

Line = TypeVar("Line", covariant=True)
Made = TypeVar("Made")


class Page(tuple[Line, ...]):
    """Lines, and where the next ones are: JSON has it as a list, HTTP and the command line tell the place beside it."""

    next: str | None = None
    """None: these were the last."""

    @staticmethod
    def of(lines: Iterable[Made], after: str | None) -> Page[Made]:
        page = Page(lines)
        page.next = after
        return page

    def lines(self, make: Callable[[Line], Made]) -> Page[Made]:
        """The same page with a line made of each."""
        return Page.of(map(make, self), self.next)


async def owners(desk: Desk, named: str | None) -> list[str]:
    """The party of ours that is named, or all of them: a list of several is merged of one for each."""
    if named is not None:
        return [str((await own_party(desk, named)).id)]
    return [str(party.id) for party in await own_parties(desk.spine)]


async def page_of(
    desk: Desk,
    table: Table,
    wheres: Iterable[Where],
    order: Sequence[str],
    *,
    limit: int,
    after: str | None,
    fits: Callable[[Row], bool] | None = None,
) -> Page[Row]:
    """A page of the rows that match one of ``wheres``, which exclude each other.

    Args:
        order: what an index serves together with each of ``wheres``.
        fits: which of them are wanted. A page gives up after ``MOST_LOOKED_THROUGH``; there may be more behind.
    """
    wheres, looked = list(wheres), 0
    place = None if after is None else _place(table, order, after)
    found: list[Row] = []
    while True:
        size = limit + 1 - len(found) if fits is None else _AT_ONCE
        rows = await merged(desk.spine, table, wheres, order, size, place)
        looked += len(rows)
        found += rows if fits is None else filter(fits, rows)
        if len(found) > limit:
            return Page.of(found[:limit], place_text(table, order, found[limit - 1]))
        if len(rows) < size:
            return Page.of(found, None)
        if looked >= MOST_LOOKED_THROUGH and fits is not None:
            return Page.of(found, place_text(table, order, rows[-1]))
        place = place_of(table, order, rows[-1])


def _place(table: Table, order: Sequence[str], after: str) -> Place:
    try:
        return place_told(table, order, after)
    except ValueError:
        says = "that is no place in this list; expected what the page before told"
        hint = "leave --after out to begin anew, or give it with the same filters"
        raise Refused(Kind.USAGE, says, hint, "/after") from None
