"""The server's face: a request is read into a call, a result is written as a response."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.ocpi import body, envelope
from elstrada.ocpi.body import BadJson, Json, Mismatch, Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Endpoint, Match, Router
from elstrada.ocpi.headers import Ids, Routing, read_ids, read_routing
from elstrada.ocpi.paging import Window, page_headers, read_window

T = TypeVar("T")
_LONGEST_SEGMENT = 255


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request understood: which endpoint, with which values. Nothing has been looked up yet."""

    endpoint: Endpoint
    path: dict[str, str]
    query: dict[str, str]
    """Only parameters the endpoint knows."""
    window: Window | None = None
    """Set for paged lists."""
    body: msgspec.Struct | None = None
    patch: Object = {}
    """Set for PATCH."""
    document: Object = {}
    """The body as it was read, with what its struct has no place for."""
    raw: bytes = b""
    """The body as it came."""
    routing: Routing = Routing()


class Found(msgspec.Struct, frozen=True):
    """One object."""

    data: object
    message: str = ""
    """What is to be said beside it."""


class Listing(msgspec.Struct, frozen=True):
    """One page, or a whole list that is not paged."""

    items: tuple[object, ...]
    url: str = ""
    """Of the list as the public knows it; empty for a list that is not paged."""
    total: int = 0
    place: str = ""
    """Where the next page begins, in a list whose pages have places; empty: this is the last."""


class Done(msgspec.Struct, frozen=True):
    """Stored, removed or noted; nothing to tell."""

    created: bool = False
    location: str | None = None
    """Absolute URL under which the object can be read again (R-40)."""


class Refusal(msgspec.Struct, frozen=True):
    """Not done, and why."""

    why: Why
    message: str


Result = Found | Listing | Done | Refusal


def read(request: HttpRequest, path: str, router: Router) -> Call | Refusal:
    """Understand a request.

    Args:
        path: the request's path below the version prefix.
    """
    match = router.match(request.method, path)
    if isinstance(match, Why):
        return Refusal(match, f"no {request.method[:8]} here")
    try:
        return _call(request, match)
    except BadJson as problem:
        why = Why.TOO_LARGE if len(request.body) > body.MAX_BODY else Why.MALFORMED
        return Refusal(why, str(problem))
    except Mismatch as problem:
        return Refusal(Why.INVALID, str(problem))
    except ValueError as problem:
        return Refusal(Why.INVALID, str(problem))


def write(
    result: Result,
    now: datetime,
    *,
    ids: Ids = Ids(),  # noqa: B008  Frozen.
    routing: Routing = Routing(),  # noqa: B008  Frozen.
    window: Window | None = None,
) -> HttpResponse:
    """Write a result as a response.

    Args:
        ids: of the request, echoed (R-14).
        routing: of the response: the request's, swapped.
        window: of a paged list's call.
    """
    headers = ids.headers() | routing.headers()
    match result:
        case Found(data, message):
            return envelope.success(now, data=data, message=message, headers=headers)
        case Listing(items, url, total, place):
            if window is not None:
                headers |= page_headers(url, window, count=len(items), total=total, place=place)
            return envelope.success(now, data=items, headers=headers)
        case Done(created, location):
            if location is not None:
                headers["location"] = location
            return envelope.success(now, http=201 if created else 200, headers=headers)
        case Refusal(why, message):
            return envelope.seal(why.http, why.ocpi, now, message=message, headers=headers)


def respond(request: HttpRequest, result: Result, now: datetime, call: Call | None = None) -> HttpResponse:
    """Write the response to a request, with its ids echoed and its routing turned round."""
    routing = call.routing.swapped() if call is not None and call.endpoint.routed else Routing()
    window = call.window if call is not None else None
    return write(result, now, ids=read_ids(request), routing=routing, window=window)


def body_of(call: Call, kind: type[T]) -> T:
    """The call's body, which its endpoint declares to be of this kind."""
    assert isinstance(call.body, kind), f"{call.endpoint.name} has no {kind.__name__}"
    return call.body


def _call(request: HttpRequest, match: Match) -> Call:
    endpoint = match.endpoint
    if any(len(value) > _LONGEST_SEGMENT or not value.isprintable() for value in match.path.values()):
        raise ValueError(f"a path segment is longer than {_LONGEST_SEGMENT} characters or cannot be printed")
    document = _document(request, endpoint)
    return Call(
        endpoint=endpoint,
        path=dict(match.path),
        query={name: value for name, value in request.query.items() if name in endpoint.query},
        window=read_window(request.query) if endpoint.paged else None,
        body=_body(request, document, endpoint.body),
        patch=_patch(document) if endpoint.patches else {},
        document=document if isinstance(document, dict) else {},
        raw=request.body,
        routing=read_routing(request.headers) if endpoint.routed else Routing(),
    )


def _document(request: HttpRequest, endpoint: Endpoint) -> Json:
    if endpoint.body is None and not endpoint.patches:
        return None
    if endpoint.body_optional and not request.body.strip():
        return None
    document = body.parse(request.body)
    if not isinstance(document, dict):
        raise Mismatch(f"Expected `object`, got `{type(document).__name__}` - at `$`")
    return document


def _body(request: HttpRequest, document: Json, kind: type[msgspec.Struct] | None) -> msgspec.Struct | None:
    if kind is None or document is None:
        return None
    return body.shape(document, kind, nulls=b"null" in request.body)


def _patch(document: Json) -> Object:
    assert isinstance(document, dict)
    return document
