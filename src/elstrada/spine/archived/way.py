"""The way back along a stream, stretch by stretch: through the log, through archived months, never past a gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from elstrada.spine.archived.month import ArchiveAway, LogRow, fact_of
from elstrada.spine.face import Recorded


class Place(NamedTuple):
    """Where a fact of a stream must be."""

    version: int
    position: int


class Wanted(msgspec.Struct, frozen=True):
    """Which facts of a stream are asked for: from ``first`` to ``last``, both among them."""

    stream: str
    shard: int
    first: int
    last: int

    def lacks(self, version: int, previous: int) -> Place | None:
        """What is still to be found when everything from a version on is."""
        return Place(version - 1, previous) if version > self.first else None


class Stretch(msgspec.Struct, frozen=True):
    """Some of the facts asked for, in order, and where the next older one must be; None when none is lacking."""

    facts: list[Recorded]
    before: Place | None


def stretch(wanted: Wanted, rows: Sequence[LogRow], start: Place, where: object) -> Stretch:
    """What an archived month has of a stream from ``start`` backwards.

    Args:
        rows: of the stream, in order of version, from ``wanted.first`` to ``start.version``.
        where: they were read, for people.
    Raises:
        ArchiveAway: one is lacking, or does not stand where the one behind it says.
    """
    place, low = start, start.position
    for row in reversed(rows):
        if (row[3], row[0]) != place:
            break
        place, low = Place(row[3] - 1, row[7]), row[0]
    reached = start.version - place.version
    # What is older must be in an older month, and so at a lower position than all of this one.
    if reached != len(rows) or reached == 0 or place.position >= low:
        raise ArchiveAway(
            f"the archived month {where} lacks facts of {wanted.stream}: version {place.version} was expected at"
            f" position {place.position}"
        )
    facts = [fact_of(row) for row in rows if row[3] <= wanted.last]
    return Stretch(facts, wanted.lacks(place.version + 1, place.position))
