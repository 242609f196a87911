"""Reading quarter-hours for reports: which EVSEs, which time, and the figures of each bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from elstrada.billing.export.quarters import FiguresLine
from elstrada.billing.metering.between import between_sessions
from elstrada.billing.metering.buckets import Per, buckets, day_start, month_start
from elstrada.billing.metering.figures import Between, figures
from elstrada.billing.metering.quarters import QUARTER, quarter_of, quarters_between
from elstrada.model.party import Role
from elstrada.model.quarter import EvsePower, RegisterQuarter, SessionQuarter
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import needed, own_party, sane_moment
from elstrada.roles.desk.shapes import Moment, Month
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Where
from elstrada.spine.quarters import Told, TooMany, evses_of, read_quarters, with_unplaced
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import zone_named

MOST_DAYS = 400
LATE = timedelta(days=1)
"""After its session's end, a CDR is late."""
_AT_ONCE = 500
Day = Annotated[str, Meta(pattern=r"^20\d{2}-\d{2}-\d{2}$")]


class By(StrEnum):
    """What a line of a report is about."""

    PARTY = "party"
    LOCATION = "location"
    STATION = "station"
    EVSE = "evse"


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which EVSEs of ours, and which time; local time is that of their location."""

    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    location: Annotated[str | None, Meta(description="Only at this location.")] = None
    station: Annotated[str | None, Meta(description="Only this station.")] = None
    day: Annotated[Day | None, Meta(description="A local day, YYYY-MM-DD.")] = None
    month: Annotated[Month | None, Meta(description="A local month, YYYY-MM.")] = None
    since: Annotated[Moment | None, Meta(description="From the quarter-hour of this instant on.")] = None
    until: Annotated[Moment | None, Meta(description="Until this instant; by default until now.")] = None
    time_zone: Annotated[str | None, Meta(description="Instead of the locations' own.")] = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """EVSEs that make one line, with what is kept of them."""

    name: str
    evses: Sequence[EvsePower]
    sessions: Sequence[SessionQuarter]
    registers: Sequence[RegisterQuarter]
    zone: ZoneInfo
    since: datetime
    until: datetime

    @property
    def rises(self) -> tuple[Between, ...]:
        return between_sessions(self.registers, self.sessions)


# --- which EVSEs --------------------------------------------------------------------------------------


async def owner_of(desk: Desk, chosen: Chosen) -> str:
    """Whose EVSEs they are; refuses places that there are not."""
    owner = str((await own_party(desk, chosen.party, Role.CPO)).id)
    if chosen.station is not None:
        what = f"station {chosen.station[:48]!r} of {owner}"
        await needed(
            desk, t.station, what, "see `elstrada station list`", owner=owner, station_id=chosen.station
        )
    if chosen.location is not None:
        what = f"location {chosen.location[:36]!r} of {owner}"
        key = {"owner": owner, "party": owner, "location_id": chosen.location}
        await needed(desk, t.location, what, "see `elstrada location list`", **key)
    return owner


async def groups(
    desk: Desk, owner: str, chosen: Chosen, by: By, begin_at: str | None = None
) -> AsyncIterator[Group]:
    """The groups in order of their names, each read when it is asked for.

    Args:
        begin_at: leave out the groups before the one with this name.
    Raises:
        Refused: there is no such group, or it is too much at once.
    """
    window(chosen, _zone(chosen, ()), desk.clock.now())  # Refused even where there is nothing to read.
    stations = await evses_of(desk.spine, owner, chosen.station)
    units = _units(owner, stations, chosen, by)
    names = list(units)
    if begin_at is not None:
        first = begin_at.rpartition("/")[0] if by is By.EVSE else begin_at
        if first not in units:
            raise Refused(Kind.USAGE, f"nothing here is named {begin_at[:60]!r}", "begin anew", "/after")
        names = names[names.index(first) :]
    for name in names:
        for group in await _read(desk, owner, chosen, by, name, units[name]):
            yield group


Unit = dict[str, list[EvsePower]]
"""Stations that are read together, and of each the EVSEs that count."""


def _units(owner: str, stations: Unit, chosen: Chosen, by: By) -> dict[str, Unit]:
    """What is read together, by name: a party, a location, or a station with its EVSEs."""
    if chosen.location is not None:
        kept = {
            station_id: [evse for evse in evses if evse.location_id == chosen.location]
            for station_id, evses in stations.items()
        }
        stations = {station_id: evses for station_id, evses in kept.items() if evses}
    match by:
        case By.PARTY:
            return {owner: stations}
        case By.LOCATION:
            return dict(sorted(_by_location(stations).items()))
        case By.STATION | By.EVSE:
            return {station_id: {station_id: evses} for station_id, evses in sorted(stations.items())}


def _by_location(stations: Unit) -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for station_id, evses in stations.items():
        for evse in evses:
            if evse.location_id is not None:
                found.setdefault(evse.location_id, {}).setdefault(station_id, []).append(evse)
    return found


async def _read(desk: Desk, owner: str, chosen: Chosen, by: By, name: str, unit: Unit) -> list[Group]:
    known = [evse for evses in unit.values() for evse in evses]
    zone = _zone(chosen, known)
    since, until = window(chosen, zone, desk.clock.now())
    try:
        told = await read_quarters(desk.spine, owner, unit, since, until)
    except TooMany as many:
        raise Refused(Kind.USAGE, f"{name} has {many} then", "ask for less time or fewer places") from None
    whole_stations = by is not By.LOCATION and chosen.location is None
    evses = with_unplaced(known, told.sessions) if whole_stations else known

    def group(of: str, own: Sequence[EvsePower]) -> Group:
        mine = _of(told, own)
        return Group(
            name=of,
            evses=own,
            sessions=mine.sessions,
            registers=mine.registers,
            zone=zone,
            since=since,
            until=until,
        )

    if by is By.EVSE:
        return [group(f"{evse.station_id}/{evse.evse_id}", [evse]) for evse in evses]
    return [group(name, evses)]


def _of(told: Told, evses: Sequence[EvsePower]) -> Told:
    seats = {(evse.station_id, evse.evse_id) for evse in evses}
    return Told(
        tuple(row for row in told.sessions if (row.station_id, row.evse_id) in seats),
        tuple(row for row in told.registers if (row.station_id, row.evse_id) in seats),
    )


def _zone(chosen: Chosen, evses: Sequence[EvsePower]) -> ZoneInfo:
    """The zone that is asked for, else the one in which they all are, else UTC."""
    zones = {evse.time_zone for evse in evses if evse.time_zone is not None}
    name = chosen.time_zone or (zones.pop() if len(zones) == 1 else "UTC")
    try:
        return zone_named(name)
    except UnknownZone:
        says = f"not a time zone: {name[:40]!r}; expected an IANA name like Europe/Stockholm"
        raise Refused(Kind.USAGE, says, pointer="/time_zone") from None


# --- which time ---------------------------------------------------------------------------------------


def window(chosen: Chosen, zone: ZoneInfo, now: datetime, days: int = 31) -> tuple[datetime, datetime]:
    """The time asked for, whole quarters of an hour and none of them to come; by default so many days."""
    given = [name for name in ("day", "month", "since") if getattr(chosen, name) is not None]
    if len(given) > 1 or (chosen.until is not None and given not in ([], ["since"])):
        raise Refused(Kind.USAGE, "expected one of --day, --month, or --since and --until")
    if chosen.day is not None:
        day = _day(chosen.day)
        since, until = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    elif chosen.month is not None:
        since, until = month_start(chosen.month, zone), month_start(chosen.month, zone, months_on=1)
    else:
        until = sane_moment(chosen.until, "/until") or now
        since = sane_moment(chosen.since, "/since") or until - timedelta(days=days)
    since, until = quarter_of(since), min(until.astimezone(UTC), quarter_of(now) + QUARTER)
    if since >= until:
        raise Refused(Kind.USAGE, "that time is empty, or is still to come", pointer="/since")
    if until - since > timedelta(days=MOST_DAYS):
        raise Refused(Kind.USAGE, f"that is more than {MOST_DAYS} days", "ask for less time", "/since")
    return since, until


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(Kind.USAGE, f"not a day: {text}; expected YYYY-MM-DD", pointer="/day") from None


# --- figures ------------------------------------------------------------------------------------------


async def lines_of(desk: Desk, owner: str, group: Group, per: Per) -> list[FiguresLine]:
    """A line for each bucket in which something was metered, in order of time."""
    names = _names(group.since, group.until, per, group.zone)
    lengths: dict[str, int] = {}
    for name in names.values():
        lengths[name] = lengths.get(name, 0) + 1
    sessions, rises = dict[str, list[SessionQuarter]](), dict[str, list[Between]]()
    for row in group.sessions:
        sessions.setdefault(names[row.quarter], []).append(row)
    for rise in group.rises:
        rises.setdefault(names[rise.quarter], []).append(rise)
    issued = await _issued(desk, owner, group.sessions)
    return [
        _line(group, name, length, sessions.get(name, []), rises.get(name, []), issued)
        for name, length in lengths.items()
        if name in sessions or name in rises
    ]


@lru_cache(8)
def _names(since: datetime, until: datetime, per: Per, zone: ZoneInfo) -> dict[datetime, str]:
    """The bucket of every quarter, in order of time."""
    found = buckets(quarters_between(since, until), per, zone)
    return {quarter: name for name, quarters in found.items() for quarter in quarters}


def _line(
    group: Group,
    bucket: str,
    length: int,
    rows: Sequence[SessionQuarter],
    rises: Sequence[Between],
    issued: dict[str, bool],
) -> FiguresLine:
    ended = [row.session_id for row in rows if row.ended]
    return FiguresLine(
        name=group.name,
        time_zone=group.zone.key,
        bucket=bucket,
        quarters=length,
        figures=figures(rows, rises, group.evses, length),
        cdrs_missing=sum(session_id not in issued for session_id in ended),
        cdrs_late=sum(issued.get(session_id, False) for session_id in ended),
    )


async def _issued(desk: Desk, owner: str, rows: Sequence[SessionQuarter]) -> dict[str, bool]:
    """Of the sessions that ended and have a CDR of ours: was it late?"""
    ended = sorted(row.session_id for row in rows if row.ended)
    found: dict[str, bool] = {}
    for ids in _chunks(ended):
        where: Where = {"owner": owner, "party": owner, "session_id": AnyOf(tuple(ids))}
        for row in await desk.spine.find(t.cdr, where, limit=10 * _AT_ONCE):
            recorded, end = cast(datetime, row["recorded_at"]), cast("datetime | None", row["ended_at"])
            late = end is not None and recorded - end > LATE
            found[str(row["session_id"])] = late and found.get(str(row["session_id"]), True)
    return found


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]
