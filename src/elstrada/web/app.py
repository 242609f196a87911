"""The pages as one ASGI application, to be mounted beside OCPI in the node's HTTP server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from functools import partial
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
from elstrada.web.operator.invoices import Reckon
from elstrada.web.operator.listing import NoPlace
from elstrada.web.operator.stations import WireLog
from elstrada.web.pages import PAGES, Means
from elstrada.web.render import Renderer
from elstrada.web.showing import HTML, YEAR_S, AnyRequest, asked_by, language_of, showing

_log = logging.getLogger(__name__)


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
    reckon: Reckon | None = None,
) -> Pages:
    """The pages over one spine. Needs no lifespan events: whatever runs, runs while a page is open.

    Args:
        hosts: names under which this server may be called, without port; ``*`` is any.
        zone: in which times are shown.
        wall: the machine's clock, where the world's is another.
        wire: reads the wire log of this machine; None: there is none.
        quirks: of stations' software, as they count here.
        reckon: holds invoices against CDRs; None: their pages do not tell how they agree.
    """
    files = assets.load()
    renderers = {code: Renderer(code, files, zone) for code in languages.LANGUAGES}
    feed = events.Feed(spine, clock, renderers, pace, wall)
    means = Means(
        spine=spine,
        clock=clock,
        zone=zone,
        overview=feed.now,
        wire=wire,
        quirks=quirks,
        reckon=reckon,
    )
    app = Litestar(
        route_handlers=[
            _static(files),
            *(
                showing(pattern, template, partial(read, means), renderers)
                for pattern, template, read in PAGES
            ),
            _events(feed),
        ],
        exception_handlers={
            HTTPException: _refused(renderers),
            NoPlace: _refused(renderers),
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
        keep = f"public, max-age={YEAR_S}, immutable" if v == asset.mark else "no-cache"
        return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": keep})

    return static


def _events(feed: events.Feed) -> Any:
    @asgi("/ui/events", copy_scope=True)
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        if feed.full:
            raise HTTPException(status_code=503)
        await events.serve(feed, language_of(Request(scope)), scope, receive, send)

    return stream


def _refused(renderers: Mapping[str, Renderer]) -> Callable[[AnyRequest, Exception], Response[str]]:
    def refuse(request: AnyRequest, problem: Exception) -> Response[str]:
        status = _status_of(problem)
        if status == 500:
            _log.error("%s failed", request.url.path, exc_info=problem)
        html = renderers[language_of(request)].refusal(status, asked_by(request))
        return Response(html, media_type=HTML, status_code=status)

    return refuse


def _status_of(problem: Exception) -> int:
    match problem:
        case HTTPException(status_code=status):
            return status
        case NoPlace():
            return 400
        case SpineDown():
            return 503
        case _:
            return 500
