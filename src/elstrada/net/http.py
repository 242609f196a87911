"""One HTTP server for everything: OCPI and the desk straight to their handlers, the rest to an application."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.certificates import Certificates, following
from elstrada.net.entrance import joined_headers
from elstrada.net.face import HttpHandler, Strayed, unheard

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

_QUERY_FIELDS = 100


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a caller may use (T13)."""

    head_bytes: int = 32 * 1024
    """Request line and headers."""
    head_s: float = 5.0
    """From connecting, or from the first byte of a later request, to the end of the headers."""
    body_bytes: int = 1024 * 1024
    body_s: float = 20.0
    stalled_s: float = 60.0
    """For so long a caller may take none of what waits for it."""
    idle_s: int = 15
    """Between two requests on one connection."""
    connections: int = 2_000
    """Beyond it, 503."""
    stopping_s: int = 5
    """For requests in hand when the server stops; event streams end with it."""


class Mount(msgspec.Struct, frozen=True):
    """A part of the address space that a handler serves by itself."""

    prefix: str
    """Such as ``/ocpi``; it and everything below it."""
    handler: HttpHandler
    body_bytes: int | None = None
    """Largest body; None: as ``HttpLimits`` says."""

    def serves(self, path: str) -> bool:
        return path == self.prefix or path.startswith(self.prefix.rstrip("/") + "/")


class HttpServer:
    """A running HTTP server."""

    def __init__(self, server: uvicorn.Server, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self._server = server
        self._serving = asyncio.get_running_loop().create_task(server.serve([listening]))

    async def started(self) -> HttpServer:
        """Wait until requests are served.

        Raises:
            RuntimeError: the application failed to start.
        """
        while not self._server.started:  # uvicorn sets a flag, not an event.
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.01)
        return self

    async def close(self) -> None:
        """Accept nobody more, let requests in hand end, then return."""
        self._server.should_exit = True
        await self._serving


async def nowhere(scope: Message, receive: Receive, send: Send) -> None:
    """The application of a server that has no other paths than its mounts': 404."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await respond(send, HttpResponse(404))


def listen(host: str, port: int) -> socket.socket:
    """Take an address before anything is served there, so that its port is known to who will serve.

    Args:
        port: 0 for any that is free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


async def serve_http(
    mounts: Sequence[Mount],
    pages: App,
    listening: socket.socket,
    *,
    limits: HttpLimits | None = None,
    strayed: Strayed = unheard,
    certificates: Certificates | None = None,
) -> HttpServer:
    """Start serving each mount by its handler and every other path by an application.

    Args:
        certificates: what callers are met with; None: without TLS.
        strayed: told of what no handler sees, and of what the application refuses.
    """
    limits = limits or HttpLimits()
    config = uvicorn.Config(
        dispatch(mounts, pages, limits, strayed),
        http=_bounded(limits, strayed),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=limits.stopping_s,
        ssl_context_factory=None if certificates is None else lambda _, __: following(certificates),
    )
    return await HttpServer(_GuestServer(config), listening).started()


def dispatch(mounts: Sequence[Mount], pages: App, limits: HttpLimits, strayed: Strayed = unheard) -> App:
    """An application that hands each request to whom it is for, its body bounded in size and time."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        mount = next((one for one in mounts if one.serves(scope.get("path", ""))), None)
        if scope["type"] == "http" and mount is not None:
            request = await _whole_request(mount, scope, receive, limits)
            if isinstance(request, HttpRequest):
                await respond(send, await mount.handler.handle(request, _remote(scope)))
            else:
                await respond(_counting(send, scope, strayed), request)
        elif scope["type"] == "http":
            send = _counting(send, scope, strayed)
            if _said_length(scope) > limits.body_bytes:
                await respond(send, HttpResponse(413, {"connection": "close"}))
            else:
                await pages(scope, _bounded_receive(receive, limits), send)
        else:
            await pages(scope, receive, send)

    return app


def _counting(send: Send, scope: Message, strayed: Strayed) -> Send:
    """``send``, which tells of a response that blames the caller."""

    async def counting(message: Message) -> None:
        if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
            strayed(_remote(scope), f"HTTP {message['status']}", f"{scope['method']} {scope['path']}")
        await send(message)

    return counting


async def _whole_request(
    mount: Mount, scope: Message, receive: Receive, limits: HttpLimits
) -> HttpRequest | HttpResponse:
    """Read one whole request, or the refusal of what is too big or too slow for any handler to see."""
    most = mount.body_bytes or limits.body_bytes
    if _said_length(scope) > most:
        return HttpResponse(413, {"connection": "close"})
    try:
        query = dict(_query(scope["query_string"]))
    except ValueError:
        return HttpResponse(400)
    try:
        async with asyncio.timeout(limits.body_s):
            body = await _whole_body(receive, most)
    except TimeoutError:
        return HttpResponse(408, {"connection": "close"})
    if body is None:
        return HttpResponse(413, {"connection": "close"})
    return HttpRequest(scope["method"], scope["path"], query, _headers(scope), body)


def _remote(scope: Message) -> str:
    """Address of the caller, without the port."""
    return str((scope.get("client") or ("?",))[0])


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """The body, or None when it is larger than the limit or breaks off."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _bounded_receive(receive: Receive, limits: HttpLimits) -> Receive:
    """``receive`` for an application: a body too big or too slow looks like a caller who left."""
    deadline = asyncio.get_running_loop().time() + limits.body_s
    left, ended = limits.body_bytes, False

    async def bounded() -> Message:
        nonlocal left, ended
        if ended:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        left -= len(message.get("body", b""))
        ended = not message.get("more_body", False)
        return message if left >= 0 else {"type": "http.disconnect"}

    return bounded


async def respond(send: Send, response: HttpResponse) -> None:
    """Send a whole response."""
    headers = dict(response.headers)
    if response.status not in (204, 304):
        headers["content-length"] = str(len(response.body))
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})
    await send({"type": "http.response.body", "body": response.body})


def _query(raw: bytes) -> list[tuple[str, str]]:
    """Fields of a query. Raises ValueError when there are too many, or bytes outside ASCII."""
    return parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS)


def _headers(scope: Message) -> dict[str, str]:
    return joined_headers(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


def _said_length(scope: Message) -> int:
    """What ``Content-Length`` says; the parser has already refused what is no number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


class _GuestServer(uvicorn.Server):
    """uvicorn as a guest in somebody else's loop: signals and exits are the host's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as exit_code:
            raise RuntimeError(
                "the HTTP application failed to start; its own message says why"
            ) from exit_code


def _bounded(limits: HttpLimits, strayed: Strayed) -> type[asyncio.Protocol]:
    """uvicorn's protocol with what it lacks: an end to headers, in bytes and in time, and to not reading (T13)."""

    class Bounded(HttpToolsProtocol):
        _head_bytes = 0
        _head_timer: asyncio.TimerHandle | None = None
        _stalled_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._head_timer = self.loop.call_later(limits.head_s, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_ended()
            self._reads_again()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            self._stalled_timer = self.loop.call_later(limits.stalled_s, self.transport.abort)
            super().pause_writing()

        def resume_writing(self) -> None:
            self._reads_again()
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._head_timer is not None:
                # The parser keeps an unfinished header to itself, however long.
                self._head_bytes += len(data)
                self._check_head()

        def on_message_begin(self) -> None:
            self._head_bytes = 0
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(limits.head_s, self.transport.abort)
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            self._head_bytes += len(name) + len(value)
            self._check_head()
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._head_ended()
            super().on_headers_complete()

        def _check_head(self) -> None:
            if self._head_bytes > limits.head_bytes:
                strayed(self._caller(), "HTTP 431", f"a head of more than {limits.head_bytes} bytes")
                self.transport.abort()

        def send_400_response(self, msg: str) -> None:
            strayed(self._caller(), "HTTP 400", "no HTTP/1.1")
            super().send_400_response(msg)

        def _caller(self) -> str:
            return self.client[0] if self.client else "?"

        def _reads_again(self) -> None:
            if self._stalled_timer is not None:
                self._stalled_timer.cancel()
                self._stalled_timer = None

        def _head_ended(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return Bounded
