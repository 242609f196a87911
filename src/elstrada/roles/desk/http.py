"""The desk over HTTP: ``POST /api/v1/desk/<noun>-<verb>`` with the verb's parameters as JSON.

Errors are problem documents (RFC 9457) that carry the refusal whole, so that the caller can tell it
to its user, and exit, as if the verb had been done in its own process.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.face import Strayed, unheard
from elstrada.roles.desk.face import Desk, Kind, Problem, Refusal
from elstrada.roles.desk.paging import Page
from elstrada.roles.desk.table import params_of, perform, verb_named

PREFIX = "/api/v1/desk/"
NEXT = "x-next"
"""Header of a page that is not the last of its list: what ``after`` must be for the next one."""
MAX_BODY = 96 << 20
"""Of a request: the largest file, in base64."""

STATUS = {
    Kind.USAGE: HTTPStatus.BAD_REQUEST,
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.MISSING: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.REFUSED: HTTPStatus.BAD_GATEWAY,
    Kind.UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
}


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457, with what a refusal says beyond it."""

    title: str
    status: int
    detail: str
    kind: Kind | None = None
    hint: str = ""
    pointer: str = ""
    problems: tuple[Problem, ...] = ()


def path_of(verb_name: str) -> str:
    """``station add`` is served at ``/api/v1/desk/station-add``."""
    return PREFIX + verb_name.replace(" ", "-")


class DeskHandler:
    """Serves the desk to whoever shows the secret, and counts whoever does not."""

    def __init__(self, desk: Desk, secret: str, strayed: Strayed = unheard) -> None:
        self._desk, self._secret, self._strayed = desk, secret.encode(), strayed

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        """Do what is asked, once; the secret is checked before anything is read."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), self._secret):
            self._strayed(remote, "refused at the desk", f"{request.method} {request.path}")
            return _problem(HTTPStatus.UNAUTHORIZED, "the desk wants `Authorization: Bearer` with its secret")
        if request.method != "POST":
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "verbs are done with POST", allow="POST")
        if len(request.body) > MAX_BODY:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_BODY} bytes are read")
        return await self._do(request)

    async def _do(self, request: HttpRequest) -> HttpResponse:
        name = request.path.removeprefix(PREFIX)
        verb = verb_named(name.replace("-", " "))
        if not request.path.startswith(PREFIX) or verb is None:
            return _problem(HTTPStatus.NOT_FOUND, f"there is no verb {name[:40]!r}")
        try:
            values: object = msgspec.json.decode(request.body or b"{}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            return _problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {problem}")
        params = params_of(verb, values)
        answer = params if isinstance(params, Refusal) else await perform(self._desk, verb, params)
        if isinstance(answer, Refusal):
            return _refused(answer)
        headers = _headers("application/json")
        if isinstance(answer, Page) and answer.next is not None:
            headers[NEXT] = answer.next
        return HttpResponse(200, headers, msgspec.json.encode(answer))


def _refused(refusal: Refusal) -> HttpResponse:
    status = STATUS[refusal.kind]
    document = ProblemDocument(
        status.phrase,
        status,
        refusal.says,
        refusal.kind,
        refusal.hint,
        refusal.pointer,
        refusal.problems,
    )
    return HttpResponse(status, _headers("application/problem+json"), msgspec.json.encode(document))


def _problem(status: HTTPStatus, detail: str, **headers: str) -> HttpResponse:
    body = msgspec.json.encode(ProblemDocument(status.phrase, status, detail))
    return HttpResponse(status, _headers("application/problem+json") | headers, body)


def _headers(content_type: str) -> dict[str, str]:
    return {"content-type": content_type, "cache-control": "no-store"}
