"""C07 and M01, M02, M06, M07: contracts of cars, and the status of certificates (part 6 sections 3.4 and 3.14)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cert_contracts import CANCELLED, Plugged, plugging
from cert_csms import US, Csms
from cert_station import Json, Station, connected
from cert_visit import VALID, Visit
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from contracts import EMAID, Holder, chain_of, hashes_of, issued
from elstrada.model.certificates import ContractStatus
from elstrada.model.facts import AuthorizationDecided
from elstrada.model.http import HttpResponse
from elstrada.model.ids import station_stream

case = pytest.mark.case
both = pytest.mark.parametrize("wallbox", ["ocpp2.0.1", "ocpp2.1"], indirect=True)
Shown = Callable[[Plugged, Holder], dict[str, Json]]


def by_hashes(plugged: Plugged, contract: Holder) -> dict[str, Json]:
    return {"iso15118CertificateHashData": hashes_of(contract, plugged.responder.url)}


def by_chain(plugged: Plugged, contract: Holder) -> dict[str, Json]:
    return {"certificate": chain_of(contract)}


BOTH_WAYS = pytest.mark.parametrize("shown", [by_hashes, by_chain])


async def decided(plugged: Plugged, station: Station) -> list[ContractStatus | None]:
    recorded = await plugged.csms.spine.facts(station_stream(US, station.name), limit=1000)
    return [one.fact.contract_status for one in recorded if isinstance(one.fact, AuthorizationDecided)]


# --- C07: contracts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(by_hashes, marks=case("TC_C_50_CSMS")),
        pytest.param(by_chain, marks=case("TC_C_52_CSMS")),
    ],
)
@both
async def test_a_contract_whose_whole_chain_is_good_charges(plugged: Plugged, wallbox: Station, shown: Shown):
    """C07.FR.04, .05, .06, .14."""
    contract = plugged.pki.contract()
    asked = len(plugged.responder.asked)
    assert await plugged.authorize(wallbox, **shown(plugged, contract)) == ("Accepted", "Accepted")
    assert len(plugged.responder.asked) > asked
    assert await decided(plugged, wallbox) == [ContractStatus.ACCEPTED]


@case("TC_C_51_CSMS")
@BOTH_WAYS
async def test_a_revoked_contract_does_not_charge(plugged: Plugged, wallbox: Station, shown: Shown):
    """C07.FR.16."""
    contract = plugged.pki.contract()
    plugged.responder.revoke(contract)
    told = await plugged.authorize(wallbox, **shown(plugged, contract))
    assert told == ("Invalid", "CertificateRevoked")
    assert await decided(plugged, wallbox) == [ContractStatus.CERTIFICATE_REVOKED]
    assert "is revoked" in (await plugged.csms.strayed(wallbox))["contract certificate refused"]


@BOTH_WAYS
async def test_a_contract_under_a_revoked_authority_does_not_charge(
    plugged: Plugged, wallbox: Station, shown: Shown
):
    sub = issued("MO Sub 3", plugged.pki.sub1, responder=plugged.responder.url)
    contract = issued(EMAID, sub, ca=False, responder=plugged.responder.url)
    plugged.responder.knows(sub, contract)
    plugged.responder.revoke(sub)
    plugged.authorities.write_text(plugged.pki.authorities + sub.pem)
    told = await plugged.authorize(wallbox, **shown(plugged, contract))
    plugged.authorities.write_text(plugged.pki.authorities)
    assert told == ("Invalid", "CertificateRevoked")


@BOTH_WAYS
async def test_a_good_certificate_of_a_cancelled_contract(plugged: Plugged, wallbox: Station, shown: Shown):
    """C07.FR.13: the token's own word goes with it."""
    contract = plugged.pki.contract(CANCELLED)
    told = await plugged.authorize(wallbox, CANCELLED, **shown(plugged, contract))
    assert told == ("Blocked", "ContractCancelled")


@BOTH_WAYS
async def test_a_contract_that_nobody_knows(plugged: Plugged, wallbox: Station, shown: Shown):
    contract = plugged.pki.contract("SEXXXC00000001X")
    told = await plugged.authorize(wallbox, "SEXXXC00000001X", **shown(plugged, contract))
    assert told == ("Invalid", "ContractCancelled")


@BOTH_WAYS
async def test_a_contract_that_its_issuer_does_not_know(plugged: Plugged, wallbox: Station, shown: Shown):
    contract = plugged.pki.contract()
    plugged.responder.states[contract.certificate.serial_number] = ocsp.OCSPCertStatus.UNKNOWN
    assert await plugged.authorize(wallbox, **shown(plugged, contract)) == ("Invalid", "CertChainError")


@pytest.mark.parametrize("how", ["down", "of a stranger"])
@BOTH_WAYS
async def test_a_contract_of_which_nothing_certain_is_known_does_not_charge(
    plugged: Plugged, wallbox: Station, shown: Shown, how: str
):
    """C07.FR.15. A card of another contract does."""
    if how == "down":
        plugged.responder.instead = HttpResponse(503)
    else:
        plugged.responder.signer = issued("Stranger")
    contract = plugged.pki.contract()
    assert await plugged.authorize(wallbox, **shown(plugged, contract)) == ("Invalid", "CertChainError")
    card = {"idToken": VALID, "type": "ISO14443"}
    assert (await wallbox.call("Authorize", idToken=card))["idTokenInfo"]["status"] == "Accepted"


@both
async def test_a_car_does_not_charge_by_its_emaid_alone_after_its_contract_was_refused(
    plugged: Plugged, wallbox: Station
):
    """C07.FR.16: until it has left, and until it shows a good contract."""
    emaid = {"idToken": EMAID, "type": "eMAID"}
    await wallbox.tell("Available", 1)
    await wallbox.tell("Occupied", 1)
    revoked = plugged.pki.contract()
    plugged.responder.revoke(revoked)
    told = await plugged.authorize(wallbox, **by_chain(plugged, revoked))
    assert told == ("Invalid", "CertificateRevoked")
    visit = Visit(wallbox, uid=EMAID)
    answer = await visit.event("Authorized", shows=emaid, place=True)
    assert answer["idTokenInfo"]["status"] == "Invalid"
    assert await plugged.authorize(wallbox) == ("Invalid", None)

    good = by_chain(plugged, plugged.pki.contract())
    assert await plugged.authorize(wallbox, **good) == ("Accepted", "Accepted")
    answer = await visit.event("Authorized", shows=emaid)
    assert answer["idTokenInfo"]["status"] == "Accepted"

    assert (await plugged.authorize(wallbox, **by_chain(plugged, revoked)))[0] == "Invalid"
    await visit.event("EVCommunicationLost", "Ended", stoppedReason="EVDisconnected")
    await wallbox.tell("Available", 1)
    assert await plugged.authorize(wallbox) == ("Accepted", None), "the next car is another one"


@BOTH_WAYS
async def test_an_operator_may_take_such_contracts_and_sees_each(tmp_path: Path, shown: Shown):
    async with plugging(tmp_path, takes_unverified=True) as plugged:
        station = await plugged.csms.newcomer("ocpp2.0.1")
        async with connected(station, plugged.csms.url):
            await station.boot()
            plugged.responder.instead = HttpResponse(503)
            contract = plugged.pki.contract()
            assert await plugged.authorize(station, **shown(plugged, contract)) == ("Accepted", "Accepted")
            assert "503" in (await plugged.csms.strayed(station))["contract certificate not verified"]
            plugged.responder.reset()
            plugged.responder.signer = issued("Stranger")
            plugged.authorities.write_text(plugged.pki.root.pem)
            plugged.responder.revoke(contract)
            told = await plugged.authorize(station, **shown(plugged, contract))
            assert told[0] == ("Invalid" if shown is by_hashes else "Accepted"), "revoked, says somebody"


@both
async def test_a_chain_is_checked_though_hashes_stand_beside_it(plugged: Plugged, wallbox: Station):
    """The hashes are of a good contract, the chain is of a stranger's."""
    stranger = issued(EMAID, issued("Stranger"), ca=False)
    shown = by_hashes(plugged, plugged.pki.contract()) | by_chain(plugged, stranger)
    assert await plugged.authorize(wallbox, **shown) == ("Invalid", "CertChainError")


async def test_the_root_among_the_hashes_is_not_asked_about(plugged: Plugged, wallbox: Station):
    shown = by_hashes(plugged, plugged.pki.contract())
    root = hashes_of(Holder(plugged.pki.root.certificate, plugged.pki.root.key, plugged.pki.root), "")[:1]
    shown["iso15118CertificateHashData"] += root
    assert await plugged.authorize(wallbox, **shown) == ("Accepted", "Accepted")
    only = {"iso15118CertificateHashData": root}
    assert await plugged.authorize(wallbox, **only) == ("Invalid", "CertChainError")


async def test_hashes_in_base64url_and_decimal_serial_numbers_are_understood(
    plugged: Plugged, wallbox: Station
):
    """P-06: so the best-known open station stack writes them."""
    shown = by_hashes(plugged, plugged.pki.contract())
    for one in shown["iso15118CertificateHashData"]:
        for name in ("issuerNameHash", "issuerKeyHash"):
            one[name] = base64.urlsafe_b64encode(bytes.fromhex(one[name])).decode().rstrip("=")
        one["serialNumber"] = str(int(one["serialNumber"], 16))
    assert await plugged.authorize(wallbox, **shown) == ("Accepted", "Accepted")


async def test_an_answer_of_the_responder_is_good_for_the_next_car_of_the_contract(
    plugged: Plugged, wallbox: Station
):
    """C07.FR.05: cached."""
    shown = by_hashes(plugged, plugged.pki.contract())
    assert await plugged.authorize(wallbox, **shown) == ("Accepted", "Accepted")
    plugged.responder.instead = HttpResponse(503)
    assert await plugged.authorize(wallbox, **shown) == ("Accepted", "Accepted")


async def test_a_station_cannot_send_us_to_an_address_of_its_choice(plugged: Plugged, wallbox: Station):
    """P-04."""
    shown = {"iso15118CertificateHashData": hashes_of(plugged.pki.contract(), "http://localhost:22/")}
    assert await plugged.authorize(wallbox, **shown) == ("Invalid", "CertChainError")
    assert (
        "not among the hosts allowed" in (await plugged.csms.strayed(wallbox))["contract certificate refused"]
    )


async def test_a_csms_that_is_not_set_up_for_it_accepts_no_contract(csms: Csms, station: Station):
    token = {"idToken": EMAID, "type": "eMAID"}
    answer = await station.call("Authorize", idToken=token, certificate=issued(EMAID, ca=False).pem)
    assert answer["certificateStatus"] == "CertChainError"
    assert answer["idTokenInfo"]["status"] == "Invalid"


# --- M06, M07: the status of a certificate -----------------------------------------------------------


@case("TC_M_24_CSMS")
@pytest.mark.parametrize("state", [ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED])
@both
async def test_a_station_is_given_the_responders_own_answer(
    plugged: Plugged, wallbox: Station, state: ocsp.OCSPCertStatus
):
    contract = plugged.pki.contract()
    plugged.responder.states[contract.certificate.serial_number] = state
    (asked, *_) = hashes_of(contract, plugged.responder.url)
    answer = await wallbox.call("GetCertificateStatus", ocspRequestData=asked)
    assert answer["status"] == "Accepted"
    told = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
    assert told.certificate_status is state
    assert f"{told.serial_number:x}" == asked["serialNumber"]
    key = plugged.pki.sub2.key.public_key()
    key.verify(told.signature, told.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


@both
async def test_a_status_that_cannot_be_had_is_failed_and_the_operator_sees_why(
    plugged: Plugged, wallbox: Station
):
    plugged.responder.instead = HttpResponse(503)
    (asked, *_) = hashes_of(plugged.pki.contract(), plugged.responder.url)
    answer = await wallbox.call("GetCertificateStatus", ocspRequestData=asked)
    assert answer["status"] == "Failed"
    assert "ocspResult" not in answer
    assert "503" in (await plugged.csms.strayed(wallbox))["certificate status not learnt"]


@pytest.mark.parametrize("wallbox", ["ocpp2.1"], indirect=True)
@pytest.mark.parametrize("source", ["OCSP", "CRL"])
async def test_the_status_of_each_of_a_chain_is_told(plugged: Plugged, wallbox: Station, source: str):
    """OCPP 2.1 M07. Certificates of two issuers: the list is of one of them only."""
    plugged.responder.holders.clear()
    good, bad = plugged.pki.contract(), plugged.pki.contract()
    plugged.responder.revoke(bad)
    plugged.responder.knows(plugged.pki.sub1, plugged.pki.sub2)
    stranger = issued("Nobody", issued("Stranger"), ca=False)
    plugged.responder.knows(stranger)
    asked = []
    for holder in (good, bad, stranger):
        named = hashes_of(holder, "")[0]
        del named["responderURL"]
        asked.append({"certificateHashData": named, "source": source, "urls": [plugged.responder.url]})
    answer = await wallbox.call("GetCertificateChainStatus", certificateStatusRequests=asked)
    told = answer["certificateStatus"]
    assert [one["certificateHashData"] for one in told] == [one["certificateHashData"] for one in asked]
    assert [one["source"] for one in told] == [source] * 3
    assert [one["status"] for one in told] == ["Good", "Revoked", "Failed"]
    assert all(datetime.fromisoformat(one["nextUpdate"]) for one in told)


# --- M01, M02: contract certificates for cars --------------------------------------------------------

NAMESPACE = "urn:iso:15118:2:2013:MsgDef"


def wants(exi: str, action: str = "Install") -> dict[str, Json]:
    return {"iso15118SchemaVersion": NAMESPACE, "action": action, "exiRequest": exi}


@pytest.mark.parametrize(
    "action",
    [
        pytest.param("Install", marks=case("TC_M_26_CSMS")),
        pytest.param("Update", marks=case("TC_M_28_CSMS")),
    ],
)
@both
async def test_a_car_gets_what_the_pool_has_for_it(plugged: Plugged, wallbox: Station, action: str):
    """Neither message is opened on the way."""
    exi = plugged.pool.has(f"{action} of {wallbox.name}".encode(), (EMAID, b"\x80\x98the answer"))
    answer = await wallbox.call("Get15118EVCertificate", **wants(exi, action))
    assert answer == {"status": "Accepted", "exiResponse": base64.b64encode(b"\x80\x98the answer").decode()}
    sent = json.loads(plugged.pool.asked[-1].body)
    assert sent == {"certificateInstallationReq": exi, "xsdMsgDefNamespace": NAMESPACE}


@pytest.mark.parametrize("wallbox", ["ocpp2.1"], indirect=True)
async def test_a_car_with_several_contracts_gets_the_one_it_would_like_first(
    plugged: Plugged, wallbox: Station
):
    """OCPP 2.1: maximumContractCertificateChains, prioritizedEMAIDs, remainingContracts."""
    contracts = (("SERETC00000003X", b"third"), ("SERETC00000004X", b"fourth"), ("SERETC00000005X", b"fifth"))
    exi = plugged.pool.has(b"several", *contracts)
    more = {"maximumContractCertificateChains": 3, "prioritizedEMAIDs": ["SE-RET-C00000004", "SE9"]}
    answer = await wallbox.call("Get15118EVCertificate", **wants(exi), **more)
    assert base64.b64decode(answer["exiResponse"]) == b"fourth"
    assert answer["remainingContracts"] == 2


NONE = {
    "no contract": (None, "404"),
    "an error": (HttpResponse(500), "500"),
    "no JSON": (HttpResponse(200, {}, b"<html>"), "not as expected"),
    "no contents": (HttpResponse(200, {}, b'{"CCPResponse": {"emaidContent": []}}'), "no contract"),
    "no Base64": (
        HttpResponse(
            200,
            {},
            b'{"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": "?"}}]}}',
        ),
        "not Base64",
    ),
    "too much": (
        HttpResponse(
            200,
            {},
            b'{"CCPResponse": {"emaidContent": [{"messageDef": {"certificateInstallationRes": "'
            + b"AAAA" * 5000
            + b'"}}]}}',
        ),
        "20000 characters",
    ),
}


@pytest.mark.parametrize("how", NONE)
@both
async def test_a_car_for_which_the_pool_has_nothing_is_told_so(plugged: Plugged, wallbox: Station, how: str):
    """P-03: exiResponse is there all the same."""
    plugged.pool.instead, says = NONE[how]
    answer = await wallbox.call("Get15118EVCertificate", **wants(base64.b64encode(b"unknown").decode()))
    assert answer["status"] == "Failed"
    assert answer["exiResponse"] == ""
    assert says in (await plugged.csms.strayed(wallbox))["contract certificate not fetched"]


async def test_a_car_without_a_pool_is_told_so(csms: Csms, station: Station):
    answer = await station.call("Get15118EVCertificate", **wants("gJgC"))
    assert answer["status"] == "Failed"
    assert "no pool" in (await csms.strayed(station))["contract certificate not fetched"]
