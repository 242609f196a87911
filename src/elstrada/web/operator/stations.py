"""The list of stations, and the page of one: what it is, how it is, what it told and what was said with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.device import EVSE_STATUS_OF, CommandResult, ConnectorStatus, Station
from elstrada.model.location import EvseStatus
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.notices import ALARMING, Notice, NoticeKind
from elstrada.model.quirk import QuirkTable
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine, Where
from elstrada.spine.makes import make_in
from elstrada.spine.paging import EVER, place_of, place_text
from elstrada.web.operator.cdrs import standing_cdr
from elstrada.web.operator.listing import place_names, told_place
from elstrada.web.operator.reading import owners_in

SHOWN = 100
"""Stations of a part of the list."""
_ORDER = ("station_id",)
MOST_LOOKED_AT = 50_000
"""Stations among which a search looks."""
MOST_ALARMS = 5_000
"""Notices that are read to count alarms among them."""
LATEST = 10
"""Of each list on a station's page."""
SETTINGS = 25
"""Variables that a station's page shows; a search finds the others."""
MOST_SETTINGS = 20_000
MESSAGES = 50
"""Entries of the wire log that it shows."""


class WireLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the wire log."""

    at: datetime
    from_station: bool
    what: str
    """The action, or what happened on the line."""
    outcome: str
    """How it was answered."""
    text: str
    """The frame, and its answer, without secrets."""


WireLog = Callable[[str, str, int], Awaitable[Sequence[WireLine]]]
"""The latest entries of a station, by owner and identity, the newest first; raises nothing."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A station in the list."""

    owner: str
    station_id: str
    device: str
    """Vendor, model and firmware, as it told."""
    protocol: str | None
    connected: bool
    seen_at: datetime | None
    """Since when it is here, or when it went."""
    alarms: int
    """Of the last day."""


class Stations(msgspec.Struct, frozen=True, kw_only=True):
    """The list."""

    search: str
    lines: tuple[Line, ...]
    count: int
    """Of all that fit."""
    next: str
    """Behind which place the list goes on; empty: here it ends."""


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    evse_id: int
    connector_id: int
    status: EvseStatus
    said: str
    """In the station's words."""
    since: datetime | None


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: NoticeKind
    status: str
    text: str
    alarm: bool


class Commanded(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime | None
    name: str
    result: CommandResult | None
    """None: it is under way."""
    detail: str


class Charged(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    evse_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    presumed: bool
    """Its end is taken to have been; its station did not tell it."""
    energy_kwh: Decimal
    cdr_id: str
    """Of the CDR that stands; empty: there is none."""


class Strayed(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    count: int
    sample: str
    last_at: datetime


class QuirkShown(msgspec.Struct, frozen=True, kw_only=True):
    """A quirk of the station's software."""

    name: str
    reason: str
    sources: tuple[str, ...]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A variable, or a configuration key."""

    key: str
    value: str
    unit: str
    mutability: str
    pending: bool
    """In force after the next reboot only."""


class StationPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one station says."""

    line: Line
    disconnect_reason: str
    places: tuple[str, ...]
    """Where it stands, by name if there is one."""
    serial: str
    booted_at: datetime | None
    minimum_profile: int
    strict: bool
    quirks: tuple[QuirkShown, ...]
    connectors: tuple[Connector, ...]
    notices: tuple[Noticed, ...]
    commands: tuple[Commanded, ...]
    sessions: tuple[Charged, ...]
    findings: tuple[Strayed, ...]
    search: str
    settings: tuple[Setting, ...]
    settings_count: int
    """Of all that fit."""
    messages: tuple[WireLine, ...] | None
    """None: this node keeps no wire log."""


async def read_stations(spine: Spine, search: str, since: datetime, after: str = "") -> Stations:
    """Stations whose identity, vendor or model holds ``search``, in any case.

    Args:
        since: from when on alarms count.
        after: behind which place of the list.

    Raises:
        NoPlace: it is none.
    """
    place = told_place(t.station, _ORDER, after)
    records = await spine.find(t.station, order=_ORDER, limit=MOST_LOOKED_AT)
    states = {_key(row): row for row in await spine.find(t.station_state, limit=MOST_LOOKED_AT)}
    alarms = await _alarms(spine, since)
    wanted, fit = search.casefold(), list[tuple[Row, Line]]()
    for record in records:
        line = _line(_key(record), states.get(_key(record)), alarms.get(_key(record), 0))
        if wanted in f"{line.station_id} {line.device}".casefold():
            fit.append((record, line))
    behind = [each for each in fit if place is None or place_of(t.station, _ORDER, each[0]) > place]
    return Stations(
        search=search,
        lines=tuple(line for _, line in behind[:SHOWN]),
        count=len(fit),
        next=place_text(t.station, _ORDER, behind[SHOWN - 1][0]) if len(behind) > SHOWN else "",
    )


async def read_station(
    spine: Spine,
    owner: str,
    station_id: str,
    *,
    search: str,
    since: datetime,
    wire: WireLog | None,
    quirks: QuirkTable,
) -> StationPage | None:
    """One station; None if there is none of that name."""
    key = {"owner": owner, "station_id": station_id}
    record = await spine.get(t.station, **key)
    if record is None:
        return None
    state = await spine.get(t.station_state, **key) or {
        column.name: None for column in t.station_state.columns
    }
    station = msgspec.json.decode(str(record["document"]), type=Station)
    settings = await _settings(spine, key, search)
    return StationPage(
        line=_line((owner, station_id), state, await _alarms_of(spine, key, since)),
        disconnect_reason=str(state["disconnect_reason"] or ""),
        places=await _places(spine, owner, station),
        serial=str(state["serial"] or ""),
        booted_at=_moment(state["booted_at"]),
        minimum_profile=station.security.minimum.value,
        strict=not station.lenient,
        quirks=tuple(
            QuirkShown(name=one.name, reason=one.reason, sources=one.sources)
            for one in quirks.of(make_in(state), station.quirks)
        ),
        connectors=tuple(await _connectors(spine, key)),
        notices=tuple(await _notices(spine, key)),
        commands=tuple(await _commands(spine, key)),
        sessions=tuple(await _sessions(spine, key)),
        findings=tuple(await _findings(spine, f"station:{owner}/{station_id}")),
        search=search,
        settings=tuple(settings[:SETTINGS]),
        settings_count=len(settings),
        messages=None if wire is None else tuple(await wire(owner, station_id, MESSAGES)),
    )


async def _places(spine: Spine, owner: str, station: Station) -> tuple[str, ...]:
    wanted = list(dict.fromkeys((owner, owner, place.location_id) for place in station.places))
    names = await place_names(spine, wanted)
    return tuple(names.get(place, place[-1]) for place in wanted)


def _line(key: tuple[str, str], state: Row | None, alarms: int) -> Line:
    known = state or {column.name: None for column in t.station_state.columns}
    connected = known["connection_id"] is not None
    told = (known["vendor"], known["model"], known["firmware"])
    return Line(
        owner=key[0],
        station_id=key[1],
        device=" ".join(str(part) for part in told if part),
        protocol=None if known["protocol"] is None else str(known["protocol"]),
        connected=connected,
        seen_at=_moment(known["connected_at" if connected else "disconnected_at"]),
        alarms=alarms,
    )


async def _alarms(spine: Spine, since: datetime) -> dict[tuple[str, str], int]:
    """How many alarms each station has told; of each severity no more than ``MOST_ALARMS`` are read."""
    found: list[Row] = []
    for owner in await owners_in(spine, t.station_notice):
        for severity in range(ALARMING + 1):
            where: Where = {"owner": owner, "severity": severity, "at": Between(low=since)}
            found += await spine.find(t.station_notice, where, order=("-at",), limit=MOST_ALARMS)
    return Counter(_key(row) for row in found)


async def _alarms_of(spine: Spine, key: Where, since: datetime) -> int:
    where: Where = {**key, "at": Between(low=since)}
    rows = await spine.find(t.station_notice, where, order=("-at",), limit=MOST_ALARMS)
    return sum(msgspec.convert(row["severity"], int) <= ALARMING for row in rows)


async def _connectors(spine: Spine, key: Where) -> Iterable[Connector]:
    rows = await spine.find(t.connector_state, key, order=("evse_id", "connector_id"), limit=SHOWN)
    return (_connector(row) for row in rows)


def _connector(row: Row) -> Connector:
    status = None if row["status"] is None else ConnectorStatus(str(row["status"]))
    error = None if row["error_code"] == "NoError" else row["error_code"]
    said = (status and status.value, error, row["info"])
    return Connector(
        evse_id=msgspec.convert(row["evse_id"], int),
        connector_id=msgspec.convert(row["connector_id"], int),
        status=EvseStatus.UNKNOWN if status is None else EVSE_STATUS_OF[status],
        said=", ".join(str(part) for part in said if part),
        since=_moment(row["changed_at"]),
    )


async def _notices(spine: Spine, key: Where) -> Iterable[Noticed]:
    rows = await spine.find(t.station_notice, key, order=("-version",), limit=LATEST)
    return (_noticed(msgspec.json.decode(str(row["document"]), type=Notice)) for row in rows)


def _noticed(notice: Notice) -> Noticed:
    about = f"{notice.subject} {notice.text}".strip()
    alarm = notice.severity <= ALARMING
    return Noticed(at=notice.at, kind=notice.kind, status=notice.status, text=about, alarm=alarm)


async def _commands(spine: Spine, key: Where) -> Iterable[Commanded]:
    where = {**key, "requested_at": EVER}
    rows = await spine.find(t.command, where, order=("-requested_at",), limit=LATEST)
    return (
        Commanded(
            at=_moment(row["requested_at"]),
            name=str(row["name"] or ""),
            result=None if row["result"] is None else CommandResult(str(row["result"])),
            detail=str(row["detail"] or ""),
        )
        for row in rows
    )


async def _sessions(spine: Spine, key: Where) -> Iterable[Charged]:
    rows = await spine.find(t.session, key, order=("-first_version",), limit=LATEST)
    owner = str(key["owner"])
    cdrs = [await standing_cdr(spine, owner, str(row["session_id"])) for row in rows]
    return (
        Charged(
            session_id=str(row["session_id"]),
            evse_id=msgspec.convert(row["evse_id"], int | None),
            started_at=_moment(row["started_at"]),
            ended_at=_moment(row["ended_at"]),
            presumed=row["presumed"] is not None,
            energy_kwh=Decimal(msgspec.convert(row["energy_wh"] or 0, int)) / 1000,
            cdr_id=cdr_id,
        )
        for row, cdr_id in zip(rows, cdrs, strict=True)
    )


async def _findings(spine: Spine, source: str) -> Iterable[Strayed]:
    rows = await spine.find(t.finding, {"source": source}, order=("-last_at",), limit=LATEST)
    names = Strayed.__struct_fields__
    return (msgspec.convert({name: row[name] for name in names}, Strayed) for row in rows)


async def _settings(spine: Spine, key: Where, search: str) -> list[Setting]:
    where = {**key, "kind": ItemKind.VARIABLE.value}
    rows = await spine.find(t.station_item, where, order=("key",), limit=MOST_SETTINGS)
    wanted = search.casefold()
    return [_setting(row) for row in rows if wanted in str(row["key"]).casefold()]


def _setting(row: Row) -> Setting:
    variable = msgspec.json.decode(str(row["document"]), type=Variable)
    # Most variables have but their actual value; of the others the first told speaks for all.
    first = next((one for one in variable.attributes if one.type == "Actual"), None)
    first = first or next(iter(variable.attributes), None)
    return Setting(
        key=str(row["key"]),
        value=(first.value if first else None) or "",
        unit=(variable.characteristics.unit if variable.characteristics else None) or "",
        mutability=(first.mutability if first else None) or "",
        pending=first is not None and first.pending,
    )


def _key(row: Row) -> tuple[str, str]:
    return str(row["owner"]), str(row["station_id"])


def _moment(cell: object) -> datetime | None:
    return cell if isinstance(cell, datetime) else None
