"""The envelope around every OCPI response: data, status code, message, timestamp."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from elstrada.model.http import HttpResponse
from elstrada.ocpi.body import MAX_PAGE, BadJson, Json, encode, parse
from elstrada.ocpi.codes import SUCCESS
from elstrada.ocpi.scalars import Instant

_TYPE = {"content-type": "application/json"}


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Written with the time of the response (R-17); ``data`` is left out where there is none."""

    data: object = msgspec.UNSET
    status_code: int
    status_message: str | None = None
    timestamp: Instant


class Opened(msgspec.Struct, frozen=True):
    """A peer's envelope as read."""

    status_code: int
    status_message: str
    data: Json = None


def seal(
    http: int,
    code: int,
    now: datetime,
    *,
    data: object = msgspec.UNSET,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """An HTTP response with an OCPI envelope in it."""
    envelope = Envelope(data=data, status_code=code, status_message=message, timestamp=Instant(now))
    return HttpResponse(http, {**_TYPE, **(headers or {})}, encode(envelope))


def success(
    now: datetime,
    *,
    http: int = 200,
    data: object = msgspec.UNSET,
    message: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A response that says 1000."""
    return seal(http, SUCCESS, now, data=data, message=message or None, headers=headers)


def open_envelope(body: bytes) -> Opened:
    """Read a peer's envelope; a missing timestamp or message is forgiven.

    Raises:
        BadJson: not JSON, or not an envelope.
    """
    document = parse(body, limit=MAX_PAGE)
    code = document.get("status_code") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(code, int) or isinstance(code, bool):
        raise BadJson("body is no OCPI envelope: a whole-number status_code is missing")
    message = document.get("status_message")
    return Opened(code, message if isinstance(message, str) else "", document.get("data"))
