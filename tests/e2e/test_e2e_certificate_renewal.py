"""A station renews its certificate through a whole process, made from nothing but `elstrada ca` and a configuration."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from installation import CPO, Installation, Nursery, serving, wait_for
from ocpp.routing import on
from ocpp.v16 import call, call_result
from ocpp_stations import Station16

from csrs import csr, new_key

REFUSED = "certificate request refused"


class Station(Station16):
    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket)
        self.given: list[str] = []

    @on("CertificateSigned")
    def on_signed(self, certificate_chain: str) -> call_result.CertificateSigned:
        self.given.append(certificate_chain)
        return call_result.CertificateSigned(status="Accepted")  # type: ignore[arg-type]

    async def renew(self, pem: str) -> str:
        return (await self.call(call.SignCertificate(csr=pem))).status


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "ca"
    made = Installation(tmp_path / "before", nursery, (CPO,))
    for words in (
        ("make", str(folder), "--organization", "Els"),
        ("server", str(folder), "localhost", "127.0.0.1", "--to", str(tmp_path)),
        ("station", str(folder), "CP1", "--days", "10", "--to", str(tmp_path)),
    ):
        outcome = made.run("ca", *words)
        assert outcome.code == 0, outcome.stderr
    settings = (
        f'stations.tls.certificate = "{tmp_path}/localhost.pem"',
        f'stations.tls.key = "{tmp_path}/localhost.key"',
        f'stations.tls.client_ca = "{folder}/ca.pem"',
        'stations.tls.organization = "Els"',
        "stations.tls.port = 0",
        f'stations.authority.folder = "{folder}"',
    )
    with serving(Installation(tmp_path / "home", nursery, (CPO,), settings)) as installation:
        yield installation


@contextlib.asynccontextmanager
async def plugged_in(home: Installation, folder: Path, name: str) -> AsyncIterator[Station]:
    told = (home.folder / "server.out").read_text().splitlines()
    (line,) = (line for line in told if "wss://" in line)
    context = ssl.create_default_context(cafile=str(folder / "ca" / "ca.pem"))
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    async with websockets.connect(
        line.split(maxsplit=1)[1].replace("<station id>", "CP1"),
        ssl=context,
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
    ) as socket:
        station = Station("CP1", socket)
        task = asyncio.create_task(station.start())
        try:
            assert await station.boot() == "Accepted"
            yield station
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await task


def told(home: Installation) -> list[str]:
    """What happened to stations' security, in order."""
    rows = home.rows("SELECT kind FROM log WHERE stream LIKE 'station-security/%' ORDER BY position")
    return [str(row["kind"]) for row in rows]


async def test_a_station_comes_back_with_what_was_signed_and_an_operator_sees_when_it_ends(
    home: Installation, tmp_path: Path
) -> None:
    home.done("station add", station="CP1", minimum_profile=3)
    await asyncio.sleep(1.5)
    key = new_key()
    async with plugged_in(home, tmp_path, "CP1") as station:
        assert await station.renew(csr(key, "CP2")) == "Rejected"
        assert await station.renew(csr(key, "CP1")) == "Accepted"
        async with asyncio.timeout(20):
            while not station.given:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        (tmp_path / "new.pem").write_text(station.given[0])
        await asyncio.to_thread(wait_for, lambda: told(home).count("StationCertificateTaken"), "its answer")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "new.key").write_bytes(secret)

    def listed(*more: str) -> list[dict[str, Any]]:
        return home.told("station", "certificates", *more)

    (old,) = await asyncio.to_thread(wait_for, listed, "the certificate it came with")
    assert (old["issued_by_us"], 8 <= old["days_left"] <= 10) == (False, True)
    async with plugged_in(home, tmp_path, "new"):
        now = lambda: [one for one in listed() if one["issued_by_us"] and one["days_left"] >= 88]  # noqa: E731
        await asyncio.to_thread(wait_for, now, "the new one in its place")
    assert len(await asyncio.to_thread(listed, "--station", "CP1")) == 2
    assert await asyncio.to_thread(listed, "--within-days", "30") == []
    refused = lambda: [one for one in home.told("finding", "list") if one["code"] == REFUSED]  # noqa: E731
    (finding,) = await asyncio.to_thread(wait_for, refused, "the finding, which is written with others")
    assert "not the station's identity 'CP1'" in finding["sample"]
    kinds = told(home)
    assert kinds.count("StationCertificateIssued") == kinds.count("StationCertificateTaken") == 1
    assert kinds.count("StationCertificateUsed") == 2
    doctor = json.loads((await asyncio.to_thread(home.run, "doctor", "--json")).stdout)
    assert any("is on this server" in one["says"] for one in doctor if one["area"] == "tls")
