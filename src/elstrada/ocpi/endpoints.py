"""Endpoints: what one is, how a path finds it and how it makes a URL.

The tables themselves stand with their versions (``v221/endpoints.py``). Sender and receiver
interfaces live under prefixes of their own, so that paths of the same length never collide (R-24).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote, urlencode

import msgspec

from elstrada.ocpi.codes import Why


class Interface(StrEnum):
    """Who owns the module's objects (SENDER) or keeps a copy (RECEIVER)."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class Side(StrEnum):
    """The prefix under which an interface is served: that of the role that has it."""

    NONE = ""
    CPO = "cpo"
    EMSP = "emsp"
    PTP = "ptp"


class Reply(StrEnum):
    """What a successful response carries in ``data`` (R-19)."""

    NONE = "NONE"
    OBJECT = "OBJECT"
    LIST = "LIST"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one kind of address."""

    name: str
    """Unique in its table: what server and client call it."""
    module: str
    interface: Interface
    side: Side = Side.NONE
    method: str
    template: str = ""
    """Below the module's URL; ``{name}`` stands for one segment."""
    query: tuple[str, ...] = ()
    """Parameters it knows; others are passed over."""
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    patches: bool = False
    """The body is a JSON object with some of the fields of ``data``."""
    reply: Reply = Reply.NONE
    data: type[msgspec.Struct] | None = None
    """What ``data`` holds, or each entry of it."""
    routed: bool = True
    """Carries the four OCPI-to/from headers (R-15, R-16)."""
    at_hub: bool | None = None
    """Whether hubs have it, or all others; None: whoever has the side."""

    @property
    def paged(self) -> bool:
        return self.reply is Reply.LIST and "offset" in self.query


Table = tuple[Endpoint, ...]


class Match(msgspec.Struct, frozen=True):
    """An endpoint and the values of its path."""

    endpoint: Endpoint
    path: Mapping[str, str]


class Router:
    """Finds endpoints by method and path below ``/ocpi/<version>``. Built once per version."""

    def __init__(self, table: Table) -> None:
        self._routes: dict[tuple[str, int], list[tuple[tuple[str, ...], Endpoint]]] = {}
        """By first segment, which is never a value, and how many there are."""
        for endpoint in table:
            template = _segments(_address(endpoint))
            self._routes.setdefault((template[0], len(template)), []).append((template, endpoint))

    def match(self, method: str, path: str) -> Match | Why:
        """The endpoint of a request.

        Args:
            path: percent-decoded, without the version prefix; a slash at its end changes nothing (R-23).
        Returns:
            The match, or NOT_FOUND, or NOT_ALLOWED when only the method is wrong.
        """
        wanted = _segments(path)
        problem = Why.NOT_FOUND
        first = wanted[0] if wanted else ""
        for template, endpoint in self._routes.get((first, len(wanted)), ()):
            values = _fit(template, wanted)
            if values is None:
                continue
            if endpoint.method == method:
                return Match(endpoint, values)
            problem = Why.NOT_ALLOWED
        return problem


def join(base: str, *segments: str) -> str:
    """A URL with segments below it, each percent-encoded, with exactly one slash between.

    Without any it is the URL as it was given: some peers send a request elsewhere that lacks their last slash.
    """
    if not segments:
        return base
    return "/".join((base.rstrip("/"), *(quote(segment, safe="") for segment in segments)))


def url_of(endpoint: Endpoint, base: str, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The address of an endpoint.

    Args:
        base: the module's URL from the peer's version details.
        path: a value for each segment of the template.
        query: values; unknown names are a bug.
    """
    assert query.keys() <= set(endpoint.query), f"{endpoint.name} takes {endpoint.query}"
    segments = (path[name[1:-1]] if name.startswith("{") else name for name in _segments(endpoint.template))
    url = join(base, *segments)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


def module_path(endpoint: Endpoint) -> str:
    """Where a module's interface is served, below the version prefix."""
    return "/".join(part for part in (endpoint.side.value, endpoint.module) if part)


def _address(endpoint: Endpoint) -> str:
    return f"{module_path(endpoint)}/{endpoint.template}"


def _segments(path: str) -> tuple[str, ...]:
    trimmed = path.removeprefix("/").removesuffix("/")
    return tuple(trimmed.split("/")) if trimmed else ()


def _fit(template: tuple[str, ...], wanted: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(wanted):
        return None
    values: dict[str, str] = {}
    for pattern, segment in zip(template, wanted, strict=True):
        if pattern.startswith("{"):
            if not segment:
                return None
            values[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return values
