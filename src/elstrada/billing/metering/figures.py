"""Figures over quarter-hours: how much, how well used, how high, and what was lost.

Source: pricing 5.4. Shares have four decimals; a share of nothing is None, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from elstrada.model.quarter import EvsePower, QuarterSource, SessionQuarter

Seat = tuple[str, int]
"""Station and EVSE."""
PER_HOUR = 4
"""Wh in a quarter of an hour, times this, are W on average."""
_QUARTER_S = 900
_FOUR_DECIMALS = Decimal("0.0001")


class Between(msgspec.Struct, frozen=True):
    """What an EVSE's register rose by while no session was there."""

    station_id: str
    evse_id: int
    quarter: datetime
    energy_wh: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of some EVSEs over some time."""

    evses: int
    """Which there are, used or not."""
    energy_wh: int
    estimated_wh: int
    """Of it in quarters of which it is not sure how much falls into them (``QuarterSource``)."""
    begun: int
    ended: int
    failed: int
    """Of those that ended: they had taken nothing."""
    success: Decimal | None
    """Share of those that ended and had taken something."""
    connected_s: int
    charging_s: int
    connected_share: Decimal | None
    """Of the time of all EVSEs: how well they are used."""
    charging_share: Decimal | None
    energy_share: Decimal | None
    """Of what they can give in that time; None: of one it is not known."""
    idle_share: Decimal | None
    """Of the time that cars were connected: they did not charge."""
    mean_wh: int | None
    """Of the sessions that ended, each as a whole."""
    mean_s: int | None
    peak_w: int
    """The highest average of a quarter of an hour."""
    peak_at: datetime | None
    """The first quarter with it; None: no energy flowed."""
    simultaneity: Decimal | None
    """The peak, as a share of the sum of each EVSE's own."""
    most_connected: int
    """EVSEs with a session in the same quarter."""
    highest_w: int | None
    """Of the power that any one station told at an instant."""
    inlet_wh: int | None
    outlet_wh: int | None
    loss: Decimal | None
    """Share of what came in that did not go out, where both were measured."""
    between_wh: int | None
    """What EVSEs took while no session was there; None: their meters did not tell."""
    imbalance_ma: int | None
    """The most that a car's phases differed."""


def figures(
    rows: Sequence[SessionQuarter],
    between: Sequence[Between],
    evses: Sequence[EvsePower],
    quarters: int,
) -> Figures:
    """Everything about some EVSEs over so many quarters.

    Args:
        rows: of these EVSEs and quarters, in any order.
        between: likewise.
        quarters: how many the time has in which they could have been used.
    """
    energy_wh, time_s = sum(row.energy_wh for row in rows), len(evses) * quarters * _QUARTER_S
    connected_s, charging_s = sum(r.connected_s for r in rows), sum(r.charging_s for r in rows)
    ended = [row for row in rows if row.ended]
    failed = sum(row.failed for row in ended)
    peak_w, peak_at = peak(load(rows))
    own_peaks_w = sum(peak(load(of))[0] for of in by_seat(rows).values())
    inlet_wh, outlet_wh = _sum(r.inlet_wh for r in rows), _sum(r.outlet_wh for r in rows)
    return Figures(
        evses=len(evses),
        energy_wh=energy_wh,
        estimated_wh=sum(row.energy_wh for row in rows if row.source is QuarterSource.ESTIMATED),
        begun=sum(row.begun for row in rows),
        ended=len(ended),
        failed=failed,
        success=share(len(ended) - failed, len(ended)),
        connected_s=connected_s,
        charging_s=charging_s,
        connected_share=share(connected_s, time_s),
        charging_share=share(charging_s, time_s),
        energy_share=_energy_share(energy_wh, evses, quarters),
        idle_share=share(connected_s - charging_s, connected_s),
        mean_wh=_mean(row.total_wh or 0 for row in ended),
        mean_s=_mean(row.total_s or 0 for row in ended),
        peak_w=peak_w,
        peak_at=peak_at,
        simultaneity=share(peak_w, own_peaks_w),
        most_connected=_most_connected(rows),
        highest_w=max((row.peak_w for row in rows if row.peak_w is not None), default=None),
        inlet_wh=inlet_wh,
        outlet_wh=outlet_wh,
        loss=None if inlet_wh is None else share(inlet_wh - (outlet_wh or 0), inlet_wh),
        between_wh=_sum(one.energy_wh for one in between),
        imbalance_ma=max((r.imbalance_ma for r in rows if r.imbalance_ma is not None), default=None),
    )


def share(part: int, whole: int) -> Decimal | None:
    """Part of a whole with four decimals; None of nothing."""
    if whole == 0:
        return None
    return (Decimal(part) / whole).quantize(_FOUR_DECIMALS, ROUND_HALF_EVEN)


def by_seat(rows: Iterable[SessionQuarter]) -> dict[Seat, list[SessionQuarter]]:
    """Rows by the EVSE of which they are."""
    found: dict[Seat, list[SessionQuarter]] = {}
    for row in rows:
        found.setdefault((row.station_id, row.evse_id), []).append(row)
    return found


def load(rows: Iterable[SessionQuarter]) -> dict[datetime, int]:
    """Average power of each quarter in which something was connected, W, in order of time."""
    found: dict[datetime, int] = {}
    for row in rows:
        found[row.quarter] = found.get(row.quarter, 0) + PER_HOUR * row.energy_wh
    return dict(sorted(found.items()))


def peak(load_w: Mapping[datetime, int]) -> tuple[int, datetime | None]:
    """The highest of loads that are in order of time, and when it first was."""
    at = max(load_w, key=load_w.__getitem__, default=None)  # The first of equals.
    return (load_w[at], at) if at is not None and load_w[at] else (0, None)


def load_duration(load_w: Mapping[datetime, int], quarters: int) -> tuple[int, ...]:
    """Loads from the highest to the lowest, W, with 0 for every quarter in which there was none."""
    return tuple(sorted(load_w.values(), reverse=True)) + (0,) * (quarters - len(load_w))


def exceeded_for(duration_w: Sequence[int], percent: int) -> int | None:
    """The load, W, that is reached for at least so much of the time; None of no time."""
    if not duration_w:
        return None
    return duration_w[max(0, -(-percent * len(duration_w) // 100) - 1)]


def _energy_share(energy_wh: int, evses: Sequence[EvsePower], quarters: int) -> Decimal | None:
    powers = [evse.power_w for evse in evses if evse.power_w is not None]
    return share(energy_wh * PER_HOUR, sum(powers) * quarters) if len(powers) == len(evses) else None


def _mean(values: Iterable[int]) -> int | None:
    known = list(values)
    return (2 * sum(known) + len(known)) // (2 * len(known)) if known else None


def _most_connected(rows: Iterable[SessionQuarter]) -> int:
    at: dict[datetime, set[Seat]] = {}
    for row in rows:
        at.setdefault(row.quarter, set()).add((row.station_id, row.evse_id))
    return max(map(len, at.values()), default=0)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
