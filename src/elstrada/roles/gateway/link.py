"""One station's open socket: frames in, asks decided, answers out, commands sent."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from elstrada.model import asks
from elstrada.model.answers import TellStation
from elstrada.model.device import CommandResult
from elstrada.net.face import StationSocket
from elstrada.ocpp.connection import (
    CallReceived,
    CallRepeated,
    CallTimedOut,
    Connection,
    ErrorReceived,
    Event,
    ForeignResult,
    ResultReceived,
    Violation,
)
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.table import Unsendable
from elstrada.ocpp.versions import Version
from elstrada.roles.gateway.seat import Seat
from elstrada.spine.face import SpineDown, StreamMoved

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway

log = logging.getLogger(__name__)

TRY_AGAIN_LATER, SERVICE_RESTART, INTERNAL_ERROR, POLICY_VIOLATION = 1013, 1012, 1011, 1008
MOST_EARLY_FRAMES = 8
"""Frames a station may send before its state has been loaded."""

_Told = tuple[TellStation, "asyncio.Future[asks.CommandReply]"]


class Link:
    """A station's line, from the open socket to its close. At most one of the station's calls is served at a time."""

    __slots__ = (
        "_connection",
        "_early",
        "_gateway",
        "_lenient",
        "_serving",
        "_socket",
        "_timer",
        "_told",
        "_version",
        "closed_for",
        "connection_id",
        "seat",
        "source",
    )

    def __init__(
        self,
        gateway: Gateway,
        socket: StationSocket,
        version: Version,
        seat: Seat,
        *,
        connection_id: str,
        lenient: bool,
    ) -> None:
        self._gateway, self._socket, self._version, self.seat = gateway, socket, version, seat
        self._connection = Connection(version.dialect, answers=gateway.answers_of(seat))
        self.connection_id, self._lenient = connection_id, lenient
        self.source = f"station:{seat.owner}/{seat.station_id}"
        self._early: list[bytes] | None = []
        self._serving: asyncio.Task[None] | None = None
        self._told: dict[str, _Told] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.closed_for: str | None = None
        """Why the socket is gone; None while it is open."""

    @property
    def stream(self) -> str:
        return self.seat.stream

    # --- called by the network --------------------------------------------------------------------------

    def received(self, frame: bytes) -> None:
        """Take one frame."""
        if self._early is not None:
            if len(self._early) >= MOST_EARLY_FRAMES:
                self.close(POLICY_VIOLATION, "too many frames before the first answer")
                return
            self._early.append(frame)
            return
        self._handle(self._connection.receive(frame, self._gateway.clock.now()))

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self.closed_for = f"{code} {reason}".strip()
        if self._timer is not None:
            self._timer.cancel()
        for message_id, (question, _) in list((self._told or {}).items()):
            self._resolve(
                message_id, _reply(question, CommandResult.TIMEOUT, "the connection broke before the reply")
            )
        self._gateway.left(self, self._connection.answers)

    # --- called by the gateway --------------------------------------------------------------------------

    def begin(self) -> None:
        """The station's state is loaded: serve what has come meanwhile."""
        early, self._early = self._early or [], None
        for frame in early:
            self.received(frame)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; ``closed`` follows."""
        self._early = []
        self._socket.close(code, reason)

    @property
    def busy(self) -> bool:
        """Is one of the station's calls being served?"""
        return self._serving is not None and not self._serving.done()

    async def tell(self, question: TellStation) -> asks.CommandReply:
        """Send a command and wait for the station's reply, or for the deadline."""
        future: asyncio.Future[asks.CommandReply] = asyncio.get_running_loop().create_future()
        written = self._version.write_order(question.order)
        if isinstance(written, Unsendable):
            return _reply(question, CommandResult.NOT_SUPPORTED, written.detail)
        message_id, now = self._gateway.chance.uuid(), self._gateway.clock.now()
        deadline = now + timedelta(seconds=question.deadline_s)
        if self.closed_for is not None:
            return _reply(question, CommandResult.OFFLINE, "the station is not connected")
        if not self._connection.call(
            written.action, written.payload, message_id=message_id, now=now, deadline=deadline
        ):
            return _reply(question, CommandResult.REJECTED, "too many commands wait for this station")
        self._told = self._told or {}
        self._told[message_id] = (question, future)
        self._send()
        self._set_timer(now)
        return await future

    # --- events -----------------------------------------------------------------------------------------

    def _handle(self, events: tuple[Event, ...]) -> None:
        for event in events:
            match event:
                case CallReceived():
                    self._serving = asyncio.get_running_loop().create_task(self._serve(event))
                case ResultReceived() | ErrorReceived():
                    self._replied(event)
                case CallTimedOut():
                    self._timed_out(event)
                case CallRepeated(_, action):
                    self._strayed("call sent again", action)
                case ForeignResult(id):
                    self._strayed("answer to no call of ours", id)
                case Violation(fault, text, close):
                    self._strayed(fault.value, text)
                    if close is not None:
                        self.close(close, text)
        self._send()

    async def _serve(self, call: CallReceived) -> None:
        """Read, decide, commit, answer: in this order (P1)."""
        received_at = self._gateway.clock.now()
        try:
            answer = await self._answer(call, received_at)
        except SpineDown as down:
            # P8: no answer and no error; the station keeps the message and comes back.
            self._gateway.spine_is_down(str(down))
            self.close(TRY_AGAIN_LATER, "try again later")
            return
        except StreamMoved:
            self._strayed("stream moved", "another node owns this station now")
            self.close(SERVICE_RESTART, "served elsewhere")
            return
        except Exception:
            # A defect of ours. The socket closes unanswered, so that the station keeps the message.
            log.exception("%s: %s could not be served", self.source, call.action)
            self._strayed("internal error", call.action)
            self.close(INTERNAL_ERROR, "internal error")
            return
        if self.closed_for is not None:
            return
        if isinstance(answer, Refusal):
            self._strayed(answer.fault.value, f"{call.action} {answer.text}")
            following = self._connection.refuse(call.id, answer.fault, answer.text)
        else:
            following = self._connection.answer(call.id, answer)
        self._handle(following)

    async def _answer(self, call: CallReceived, received_at: datetime) -> bytes | Refusal:
        read = self._version.read_call(call.action, call.payload, received_at, lenient=self._lenient)
        if isinstance(read, Refusal):
            return read
        for finding in read.findings:
            self._strayed(finding.rule, f"{call.action} {finding.pointer}: {finding.text}")
        if read.ask is None:
            assert read.answer is not None, "without an ask there is an answer"
            return read.answer
        ask = read.ask
        token = getattr(ask, "token", None)
        if isinstance(token, asks.PresentedToken):
            known = await self._gateway.tokens.presented(str(self.seat.owner), token)
            ask = msgspec.structs.replace(ask, token=known)  # type: ignore[type-var]
        answer = await self.seat.ask(ask)
        assert answer is not None, "every ask of a station has an answer"
        return self._version.write_answer(call.action, answer)

    def _replied(self, event: ResultReceived | ErrorReceived) -> None:
        if event.late:
            self._strayed("late answer", event.action)
            return
        told = (self._told or {}).get(event.id)
        if told is None:
            return
        command_id, name = told[0].command_id, told[0].order.name
        if isinstance(event, ErrorReceived):
            reply = self._version.read_error(command_id, event.code, event.text)
        else:
            reply = self._version.read_reply(command_id, name, event.payload)
        self._resolve(event.id, reply)

    def _timed_out(self, event: CallTimedOut) -> None:
        told = (self._told or {}).get(event.id)
        if told is not None:
            text = "no reply in time" if event.sent else "its turn did not come in time"
            self._resolve(event.id, _reply(told[0], CommandResult.TIMEOUT, text))

    def _resolve(self, message_id: str, reply: asks.CommandReply) -> None:
        told = (self._told or {}).pop(message_id, None)
        if told is not None and not told[1].done():
            told[1].set_result(reply)

    # --- small things -----------------------------------------------------------------------------------

    def _send(self) -> None:
        for frame in self._connection.frames_to_send():
            self._socket.send(frame)

    def _strayed(self, code: str, sample: str) -> None:
        self._gateway.findings.note(self.source, code, sample)

    def _set_timer(self, now: datetime) -> None:
        due = self._connection.due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max((due - now).total_seconds(), 0) + 0.01
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        now = self._gateway.clock.now()
        self._handle(self._connection.tick(now))
        self._set_timer(now)


def _reply(question: TellStation, result: CommandResult, detail: str) -> asks.CommandReply:
    return asks.CommandReply(command_id=question.command_id, result=result, detail=detail)
