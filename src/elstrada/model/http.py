"""A request and a response of HTTP as plain values, so that protocol code needs no socket."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. Header names are lower case; query values are the last given for a name."""

    method: str
    path: str
    """Absolute path, percent-decoded, for a server; the whole URL for a client."""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True):
    """One response. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Unreachable(Exception):
    """The other side gave no HTTP response: refused, timed out, broken off or not allowed (T16)."""


class Late(Unreachable):
    """It gave none in time."""
