"""A small network, told as facts and records, and a server that shows it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec
import uvicorn

from elstrada.model import facts as f
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost, Price, TaxAmount
from elstrada.model.device import ConnectorStatus, EvsePlace, Station
from elstrada.model.ids import PartyId, cdr_stream, contract_stream, station_stream
from elstrada.model.invoice import BillLine
from elstrada.model.location import GeoLocation, Location
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerState, Role
from elstrada.model.quantity import MeterSample
from elstrada.model.quirk import NO_QUIRKS, QuirkTable
from elstrada.model.token import AuthMethod
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, Spine, Work
from elstrada.spine.memory import MemorySpine
from elstrada.web.app import make_app
from elstrada.web.events import Pace
from elstrada.web.operator.stations import WireLog

_T = TypeVar("_T")

NOW = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
PLACES = (
    ("L1", "Mariatorget", "Stockholm", "SWE"),
    ("L2", "Haga P-hus", "Göteborg", "SWE"),
    ("L3", "Lilla torg", "Malmö", "SWE"),
    ("L4", "Piazza Bra", "Verona", "ITA"),
    ("L5", "Stazione Centrale", "Milano", "ITA"),
)
QUICK = Pace(least_s=0.05, most_s=0.3, heartbeat_s=0.4, patience_s=1.0, pages=3)


class StandingClock:
    """A clock that shows what it is told to."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def empty_spine() -> MemorySpine:
    return MemorySpine(StandingClock())


async def tell(spine: Spine, station_id: str, *facts: f.StationFact) -> None:
    """Append facts to a station's stream."""
    stream = station_stream(CPO, station_id)
    expected = (await spine.load(stream)).version
    await spine.commit(Work(appends=(Append(stream, expected, facts),)))


async def keep(spine: Spine, *records: Put | Delete) -> None:
    await spine.commit(Work(writes=records))


def text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def location(id: str, name: str, city: str, country: str) -> Put:
    value = Location(
        party=CPO,
        id=id,
        name=name,
        address="1",
        city=city,
        country=country,
        coordinates=GeoLocation("59.3", "18.0"),
        time_zone="Europe/Stockholm",
        last_updated=NOW,
    )
    row = {
        "owner": str(CPO),
        "party": str(CPO),
        "location_id": id,
        "source": "own",
        "country": country,
        "latitude": "59.3",
        "longitude": "18.0",
        "evses": 2,
        "audience": "public",
        "document": text(value),
        "last_updated": NOW,
    }
    return Put(t.location, row)


def station(id: str, location_id: str) -> Put:
    places = tuple(EvsePlace(evse, location_id, f"{id}-{evse}") for evse in (1, 2))
    document = text(Station(owner=CPO, id=id, places=places))
    return Put(t.station, {"owner": str(CPO), "station_id": id, "document": document, "changed_at": NOW})


def peer(owner: PartyId, id: str, other: PartyId, role: Role) -> Put:
    roles = (PartyRole(other, role, BusinessDetails("Other")),)
    value = Peer(owner=owner, id=id, state=PeerState.ACTIVE, version="2.2.1", roles=roles, changed_at=NOW)
    row = {
        "owner": str(owner),
        "peer_id": id,
        "state": "ACTIVE",
        "document": text(value),
        "changed_at": NOW,
    }
    return Put(t.peer, row)


def finding(source: str, code: str, count: int, sample: str) -> Put:
    row = {
        "source": source,
        "code": code,
        "count": count,
        "sample": sample,
        "first_at": NOW,
        "last_at": NOW,
    }
    return Put(t.finding, row)


def node(id: str, *roles: str, unseen_s: float = 1, leaving: bool = False, version: str = "0.1.0") -> Put:
    """A node that has served for two hours."""
    row = {
        "id": id,
        "roles": ",".join(roles),
        "started_at": NOW - timedelta(hours=2),
        "seen_at": NOW - timedelta(seconds=unseen_s),
        "version": version,
        "address": "http://127.0.0.1:8001",
        "leaving_at": NOW - timedelta(seconds=2) if leaving else None,
    }
    return Put(t.node, row)


NODES = (
    node("gate-1", "gateway"),
    node("gate-2", "gateway", leaving=True),
    node("gate-3", "gateway", unseen_s=14, version="0.2.0"),
    node("rest", "biller", "pages", "rater", "roamer", unseen_s=7_200),
)
"""One of each state."""


def stranger(id: str, reason: str) -> Put:
    row = {
        "station_id": id,
        "remote": "192.0.2.7",
        "protocols": "ocpp1.6",
        "reason": reason,
        "count": 4,
        "first_at": NOW,
        "last_at": NOW,
    }
    return Put(t.unknown_station, row)


def status(evse: int, value: ConnectorStatus, **said: str) -> f.ConnectorStatusChanged:
    return f.ConnectorStatusChanged(evse_id=evse, connector_id=1, status=value, at=NOW, **said)


def here(station_id: str, vendor: str = "Volta", model: str = "Pole 22") -> tuple[f.StationFact, ...]:
    return (
        f.StationConnected("ocpp1.6", f"c-{station_id}"),
        f.StationBooted(vendor=vendor, model=model),
        status(1, ConnectorStatus.AVAILABLE),
        status(2, ConnectorStatus.AVAILABLE),
    )


def started(session_id: str, evse: int = 1, minutes: int = 30) -> f.SessionStarted:
    return f.SessionStarted(
        session_id=session_id,
        transaction_id=session_id,
        start_key=session_id,
        evse_id=evse,
        connector_id=1,
        at=NOW - timedelta(minutes=minutes),
        meter_wh=0,
        charging=True,
    )


def metered(session_id: str, energy_wh: int, power_w: int, evse: int = 1) -> f.MeterSampled:
    sample = MeterSample(NOW, energy_wh=energy_wh, power_w=power_w)
    return f.MeterSampled(
        evse_id=evse,
        connector_id=1,
        samples=(sample,),
        session_id=session_id,
        energy_wh=energy_wh,
        power_w=power_w,
    )


async def issue_cdr(
    spine: Spine,
    id: str,
    place: tuple[str, str, str, str],
    *,
    delivered: bool,
    session_id: str | None = None,
) -> None:
    """A CDR of ours, and the fact that a peer took it."""
    net = Decimal("98.40")
    price = Price(net, (TaxAmount("VAT", Decimal("24.60"), Decimal(25)),))
    at = CdrLocation(
        id=place[0],
        name=place[1],
        address="1",
        city=place[2],
        country=place[3],
        coordinates=GeoLocation("59.3", "18.0"),
        evse_uid="1",
        evse_id="SE*ELS*E1",
        connector_id="1",
        connector_standard="IEC_62196_T2",
        connector_format="SOCKET",
        connector_power_type="AC_3_PHASE",
    )
    currency = "EUR" if place[3] == "ITA" else "SEK"
    cdr = Cdr(
        party=CPO,
        id=id,
        start_date_time=NOW - timedelta(hours=1),
        end_date_time=NOW,
        session_id=session_id,
        token_ref="0" * 26,
        token_party=EMSP,
        auth_method=AuthMethod.WHITELIST,
        cdr_location=at,
        currency=currency,
        charging_periods=(),
        total_cost=price,
        total_energy=Decimal("23.416"),
        total_time=Decimal(1),
        last_updated=NOW,
    )
    facts: list[f.Fact] = [f.CdrIssued(cdr, Cost(currency=currency, total=price))]
    if delivered:
        facts.append(f.CdrDelivered("retailer"))
    await spine.commit(Work(appends=(Append(cdr_stream(CPO, CPO, id), 0, tuple(facts)),)))


async def bill(spine: Spine, number: int, place: str) -> None:
    contract = f"SERETC{number:08}"
    line = BillLine(
        id=f"BL{number}",
        contract_id=contract,
        customer_id=f"K{number}",
        supply_point_id="7" * 18,
        plan_id="P1",
        cdr_party=CPO,
        cdr_id=f"CDR{number}",
        evse_id="SE*ELS*E1",
        place=place,
        start_date_time=NOW - timedelta(hours=1),
        end_date_time=NOW,
        time_zone="Europe/Stockholm",
        country="SWE",
        quantity_kwh=Decimal("23.416"),
        net=Decimal("1080.40"),
        vat_percent=Decimal(25),
        vat=Decimal("270.10"),
        gross=Decimal("1350.50"),
        currency="SEK",
        wholesale_net=Decimal("80.40"),
        wholesale_currency="SEK",
    )
    append = Append(contract_stream(EMSP, contract), 0, (f.BillLineAdded(line),))
    await spine.commit(Work(appends=(append,)))


async def populate(spine: Spine) -> None:
    """Thirty stations at five places; some charge, two are broken, one is away, one never came."""
    await keep(spine, *(location(*place) for place in PLACES))
    ids = [f"ELS-{number:03}" for number in range(1, 31)]
    for number, id in enumerate(ids):
        await keep(spine, station(id, PLACES[number % len(PLACES)][0]))
        await tell(spine, id, *here(id))
    await keep(spine, station("ELS-031", "L1"))
    for number, id in enumerate(ids[:14]):
        await tell(
            spine,
            id,
            status(1, ConnectorStatus.CHARGING),
            started(f"S{number:02}", minutes=7 * number + 2),
            metered(f"S{number:02}", 1_234 * (number + 1), 3_700 + 777 * number),
        )
    await tell(spine, ids[15], status(2, ConnectorStatus.FAULTED, error_code="GroundFailure", info="RCD 2"))
    await tell(spine, ids[16], status(1, ConnectorStatus.PREPARING), status(2, ConnectorStatus.RESERVED))
    await tell(spine, ids[17], status(1, ConnectorStatus.UNAVAILABLE))
    await tell(spine, ids[18], f.StationDisconnected(f"c-{ids[18]}", "no pong for 60 s"))
    for number in range(8):
        await issue_cdr(spine, f"CDR{number}", PLACES[number % 5], delivered=number < 6)
        await bill(spine, number, f"{PLACES[number % 5][1]}, {PLACES[number % 5][2]}")
    await keep(
        spine,
        peer(CPO, "retailer", EMSP, Role.EMSP),
        peer(EMSP, "network", CPO, Role.CPO),
        finding("station:SE*ELS/ELS-004", "FormationViolation", 17, '[2,"19223201","BootNotification",{'),
        finding("peer:SE*ELS/retailer", "R-21", 3, "/connectors/0/standard: unknown value"),
        finding("address:192.0.2.7", "bad-password", 1204, "ELS-001"),
        stranger("EVB-P20418", "no such station"),
    )


class Site:
    """A running server over a spine, both on a loop of their own thread."""

    def __init__(self, spine: Spine, clock: StandingClock, address: str, loop: asyncio.AbstractEventLoop):
        self.spine, self.clock, self.address, self._loop = spine, clock, address, loop

    def do(self, work: Coroutine[object, object, _T]) -> _T:
        """Run on the server's loop, where the spine lives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


@contextmanager
def serving(
    pace: Pace = QUICK, wire: WireLog | None = None, quirks: QuirkTable = NO_QUIRKS
) -> Iterator[Site]:
    """Serve the small network on a free port of 127.0.0.1."""
    clock = StandingClock()
    spine = MemorySpine(clock)
    app = make_app(spine, clock, pace=pace, wire=wire, quirks=quirks)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_level="warning", ws="none")
    )
    loop = asyncio.new_event_loop()

    async def run() -> None:
        await spine.start()
        await populate(spine)
        await server.serve()
        await spine.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(spine, clock, f"http://127.0.0.1:{port}", loop)
    finally:
        loop.call_soon_threadsafe(app.close)
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "an open page kept the server from stopping"
        loop.close()
