"""The pages as one ASGI application, to be mounted beside OCPI in the node's HTTP server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, timedelta, tzinfo
from typing import Any

from litestar import Litestar, Request, Response, asgi, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.types import ASGIApp, Receive, Scope, Send

from elstrada.model.quirk import NO_QUIRKS, QuirkTable
from elstrada.net.face import Clock
from elstrada.spine.face import Spine, SpineDown
from elstrada.web import assets, events, guard, languages
from elstrada.web.assets import Asset
from elstrada.web.operator.cdr import read_cdr
from elstrada.web.operator.energy import read_energy
from elstrada.web.operator.stations import WireLog, read_station, read_stations
from elstrada.web.render import Asked, Renderer

_log = logging.getLogger(__name__)
_HTML = "text/html"
"""The framework adds the charset."""
MAX_SEARCH = 100
MOST_KEPT, LONGEST_KEPT = 10, 2_000
"""Parameters that a page's links keep, and their characters."""
ALARMS_OF = timedelta(days=1)
_YEAR_S = 365 * 24 * 3600
_Request = Request[Any, Any, Any]


class Pages:
    """The application. A server that stops must call ``close`` first: open streams never end by themselves."""

    def __init__(self, app: ASGIApp, feed: events.Feed) -> None:
        self._app, self._feed = app, feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def close(self) -> None:
        """End every open stream and begin no new one."""
        self._feed.closed.set()


def make_app(
    spine: Spine,
    clock: Clock,
    *,
    hosts: Iterable[str] = guard.LOOPBACK,
    zone: tzinfo = UTC,
    pace: events.Pace | None = None,
    wall: Clock | None = None,
    wire: WireLog | None = None,
    quirks: QuirkTable = NO_QUIRKS,
) -> Pages:
    """The pages over one spine. Needs no lifespan events: whatever runs, runs while a page is open.

    Args:
        hosts: names under which this server may be called, without port; ``*`` is any.
        zone: in which times are shown.
        wall: the machine's clock, where the world's is another.
        wire: reads the wire log of this machine; None: there is none.
        quirks: of stations' software, as they count here.
    """
    files = assets.load()
    renderers = {code: Renderer(code, files, zone) for code in languages.LANGUAGES}
    feed = events.Feed(spine, clock, renderers, pace, wall)
    app = Litestar(
        route_handlers=[
            _static(files),
            _overview(feed, renderers),
            _stations(spine, clock, renderers),
            _station(spine, clock, renderers, wire, quirks),
            _energy(spine, clock, renderers, zone),
            _cdr(spine, renderers),
            _events(feed),
        ],
        exception_handlers={
            HTTPException: _refused(renderers),
            SpineDown: _refused(renderers),
            Exception: _refused(renderers),
        },
        openapi_config=None,
        logging_config=None,
    )
    return Pages(guard.guarded(app, hosts), feed)


def _static(files: Mapping[str, Asset]) -> Any:
    @get("/static/{name:path}", sync_to_thread=False)
    def static(name: FromPath[str], v: FromQuery[str] = "") -> Response[bytes]:
        asset = files.get(name.lstrip("/"))
        if asset is None:
            raise NotFoundException
        keep = f"public, max-age={_YEAR_S}, immutable" if v == asset.mark else "no-cache"
        return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": keep})

    return static


def _overview(feed: events.Feed, renderers: Mapping[str, Renderer]) -> Any:
    @get("/")
    async def overview(request: _Request) -> Response[str]:
        return _page(
            request, renderers[_language(request)].page("overview", await feed.now(), _asked(request))
        )

    return overview


def _stations(spine: Spine, clock: Clock, renderers: Mapping[str, Renderer]) -> Any:
    @get("/stations")
    async def stations(request: _Request, search: FromQuery[str] = "") -> Response[str]:
        found = await read_stations(spine, search[:MAX_SEARCH], clock.now() - ALARMS_OF)
        return _page(request, renderers[_language(request)].page("stations", found, _asked(request)))

    return stations


def _station(
    spine: Spine,
    clock: Clock,
    renderers: Mapping[str, Renderer],
    wire: WireLog | None,
    quirks: QuirkTable,
) -> Any:
    @get("/stations/{owner:str}/{station_id:str}")
    async def station(
        request: _Request, owner: FromPath[str], station_id: FromPath[str], search: FromQuery[str] = ""
    ) -> Response[str]:
        since = clock.now() - ALARMS_OF
        found = await read_station(
            spine, owner, station_id, search=search[:MAX_SEARCH], since=since, wire=wire, quirks=quirks
        )
        if found is None:
            raise NotFoundException
        return _page(request, renderers[_language(request)].page("station", found, _asked(request)))

    return station


def _energy(spine: Spine, clock: Clock, renderers: Mapping[str, Renderer], zone: tzinfo) -> Any:
    @get("/energy")
    async def energy(
        request: _Request, day: FromQuery[str] = "", location: FromQuery[str] = ""
    ) -> Response[str]:
        page = await read_energy(spine, _day(day), location[:MAX_SEARCH], zone, clock.now())
        return _page(request, renderers[_language(request)].page("energy", page, _asked(request)))

    return energy


def _day(text: str) -> date | None:
    """A day as the browser's field gives it; anything else is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _cdr(spine: Spine, renderers: Mapping[str, Renderer]) -> Any:
    @get("/cdrs/{party:str}/{cdr_id:str}")
    async def cdr(request: _Request, party: FromPath[str], cdr_id: FromPath[str]) -> Response[str]:
        language = _language(request)
        found = await read_cdr(spine, party, cdr_id, language)
        if found is None:
            raise NotFoundException
        return _page(request, renderers[language].page("cdr", found, _asked(request)))

    return cdr


def _page(request: _Request, html: str) -> Response[str]:
    """A page of the moment, and the language that was asked for remembered."""
    language = _language(request)
    page = Response(html, media_type=_HTML)
    page.headers |= {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}
    if request.query_params.get("lang") == language:
        page.set_cookie("lang", language, max_age=_YEAR_S, httponly=True, samesite="lax")
    return page


def _events(feed: events.Feed) -> Any:
    @asgi("/ui/events", copy_scope=True)
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        if feed.full:
            raise HTTPException(status_code=503)
        await events.serve(feed, _language(Request(scope)), scope, receive, send)

    return stream


def _refused(renderers: Mapping[str, Renderer]) -> Callable[[_Request, Exception], Response[str]]:
    def refuse(request: _Request, problem: Exception) -> Response[str]:
        status = _status_of(problem)
        if status == 500:
            _log.error("%s failed", request.url.path, exc_info=problem)
        html = renderers[_language(request)].refusal(status, _asked(request))
        return Response(html, media_type=_HTML, status_code=status)

    return refuse


def _status_of(problem: Exception) -> int:
    match problem:
        case HTTPException(status_code=status):
            return status
        case SpineDown():
            return 503
        case _:
            return 500


def _language(request: _Request) -> str:
    return languages.choose(
        request.query_params.get("lang"),
        request.cookies.get("lang"),
        request.headers.get("accept-language", ""),
    )


def _asked(request: _Request) -> Asked:
    kept = [(name, value[:LONGEST_KEPT]) for name, value in request.query_params.items() if name != "lang"]
    return Asked(request.url.path, dict(kept[:MOST_KEPT]))
