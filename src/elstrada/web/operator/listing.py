"""A list of the pages, a part at a time: each part costs the same wherever it is, however long the list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import Table

from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Spine, Where
from elstrada.spine.paging import Place, merged, place_text, place_told
from elstrada.web.operator.places import place_name
from elstrada.web.operator.rows import PlaceDocument

SHOWN = 50
"""Lines of a part."""

Line = TypeVar("Line")


class NoPlace(ValueError):
    """The reader asked to go on behind something that is no place in this list."""


class Part(msgspec.Struct, Generic[Line], frozen=True):
    """Some lines of a list, in its order."""

    lines: tuple[Line, ...]
    next: str
    """Behind which place the next part begins; empty: this is the last."""

    def of(self, make: Callable[[Line], Made]) -> Part[Made]:
        """The same part with a line made of each."""
        return Part(tuple(map(make, self.lines)), self.next)


Made = TypeVar("Made")


async def part_of(
    spine: Spine, table: Table, wheres: Sequence[Where], order: Sequence[str], after: str
) -> Part[Row]:
    """The rows behind a place that match one of ``wheres``, which exclude each other; an index serves each.

    Raises:
        NoPlace: ``after`` is neither empty nor what the part before told.
    """
    place = told_place(table, order, after)
    rows = await merged(spine, table, wheres, order, SHOWN + 1, place) if wheres else []
    return Part(tuple(rows[:SHOWN]), place_text(table, order, rows[SHOWN - 1]) if len(rows) > SHOWN else "")


def told_place(table: Table, order: Sequence[str], after: str) -> Place | None:
    """A place that a reader's address names; None: the beginning.

    Raises:
        NoPlace: it is none in this list.
    """
    try:
        return place_told(table, order, after) if after else None
    except ValueError as problem:
        raise NoPlace(str(problem)) from None


LocationKey = tuple[str, str, str]
"""Who keeps a copy of a location, whose it is, and its id."""


async def place_names(spine: Spine, wanted: Iterable[LocationKey]) -> Mapping[LocationKey, str]:
    """What places are called; those of which there is no copy are not in it."""
    by_party: dict[tuple[str, str], set[str]] = {}
    for owner, party, location_id in wanted:
        by_party.setdefault((owner, party), set()).add(location_id)
    found: dict[LocationKey, str] = {}
    for (owner, party), ids in by_party.items():
        where: Where = {"owner": owner, "party": party, "location_id": AnyOf(tuple(sorted(ids)))}
        for row in await spine.find(t.location, where, limit=len(ids)):
            document = msgspec.json.decode(str(row["document"]), type=PlaceDocument)
            found[owner, party, str(row["location_id"])] = place_name(document)
    return found
