"""What a station asks to have signed: is it its own, and strong enough?

Source: OCPP 2.0.1 part 2, A00.FR.403, 404, 501 to 511 and A02; OCPP 1.6 security whitepaper, the same.
Of certificates for cars: ISO 15118-2 annex F (DC=CPO, elliptic curves only), ISO 15118-20 (Ed448 as well).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from elstrada.net.reading import UNREADABLE
from elstrada.roles.signing.face import Asked, Leaf

LEAST_RSA_BITS, LEAST_EC_BITS = 2048, 256
CPO = "CPO"
"""The DC of a station's certificate for cars; one that leaves it out is given it by the authority."""
_BEGIN = "-----BEGIN "
_SAID = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
_IDENTITIES = (NameOID.SERIAL_NUMBER, NameOID.USER_ID, NameOID.EMAIL_ADDRESS)
"""Parts of a name beside CN that may say who somebody is."""


def read_request(
    pem: str,
    station_id: str,
    organization: str | None,
    leaf: Leaf = Leaf.STATION,
    secc_ids: Collection[str] = (),
) -> Asked | str:
    """Look at a request.

    Args:
        organization: the O it must bear; None: any.
        leaf: what the certificate is for.
        secc_ids: as the station calls itself to cars; good for a certificate for cars alone.
    Returns:
        The request, or why it is not signed.
    """
    if pem.count(_BEGIN) != 1:
        return "it is not one certificate signing request in PEM"
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        genuine = request.is_signature_valid
        name = _name(request, station_id, () if leaf.opens_our_door else secc_ids)
        faults = [*_weak(request, leaf), *_foreign(request, name, organization, leaf)]
    except UNREADABLE:
        return "it is no certificate signing request in PEM that can be read"
    if not genuine:
        return "its signature is not of the key that it holds"
    return faults[0] if faults else Asked(name, request, leaf)


def _name(request: x509.CertificateSigningRequest, station_id: str, secc_ids: Collection[str]) -> str:
    """Which of the station's names it should bear."""
    named = [_text(part) for part in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return named[0] if len(named) == 1 and named[0] in secc_ids else station_id


def _weak(request: x509.CertificateSigningRequest, leaf: Leaf) -> Iterator[str]:
    public = request.public_key()
    match public:
        case RSAPublicKey() if leaf.is_for_cars:
            yield "its key is RSA, which cars do not know"
        case Ed448PublicKey() if leaf is Leaf.SECC_20:
            pass
        case RSAPublicKey() if public.key_size >= LEAST_RSA_BITS:
            pass
        case EllipticCurvePublicKey() if public.key_size >= LEAST_EC_BITS:
            pass
        case RSAPublicKey() | EllipticCurvePublicKey():
            yield (
                f"its key has {public.key_size} bits; expected RSA of {LEAST_RSA_BITS} or ECDSA of {LEAST_EC_BITS}"
            )
        case _:
            yield "its key is neither RSA nor ECDSA"


def _foreign(
    request: x509.CertificateSigningRequest, station_id: str, organization: str | None, leaf: Leaf
) -> Iterator[str]:
    """Names in it that are not the station's: the authority might take them over."""
    names, organizations = (
        [_text(part) for part in request.subject.get_attributes_for_oid(oid)] for oid in _SAID
    )
    if names != [station_id]:
        yield f"its CN is {', '.join(names)[:60]!r}, not the station's identity {station_id!r}"
    if organization is not None and organizations != [organization]:
        yield f"its O is {', '.join(organizations)[:64]!r}, not {organization!r}"
    domains = [_text(part) for part in request.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)]
    if leaf.is_for_cars and domains not in ([], [CPO]):
        yield f"its DC is {', '.join(domains)[:60]!r}, not {CPO!r}"
    for oid in _IDENTITIES:
        for part in request.subject.get_attributes_for_oid(oid):
            if _text(part) != station_id:
                yield f"its name bears a second identity, {_text(part)[:60]!r}"
    for extension in request.extensions:
        match extension.value:
            case x509.SubjectAlternativeName():
                known = [x509.DNSName(station_id)] if station_id.isascii() else []
                if any(name not in known for name in extension.value):
                    yield "it asks for another name beside the station's identity"
            case x509.BasicConstraints(ca=True):
                yield "it asks to be an authority itself"
            case _:
                pass


def _text(part: x509.NameAttribute[str | bytes]) -> str:
    return str(part.value)
