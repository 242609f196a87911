"""One HTTP server for everything: OCPI and the desk straight to their handlers, the rest to an application."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence

import uvicorn

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.certificates import Certificates, following
from elstrada.net.face import Strayed, unheard
from elstrada.net.http_protocol import bounded
from elstrada.net.mounts import TOO_LARGE, HttpLimits, Message, Mount, remote, request_of, said_length

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""


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
        http=bounded(mounts, limits, strayed),
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
                await respond(send, await mount.handler.handle(request, remote(scope)))
            else:
                await respond(_counting(send, scope, strayed), request)
        elif scope["type"] == "http":
            send = _counting(send, scope, strayed)
            if said_length(scope["headers"]) > limits.body_bytes:
                await respond(send, TOO_LARGE)
            else:
                await pages(scope, _bounded_receive(receive, limits), send)
        else:
            await pages(scope, receive, send)

    return app


def _counting(send: Send, scope: Message, strayed: Strayed) -> Send:
    """``send``, which tells of a response that blames the caller."""

    async def counting(message: Message) -> None:
        if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
            strayed(remote(scope), f"HTTP {message['status']}", f"{scope['method']} {scope['path']}")
        await send(message)

    return counting


async def _whole_request(
    mount: Mount, scope: Message, receive: Receive, limits: HttpLimits
) -> HttpRequest | HttpResponse:
    """Read one whole request, or the refusal of what is too big or too slow for any handler to see."""
    most = mount.body_bytes or limits.body_bytes
    if said_length(scope["headers"]) > most:
        return TOO_LARGE
    try:
        async with asyncio.timeout(limits.body_s):
            body = await _whole_body(receive, most)
    except TimeoutError:
        return HttpResponse(408, {"connection": "close"})
    return TOO_LARGE if body is None else request_of(scope, body)


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
