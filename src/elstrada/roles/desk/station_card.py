"""The verb that shows one station: what it is, how it is, and how it was connected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.admission import Admission, StationAdmission
from elstrada.model.clock import WrongClock
from elstrada.model.device import Station
from elstrada.model.party import Role
from elstrada.model.reservation import ReservationState
from elstrada.model.security import SecurityProfile, Signatures
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.local_list import ListCard, card
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.reservations import ReservationLine
from elstrada.roles.desk.shapes import in_one_line
from elstrada.roles.wirelog.reading import Connected, WireUnreadable, connections, files_in
from elstrada.roles.wirelog.store import SUFFIX
from elstrada.spine import tables as t
from elstrada.spine.face import Row
from elstrada.spine.makes import make_in

MOST_CONNECTORS = 1_000
MOST_RESERVATIONS = 200


class ShowStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    connections: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)], Meta(description="How many of its latest connections.")
    ] = 10


class ConnectorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A connector as the station last told of it."""

    evse_id: int
    connector_id: int
    status: str | None
    error_code: str | None
    info: str | None
    changed_at: datetime | None


class StationCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one station."""

    party: str
    station: str
    connected: bool
    node: str | None
    """Which holds its socket, or did."""
    protocol: str | None
    vendor: str | None
    model: str | None
    serial: str | None
    firmware: str | None
    booted_at: datetime | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    disconnect_reason: str | None
    clock_ahead_s: int | None
    """By how much its clock is wrong, negative if it is behind; None: it is not, as far as its messages tell."""
    clock_wrong_since: datetime | None
    strict: bool
    pinged: bool
    """Is it pinged when it is silent?"""
    assumes: str | None
    """The subprotocol taken for granted when it offers none."""
    quirks: tuple[str, ...]
    """By name; see `elstrada station quirks`."""
    signatures: str
    """Are signatures under its messages looked at, and demanded?"""
    signing_keys: int
    """How many keys are known by which it may sign."""
    admission: StationAdmission
    """May it work with us?"""
    minimum_profile: int
    """The least security profile with which it may come."""
    proven_profile: int
    """The highest with which it ever spoke to us."""
    places: tuple[str, ...]
    """Location and EVSE under which drivers know it."""
    homes: tuple[str, ...]
    """EVSE number, and the contract of the driver whose home charger it is."""
    connectors: tuple[ConnectorLine, ...]
    reservations: tuple[ReservationLine, ...]
    """Those that have not ended."""
    local_list: ListCard
    """Its local authorization list."""
    connections: tuple[Connected, ...]
    """The newest first, as far as the wire logs at this server tell of them."""
    wire_log: str
    """Whose connections these are, or why there are none; empty: those of the only node."""


async def show_station(desk: Desk, params: ShowStation) -> StationCard:
    """Tell everything about a station."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    what = f"station {params.station[:48]!r} of {owner}"
    record = await needed(
        desk, t.station, what, "see `elstrada station list`", owner=owner, station_id=params.station
    )
    key = {"owner": owner, "station_id": params.station}
    state: Row = await desk.spine.get(t.station_state, **key) or {
        column.name: None for column in t.station_state.columns
    }
    rows = await desk.spine.find(
        t.connector_state, key, order=("evse_id", "connector_id"), limit=MOST_CONNECTORS
    )
    station = msgspec.json.decode(str(record["document"]), type=Station)
    found, missing = await _connections(desk, owner, params)
    told = {name: state[name] for name in StationCard.__struct_fields__ if name in state}
    return msgspec.convert(
        {
            **told,
            "party": owner,
            "station": params.station,
            "connected": state["connection_id"] is not None,
            "strict": not station.lenient,
            "pinged": station.pinged,
            "assumes": station.assumes,
            "quirks": [one.name for one in desk.quirks.of(make_in(state), station.quirks)],
            "signatures": station.signatures.value,
            "signing_keys": len(station.signing_keys),
            "admission": station.admission,
            "minimum_profile": station.security.minimum.value,
            "proven_profile": station.security.proven.value,
            "places": [f"{place.evse_id}={place.location_id}/{place.evse_uid}" for place in station.places],
            "homes": [f"{place.evse_id}={place.home_of}" for place in station.places if place.home_of],
            "connectors": [line_of(ConnectorLine, row) for row in rows],
            "reservations": await _reservations(desk, key),
            "local_list": card(station, await desk.spine.get(t.local_list, **key)),
            "connections": found,
            "wire_log": missing,
        },
        StationCard,
    )


async def _reservations(desk: Desk, key: dict[str, str]) -> list[ReservationLine]:
    rows = await desk.spine.find(
        t.reservation, {**key, "ended_at": None}, order=("expires_at",), limit=MOST_RESERVATIONS
    )
    return [line_of(ReservationLine, row) for row in rows]


async def _connections(desk: Desk, owner: str, params: ShowStation) -> tuple[list[Connected], str]:
    """The station's connections, and why they may not be all."""
    folder = desk.wire_log_dir
    if folder is None or not (files := files_in(folder)):
        return [], "there is no wire log here: each gateway keeps its own, unless wire_log.on is false"
    try:
        found = await asyncio.to_thread(connections, files, owner, params.station, params.connections)
    except WireUnreadable as problem:
        return [], str(problem)
    nodes = ", ".join(path.name.removesuffix(SUFFIX) for path in files)
    return found, "" if len(files) == 1 and desk.post is None else f"connections with {nodes}"


# --- for people -------------------------------------------------------------------------------------


def _shown(card: StationCard) -> str:
    # A blank line stands between parts; it is nobody's word.
    return "\n".join(in_one_line(line) for told in _lines(card) for line in _parted(told))


def _parted(line: str) -> tuple[str, ...]:
    return ("", line[1:]) if line.startswith("\n") else (line,)


def _lines(card: StationCard) -> Iterator[str]:
    yield f"{card.station} of {card.party}{''.join(_treated(card))}"
    yield f"  {_presence(card)}"
    device = " ".join(part for part in (card.vendor, card.model) if part) or "never booted"
    more = (("serial", card.serial), ("firmware", card.firmware), ("booted", _time(card.booted_at)))
    yield f"  {device}" + "".join(f", {name} {value}" for name, value in more if value)
    if card.clock_ahead_s is not None and card.clock_wrong_since is not None:
        yield f"  clock      {WrongClock(card.clock_ahead_s, card.clock_wrong_since)}"
    if card.admission.state is not Admission.ACCEPTED:
        why = f": {card.admission.reason}" if card.admission.reason else ""
        yield f"  admission  {card.admission.state.value} by {card.admission.by.value.lower()}{why}"
    if card.quirks:
        yield f"  quirks     {', '.join(card.quirks)}"
    proven = f", has come with {card.proven_profile}" if card.proven_profile > SecurityProfile.BASIC else ""
    yield f"  security   profile {card.minimum_profile} at least{proven}"
    if card.signatures != Signatures.OFF:
        yield f"  signatures {card.signatures}, by one of {card.signing_keys} keys"
    for place in card.places:
        yield f"  place      {place}"
    for home in card.homes:
        yield f"  home of    {home}"
    for connector in card.connectors:
        yield f"  connector  {_connector(connector)}"
    for one in card.reservations:
        yield f"  reserved   {_reservation(one)}"
    if card.local_list.holds != "none" or card.local_list.looked_at is not None:
        yield f"  local list {_local_list(card.local_list)}"
    for line in card.connections:
        yield ""
        yield from _connection(line)
    if card.wire_log:
        yield f"\n({card.wire_log})"


def _treated(card: StationCard) -> Iterator[str]:
    if card.strict:
        yield ", strict"
    if not card.pinged:
        yield ", never pinged"
    if card.assumes is not None:
        yield f", assumed to speak {card.assumes}"


def _presence(card: StationCard) -> str:
    by = f" by {card.protocol}" if card.protocol else ""
    at = f" at {card.node}" if card.node else ""
    if card.connected:
        return f"connected{by}{at} since {_time(card.connected_at)}"
    if card.disconnected_at is None:
        return "never connected"
    return f"away since {_time(card.disconnected_at)}: {card.disconnect_reason or 'no reason known'}"


def _connector(one: ConnectorLine) -> str:
    error = one.error_code if one.error_code not in (None, "NoError") else ""
    told = ", ".join(part for part in (one.status or "unknown", error, one.info) if part)
    return f"{one.evse_id}/{one.connector_id}  {told}, since {_time(one.changed_at) or '?'}"


def _reservation(one: ReservationLine) -> str:
    where = f"EVSE {one.evse_id}" if one.evse_id else "any EVSE"
    doubt = ", uncertain" if one.state is ReservationState.UNCERTAIN else ""
    until = _time(one.expires_at)
    return f"{where} until {until} for {one.token_ref[:8]}, number {one.number} of {one.made_for}{doubt}"


def _local_list(one: ListCard) -> str:
    left_out = f", {one.left_out} without room" if one.left_out else ""
    version = f"version {one.version or 'unknown'}, the station's {one.their_version}"
    synced = f", sent {_time(one.synced_at)}" if one.synced_at else ""
    detail = f": {one.detail}" if one.detail else ""
    return f"{one.holds}; {one.state.value}{detail}; {one.entries} entries{left_out}, {version}{synced}"


def _connection(one: Connected) -> Iterator[str]:
    end = f"to {_time(one.closed_at)}" if one.closed_at else "and goes on"
    yield f"connection from {_time(one.opened_at)} {end}, at {one.node}: {one.protocol}, {one.security}, {one.remote}"
    if one.ended:
        yield f"  ended      {one.ended}"
    yield f"  messages   {one.received} from the station, {one.sent} to it"
    heard = (("last", one.heard_at), ("last heartbeat", one.heartbeat_at))
    yield "  heard      " + (", ".join(f"{name} {_time(at)}" for name, at in heard if at) or "nothing")
    if one.clock_ahead_s is not None:
        way = "ahead" if one.clock_ahead_s >= 0 else "behind"
        yield f"  clock      {abs(one.clock_ahead_s):.1f} s {way}"
    waits = (("we answer in", one.answer_ms), ("it answers in", one.reply_ms))
    if any(value is not None for _, value in waits):
        yield "  latency    " + ", ".join(
            f"{name} {value:.1f} ms" for name, value in waits if value is not None
        )


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at is not None else ""


SHOW = Verb(
    "station show",
    "Show a station: what it is, how it is, and its latest connections.",
    ShowStation,
    StationCard,
    show_station,
    show=_shown,
    reads=True,
)
