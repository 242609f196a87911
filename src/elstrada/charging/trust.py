"""Who may connect as which station: decided before anything else is done (T1, T5).

Source: OCPP 1.6 security whitepaper profile 1; OCPP 2.0.1 part 2 A00.FR.204; part 4 §3.1.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from urllib.parse import unquote

import msgspec

IDENTITY_LENGTH = 48


class Credential(msgspec.Struct, frozen=True):
    """What is known of a station before it is let in."""

    owner: str
    station_id: str
    password_hash: bytes | None


class Entry(msgspec.Struct, frozen=True):
    """The identity and password somebody claims."""

    station_id: str
    password: bytes


def claimed(path: str, authorization: str | None) -> Entry | str:
    """Read identity and password from a request.

    Args:
        path: request path; its last segment, percent-decoded, is the identity.
        authorization: the Authorization header.
    Returns:
        The claim, or the reason there is none.
    """
    station_id = unquote(path.rstrip("/").rsplit("/", 1)[-1])
    if not station_id or len(station_id) > IDENTITY_LENGTH or not station_id.isprintable():
        return "no valid identity in the path"
    if authorization is None or not authorization.lower().startswith("basic "):
        return "no Basic authorization"
    try:
        user, _, password = base64.b64decode(authorization[6:].strip(), validate=True).partition(b":")
    except binascii.Error:
        return "the Basic authorization is not base64"
    if user != station_id.encode():
        return "the user name is not the identity in the path"
    if not password:
        return "the password is empty"
    return Entry(station_id, password)


def may_enter(
    entry: Entry, credentials: Sequence[Credential], hashed: Callable[[str, bytes], bytes]
) -> Credential | None:
    """The credential that this entry proves, if any.

    An unknown identity costs the same work as a known one (T1). ``hashed`` makes the keyed hash that
    is stored. A password written as hexadecimal text is taken as that text (rule 7 is not built).
    """
    given = hashed(entry.station_id, entry.password)
    proven: Credential | None = None
    for credential in credentials or (Credential("", "", None),):
        if hmac.compare_digest(given, credential.password_hash or bytes(len(given))):
            proven = credential
    return proven
