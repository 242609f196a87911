"""Security profiles through a whole process and the command line: certificates, what is demanded, renewal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from installation import CPO, Installation, Nursery, serving, wait_for
from ocpp_stations import Station16

from authority import DAY, Authority, Issued, trusting

HEARD_S = 1.5
"""A gateway hears of a changed record within a second."""


class Home:
    """A serving installation with both doors."""

    def __init__(self, installation: Installation, ours: Authority, theirs: Authority) -> None:
        self.installation, self.ours, self.theirs = installation, ours, theirs
        self.password: str = installation.done("station add", station="CP1")["password"]
        told = (installation.folder / "server.out").read_text().splitlines()
        (line,) = (line for line in told if "wss://" in line)
        self.tls_url = line.split(maxsplit=1)[1].removesuffix("<station id>")

    @contextlib.asynccontextmanager
    async def plugged_in(self, profile: int, own: Issued | None = None) -> AsyncIterator[Station16]:
        basic = base64.b64encode(f"CP1:{self.password}".encode()).decode()
        if profile == 3 and own is None:
            own = self.theirs.station("CP1", organization="Els")
        async with websockets.connect(
            f"{self.installation.stations_url if profile == 1 else self.tls_url}CP1",
            ssl=None if profile == 1 else trusting(self.ours, own=own),
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {basic}"} if own is None else {},
        ) as socket:
            station = Station16("CP1", socket)
            task = asyncio.create_task(station.start())
            try:
                assert await station.boot() == "Accepted"
                yield station
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                    await task

    async def status(self, profile: int, own: Issued | None = None) -> int:
        """101, what a knock is answered with, or 0 where TLS fails before it."""
        try:
            async with self.plugged_in(profile, own):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
        except (ssl.SSLError, ConnectionError, websockets.InvalidMessage):
            return 0

    def minimum(self) -> int:
        (line,) = self.installation.told("station", "list")
        return line["minimum_profile"]

    def metrics(self) -> str:
        return self.installation.health("/metrics")[1].decode()


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Iterator[Home]:
    ours, theirs = Authority(tmp_path / "ca", "Ours"), Authority(tmp_path / "ca", "Theirs")
    shown = ours.server("RSA", file="rsa"), ours.server("EC", file="ec")
    for one in shown:
        one.key.chmod(0o600)
    settings = (
        f"stations.tls.certificate = {[str(one.certificate) for one in shown]}",
        f"stations.tls.key = {[str(one.key) for one in shown]}",
        f'stations.tls.client_ca = "{theirs.file}"',
        'stations.tls.organization = "Els"',
        "stations.tls.port = 0",
    )
    with serving(Installation(tmp_path, nursery, (CPO,), settings)) as installation:
        made = Home(installation, ours, theirs)
        time.sleep(HEARD_S)
        yield made


async def until(holds: Callable[[], Any], what: str) -> Any:
    return await asyncio.to_thread(wait_for, holds, what)


async def test_a_station_rises_from_profile_1_to_3_and_an_operator_sees_why_it_cannot_go_back(
    home: Home,
) -> None:
    for profile in (1, 2, 3):
        assert await home.status(profile) == 101
        await until(lambda profile=profile: home.minimum() == profile, f"a minimum of {profile}")
        await asyncio.sleep(HEARD_S)
        for lower in range(1, profile):
            assert await home.status(lower) == 403
    assert await home.status(3, home.theirs.station("CP2", organization="Els")) == 401
    assert await home.status(3, home.theirs.station("CP1", organization="Els", ends=-DAY)) == 0

    run = home.installation.run
    refused = await asyncio.to_thread(run, "station", "secure", "CP1", "--minimum-profile", "2")
    assert (refused.code, "say --lower" in refused.stderr.lower()) == (1, True)
    for minimum, code in (("1", 1), ("2", 0)):
        words = ("station", "secure", "CP1", "--minimum-profile", minimum, "--lower", "--reason", "test")
        assert (await asyncio.to_thread(run, *words)).code == code
    await asyncio.sleep(HEARD_S)
    assert await home.status(2) == 101
    assert home.minimum() == 2

    def findings() -> dict[str, int]:
        return {line["code"]: line["count"] for line in home.installation.told("finding", "list")}

    expected = {
        "security profile too low": 3,
        "invalid station certificate": 1,
        "TLS: client certificate": 1,
    }
    await until(lambda: findings() == expected, "the findings")
    told = home.metrics()
    assert 'elstrada_station_knocks_refused_total{status="403"} 3.0' in told
    assert 'elstrada_station_tls_failed_total{reason="client certificate"} 1.0' in told
    assert 'elstrada_station_certificate_end_timestamp_seconds{kind="RSA"}' in told
    doctor = await asyncio.to_thread(run, "doctor", "--json")
    tls = [one for one in json.loads(doctor.stdout) if one["area"] == "tls"]
    assert [one["level"] for one in tls] == ["fine"] * 3


async def test_renewed_certificates_are_shown_without_a_restart(home: Home) -> None:
    def shown() -> bytes:
        host, port = home.tls_url.removeprefix("wss://").removesuffix("/ocpp/").split(":")
        return ssl.get_server_certificate((host, int(port)), timeout=5).encode()

    async with home.plugged_in(3) as station:
        before = await asyncio.to_thread(shown)
        home.ours.server("RSA", file="rsa", ends=180 * DAY)
        home.ours.server("EC", file="ec", ends=180 * DAY)
        await until(lambda: shown() != before, "the new certificate")
        await station.status("Available")
        assert 'elstrada_station_profiles{profile="3"} 1.0' in home.metrics()
