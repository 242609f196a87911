"""Traces by OpenTelemetry: spans around requests of and to peers, commits, asks and followers' batches.

Spans carry kinds and numbers, and no ids: paths hold token uids, and streams station names (T15, T28).
They are kept in a bounded queue and sent by a thread; where the collector is away, they are dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from elstrada import __version__
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.face import HttpClient, HttpHandler
from elstrada.spine.face import Recorded, Spine, Work
from elstrada.spine.followers import Handle
from elstrada.spine.post import Handler, Letter, Post, Release

_MOST_WAITING = 4_096
_SENDING_S = 5.0


class OtelTraces:
    """See ``traces.Traces``. Nothing is put into the process's global tracer."""

    def __init__(self, endpoint: str, node: str) -> None:
        """
        Args:
            endpoint: of a collector's OTLP over HTTP, without ``/v1/traces``.
        """
        resource = {"service.name": "elstrada", "service.version": __version__, "service.instance.id": node}
        self._provider = TracerProvider(resource=Resource.create(resource), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_SENDING_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_MOST_WAITING))
        self._tracer = self._provider.get_tracer("elstrada", __version__)

    def spine(self, spine: Spine) -> Spine:
        return _TracedSpine(spine, self._tracer)

    def post(self, post: Post) -> Post:
        return _TracedPost(post, self._tracer)

    def client(self, client: HttpClient) -> HttpClient:
        return _TracedClient(client, self._tracer)

    def handler(self, handler: HttpHandler) -> HttpHandler:
        return _TracedHandler(handler, self._tracer)

    def follower(self, name: str, handle: Handle) -> Handle:
        async def traced(facts: list[Recorded]) -> Work:
            with _span(self._tracer, f"follower {name}") as span:
                span.set_attribute("elstrada.facts", len(facts))
                return await handle(facts)

        return traced

    def close(self) -> None:
        self._provider.force_flush(int(_SENDING_S * 1000))
        self._provider.shutdown()


class _TracedSpine:
    """A spine whose commits are spans. The rest is the spine's own."""

    def __init__(self, spine: Spine, tracer: Tracer) -> None:
        self._spine, self._tracer = spine, tracer
        self.start, self.close, self.load, self.facts = spine.start, spine.close, spine.load, spine.facts
        self.version, self.read, self.waiting = spine.version, spine.read, spine.waiting
        self.cursor = spine.cursor
        self.get, self.find, self.count = spine.get, spine.find, spine.count
        self.watch, self.rebuild, self.edition = spine.watch, spine.rebuild, spine.edition

    @property
    def shards(self) -> int:
        return self._spine.shards

    def commit(self, work: Work) -> asyncio.Future[int]:
        span = self._tracer.start_span("commit")
        span.set_attribute("elstrada.facts", sum(len(append.facts) for append in work.appends))
        span.set_attribute("elstrada.writes", len(work.writes))
        try:
            commit = self._spine.commit(work)
        except Exception as error:
            _ended(span, error)
            raise
        commit.add_done_callback(_ends(span))
        return commit


class _TracedPost:
    def __init__(self, post: Post, tracer: Tracer) -> None:
        self._post, self._tracer = post, tracer

    def serve(self, address: str, handler: Handler) -> Release:
        return self._post.serve(address, handler)

    async def ask(self, address: str, ask: Letter, *, timeout_s: float) -> Letter:
        with _span(self._tracer, f"ask {type(ask).__name__}", SpanKind.CLIENT):
            return await self._post.ask(address, ask, timeout_s=timeout_s)


class _TracedClient:
    def __init__(self, client: HttpClient, tracer: Tracer) -> None:
        self._client, self._tracer = client, tracer

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        with _span(self._tracer, f"OCPI {request.method}", SpanKind.CLIENT) as span:
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("server.address", urlsplit(request.path).hostname or "")
            response = await self._client.send(request, timeout_s=timeout_s)
            span.set_attribute("http.response.status_code", response.status)
            return response


class _TracedHandler:
    def __init__(self, handler: HttpHandler, tracer: Tracer) -> None:
        self._handler, self._tracer = handler, tracer

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        with _span(self._tracer, f"OCPI {_known(request.method)}", SpanKind.SERVER) as span:
            span.set_attribute("http.request.method", _known(request.method))
            response = await self._handler.handle(request, remote)
            span.set_attribute("http.response.status_code", response.status)
            return response


@contextmanager
def _span(tracer: Tracer, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Generator[Span]:
    """A span around a block, the parent of those begun within."""
    with tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False, end_on_exit=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            _ended(span, error)
            raise
        _ended(span, None)


def _known(method: str) -> str:
    """A caller may write any word there."""
    return method if method in ("GET", "POST", "PUT", "PATCH", "DELETE") else "_OTHER"


def _ends(span: Span) -> Callable[[asyncio.Future[int]], None]:
    def done(commit: asyncio.Future[int]) -> None:
        _ended(span, None if commit.cancelled() else commit.exception())

    return done


def _ended(span: Span, error: BaseException | None) -> None:
    """End a span. Of an error only its kind is told: its words may name a stream."""
    if error is not None:
        span.set_status(StatusCode.ERROR, type(error).__name__)
    span.end()
