"""Security profiles 1, 2 and 3 over real sockets and real TLS, with stations written on the PyPI package ``ocpp``."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import ocpp.v16
import pytest
import websockets
from ocpp.v16 import call

from authority import DAY, Authority, Issued, trusting
from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.device import Station
from elstrada.model.ids import PartyId, station_security_stream, station_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.security import SecuredBy, SecurityProfile, StationSecurity
from elstrada.model.token import Token, Verdict, Whitelist
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.doors import Tls
from elstrada.net.engines import STATION_ENGINES
from elstrada.net.station_server import StationServer
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.security import SecureStation, secure_station
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from nats_server import until

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
KEYS, PASSWORD, CARD = derived_keys("test"), "a-machine-made-password", "04A1B2C3"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BASIC, TLS, OWN = SecurityProfile


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class House:
    """A gateway with both doors, an authority of its own and one of its stations."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.spine = MemorySpine(self.clock)
        self.findings = Findings(self.spine, self.clock)
        self.gateway = Gateway(
            self.spine,
            KEYS,
            self.clock,
            SystemChance(),
            Fallbacks(),
            self.findings,
            LocalPost(),
            (CPO,),
            organization="Els",
        )
        self.ours, self.theirs = Authority(folder, "Ours"), Authority(folder, "Theirs")
        server = self.ours.server(file="server")
        files = TlsFiles(
            certificates=(server.certificate,), keys=(server.key,), authorities=(self.theirs.file,)
        )
        self.certificates = Certificates(files, self.clock)
        self.server: StationServer

    def paper(self, name: str = "CP1", organization: str = "Els", **more: object) -> Issued:
        return self.theirs.station(name, organization=organization, **more)  # type: ignore[arg-type]

    def dial(
        self,
        profile: SecurityProfile,
        *,
        station: str = "CP1",
        own: Issued | None = None,
        password: str | None = PASSWORD,
    ) -> websockets.connect:
        """A socket as a station of this profile opens it."""
        basic = base64.b64encode(f"{station}:{password}".encode()).decode()
        own = own or (self.paper(station) if profile is OWN else None)
        secured = profile is not BASIC
        return websockets.connect(
            f"{'wss' if secured else 'ws'}://localhost:"
            f"{self.server.tls_port if secured else self.server.port}/ocpp/{station}",
            ssl=trusting(self.ours, own=own) if secured else None,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {basic}"} if own is None and password else {},
        )

    async def status(self, profile: SecurityProfile, **how: object) -> int:
        """What a knock is answered with; 0 if TLS fails before it."""
        try:
            async with self.dial(profile, **how) as socket:  # type: ignore[arg-type]
                await Caller("CP1", socket).heard()
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
        except (ssl.SSLError, ConnectionError, websockets.InvalidMessage):
            return 0

    async def security(self) -> StationSecurity:
        row = await self.spine.get(t.station, owner=str(CPO), station_id="CP1")
        assert row is not None
        return msgspec.json.decode(str(row["document"]), type=Station).security

    async def secured(self) -> list[f.StationSecured]:
        recorded = await self.spine.facts(station_security_stream(CPO, "CP1"))
        return [one.fact for one in recorded if isinstance(one.fact, f.StationSecured)]

    async def ask(self, minimum: SecurityProfile, *, lower: bool = False) -> None:
        """An operator's word, which every gateway hears within a second."""
        desk = Desk(spine=self.spine, keys=KEYS, clock=self.clock, chance=SystemChance())
        await secure_station(desk, SecureStation(station="CP1", minimum_profile=minimum, lower=lower))
        await self.gateway.roll.refresh()

    async def raised_to(self, profile: SecurityProfile) -> None:
        async with asyncio.timeout(3):
            while (await self.security()).minimum is not profile:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await self.gateway.roll.refresh()


class Caller(ocpp.v16.ChargePoint):
    async def heard(self) -> None:
        async with speaking(self):
            await self.call(call.Heartbeat())


@contextlib.asynccontextmanager
async def speaking(station: Caller) -> AsyncIterator[None]:
    task = asyncio.create_task(station.start())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
            await task


@pytest.fixture(params=sorted(STATION_ENGINES))
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await settle_parties(made.spine, (Party(CPO, (Role.CPO,), BusinessDetails("Els"), "SEK"),))
    await made.spine.commit(Work(writes=_records()))
    await made.gateway.start()
    made.server = await STATION_ENGINES[request.param](
        made.gateway,
        host="127.0.0.1",
        port=0,
        clock=made.clock,
        tls=Tls(certificates=made.certificates, strayed=made.findings.note_caller),
    )
    yield made
    await made.server.close(per_second=10_000)
    await made.gateway.stop()


def _records() -> tuple[Put, ...]:
    token = Token(
        party=EMSP,
        uid=CARD,
        contract_id="SERETC00000001",
        issuer="Retailer",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=NOW,
    )
    row = {"owner": str(CPO), "party": str(EMSP), "uid": CARD, "type": token.type}
    of_token = {
        **row,
        "ref": KEYS.token_ref(CARD),
        "contract_id": token.contract_id,
        "document": msgspec.json.encode(token).decode(),
        "last_updated": NOW,
    }
    of_stations = (
        Put(
            t.station,
            {
                "owner": str(CPO),
                "station_id": name,
                "password_hash": KEYS.station_hash(name, PASSWORD.encode()),
                "document": msgspec.json.encode(Station(owner=CPO, id=name)).decode(),
                "changed_at": NOW,
            },
        )
        for name in ("CP1", "CP2")
    )
    return (*of_stations, Put(t.token, of_token))


@pytest.mark.parametrize("profile", SecurityProfile)
async def test_a_station_of_each_profile_charges_and_the_log_says_how_it_came(
    house: House, profile: SecurityProfile
) -> None:
    """With profile 3: TC_A_07, a valid client certificate."""
    async with house.dial(profile) as socket:
        station = Caller("CP1", socket)
        async with speaking(station):
            boot = call.BootNotification(charge_point_model="M", charge_point_vendor="V")
            assert (await station.call(boot)).status == "Accepted"
            begun = await station.call(
                call.StartTransaction(
                    connector_id=1, id_tag=CARD, meter_start=0, timestamp="2026-03-01T12:00:00Z"
                )
            )
            assert begun.id_tag_info["status"] == "Accepted"
            await station.call(
                call.StopTransaction(
                    transaction_id=begun.transaction_id, meter_stop=1000, timestamp="2026-03-01T13:00:00Z"
                )
            )
            assert house.gateway.profiles() == {int(profile): 1}
    facts = [one.fact for one in await house.spine.facts(station_stream(CPO, "CP1"))]
    (connected,) = (fact for fact in facts if isinstance(fact, f.StationConnected))
    assert connected.security_profile == profile
    assert [type(fact) for fact in facts if isinstance(fact, f.SessionStarted | f.SessionEnded)] == [
        f.SessionStarted,
        f.SessionEnded,
    ]
    await house.raised_to(profile)
    assert await house.secured() == (
        [] if profile is BASIC else [f.StationSecured(profile, profile, SecuredBy.STATION)]
    )


@pytest.mark.parametrize("minimum", SecurityProfile)
async def test_only_who_comes_as_securely_as_is_demanded_gets_in_t4(
    house: House, minimum: SecurityProfile
) -> None:
    for offered in SecurityProfile:
        await _reset(house, minimum)
        expected = 101 if offered >= minimum else 403
        assert await house.status(offered) == expected, offered
        if offered < minimum:
            assert await house.security() == StationSecurity(minimum=minimum)
    noted = house.findings.unsaved(f"station:{CPO}/CP1", "security profile too low")
    assert noted == minimum - 1
    assert house.server.refused.get(403, 0) == minimum - 1


async def _reset(house: House, minimum: SecurityProfile) -> None:
    """As if the station had never been here."""
    await until(lambda: not house.gateway.sockets())
    record = Station(owner=CPO, id="CP1", security=StationSecurity(minimum=minimum))
    row = {
        "owner": str(CPO),
        "station_id": "CP1",
        "document": msgspec.json.encode(record).decode(),
        "changed_at": house.clock.now(),
    }
    await house.spine.commit(Work(writes=(Put(t.station, row),)))
    await house.gateway.roll.refresh()


async def test_a_station_that_came_by_tls_never_comes_plain_again(house: House) -> None:
    assert await house.status(BASIC) == 101
    assert await house.status(TLS) == 101
    await house.raised_to(TLS)
    assert await house.status(BASIC) == 403
    assert await house.status(OWN) == 101
    await house.raised_to(OWN)
    assert await house.status(TLS) == 403
    assert [(fact.minimum, fact.by) for fact in await house.secured()] == [
        (TLS, SecuredBy.STATION),
        (OWN, SecuredBy.STATION),
    ]


async def test_an_operators_step_back_holds_until_the_station_has_taken_it(house: House) -> None:
    assert await house.status(OWN) == 101
    await house.raised_to(OWN)
    await house.ask(TLS, lower=True)
    assert await house.status(OWN) == 101, "it has not taken the step yet"
    assert await house.status(TLS) == 101, "and now it has"
    assert (await house.security()) == StationSecurity(minimum=TLS, proven=OWN)
    assert [fact.by for fact in await house.secured()] == [SecuredBy.STATION, SecuredBy.OPERATOR]


async def test_what_is_demanded_holds_from_the_next_connection_on(house: House) -> None:
    """Else the station could not be told any more how to come."""
    async with house.dial(BASIC) as socket:
        station = Caller("CP1", socket)
        async with speaking(station):
            await station.call(call.Heartbeat())
            await house.ask(TLS)
            await station.call(call.Heartbeat())
    assert await house.status(BASIC) == 403


async def test_a_wrong_password_is_a_401_whatever_is_demanded(house: House) -> None:
    """Nobody learns from outside which profile a station has."""
    await house.ask(OWN)
    assert await house.status(BASIC, password="wrong") == 401
    assert await house.status(TLS, password="wrong") == 401
    assert await house.status(TLS, password=None) == 401
    assert not house.findings.unsaved(f"station:{CPO}/CP1", "security profile too low")


async def test_the_certificate_must_be_the_stations_own_t6(house: House) -> None:
    """TC_A_08, invalid client certificates."""
    stranger = Authority(house.ours.folder / "stranger", "Theirs")
    refused = {
        "of another station": house.paper("CP2"),
        "of another operator": house.paper(organization="Other"),
    }
    for name, own in refused.items():
        assert await house.status(OWN, own=own) == 401, name
    assert house.findings.unsaved("address:127.0.0.1", "invalid station certificate") == 2
    unheard = {
        "of a stranger": stranger.station("CP1", organization="Els"),
        "ended": house.paper(ends=-DAY),
        "of our own authority": house.ours.station("CP1", organization="Els"),
        "for servers": house.paper(serves=True),
    }
    for name, own in unheard.items():
        assert await house.status(OWN, own=own) == 0, name
    assert house.findings.unsaved("address:127.0.0.1", "TLS: client certificate") == 4
    assert await house.status(OWN, own=house.paper(kind="RSA")) == 101
    assert await house.status(OWN, station="NOBODY") == 404


async def test_certificates_are_renewed_under_connected_stations(house: House) -> None:
    async with house.dial(OWN) as socket:
        station = Caller("CP1", socket)
        async with speaking(station):
            await station.call(call.Heartbeat())
            before = house.certificates.identity
            house.ours.server(file="server", ends=30 * DAY)
            house.theirs.file.write_bytes(Authority(house.ours.folder, "Next").file.read_bytes())
            await house.certificates.look()
            await house.certificates.look()
            assert house.certificates.identity is not before
            await station.call(call.Heartbeat())
    assert await house.status(OWN) == 0, "of an authority that is trusted no more"
    assert await house.status(TLS, station="CP2") == 101


async def test_behind_a_proxy_with_tls_the_plain_door_is_profile_2(house: House) -> None:
    serve = STATION_ENGINES["picows"]
    server = await serve(house.gateway, host="127.0.0.1", port=0, clock=house.clock, tls=Tls(in_front=True))
    await house.ask(TLS)
    house.server, direct = server, house.server
    try:
        assert await house.status(BASIC) == 101
    finally:
        await server.close(per_second=10_000)
        house.server = direct
    assert await house.status(BASIC) == 403
