"""Traces reach a collector, hold no id and no secret (T15, T28), and cost nothing where there is none."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from elstrada.model.answers import Noted
from elstrada.model.asks import Tick
from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.net.clock import SystemClock
from elstrada.roles.traces import NoTraces, traces_to
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Recorded, RowMoved, Spine, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import Letter, LocalPost, NobodyThere

CANARY = "c4n4ry"


class Collector:
    """An OTLP collector: keeps what it was sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        collector = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces"
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for of_resource in request.resource_spans:
            self.resource = {one.key: one.value.string_value for one in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                self.spans += scope.spans

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


class Peer:
    """Answers, or is away."""

    async def send(self, request: HttpRequest, *, timeout_s: float = 10.0) -> HttpResponse:
        if "away" in request.path:
            raise Unreachable(f"nobody at {CANARY}")
        return HttpResponse(200)

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        return HttpResponse(404)


async def everything(spine: Spine, endpoint: str) -> None:
    """Each kind of span, well and ill."""
    traces, peer = traces_to(endpoint, "n-1"), Peer()
    spine, post = traces.spine(spine), traces.post(LocalPost())
    await spine.commit(Work(writes=(Put(t.setting, {"name": CANARY, "value": CANARY}, {}),)))
    with pytest.raises(RowMoved):
        await spine.commit(Work(writes=(Put(t.setting, {"name": CANARY, "value": CANARY}, {}),)))

    async def noted(_: Letter) -> Letter:
        return Noted()

    post.serve(CANARY, noted)
    await post.ask(CANARY, Tick(), timeout_s=1)
    with pytest.raises(NobodyThere):
        await post.ask(f"{CANARY}/none", Tick(), timeout_s=1)
    url = f"https://user:{CANARY}@peer.example/tokens/{CANARY}"
    await traces.client(peer).send(HttpRequest("PUT", url, {}, {"authorization": CANARY}), timeout_s=5)
    with pytest.raises(Unreachable):
        await traces.client(peer).send(HttpRequest("GET", url + "/away"), timeout_s=5)
    await traces.handler(peer).handle(HttpRequest(CANARY, f"/ocpi/{CANARY}"), CANARY)

    async def step(_: list[Recorded]) -> Work:
        await spine.commit(Work())
        return Work()

    await traces.follower("rater", step)([])
    await asyncio.to_thread(traces.close)


async def test_every_kind_of_work_is_a_span_without_ids(collector: Collector) -> None:
    spine = MemorySpine(SystemClock())
    await everything(spine, collector.url)
    told = [(span.name, span.status.code, span.status.message) for span in collector.spans]
    assert told == [
        ("commit", 0, ""),
        ("commit", 2, "RowMoved"),
        ("ask Tick", 0, ""),
        ("ask Tick", 2, "NobodyThere"),
        ("OCPI PUT", 0, ""),
        ("OCPI GET", 2, "Unreachable"),
        ("OCPI _OTHER", 0, ""),
        ("commit", 0, ""),
        ("follower rater", 0, ""),
    ]
    within, around = collector.spans[-2:]
    assert within.parent_span_id == around.span_id
    assert collector.resource["service.instance.id"] == "n-1"
    assert CANARY not in str(collector.spans)


async def test_a_collector_that_is_away_hinders_nobody() -> None:
    await asyncio.wait_for(everything(MemorySpine(SystemClock()), "http://127.0.0.1:9"), 30)


def test_off_every_hand_stays_as_it_is() -> None:
    traces, spine, post, peer = traces_to(None, "n"), MemorySpine(SystemClock()), LocalPost(), Peer()

    async def step(_: list[Recorded]) -> Work:
        return Work()

    assert isinstance(traces, NoTraces)
    assert traces.spine(spine) is spine
    assert traces.post(post) is post
    assert traces.client(peer) is traces.handler(peer) is peer
    assert traces.follower("x", step) is step


def test_configured_and_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "elstrada.roles.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ValueError, match=r"otel\.endpoint is set, and .* install elstrada\[otel\]"):
        traces_to("http://127.0.0.1:4318", "n")
