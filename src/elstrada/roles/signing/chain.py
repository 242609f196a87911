"""What an authority gives back: in order, the station's own, and told in few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from elstrada.net.reading import UNREADABLE
from elstrada.roles.signing.face import Asked, NotSigned

MOST_CHARACTERS = 10_000
"""Of a chain in OCPP, all versions (CertificateSigned.certificateChain)."""
_MOST_CERTIFICATES = 10


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A station's certificate, and its chain as the station is sent it."""

    chain: str
    """PEM, the station's own first, without the root."""
    fingerprint: str
    """SHA-256 of the certificate, hexadecimal."""
    serial: str
    """Hexadecimal."""
    issuer: str
    begins_at: datetime
    ends_at: datetime


def signed_chain(asked: Asked, given: Iterable[x509.Certificate], now: datetime) -> Signed:
    """Put what an authority gave in order, and see that the station can use it.

    Raises:
        NotSigned: it cannot.
    """
    certificates = list(given)[:_MOST_CERTIFICATES]
    mine = [one for one in certificates if _key_of(one) == _key_of(asked.request)]
    if len(mine) != 1:
        raise NotSigned(f"the authority gave {len(mine)} certificates of the station's key; expected one")
    own = mine[0]
    names = [str(part.value) for part in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [asked.name]:
        raise NotSigned(f"the authority signed for {', '.join(names)[:60]!r}, not for {asked.name!r}")
    if own.not_valid_after_utc <= now:
        raise NotSigned(f"the authority's certificate ended on {own.not_valid_after_utc:%Y-%m-%d}")
    chain = "".join(_pem(one) for one in _upwards(own, certificates))
    if len(chain) > MOST_CHARACTERS:
        raise NotSigned(f"its chain has {len(chain)} characters; OCPP takes {MOST_CHARACTERS}")
    return Signed(
        chain=chain,
        fingerprint=own.fingerprint(hashes.SHA256()).hex(),
        serial=f"{own.serial_number:x}",
        issuer=own.issuer.rfc4514_string()[:200],
        begins_at=own.not_valid_before_utc,
        ends_at=own.not_valid_after_utc,
    )


def _upwards(own: x509.Certificate, certificates: list[x509.Certificate]) -> Iterable[x509.Certificate]:
    """From the station's own to the last below the root, which the station has or must not take from here."""
    yield own
    left = [one for one in certificates if one is not own]
    below = own
    while (above := next((one for one in left if _issued(one, below)), None)) is not None:
        left.remove(above)
        if above.issuer == above.subject:
            return
        yield above
        below = above


def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _key_of(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(one: x509.Certificate) -> str:
    return one.public_bytes(Encoding.PEM).decode()
