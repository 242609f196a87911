"""What stands between two parties reads and changes of a message: as little as can be.

A body passes byte for byte; only the address of a command's result is replaced, in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from urllib.parse import quote, urlencode

import msgspec

from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import BadJson, Json, Object, parse
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Endpoint, Interface, Match, Side, join, module_path
from elstrada.ocpi.scalars import Instant, party
from elstrada.ocpi.versions import PREFIX, ROUTERS, TABLES

RELAY = "relay"
"""Below a version: addresses that a hub made, each in the place of one of a party's."""
UNROUTED = frozenset({"credentials", "hubclientinfo", "versions"})
"""Between two platforms only; nothing of it is passed on."""
_LONGEST_SEGMENT, _MOST_SEGMENTS = 255, 12
_LEFT_HERE = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)
_LEFT_HERE_STARTS = ("ocpi-", "proxy-", "x-forwarded-", "x-real-")
_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(strict=False)


class Place(msgspec.Struct, frozen=True):
    """What a path below a version means at any party: an interface of a module, and what is below it."""

    module: str
    interface: Interface
    side: Side
    tail: tuple[str, ...]
    endpoint: Endpoint | None
    """As our table has it; None for an address that its party has made itself."""
    owner: PartyId | None
    """Whose the object is, if the address says so."""


def is_routed(path: str) -> bool:
    """Is a path below a version one that a hub passes on?"""
    return path.split("/", 1)[0] not in UNROUTED


def place(version: str, method: str, path: str) -> Place | Why:
    """Read a path below a version.

    Returns:
        NOT_FOUND or NOT_ALLOWED where no party has such an endpoint.
    Raises:
        ValueError: a segment that no id can be.
    """
    segments = path.removesuffix("/").split("/")
    for taken in (2, 1):
        found = _interfaces(version).get("/".join(segments[:taken]))
        if found is not None:
            tail = tuple(segments[taken:])
            _check(tail)
            return _placed(version, method, path, found, tail)
    return Why.NOT_FOUND


def below(base: str, tail: Iterable[str], query: Mapping[str, str]) -> str:
    """The address of a place at a party.

    Args:
        base: of the module, from the party's version details.
    """
    url = join(base, *tail)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


def tail_of(url: str, base: str) -> str | None:
    """What an address has behind a module's: path and query, as they are; None: it is elsewhere."""
    rest = url.removeprefix(base.rstrip("/"))
    if rest == url or (rest and rest[0] not in "/?"):
        return None
    path, mark, query = rest.partition("?")
    odd = "#" in rest or any(
        segment in ("..", ".") or "%2f" in segment.lower() for segment in path.split("/")
    )
    return None if odd else path.rstrip("/") + mark + query


def relay_url(public_url: str, version: str, address_id: str) -> str:
    return f"{public_url}{PREFIX}/{version}/{RELAY}/{quote(address_id, safe='')}"


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that go along. Who speaks to whom, the token and the request's id are set anew."""
    return {
        name: value
        for name, value in headers.items()
        if name not in _LEFT_HERE and not name.startswith(_LEFT_HERE_STARTS)
    }


def document_of(request: HttpRequest) -> Object:
    """The object that a request brings; empty without a body.

    Raises:
        BadJson: it is no JSON object.
    """
    if not request.body.strip():
        return {}
    document: Json = parse(request.body)
    if not isinstance(document, dict):
        raise BadJson("body is no JSON object")
    return document


def text_at(document: Object, *names: str) -> str | None:
    """A text within a document, if there is one at this place."""
    value: Json = document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def moment_at(document: Object, *names: str) -> datetime | None:
    """A moment within a document, if it says one there that can be read."""
    try:
        return Instant.parse(text_at(document, *names) or "").at
    except ValueError:
        return None


def party_at(document: Object, *names: str) -> PartyId | None:
    """The party that an object within a document names."""
    country_code, party_id = text_at(document, *names, "country_code"), text_at(document, *names, "party_id")
    if country_code is None or party_id is None:
        return None
    try:
        return party(country_code, party_id)
    except ValueError:
        return None


def with_text(body: bytes, name: str, value: str) -> bytes:
    """A JSON object's bytes with the text of one member replaced; every other byte stays.

    Args:
        body: has been read, and has the member once.
    """
    text = body.decode()
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        if key == name:
            return (text[:begin] + json.dumps(value) + text[end:]).encode()
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    raise AssertionError(f"the body has no {name}")


def _placed(
    version: str, method: str, path: str, found: tuple[str, Interface, Side], tail: tuple[str, ...]
) -> Place | Why:
    match = ROUTERS[version].match(method, path)
    if isinstance(match, Match):
        # Where both interfaces of a module have one address, the method tells which is meant.
        endpoint = match.endpoint
        return Place(endpoint.module, endpoint.interface, endpoint.side, tail, endpoint, _owner(match))
    # A CDR stands wherever its receiver has put it, and a list's next page likewise.
    return Place(*found, tail, None, None) if method == "GET" else match


def _owner(match: Match) -> PartyId | None:
    if "party_id" not in match.path:
        return None
    return party(match.path["country_code"], match.path["party_id"])


def _check(tail: tuple[str, ...]) -> None:
    if len(tail) > _MOST_SEGMENTS:
        raise ValueError(f"a path of more than {_MOST_SEGMENTS} segments")
    for segment in tail:
        if len(segment) > _LONGEST_SEGMENT or not segment.isprintable():
            raise ValueError(
                f"a path segment is longer than {_LONGEST_SEGMENT} characters or cannot be printed"
            )
        if segment in ("", ".", ".."):
            raise ValueError("a path segment that is empty, or leads elsewhere")


@cache
def _interfaces(version: str) -> Mapping[str, tuple[str, Interface, Side]]:
    """The interfaces of a version by where ours are served."""
    return {
        module_path(found): (found.module, found.interface, found.side)
        for found in TABLES[version]
        if found.module not in UNROUTED
    }


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()
