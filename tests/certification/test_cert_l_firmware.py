"""L: secure firmware updates, and the news a station sends of them (part 6 section 3.13)."""

from __future__ import annotations

from itertools import count

import pytest
from cert_csms import Csms
from cert_station import Json, Station
from cert_visit import Visit

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)
LATER = "2027-03-01T03:00:00Z"
DOWNLOAD = ("Downloading", "Downloaded", "SignatureVerified")
INSTALL = ("Installing", "InstallRebooting")


def firmware(**more: Json) -> Json:
    """An update that is signed."""
    return {
        "requestId": next(_ids),
        "retries": 1,
        "firmware": {
            "location": "https://csms.example/firmware/4.2.1.bin",
            "retrieveDateTime": "2026-03-01T02:00:00Z",
            "signingCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "signature": "c2lnbmVk",
            **more,
        },
    }


async def update(
    csms: Csms,
    station: Station,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
    **more: Json,
) -> int:
    """The operator orders an update. Returns the number that the station's news bear."""
    wanted = firmware(**more)
    asked, end = await csms.calls(station, "UpdateFirmware", wanted, status=status)
    assert asked == wanted
    assert asked["firmware"]["signingCertificate"]
    assert asked["firmware"]["signature"]
    assert end.result is result
    return asked["requestId"]


async def news(csms: Csms, station: Station, number: int, *statuses: str) -> None:
    """The station tells how the update goes, and the operator sees it."""
    for status in statuses:
        told = await station.call("FirmwareStatusNotification", status=status, requestId=number)
        assert told == {}
        assert (await csms.notices(station, "FIRMWARE"))[-1] == (status, number)


async def boots_with_it(csms: Csms, station: Station, number: int, status: str = "Installed") -> None:
    """It restarts, tells of its connectors, and how the update ended."""
    await csms.comes_back(station)
    await station.boot("FirmwareUpdate")
    for evse in (1, 2):
        await station.tell("Available", evse)
    await news(csms, station, number, status)
    await csms.shows(station, (1, "Available"), (2, "Available"))


async def alarm(csms: Csms, station: Station, kind: str) -> None:
    told = await station.call("SecurityEventNotification", type=kind, timestamp="2026-03-01T02:00:00Z")
    assert told == {}
    (alarm,) = await csms.done("station notices", station=station.name, alarms=True, kind="SECURITY_EVENT")
    assert alarm.status == kind


@pytest.mark.parametrize(
    ("more", "before"),
    [
        pytest.param({}, DOWNLOAD, marks=case("TC_L_01_CSMS")),
        pytest.param({"installDateTime": LATER}, (*DOWNLOAD, "InstallScheduled"), marks=case("TC_L_02_CSMS")),
        pytest.param(
            {"retrieveDateTime": LATER}, ("DownloadScheduled", *DOWNLOAD), marks=case("TC_L_03_CSMS")
        ),
    ],
)
async def test_an_update_is_installed(csms: Csms, station: Station, more: Json, before: tuple[str, ...]):
    number = await update(csms, station, **more)
    await news(csms, station, number, *before, *INSTALL)
    await boots_with_it(csms, station, number)


@case("TC_L_04_CSMS")
async def test_a_signing_certificate_that_was_revoked(csms: Csms, station: Station):
    await update(csms, station, "RevokedCertificate", CommandResult.REJECTED)


@case("TC_L_05_CSMS")
async def test_a_signing_certificate_that_is_not_valid(csms: Csms, station: Station):
    await update(csms, station, "InvalidCertificate", CommandResult.REJECTED)
    await alarm(csms, station, "InvalidFirmwareSigningCertificate")


@case("TC_L_06_CSMS")
async def test_a_signature_that_is_not_valid(csms: Csms, station: Station):
    number = await update(csms, station)
    await news(csms, station, number, "Downloading", "Downloaded", "InvalidSignature")
    await alarm(csms, station, "InvalidFirmwareSignature")


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param(("Downloading", "DownloadFailed"), marks=case("TC_L_07_CSMS")),
        pytest.param((*DOWNLOAD, "Installing", "InstallVerificationFailed"), marks=case("TC_L_08_CSMS")),
    ],
)
async def test_an_update_that_fails(csms: Csms, station: Station, statuses: tuple[str, ...]):
    number = await update(csms, station)
    await news(csms, station, number, *statuses)


@case("TC_L_09_CSMS")
async def test_an_update_that_fails_after_the_restart(csms: Csms, station: Station):
    number = await update(csms, station)
    await news(csms, station, number, *DOWNLOAD, *INSTALL)
    await boots_with_it(csms, station, number, "InstallationFailed")


@case("TC_L_10_CSMS")
async def test_an_update_takes_the_place_of_another(csms: Csms, station: Station):
    await news(csms, station, await update(csms, station), "Downloading")
    number = await update(csms, station, "AcceptedCanceled")
    await news(csms, station, number, *DOWNLOAD, *INSTALL)
    await boots_with_it(csms, station, number)


@case("TC_L_11_CSMS")
async def test_an_update_that_cannot_be_stopped(csms: Csms, station: Station):
    number = await update(csms, station)
    await news(csms, station, number, "Downloading")
    await update(csms, station, "Rejected", CommandResult.REJECTED)
    await news(csms, station, number, "Downloaded", "SignatureVerified", *INSTALL)
    await boots_with_it(csms, station, number)


@case("TC_L_13_CSMS")
async def test_an_update_waits_for_a_running_transaction(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    number = await update(csms, station)
    await news(csms, station, number, "DownloadScheduled")
    await station.tell("Unavailable", 2)
    await csms.shows(station, (1, "Occupied"), (2, "Unavailable"))
    await visit.ev_disconnected()
    await news(csms, station, number, *DOWNLOAD, *INSTALL)
    await boots_with_it(csms, station, number)
    assert (await csms.session(station))["reason"] == "EVDisconnected"
