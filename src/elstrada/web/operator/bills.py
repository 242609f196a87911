"""The list of bill lines: what charging put on customers' electricity bills."""

from __future__ import annotations

import msgspec

from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine
from elstrada.web.operator.charged import Billed, billed
from elstrada.web.operator.listing import Part, part_of
from elstrada.web.operator.reading import owners_in
from elstrada.web.operator.rows import BillLineRow

_ORDER = ("-recorded_at",)


class Bills(msgspec.Struct, frozen=True):
    """A part of the list."""

    part: Part[Billed]


async def read_bills(spine: Spine, after: str) -> Bills:
    """The lines, the latest first.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    wheres = [{"owner": owner} for owner in await owners_in(spine, t.bill_line)]
    part = await part_of(spine, t.bill_line, wheres, _ORDER, after)
    return Bills(part.of(_line))


def _line(row: Row) -> Billed:
    return billed(msgspec.convert({name: row[name] for name in BillLineRow.__struct_fields__}, BillLineRow))
