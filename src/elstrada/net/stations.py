"""The stations' WebSocket server, on picows (DESIGN 5.8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import msgspec
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

from elstrada.model.security import Secured
from elstrada.net.deflate import Agreed, Inflater, TooLong, Unreadable, agree, deflated
from elstrada.net.doors import Tls, open_doors, secured_by
from elstrada.net.entrance import Entrance, Opener, joined_headers
from elstrada.net.face import Admitted, Clock, Doorman, Line, Refused
from elstrada.net.silence import Watch
from elstrada.net.station_server import (
    ABNORMAL,
    GOING_AWAY,
    NEVER_ON_THE_WIRE,
    NO_STATUS,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    TOO_BIG,
    UNPINGED_S,
    UNSUPPORTED_DATA,
    StationLimits,
    StationServer,
    clean_reason,
    ping_interval_s,
)
from elstrada.net.throttle import Buckets

if TYPE_CHECKING:

    class WSProtocol(asyncio.BufferedProtocol):
        """What ``picows.ws_create_server`` makes per connection; untyped there."""

        def __init__(self, *settings: object) -> None: ...
else:
    from picows.picows import WSProtocol

_SMALLEST_READ_BUFFER = 2048


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """What a station does wrong is no error of ours, and picows is chatty about the rest."""

    def error(self, msg: object, *args: object, **kwargs: object) -> None:
        level = logging.DEBUG if str(msg).startswith("WS parser error") else logging.ERROR
        self.logger.log(level, msg, *args)

    def warning(self, msg: object, *args: object, **kwargs: object) -> None:
        self.logger.debug(msg, *args)

    def info(self, msg: object, *args: object, **kwargs: object) -> None:
        self.logger.debug(msg, *args)


# One adapter for all: picows makes a logger per connection (1.5 KB) of anything that is a Logger.
_LOG = _QuietLogger(logging.getLogger("elstrada.net.stations"), {})


async def serve_stations(
    doorman: Doorman,
    *,
    host: str,
    port: int | None,
    clock: Clock,
    limits: StationLimits | None = None,
    tls: Tls | None = None,
) -> StationServer:
    """Start listening for stations; ``StationServer`` tells at which ports.

    Args:
        port: of the plain door: 0 for any that is free; None: there is none.
    Raises:
        OSError: a port cannot be had.
    """
    tls = tls or Tls()
    house = _House(doorman, clock, limits or StationLimits(), plain=Secured() if tls.in_front else None)
    await open_doors(
        host, port, tls, house.server, house.entrance, lambda newcomer: _Connection(house, newcomer)
    )
    return house.server


class _House:
    """What all connections of one server share."""

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


class _Connection(WSProtocol):
    """One TCP connection, from its first byte. It knows the caller's address, which picows keeps back."""

    __slots__ = ("_house", "_newcomer", "_remote", "_tcp")

    def __init__(self, house: _House, newcomer: Opener | None) -> None:
        limits = house.limits
        super().__init__(
            None,  # host and port: a client's
            None,  # path: a client's
            False,  # is_client_side
            self._decide,
            _LOG,
            True,  # disconnect_on_exception
            limits.opening_s,
            False,  # enable_auto_ping: a task per connection; _Socket needs one timer
            limits.ping_interval_s,
            limits.ping_timeout_s,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong: _Socket answers pings, and counts them
            limits.message_bytes,
            None,  # extra headers: a client's
            _SMALLEST_READ_BUFFER,
        )
        self._house, self._newcomer = house, newcomer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases.
        self._remote = str((transport.get_extra_info("peername") or ("?",))[0])
        self._house.entrance.waiting.enter(self, self._remote, instead_of=self._newcomer)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.entrance.waiting.leave(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        self._tcp.abort()

    def _decide(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        """Answer the knock, before picows looks at anything but the form of the HTTP request (T1)."""
        house = self._house
        house.entrance.waiting.leave(self)
        headers = joined_headers(request.headers.items())
        target = request.path.decode("latin-1")
        secured = secured_by(self._tcp) or house.plain
        verdict = house.entrance.decide(target, headers, self._remote, house.loop.time(), secured)
        if isinstance(verdict, Refused):
            return WSUpgradeResponseWithListener(_response(verdict), None)
        # picows wants exactly "Upgrade"; RFC 6455 §4.2.1 allows a list, and proxies send one.
        request.headers["Connection"] = "Upgrade"
        offers = headers.get("sec-websocket-extensions", "")
        agreed = agree(offers) if house.limits.compression else None
        return WSUpgradeResponseWithListener(
            _welcome(verdict, agreed), _Socket(house, verdict, self._remote, agreed)
        )


def _welcome(admitted: Admitted, agreed: Agreed | None) -> WSUpgradeResponse:
    headers: dict[str, str] = {}
    if admitted.named is not None:
        headers["Sec-WebSocket-Protocol"] = admitted.named
    if agreed is not None:
        headers["Sec-WebSocket-Extensions"] = agreed.answer
    return WSUpgradeResponse.create_101_response(headers)


def _response(refused: Refused) -> WSUpgradeResponse:
    headers = {"Content-Length": "0", **refused.headers}
    return WSUpgradeResponse.create_error_response(refused.status, None, headers)


class _Socket(WSListener):
    """One station's open WebSocket, and all that is remembered of it. Kept small: there are many."""

    __slots__ = (
        "_admitted",
        "_agreed",
        "_controls",
        "_ending",
        "_house",
        "_inflater",
        "_line",
        "_parts",
        "_transport",
        "_watch",
        "remote",
    )

    def __init__(self, house: _House, admitted: Admitted, remote: str, agreed: Agreed | None) -> None:
        self.remote = remote
        self._house, self._admitted, self._agreed = house, admitted, agreed
        self._transport: WSTransport | None = None
        self._line: Line | None = None
        self._ending: tuple[int, str] | None = None
        """Code and reason of the close, once somebody has said goodbye."""
        self._parts: bytearray | None = None
        """What has come of a fragmented message, inflated."""
        self._inflater: Inflater | None = None
        """Of a fragmented message that is compressed."""
        self._controls: Buckets | None = None
        self._watch = Watch(
            self,
            house.loop,
            ping_interval_s(admitted, house.limits) or UNPINGED_S,
            house.limits.ping_timeout_s,
        )

    # What a Line may do.

    def send(self, frame: bytes) -> None:
        if self._ending is not None or self._transport is None:
            return
        packed = deflated(frame, self._agreed) if self._agreed is not None else None
        if packed is None:
            self._transport.send(WSMsgType.TEXT, frame)
        else:
            self._transport.send(WSMsgType.TEXT, packed, rsv1=True)

    def close(self, code: int, reason: str) -> None:
        self._end(code, clean_reason(reason))

    def leave_unpinged(self) -> None:
        self._admitted = msgspec.structs.replace(self._admitted, ping_interval_s=0)

    def probe(self, answered: Callable[[bool], None], within_s: float) -> None:
        if self._transport is None or self._ending is not None or self._transport.is_disconnected:
            self._house.loop.call_soon(answered, False)
            return
        self._watch.expect(answered, within_s)
        self._transport.send_ping()

    # What picows calls.

    def on_ws_connected(self, transport: WSTransport) -> None:
        house = self._house
        self._transport = transport
        # The credentials, and three kilobytes, need not stay.
        transport.request.headers.clear()
        transport.response.headers.clear()
        transport.underlying_transport.set_write_buffer_limits(high=house.limits.waiting_bytes)
        house.server.open.add(self)
        if self._admitted.protocol is None:
            # OCPP 2.1 part 4: complete the handshake without a subprotocol, then close.
            self._end(PROTOCOL_ERROR, "no subprotocol in common")
            return
        self._line = house.doorman.opened(self, self._admitted)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._hear_close(transport, frame)
        elif transport.is_close_frame_sent or transport.is_disconnected:
            return  # RFC 6455 §1.4: what follows our goodbye is discarded.
        elif (frame.rsv1 or frame.rsv2 or frame.rsv3) and not self._may_be_compressed(frame, kind):
            self._end(PROTOCOL_ERROR, "a reserved bit is set")
        else:
            self._watch.heard()
            plain = kind == WSMsgType.TEXT and not frame.rsv1
            if plain and frame.fin and self._parts is None and self._line is not None:
                self._line.received(frame.get_payload_as_bytes())
            else:
                self._hear_rest(transport, frame, kind)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._watch.stop()
        self._house.server.leave(self)
        line, self._line = self._line, None
        if line is not None:
            line.closed(*(self._ending or _how_it_ended(transport)))

    def pause_writing(self) -> None:
        """More than ``waiting_bytes`` wait: the station does not read (F15), so it hears no goodbye."""
        self._ending = self._ending or (POLICY_VIOLATION, "station does not read")
        self._cut()

    def resume_writing(self) -> None:
        """Nothing waits for this: nobody was held up."""

    # The rest of a conversation.

    def _hear_rest(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        match kind:
            case WSMsgType.PING:
                if self._within_budget():
                    transport.send_pong(frame.get_payload_as_bytes())
            case WSMsgType.PONG:
                self._within_budget()
            case WSMsgType.BINARY:
                self._end(UNSUPPORTED_DATA, "text frames only")
            case _:
                self._hear_fragment(frame, continues=kind == WSMsgType.CONTINUATION)

    def _may_be_compressed(self, frame: WSFrame, kind: WSMsgType) -> bool:
        """RSV1 stands on the first frame of a message only, and never on a control frame (RFC 7692 §6)."""
        first = kind in (WSMsgType.TEXT, WSMsgType.BINARY)
        return self._agreed is not None and first and not (frame.rsv2 or frame.rsv3)

    def _hear_fragment(self, frame: WSFrame, *, continues: bool) -> None:
        """Assemble a message from its fragments, one or many. Source: RFC 6455 §5.4."""
        if continues == (self._parts is None):
            self._end(PROTOCOL_ERROR, "fragments out of order")
            return
        if self._parts is None:
            self._parts = bytearray()
            self._inflater = Inflater(self._house.limits.message_bytes) if frame.rsv1 else None
        try:
            self._parts += self._content(frame)
        except TooLong:
            self._end(TOO_BIG, "message too big")
            return
        except Unreadable as why:
            self._end(PROTOCOL_ERROR, str(why))
            return
        if len(self._parts) > self._house.limits.message_bytes:
            self._end(TOO_BIG, "message too big")
        elif frame.fin:
            self._hear_whole(bytes(self._parts))
        elif frame.payload_size == 0:
            self._within_budget()

    def _content(self, frame: WSFrame) -> bytes:
        payload = frame.get_payload_as_bytes()
        return payload if self._inflater is None else self._inflater.take(payload, last=bool(frame.fin))

    def _hear_whole(self, message: bytes) -> None:
        self._parts = self._inflater = None
        if self._line is not None:
            self._line.received(message)

    def _hear_close(self, transport: WSTransport, frame: WSFrame) -> None:
        code = frame.get_close_code().value or NO_STATUS
        if frame.payload_size and (code in NEVER_ON_THE_WIRE or code >= 5000):
            self._end(PROTOCOL_ERROR, "no such close code")
        elif self._ending is None:
            self._ending = (code, clean_reason(frame.get_close_reason() or ""))
            transport.send_close(WSCloseCode.OK if code == NO_STATUS else frame.get_close_code())
            self._watch.give_up_in(self._house.limits.closing_s)
        transport.disconnect()

    def _within_budget(self) -> bool:
        if self._controls is None:
            self._controls = Buckets(self._house.limits.control, keys=1)
        if self._controls.take("", self._watch.heard()):
            return True
        self._end(POLICY_VIOLATION, "too many control frames")
        return False

    def _end(self, code: int, reason: str) -> None:
        """Say goodbye and wait for the other side's, but not for long."""
        if self._ending is not None or self._transport is None:
            return
        self._ending, self._parts, self._inflater = (code, reason), None, None
        self._transport.send_close(WSCloseCode(code), reason.encode())
        self._watch.give_up_in(self._house.limits.closing_s)

    # Silence.

    def ping(self) -> bool:
        transport = self._transport
        if transport is None or transport.is_close_frame_sent:
            self.give_up()
        elif ping_interval_s(self._admitted, self._house.limits):
            transport.send_ping()
            return True
        return False

    def give_up(self) -> None:
        if self._transport is not None and not self._transport.is_close_frame_sent:
            self._ending = self._ending or (GOING_AWAY, "no answer to a ping")
        self._cut()

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(False)


def _how_it_ended(transport: WSTransport) -> tuple[int, str]:
    """Code and reason where we did not choose them: picows found a breach, or the line just broke."""
    if not transport.is_close_frame_sent or transport.close_handshake.sent is None:
        return ABNORMAL, "connection lost"
    sent = transport.close_handshake.sent
    return sent.code.value, clean_reason(sent.reason or "")
