"""A car plugs and charges through a whole process: its contract, the station's certificate for it, a new contract."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import websockets
from cryptography import x509
from cryptography.x509 import ocsp
from installation import Installation, Nursery, Party, serving, wait_for
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call, call_result
from ocpp_stations import Station16, Station201, plugged_in

from contracts import EMAID, Pki, Pool, Responder, chain_of, hashes_of, world
from csrs import csr, new_key

BOTH = Party("SE*ELS", 'CPO", "EMSP', "Elstrada Laddning")
PNC = "org.openchargealliance.iso15118pnc"


class Station(Station201):
    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket)
        self.given: list[dict[str, Any]] = []

    @on("CertificateSigned")
    def on_signed(self, **fields: Any) -> call_result.CertificateSigned:
        self.given.append(fields)
        return call_result.CertificateSigned(status="Accepted")  # type: ignore[arg-type]

    async def shows(self, **shown: Any) -> tuple[str, str | None]:
        """A car shows its contract."""
        answer = await self.call(call.Authorize(id_token={"id_token": EMAID, "type": "eMAID"}, **shown))
        return answer.id_token_info["status"], answer.certificate_status


class Old(Station16):
    """One of OCPP 1.6, which says the same within DataTransfer."""

    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket)
        self.told: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def transfer(self, action: str, data: str) -> result16.DataTransfer:
        return await self.call(call16.DataTransfer(vendor_id=PNC, message_id=action, data=data))

    async def within(self, action: str, /, **fields: Any) -> dict[str, Any]:
        answer = await self.transfer(action, json.dumps(fields))
        assert answer.status == "Accepted"
        return json.loads(answer.data)

    async def shows(self, **shown: Any) -> tuple[str, str | None]:
        """A car shows its contract."""
        told = await self.within("Authorize", idToken={"idToken": EMAID, "type": "eMAID"}, **shown)
        return told["idTokenInfo"]["status"], told.get("certificateStatus")

    @on("DataTransfer")
    def on_data(self, vendor_id: str, message_id: str, data: str) -> result16.DataTransfer:
        assert vendor_id == PNC
        self.told.put_nowait((message_id, json.loads(data)))
        status = self.answers.get(message_id, "Accepted")
        return result16.DataTransfer(status="Accepted", data=json.dumps({"status": status}))


class Home(NamedTuple):
    installation: Installation
    pki: Pki
    responder: Responder
    pool: Pool


@pytest.fixture
async def home(nursery: Nursery, tmp_path: Path) -> AsyncIterator[Home]:
    async with world() as (responder, pool):
        pki, authorities = Pki(responder), tmp_path / "contracts.pem"
        authorities.write_text(pki.authorities)
        before = Installation(tmp_path / "before", nursery, (BOTH,))
        made = before.run("ca", "make", str(tmp_path / "v2g"), "--organization", "Els")
        assert made.code == 0, made.stderr
        settings = (
            f'stations.v2g_authority.folder = "{tmp_path}/v2g"',
            f'stations.plug_and_charge.authorities = ["{authorities}"]',
            'stations.plug_and_charge.responders = ["127.0.0.1"]',
            f'stations.plug_and_charge.pool = "{pool.url}"',
            'stations.plug_and_charge.pool_headers = { authorization = "Bearer of-the-pool" }',
        )
        installation = Installation(tmp_path / "home", nursery, (BOTH,), settings)
        with contextlib.ExitStack() as stack:
            # The responder and the pool live in this event loop, which must not stand still meanwhile.
            await asyncio.to_thread(stack.enter_context, serving(installation))
            yield Home(installation, pki, responder, pool)
            await asyncio.to_thread(stack.close)


def set_up(office: Installation) -> str:
    """Returns the password of a station."""
    office.done("customer put", id="C1", name="Anna Ek")
    office.done("plan put", id="P1", name="Fast", mode="FIXED_PER_KWH", price_per_kwh="2.5")
    office.done("contract put", id=EMAID, customer="C1", plan="P1", supply_point="735999")
    office.done("token add", uid=EMAID, contract=EMAID, type="EMAID")
    return office.done("station add", station="CP1")["password"]


async def test_a_car_charges_by_its_contract_and_gets_a_new_one(home: Home) -> None:
    office, pki = home.installation, home.pki
    password = await asyncio.to_thread(set_up, office)
    contract, revoked = pki.contract(), pki.contract()
    home.responder.revoke(revoked)
    async with plugged_in(Station, "CP1", office.stations_url, password) as station:
        assert await station.boot() == "Accepted"
        hashes = snake(hashes_of(contract, home.responder.url))
        assert await station.shows(iso15118_certificate_hash_data=hashes) == ("Accepted", "Accepted")
        assert await station.shows(certificate=chain_of(contract)) == ("Accepted", "Accepted")
        assert await station.shows(certificate=chain_of(revoked)) == ("Invalid", "CertificateRevoked")

        told = await station.call(call.GetCertificateStatus(ocsp_request_data=hashes[0]))
        answer = ocsp.load_der_ocsp_response(base64.b64decode(told.ocsp_result))
        assert answer.serial_number == contract.certificate.serial_number

        wish = {"iso15118_schema_version": "urn:iso:15118:2:2013:MsgDef", "action": "Install"}
        exi = home.pool.has(b"\x80\x98a wish", (EMAID, b"\x80\x98an answer"))
        got = await station.call(call.Get15118EVCertificate(exi_request=exi, **wish))
        assert (got.status, base64.b64decode(got.exi_response)) == ("Accepted", b"\x80\x98an answer")

        key = new_key()
        request = call.SignCertificate(csr=csr(key, "CP1"), certificate_type="V2GCertificate")
        assert (await station.call(request)).status == "Accepted"
        async with asyncio.timeout(20):
            while not station.given:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        (given,) = station.given
        assert given["certificate_type"] == "V2GCertificate"
        own = x509.load_pem_x509_certificates(given["certificate_chain"].encode())[0]
        assert own.public_key() == key.public_key()

        def listed() -> list[Any]:
            return [one for one in office.told("station", "certificates") if one["used"]]

        # Its answer must have been heard before it leaves.
        (line,) = await asyncio.to_thread(wait_for, listed, "the certificate that it shows to cars")
    assert (line["kind"], line["serial"]) == ("V2GCertificate", f"{own.serial_number:x}")

    def refused() -> list[Any]:
        found = office.told("finding", "list")
        return [one["sample"] for one in found if one["code"] == "contract certificate refused"]

    (sample,) = await asyncio.to_thread(wait_for, refused, "the finding")
    assert sample.startswith("CertificateRevoked: ")
    doctor = json.loads((await asyncio.to_thread(office.run, "doctor", "--partners", "--json")).stdout)
    said = {one["says"]: one["level"] for one in doctor if one["area"] in ("certificates", "plug and charge")}
    assert said["the pool of contracts answers"] == "fine"
    assert said[f"CN=MO Sub 2 is Good, says {home.responder.url}"] == "fine"
    assert said["3 authorities of contracts, 1 of them roots"] == "fine"
    frames = await asyncio.to_thread(office.run, "station", "log", "CP1")
    assert "GetCertificateStatus" in frames.stdout, frames
    (name,) = contract.certificate.subject
    for secret in (contract.pem.splitlines()[1], exi, str(name.value)):
        assert secret not in frames.stdout, "what a car shows and gets is not in the wire log"


async def test_a_car_charges_by_its_contract_at_a_station_of_1_6(home: Home, tmp_path: Path) -> None:
    """The application note of the Open Charge Alliance: messages of 2.0.1 within DataTransfer."""
    office, pki = home.installation, home.pki
    password = await asyncio.to_thread(set_up, office)
    contract, revoked = pki.contract(), pki.contract()
    home.responder.revoke(revoked)
    async with plugged_in(Old, "CP1", office.stations_url, password) as station:
        assert await station.boot() == "Accepted"
        hashes = hashes_of(contract, home.responder.url)
        assert await station.shows(iso15118CertificateHashData=hashes) == ("Accepted", "Accepted")
        assert await station.shows(certificate=chain_of(contract)) == ("Accepted", "Accepted")
        assert await station.shows(certificate=chain_of(revoked)) == ("Invalid", "CertificateRevoked")

        told = await station.within("GetCertificateStatus", ocspRequestData=hashes[0])
        answer = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
        assert answer.serial_number == contract.certificate.serial_number

        wish = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install"}
        exi = home.pool.has(b"\x80\x98a wish", (EMAID, b"\x80\x98an answer"))
        got = await station.within("Get15118EVCertificate", exiRequest=exi, **wish)
        assert (got["status"], base64.b64decode(got["exiResponse"])) == ("Accepted", b"\x80\x98an answer")

        await asyncio.to_thread(
            office.done, "station command", station="CP1", command="TRIGGER", message="SignV2GCertificate"
        )
        assert await station.told.get() == ("TriggerMessage", {"requestedMessage": "SignV2GCertificate"})
        key = new_key()
        assert await station.within("SignCertificate", csr=csr(key, "CP1")) == {"status": "Accepted"}
        async with asyncio.timeout(20):
            action, given = await station.told.get()
        assert (action, given["certificateType"]) == ("CertificateSigned", "V2GCertificate")
        own = x509.load_pem_x509_certificates(given["certificateChain"].encode())[0]
        assert own.public_key() == key.public_key()

        root = tmp_path / "root.pem"
        root.write_text(pki.root.pem)
        trust = ("station", "trust", "CP1", str(root), "--use", "mo")
        done = await asyncio.to_thread(office.run, *trust)
        assert done.code == 0, done.stderr
        action, given = await station.told.get()
        assert (action, given["certificateType"]) == ("InstallCertificate", "MORootCertificate")
        assert x509.load_pem_x509_certificate(given["certificate"].encode()) == pki.root.certificate
        station.answers["InstallCertificate"] = "Rejected"
        done = await asyncio.to_thread(office.run, *trust)
        assert (done.code, "Rejected" in done.stderr) == (5, True)

        assert (await station.transfer("Authorize", "no JSON")).status == "Rejected"
        assert (await station.transfer("Dance", "{}")).status == "UnknownMessageId"
        assert await station.boot() == "Accepted", "it is served all the same"

    def found() -> list[Any]:
        strayed = [one for one in office.told("finding", "list") if "DataTransfer" in str(one)]
        return strayed if len(strayed) >= 2 else []

    await asyncio.to_thread(wait_for, found, "what the two strays are")
    frames = await asyncio.to_thread(office.run, "station", "log", "CP1")
    assert "GetCertificateStatus" in frames.stdout, frames
    for secret in (contract.pem.splitlines()[1], exi, got["exiResponse"], EMAID):
        assert secret not in frames.stdout, "what a car shows and gets is not in the wire log"


def snake(hashes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the package ``ocpp`` wants its fields."""
    names = {
        "hashAlgorithm": "hash_algorithm",
        "issuerNameHash": "issuer_name_hash",
        "issuerKeyHash": "issuer_key_hash",
        "serialNumber": "serial_number",
        "responderURL": "responder_url",
    }
    return [{names[name]: value for name, value in one.items()} for one in hashes]
