"""A station is told whom to trust: M03, M04, M05, TC_M_01, 02, 05, 12, 19 to 21.

Over real sockets with stations on the PyPI package ``ocpp``. They name certificates by what ``cryptography``
puts into an OCSP request, which is another's reading of RFC 6960.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v16
import ocpp.v201
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp
from desk_book import done
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from authority import Authority
from elstrada.model.answers import AskParty
from elstrada.model.ids import PartyId
from elstrada.model.token import Verdict
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.roles.signing.hashes import hash_data
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost

CPO = PartyId("SE", "ELS")
V16, V201 = "ocpp1.6", "ocpp2.0.1"
ROOT = {V16: "CentralSystemRootCertificate", V201: "CSMSRootCertificate"}


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


def named(certificate: x509.Certificate, issuer: x509.Certificate, by: Any = None) -> dict[str, str]:
    """As an OCSP request names it."""
    by = by or hashes.SHA256()
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, by).build()
    return {
        "hash_algorithm": by.name.upper(),
        "issuer_name_hash": request.issuer_name_hash.hex(),
        "issuer_key_hash": request.issuer_key_hash.hex(),
        "serial_number": f"{request.serial_number:x}",
    }


class Store:
    """The certificates in a station."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, x509.Certificate]] = []
        self.full = False
        self.wrapped: dict[str, str] = {}
        """What a DataTransfer is answered with."""

    def install(self, certificate_type: str, certificate: str) -> str:
        if self.full:
            return "Failed"
        self.kept.append((certificate_type, x509.load_pem_x509_certificate(certificate.encode())))
        return "Accepted"

    def delete(self, wanted: dict[str, str]) -> str:
        left = [(kind, one) for kind, one in self.kept if named(one, one) != wanted]
        found, self.kept = len(left) < len(self.kept), left
        return "Accepted" if found else "NotFound"


class Station16(ocpp.v16.ChargePoint):
    def __init__(self, socket: websockets.ClientConnection, store: Store) -> None:
        super().__init__("CP1", socket)
        self.store = store

    async def beat(self) -> None:
        await self.call(call16.Heartbeat())

    @on("DataTransfer")
    def on_data(self, **_: object) -> result16.DataTransfer:
        return result16.DataTransfer(**self.store.wrapped)  # type: ignore[arg-type]

    @on("InstallCertificate")
    def on_install(self, certificate_type: str, certificate: str) -> result16.InstallCertificate:
        return result16.InstallCertificate(status=self.store.install(certificate_type, certificate))  # type: ignore[arg-type]

    @on("DeleteCertificate")
    def on_delete(self, certificate_hash_data: dict[str, str]) -> result16.DeleteCertificate:
        return result16.DeleteCertificate(status=self.store.delete(certificate_hash_data))  # type: ignore[arg-type]

    @on("GetInstalledCertificateIds")
    def on_get(self, certificate_type: str) -> result16.GetInstalledCertificateIds:
        found = [named(one, one) for kind, one in self.store.kept if kind == certificate_type]
        status = "Accepted" if found else "NotFound"
        return result16.GetInstalledCertificateIds(status=status, certificate_hash_data=found or None)  # type: ignore[arg-type]


class Station201(ocpp.v201.ChargePoint):
    def __init__(self, socket: websockets.ClientConnection, store: Store) -> None:
        super().__init__("CP1", socket)
        self.store = store

    async def beat(self) -> None:
        await self.call(call201.Heartbeat())

    @on("InstallCertificate")
    def on_install(self, certificate_type: str, certificate: str) -> result201.InstallCertificate:
        return result201.InstallCertificate(status=self.store.install(certificate_type, certificate))  # type: ignore[arg-type]

    @on("DeleteCertificate")
    def on_delete(self, certificate_hash_data: dict[str, str]) -> result201.DeleteCertificate:
        return result201.DeleteCertificate(status=self.store.delete(certificate_hash_data))  # type: ignore[arg-type]

    @on("GetInstalledCertificateIds")
    def on_get(self, certificate_type: list[str]) -> result201.GetInstalledCertificateIds:
        found = [
            {"certificate_type": kind, "certificate_hash_data": named(one, one)}
            for kind, one in self.store.kept
            if kind in certificate_type
        ]
        status = "Accepted" if found else "NotFound"
        return result201.GetInstalledCertificateIds(
            status=status,  # type: ignore[arg-type]
            certificate_hash_data_chain=found or None,
        )


STATIONS: dict[str, Any] = {V16: Station16, V201: Station201}


class Scene:
    def __init__(self, desk: Desk, store: Store, version: str, folder: Path) -> None:
        self.desk, self.store, self.version = desk, store, version
        self.authority = Authority(folder, "Root")
        self.pem = self.authority.file.read_bytes()

    async def do(self, verb: str, **values: object) -> Any:
        return await done(self.desk, verb, station="CP1", deadline_s=5, **values)

    async def installed(self) -> Any:
        kind = ROOT[self.version]
        payload = {"certificateType": kind if self.version == V16 else [kind]}
        action, text = "GetInstalledCertificateIds", msgspec.json.encode(payload).decode()
        return await self.do("station call", action=action, payload=text)


@pytest.fixture(params=[V16, V201])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    clock, keys, post = SystemClock(), derived_keys("test"), LocalPost()
    spine = MemorySpine(clock)
    desk = Desk(spine=spine, keys=keys, clock=clock, chance=SystemChance(), post=post)
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")
    new: Any = await done(desk, "station add", station="CP1")
    findings = Findings(spine, clock)
    gateway = Gateway(spine, keys, clock, SystemChance(), Fallbacks(), findings, post, (CPO,))
    await gateway.start()
    server = await serve_stations(gateway, host="127.0.0.1", port=0, clock=clock)
    basic = base64.b64encode(f"CP1:{new.password}".encode()).decode()
    async with websockets.connect(
        f"ws://127.0.0.1:{server.port}/ocpp/CP1",
        subprotocols=[websockets.Subprotocol(request.param)],
        additional_headers={"Authorization": f"Basic {basic}"},
        close_timeout=0.2,
    ) as socket:
        store = Store()
        station = STATIONS[request.param](socket, store)
        task = asyncio.create_task(station.start())
        await station.beat()
        yield Scene(desk, store, request.param, tmp_path)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
            await task
    await server.close(per_second=10_000)
    await gateway.stop()


async def test_a_root_is_installed_seen_and_removed_by_its_ocsp_hashes_tc_m_01_12_20(scene: Scene) -> None:
    assert (await scene.do("station trust", certificate=scene.pem)).detail == "Accepted"
    assert scene.store.kept == [(ROOT[scene.version], scene.authority.certificate)]
    end = await scene.installed()
    assert end.detail == "Accepted"
    ours = msgspec.json.encode(hash_data(scene.authority.certificate))
    assert ours.strip(b"{}") in bytes(end.response), "the station knows it by the same hashes"
    assert (await scene.do("station trust", certificate=scene.pem, remove=True)).detail == "Accepted"
    assert scene.store.kept == []
    assert (await scene.installed()).detail == "NotFound"
    refused(await scene.do("station trust", certificate=scene.pem, remove=True), "UNKNOWN (NotFound)")


async def test_a_manufacturers_root_and_a_store_that_is_full_tc_m_02_05(scene: Scene) -> None:
    assert (await scene.do("station trust", certificate=scene.pem, use="manufacturer")).detail == "Accepted"
    assert [kind for kind, _ in scene.store.kept] == ["ManufacturerRootCertificate"]
    scene.store.full = True
    refused(await scene.do("station trust", certificate=scene.pem), "FAILED (Failed)")


def refused(end: Any, says: str) -> None:
    """The verb was not done, for the station said no."""
    assert isinstance(end, Refusal)
    assert end.kind is Kind.REFUSED
    assert says in end.says


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": "UnknownVendorId"}, "UNKNOWN (UnknownVendorId)"),
        ({"status": "Rejected"}, "REJECTED (Rejected)"),
        ({"status": "Accepted", "data": '{"status":"Rejected"}'}, "REJECTED (Accepted: Rejected)"),
        ({"status": "Accepted", "data": '{"status":"Failed"}'}, "FAILED (Accepted: Failed)"),
        ({"status": "Accepted"}, "FAILED (Accepted: no status within)"),
        ({"status": "Accepted", "data": '{"status":"Accepted"}'}, None),
    ],
)
async def test_a_1_6_station_that_does_not_take_a_root_for_cars_has_said_no(
    scene: Scene, answer: dict[str, str], says: str | None
) -> None:
    if scene.version != V16:
        return  # It has a message for these.
    scene.store.wrapped = answer
    end = await scene.do("station trust", certificate=scene.pem, use="v2g")
    if says is None:
        assert end.result.value == "ACCEPTED"
    else:
        refused(end, says)


async def test_what_is_no_certificate_or_has_ended_or_is_unknown_to_the_version_is_not_sent(
    scene: Scene, tmp_path: Path
) -> None:
    ended = scene.authority.station("CP9", ends=-timedelta(days=1)).certificate.read_bytes()
    wrong = [
        ({"certificate": b"nothing"}, "/certificate"),
        ({"certificate": scene.pem + scene.pem}, "/certificate"),
        ({"certificate": ended}, "/certificate"),
        ({"certificate": ended, "remove": True}, "/issuer"),
        ({"certificate": scene.pem, "use": "oem"}, "/use"),
    ]
    for values, pointer in wrong:
        answer = await scene.do("station trust", **values)
        assert isinstance(answer, Refusal), values
        assert answer.kind in (Kind.INVALID, Kind.USAGE)
        assert answer.pointer == pointer
    assert scene.store.kept == []


@pytest.mark.parametrize("by", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda by: by.name)
@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_hashes_are_those_of_ocsp(tmp_path: Path, by: Any, kind: str) -> None:
    root = Authority(tmp_path, "Root")
    if kind == "RSA":
        root.key = rsa.generate_private_key(65537, 2048)
        root.certificate = _self_signed(root.key)
        root.name = root.certificate.subject
    below = x509.load_pem_x509_certificate(root.station("CP1").certificate.read_bytes())
    for one in (below, root.certificate):
        ours = msgspec.to_builtins(hash_data(one, root.certificate, by.name.upper()))
        theirs = named(one, root.certificate, by)
        assert list(ours.values()) == list(theirs.values())
    with pytest.raises(ValueError, match="its issuer is needed"):
        hash_data(below)
    with pytest.raises(ValueError, match="has not issued it"):
        hash_data(below, Authority(tmp_path / "other", "Root").certificate)


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "RSA root")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0x0A)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
