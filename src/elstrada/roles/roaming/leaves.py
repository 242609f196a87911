"""Pages of lists that peers read, and those of them that are kept until their list changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Table

from elstrada.roles.roaming.kept import Kept
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

MOST_ROWS = 5_000
"""Kept of one list. Peers that pull all of it read each page once; it is the same few that are asked for often."""


class Rows(msgspec.Struct, frozen=True):
    """Rows of a page, how many there are in all, and where the next page begins."""

    rows: Sequence[Row]
    total: int
    place: str


def leaves(spine: Spine) -> Mapping[Table, Kept[Rows]]:
    """The pages that are kept, of lists that are records."""
    return {
        table: Kept(spine, (table,), MOST_ROWS, weight=lambda page: 1 + len(page.rows))
        for table in (t.location, t.tariff)
    }
