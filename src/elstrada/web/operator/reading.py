"""Read from the spine what the operator's overview shows: a fixed number of bounded questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Table

from elstrada.model.device import ConnectorStatus
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine, Where
from elstrada.web.operator.rows import (
    BillLineRow,
    CdrRow,
    EvseTally,
    FaultRow,
    FindingRow,
    MarkTally,
    NodeRow,
    PeerRow,
    PlaceDocument,
    Rows,
    SessionRow,
    StationDocument,
    StationRow,
    UnknownStationRow,
)

SHOWN = 12
"""Rows of a list that the page shows."""
SUMMED = 5_000
"""Rows that are read where the page shows a sum over them."""
MOST_NODES = 200
"""Nodes that are read; an installation has a few."""

_T = TypeVar("_T", bound=msgspec.Struct)
_Key = tuple[str, str]


async def read(spine: Spine) -> Rows:
    """One reading; its parts may be some commits apart, as the next reading sets right."""
    away = await _away(spine)
    faults = await _faults(spine)
    running = await _running(spine)
    stations = await _stations(spine, [*away[:SHOWN], *faults, *running[:SHOWN]])
    return Rows(
        stations_known=await _count(spine, t.station),
        stations_seen=await _count(spine, t.station_state),
        away=away,
        away_count=await _count(spine, t.station_state, {"connection_id": None}),
        evses=await _evses(spine),
        faults=faults,
        fault_stations=await _fault_stations(spine, faults),
        running=running,
        running_count=await _count(spine, t.session, {"ended_at": None}),
        cdrs=await _cdrs(spine),
        cdr_states=await _cdr_states(spine),
        bill_lines=_typed(BillLineRow, await spine.find(t.bill_line, order=("-recorded_at",), limit=SHOWN)),
        bill_line_count=await _count(spine, t.bill_line),
        findings=_typed(FindingRow, await spine.find(t.finding, order=("-last_at",), limit=SUMMED)),
        stray_count=await _count(spine, t.stray),
        peers=_typed(PeerRow, await spine.find(t.peer, order=("owner", "peer_id"), limit=SHOWN)),
        marks=_typed(MarkTally, await spine.count(t.mark, by=("owner", "peer_id"))),
        unknown=await _unknown(spine),
        unknown_count=await _count(spine, t.unknown_station),
        nodes=_typed(NodeRow, await spine.find(t.node, order=("id",), limit=MOST_NODES)),
        stations=stations,
        places=await _places(spine, stations),
    )


async def _away(spine: Spine) -> list[StationRow]:
    where: Where = {"connection_id": None}
    return _typed(
        StationRow, await spine.find(t.station_state, where, order=("-disconnected_at",), limit=SUMMED)
    )


async def _evses(spine: Spine) -> list[EvseTally]:
    # EVSE 0 is the station as a whole (OCPP 1.6 §4.9), not a place for a car.
    where: Where = {"evse_id": Between(1)}
    columns = ("owner", "station_id", "evse_id", "status")
    return _typed(EvseTally, await spine.count(t.connector_state, where, by=columns))


async def _faults(spine: Spine) -> list[FaultRow]:
    where: Where = {"status": ConnectorStatus.FAULTED.value}
    return _typed(FaultRow, await spine.find(t.connector_state, where, order=("-changed_at",), limit=SHOWN))


async def _fault_stations(spine: Spine, faults: Sequence[FaultRow]) -> list[StationRow]:
    where: Where = {"station_id": AnyOf(tuple({fault.station_id for fault in faults}))}
    return _typed(StationRow, await spine.find(t.station_state, where))


async def _running(spine: Spine) -> list[SessionRow]:
    where: Where = {"ended_at": None}
    return _typed(SessionRow, await spine.find(t.session, where, order=("-started_at",), limit=SUMMED))


async def _cdrs(spine: Spine) -> list[CdrRow]:
    where: Where = {"state": AnyOf(("ISSUED", "DELIVERED"))}
    return _typed(CdrRow, await spine.find(t.cdr, where, order=("-recorded_at",), limit=SHOWN))


async def _cdr_states(spine: Spine) -> dict[str, int]:
    rows = await spine.count(t.cdr, by=("state",))
    return {str(row["state"]): _number(row) for row in rows}


async def _unknown(spine: Spine) -> list[UnknownStationRow]:
    rows = await spine.find(t.unknown_station, order=("-last_at",), limit=SHOWN)
    return _typed(UnknownStationRow, rows)


async def _stations(
    spine: Spine, named: Iterable[StationRow | FaultRow | SessionRow]
) -> dict[_Key, StationDocument]:
    wanted = tuple({row.station_id for row in named})
    rows = await spine.find(t.station, {"station_id": AnyOf(wanted)}, limit=4 * SHOWN)
    return {(str(row["owner"]), str(row["station_id"])): _document(StationDocument, row) for row in rows}


async def _places(spine: Spine, stations: dict[_Key, StationDocument]) -> dict[_Key, PlaceDocument]:
    wanted = tuple({place.location_id for station in stations.values() for place in station.places})
    rows = await spine.find(t.location, {"location_id": AnyOf(wanted)}, limit=SUMMED)
    # Another party's location may have the same id; a station stands in a location of its owner.
    own = (row for row in rows if row["owner"] == row["party"])
    return {(str(row["owner"]), str(row["location_id"])): _document(PlaceDocument, row) for row in own}


async def _count(spine: Spine, table: Table, where: Where | None = None) -> int:
    return sum(_number(row) for row in await spine.count(table, where))


def _number(row: Row) -> int:
    return msgspec.convert(row["count"], int)


def _typed(kind: type[_T], rows: Sequence[Row]) -> list[_T]:
    columns = kind.__struct_fields__
    # An engine may give a truth value as 0 or 1.
    return [msgspec.convert({name: row[name] for name in columns}, kind, strict=False) for row in rows]


def _document(kind: type[_T], row: Row) -> _T:
    return msgspec.json.decode(str(row["document"]), type=kind)
