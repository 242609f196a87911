"""One station's open socket: frames in, asks decided, answers out, commands sent."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.remote import LATE
from elstrada.model import asks
from elstrada.model.answers import StationAnswer, TellStation
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.security import SecurityProfile
from elstrada.net.face import StationSocket
from elstrada.ocpp.connection import (
    AnswerDisputed,
    Answers,
    CallReceived,
    CallRepeated,
    CallTimedOut,
    Connection,
    ErrorReceived,
    Event,
    ForeignResult,
    ResultReceived,
    SendReceived,
    Violation,
)
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.table import Unsendable
from elstrada.ocpp.versions import Version
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.gateway.tally import ANSWERED, REFUSED, TAKEN, UNANSWERED
from elstrada.roles.wirelog.tap import Tap
from elstrada.spine.face import SpineDown, StreamMoved

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway

log = logging.getLogger(__name__)

GOING_AWAY, POLICY_VIOLATION, INTERNAL_ERROR, SERVICE_RESTART, TRY_AGAIN_LATER = 1001, 1008, 1011, 1012, 1013
TRANSGRESSIONS = frozenset({1002, 1003, 1007, POLICY_VIOLATION, 1009})
"""Close codes that blame the other side (RFC 6455 §7.4.1)."""
MOST_EARLY_FRAMES = 8
"""Frames a station may send before it may speak."""
PROBE_S = 5.0
"""How long a station may take to give a sign of life when a newcomer claims to be it (T2)."""
PROBE_HOLDS_S = 1.0
"""For so long a sign is good for the next newcomer too: many of them do not make a station pong to its limit."""

_Told = tuple[TellStation, "asyncio.Future[asks.CommandReply]"]


class Link:
    """A station's line, from the open socket to its close. At most one of the station's calls is served at a time."""

    __slots__ = (
        "_connection",
        "_early",
        "_farewell",
        "_gateway",
        "_leaving",
        "_lenient",
        "_owner",
        "_probing",
        "_socket",
        "_tap",
        "_task",
        "_timer",
        "_told",
        "_version",
        "busy",
        "closed_for",
        "connection_id",
        "seat",
        "security_profile",
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
        security_profile: SecurityProfile,
        tap: Tap | None = None,
    ) -> None:
        self._tap = tap
        self._gateway, self._socket, self._version, self.seat = gateway, socket, version, seat
        self._connection = Connection(version.dialect)
        self.connection_id, self._lenient = connection_id, lenient
        self.security_profile = security_profile
        self._owner = str(seat.owner)
        self.source = f"station:{seat.owner}/{seat.station_id}"
        self._early: list[bytes] | None = []
        self._farewell = False
        self._leaving: tuple[int, str] | None = None
        """Code and reason of the goodbye that follows the call in hand."""
        self._task: asyncio.Task[None] | None = None
        self._told: dict[str, _Told] | None = None
        self._probing: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.busy = False
        """Is one of the station's calls being served?"""
        self.closed_for: str | None = None
        """Why the socket is gone; None while it is open."""

    @property
    def stream(self) -> str:
        return self.seat.stream

    @property
    def protocol(self) -> str:
        """Its subprotocol."""
        return self._version.protocol.value

    @property
    def remote(self) -> str:
        """The address it comes from."""
        return self._socket.remote

    @property
    def ending(self) -> bool:
        """Is the socket gone, or about to be?"""
        return self._farewell or self.closed_for is not None

    @property
    def answers(self) -> Answers | None:
        """What the station was answered, for a call that comes again on its next connection (rule 12)."""
        return self._connection.answers

    # --- called by the network --------------------------------------------------------------------------

    def received(self, frame: bytes) -> None:
        """Take one frame."""
        now = self._gateway.clock.now()
        if self._tap is not None:
            self._tap.received(frame, now)
        self._hear(frame, now)

    def _hear(self, frame: bytes, now: datetime) -> None:
        if self._early is not None:
            if len(self._early) >= MOST_EARLY_FRAMES:
                self._strayed("frames before the first answer", f"more than {MOST_EARLY_FRAMES}")
                self.close(POLICY_VIOLATION, "too many frames before the first answer")
                return
            self._early.append(frame)
            return
        self._handle(self._connection.receive(frame, now), now)

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self.closed_for = f"{code} {reason}".strip()
        if self._tap is not None:
            self._tap.closed(code, reason, by_us=self._farewell)
        self._gateway.tally.closed(code)
        if code in TRANSGRESSIONS and not self._farewell:
            # The network ended it, for bytes that never became a frame; what we end is counted by us.
            self._strayed(f"WebSocket {code}", reason)
        if self._timer is not None:
            self._timer.cancel()
        for message_id, (question, _) in list((self._told or {}).items()):
            self._resolve(
                message_id, _reply(question, CommandResult.TIMEOUT, "the connection broke before the reply")
            )
        self._gateway.left(self)

    # --- called by the gateway --------------------------------------------------------------------------

    def begin(self, answers: Answers | None) -> None:
        """It speaks for the station from now on: serve what has come meanwhile.

        Args:
            answers: what the station's last connection was answered.
        """
        self._connection.answers = answers
        early, self._early = self._early or [], None
        for frame in early:
            self._hear(frame, self._gateway.clock.now())

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; ``closed`` follows."""
        self._early, self._farewell = [], True
        self._socket.close(code, reason)

    def leave(self, code: int, reason: str) -> None:
        """Say goodbye as soon as the call in hand, if there is one, is answered."""
        if self.busy:
            self._leaving = (code, reason)
        else:
            self.close(code, reason)

    def lost(self) -> None:
        """Another connection speaks for the station now: let the socket go."""
        if not self.ending:
            self._strayed("stream moved", "another node owns this station now")
            self.close(SERVICE_RESTART, "served elsewhere")

    async def answers_a_ping(self) -> bool:
        """Does the station give a sign of life on this socket? If it does not, the socket is closed (T2)."""
        if self._probing is None:
            self._probing = asyncio.get_running_loop().create_future()
            self._socket.probe(self._probed, PROBE_S)
        return await asyncio.shield(self._probing)

    async def tell(self, question: TellStation) -> asks.CommandReply:
        """Send a command, if there is time left, and wait for the station's reply or the deadline."""
        future: asyncio.Future[asks.CommandReply] = asyncio.get_running_loop().create_future()
        written = self._version.write_order(question.order)
        if isinstance(written, Unsendable):
            result = CommandResult.REJECTED if written.findings else CommandResult.NOT_SUPPORTED
            return _reply(question, result, written.detail)
        message_id, now = self._gateway.chance.uuid(), self._gateway.clock.now()
        if question.until <= now:  # The commit took long, or this process stood still.
            return _reply(question, CommandResult.TIMEOUT, LATE)
        if self.closed_for is not None:
            return _reply(question, CommandResult.OFFLINE, "the station is not connected")
        if not self._connection.call(
            written.action, written.payload, message_id=message_id, now=now, deadline=question.until
        ):
            return _reply(question, CommandResult.REJECTED, "too many commands wait for this station")
        self._told = self._told or {}
        self._told[message_id] = (question, future)
        self._send()
        self._set_timer(now)
        return await future

    # --- events -----------------------------------------------------------------------------------------

    def _handle(self, events: tuple[Event, ...], now: datetime) -> None:
        for event in events:
            match event:
                case CallReceived():
                    self._serve(event, now)
                case ResultReceived() | ErrorReceived():
                    self._replied(event)
                case CallTimedOut():
                    self._timed_out(event)
                case SendReceived():
                    self._take(event)
                case AnswerDisputed(_, code, text):
                    self._strayed("answer disputed", f"{code}: {text}")
                case CallRepeated(_, action):
                    self._strayed("call sent again", action)
                case ForeignResult(id):
                    self._strayed("answer to no call of ours", id)
                case Violation(fault, text, close):
                    self._strayed(fault.value, text)
                    if close is not None:
                        self.close(close, text)
        self._send()

    def _serve(self, call: CallReceived, now: datetime) -> None:
        """Read, decide, commit, answer: in this order (P1).

        A task, which costs more than the decision, is made only where more than the commit is awaited.
        """
        self.busy = True
        try:
            ask = self._read(call, now)
            if isinstance(ask, bytes | Refusal):
                self._finish(call, ask)
            elif not self._serve_at_once(call, ask, now):
                self._task = asyncio.get_running_loop().create_task(self._serve_slowly(call, ask))
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    def _read(self, call: CallReceived, now: datetime) -> asks.StationAsk | bytes | Refusal:
        """What the station asks; or the answer, where there is nothing to decide."""
        read = self._version.read_call(call.action, call.payload, now, lenient=self._lenient)
        if isinstance(read, Refusal):
            return read
        for finding in read.findings:
            self._strayed(finding.rule, f"{call.action} {finding.pointer}: {finding.text}")
        if read.ask is None:
            assert read.answer is not None, "without an ask there is an answer"
            return read.answer
        return read.ask

    def _take(self, told: SendReceived) -> None:
        """Read what has no answer, whatever it holds."""
        read = self._version.read_send(told.action, told.payload)
        refused = isinstance(read, Refusal)
        self._gateway.tally.message(self._version, told.action, REFUSED if refused else TAKEN)
        if isinstance(read, Refusal):
            self._strayed(read.fault.value, f"{told.action} {read.text}")
            return
        for finding in read:
            self._strayed(finding.rule, f"{told.action} {finding.pointer}: {finding.text}")

    def _serve_at_once(self, call: CallReceived, ask: asks.StationAsk, now: datetime) -> bool:
        token = _token_of(ask)
        if token is not None:
            known = self._gateway.tokens.remembered(self._owner, token)
            if known is None:
                return False
            ask = msgspec.structs.replace(ask, token=known)  # type: ignore[type-var]
        begun = self.seat.ask_at_once(ask, now)
        if begun is None:
            return False
        if begun.commit is None:
            self._answer(call, begun.answer)
        else:
            begun.commit.add_done_callback(partial(self._committed, call, begun.answer))
        return True

    def _committed(
        self, call: CallReceived, answer: StationAnswer | None, commit: asyncio.Future[int]
    ) -> None:
        try:
            commit.result()
            self._answer(call, answer)
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    async def _serve_slowly(self, call: CallReceived, ask: asks.StationAsk) -> None:
        try:
            token = _token_of(ask)
            if token is not None:
                known = await self._gateway.tokens.presented(self._owner, token)
                ask = msgspec.structs.replace(ask, token=known)  # type: ignore[type-var]
            self._answer(call, await self.seat.ask(ask))
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    def _answer(self, call: CallReceived, answer: StationAnswer | None) -> None:
        assert answer is not None, "every ask of a station has an answer"
        self._finish(call, self._version.write_answer(call.action, answer))

    def _finish(self, call: CallReceived, answer: bytes | Refusal) -> None:
        """Send what is due, and begin with the next call if one is held."""
        self.busy = False
        if self.closed_for is not None:
            return
        refused = isinstance(answer, Refusal)
        self._gateway.tally.message(self._version, call.action, REFUSED if refused else ANSWERED)
        if isinstance(answer, Refusal):
            self._strayed(answer.fault.value, f"{call.action} {answer.text}")
            following = self._connection.refuse(call.id, answer.fault, answer.text)
        else:
            following = self._connection.answer(call.id, answer)
        self._send()
        if self._leaving is not None:
            self.close(*self._leaving)  # A call that was held is sent again to whoever is next.
        elif following:
            self._handle(following, self._gateway.clock.now())

    def _fail(self, call: CallReceived, error: Exception) -> None:
        """Close the socket without an answer or an error, so that the station keeps the message (P8)."""
        self.busy = False
        self._gateway.tally.message(self._version, call.action, UNANSWERED)
        match error:
            case SpineDown():
                self._gateway.spine_is_down(str(error))
                self.close(TRY_AGAIN_LATER, "try again later")
            case StreamMoved():
                self.lost()
            case _:
                log.error("%s: %s could not be served", self.source, call.action, exc_info=error)
                self._strayed("internal error", call.action)
                self.close(INTERNAL_ERROR, "internal error")

    def _replied(self, event: ResultReceived | ErrorReceived) -> None:
        if event.late:
            self._strayed("late answer", event.action)
            return
        told = (self._told or {}).get(event.id)
        if told is None:
            return
        command_id, name = told[0].command_id, told[0].order.name
        if isinstance(event, ErrorReceived):
            self._resolve(event.id, self._version.read_error(command_id, event.code, event.text))
            return
        self._dispute(event)
        if name is CommandName.CALL:
            reply = self._version.read_response(command_id, event.action, event.payload)
        else:
            reply = self._version.read_reply(command_id, name, event.payload)
        self._resolve(event.id, reply)

    def _dispute(self, event: ResultReceived) -> None:
        """Note a result that cannot be understood, and tell the station where its version has a word for it."""
        disputed = self._version.dispute(event.action, event.payload)
        if disputed is not None:
            self._strayed(disputed.fault.value, f"result of {event.action} {disputed.text}")
            self._connection.dispute(event.id, disputed.fault, disputed.text)

    def _timed_out(self, event: CallTimedOut) -> None:
        told = (self._told or {}).get(event.id)
        if told is not None:
            text = "no reply in time" if event.sent else "its turn did not come in time"
            self._resolve(event.id, _reply(told[0], CommandResult.TIMEOUT, text))

    def _resolve(self, message_id: str, reply: asks.CommandReply) -> None:
        told = (self._told or {}).pop(message_id, None)
        if told is not None and not told[1].done():
            told[1].set_result(reply)

    def _probed(self, alive: bool) -> None:
        assert self._probing is not None, "a probe is told once"
        self._probing.set_result(alive)
        if alive:
            asyncio.get_running_loop().call_later(PROBE_HOLDS_S, self._forget_probe)
        elif not self.ending:
            self._strayed("silent connection", "closed, for the station came anew and gave no sign on it")
            self.close(GOING_AWAY, "no answer to a ping")

    def _forget_probe(self) -> None:
        self._probing = None

    # --- small things -----------------------------------------------------------------------------------

    def _send(self) -> None:
        for frame in self._connection.frames_to_send():
            self._socket.send(frame)
            if self._tap is not None:
                self._tap.sent(frame)

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
        self._handle(self._connection.tick(now), now)
        self._set_timer(now)


def _token_of(ask: asks.StationAsk) -> asks.PresentedToken | None:
    match ask:
        case asks.StartSession() | asks.UpdateSession() | asks.EndSession() | asks.Authorize():
            return ask.token
        case _:
            return None


def _reply(question: TellStation, result: CommandResult, detail: str) -> asks.CommandReply:
    return asks.CommandReply(command_id=question.command_id, result=result, detail=detail)
