"""Who may connect as which station: decided before anything else is done (T1, T5).

Source: OCPP 1.6 security whitepaper §2; OCPP 2.0.1 part 2 A00.FR.204, 403 to 408; part 4 §3.1.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import unquote

import msgspec

from elstrada.model.security import ClientCertificate, NewPassword, Secured, SecurityProfile, StationSecurity

IDENTITY_LENGTH = 48


class Credential(msgspec.Struct, frozen=True):
    """What is known of a station before it is let in."""

    owner: str
    station_id: str
    password_hash: bytes | None
    security: StationSecurity = StationSecurity()
    hex_password: bool = False
    """The hexadecimal text of its password is as good as the bytes (rule 7)."""
    next_hash: bytes | None = None
    """Of a password that was offered: it is as good, and it is not known yet how the station will show it."""


class Proof(msgspec.Struct, frozen=True):
    """Whose an entry is."""

    credential: Credential
    new_password: NewPassword | None = None
    """If that is what was shown (T5)."""


class Entry(msgspec.Struct, frozen=True):
    """The identity somebody claims, and how."""

    station_id: str
    password: bytes
    """Empty for a certificate, which proves the identity by itself."""
    profile: SecurityProfile


def claimed(
    path: str,
    authorization: str | None,
    secured: Secured | None = None,
    *,
    now: datetime,
    organization: str | None = None,
) -> Entry | str:
    """Read from a request who asks, and how that is to be proven.

    Args:
        path: request path; its last segment, percent-decoded, is the identity.
        authorization: the Authorization header; of no account beside a certificate.
        secured: what TLS tells of the caller.
        organization: the O that a certificate must bear; None: any.
    Returns:
        The claim, or the reason there is none.
    """
    station_id = unquote(path.rstrip("/").rsplit("/", 1)[-1])
    if not station_id or len(station_id) > IDENTITY_LENGTH or not station_id.isprintable():
        return "no valid identity in the path"
    if secured is not None and secured.certificate is not None:
        fault = _fault(secured.certificate, station_id, organization, now)
        return fault or Entry(station_id, b"", SecurityProfile.CERTIFICATE)
    if authorization is None or not authorization.lower().startswith("basic "):
        return "no Basic authorization"
    try:
        shown = base64.b64decode(authorization[6:].strip(), validate=True)
    except binascii.Error:
        return "the Basic authorization is not base64"
    # RFC 7617 knows no user with a colon, and OCPP knows such identities: the path says where it ends.
    user = f"{station_id}:".encode()
    if not shown.startswith(user):
        return "the user name is not the identity in the path"
    password = shown[len(user) :]
    if not password:
        return "the password is empty"
    return Entry(
        station_id, password, SecurityProfile.BASIC if secured is None else SecurityProfile.BASIC_TLS
    )


def _fault(
    certificate: ClientCertificate, station_id: str, organization: str | None, now: datetime
) -> str | None:
    """Why a certificate, good in itself, is not the station's (T6)."""
    if certificate.common_name != station_id:
        return f"the certificate is of {certificate.common_name[:IDENTITY_LENGTH]!r}, not of {station_id!r}"
    if organization is not None and certificate.organization != organization:
        return f"the certificate of {station_id} is of {certificate.organization[:64]!r}, not of {organization!r}"
    if certificate.ends_at <= now:
        return f"the certificate of {station_id} has ended"
    return None


def may_enter(
    entry: Entry, credentials: Sequence[Credential], hashed: Callable[[str, bytes], bytes]
) -> Proof | None:
    """The credential that this entry proves, if any. A certificate does not tell two owners apart.

    An unknown identity costs the same work as a known one (T1), and so does every password of one length: each is
    hashed as it stands and as the bytes that it may be the hexadecimal text of, whether or not that is
    asked for (rule 7). ``hashed`` makes the keyed hash that is stored.
    """
    if entry.profile is SecurityProfile.CERTIFICATE:
        return Proof(credentials[0]) if len(credentials) == 1 else None
    shown = hashed(entry.station_id, entry.password)
    meant = hashed(entry.station_id, _bytes_of(entry.password))
    nobody = bytes(len(shown))
    proof: Proof | None = None
    for known in credentials or (Credential("", "", None),):
        is_shown, is_meant, is_next_shown, is_next_meant = (
            hmac.compare_digest(given, stored or nobody)
            for stored in (known.password_hash, known.next_hash)
            for given in (shown, meant)
        )
        if known.next_hash is not None and (is_next_shown or is_next_meant):
            proof = Proof(known, NewPassword(shown, known.next_hash))
        elif is_shown or (is_meant and known.hex_password):
            proof = Proof(known)
    return proof


def _bytes_of(password: bytes) -> bytes:
    """What a password is the hexadecimal text of; if of nothing, itself."""
    try:
        return binascii.unhexlify(password)
    except binascii.Error:
        return password
