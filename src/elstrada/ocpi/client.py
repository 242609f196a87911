"""The client's face: a request is written for a peer's endpoint, and the response read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.ocpi.body import BadJson, Json, Mismatch, encode, shape
from elstrada.ocpi.codes import is_success
from elstrada.ocpi.endpoints import Endpoint, url_of
from elstrada.ocpi.envelope import open_envelope
from elstrada.ocpi.headers import Ids, Routing, authorization
from elstrada.ocpi.paging import next_link, total_count

T = TypeVar("T")


_PEER_FAULTS = frozenset({401, 403, 408, 429})


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """What to say to a peer: everything of a request but who says it, and its ids."""

    endpoint: Endpoint
    base: str
    """The module's URL from the peer's version details."""
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: object = None
    url: str | None = None
    """Instead of base, path and query: an address the peer gave (Link, response_url)."""
    plain: bool = False
    """The token is shown as it is, as 2.1.1 has it (R-02)."""
    slash: bool = False
    """The path ends in a slash."""


class Received(msgspec.Struct, frozen=True):
    """The peer did it."""

    data: Json = None
    location: str | None = None
    next: str | None = None
    total: int | None = None
    message: str = ""
    """What the peer said beside it."""


class Declined(msgspec.Struct, frozen=True):
    """The peer understood and would not."""

    http: int
    code: int
    message: str


class Garbled(msgspec.Struct, frozen=True):
    """The peer answered with something that is not OCPI."""

    http: int
    problem: str


class Silent(msgspec.Struct, frozen=True):
    """The peer could not be reached, or did not answer in time."""

    problem: str


class Unagreed(msgspec.Struct, frozen=True):
    """We did not ask: it is not agreed with the peer."""

    problem: str


Outcome = Received | Declined | Garbled | Silent | Unagreed


def request(sending: Sending, token: str, ids: Ids, routing: Routing) -> HttpRequest:
    """Write a request. Ids are the caller's, fresh for each (R-14); routing only where it belongs (R-16)."""
    endpoint = sending.endpoint
    shown = authorization(token, plain=sending.plain)
    headers = {"authorization": shown, "accept": "application/json"} | ids.headers()
    if endpoint.routed:
        headers |= routing.headers()
    if sending.body is not None:
        headers["content-type"] = "application/json"
    return HttpRequest(
        endpoint.method,
        sending.url or _slashed(url_of(endpoint, sending.base, sending.path, sending.query), sending.slash),
        headers=headers,
        body=b"" if sending.body is None else encode(sending.body),
    )


def _slashed(url: str, wanted: bool) -> str:
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{mark}{query}" if wanted else url


def alone(outcome: Outcome) -> Outcome | None:
    """The outcome with the one object of its list; None: it has no list of one object."""
    match outcome:
        case Received([dict() as only]):
            return msgspec.structs.replace(outcome, data=only)
        case _:
            return None


def read_response(response: HttpResponse) -> Outcome:
    """Read a response.

    Success needs both an HTTP 2xx and an OCPI 1xxx; a 2xx without a body is forgiven, because some
    peers answer a DELETE or a command result so.
    """
    good = 200 <= response.status < 300
    if good and not response.body.strip():
        return Received(location=response.headers.get("location"))
    try:
        opened = open_envelope(response.body)
    except BadJson as problem:
        if good:
            return Garbled(response.status, str(problem))
        return Declined(response.status, 0, f"HTTP {response.status} without an OCPI envelope")
    if not good or not is_success(opened.status_code):
        return Declined(response.status, opened.status_code, opened.status_message[:500])
    return Received(
        opened.data,
        response.headers.get("location"),
        next_link(response.headers),
        total_count(response.headers),
        opened.status_message[:500],
    )


def is_peers_fault(outcome: Outcome) -> bool:
    """Does the outcome say something about the peer, so that anything else would fare the same?"""
    match outcome:
        case Received() | Unagreed():
            return False
        case Declined(http):
            return http >= 500 or http in _PEER_FAULTS
        case _:
            return True


def describe(outcome: Outcome) -> str:
    """An outcome in a sentence, for the operator."""
    match outcome:
        case Received():
            return "done"
        case Declined(http, code, message):
            return f"HTTP {http}, OCPI {code}: {message}"
        case Garbled(http, problem):
            return f"HTTP {http}: {problem}"
        case Silent(problem):
            return f"no answer: {problem}"
        case Unagreed(problem):
            return f"not asked: {problem}"


def object_of(received: Received, kind: type[T]) -> T:
    """The one object of a response.

    Raises:
        Mismatch: another shape.
    """
    return shape(received.data, kind)


def objects_of(received: Received, kind: type[T]) -> tuple[list[T], list[str]]:
    """The objects of a page that can be read, and what is wrong with the others.

    A page with some bad objects still gives the good ones (OCPI 2.2.1 transport_and_format, GET).
    """
    entries, problems = entries_of(received, kind)
    return [found for _, found in entries], problems


def entries_of(received: Received, kind: type[T]) -> tuple[list[tuple[Json, T]], list[str]]:
    """The same, each object with the document as it came."""
    if not isinstance(received.data, list):
        return [], [f"Expected `array`, got `{type(received.data).__name__}` - at `$.data`"]
    good: list[tuple[Json, T]] = []
    problems: list[str] = []
    for index, item in enumerate(received.data):
        try:
            good.append((item, shape(item, kind)))
        except Mismatch as problem:
            problems.append(f"data/{index}: {problem}")
    return good, problems
