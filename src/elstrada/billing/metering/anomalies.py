"""What is odd in quarter-hours: signs that a meter, a cable or a station wants looking after.

Each rule is a function of an EVSE's rows and of thresholds, and knows nothing of the others. None of
them changes what anybody pays. Source: pricing 5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from elstrada.billing.metering.buckets import day_start
from elstrada.billing.metering.figures import PER_HOUR, Between, by_seat
from elstrada.billing.metering.quarters import QUARTER
from elstrada.model.quarter import SessionQuarter


class Oddity(StrEnum):
    """What kind of anomaly."""

    UNUSUAL_ENERGY = "UNUSUAL_ENERGY"
    """A session took far more or less than the EVSE's others."""
    NOTHING_TAKEN = "NOTHING_TAKEN"
    """Several sessions in a row took nothing."""
    POWER_STUCK = "POWER_STUCK"
    """The told power stands still and does not fit the register."""
    NIGHT_CONSUMPTION = "NIGHT_CONSUMPTION"
    """The register rose at night while no session was there."""
    FELL_SILENT = "FELL_SILENT"
    """No session on a weekday that always had some."""
    METERS_DIFFER = "METERS_DIFFER"
    """The meters at inlet and outlet drift apart."""
    REGISTER_JUMPED = "REGISTER_JUMPED"
    """A session began with another register than the one before it ended with."""


class Anomaly(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Something odd at an EVSE."""

    at: datetime
    """The quarter in which it ended or was last seen."""
    station_id: str
    evse_id: int
    oddity: Oddity
    says: str
    """What was found, and what was expected."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on something is odd."""

    deviations: Decimal = Decimal(4)
    """Standard deviations of a session's energy from the mean of the EVSE's others."""
    least_sessions: int = 20
    """With fewer nobody knows what is usual."""
    least_deviation_wh: int = 100
    """The standard deviation counts for no less: some EVSEs always give the same."""
    zero_sessions: int = 3
    stuck_quarters: int = 4
    stuck_percent: int = 20
    """By which the register differs from the told power."""
    night_wh: int = 500
    """In one night: 60 W of standby for eight hours are less."""
    night_from: int = 22
    night_until: int = 6
    """Hours of local time."""
    weeks: int = 4
    """Before a day, in which the same weekday must have had ``weekday_sessions`` each."""
    weekday_sessions: int = 3
    least_measured_wh: int = 10_000
    """At the outlet, to compare it with the inlet."""
    least_loss_percent: int = -1
    most_loss_percent: int = 15
    jump_wh: int = 1_000
    """What may be taken between two sessions."""
    fall_wh: int = 10
    """A register that falls by as much was rounded."""


USUAL = Thresholds()
Rows = Sequence[SessionQuarter]
"""Of one EVSE."""


def unusual_energy(rows: Rows, of: Thresholds) -> Iterator[Anomaly]:
    """Sessions whose energy is many standard deviations from the mean of all others (z-score)."""
    ended = [row for row in _ended(rows) if not row.failed]
    count = len(ended) - 1
    if count + 1 < of.least_sessions:
        return
    total = sum(row.total_wh or 0 for row in ended)
    squares = sum((row.total_wh or 0) ** 2 for row in ended)
    for row in ended:
        own = row.total_wh or 0
        mean = Decimal(total - own) / count
        deviation = max(_root(Decimal(squares - own**2) / count - mean**2), Decimal(of.least_deviation_wh))
        score = (own - mean) / deviation
        if abs(score) > of.deviations:
            says = f"{own} Wh, {score:+.1f} standard deviations from the usual {mean:.0f} Wh"
            yield _anomaly(row, Oddity.UNUSUAL_ENERGY, f"session {row.session_id} took {says}")


def nothing_taken(rows: Rows, of: Thresholds) -> Iterator[Anomaly]:
    """Runs of sessions that took nothing, each told once, at its end."""
    run: list[SessionQuarter] = []
    for row in [*_ended(rows), None]:
        if row is not None and row.failed:
            run.append(row)
            continue
        if len(run) >= of.zero_sessions:
            says = f"{len(run)} sessions in a row took nothing, from {run[0].session_id} on"
            yield _anomaly(run[-1], Oddity.NOTHING_TAKEN, says)
        run = []


def power_stuck(rows: Rows, of: Thresholds) -> Iterator[Anomaly]:
    """Power that stands at the same watt for quarters on end, though the register tells of another."""
    run: list[SessionQuarter] = []
    for row in [*sorted(rows, key=_order), None]:
        if row is not None and _whole(row) and (not run or _goes_on(run[-1], row)):
            run.append(row)
            continue
        yield from _stuck(run, of)
        run = [row] if row is not None and _whole(row) else []


def _stuck(run: Rows, of: Thresholds) -> Iterator[Anomaly]:
    if len(run) < of.stuck_quarters:
        return
    told_w, average_w = run[0].peak_w or 0, PER_HOUR * sum(row.energy_wh for row in run) // len(run)
    if abs(told_w - average_w) * 100 > of.stuck_percent * max(told_w, average_w):
        says = f"told {told_w} W for {len(run)} quarters, while its register rose as by {average_w} W"
        yield _anomaly(run[-1], Oddity.POWER_STUCK, says)


def _whole(row: SessionQuarter) -> bool:
    """Power was told, always the same, in a quarter that the session had to itself."""
    return row.peak_w is not None and row.least_w == row.peak_w and not row.begun and not row.ended


def _goes_on(before: SessionQuarter, row: SessionQuarter) -> bool:
    same = (before.session_id, before.peak_w) == (row.session_id, row.peak_w)
    return same and row.quarter - before.quarter == QUARTER


def night_consumption(rises: Iterable[Between], zone: ZoneInfo, of: Thresholds) -> Iterator[Anomaly]:
    """Nights in which an EVSE took much though no session was there.

    Args:
        rises: of one EVSE (``between.between_sessions``).
        zone: whose nights.
    """
    nights: dict[date, list[Between]] = {}
    for rise in rises:
        local = rise.quarter.astimezone(zone)
        if local.hour >= of.night_from:
            nights.setdefault(local.date(), []).append(rise)
        elif local.hour < of.night_until:
            nights.setdefault(local.date() - timedelta(days=1), []).append(rise)
    for evening, found in sorted(nights.items()):
        energy_wh = sum(rise.energy_wh for rise in found)
        if energy_wh > of.night_wh:
            says = f"{energy_wh} Wh in the night after {evening} without a session, expected {of.night_wh} at most"
            yield _anomaly(max(found, key=lambda rise: rise.quarter), Oddity.NIGHT_CONSUMPTION, says)


def fell_silent(rows: Rows, days: Sequence[date], zone: ZoneInfo, of: Thresholds) -> Iterator[Anomaly]:
    """Days without any session whose weekday has always had some in the weeks before.

    Args:
        days: whole ones of the rows' time; only those that have ``weeks`` before them are judged.
    """
    begun: dict[date, int] = {}
    for row in rows:
        if row.begun:
            day = row.quarter.astimezone(zone).date()
            begun[day] = begun.get(day, 0) + 1
    told = frozenset(days)
    for day in days:
        before = [day - timedelta(weeks=number) for number in range(1, of.weeks + 1)]
        if day in begun or not told.issuperset(before):
            continue
        least = min(begun.get(one, 0) for one in before)
        if least >= of.weekday_sessions:
            says = f"no session on {day}, while the same weekday had {least} or more in the {of.weeks} weeks before"
            where = msgspec.structs.replace(rows[0], quarter=day_start(day, zone))
            yield _anomaly(where, Oddity.FELL_SILENT, says)


def meters_differ(rows: Rows, of: Thresholds) -> Iterator[Anomaly]:
    """Inlet and outlet, over all rows that have both."""
    both = [row for row in rows if row.inlet_wh is not None and row.outlet_wh is not None]
    inlet_wh, outlet_wh = sum(r.inlet_wh or 0 for r in both), sum(r.outlet_wh or 0 for r in both)
    if outlet_wh < of.least_measured_wh:
        return
    lost_wh = inlet_wh - outlet_wh
    if not of.least_loss_percent * inlet_wh <= 100 * lost_wh <= of.most_loss_percent * inlet_wh:
        says = f"inlet {inlet_wh} Wh, outlet {outlet_wh} Wh; expected a loss of 0 to {of.most_loss_percent} %"
        yield _anomaly(max(both, key=_order), Oddity.METERS_DIFFER, says)


def register_jumped(rows: Rows, of: Thresholds) -> Iterator[Anomaly]:
    """Registers that fell, or rose by much, from one session to the next."""
    ended: SessionQuarter | None = None
    for row in sorted(rows, key=_order):
        if row.begun and row.begun_wh is not None and ended is not None and ended.ended_wh is not None:
            rise_wh = row.begun_wh - ended.ended_wh
            if not -of.fall_wh <= rise_wh <= of.jump_wh:
                says = f"{row.begun_wh} Wh after {ended.ended_wh} Wh: {rise_wh:+d} Wh between two sessions"
                yield _anomaly(row, Oddity.REGISTER_JUMPED, says)
        if row.ended:
            ended = row


def anomalies(
    rows: Sequence[SessionQuarter],
    rises: Sequence[Between],
    days: Sequence[date],
    zone: ZoneInfo,
    of: Thresholds = USUAL,
) -> tuple[Anomaly, ...]:
    """Everything odd at some EVSEs of one zone, in order of time."""
    found: list[Anomaly] = []
    for own in by_seat(rows).values():
        for rule in (unusual_energy, nothing_taken, power_stuck, meters_differ, register_jumped):
            found += rule(own, of)
        found += fell_silent(own, days, zone, of)
    for seat in sorted({(rise.station_id, rise.evse_id) for rise in rises}):
        own_rises = [rise for rise in rises if (rise.station_id, rise.evse_id) == seat]
        found += night_consumption(own_rises, zone, of)
    return tuple(sorted(found))


def _ended(rows: Rows) -> list[SessionQuarter]:
    return sorted((row for row in rows if row.ended), key=_order)


def _order(row: SessionQuarter) -> tuple[datetime, bool, bool, int, str]:
    """Of the sessions in one quarter, that which began before it is first and that which goes on last."""
    return row.quarter, row.begun, not row.ended, row.begun_wh or 0, row.session_id


def _root(value: Decimal) -> Decimal:
    return max(value, Decimal()).sqrt()


def _anomaly(where: SessionQuarter | Between, oddity: Oddity, says: str) -> Anomaly:
    return Anomaly(
        at=where.quarter, station_id=where.station_id, evse_id=where.evse_id, oddity=oddity, says=says
    )
