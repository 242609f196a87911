"""A CSMS with a door of TLS, and stations that are raised from one security profile to the next."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import websockets
from cert_csms import Csms
from cert_station import Json, Station, connected
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from authority import Authority, Issued, trusting, written
from csrs import csr, new_key


class Secured(NamedTuple):
    """The CSMS, and the authorities of its own certificates, of its stations' and of strangers'."""

    csms: Csms
    ours: Authority
    theirs: Authority
    strangers: Authority
    v2g: Path
    """The certificate of the authority that signs what is for cars."""


async def refused(
    station: Station, url: str, tls: ssl.SSLContext | None = None, username: str | None = None
) -> int:
    """The status that a knock is refused with; 0 if TLS fails before it, 101 if it is not refused."""
    try:
        await station.connect(url, tls, username)
    except websockets.InvalidStatus as knock:
        return knock.response.status_code
    except (ssl.SSLError, ConnectionError, websockets.InvalidMessage):
        return 0
    await station.disconnect()
    return 101


async def enters(station: Station, url: str, tls: ssl.SSLContext | None = None) -> None:
    """It comes, boots, and tells of its connectors."""
    async with connected(station, url, tls):
        await station.boot()
        await station.tell("Available", 1)


async def told_a_password(csms: Csms, station: Station, status: str) -> tuple[str, object]:
    """The operator has the station take a new password. Returns that, and what he is told of it."""
    verb, params = "station password", {"station": station.name}
    if station.protocol == "ocpp1.6":
        asked, end = await csms.asking(station, "ChangeConfiguration", verb, params, {"status": status})
        new = asked["value"]
        assert asked == {"key": "AuthorizationKey", "value": new}
        assert len(bytes.fromhex(new)) == 20
        return new, end
    slot = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    answer: Json = {"setVariableResult": [{**slot, "attributeStatus": status}]}
    asked, end = await csms.asking(station, "SetVariables", verb, params, answer)
    (data,) = asked["setVariableData"]
    assert data.pop("attributeType", "Actual") == "Actual"
    new = data["attributeValue"]
    assert data == {**slot, "attributeValue": new}
    assert 16 <= len(new) <= 40, "A00.FR.205"
    return new, end


async def renews(
    secured: Secured,
    station: Station,
    told: Callable[[], Awaitable[None]],
    answer: str,
    of: str | None = "ChargingStationCertificate",
    name: str = "",
) -> Issued:
    """Memory state RenewChargingStationCertificate: it is told to, asks, and is given one of its new key.

    Args:
        told: the operator has it ask.
        answer: what it says of the certificate.
        of: its type; None: the station does not say, which with 2.0.1 means for both uses.
        name: its CN, if that is not the station's identity.
    Returns:
        What it was given, with its key.
    """
    key = new_key()
    newer = station.protocol != "ocpp1.6"
    kind: Json = {"certificateType": of} if newer and of is not None else {}
    await told()
    request = csr(key, name or station.name, organization="Elstrada tests")
    assert await station.call("SignCertificate", csr=request, **kind) == {"status": "Accepted"}
    asked = await station.asked("CertificateSigned")
    chain = asked.payload["certificateChain"]
    assert asked.payload == {"certificateChain": chain, **kind}
    certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    assert certificate.public_key() == key.public_key()
    assert certificate.serial_number > 0
    (named,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert named.value == (name or station.name)
    await asked.answer(status=answer)
    return written(secured.theirs.folder, f"{station.name}-new", chain.encode(), key)


SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": ec.EllipticCurvePublicKey,
    "ECDHE-ECDSA-AES256-GCM-SHA384": ec.EllipticCurvePublicKey,
    "AES128-GCM-SHA256": rsa.RSAPublicKey,
    "AES256-GCM-SHA384": rsa.RSAPublicKey,
}
"""The four suites that A00.FR.318 demands, as OpenSSL calls them, and the kind of key that each needs."""
LEAST_BITS = {ec.EllipticCurvePublicKey: 224, rsa.RSAPublicKey: 2048}


async def speaks(secured: Secured, station: Station, suite: str, own: Issued | None = None) -> None:
    """A station that knows this suite alone comes in, and is shown a certificate that may serve."""
    trust = trusting(secured.ours, own=own)
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers(suite)
    async with connected(station, secured.csms.tls_url, trust):
        assert station.tls.version() == "TLSv1.2"
        agreed = station.tls.cipher()
        assert agreed is not None
        assert agreed[0] == suite
        shown = x509.load_der_x509_certificate(station.tls.getpeercert(binary_form=True) or b"")
        key = shown.public_key()
        assert isinstance(key, SUITES[suite])
        assert key.key_size >= LEAST_BITS[SUITES[suite]]
        assert shown.serial_number > 0
        (name,) = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == "localhost"
        await station.boot()
        await station.tell("Available", 1)


async def raised_by(
    secured: Secured, station: Station, profile: int, told: Callable[[], Awaitable[None]]
) -> None:
    """The operator tells a station how to come, resets it, and it never comes by the old profile again."""
    csms = secured.csms
    ways = {
        1: (csms.url, None),
        2: (csms.tls_url, trusting(secured.ours)),
        3: (csms.tls_url, trusting(secured.ours, own=secured.theirs.station(station.name))),
    }
    password = station.password
    async with connected(station, *ways[profile]):
        await station.boot()
        await told()
        asked, _ = await csms.commands(station, "RESET", "Reset", answer={"status": "Accepted"}, hard=True)
        assert asked["type"] in ("Hard", "Immediate")
    station.password = "" if profile + 1 == 3 else password
    await enters(station, *ways[profile + 1])
    await csms.raised(station, profile + 1)
    station.password = password
    assert await refused(station, *ways[profile]) == 403
    station.password = "" if profile + 1 == 3 else password
    await enters(station, *ways[profile + 1])
