"""Reading the quarter-hours that the meterer keeps, and the EVSEs that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Table

from elstrada.model.device import Station
from elstrada.model.location import Connector, Evse, Location
from elstrada.model.quarter import EvsePower, RegisterQuarter, SessionQuarter
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine
from elstrada.spine.paging import pages

MOST_ROWS = 400_000
"""That one question reads: a month of a few hundred busy EVSEs."""
_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3}
"""By OCPI's PowerType."""
_station, _location = msgspec.json.Decoder(Station), msgspec.json.Decoder(Location)


class TooMany(Exception):
    """A question would read more than ``MOST_ROWS``."""


class Told(msgspec.Struct, frozen=True):
    """What is kept of some stations and some time."""

    sessions: tuple[SessionQuarter, ...]
    registers: tuple[RegisterQuarter, ...]


async def read_quarters(
    spine: Spine, owner: str, stations: Iterable[str], since: datetime, until: datetime
) -> Told:
    """What is kept of these stations and the quarters that begin in this time.

    Raises:
        TooMany: it is too much at once.
    """
    sessions, registers = list[SessionQuarter](), list[RegisterQuarter]()
    for station_id in stations:
        where = {"owner": owner, "station_id": station_id, "quarter": Between(since, until)}
        # Page by page, so that others have their turn between two of many.
        async for page in pages(spine, t.session_quarter, where, ("quarter", "session_id")):
            sessions += map(session_row, page)
            _bounded(len(sessions) + len(registers))
        async for page in pages(spine, t.register_quarter, where, ("quarter", "evse_id")):
            registers += map(register_row, page)
            _bounded(len(sessions) + len(registers))
    return Told(tuple(sessions), tuple(registers))


def _bounded(rows: int) -> None:
    if rows > MOST_ROWS:
        raise TooMany(f"more than {MOST_ROWS} quarter-hours")


def session_row(row: Row) -> SessionQuarter:
    """A row of ``session_quarter``."""
    names = SessionQuarter.__struct_fields__
    # An engine may give a truth value as 0 or 1.
    return msgspec.convert({name: row[name] for name in names}, SessionQuarter, strict=False)


def register_row(row: Row) -> RegisterQuarter:
    """A row of ``register_quarter``."""
    names = RegisterQuarter.__struct_fields__
    return msgspec.convert({name: row[name] for name in names}, RegisterQuarter)


# --- the EVSEs ---------------------------------------------------------------------------------------


async def evses_of(spine: Spine, owner: str, station_id: str | None = None) -> dict[str, list[EvsePower]]:
    """The EVSEs of all stations of a party, or of one, as the records have them now; in order, by station."""
    where = {"owner": owner} if station_id is None else {"owner": owner, "station_id": station_id}
    stations = [_station.decode(text) for text in await _documents(spine, t.station, where, "station_id")]
    names = {place.location_id for station in stations for place in station.places}
    locations = {name: await _place(spine, owner, name) for name in sorted(names)}
    return {station.id: list(_evses(station, locations)) for station in stations}


def with_unplaced(evses: Sequence[EvsePower], rows: Iterable[SessionQuarter]) -> list[EvsePower]:
    """The EVSEs, and those that only sessions tell of."""
    known = {(evse.station_id, evse.evse_id) for evse in evses}
    others = {(row.station_id, row.evse_id) for row in rows} - known
    return [*evses, *(_unplaced(station_id, evse_id) for station_id, evse_id in sorted(others))]


async def _documents(spine: Spine, table: Table, where: dict[str, str], order: str) -> list[str]:
    return [str(row["document"]) async for rows in pages(spine, table, where, (order,)) for row in rows]


async def _place(spine: Spine, owner: str, location_id: str) -> Location | None:
    row = await spine.get(t.location, owner=owner, party=owner, location_id=location_id)
    return None if row is None else _location.decode(str(row["document"]))


def _evses(station: Station, locations: dict[str, Location | None]) -> Iterable[EvsePower]:
    for place in sorted(station.places, key=lambda one: one.evse_id):
        location = locations[place.location_id]
        if location is None:
            yield _unplaced(station.id, place.evse_id)
            continue
        evse = next((one for one in location.evses if one.uid == place.evse_uid), None)
        yield EvsePower(
            station_id=station.id,
            evse_id=place.evse_id,
            location_id=location.id,
            time_zone=location.time_zone,
            power_w=None if evse is None else most_w(evse),
        )


def most_w(evse: Evse) -> int | None:
    """The most that an EVSE's connectors give; None: of one nobody knows."""
    told = [_connector_w(one) for one in evse.connectors]
    known = [one for one in told if one is not None]
    return max(known) if known and len(known) == len(told) else None


def _connector_w(connector: Connector) -> int | None:
    """As it says, else volts times amperes of each phase; what DC gives at most is less than that."""
    phases = _PHASES.get(connector.power_type)
    if connector.max_electric_power is not None or phases is None:
        return connector.max_electric_power
    return connector.max_voltage * connector.max_amperage * phases


def _unplaced(station_id: str, evse_id: int) -> EvsePower:
    return EvsePower(station_id=station_id, evse_id=evse_id, location_id=None, time_zone=None, power_w=None)
