"""What registers rose by while no session was there: standby, or energy that nobody pays for.

Stations that tell their meters by the clock (1.6 §3.16.2 ClockAlignedDataInterval) do so between sessions
too. A rise counts if no session was there from the quarter of the reading before it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from elstrada.billing.metering.figures import Between, Seat
from elstrada.billing.metering.quarters import QUARTER, quarters_between
from elstrada.model.quarter import RegisterQuarter, SessionQuarter

LONGEST_SILENCE = 4 * QUARTER
"""Between two readings; what was taken within a longer one has no quarter."""


def between_sessions(
    registers: Iterable[RegisterQuarter], rows: Iterable[SessionQuarter]
) -> tuple[Between, ...]:
    """The rises of EVSEs' registers outside sessions, each in the quarter of its later reading.

    Args:
        registers: in any order; those of whole stations (EVSE 0) are of no EVSE and left out.
        rows: of the same EVSEs and time.
    """
    busy = {(row.station_id, row.evse_id, row.quarter) for row in rows}
    by_seat: dict[Seat, list[RegisterQuarter]] = {}
    for one in registers:
        if one.evse_id:
            by_seat.setdefault((one.station_id, one.evse_id), []).append(one)
    return tuple(
        rise
        for seat, told in sorted(by_seat.items())
        for rise in _rises(seat, sorted(told, key=lambda one: one.quarter), busy)
    )


def _rises(
    seat: Seat, told: Sequence[RegisterQuarter], busy: set[tuple[str, int, datetime]]
) -> Iterator[Between]:
    for before, one in zip([None, *told], told, strict=False):
        if (*seat, one.quarter) in busy:
            continue
        follows = before is not None and _follows(before, one, seat, busy)
        base_wh = before.last_wh if before is not None and follows else one.first_wh
        if one.last_wh >= base_wh:
            yield Between(*seat, one.quarter, one.last_wh - base_wh)


def _follows(
    before: RegisterQuarter, one: RegisterQuarter, seat: Seat, busy: set[tuple[str, int, datetime]]
) -> bool:
    """Soon after, and no session was there from one to the other."""
    free = all((*seat, quarter) not in busy for quarter in quarters_between(before.quarter, one.quarter))
    return free and one.last_at - before.last_at <= LONGEST_SILENCE
