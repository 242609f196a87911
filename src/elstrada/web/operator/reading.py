"""Read from the spine what the operator's overview shows: a fixed number of bounded questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar, cast

import msgspec
from sqlalchemy import Table

from elstrada.model.cdr import CdrState
from elstrada.model.device import ConnectorStatus
from elstrada.model.party import ConnectionStatus
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine, Where
from elstrada.spine.paging import EVER
from elstrada.web.operator.rows import (
    COUNTED,
    BillLineRow,
    CdrRow,
    ClientTally,
    EvseTally,
    FaultRow,
    FindingRow,
    MarkTally,
    NodeRow,
    PeerDocument,
    PeerRow,
    PlaceDocument,
    PulseRow,
    Rows,
    SessionRow,
    StationDocument,
    StationRow,
    UnknownStationRow,
)

SHOWN = 12
"""Rows of a list that the page shows."""
MOST_OWNERS = 100
"""Parties of ours whose rows are read."""
SUMMED = 5_000
"""Rows that are read where the page shows a sum over them."""
MOST_NODES = 200
"""Nodes that are read; an installation has a few."""
_TOLD_STATES = (
    CdrState.ISSUED,
    CdrState.DELIVERED,
    CdrState.WITHHELD,
    CdrState.HELD,
    CdrState.REJECTED,
    CdrState.DISPUTED,
    CdrState.CREDITED,
)
"""Of CDRs that the page counts: ours, then partners'. Held ones and withheld ones wait for us, rejected and
disputed ones for their issuers."""
_FAULTED: Where = {"status": ConnectorStatus.FAULTED.value}

_T = TypeVar("_T", bound=msgspec.Struct)
_Key = tuple[str, str]


async def read(spine: Spine) -> Rows:
    """One reading; its parts may be some commits apart, as the next reading sets right."""
    peers = _typed(PeerRow, await spine.find(t.peer, order=("owner", "peer_id"), limit=SHOWN))
    away = await _away(spine)
    faults = await _faults(spine)
    running = await _running(spine)
    cdr_owners, bill_owners = await owners_in(spine, t.cdr), await owners_in(spine, t.bill_line)
    stations = await _stations(spine, [*away[:SHOWN], *faults, *running[:SHOWN]])
    return Rows(
        stations_known=await _count(spine, t.station),
        stations_seen=await _count(spine, t.station_state),
        away=away,
        away_count=await _count(spine, t.station_state, {"connection_id": None}),
        evses=await _evses(spine),
        faults=faults,
        fault_count=await _count(spine, t.connector_state, _FAULTED),
        fault_stations=await _fault_stations(spine, faults),
        running=running,
        running_count=await _count(spine, t.session, {"ended_at": None}, most=COUNTED),
        cdrs=await _cdrs(spine, cdr_owners),
        cdr_states=await _cdr_states(spine, cdr_owners),
        bill_lines=await _bill_lines(spine, bill_owners),
        bill_line_count=await _count(spine, t.bill_line, most=COUNTED),
        findings=_typed(FindingRow, await spine.find(t.finding, order=("-last_at",), limit=SUMMED)),
        stray_count=await _count(spine, t.stray, most=COUNTED),
        peers=peers,
        peer_count=await _count(spine, t.peer, most=COUNTED),
        marks=_typed(MarkTally, await spine.count(t.mark, by=("owner", "peer_id"))),
        pulses=_typed(PulseRow, await spine.find(t.pulse, order=("owner", "peer_id"), limit=SHOWN)),
        clients=await _clients(spine, peers),
        unknown=await _unknown(spine),
        unknown_count=await _count(spine, t.unknown_station, most=COUNTED),
        nodes=_typed(NodeRow, await spine.find(t.node, order=("id",), limit=MOST_NODES)),
        stations=stations,
        places=await _places(spine, stations),
    )


async def _away(spine: Spine) -> list[StationRow]:
    where: Where = {"connection_id": None, "disconnected_at": EVER}
    return _typed(
        StationRow, await spine.find(t.station_state, where, order=("-disconnected_at",), limit=SUMMED)
    )


async def _evses(spine: Spine) -> list[EvseTally]:
    # EVSE 0 is the station as a whole (OCPP 1.6 §4.9), not a place for a car.
    where: Where = {"evse_id": Between(1)}
    columns = ("owner", "station_id", "evse_id", "status")
    return _typed(EvseTally, await spine.count(t.connector_state, where, by=columns))


async def _faults(spine: Spine) -> list[FaultRow]:
    where: Where = {**_FAULTED, "changed_at": EVER}
    return _typed(FaultRow, await spine.find(t.connector_state, where, order=("-changed_at",), limit=SHOWN))


async def _fault_stations(spine: Spine, faults: Sequence[FaultRow]) -> list[StationRow]:
    return _typed(StationRow, await _named(spine, t.station_state, faults))


async def _running(spine: Spine) -> list[SessionRow]:
    begun: Where = {"ended_at": None, "started_at": EVER}
    rows = await spine.find(t.session, begun, order=("-started_at",), limit=SUMMED)
    # Of some the beginning has not come yet; they stand last.
    unbegun: Where = {"ended_at": None, "started_at": None}
    rows += await spine.find(t.session, unbegun, order=("owner",), limit=SUMMED - len(rows))
    return _typed(SessionRow, rows)


async def _cdrs(spine: Spine, owners: Sequence[str]) -> list[CdrRow]:
    rows: list[Row] = []
    for owner in owners:
        for state in ("ISSUED", "DELIVERED"):
            where: Where = {"owner": owner, "state": state, "recorded_at": EVER}
            rows += await spine.find(t.cdr, where, order=("-recorded_at",), limit=SHOWN)
    return _typed(CdrRow, _latest(rows))


async def _cdr_states(spine: Spine, owners: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in _TOLD_STATES:
        parts = [
            await _count(spine, t.cdr, {"owner": owner, "state": state.value}, most=COUNTED)
            for owner in owners
        ]
        counts[state.value] = min(sum(parts), COUNTED)
    return counts


async def _bill_lines(spine: Spine, owners: Sequence[str]) -> list[BillLineRow]:
    rows: list[Row] = []
    for owner in owners:
        rows += await spine.find(t.bill_line, {"owner": owner}, order=("-recorded_at",), limit=SHOWN)
    return _typed(BillLineRow, _latest(rows))


def _latest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: cast(datetime, row["recorded_at"]), reverse=True)[:SHOWN]


async def _clients(spine: Spine, peers: Sequence[PeerRow]) -> list[ClientTally]:
    """Who is behind those peers that are hubs."""
    hubs = [peer for peer in peers if msgspec.json.decode(peer.document, type=PeerDocument).hub is not None]
    return [
        ClientTally(
            owner=hub.owner,
            hub=hub.peer_id,
            status=status,
            count=await _count(
                spine,
                t.client,
                {"owner": hub.owner, "status": status.value, "hub": hub.peer_id},
                most=COUNTED,
            ),
        )
        for hub in hubs
        for status in ConnectionStatus
    ]


async def _unknown(spine: Spine) -> list[UnknownStationRow]:
    rows = await spine.find(t.unknown_station, order=("-last_at",), limit=SHOWN)
    return _typed(UnknownStationRow, rows)


async def _stations(
    spine: Spine, named: Iterable[StationRow | FaultRow | SessionRow]
) -> dict[_Key, StationDocument]:
    rows = await _named(spine, t.station, named)
    return {(str(row["owner"]), str(row["station_id"])): _document(StationDocument, row) for row in rows}


async def _places(spine: Spine, stations: dict[_Key, StationDocument]) -> dict[_Key, PlaceDocument]:
    wanted = {(owner, place.location_id) for (owner, _), of in stations.items() for place in of.places}
    rows: list[Row] = []
    for owner in sorted({owner for owner, _ in wanted}):
        # Another party's location may have the same id; a station stands in a location of its owner.
        ids = AnyOf(tuple(location_id for of, location_id in wanted if of == owner))
        where: Where = {"owner": owner, "party": owner, "location_id": ids}
        rows += await spine.find(t.location, where, limit=SUMMED)
    return {(str(row["owner"]), str(row["location_id"])): _document(PlaceDocument, row) for row in rows}


async def _named(
    spine: Spine, table: Table, named: Iterable[StationRow | FaultRow | SessionRow]
) -> list[Row]:
    """The rows of the stations that are named."""
    wanted = {(row.owner, row.station_id) for row in named}
    rows: list[Row] = []
    for owner in sorted({owner for owner, _ in wanted}):
        ids = AnyOf(tuple(station_id for of, station_id in wanted if of == owner))
        rows += await spine.find(table, {"owner": owner, "station_id": ids}, limit=4 * SHOWN)
    return rows


async def owners_in(spine: Spine, table: Table) -> list[str]:
    """The parties that own rows of a table; each is found without reading those of the one before."""
    found: list[str] = []
    where: Where = {}
    while rows := await spine.find(table, where, order=("owner",), limit=1):
        found.append(str(rows[0]["owner"]))
        if len(found) == MOST_OWNERS:
            break
        where = {"owner": Between(found[-1] + "\x01")}  # Less than any character of a party's id.
    return found


async def _count(spine: Spine, table: Table, where: Where | None = None, *, most: int | None = None) -> int:
    return sum(_number(row) for row in await spine.count(table, where, most=most))


def _number(row: Row) -> int:
    return msgspec.convert(row["count"], int)


def _typed(kind: type[_T], rows: Sequence[Row]) -> list[_T]:
    columns = kind.__struct_fields__
    # An engine may give a truth value as 0 or 1.
    return [msgspec.convert({name: row[name] for name in columns}, kind, strict=False) for row in rows]


def _document(kind: type[_T], row: Row) -> _T:
    return msgspec.json.decode(str(row["document"]), type=kind)
