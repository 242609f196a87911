"""The operator's overview as values: rows in, what the page says out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from elstrada.model.device import EVSE_STATUS_OF, ConnectorStatus
from elstrada.model.location import EvseStatus
from elstrada.model.party import ConnectionStatus, PeerState
from elstrada.web.operator import nodes
from elstrada.web.operator.charged import Billed, Charged, billed, charged
from elstrada.web.operator.nodes import Nodes
from elstrada.web.operator.places import Places
from elstrada.web.operator.rows import (
    COUNTED,
    EvseTally,
    FaultRow,
    FindingRow,
    PeerDocument,
    Rows,
    SessionRow,
    StationRow,
    UnknownStationRow,
)

SHOWN = 12
"""Rows of a list that the page shows."""

SHOWN_STATUSES = (
    EvseStatus.CHARGING,
    EvseStatus.AVAILABLE,
    EvseStatus.BLOCKED,
    EvseStatus.RESERVED,
    EvseStatus.INOPERATIVE,
    EvseStatus.OUTOFORDER,
    EvseStatus.UNKNOWN,
)
"""In the order of the page."""

_TELLING = (
    EvseStatus.CHARGING,
    EvseStatus.BLOCKED,
    EvseStatus.RESERVED,
    EvseStatus.AVAILABLE,
    EvseStatus.INOPERATIVE,
    EvseStatus.OUTOFORDER,
    EvseStatus.UNKNOWN,
)
"""An EVSE charges one car: its status is the first of these that one of its connectors has."""


_Key = tuple[str, str]
"""Owner and id of a station."""


class StatusShare(msgspec.Struct, frozen=True):
    """EVSEs of one status."""

    status: EvseStatus
    count: int
    offset: Decimal
    """Where its part of the bar begins, per cent."""
    width: Decimal
    """Per cent of all."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Stations and EVSEs in numbers."""

    known: int
    online: int
    offline: int
    """Were here, are away."""
    awaited: int
    """Recorded, but never came."""
    evses: int
    statuses: tuple[StatusShare, ...]

    def count(self, status: EvseStatus) -> int:
        """How many EVSEs have this status."""
        return next((share.count for share in self.statuses if share.status == status), 0)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is broken now. Every text but ``place`` is the station's own: never trusted."""

    status: EvseStatus
    """OUTOFORDER: a fault; UNKNOWN: no contact."""
    owner: str
    station_id: str
    evse_id: int | None
    place: str
    device: str
    """Vendor and model."""
    said: str
    """Error code and info, or why the connection ended."""
    since: datetime | None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A session that runs."""

    session_id: str
    owner: str
    station_id: str
    evse_id: int | None
    place: str
    charging: bool
    in_contact: bool
    """Its station is here; else what it last told may be so no longer, and its power is not told."""
    minutes: int | None
    energy_kwh: Decimal
    power_kw: Decimal | None
    power_share: int
    """Per cent of the strongest on the page."""


class Strayed(msgspec.Struct, frozen=True, kw_only=True):
    """Bad input of one kind from one source."""

    kind: str
    """station, peer or address."""
    name: str
    code: str
    count: int
    sample: str
    at: datetime


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A peer and where its registration stands."""

    owner: str
    peer_id: str
    state: PeerState
    version: str | None
    roles: tuple[str, ...]
    waiting: int
    """Objects of which it lacks the newest state."""
    silent: bool
    """It did not answer when we, its hub, asked whether it lives."""
    behind: int
    """Roles of parties that it, a hub, is connected to or was."""
    away: int
    """Of these, those that it is not connected to now."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page says at one moment."""

    network: Network
    trouble: tuple[Trouble, ...]
    trouble_count: int
    running: tuple[Running, ...]
    running_count: int
    power_kw: Decimal | None
    """Of all running sessions whose stations are here; None when there are too many to sum."""
    cdrs: tuple[Charged, ...]
    cdr_states: Mapping[str, int]
    cdr_count: int
    """Of those that we issued, delivered or not."""
    bill_lines: tuple[Billed, ...]
    bill_line_count: int
    strayed: tuple[Strayed, ...]
    strayed_count: int
    """Bad inputs counted, over all that was read."""
    stray_count: int
    """Messages that fit no session."""
    partners: tuple[Partner, ...]
    partner_count: int
    waiting: int
    unknown: tuple[UnknownStationRow, ...]
    unknown_count: int
    nodes: Nodes


def overview(rows: Rows, now: datetime, wall: datetime | None = None) -> Overview:
    """What the page says of these rows.

    Args:
        wall: the machine's time, by which nodes deal with one another; by default the world's, ``now``.
    """
    place = Places(rows.stations, rows.places)
    network = _network(rows)
    return Overview(
        network=network,
        trouble=tuple(_trouble(rows, place)),
        trouble_count=rows.fault_count + network.offline,
        running=tuple(_running(rows.running[:SHOWN], _gone_in(rows), place, now)),
        running_count=rows.running_count,
        power_kw=_power_kw(rows),
        cdrs=tuple(charged(row) for row in rows.cdrs),
        cdr_states=rows.cdr_states,
        cdr_count=min(COUNTED, sum(rows.cdr_states.get(state, 0) for state in ("ISSUED", "DELIVERED"))),
        bill_lines=tuple(billed(row) for row in rows.bill_lines),
        bill_line_count=rows.bill_line_count,
        strayed=tuple(_strayed(row) for row in rows.findings[:SHOWN]),
        strayed_count=sum(row.count for row in rows.findings),
        stray_count=rows.stray_count,
        partners=tuple(_partners(rows)),
        partner_count=rows.peer_count,
        waiting=sum(mark.count for mark in rows.marks),
        unknown=tuple(rows.unknown),
        unknown_count=rows.unknown_count,
        nodes=nodes.shown(rows.nodes, wall or now),
    )


# --- stations ---------------------------------------------------------------------------------------


def _network(rows: Rows) -> Network:
    known = max(rows.stations_known, rows.stations_seen)
    counts = evse_counts(rows.evses, rows.away)
    return Network(
        known=known,
        online=rows.stations_seen - rows.away_count,
        offline=rows.away_count,
        awaited=known - rows.stations_seen,
        evses=sum(counts.values()),
        statuses=tuple(_shares(counts)),
    )


def evse_counts(evses: Iterable[EvseTally], away: Iterable[StationRow]) -> Counter[EvseStatus]:
    """How many EVSEs have which status. What a station last said is not true of one that is away."""
    gone = {(station.owner, station.station_id) for station in away}
    said: dict[tuple[str, str, int], EvseStatus] = {}
    for row in evses:
        evse = (row.owner, row.station_id, row.evse_id)
        status = EvseStatus.UNKNOWN if evse[:2] in gone else _evse_status(row.status)
        said[evse] = min(said.get(evse, EvseStatus.UNKNOWN), status, key=_TELLING.index)
    return Counter(said.values())


def _evse_status(status: ConnectorStatus | None) -> EvseStatus:
    return EvseStatus.UNKNOWN if status is None else EVSE_STATUS_OF[status]


def _shares(counts: Counter[EvseStatus]) -> Iterable[StatusShare]:
    whole, offset = Decimal(max(1, counts.total())), Decimal(0)
    for status in SHOWN_STATUSES:
        width = 100 * counts[status] / whole
        yield StatusShare(status, counts[status], round(offset, 2), round(width, 2))
        offset += width


def _trouble(rows: Rows, place: Places) -> Iterable[Trouble]:
    stations = {(row.owner, row.station_id): row for row in rows.fault_stations}
    faults = [_fault(row, stations.get((row.owner, row.station_id)), place) for row in rows.faults]
    gone = [_gone(row, place) for row in rows.away[: SHOWN - len(faults[: SHOWN // 2])]]
    return [*faults, *gone][:SHOWN]


def _fault(row: FaultRow, station: StationRow | None, place: Places) -> Trouble:
    return Trouble(
        status=EvseStatus.OUTOFORDER,
        owner=row.owner,
        station_id=row.station_id,
        evse_id=row.evse_id or None,
        place=place(row.owner, row.station_id, row.evse_id),
        device="" if station is None else _device(station),
        said=_joined(" · ", row.error_code, row.info),
        since=row.changed_at,
    )


def _gone(row: StationRow, place: Places) -> Trouble:
    return Trouble(
        status=EvseStatus.UNKNOWN,
        owner=row.owner,
        station_id=row.station_id,
        evse_id=None,
        place=place(row.owner, row.station_id),
        device=_device(row),
        said=row.disconnect_reason or "",
        since=row.disconnected_at,
    )


def _device(station: StationRow) -> str:
    return _joined(" ", station.vendor, station.model)


def _joined(by: str, *parts: str | None) -> str:
    return by.join(part for part in parts if part)


# --- sessions ---------------------------------------------------------------------------------------


def _running(
    rows: Sequence[SessionRow], gone: Container[_Key], place: Places, now: datetime
) -> Iterable[Running]:
    powers = [_power_w(row, gone) for row in rows]
    strongest = max((power_w or 0 for power_w in powers), default=0) or 1
    for row, power_w in zip(rows, powers, strict=True):
        yield Running(
            session_id=row.session_id,
            owner=row.owner,
            station_id=row.station_id,
            evse_id=row.evse_id or None,
            place=place(row.owner, row.station_id, row.evse_id),
            charging=row.charging is not False,
            in_contact=(row.owner, row.station_id) not in gone,
            minutes=None
            if row.started_at is None
            else max(0, (now - row.started_at) // timedelta(minutes=1)),
            energy_kwh=_kilo(row.energy_wh or 0),
            power_kw=None if power_w is None else _kilo(power_w),
            power_share=100 * max(0, power_w or 0) // strongest,
        )


def _power_kw(rows: Rows) -> Decimal | None:
    if len(rows.running) < rows.running_count or len(rows.away) < rows.away_count:
        return None
    gone = _gone_in(rows)
    return _kilo(sum(_power_w(row, gone) or 0 for row in rows.running))


def _power_w(row: SessionRow, gone: Container[_Key]) -> int | None:
    return None if (row.owner, row.station_id) in gone else row.power_w


def _gone_in(rows: Rows) -> set[_Key]:
    return {(station.owner, station.station_id) for station in rows.away}


def _kilo(number: int) -> Decimal:
    return Decimal(number) / 1000


# --- others -----------------------------------------------------------------------------------------


def _strayed(row: FindingRow) -> Strayed:
    kind, _, name = row.source.partition(":")
    return Strayed(kind=kind, name=name, code=row.code, count=row.count, sample=row.sample, at=row.last_at)


def _partners(rows: Rows) -> Iterable[Partner]:
    waiting = {(mark.owner, mark.peer_id): mark.count for mark in rows.marks}
    silent = {(pulse.owner, pulse.peer_id) for pulse in rows.pulses if pulse.problem is not None}
    for row in rows.peers:
        behind = [told for told in rows.clients if (told.owner, told.hub) == (row.owner, row.peer_id)]
        document = msgspec.json.decode(row.document, type=PeerDocument)
        yield Partner(
            owner=row.owner,
            peer_id=row.peer_id,
            state=row.state,
            version=document.version,
            roles=tuple(f"{role.party} {role.role}" for role in document.roles),
            waiting=waiting.get((row.owner, row.peer_id), 0),
            silent=(row.owner, row.peer_id) in silent,
            behind=sum(told.count for told in behind),
            away=sum(told.count for told in behind if told.status is not ConnectionStatus.CONNECTED),
        )
