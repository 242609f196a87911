"""Two parties, each on a node of its own, who can reach each other only by HTTP messages."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from openapi import judge

from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.booking import BookingLocation, BookingPlan, BookingTerms
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost, Price, TaxAmount
from elstrada.model.device import CommandResult, ConnectorStatus, EvsePlace, Station
from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.model.ids import PartyId, cdr_stream, station_address, station_stream
from elstrada.model.invoice import Contract
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, Party, Peer, Role
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement
from elstrada.model.token import AuthMethod, Token, Whitelist
from elstrada.model.waits import Waits
from elstrada.net.chance import SeededChance
from elstrada.ocpi.headers import authorization
from elstrada.ocpi.versions import TABLES
from elstrada.roaming.news import Kind
from elstrada.roles.findings import Findings
from elstrada.roles.keys import derived_keys
from elstrada.roles.roaming.changes import marks_of_change
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.roamer import FOLLOWER
from elstrada.roles.roaming.rows import (
    booking_location_row,
    identity_of,
    identity_row,
    location_row,
    tariff_row,
    token_row,
)
from elstrada.roles.roaming.wiring import Roaming, wire
from elstrada.spine import tables as t
from elstrada.spine.face import Advance, Append, Put, Spine, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost

ELS, RET, EVIL = PartyId("SE", "ELS"), PartyId("SE", "RET"), PartyId("SE", "EVL")
START = datetime(2026, 2, 3, 12, 0, 0, tzinfo=UTC)


def aio(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 20))  # type: ignore[arg-type]

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def pass_by(self, **time: float) -> None:
        self.at += timedelta(**time)


class Net:
    """Carries HTTP messages between hosts. What went over it is kept, and any host can be cut off."""

    def __init__(self) -> None:
        self.hosts: dict[str, Callable[[HttpRequest], Awaitable[HttpResponse]]] = {}
        self.sent: list[HttpRequest] = []
        self.waits_s: list[tuple[str, float]] = []
        """Of what was sent: its address, and for how long the sender would have waited."""
        self.down: set[str] = set()

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        self.sent.append(request)
        self.waits_s.append((request.path, timeout_s))
        await asyncio.sleep(0)  # Others may come in between, as on a real network.
        parts = urlsplit(request.path)
        if parts.netloc in self.down or parts.netloc not in self.hosts:
            raise Unreachable(f"{parts.netloc} refuses")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        inner = HttpRequest(request.method, unquote(parts.path), query, request.headers, request.body)
        return await self.hosts[parts.netloc](inner)

    def requests(self, method: str, part: str) -> list[HttpRequest]:
        return [sent for sent in self.sent if sent.method == method and part in sent.path]


class Node:
    """One installation: its spine, its actors, its address."""

    def __init__(
        self,
        net: Net,
        clock: Clock,
        host: str,
        spine: Spine,
        waits: Waits,
        versions: tuple[str, ...],
        scheme: str = "https",
    ) -> None:
        self.net, self.clock, self.host = net, clock, host
        self.spine = spine
        self.post = LocalPost()
        self.means = Means(
            spine=self.spine,
            clock=clock,
            chance=SeededChance(host),
            keys=derived_keys(host),
            http=net,
            findings=Findings(self.spine, clock),
            public_url=f"{scheme}://{host}",
            waits=waits,
            versions=versions,
        )
        self.roaming: Roaming = wire(self.means, self.post)
        net.hosts[host] = self._handle

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        response = await self.roaming.office.handle(request, "192.0.2.1")
        judge(request, response, ours=True)
        return response

    @property
    def versions_url(self) -> str:
        return self.means.versions_url

    async def put(self, *puts: Put) -> None:
        await self.spine.commit(Work(writes=puts))

    async def happen(self, stream: str, *facts: f.Fact) -> None:
        version = (await self.spine.load(stream)).version
        await self.spine.commit(Work(appends=(Append(stream, version, facts),)))

    async def changed(self, owner: PartyId, kind: Kind, *parts: str) -> tuple[Put, ...]:
        return await marks_of_change(self.spine, self.clock.now(), owner, kind, *parts)

    async def follow(self) -> None:
        """Let the roamer catch up with the log."""
        while facts := await self.spine.read(await self.spine.cursor(FOLLOWER)):
            work = await self.roaming.roamer.handle(facts)
            advance = Advance(FOLLOWER, facts[-1].position)
            await self.spine.commit(msgspec.structs.replace(work, advance=advance))

    async def settle(self) -> None:
        """Let everything be marked and brought that can be now."""
        await self.follow()
        await self.roaming.courier.settle()

    async def party(self, party: PartyId, *roles: Role) -> None:
        own = Party(party, roles, BusinessDetails(party.party_id), "SEK")
        await self.put(Put(t.party, {"party": str(party), "document": json_text(own)}))

    async def marks(self) -> list[tuple[str, str]]:
        return [(str(row["kind"]), str(row["object_id"])) for row in await self.spine.find(t.mark)]

    async def found(self) -> dict[tuple[str, str], int]:
        await self.means.findings.flush()
        rows = await self.spine.find(t.finding)
        return {(str(row["source"]), str(row["code"])): int(str(row["count"])) for row in rows}


class World:
    """A CPO and an eMSP, by default on spines in memory."""

    def __init__(
        self,
        spine_of: Callable[[str, Clock], Spine] = lambda _, clock: MemorySpine(clock),
        waits: Waits | None = None,
        versions: tuple[str, ...] = tuple(TABLES),
    ) -> None:
        self.net, self.clock, waits = Net(), Clock(), waits or Waits()
        self.els = Node(self.net, self.clock, "els.example", spine_of("els", self.clock), waits, versions)
        self.ret = Node(self.net, self.clock, "ret.example", spine_of("ret", self.clock), waits, versions)

    async def open(self) -> World:
        await self.els.party(ELS, Role.CPO)
        await self.ret.party(RET, Role.EMSP)
        return self

    async def registered(self) -> World:
        """The CPO registers with the eMSP, which invited it."""
        await self.open()
        token_a = await self.ret.roaming.registrar.invite(RET, "els")
        await self.els.roaming.registrar.register(ELS, "ret", self.ret.versions_url, token_a)
        return self

    async def settle(self) -> None:
        await self.els.settle()
        await self.ret.settle()

    async def els_at_ret(self) -> Peer:
        """The CPO, as the eMSP knows it."""
        return known(await self.ret.roaming.peers.get(RET, "els"))

    async def ret_at_els(self) -> Peer:
        """The eMSP, as the CPO knows it."""
        return known(await self.els.roaming.peers.get(ELS, "ret"))

    async def as_els(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """A request of the CPO at the eMSP, by hand."""
        token = await self.els.roaming.peers.token_out(await self.ret_at_els())
        return await call(self.ret, token, method, path, body, **more)

    async def as_ret(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """A request of the eMSP at the CPO, by hand."""
        token = await self.ret.roaming.peers.token_out(await self.els_at_ret())
        return await call(self.els, token, method, path, body, **more)


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    envelope: dict[str, Any]

    @property
    def code(self) -> int:
        return self.envelope["status_code"]

    @property
    def data(self) -> Any:
        return self.envelope.get("data")


async def call(
    node: Node,
    token: str | None,
    method: str,
    path: str,
    body: object = None,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Call an office by hand. Every answer has an envelope, or this fails."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    shown = {} if token is None else {"authorization": authorization(token)}
    request = HttpRequest(method, f"/ocpi/{path}", query or {}, {**shown, **(headers or {})}, content)
    response = await node.roaming.office.handle(request, "192.0.2.1")
    judge(request, response, ours=False)
    envelope = json.loads(response.body)
    assert envelope["timestamp"].endswith("Z")
    return Answer(response.status, dict(response.headers), envelope)


def known(value: Any) -> Any:
    assert value is not None
    return value


def json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


# --- what the parties have --------------------------------------------------------------------------

STATION = "SE-ELS-00001"


def location(**changes: Any) -> Location:
    connector = Connector(
        id="1",
        standard="IEC_62196_T2_COMBO",
        format="CABLE",
        power_type="DC",
        max_voltage=920,
        max_amperage=200,
        tariff_ids=("T1",),
        last_updated=START,
    )
    evse = Evse(
        uid="E1",
        evse_id="SE*ELS*E00001*1",
        status=EvseStatus.UNKNOWN,
        connectors=(connector,),
        last_updated=START,
    )
    made = Location(
        party=ELS,
        id="L1",
        name="Norra torget",
        address="Norra torget 1",
        city="Umeå",
        country="SWE",
        coordinates=GeoLocation("63.825848", "20.263035"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        last_updated=START,
    )
    return msgspec.structs.replace(made, **changes)


def tariff(**changes: Any) -> Tariff:
    element = TariffElement((PriceComponent(Dimension.ENERGY, Decimal("5.20"), Decimal(25)),))
    made = Tariff(party=ELS, id="T1", currency="SEK", elements=(element,), last_updated=START)
    return msgspec.structs.replace(made, **changes)


def token(**changes: Any) -> Token:
    made = Token(
        party=RET,
        uid="04A1B2C3D4E5F6",
        contract_id="SERETC00000017",
        issuer="Retailer",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=START,
    )
    return msgspec.structs.replace(made, **changes)


async def furnish(world: World) -> None:
    """Give the CPO a place with a station and a tariff, and the eMSP a driver with a token."""
    station = Station(owner=ELS, id=STATION, places=(EvsePlace(1, "L1", "E1"),))
    row = {"owner": str(ELS), "station_id": STATION, "document": json_text(station), "changed_at": START}
    await world.els.put(
        Put(t.location, location_row(ELS, location(), "own")),
        Put(t.tariff, tariff_row(ELS, tariff())),
        Put(t.station, row),
    )
    await give(world.ret, token())
    contract = Contract(
        owner=RET,
        id="SERETC00000017",
        customer_id="17",
        plan_id="P",
        supply_point_id="735999000000000001",
        valid_from=date(2026, 1, 1),
    )
    await world.ret.put(
        Put(
            t.contract,
            {
                "owner": str(RET),
                "contract_id": contract.id,
                "customer_id": "17",
                "document": json_text(contract),
            },
        )
    )


async def give(node: Node, given: Token) -> None:
    """Let an eMSP's node have a token of its own."""
    ref = node.means.keys.token_ref(given.uid)
    await node.put(
        Put(t.token, token_row(given.party, given, ref)),
        Put(t.identity, identity_row(given.party, identity_of(given), ref)),
    )


async def furnished(world: World | None = None) -> World:
    """Registered, furnished, and all of it told to each other."""
    world = await (world or World()).open()
    await furnish(world)
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    await world.settle()
    return world


def started(world: World, session_id: str = "S1", **changes: Any) -> f.SessionStarted:
    made = f.SessionStarted(
        session_id=session_id,
        transaction_id="7",
        start_key=f"k-{session_id}",
        evse_id=1,
        connector_id=1,
        at=START,
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_party=RET,
        auth_method=AuthMethod.AUTH_REQUEST,
        authorization_reference="ref-1",
    )
    return msgspec.structs.replace(made, **changes)


def status(status: ConnectorStatus, at: datetime = START) -> f.ConnectorStatusChanged:
    return f.ConnectorStatusChanged(1, 1, status, at)


def issued(world: World, cdr_id: str = "C1") -> f.CdrIssued:
    price = Price(Decimal("130.00"), (TaxAmount("VAT", Decimal("32.50")),))
    cdr = Cdr(
        party=ELS,
        id=cdr_id,
        start_date_time=START,
        end_date_time=START + timedelta(hours=1),
        session_id="S1",
        token_ref=world.els.means.keys.token_ref(token().uid),
        token_party=RET,
        auth_method=AuthMethod.AUTH_REQUEST,
        authorization_reference="ref-1",
        cdr_location=CdrLocation(
            id="L1",
            address="Norra torget 1",
            city="Umeå",
            country="SWE",
            coordinates=GeoLocation("63.825848", "20.263035"),
            evse_uid="E1",
            evse_id="SE*ELS*E00001*1",
            connector_id="1",
            connector_standard="IEC_62196_T2_COMBO",
            connector_format="CABLE",
            connector_power_type="DC",
        ),
        currency="SEK",
        tariffs=(tariff(),),
        charging_periods=(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(25)),)),),
        total_cost=price,
        total_energy=Decimal(25),
        total_energy_cost=price,
        total_time=Decimal(1),
        last_updated=START + timedelta(hours=1),
    )
    return f.CdrIssued(cdr, Cost(currency="SEK", total=price))


async def issue(world: World, cdr_id: str = "C1") -> None:
    await world.els.happen(cdr_stream(ELS, ELS, cdr_id), issued(world, cdr_id))


async def at_station(world: World, *facts: f.Fact) -> None:
    await world.els.happen(station_stream(ELS, STATION), *facts)


async def bookable(world: World, plan: BookingPlan | None = None, **terms: Any) -> None:
    """Let partners book the CPO's EVSE."""
    plan = plan or BookingPlan(evse_uids=("E1",), time_zone="Europe/Stockholm")
    told = {
        "supported_access_methods": ("OPEN",),
        "noshow_timeout": Decimal(20),
        "change_until_minutes": Decimal(0),
        "cancel_until_minutes": Decimal(30),
    } | terms
    place = BookingLocation(
        party=ELS, id="BL1", location_id="L1", terms=BookingTerms(**told), last_updated=START
    )
    row = {**booking_location_row(ELS, place), "plan": json_text(plan)}
    await world.els.put(
        Put(t.booking_location, row), *await world.els.changed(ELS, Kind.BOOKING_LOCATION, "BL1")
    )


class StationDouble:
    """Stands where the gateway serves the station's socket, and answers commands as told."""

    def __init__(self, world: World, result: CommandResult | None) -> None:
        self.result, self.asked, self.heard = result, list[Command](), asyncio.Event()
        self.release = world.els.post.serve(station_address("n1", ELS, STATION, "c1"), self.decide)  # type: ignore[arg-type]

    @classmethod
    async def connected(
        cls, world: World, result: CommandResult | None = CommandResult.ACCEPTED
    ) -> StationDouble:
        """Have the log know its socket, as a gateway does, and serve it."""
        await at_station(world, f.StationConnected("ocpp1.6", "c1", "n1"))
        return cls(world, result)

    async def decide(self, ask: Command) -> CommandDone:
        self.asked.append(ask)
        self.heard.set()
        if self.result is None:
            await asyncio.sleep(3600)
        return CommandDone(self.result or CommandResult.FAILED)
