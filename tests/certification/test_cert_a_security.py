"""A: who gets in, and how securely (part 6 section 3.2)."""

from __future__ import annotations

import ssl

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
from cert_station import Station, connected, now
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authority import DAY, Issued, trusting
from csrs import csr, new_key
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.desk.passwords import PasswordEnd

case = pytest.mark.case


# --- passwords ---------------------------------------------------------------------------------------


@case("TC_A_01_CSMS")
async def test_the_right_name_and_password_get_in(csms: Csms):
    await enters(await csms.newcomer("ocpp2.0.1"), csms.url)


@case("TC_A_02_CSMS")
async def test_a_name_that_is_not_the_stations_does_not_get_in(csms: Csms):
    """The address says which station it is; the password is its own."""
    station = await csms.newcomer("ocpp2.0.1")
    assert await refused(station, csms.url, username=f"{station.name}Invalid") == 401


@case("TC_A_03_CSMS")
@pytest.mark.parametrize("password", ["", "wrong-by-all-of-its-20", "x" * 40])
async def test_a_wrong_password_does_not_get_in(csms: Csms, password: str):
    station = await csms.newcomer("ocpp2.0.1")
    right, station.password = station.password, password
    assert await refused(station, csms.url) == 401
    station.password = right
    await enters(station, csms.url)


@case("TC_A_09_CSMS")
async def test_a_password_that_is_taken_is_the_only_one(csms: Csms):
    station = await csms.newcomer("ocpp2.0.1")
    old = station.password
    async with connected(station, csms.url):
        await station.boot()
        station.password, end = await told_a_password(csms, station, "Accepted")
        assert isinstance(end, PasswordEnd), end
        assert end.result == "changed"
    await enters(station, csms.url)
    station.password = old
    assert await refused(station, csms.url) == 401


@case("TC_A_10_CSMS")
async def test_a_password_that_is_rejected_opens_nothing_and_the_old_one_does(csms: Csms):
    station = await csms.newcomer("ocpp2.0.1")
    old = station.password
    async with connected(station, csms.url):
        await station.boot()
        station.password, end = await told_a_password(csms, station, "Rejected")
        assert isinstance(end, Refusal), end
        assert end.kind is Kind.REFUSED
        await station.tell("Available", 1)
    assert await refused(station, csms.url) == 401
    station.password = old
    await enters(station, csms.url)


# --- TLS ---------------------------------------------------------------------------------------------


@case("TC_A_04_CSMS")
@pytest.mark.parametrize("suite", SUITES)
async def test_each_demanded_suite_is_spoken(secured: Secured, suite: str):
    await speaks(secured, await secured.csms.newcomer("ocpp2.0.1"), suite)


@case("TC_A_07_CSMS")
@pytest.mark.parametrize("suite", SUITES)
async def test_a_valid_certificate_gets_in_by_each_demanded_suite(secured: Secured, suite: str):
    station = await secured.csms.newcomer("ocpp2.0.1")
    station.password = ""
    await speaks(secured, station, suite, secured.theirs.station(station.name))


async def test_a_suite_without_secrecy_is_spoken_only_with_who_knows_nothing_better(secured: Secured):
    station = await secured.csms.newcomer("ocpp2.0.1")
    trust = trusting(secured.ours)
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers("AES256-GCM-SHA384:AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    async with connected(station, secured.csms.tls_url, trust):
        agreed = station.tls.cipher()
        assert agreed is not None
        assert agreed[0] == "ECDHE-RSA-AES128-GCM-SHA256"
        await station.boot()


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """What a station that knows no TLS later than 1.1 connects with."""
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@case("TC_A_06_CSMS")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_before_1_2_ends_in_the_handshake(secured: Secured):
    station = await secured.csms.newcomer("ocpp2.0.1")
    assert await refused(station, secured.csms.tls_url, old(trusting(secured.ours))) == 0
    assert secured.csms.server.unsecured["old version"] == 1
    await enters(station, secured.csms.tls_url, trusting(secured.ours))


@case("TC_A_08_CSMS")
@pytest.mark.parametrize("kind", ["of a stranger", "ended", "of another station"])
async def test_a_certificate_that_is_not_valid_does_not_get_in(secured: Secured, kind: str):
    station = await secured.csms.newcomer("ocpp2.0.1")
    station.password = ""
    bad: dict[str, Issued] = {
        "of a stranger": secured.strangers.station(station.name),
        "ended": secured.theirs.station(station.name, ends=-DAY),
        "of another station": secured.theirs.station("CS0000"),
    }
    status = await refused(station, secured.csms.tls_url, trusting(secured.ours, own=bad[kind]))
    assert status == (401 if kind == "of another station" else 0)
    good = trusting(secured.ours, own=secured.theirs.station(station.name))
    await enters(station, secured.csms.tls_url, good)


async def told_to_renew(
    csms: Csms, station: Station, message: str = "SignChargingStationCertificate"
) -> None:
    """The operator has the station ask for a certificate."""
    asked, _ = await csms.commands(
        station, "TRIGGER", "TriggerMessage", answer={"status": "Accepted"}, message=message
    )
    assert asked == {"requestedMessage": message}


@case("TC_A_11_CSMS")
async def test_a_station_renews_its_certificate_when_it_is_told_to(secured: Secured):
    csms = secured.csms
    station = await csms.newcomer("ocpp2.0.1")
    station.password = ""
    old = trusting(secured.ours, own=secured.theirs.station(station.name))
    async with connected(station, csms.tls_url, old):
        await station.boot()
        new = await renews(secured, station, lambda: told_to_renew(csms, station), "Accepted")
    await enters(station, csms.tls_url, trusting(secured.ours, own=new))


def of_cars(secured: Secured, issued: Issued) -> list[x509.ObjectIdentifier]:
    """What a certificate below the V2G root is for."""
    certificate = x509.load_pem_x509_certificates(issued.certificate.read_bytes())[0]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(secured.v2g.read_bytes()))
    (domain,) = certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)
    assert domain.value == "CPO"
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@case("TC_A_12_CSMS")
async def test_a_station_renews_its_certificate_for_cars_when_it_is_told_to(secured: Secured):
    """It opens no door of ours, and the operator sees when it ends."""
    csms = secured.csms
    station = await csms.newcomer("ocpp2.0.1")
    own = trusting(secured.ours, own=secured.theirs.station(station.name))
    station.password = ""
    async with connected(station, csms.tls_url, own):
        await station.boot()
        new = await renews(
            secured,
            station,
            lambda: told_to_renew(csms, station, "SignV2GCertificate"),
            "Accepted",
            of="V2GCertificate",
        )
    assert of_cars(secured, new) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert await refused(station, csms.tls_url, trusting(secured.ours, own=new)) == 0
    await enters(station, csms.tls_url, own)
    lines = await csms.done("station certificates", station=station.name)
    assert {line.kind: (line.used, line.days_left) for line in lines}["V2GCertificate"] == (True, 59)


@case("TC_A_13_CSMS")
async def test_a_station_renews_the_certificate_that_it_shows_to_us_and_to_cars(secured: Secured):
    csms = secured.csms
    station = await csms.newcomer("ocpp2.0.1")
    station.password = ""
    async with connected(
        station, csms.tls_url, trusting(secured.ours, own=secured.theirs.station(station.name))
    ):
        await station.boot()
        new = await renews(
            secured,
            station,
            lambda: told_to_renew(csms, station, "SignCombinedCertificate"),
            "Accepted",
            of=None,
        )
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert set(of_cars(secured, new)) == both
    await enters(station, csms.tls_url, trusting(secured.ours, own=new))


@case("TC_A_12_CSMS")
async def test_a_certificate_for_cars_may_bear_the_secc_id_that_the_station_has_told(secured: Secured):
    """ISO15118Ctrlr.SeccId; of no other station of ours, and never for our own door."""
    csms = secured.csms
    other = await csms.newcomer("ocpp2.0.1")
    station = await csms.newcomer("ocpp2.0.1")
    station.password = ""
    async with connected(
        station, csms.tls_url, trusting(secured.ours, own=secured.theirs.station(station.name))
    ):
        await station.boot()
        for evse, name in enumerate(("SECC-1", other.name), start=1):
            await reports(csms, station, evse, name)

        async def nothing() -> None:
            pass

        await renews(secured, station, nothing, "Accepted", of="V2GCertificate", name="SECC-1")
        for name, kind in (
            ("SECC-2", "V2GCertificate"),
            (other.name, "V2GCertificate"),
            ("SECC-1", "ChargingStationCertificate"),
            ("SECC-1", None),
        ):
            request = csr(new_key(), name, organization="Elstrada tests")
            more = {} if kind is None else {"certificateType": kind}
            answer = await station.call("SignCertificate", csr=request, **more)
            assert answer["status"] == "Rejected", (name, kind)


async def reports(csms: Csms, station: Station, evse: int, secc_id: str) -> None:
    """It tells its inventory, of which this is a part."""
    given = {"requestId": evse, "reportBase": "FullInventory"}
    await csms.calls(station, "GetBaseReport", given, status="Accepted")
    told = {
        "component": {"name": "ISO15118Ctrlr", "evse": {"id": evse}},
        "variable": {"name": "SeccId"},
        "variableAttribute": [{"type": "Actual", "value": secc_id}],
    }
    sent = {"requestId": evse, "generatedAt": now(), "seqNo": 0, "tbc": True, "reportData": [told]}
    assert await station.call("NotifyReport", **sent) == {}


@case("TC_A_14_CSMS")
async def test_a_station_that_rejects_its_new_certificate_goes_on_with_the_old_one(secured: Secured):
    csms = secured.csms
    station = await csms.newcomer("ocpp2.0.1")
    station.password = ""
    old = trusting(secured.ours, own=secured.theirs.station(station.name))
    async with connected(station, csms.tls_url, old):
        await station.boot()
        await renews(secured, station, lambda: told_to_renew(csms, station), "Rejected")
        await station.tell("Available", 1)
    await enters(station, csms.tls_url, old)


@case("TC_A_19_CSMS")
@pytest.mark.parametrize("profile", [1, 2])
async def test_a_station_is_raised_to_the_next_profile_and_never_comes_by_the_old_one(
    secured: Secured, profile: int
):
    csms = secured.csms
    station = await csms.newcomer("ocpp2.0.1")

    async def told() -> None:
        data = {
            "messageTimeout": 30,
            "ocppCsmsUrl": csms.tls_url,
            "ocppInterface": "Wired0",
            "ocppTransport": "JSON",
            "ocppVersion": "OCPP20",
            "securityProfile": profile + 1,
        }
        given = {"configurationSlot": 2, "connectionData": data}
        asked, _ = await csms.calls(station, "SetNetworkProfile", given, status="Accepted")
        assert asked == given
        slot = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
        }
        wanted = {"setVariableData": [{**slot, "attributeValue": "2,1"}]}
        answer = [{**slot, "attributeStatus": "Accepted"}]
        asked, _ = await csms.calls(station, "SetVariables", wanted, setVariableResult=answer)
        assert asked == wanted

    await raised_by(secured, station, profile, told)
