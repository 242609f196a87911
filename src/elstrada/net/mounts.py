"""What an HTTP server serves by handlers of ours, how much a caller may use, and a request made of what came."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.entrance import joined_headers
from elstrada.net.face import HttpHandler

Message = MutableMapping[str, Any]
"""Of ASGI 3."""
TOO_LARGE = HttpResponse(413, {"connection": "close"})
_QUERY_FIELDS = 100


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a caller may use (T13)."""

    head_bytes: int = 32 * 1024
    """Request line and headers."""
    head_s: float = 5.0
    """From connecting, or from the first byte of a later request, to the end of the headers."""
    body_bytes: int = 1024 * 1024
    body_s: float = 20.0
    stalled_s: float = 60.0
    """For so long a caller may take none of what waits for it."""
    idle_s: int = 15
    """Between two requests on one connection."""
    connections: int = 2_000
    """Beyond it, 503."""
    stopping_s: int = 5
    """For requests in hand when the server stops; event streams end with it."""


class Mount(msgspec.Struct, frozen=True):
    """A part of the address space that a handler serves by itself."""

    prefix: str
    """Such as ``/ocpi``; it and everything below it."""
    handler: HttpHandler
    body_bytes: int | None = None
    """Largest body; None: as ``HttpLimits`` says."""

    def serves(self, path: str) -> bool:
        return path == self.prefix or path.startswith(self.prefix.rstrip("/") + "/")


def request_of(scope: Message, body: bytes) -> HttpRequest | HttpResponse:
    """The request that a scope of ASGI and a body are, or the refusal of one that no handler could read."""
    try:
        query = _query(scope["query_string"])
    except ValueError:
        return HttpResponse(400)
    headers = joined_headers(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    return HttpRequest(scope["method"], scope["path"], query, headers, body)


def remote(scope: Message) -> str:
    """Address of the caller, without the port."""
    return str((scope.get("client") or ("?",))[0])


def said_length(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """What ``Content-Length`` says; the parser has already refused what is no number."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _query(raw: bytes) -> dict[str, str]:
    """Fields of a query. Raises ValueError when there are too many, or bytes outside ASCII."""
    if not raw:
        return {}
    return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS))
