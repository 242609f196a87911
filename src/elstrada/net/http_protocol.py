"""How one connection of HTTP is served: uvicorn's protocol, bounded, with a short way to our own handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.net.face import Strayed
from elstrada.net.mounts import TOO_LARGE, HttpLimits, Message, Mount, remote, request_of

_log = logging.getLogger("uvicorn.error")
_FAILED = HttpResponse(500, {"content-type": "text/plain", "connection": "close"}, b"Internal Server Error")


class Express(HttpToolsProtocol):
    """uvicorn's protocol, with a short way for requests for a mount that came whole.

    What comes in parts goes the long way, where it is waited for with bounds.
    """

    mounts: Sequence[Mount]
    limits: HttpLimits
    strayed: Strayed
    _held: tuple[RequestResponseCycle, Any, Mount] | None = None
    """A request whose headers are there, until the end of what has just come."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        path = cycle.scope["path"]
        # Where there are too many connections, another application says so.
        is_ours = app is cast(Any, self).app
        mount = next((one for one in self.mounts if one.serves(path)), None) if is_ours else None
        if mount is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._held = cycle, app, mount
        else:
            self._go(cycle, mount)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:
            cycle, app, _ = self._held
            self._held = None
            if not self.transport.is_closing():
                super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._held is not None and self._held[0] is self.cycle:
            cycle, _, mount = self._held
            self._held = None
            self._go(cycle, mount)

    def _go(self, cycle: RequestResponseCycle, mount: Mount) -> None:
        if self.transport.is_closing():
            return  # What was wrong with it showed before its end.
        task = self.loop.create_task(self._serve(cycle, mount))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, cycle: RequestResponseCycle, mount: Mount) -> None:
        try:
            response = await self._answer(cycle, mount)
            head = _head(response, self.server_state.default_headers, closes=not cycle.keep_alive)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  The caller gets an answer, as of uvicorn.
            _log.error("Exception in an HTTP handler\n", exc_info=error)
            response = _FAILED
            head = _head(response, self.server_state.default_headers, closes=True)
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        self.transport.write(head)
        if response.body and cycle.scope["method"] != "HEAD":
            self.transport.write(response.body)
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive or response.headers.get("connection") == "close":
            self.transport.close()
        cycle.on_response()

    async def _answer(self, cycle: RequestResponseCycle, mount: Mount) -> HttpResponse:
        scope = cast(Message, cycle.scope)
        most = mount.body_bytes or self.limits.body_bytes
        asked = TOO_LARGE if len(cycle.body) > most else request_of(scope, bytes(cycle.body))
        caller = remote(scope)
        if isinstance(asked, HttpRequest):
            return await mount.handler.handle(asked, caller)
        type(self).strayed(caller, f"HTTP {asked.status}", f"{scope['method']} {scope['path']}")
        return asked


def _head(response: HttpResponse, defaults: Sequence[tuple[bytes, bytes]], *, closes: bool) -> bytes:
    """Status line and headers.

    Raises:
        ValueError: a header would be more than one line.
    """
    headers = dict(response.headers)
    if response.status not in (204, 304):
        headers["content-length"] = str(len(response.body))
    if closes:
        headers["connection"] = "close"
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError(f"a header of {', '.join(headers)} is more than one line")
    first = b"".join([STATUS_LINE[response.status], *(b"%b: %b\r\n" % pair for pair in defaults)])
    return first + lines.encode("latin-1") + b"\r\n"


def bounded(mounts: Sequence[Mount], limits: HttpLimits, strayed: Strayed) -> type[asyncio.Protocol]:
    """uvicorn's protocol with what it lacks: an end to headers, in bytes and in time, and to not reading (T13).

    A request for a mount that is all there at once, as most are, goes straight to its handler, and the response
    straight to the socket: as an ASGI application it would cost as much again.
    """

    class Bounded(Express):
        _head_bytes = 0
        _in_head = True
        """Is a request awaited, or begun, whose headers have not ended?"""
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
            if self._in_head:
                # The parser keeps an unfinished header to itself, however long.
                self._head_bytes += len(data)
                self._check_head(self._head_bytes)
                if self._head_timer is None:
                    self._head_timer = self.loop.call_later(limits.head_s, self.transport.abort)

        def on_message_begin(self) -> None:
            self._head_bytes, self._in_head = 0, True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._head_ended()
            self._check_head(sum(len(name) + len(value) for name, value in self.headers))
            super().on_headers_complete()

        def _check_head(self, length: int) -> None:
            if length > limits.head_bytes:
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

    Bounded.mounts, Bounded.limits, Bounded.strayed = mounts, limits, staticmethod(strayed)
    return Bounded
