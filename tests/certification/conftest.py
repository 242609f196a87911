"""One CSMS for all cases of a module, and a new station for each case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cert_contracts import Plugged, plugging
from cert_csms import Csms, serving
from cert_secured import Secured
from cert_station import Station, connected

from authority import Authority
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.clock import SystemClock
from elstrada.roles.authority import CERTIFICATE, make_authority
from elstrada.roles.signing.folder import FolderAuthority
from elstrada.roles.signing.signers import V2gAuthority


@pytest.fixture(scope="module")
async def csms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Csms]:
    async with serving(tmp_path_factory.mktemp("csms")) as running:
        yield running


@pytest.fixture
async def station(csms: Csms) -> AsyncIterator[Station]:
    """A 2.0.1 station, booted, with two EVSEs of one connector each."""
    newcomer = await csms.newcomer("ocpp2.0.1")
    async with connected(newcomer, csms.url):
        await newcomer.boot()
        await newcomer.tell("Available", 1)
        await newcomer.tell("Available", 2)
        yield newcomer


@pytest.fixture
async def station16(csms: Csms) -> AsyncIterator[Station]:
    """A 1.6 station, booted, with two connectors."""
    newcomer = await csms.newcomer("ocpp1.6")
    async with connected(newcomer, csms.url):
        await newcomer.boot()
        await newcomer.tell("Available", 0)
        await newcomer.tell("Available", 1)
        await newcomer.tell("Available", 2)
        yield newcomer


@pytest.fixture(scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    """A CSMS with a door of TLS, set up as a certification demands it."""
    folder = tmp_path_factory.mktemp("secured")
    ours, theirs = Authority(folder / "ours", "Ours"), Authority(folder / "theirs", "Theirs")
    make_authority(folder / "signing", "Stations", "Elstrada tests", SystemClock().now())
    make_authority(folder / "v2g", "V2G", "Elstrada tests", SystemClock().now())
    servers = (ours.server("EC"), ours.server("RSA"))
    files = TlsFiles(
        certificates=tuple(one.certificate for one in servers),
        keys=tuple(one.key for one in servers),
        authorities=(theirs.file, folder / "signing" / CERTIFICATE, folder / "v2g" / CERTIFICATE),
        without_secrecy=True,
    )
    signing = FolderAuthority(folder / "signing", timedelta(days=90))
    v2g = FolderAuthority(folder / "v2g", timedelta(days=60))
    certificates, both = Certificates(files, SystemClock()), V2gAuthority(v2g, combined=True)
    async with serving(folder, certificates, signing, v2g_authority=both) as running:
        yield Secured(
            running, ours, theirs, Authority(folder / "strangers", "Strangers"), folder / "v2g" / CERTIFICATE
        )


@pytest.fixture(scope="module")
async def plugged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plugged]:
    """A CSMS that refuses whatever contract it cannot be certain of, as it is by default."""
    async with plugging(tmp_path_factory.mktemp("plugged")) as running:
        yield running


@pytest.fixture
async def wallbox(plugged: Plugged, request: pytest.FixtureRequest) -> AsyncIterator[Station]:
    """A station of that, booted; of 2.0.1 unless the test says another version."""
    newcomer = await plugged.csms.newcomer(getattr(request, "param", "ocpp2.0.1"))
    async with connected(newcomer, plugged.csms.url):
        await newcomer.boot()
        yield newcomer
    plugged.responder.reset()
    plugged.pool.instead = None
