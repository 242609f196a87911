"""The HTTP server: who gets which request, and how much a caller may use (T13)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.http import HttpLimits, HttpServer, Message, Mount, Receive, Send, listen, serve_http


class Desk:
    """An OCPI handler that remembers and echoes."""

    def __init__(self) -> None:
        self.requests: list[tuple[HttpRequest, str]] = []

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        self.requests.append((request, remote))
        if request.path == "/ocpi/nothing":
            return HttpResponse(204)
        if request.path == "/ocpi/slow":
            await asyncio.sleep(0.3)
        if request.path == "/ocpi/broken":
            raise LookupError("a bug")
        if request.path == "/ocpi/two-lines":
            return HttpResponse(200, {"x-from": "desk\r\nx-forged: yes"})
        return HttpResponse(200, {"x-from": "desk"}, request.body)


class Pages:
    """An ASGI application that echoes bodies and remembers its life."""

    def __init__(self) -> None:
        self.life: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                self.life.append(step)
                await send({"type": f"lifespan.{step}.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.life.append("left")
                break
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-from", b"pages")]})
        await send({"type": "http.response.body", "body": body})


class Stage:
    def __init__(self, server: HttpServer, desk: Desk, pages: Pages, strayed: list[str]) -> None:
        self.server, self.desk, self.pages, self.strayed = server, desk, pages, strayed

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def ask(self, *parts: bytes, pause_s: float = 0.0) -> bytes:
        """Send bytes in parts and read to the end of the connection; empty if it was cut off."""
        reader, writer = await self.connect()
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(5):
                return await reader.read()
        except (ConnectionError, RuntimeError):  # uvloop's word for a transport that is closed already.
            return b""
        finally:
            writer.close()


def played(
    play: Callable[[Stage], Coroutine[object, object, None]], limits: HttpLimits | None = None
) -> Stage:
    async def whole() -> Stage:
        desk, pages = Desk(), Pages()
        strayed: list[str] = []
        server = await serve_http(
            [Mount("/ocpi", desk)],
            pages,
            listen("127.0.0.1", 0),
            limits=limits,
            strayed=lambda remote, code, sample: strayed.append(f"{remote} {code} {sample}"),
        )
        stage = Stage(server, desk, pages, strayed)
        try:
            await play(stage)
        finally:
            await server.close()
        return stage

    return uvloop.run(whole())


def request(target: str, body: bytes = b"", method: str = "POST", *headers: str) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: a",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def test_ocpi_goes_to_its_handler_as_plain_values() -> None:
    async def play(stage: Stage) -> None:
        target = "/ocpi/2.2.1/a%20b?x=1&x=2&y=%C3%A9&z="
        answer = await stage.ask(request(target, b"body", "PUT", "X-Two: a", "X-Two: b"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"x-from: desk\r\n" in answer
        assert answer.endswith(b"\r\n\r\nbody")
        ((seen, remote),) = stage.desk.requests
        assert (seen.method, seen.path, seen.body, remote) == ("PUT", "/ocpi/2.2.1/a b", b"body", "127.0.0.1")
        assert seen.query == {"x": "2", "y": "é", "z": ""}
        assert seen.headers["x-two"] == "a, b"

    played(play)


def test_requests_of_one_connection_are_answered_in_their_order_whole_or_in_parts() -> None:
    async def play(stage: Stage) -> None:
        def one(target: str, body: bytes) -> bytes:
            return request(target, body).replace(b"Connection: close\r\n", b"")

        parts = (
            one("/ocpi/slow", b"1") + one("/ocpi/a", b"2") + one("/page", b"3") + one("/ocpi/b", b"4")[:-1]
        )
        answer = await stage.ask(parts, b"4" + request("/ocpi/c", b"5"), pause_s=0.05)
        bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK\r\n")[1:]]
        assert bodies[:2] == [b"1", b"2"]
        assert bodies[2] in (b"3", b"1\r\n3\r\n0\r\n\r\n")
        assert bodies[3:] == [b"4", b"5"]
        assert answer.count(b"\r\ndate: ") == 5

    played(play)


def test_an_answer_to_head_has_no_body() -> None:
    async def play(stage: Stage) -> None:
        answer = await stage.ask(request("/ocpi/a", b"body", "HEAD"))
        assert b"content-length: 4\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")

    played(play)


@pytest.mark.parametrize(
    ("target", "pause_s"), [("/ocpi/broken", 0.0), ("/ocpi/broken", 0.05), ("/ocpi/two-lines", 0.0)]
)
def test_a_handler_that_fails_is_a_500_and_forges_no_header(target: str, pause_s: float) -> None:
    async def play(stage: Stage) -> None:
        asked = request(target, b"body")
        answer = await stage.ask(*([asked] if not pause_s else [asked[:-1], asked[-1:]]), pause_s=pause_s)
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"x-forged" not in answer

    played(play)


@pytest.mark.parametrize("target", ["/", "/ocpix", "/OCPI", "/pages/ocpi/", "//ocpi/"])
def test_everything_else_goes_to_the_pages(target: str) -> None:
    async def play(stage: Stage) -> None:
        assert b"x-from: pages" in await stage.ask(request(target, b"x" * 10_000))
        assert not stage.desk.requests

    assert played(play).pages.life == ["startup", "shutdown"]


def test_an_answer_without_a_body_has_no_length() -> None:
    async def play(stage: Stage) -> None:
        answer = await stage.ask(request("/ocpi/nothing"))
        assert answer.startswith(b"HTTP/1.1 204")
        assert b"content-length" not in answer

    played(play)


SMALL = HttpLimits(head_bytes=2_000, head_s=0.3, body_bytes=1_000, body_s=0.3, idle_s=1)


def chunked(target: str, body: bytes) -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


HOSTILE = {
    "body too big": (request("/ocpi/a", b"x" * 1_001), b"413"),
    "body too big, for pages": (request("/a", b"x" * 1_001), b"413"),
    "body too big, chunked": (chunked("/ocpi/a", b"x" * 1_001), b"413"),
    "body said to be huge": (
        b"POST /ocpi/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
        b"413",
    ),
    "body that never comes": (b"POST /ocpi/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", b"408"),
    "length that is no number": (b"POST /ocpi/a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"400"),
    "two lengths": (request("/ocpi/a", b"x", "POST", "Content-Length: 2"), b"400"),
    "length and chunks": (request("/ocpi/a", b"x", "POST", "Transfer-Encoding: chunked"), b"400"),
    "head too big": (request("/ocpi/a", b"", "GET", "X: " + "x" * 2_001), b""),
    "many headers": (request("/ocpi/a", b"", "GET", *(f"X{n}: y" for n in range(1_000))), b""),
    "header without end": (b"GET /ocpi/a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3_000, b""),
    "head that never ends": (b"GET /ocpi/a HTTP/1.1\r\nHost: a\r\n", b""),
    "nothing at all": (b"", b""),
    "many query fields": (request("/ocpi/a?" + "a&" * 200 + "a=" * 1, b"", "GET"), b"400"),
    "target of other bytes": (request("/ocpi/\xff", b"", "GET"), b"400"),
    "query of other bytes": (request("/ocpi/a?x=\xff", b"", "GET"), b"400"),
    "not HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    "WebSocket": (request("/a", b"", "GET", "Upgrade: websocket").replace(b"close", b"Upgrade"), b"200"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_answered_plainly_or_cut_off_t13(name: str) -> None:
    hostile, status = HOSTILE[name]

    async def play(stage: Stage) -> None:
        answer = await stage.ask(hostile)
        assert answer[9:12] == status
        assert not stage.desk.requests
        assert b"x-from: desk" in await stage.ask(request("/ocpi/fine"))

    played(play, SMALL)


def test_a_dripping_head_is_cut_off_at_the_deadline_t13() -> None:
    async def play(stage: Stage) -> None:
        start = asyncio.get_running_loop().time()
        parts = [bytes([byte]) for byte in request("/ocpi/a")]
        assert await stage.ask(*parts, pause_s=0.02) == b""
        assert asyncio.get_running_loop().time() - start < 1.5
        assert not stage.desk.requests

    played(play, SMALL)


@pytest.mark.parametrize("body", [b"", b"x" * 2_000], ids=["slow", "big"])
def test_the_pages_see_a_caller_leave_when_the_body_is_slow_or_big(body: bytes) -> None:
    async def play(stage: Stage) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        await stage.ask(head + (b"7d0\r\n" + body + b"\r\n" if body else b""))

    assert "left" in played(play, SMALL).pages.life


def test_stopping_lets_a_request_in_hand_end_and_touches_no_signal() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    async def play(stage: Stage) -> None:
        assert signal.getsignal(signal.SIGTERM) == before[1]
        asking = asyncio.create_task(stage.ask(request("/ocpi/slow", b"end")))
        await asyncio.sleep(0.1)
        await stage.server.close()
        assert (await asking).endswith(b"end")
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()

    played(play)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_application_that_cannot_start_is_an_error_and_no_exit() -> None:
    async def broken(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no store"})

    async def whole() -> None:
        with pytest.raises(RuntimeError, match="failed to start"):
            await serve_http([Mount("/ocpi", Desk())], broken, listen("127.0.0.1", 0))

    uvloop.run(whole())


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"no request at all\r\n\r\n", "HTTP 400 no HTTP/1.1"),
        (b"GET /ocpi HTTP/1.1\r\nX: " + b"x" * 40_000, "HTTP 431 a head of more than 32768 bytes"),
        (b"PUT /ocpi/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", "HTTP 413 PUT /ocpi/x"),
        (b"PUT /y HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", "HTTP 413 PUT /y"),
        (request("/ocpi?" + "&".join("abcdefgh" * 20)), "HTTP 400 POST /ocpi"),
    ],
)
def test_what_no_handler_sees_is_told_of_once(sent: bytes, told: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.ask(sent)
        assert stage.strayed == [f"127.0.0.1 {told}"]
        assert not stage.desk.requests
        assert b"200" in await stage.ask(request("/ocpi/y"))
        assert len(stage.strayed) == 1

    played(play)
