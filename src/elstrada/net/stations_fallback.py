"""The stations' WebSocket server on ``websockets``: slower, pure Python, the same contract."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import msgspec
from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from elstrada.model.security import Secured
from elstrada.net.deflate import Agreed, Inflater, TooLong, Unreadable, agree, deflated
from elstrada.net.doors import Tls, open_doors, secured_by
from elstrada.net.entrance import Entrance, Opener, joined_headers
from elstrada.net.face import Admitted, Clock, Doorman, Line, Refused
from elstrada.net.silence import Watch
from elstrada.net.station_server import (
    ABNORMAL,
    GOING_AWAY,
    INTERNAL_ERROR,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    UNPINGED_S,
    UNSUPPORTED_DATA,
    StationLimits,
    StationServer,
    clean_reason,
    ping_interval_s,
)
from elstrada.net.throttle import Buckets

_LOG = logging.getLogger("elstrada.net.stations")
_LIBRARY_LOG = logging.getLogger("elstrada.net.stations.websockets")
_LIBRARY_LOG.setLevel(logging.CRITICAL)  # What a station does wrong is no error of ours.


async def serve_stations(
    doorman: Doorman,
    *,
    host: str,
    port: int | None,
    clock: Clock,
    limits: StationLimits | None = None,
    tls: Tls | None = None,
) -> StationServer:
    """Start listening for stations; as ``stations.serve_stations``."""
    tls = tls or Tls()
    house = _House(doorman, clock, limits or StationLimits(), plain=Secured() if tls.in_front else None)
    await open_doors(
        host, port, tls, house.server, house.entrance, lambda newcomer: _Connection(house, newcomer)
    )
    house.server.stops_by(house.leave)
    return house.server


class _House:
    """What all connections of one server share, and what the library's ask of their server.

    The library's own server cannot be told of a TLS handshake before it is over; see ``doors``.
    """

    def __init__(
        self, doorman: Doorman, clock: Clock, limits: StationLimits, *, plain: Secured | None
    ) -> None:
        self.doorman, self.limits = doorman, limits
        self.plain = plain
        """What holds for whoever comes by the plain door."""
        self.entrance = Entrance(doorman, clock, limits)
        self.server = StationServer(limits)
        self.server.refused = self.entrance.refused
        self.loop = asyncio.get_running_loop()
        self.handler_tasks: set[asyncio.Task[None]] = set()
        self._leaving = False

    def leave(self) -> None:
        """Refuse whoever has not been let in yet."""
        self._leaving = True

    def is_serving(self) -> bool:
        """Asked by the library before it lets anybody in."""
        return not self._leaving

    async def handler(self, connection: ServerConnection) -> None:
        """Handle one connection from its first byte to its last; made a task by the library."""
        try:
            async with asyncio.timeout(self.limits.opening_s):
                await connection.handshake(self.knocked, self.answered, None)
            if connection.protocol.state is State.OPEN:
                async with connection:
                    await self.converse(connection)
        except Exception:  # noqa: BLE001  What a station does wrong is no error of ours.
            _LIBRARY_LOG.debug("an opening failed", exc_info=True)
        finally:
            connection.transport.abort()
            self.handler_tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def knocked(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer the knock, before the library looks at anything but the form of the HTTP request (T1)."""
        assert isinstance(connection, _Connection)
        self.entrance.waiting.leave(connection)
        if (request.method, request.protocol) != ("GET", "HTTP/1.1"):
            return _response(Refused(400))
        headers = joined_headers(request.headers.raw_items())
        secured = secured_by(connection.transport) or self.plain
        verdict = self.entrance.decide(request.path, headers, connection.remote, self.loop.time(), secured)
        if isinstance(verdict, Admitted):
            connection.admitted = verdict
            if self.limits.compression:
                connection.agreed = agree(headers.get("sec-websocket-extensions", ""))
            # The choices are made; the library must not stumble over an odd offer.
            for name in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"):
                if name in request.headers:
                    del request.headers[name]
            return None
        return _response(verdict)

    def answered(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Name what was chosen in the response."""
        assert isinstance(connection, _Connection)
        if connection.admitted is None or response.status_code != 101:
            return
        if connection.admitted.named:
            response.headers["Sec-WebSocket-Protocol"] = connection.admitted.named
        if connection.agreed is not None:
            response.headers["Sec-WebSocket-Extensions"] = connection.agreed.answer
            connection.protocol.extensions = [_Compression(connection.agreed)]

    async def converse(self, connection: ServerConnection) -> None:
        """Handle one open socket until it is gone."""
        assert isinstance(connection, _Connection)
        assert connection.admitted is not None
        socket = connection.socket = _Socket(self, connection, connection.admitted)
        try:
            socket.opened()
            async for message in connection:
                socket.hear(message)
        except ConnectionClosed:
            pass
        except Exception:  # noqa: BLE001  Whatever a line raises ends its own socket only.
            _LOG.exception("a line failed")
            socket.end(INTERNAL_ERROR, "")
        finally:
            await socket.ended()
            socket.gone()


class _Connection(ServerConnection):
    """One TCP connection, from its first byte."""

    def __init__(self, house: _House, newcomer: Opener | None) -> None:
        limits = house.limits
        super().__init__(
            ServerProtocol(max_size=limits.message_bytes, logger=_LIBRARY_LOG),
            cast(Server, house),
            ping_interval=None,  # Per station, by a Watch.
            close_timeout=limits.closing_s,
            write_limit=limits.waiting_bytes,
        )
        self._house, self._newcomer = house, newcomer
        self.remote = "?"
        self.admitted: Admitted | None = None
        self.agreed: Agreed | None = None
        self.socket: _Socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.remote = str((transport.get_extra_info("peername") or ("?",))[0])
        super().connection_made(transport)
        self._house.entrance.waiting.enter(self, self.remote, instead_of=self._newcomer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.entrance.waiting.leave(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.socket is not None and self.protocol.state is not State.OPEN:
            self.socket.linger()

    def process_event(self, event: Event) -> None:
        if self.socket is not None and isinstance(event, Frame):
            self.socket.hear_frame(event)
        super().process_event(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.socket is not None:
            self.socket.overflow()


class _Compression(Extension):
    """Ours instead of the library's, which takes a message that was cut off for a whole one."""

    def __init__(self, agreed: Agreed) -> None:
        self._agreed = agreed
        self._inflater: Inflater | None = None

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY) and frame.rsv1:
            assert max_size is not None, "a message has a limit"
            self._inflater = Inflater(max_size)
        elif frame.opcode is not Opcode.CONT or frame.rsv1 or self._inflater is None:
            return frame  # The library complains of a bit that is still set.
        try:
            data = self._inflater.take(bytes(frame.data), last=frame.fin)
        except TooLong:
            raise PayloadTooBig(None, max_size) from None
        except Unreadable as why:
            raise ProtocolError(str(why)) from why
        if frame.fin:
            self._inflater = None
        return Frame(frame.opcode, data, frame.fin, False, frame.rsv2, frame.rsv3)

    def encode(self, frame: Frame) -> Frame:
        packed = deflated(bytes(frame.data), self._agreed) if frame.opcode is Opcode.TEXT else None
        return frame if packed is None else Frame(frame.opcode, packed, frame.fin, True)


def _response(refused: Refused) -> Response:
    headers = Headers({"Content-Length": "0", "Connection": "close", **refused.headers})
    return Response(refused.status, HTTPStatus(refused.status).phrase, headers, b"")


class _Socket:
    """One station's open WebSocket."""

    def __init__(self, house: _House, connection: _Connection, admitted: Admitted) -> None:
        self.remote = connection.remote
        self._house, self._connection, self._admitted = house, connection, admitted
        self._line: Line | None = None
        self._ending: tuple[int, str] | None = None
        self._goodbye: asyncio.Task[None] | None = None
        self._controls = Buckets(house.limits.control, keys=1)
        self._watch = Watch(
            self,
            house.loop,
            ping_interval_s(admitted, house.limits) or UNPINGED_S,
            house.limits.ping_timeout_s,
        )

    # What a Line may do.

    def send(self, frame: bytes) -> None:
        if self._ending is None:
            broadcast([self._connection], frame, text=True)

    def close(self, code: int, reason: str) -> None:
        self.end(code, clean_reason(reason))

    def leave_unpinged(self) -> None:
        self._admitted = msgspec.structs.replace(self._admitted, ping_interval_s=0)

    def probe(self, answered: Callable[[bool], None], within_s: float) -> None:
        if self._ending is not None or self._connection.protocol.state is not State.OPEN:
            self._house.loop.call_soon(answered, False)
            return
        self._watch.expect(answered, within_s)
        self._ping()

    # What the connection reports.

    def opened(self) -> None:
        self._house.server.open.add(self)
        if self._admitted.protocol is None:
            # OCPP 2.1 part 4: complete the handshake without a subprotocol, then close.
            self.end(PROTOCOL_ERROR, "no subprotocol in common")
            return
        self._line = self._house.doorman.opened(self, self._admitted)

    def hear_frame(self, frame: Frame) -> None:
        """Note a sign of life, which a goodbye is not, and count what carries nothing."""
        if frame.opcode is Opcode.CLOSE:
            return
        now = self._watch.heard()
        empty = frame.opcode is Opcode.CONT and not frame.data
        if (empty or frame.opcode in (Opcode.PING, Opcode.PONG)) and not self._controls.take("", now):
            self.end(POLICY_VIOLATION, "too many control frames")

    def hear(self, message: str | bytes) -> None:
        if self._ending is not None or self._line is None:
            return  # RFC 6455 §1.4: what follows our goodbye is discarded.
        if isinstance(message, bytes):
            self.end(UNSUPPORTED_DATA, "text frames only")
        else:
            self._line.received(message.encode())

    def overflow(self) -> None:
        """More than ``waiting_bytes`` wait: the station does not read (F15), so it hears no goodbye."""
        self._ending = self._ending or (POLICY_VIOLATION, "station does not read")
        self._connection.abort()

    def end(self, code: int, reason: str) -> None:
        """Say goodbye and wait for the other side's, but not for long."""
        if self._ending is None and self._connection.protocol.state is State.OPEN:
            self._ending = (code, reason)
            self.linger()
            self._goodbye = self._house.loop.create_task(self._connection.close(code, reason))

    async def ended(self) -> None:
        """Wait for the connection to be gone, which its goodbye has a deadline for."""
        if self._goodbye is not None:
            await self._goodbye
        await self._connection.close()

    def linger(self) -> None:
        """A goodbye was said by either side; the library itself would wait for ever for the last byte."""
        self._watch.give_up_in(self._house.limits.closing_s)

    def gone(self) -> None:
        self._watch.stop()
        self._house.server.leave(self)
        line, self._line = self._line, None
        if line is not None:
            line.closed(*(self._ending or _how_it_ended(self._connection)))

    # Silence.

    def ping(self) -> bool:
        if not ping_interval_s(self._admitted, self._house.limits):
            return False
        self._ping()
        return True

    def _ping(self) -> None:
        self._connection.protocol.send_ping(b"")
        self._connection.send_data()

    def give_up(self) -> None:
        if self._connection.protocol.state is State.OPEN:
            self._ending = GOING_AWAY, "no answer to a ping"
        self._connection.abort()


def _how_it_ended(connection: ServerConnection) -> tuple[int, str]:
    """Code and reason where we did not choose them."""
    protocol = connection.protocol
    close = protocol.close_rcvd if protocol.close_rcvd_then_sent else protocol.close_sent
    if close is None:
        return ABNORMAL, "connection lost"
    return int(close.code), clean_reason(close.reason)
