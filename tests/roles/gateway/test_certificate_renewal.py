"""A station of profile 3 renews its certificate over OCPP: A02, A03, TC_A_11, TC_A_14.

Real TLS and real sockets, the stations written on the PyPI package ``ocpp``; the authority is the one of
`elstrada ca`, whose certificates open the door as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v16
import ocpp.v21
import ocpp.v201
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import call as call21
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

import authority
from authority import trusting
from csrs import csr, new_key
from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.device import Station
from elstrada.model.ids import PartyId, station_security_stream, station_stream
from elstrada.model.settling import SettleRules
from elstrada.model.token import Verdict
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.doors import Tls
from elstrada.net.engines import STATION_ENGINES
from elstrada.net.station_server import StationServer
from elstrada.roles import authority as ca
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import signing
from elstrada.roles.gateway.expiry import ENDED, ENDS_SOON, V2G_ENDED, V2G_ENDS_SOON, ExpiryWatch
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.gateway.papers import REPLACED
from elstrada.roles.keys import derived_keys
from elstrada.roles.signing.chain import signed_chain
from elstrada.roles.signing.face import Asked, Authority, NotNow
from elstrada.roles.signing.folder import FolderAuthority
from elstrada.roles.signing.requests import read_request
from elstrada.roles.signing.signers import Signers, V2gAuthority
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from nats_server import until

CPO = PartyId("SE", "ELS")
KEYS = derived_keys("test")
SOURCE = f"station:{CPO}/CP1"
V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
OWN = "ChargingStationCertificate"
SILENCE = "silence"


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class Clock:
    """The system's, moved on by a test."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead


class Moody:
    """An authority that is away for a while."""

    def __init__(self, real: Authority) -> None:
        self.real, self.away, self.asked = real, 0, 0

    async def sign(self, asked: Asked, now: datetime) -> tuple[x509.Certificate, ...]:
        self.asked += 1
        if self.away > 0:
            self.away -= 1
            raise NotNow("away")
        return await self.real.sign(asked, now)


class Paper:
    """A key and its certificate, as files that TLS can load."""

    def __init__(self, folder: Path, name: str, chain: bytes, key: bytes) -> None:
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(chain)
        self.key.write_bytes(key)
        self.x509 = x509.load_pem_x509_certificates(chain)[0]

    @property
    def serial(self) -> str:
        return f"{self.x509.serial_number:x}"


class House:
    def __init__(self, folder: Path, *, signs: bool = True) -> None:
        self.folder, self.clock = folder, Clock()
        self.spine = MemorySpine(self.clock)
        self.findings = Findings(self.spine, self.clock)
        self.stations = ca.make_authority(folder / "ca", "Stations", "Els", datetime.now(UTC))
        self.authority = Moody(FolderAuthority(folder / "ca", timedelta(days=90)))
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
            authority=self.authority if signs else None,
        )
        self.ours = authority.Authority(folder, "Ours")
        shown = self.ours.server(file="server")
        root = folder / "ca" / ca.CERTIFICATE
        files = TlsFiles(certificates=(shown.certificate,), keys=(shown.key,), authorities=(root,))
        self.certificates = Certificates(files, self.clock)
        self.server: StationServer

    def paper(self, name: str = "old", lasts: timedelta = timedelta(days=20)) -> Paper:
        """A certificate as `elstrada ca station` makes it."""
        issued = self.stations.station("CP1", lasts, datetime.now(UTC))
        assert issued.key is not None
        return Paper(self.folder, name, issued.certificate, issued.key)

    @contextlib.asynccontextmanager
    async def connected(self, paper: Paper, version: str = V201) -> AsyncIterator[Any]:
        async with websockets.connect(
            f"wss://localhost:{self.server.tls_port}/ocpp/CP1",
            ssl=trusting(self.ours, own=paper),  # type: ignore[arg-type]
            subprotocols=[websockets.Subprotocol(version)],
            close_timeout=0.2,
        ) as socket:
            station = STATIONS[version](socket)
            task = asyncio.create_task(station.start())
            try:
                await station.beat()
                yield station
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                    await task
        await until(lambda: not self.gateway.sockets())

    async def facts(self, kind: type[f.Fact]) -> list[Any]:
        streams = (station_security_stream(CPO, "CP1"), station_stream(CPO, "CP1"))
        found = [one.fact for stream in streams for one in await self.spine.facts(stream)]
        return [fact for fact in found if isinstance(fact, kind)]

    async def rows(self, table: Any) -> list[Row]:
        return list(await self.spine.find(table, {"owner": str(CPO), "station_id": "CP1"}))

    async def settled(self) -> None:
        """Nothing that a station asked for is left to do."""
        async with asyncio.timeout(5):
            while await self.rows(t.certificate_request):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


class Renewing:
    """What stations of all versions have in common: keys, and the certificate they are given."""

    def __init__(self) -> None:
        self.key = new_key()
        self.given: list[dict[str, Any]] = []
        self.answer = "Accepted"

    def csr(self, key: Any = None, name: str = "CP1") -> str:
        return csr(key or self.key, name)

    async def took(self, **fields: Any) -> str:
        self.given.append(fields)
        if self.answer == SILENCE:
            await asyncio.sleep(60)
        return self.answer

    def paper(self, folder: Path) -> Paper:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Paper(folder, "new", self.given[-1]["certificate_chain"].encode(), key)


class Station16(ocpp.v16.ChargePoint, Renewing):
    def __init__(self, socket: websockets.ClientConnection) -> None:
        ocpp.v16.ChargePoint.__init__(self, "CP1", socket, response_timeout=10)
        Renewing.__init__(self)

    async def beat(self) -> None:
        await self.call(call16.Heartbeat())

    async def ask(self, pem: str, kind: str | None = None, number: int | None = None) -> str:
        return (await self.call(call16.SignCertificate(csr=pem))).status

    @on("CertificateSigned")
    async def on_signed(self, **fields: Any) -> result16.CertificateSigned:
        return result16.CertificateSigned(status=await self.took(**fields))  # type: ignore[arg-type]


class Station201(ocpp.v201.ChargePoint, Renewing):
    def __init__(self, socket: websockets.ClientConnection) -> None:
        ocpp.v201.ChargePoint.__init__(self, "CP1", socket, response_timeout=10)
        Renewing.__init__(self)

    async def beat(self) -> None:
        await self.call(call201.Heartbeat())

    async def ask(self, pem: str, kind: str | None = OWN, number: int | None = None) -> str:
        return (await self.call(call201.SignCertificate(csr=pem, certificate_type=kind))).status

    @on("CertificateSigned")
    async def on_signed(self, **fields: Any) -> result201.CertificateSigned:
        return result201.CertificateSigned(status=await self.took(**fields))  # type: ignore[arg-type]


class Station21(ocpp.v21.ChargePoint, Renewing):
    def __init__(self, socket: websockets.ClientConnection) -> None:
        ocpp.v21.ChargePoint.__init__(self, "CP1", socket, response_timeout=10)
        Renewing.__init__(self)

    async def beat(self) -> None:
        await self.call(call201.Heartbeat())

    async def ask(self, pem: str, kind: str | None = OWN, number: int | None = 7) -> str:
        asked = call21.SignCertificate(csr=pem, certificate_type=kind, request_id=number)
        return (await self.call(asked)).status

    @on("CertificateSigned")
    async def on_signed(self, **fields: Any) -> result201.CertificateSigned:
        return result201.CertificateSigned(status=await self.took(**fields))  # type: ignore[arg-type]


STATIONS: dict[str, Any] = {V16: Station16, V201: Station201, V21: Station21}


@contextlib.asynccontextmanager
async def open_house(folder: Path, *, signs: bool = True, engine: str = "picows") -> AsyncIterator[House]:
    made = House(folder, signs=signs)
    record = {
        "owner": str(CPO),
        "station_id": "CP1",
        "document": msgspec.json.encode(Station(owner=CPO, id="CP1")).decode(),
        "changed_at": made.clock.now(),
    }
    await made.spine.commit(Work(writes=(Put(t.station, record),)))
    await made.gateway.start()
    made.server = await STATION_ENGINES[engine](
        made.gateway, host="127.0.0.1", port=0, clock=made.clock, tls=Tls(certificates=made.certificates)
    )
    try:
        yield made
    finally:
        await made.server.close(per_second=10_000)
        await made.gateway.stop()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("version", "engine"), [(V16, "picows"), (V201, "picows"), (V21, "picows"), (V201, "websockets")]
)
async def test_a_station_renews_its_certificate_and_comes_back_with_the_new_one_tc_a_11(
    tmp_path: Path, version: str, engine: str
) -> None:
    async with open_house(tmp_path, engine=engine) as house:
        old = house.paper()
        async with house.connected(old, version) as station:
            assert await station.ask(station.csr()) == "Accepted"
            await until(lambda: station.given)
            await house.settled()
            new = station.paper(tmp_path)
            given = station.given[0]
        assert new.x509.public_key() == station.key.public_key()
        assert given.get("certificate_type") == (None if version == V16 else OWN), "A02.FR.14"
        assert given.get("request_id") == (7 if version == V21 else None), "A02.FR.25"
        async with house.connected(new, version):
            await until(lambda: not house.findings.unsaved(SOURCE, REPLACED))
        (issued,) = await house.facts(f.StationCertificateIssued)
        assert (issued.serial, issued.ends_at) == (new.serial, new.x509.not_valid_after_utc)
        assert "CN=Stations" in issued.issuer
        (taken,) = await house.facts(f.StationCertificateTaken)
        assert taken.fingerprint == issued.fingerprint
        async with asyncio.timeout(3):
            while len(await house.facts(f.StationCertificateUsed)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        used = [fact.serial for fact in await house.facts(f.StationCertificateUsed)]
        assert used == [old.serial, new.serial]
        rows = {
            row["serial"]: row["issued_at"] is not None for row in await house.rows(t.station_certificate)
        }
        assert rows == {old.serial: False, new.serial: True}
        (requested,) = await house.facts(f.CertificateRequested)
        assert (requested.fault, len(requested.key)) == ("", 64)


async def test_the_old_certificate_is_honoured_and_after_the_new_one_was_used_it_is_a_finding(
    house: House, tmp_path: Path
) -> None:
    """A station falls back when the new one does not serve (A02.FR.10); a thief's use of the old one is seen."""
    old = house.paper()
    async with house.connected(old) as station:
        await station.ask(station.csr())
        await until(lambda: station.given)
        await house.settled()
        new = station.paper(tmp_path)
    async with house.connected(old):
        pass
    assert not house.findings.unsaved(SOURCE, REPLACED), "the new one was not used yet"
    async with house.connected(new):
        await until(lambda: True)
    async with house.connected(old):
        await until(lambda: house.findings.unsaved(SOURCE, REPLACED) == 1)


@pytest.mark.parametrize("version", [V16, V201, V21])
async def test_a_station_that_rejects_its_certificate_is_not_sent_it_again_tc_a_14(
    house: House, version: str
) -> None:
    old = house.paper()
    async with house.connected(old, version) as station:
        station.answer = "Rejected"
        assert await station.ask(station.csr()) == "Accepted"
        await until(lambda: station.given)
        await house.settled()
    (refused,) = await house.facts(f.StationCertificateRefused)
    assert refused.detail == "the station answered Rejected"
    assert refused.fingerprint
    assert house.findings.unsaved(SOURCE, signing.FINDING) == 1
    async with house.connected(old, version) as station:
        await asyncio.sleep(0.3)
        assert station.given == [], "it asks again only when it is triggered (A02.FR.20)"
    assert not await house.facts(f.StationCertificateTaken)


@pytest.mark.parametrize("version", [V16, V201, V21])
async def test_a_request_that_is_not_the_stations_own_or_weak_is_rejected_and_not_kept(
    house: House, version: str
) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    async with house.connected(house.paper(), version) as station:
        for pem in ("no request", station.csr(name="CP2"), station.csr(weak)):
            assert await station.ask(pem) == "Rejected"
        await asyncio.sleep(0.1)
        assert station.given == []
    assert await house.rows(t.certificate_request) == []
    assert house.authority.asked == 0
    faults = [fact.fault for fact in await house.facts(f.CertificateRequested)]
    assert len(faults) == 3
    assert all(faults)
    assert house.findings.unsaved(SOURCE, signing.FINDING) == 3


@pytest.mark.parametrize(
    ("version", "kind"), [(V201, "V2GCertificate"), (V21, "V2GCertificate"), (V21, "V2G20Certificate")]
)
async def test_a_v2g_certificate_is_refused_for_nobody_here_signs_it(
    house: House, version: str, kind: str
) -> None:
    async with house.connected(house.paper(), version) as station:
        assert await station.ask(station.csr(), kind) == "Rejected"
        assert await station.ask(station.csr()) == "Accepted", "the other kind is not touched by it"
    faults = [fact.fault for fact in await house.facts(f.CertificateRequested)]
    assert faults[0] == f"no authority signs a {kind} here"


async def test_without_an_authority_a_station_keeps_what_it_has(tmp_path: Path) -> None:
    async with open_house(tmp_path, signs=False) as house, house.connected(house.paper()) as station:
        assert await station.ask(station.csr()) == "Rejected"
        (asked,) = await house.facts(f.CertificateRequested)
        assert asked.fault == "no authority is set up (stations.authority)"


async def test_a_certificate_that_did_not_arrive_is_given_on_the_next_connection(
    house: House, tmp_path: Path
) -> None:
    old = house.paper()
    async with house.connected(old) as station:
        station.answer = SILENCE
        assert await station.ask(station.csr()) == "Accepted"
        await until(lambda: station.given)
        lost, key = station.given[0]["certificate_chain"], station.key
    async with house.connected(old) as station:
        await until(lambda: station.given)
        assert station.given[0]["certificate_chain"] == lost, "it is not signed a second time"
        await house.settled()
        station.key = key
        new = station.paper(tmp_path)
    assert house.authority.asked == 1
    async with house.connected(new):
        pass


@pytest.mark.rule(5)
async def test_a_certificate_that_waits_is_given_when_the_station_has_settled_and_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(signing, "GIVE_S", 1)
    house.gateway.settle_rules = SettleRules(quiet_s=0.5)
    async with house.connected(house.paper()) as station:
        station.answer = SILENCE
        assert await station.ask(station.csr()) == "Accepted"
        await until(lambda: station.given, 0.4)  # It asked on this connection, and is not kept waiting.
    async with house.connected(house.paper()) as station:
        station.answer = SILENCE
        for number in range(12):
            status = ("Available", "Occupied")[number % 2]
            told = call201.StatusNotification(
                timestamp="2026-03-01T08:00:00Z", connector_status=status, evse_id=1, connector_id=1
            )
            await station.call(told)
            assert station.given == [], "it was asked while it told what it kept"
            await asyncio.sleep(0.1)
        await until(lambda: station.given)
        await asyncio.sleep(2)  # It gave no answer within GIVE_S, and is left alone until it comes again.
        assert len(station.given) == 1


async def test_a_certificate_that_was_taken_as_the_connection_ended_is_not_given_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = house.gateway.papers.taken

    async def slowly(row: Row) -> None:
        await asyncio.sleep(0.5)
        await taken(row)

    monkeypatch.setattr(house.gateway.papers, "taken", slowly)
    old = house.paper()
    async with house.connected(old) as station:
        assert await station.ask(station.csr()) == "Accepted"
        await until(lambda: station.given)
        await station.beat()
    assert await house.rows(t.certificate_request), "the next connection comes before it is written down"
    async with house.connected(old) as station:
        await house.settled()
        await station.beat()
        assert station.given == []
    assert len(await house.facts(f.StationCertificateTaken)) == 1


async def test_a_station_that_asks_again_meanwhile_is_given_one_certificate_a02_fr_17(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FIRST_WAIT_S", 0.3)
    house.authority.away = 1
    async with house.connected(house.paper(), V21) as station:
        pem = station.csr()
        assert await station.ask(pem, number=1) == "Accepted"
        await until(lambda: house.authority.asked == 1)
        assert await station.ask(pem, number=2) == "Accepted"
        await house.settled()
        assert [one["request_id"] for one in station.given] == [2]
    assert len(await house.facts(f.StationCertificateIssued)) == 1


async def test_what_was_signed_is_not_signed_again_for_the_same_request(house: House) -> None:
    papers, pem = house.gateway.papers, csr(new_key(), "CP1")
    await papers.asked(CPO, "CP1", OWN, pem, 1)
    (row,) = await papers.open(CPO, "CP1")
    asked = read_request(pem, "CP1", "Els")
    assert isinstance(asked, Asked)
    now = house.clock.now()
    signed = signed_chain(asked, await house.authority.sign(asked, now), now)
    assert await papers.issued(row, signed) is not None
    await papers.asked(CPO, "CP1", OWN, pem, 2)
    assert [(row["wire_id"], row["chain"]) for row in await papers.open(CPO, "CP1")] == [(2, signed.chain)]
    await papers.taken(row)
    assert len(await papers.open(CPO, "CP1")) == 1, "the answer to the first does not end the second"
    await papers.asked(CPO, "CP1", OWN, csr(new_key(), "CP1"), 3)
    (row,) = await papers.open(CPO, "CP1")
    assert (row["wire_id"], row["chain"]) == (3, None), "another key is another request"


async def test_an_authority_that_is_away_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FIRST_WAIT_S", 0.05)
    house.authority.away = 2
    async with house.connected(house.paper()) as station:
        assert await station.ask(station.csr()) == "Accepted"
        await until(lambda: station.given)
        await house.settled()
    assert house.authority.asked == 3
    assert house.findings.unsaved(SOURCE, "certificate cannot be signed now") == 2


async def test_an_authority_that_stays_away_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(signing, "LONGEST_WAIT_S", 0.001)
    house.authority.away = 1_000
    async with house.connected(house.paper()) as station:
        assert await station.ask(station.csr()) == "Accepted"
        await house.settled()
        assert station.given == []
    assert house.authority.asked == signing.MOST_ATTEMPTS
    (refused,) = await house.facts(f.StationCertificateRefused)
    assert refused.detail == f"given up after {signing.MOST_ATTEMPTS} attempts"


async def test_a_certificate_that_ends_soon_is_a_finding_once_a_day_and_counted(house: House) -> None:
    watch = ExpiryWatch(house.spine, house.clock, house.findings, timedelta(days=30))
    await watch.look()
    assert watch.ending == {"fine": 0, "soon": 0, "ended": 0}
    async with house.connected(house.paper(lasts=timedelta(days=40))):
        async with asyncio.timeout(3):
            while not await house.rows(t.station_certificate):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await watch.look()
    assert (watch.ending["fine"], house.findings.unsaved(SOURCE, ENDS_SOON)) == (1, 0)
    house.clock.ahead = timedelta(days=11)
    await watch.look()
    await watch.look()
    assert (watch.ending["soon"], house.findings.unsaved(SOURCE, ENDS_SOON)) == (1, 1)
    house.clock.ahead = timedelta(days=12, hours=1)
    await watch.look()
    assert house.findings.unsaved(SOURCE, ENDS_SOON) == 2
    house.clock.ahead = timedelta(days=41)
    await watch.look()
    assert (watch.ending, house.findings.unsaved(SOURCE, ENDED)) == ({"fine": 0, "soon": 0, "ended": 1}, 1)


async def test_a_certificate_for_cars_that_ends_soon_is_a_finding_of_its_own(house: House) -> None:
    """The one that the station took last counts, of each kind; how it comes to us is another matter."""
    v2g = Signers(v2g=V2gAuthority(FolderAuthority(house.folder / "ca", timedelta(days=40))))
    house.gateway.signing = signing.Signing(house.gateway, house.gateway.papers, v2g, "Els")
    watch = ExpiryWatch(house.spine, house.clock, house.findings, timedelta(days=30))
    async with house.connected(house.paper(lasts=timedelta(days=400))) as station:
        for answer, taken in (("Accepted", 1), ("Rejected", 1)):
            station.answer, station.key = answer, new_key()
            assert await station.ask(station.csr(), "V2GCertificate") == "Accepted"
            await until(lambda: station.given)
            await house.settled()
            await watch.look()
            assert watch.ending_for_cars == {"fine": taken, "soon": 0, "ended": 0}
        house.clock.ahead = timedelta(days=11)
        station.answer = "Accepted"
        await watch.look()
        assert house.findings.unsaved(SOURCE, V2G_ENDS_SOON) == 1
        assert watch.ending_for_cars["soon"] == 1
        assert await station.ask(station.csr(new_key()), "V2GCertificate") == "Accepted"
        await until(lambda: len(station.given) == 3)
        await house.settled()
    house.clock.ahead = timedelta(days=41)
    await watch.look()
    assert watch.ending_for_cars == {"fine": 0, "soon": 1, "ended": 0}, "of the last, which began later"
    assert watch.ending["ended"] == house.findings.unsaved(SOURCE, V2G_ENDED) == 0
    house.clock.ahead = timedelta(days=52)
    await watch.look()
    assert (watch.ending_for_cars["ended"], house.findings.unsaved(SOURCE, V2G_ENDED)) == (1, 1)


async def test_the_certificate_of_another_station_opens_no_door_and_leaves_no_trace(house: House) -> None:
    """TC_A_08: chain good, CN of another."""
    issued = house.stations.station("CP2", timedelta(days=1), datetime.now(UTC))
    assert issued.key is not None
    foreign = Paper(house.folder, "foreign", issued.certificate, issued.key)
    with pytest.raises((websockets.InvalidStatus, ssl.SSLError)):
        async with house.connected(foreign):
            pass
    assert await house.rows(t.station_certificate) == []
