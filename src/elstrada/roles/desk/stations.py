"""Verbs on stations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.admission import Admission
from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.security import SecurityProfile, StationSecurity
from elstrada.roles.desk import mirror, reservations
from elstrada.roles.desk.admission import ADMIT
from elstrada.roles.desk.calls import CALL
from elstrada.roles.desk.certificates import CERTIFICATES
from elstrada.roles.desk.commands import COMMAND, COMMANDS
from elstrada.roles.desk.configuring import CONFIGURE
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.home_charger import HOME
from elstrada.roles.desk.limit import LIMIT
from elstrada.roles.desk.local_list import LOCAL_LIST
from elstrada.roles.desk.lookups import document, line_of, needed, own_party
from elstrada.roles.desk.metering import METER
from elstrada.roles.desk.network import NETWORK, NETWORKS
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.passwords import PASSWORD
from elstrada.roles.desk.places import PLACE, SAY_WHERE, Places, places_of
from elstrada.roles.desk.quirks import QUIRKS
from elstrada.roles.desk.roots import TRUST
from elstrada.roles.desk.security import SECURE, Profile
from elstrada.roles.desk.shapes import Count
from elstrada.roles.desk.station_card import SHOW
from elstrada.roles.desk.station_energy import SETPOINT, SIGNAL, SWAP
from elstrada.roles.desk.station_qr import QR
from elstrada.roles.desk.station_tariff import TARIFF
from elstrada.roles.desk.station_tariffs import TARIFFS
from elstrada.roles.desk.transferred import FETCH, TRANSFERS
from elstrada.roles.desk.transfers import LOGS, UPDATE
from elstrada.roles.desk.treating import TREAT
from elstrada.roles.gateway.passwords import key_of
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Delete, Put, Row, Work

MOST_LISTED = 10_000
_AT_ONCE = 500
PASSWORD_LENGTH = 40
"""OCPP 2.0.1 takes 16 to 40 characters; those of ``Chance.secret`` carry at least 4 bits each."""
SHOWN_ONCE = "The password is shown this once: put it into the station now."
# OCPP 2.0.1 part 2, identifierString, and at most 48 characters.
_STATION_ID = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,48}")

_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]


class AddStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity, the last part of its WebSocket address.")]
    party: _OwnCpo = None
    place: Places = ()
    strict: Annotated[bool, Meta(description="Refuse messages that stray from the schema.")] = False
    minimum_profile: Profile = SecurityProfile.BASIC.value
    hex_password: Annotated[
        bool, Meta(description="It shows its password as hexadecimal text where OCPP 1.6 wants the bytes.")
    ] = False


class AdoptStation(AddStation, frozen=True):
    """As ``AddStation``, for a station that has knocked."""


class ListStations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: _OwnCpo = None
    limit: Annotated[Count, Meta(description="Most lines.")] = MOST_LISTED
    after: After = None


class ListUnknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Annotated[Count, Meta(description="Most lines, the latest first.")] = MOST_LISTED
    after: After = None


class NewStation(msgspec.Struct, frozen=True):
    party: str
    station: str
    password: str
    """Shown this once: only a keyed hash of it is kept."""


class StationLine(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    station: str
    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    firmware: str | None
    seen_at: datetime | None
    """When it last came or went."""
    places: int
    minimum_profile: int
    """The least security profile with which it may come."""
    admission: Admission
    """May it work with us?"""


class UnknownLine(msgspec.Struct, frozen=True):
    station: str
    remote: str
    protocols: str
    """Subprotocols it offered."""
    reason: str
    count: int
    """How often it knocked."""
    first_at: datetime
    last_at: datetime


async def add_station(desk: Desk, params: AddStation) -> NewStation:
    """Put a new station on the roll and make its password."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    password, put = await _new_station(desk, params, owner)
    await desk.spine.commit(Work(writes=(put,)))
    return NewStation(str(owner), params.station, password)


async def adopt_station(desk: Desk, params: AdoptStation) -> NewStation:
    """Put a station on the roll that has knocked, and forget the knock."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    hint = "see `elstrada station unknown`, or use `elstrada station add`"
    what = f"unknown station {params.station[:48]!r} that has knocked"
    await needed(desk, t.unknown_station, what, hint, station_id=params.station)
    password, put = await _new_station(desk, params, owner)
    await desk.spine.commit(Work(writes=(put, Delete(t.unknown_station, {"station_id": params.station}))))
    return NewStation(str(owner), params.station, password)


async def _new_station(desk: Desk, params: AddStation, owner: PartyId) -> tuple[str, Put]:
    if _STATION_ID.fullmatch(params.station) is None:
        says = f"not a station's identity: {params.station[:60]!r}; expected 1 to 48 of A-Z a-z 0-9 *-_=:+|@."
        raise Refused(Kind.USAGE, says, pointer="/station")
    if await desk.spine.get(t.station, owner=str(owner), station_id=params.station) is not None:
        raise Refused(Kind.CONFLICT, f"{owner} has a station {params.station} already", SAY_WHERE, "/station")
    places = await places_of(desk, owner, params.place)
    station = Station(
        owner=owner,
        id=params.station,
        places=places,
        lenient=not params.strict,
        hex_password=params.hex_password,
        security=StationSecurity(minimum=SecurityProfile(params.minimum_profile)),
    )
    password = desk.chance.secret()[:PASSWORD_LENGTH]
    shown = password.encode()
    if params.hex_password:
        shown = key_of(desk.chance.secret())
        password = shown.hex()
    row: Row = {
        "owner": str(owner),
        "station_id": station.id,
        "password_hash": desk.keys.station_hash(station.id, shown),
        "document": document(station),
        "changed_at": desk.clock.now(),
    }
    return password, Put(t.station, row, expected={})


async def list_unknown(desk: Desk, params: ListUnknown) -> Page[UnknownLine]:
    """Stations that knocked and are not ours, the latest first."""
    order = ("-last_at",)
    rows = await page_of(desk, t.unknown_station, [{}], order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(UnknownLine, row, station=row["station_id"]))


async def list_stations(desk: Desk, params: ListStations) -> Page[StationLine]:
    """Our stations and how they are."""
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "station_id")
    rows = await page_of(desk, t.station, wheres, order, limit=params.limit, after=params.after)
    lines: list[StationLine] = []
    for first in range(0, len(rows), _AT_ONCE):
        lines += await _station_lines(desk, rows[first : first + _AT_ONCE])
    return Page.of(lines, rows.next)


async def _station_lines(desk: Desk, rows: Sequence[Row]) -> list[StationLine]:
    ids = AnyOf(tuple({row["station_id"] for row in rows}))
    owners = AnyOf(tuple({row["owner"] for row in rows}))
    found = await desk.spine.find(t.station_state, {"owner": owners, "station_id": ids}, limit=MOST_LISTED)
    states = {(row["owner"], row["station_id"]): row for row in found}
    return [_station_line(row, states.get((row["owner"], row["station_id"]))) for row in rows]


def _station_line(row: Row, state: Row | None) -> StationLine:
    station = msgspec.json.decode(str(row["document"]), type=Station)
    known: Row = state or _NEVER_SEEN
    connected = known["connection_id"] is not None
    return line_of(
        StationLine,
        known,
        party=str(station.owner),
        station=station.id,
        connected=connected,
        seen_at=known["connected_at" if connected else "disconnected_at"],
        places=len(station.places),
        minimum_profile=station.security.minimum.value,
        admission=station.admission.state.value,
    )


_NEVER_SEEN: Row = {column.name: None for column in t.station_state.columns}


VERBS = (
    Verb(
        "station add",
        "Add a station; its password is shown once.",
        AddStation,
        NewStation,
        add_station,
        note=SHOWN_ONCE,
    ),
    Verb(
        "station list",
        "List stations and how they are.",
        ListStations,
        tuple[StationLine, ...],
        list_stations,
        reads=True,
    ),
    SHOW,
    Verb(
        "station unknown",
        "List stations that knocked in vain.",
        ListUnknown,
        tuple[UnknownLine, ...],
        list_unknown,
        reads=True,
    ),
    COMMAND,
    COMMANDS,
    METER,
    CALL,
    LOCAL_LIST,
    LIMIT,
    SETPOINT,
    SIGNAL,
    SWAP,
    *reservations.VERBS,
    *mirror.VERBS,
    PLACE,
    HOME,
    SECURE,
    UPDATE,
    LOGS,
    TRANSFERS,
    FETCH,
    PASSWORD,
    CERTIFICATES,
    TRUST,
    TREAT,
    QUIRKS,
    TARIFF,
    TARIFFS,
    QR,
    ADMIT,
    CONFIGURE,
    NETWORK,
    NETWORKS,
    Verb(
        "station adopt",
        "Take in a station that has knocked.",
        AdoptStation,
        NewStation,
        adopt_station,
        note=SHOWN_ONCE,
    ),
)
