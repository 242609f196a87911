"""What the operator's overview reads from the spine: the columns it needs, with their types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.device import ConnectorStatus, EvsePlace
from elstrada.model.ids import PartyId
from elstrada.model.party import ConnectionStatus, PeerState


class StationRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``station_state``: a station that was here at least once."""

    owner: str
    station_id: str
    connection_id: str | None = None
    disconnected_at: datetime | None = None
    disconnect_reason: str | None = None
    vendor: str | None = None
    model: str | None = None


class EvseTally(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``connector_state``: connectors of one EVSE that have the same status."""

    owner: str
    station_id: str
    evse_id: int
    status: ConnectorStatus | None = None


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``connector_state``: a connector that reports a fault."""

    owner: str
    station_id: str
    evse_id: int
    connector_id: int
    error_code: str | None = None
    info: str | None = None
    changed_at: datetime | None = None


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``session``: a session that runs."""

    owner: str
    session_id: str
    station_id: str
    evse_id: int | None = None
    started_at: datetime | None = None
    energy_wh: int | None = None
    power_w: int | None = None
    charging: bool | None = None


class CdrRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``cdr``."""

    owner: str
    party: str
    cdr_id: str
    state: str | None = None
    total_energy: Decimal | None = None
    currency: str | None = None
    total_before_taxes: Decimal | None = None
    total_after_taxes: Decimal | None = None
    document: str | None = None
    credits: str | None = None
    recorded_at: datetime | None = None


class BillLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``bill_line``."""

    owner: str
    line_id: str
    contract_id: str
    cdr_party: str
    cdr_id: str
    ended_at: datetime
    quantity_kwh: Decimal
    net: Decimal
    gross: Decimal | None = None
    currency: str
    document: str


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``finding``: one kind of bad input from one source."""

    source: str
    code: str
    count: int
    sample: str
    last_at: datetime


class PeerRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``peer``; the tokens stay where they are."""

    owner: str
    peer_id: str
    state: PeerState
    document: str
    changed_at: datetime


class MarkTally(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``mark``: how many objects a peer still lacks."""

    owner: str
    peer_id: str
    count: int


class PulseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``pulse``: a peer of a hub of ours."""

    owner: str
    peer_id: str
    problem: str | None
    """Why it did not answer when it was asked whether it lives."""


class ClientTally(msgspec.Struct, frozen=True, kw_only=True):
    """Of the view ``client``: how many a hub told us of."""

    owner: str
    hub: str
    """Our name for it; empty: we are the hub."""
    status: ConnectionStatus
    count: int


class UnknownStationRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``unknown_station``: somebody knocked whom we do not know."""

    station_id: str
    remote: str
    protocols: str
    """Subprotocols it offered."""
    reason: str
    count: int
    last_at: datetime


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the record ``node``: a process that serves, or did until it fell silent."""

    id: str
    roles: str
    """With commas; a newer version may have some that this one does not know."""
    started_at: datetime
    seen_at: datetime
    version: str
    leaving_at: datetime | None = None


class StationDocument(msgspec.Struct, frozen=True):
    """Of ``model.Station`` only where its EVSEs stand."""

    places: tuple[EvsePlace, ...] = ()


class PlaceDocument(msgspec.Struct, frozen=True):
    """Of ``model.Location`` and ``model.CdrLocation`` only what names the place."""

    city: str = ""
    name: str | None = None


class CdrDocument(msgspec.Struct, frozen=True):
    """Of ``model.Cdr`` only where it was."""

    cdr_location: PlaceDocument


class BillLineDocument(msgspec.Struct, frozen=True):
    """Of ``model.BillLine`` only where it was."""

    place: str


class PeerDocument(msgspec.Struct, frozen=True):
    """Of ``model.Peer`` only what the page tells."""

    version: str | None = None
    roles: tuple[PeerRoleDocument, ...] = ()
    hub: PartyId | None = None
    """Its party as a hub; None: it is none."""


class PeerRoleDocument(msgspec.Struct, frozen=True):
    """Of ``model.PartyRole``."""

    party: PartyId
    role: str


COUNTED = 10_000
"""Where the page stops counting what grows for ever; it says that there are more."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the spine. Lists are bounded; the numbers beside them are of the whole.

    Of sessions, CDRs, bill lines, strays and unknown stations no more than ``COUNTED`` are counted.
    """

    stations_known: int
    """Station records: those that may connect."""
    stations_seen: int
    """Those that did at least once."""
    away: list[StationRow]
    away_count: int
    evses: list[EvseTally]
    faults: list[FaultRow]
    fault_count: int
    fault_stations: list[StationRow]
    """What the faulted connectors' stations are."""
    running: list[SessionRow]
    running_count: int
    cdrs: list[CdrRow]
    cdr_states: dict[str, int]
    bill_lines: list[BillLineRow]
    bill_line_count: int
    findings: list[FindingRow]
    stray_count: int
    peers: list[PeerRow]
    peer_count: int
    marks: list[MarkTally]
    pulses: list[PulseRow]
    clients: list[ClientTally]
    unknown: list[UnknownStationRow]
    unknown_count: int
    nodes: list[NodeRow]
    stations: dict[tuple[str, str], StationDocument]
    """By owner and id: those that the lists above name."""
    places: dict[tuple[str, str], PlaceDocument]
    """By owner and location id, likewise."""
