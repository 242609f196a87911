"""A Plug & Charge world for tests: mobility operators' authorities, contracts, an OCSP responder and a pool."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.http import Mount, listen, nowhere, serve_http
from elstrada.roles.signing.hashes import hash_data

DAY = timedelta(days=1)
EMAID = "SERETC00000001X"


class Holder(NamedTuple):
    """A certificate with its key, and who issued it; a root itself."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: Holder | None = None

    @property
    def issuer(self) -> Holder:
        return self.above or self

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:x}"

    @property
    def chain(self) -> tuple[Holder, ...]:
        """Itself and what stands above it, without the root."""
        return (self, *self.above.chain) if self.above is not None else ()


def issued(
    name: str,
    above: Holder | None = None,
    *,
    ca: bool = True,
    begins: timedelta = -2 * DAY,
    ends: timedelta = 365 * DAY,
    responder: str | None = None,
    path_length: int | None = None,
    uses: Iterable[x509.ObjectIdentifier] = (),
    more: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> Holder:
    """Make a certificate.

    Args:
        above: who issues it; None: itself.
        responder: the OCSP responder that it names.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() >> 32)  # Of 39 digits at most, in decimal.
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if responder is not None:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(above.key if above is not None else key, hashes.SHA256())
    return Holder(certificate, key, above)


class Responder:
    """An OCSP responder over HTTP, which also gives out revocation lists, good and bad."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.holders: dict[int, Holder] = {}
        self.states: dict[int, ocsp.OCSPCertStatus] = {}
        """By serial number; what is not here is good."""
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """Answer again as a responder should."""
        self.signer: Holder | None = None
        """Whose signature stands under every answer; None: the issuer's of the certificate."""
        self.shown: tuple[x509.Certificate, ...] = ()
        """Certificates that come with an answer."""
        self.begins, self.ends = -timedelta(hours=1), timedelta(hours=1)
        self.about: Holder | None = None
        """Whom every answer is about; None: who was asked about."""
        self.instead: HttpResponse | None = None

    def knows(self, *holders: Holder) -> None:
        self.holders |= {one.certificate.serial_number: one for one in holders}

    def revoke(self, holder: Holder) -> None:
        self.states[holder.certificate.serial_number] = ocsp.OCSPCertStatus.REVOKED

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        self.asked.append(request)
        if self.instead is not None:
            return self.instead
        if request.method == "GET":
            return HttpResponse(200, {"content-type": "application/pkix-crl"}, self.revoked())
        asked = ocsp.load_der_ocsp_request(request.body)
        holder = self.about or self.holders[asked.serial_number]
        return HttpResponse(200, {"content-type": "application/ocsp-response"}, self.told(holder, asked))

    def told(self, holder: Holder, asked: ocsp.OCSPRequest) -> bytes:
        now = datetime.now(UTC)
        status = self.states.get(holder.certificate.serial_number, ocsp.OCSPCertStatus.GOOD)
        signer = self.signer or holder.issuer
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=holder.certificate,
            issuer=holder.issuer.certificate,
            algorithm=asked.hash_algorithm,
            cert_status=status,
            this_update=now + self.begins,
            next_update=now + self.ends,
            revocation_time=now - DAY if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if self.shown:
            builder = builder.certificates(list(self.shown))
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def revoked(self) -> bytes:
        """The revocation list of the issuer of the first that it knows, DER."""
        now, issuer = datetime.now(UTC), next(iter(self.holders.values())).issuer
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now + self.begins)
            .next_update(now + self.ends)
        )
        for serial, state in self.states.items():
            if state is ocsp.OCSPCertStatus.REVOKED:
                revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY)
                builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign((self.signer or issuer).key, hashes.SHA256()).public_bytes(Encoding.DER)


class Pki:
    """A mobility operator's root, two authorities below it, and contracts that name the responder."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self.root = issued("MO Root")
        self.sub1 = issued("MO Sub 1", self.root, responder=responder.url, path_length=1)
        self.sub2 = issued("MO Sub 2", self.sub1, responder=responder.url, path_length=0)
        responder.knows(self.sub1, self.sub2)

    def contract(self, emaid: str = EMAID, ends: timedelta = 90 * DAY) -> Holder:
        made = issued(emaid, self.sub2, ca=False, ends=ends, responder=self.responder.url)
        self.responder.knows(made)
        return made

    @property
    def authorities(self) -> str:
        """The operator's file: the root, and those below it."""
        return self.root.pem + self.sub1.pem + self.sub2.pem


def chain_of(holder: Holder) -> str:
    """As a car shows it."""
    return "".join(one.pem for one in holder.chain)


def hashes_of(holder: Holder, url: str, algorithm: str = "SHA256") -> list[dict[str, Any]]:
    """The whole chain as a station names it."""
    named = (hash_data(one.certificate, one.issuer.certificate, algorithm) for one in holder.chain)
    return [{**msgspec.to_builtins(one), "responderURL": url} for one in named]


class Pool:
    """A pool of contract certificates as the Open Plug&Charge Protocol has it."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.contracts: dict[str, list[tuple[str, bytes]]] = {}
        """eMAID and answer in EXI, by what the car sends in Base64."""
        self.instead: HttpResponse | None = None
        self.url = ""

    def has(self, exi: bytes, *contracts: tuple[str, bytes]) -> str:
        asked = base64.b64encode(exi).decode()
        self.contracts[asked] = list(contracts)
        return asked

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        self.asked.append(request)
        if self.instead is not None:
            return self.instead
        if request.headers.get("authorization") != "Bearer of-the-pool":
            return HttpResponse(401)
        if (request.method, request.path) != ("POST", "/pool/v1/ccp/signedContractData"):
            return HttpResponse(404)
        asked = msgspec.json.decode(request.body)
        found = self.contracts.get(asked["certificateInstallationReq"])
        if found is None:
            return HttpResponse(404, {}, b'{"message": "no contract"}')
        contents = [
            {"messageDef": {"certificateInstallationRes": base64.b64encode(exi).decode(), "emaid": emaid}}
            for emaid, exi in found
        ]
        told = {
            "CCPResponse": {"emaidContent": contents},
            "xsdMsgDefNamespace": asked["xsdMsgDefNamespace"],
        }
        return HttpResponse(200, {"content-type": "application/json"}, msgspec.json.encode(told))


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[tuple[Responder, Pool]]:
    """Both, on one real HTTP server."""
    responder, pool = Responder(), Pool()
    listening = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    responder.url, pool.url = f"{base}/ocsp", f"{base}/pool"
    serving = await serve_http([Mount("/ocsp", responder), Mount("/pool", pool)], nowhere, listening)
    try:
        yield responder, pool
    finally:
        await serving.close()


def prepared_name(exi: bytes) -> str:
    return f"{hashlib.sha256(exi).hexdigest()}.exi"
