"""OCPP 1.6 with the security extension (OCA's test case document, section 3.21)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cert_csms import Csms
from cert_secured import (
    SUITES,
    Secured,
    enters,
    raised_by,
    refused,
    renews,
    speaks,
    told_a_password,
)
from cert_station import Json, NotChosen, Station, connected

from authority import Authority, trusting
from elstrada.model.device import CommandResult
from elstrada.roles.desk.passwords import PasswordEnd

case = pytest.mark.case


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Authority(Path(tmp_path_factory.mktemp("root")), "Root").file.read_text()


# --- who gets in -------------------------------------------------------------------------------------


@case("TC_085_CSMS")
async def test_only_with_its_password_a_station_gets_in(csms: Csms):
    station = await csms.newcomer("ocpp1.6")
    right, station.password = station.password, ""
    assert await refused(station, csms.url) == 401
    station.password = right
    await enters(station, csms.url)


@case("TC_086_CSMS")
@pytest.mark.parametrize("suite", SUITES)
async def test_each_demanded_suite_is_spoken(secured: Secured, suite: str):
    await speaks(secured, await secured.csms.newcomer("ocpp1.6"), suite)


@case("TC_087_CSMS")
@pytest.mark.parametrize("suite", SUITES)
async def test_a_valid_certificate_gets_in_by_each_demanded_suite(secured: Secured, suite: str):
    station = await secured.csms.newcomer("ocpp1.6")
    station.password = ""
    await speaks(secured, station, suite, secured.theirs.station(station.name))


@case("TC_088_CSMS")
async def test_of_what_a_station_offers_1_6_is_chosen(csms: Csms):
    """Where nothing fits, OCPP-J 1.6 §3.2 has the handshake completed without a subprotocol, and closed."""
    station = await csms.newcomer("ocpp0.1")
    with pytest.raises(NotChosen):
        await station.connect(csms.url)
    station.offers = ("ocpp0.1", "ocpp1.6")
    station.protocol = "ocpp1.6"
    await enters(station, csms.url)


@case("TC_073_CSMS")
@pytest.mark.parametrize("shown", ["as bytes", "as text"])
async def test_a_password_that_is_taken_is_the_only_one(csms: Csms, shown: str):
    """Whether a station shows the bytes or their hexadecimal text; stations do either."""
    station = await csms.newcomer("ocpp1.6")
    old = station.password
    async with connected(station, csms.url):
        await station.boot()
        new, end = await told_a_password(csms, station, "Accepted")
        assert isinstance(end, PasswordEnd), end
        assert end.result == "changed"
    station.password = bytes.fromhex(new) if shown == "as bytes" else new
    await enters(station, csms.url)
    station.password = old
    assert await refused(station, csms.url) == 401


@case("TC_083_CSMS")
@pytest.mark.parametrize("profile", [1, 2])
async def test_a_station_is_raised_to_the_next_profile_and_never_comes_by_the_old_one(
    secured: Secured, profile: int
):
    station = await secured.csms.newcomer("ocpp1.6")

    async def told() -> None:
        wanted = {"key": "SecurityProfile", "value": str(profile + 1)}
        asked, end = await secured.csms.calls(station, "ChangeConfiguration", wanted, status="Accepted")
        assert asked == wanted
        assert end.result is CommandResult.ACCEPTED

    await raised_by(secured, station, profile, told)


# --- certificates ------------------------------------------------------------------------------------


async def install(
    csms: Csms,
    station: Station,
    kind: str,
    certificate: str,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> None:
    wanted = {"certificateType": kind, "certificate": certificate}
    asked, end = await csms.calls(station, "InstallCertificate", wanted, status=status)
    assert asked == wanted
    assert end.result is result


def hashed(algorithm: str = "SHA256") -> Json:
    digits = {"SHA256": 64, "SHA384": 96, "SHA512": 128}[algorithm]
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "a1" * (digits // 2),
        "issuerKeyHash": "b2" * (digits // 2),
        "serialNumber": "4a3f",
    }


async def listed(csms: Csms, station: Station, kind: str, *known: Json) -> None:
    wanted = {"certificateType": kind}
    answer: Json = {"status": "Accepted" if known else "NotFound"}
    if known:
        answer["certificateHashData"] = list(known)
    asked, end = await csms.calls(station, "GetInstalledCertificateIds", wanted, **answer)
    assert asked == wanted
    assert end.result is (CommandResult.ACCEPTED if known else CommandResult.UNKNOWN)
    assert len(await csms.items(station, "CERTIFICATE")) == len(known)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("ManufacturerRootCertificate", marks=case("TC_075_1_CSMS")),
        pytest.param("CentralSystemRootCertificate", marks=case("TC_075_2_CSMS")),
    ],
)
async def test_a_root_is_installed_and_listed(csms: Csms, station16: Station, root: str, kind: str):
    await install(csms, station16, kind, root)
    await listed(csms, station16, kind, hashed())


@case("TC_076_CSMS")
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_root_is_deleted(csms: Csms, station16: Station, root: str, algorithm: str):
    kind = "CentralSystemRootCertificate"
    await install(csms, station16, kind, root)
    await listed(csms, station16, kind, hashed(algorithm))
    wanted = {"certificateHashData": hashed(algorithm)}
    asked, end = await csms.calls(station16, "DeleteCertificate", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    await listed(csms, station16, kind)


async def security_event(csms: Csms, station: Station, kind: str, *, alarms: bool = True) -> None:
    """The station tells of an event, and the operator sees it; among the alarms, unless it is a matter of course."""
    assert await station.call("SecurityEventNotification", type=kind, timestamp="2026-03-01T08:00:00Z") == {}
    of = {"station": station.name, "kind": "SECURITY_EVENT"}
    assert [one.status for one in await csms.done("station notices", **of)] == [kind]
    assert [one.status for one in await csms.done("station notices", alarms=True, **of)] == [kind] * alarms


async def told_to_renew(csms: Csms, station: Station) -> None:
    """The operator has the station ask for a certificate of its own."""
    wanted = {"requestedMessage": "SignChargePointCertificate"}
    asked, _ = await csms.calls(station, "ExtendedTriggerMessage", wanted, status="Accepted")
    assert asked == wanted


@case("TC_074_CSMS")
async def test_a_station_renews_its_certificate_when_it_is_told_to(secured: Secured):
    csms = secured.csms
    station = await csms.newcomer("ocpp1.6")
    station.password = ""
    old = trusting(secured.ours, own=secured.theirs.station(station.name))
    async with connected(station, csms.tls_url, old):
        await station.boot()
        new = await renews(secured, station, lambda: told_to_renew(csms, station), "Accepted")
    await enters(station, csms.tls_url, trusting(secured.ours, own=new))


@case("TC_077_CSMS")
async def test_a_certificate_that_the_station_does_not_believe(secured: Secured):
    csms = secured.csms
    station = await csms.newcomer("ocpp1.6")
    station.password = ""
    old = trusting(secured.ours, own=secured.theirs.station(station.name))
    async with connected(station, csms.tls_url, old):
        await station.boot()
        await renews(secured, station, lambda: told_to_renew(csms, station), "Rejected")
        await security_event(csms, station, "InvalidChargePointCertificate")
    await enters(station, csms.tls_url, old)


@case("TC_078_CSMS")
async def test_a_root_that_the_station_does_not_believe(csms: Csms, station16: Station, root: str):
    kind = "CentralSystemRootCertificate"
    await install(csms, station16, kind, root, "Rejected", CommandResult.REJECTED)
    await security_event(csms, station16, "InvalidCentralSystemCertificate")


# --- logs and firmware -------------------------------------------------------------------------------


@case("TC_079_CSMS")
async def test_a_security_log_is_uploaded(csms: Csms, station16: Station):
    wanted = {
        "logType": "SecurityLog",
        "requestId": 79,
        "log": {"remoteLocation": "https://csms.example/logs/"},
    }
    asked, end = await csms.calls(station16, "GetLog", wanted, status="Accepted", filename="security.log")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    for status in ("Uploading", "Uploaded"):
        assert await station16.call("LogStatusNotification", status=status, requestId=79) == {}
    assert await csms.notices(station16, "LOG") == [("Uploading", 79), ("Uploaded", 79)]


FIRMWARE = {
    "requestId": 80,
    "firmware": {
        "location": "https://csms.example/4.2.1.bin",
        "retrieveDateTime": "2026-03-01T02:00:00Z",
        "signingCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "signature": "c2lnbmVk",
    },
}


async def update(csms: Csms, station: Station, *statuses: str) -> None:
    asked, end = await csms.calls(station, "SignedUpdateFirmware", FIRMWARE, status="Accepted")
    assert asked == FIRMWARE
    assert end.result is CommandResult.ACCEPTED
    await news(csms, station, *statuses)


async def news(csms: Csms, station: Station, *statuses: str) -> None:
    for status in statuses:
        assert await station.call("SignedFirmwareStatusNotification", status=status, requestId=80) == {}
        assert (await csms.notices(station, "FIRMWARE"))[-1] == (status, 80)


@case("TC_080_CSMS")
async def test_a_signed_firmware_is_installed(csms: Csms, station16: Station):
    await update(csms, station16, "Downloading", "Downloaded", "SignatureVerified")
    await station16.tell("Unavailable", 0)
    await news(csms, station16, "Installing", "InstallRebooting")
    await csms.comes_back(station16)
    await station16.boot()
    await security_event(csms, station16, "FirmwareUpdated", alarms=False)
    for connector in (0, 1, 2):
        await station16.tell("Available", connector)
    await news(csms, station16, "Installed")


@case("TC_081_CSMS")
async def test_a_firmware_whose_signature_is_not_valid(csms: Csms, station16: Station):
    await update(csms, station16, "Downloading", "Downloaded", "InvalidSignature")
    await security_event(csms, station16, "InvalidFirmwareSignature")
