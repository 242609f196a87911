"""One station's open socket: frames in, asks decided, answers out."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.state import SessionState
from elstrada.model import asks
from elstrada.model.admission import Admission
from elstrada.model.answers import (
    Kept,
    NeedsAnswered,
    Noted,
    ScheduleChecked,
    SessionNoted,
    StationAnswer,
    Transferred,
    VatJudged,
)
from elstrada.model.device import Protocol
from elstrada.model.mirror import Learned
from elstrada.model.needs import NeedsAnswer
from elstrada.model.quantity import MeterSample
from elstrada.model.quirk import Quirk, Repair
from elstrada.model.security import ClientCertificate, NewPassword, SecurityProfile
from elstrada.net.face import StationSocket
from elstrada.ocpp.clock import TIMED
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
from elstrada.ocpp.faults import Fault, Finding, Refusal
from elstrada.ocpp.quirks import Treatment, mended, mended_frame
from elstrada.ocpp.registration import TAKEN_ALWAYS, may_call
from elstrada.ocpp.signed import CALL, RESULT, SEND, Opened, is_signed, unsigned
from elstrada.ocpp.table import ReadCall
from elstrada.ocpp.versions import Version
from elstrada.roles.gateway.clock_watch import ClockWatch
from elstrada.roles.gateway.costs import has_final_cost
from elstrada.roles.gateway.orders import Orders
from elstrada.roles.gateway.profiles import running, session_ended, setpoint
from elstrada.roles.gateway.reception import make_of
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.gateway.settling import Settling
from elstrada.roles.gateway.signatures import Checks, Doubt
from elstrada.roles.gateway.swaps import judged
from elstrada.roles.gateway.tally import ANSWERED, REFUSED, TAKEN, UNANSWERED
from elstrada.roles.quirks.deviations import QUIRK
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

MOST_SENT = 32
"""Messages sent without an answer that wait to be kept, as many as calls that are not answered."""

LEFT_OUT = "connectors left out"
"""The finding on what a station names beyond what is kept of one."""

TOO_FAST, EARLY = "sent faster than it is kept", "sent before acceptance"
"""Findings on what is sent without an answer, and not kept."""

_KEPT = asks.Learn | asks.TransferData | asks.SwapBatteries | asks.Lookup | asks.Enquiry | asks.CheckVat
"""What awaits more than the station's own decider."""


class Link:
    """A station's line, from the open socket to its close. At most one of the station's calls is served at a time."""

    __slots__ = (
        "_checks",
        "_early",
        "_farewell",
        "_gateway",
        "_leaving",
        "_lenient",
        "_opened",
        "_owner",
        "_probing",
        "_sent",
        "_socket",
        "_tap",
        "_task",
        "_timer",
        "busy",
        "certificate",
        "clock_watch",
        "closed_for",
        "connection",
        "connection_id",
        "new_password",
        "orders",
        "seat",
        "security_profile",
        "settling",
        "source",
        "treatment",
        "version",
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
        checks: Checks,
        security_profile: SecurityProfile,
        tap: Tap | None = None,
        new_password: NewPassword | None = None,
        certificate: ClientCertificate | None = None,
    ) -> None:
        self._tap = tap
        self._gateway, self._socket, self.version, self.seat = gateway, socket, version, seat
        self.connection = Connection(version.dialect)
        self.connection_id, self._lenient = connection_id, lenient
        self._checks = checks
        self._opened: Opened | None = None
        """What the call in hand was signed as; None: it was not signed."""
        self.security_profile = security_profile
        self.new_password, self.certificate = new_password, certificate
        """As in ``Admitted``."""
        self._owner = str(seat.owner)
        self.source = f"station:{seat.owner}/{seat.station_id}"
        self._early: list[bytes] | None = []
        self._farewell = False
        self._leaving: tuple[int, str] | None = None
        """Code and reason of the goodbye that follows the call in hand."""
        self._task: asyncio.Task[None] | None = None
        self._probing: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0
        """How many messages without an answer wait to be kept."""
        self.treatment: Treatment | None = None
        """None: it has no quirk, and nothing is done otherwise."""
        self.busy = False
        """Is one of the station's calls being served?"""
        self.closed_for: str | None = None
        """Why the socket is gone; None while it is open."""
        self.settling = Settling(gateway.settle_rules, gateway.clock)
        self.orders, self.clock_watch = Orders(gateway, self), ClockWatch(gateway, self)

    @property
    def stream(self) -> str:
        return self.seat.stream

    @property
    def protocol(self) -> str:
        """Its subprotocol."""
        return self.version.protocol.value

    @property
    def remote(self) -> str:
        """The address it comes from."""
        return self._socket.remote

    @property
    def quirks(self) -> tuple[Quirk, ...]:
        """Those the station has, as far as it said what it is."""
        return self.treatment.quirks if self.treatment is not None else ()

    @property
    def ending(self) -> bool:
        """Is the socket gone, or about to be?"""
        return self._farewell or self.closed_for is not None

    @property
    def answers(self) -> Answers | None:
        """What the station was answered, for a call that comes again on its next connection (rule 12)."""
        return self.connection.answers

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
                self.strayed("frames before the first answer", f"more than {MOST_EARLY_FRAMES}")
                self.close(POLICY_VIOLATION, "too many frames before the first answer")
                return
            self._early.append(frame)
            return
        self._handle(self.connection.receive(frame, now), now)

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self.closed_for = f"{code} {reason}".strip()
        if self._tap is not None:
            self._tap.closed(code, reason, by_us=self._farewell)
        self._gateway.tally.closed(code)
        if code in TRANSGRESSIONS and not self._farewell:
            # The network ended it, for bytes that never became a frame; what we end is counted by us.
            self.strayed(f"WebSocket {code}", reason)
        self.settling.end()
        if self._timer is not None:
            self._timer.cancel()
        self.orders.broken()
        self._gateway.left(self)

    # --- called by the gateway --------------------------------------------------------------------------

    def begin(self, answers: Answers | None) -> None:
        """It speaks for the station from now on: serve what has come meanwhile.

        Args:
            answers: what the station's last connection was answered.
        """
        self.connection.answers = answers
        self.settling.begin()
        early, self._early = self._early or [], None
        for frame in early:
            self._hear(frame, self._gateway.clock.now())

    def treat(self, treatment: Treatment | None) -> None:
        """It is known now which quirks the station has: None if it has none."""
        self.treatment = treatment
        mends = treatment is not None and treatment.mends_frames
        self.connection.mend = self._mended_frame if mends else None
        if treatment is not None and not treatment.pinged:
            self._socket.leave_unpinged()

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
            self.strayed("stream moved", "another node owns this station now")
            self.close(SERVICE_RESTART, "served elsewhere")

    async def answers_a_ping(self) -> bool:
        """Does the station give a sign of life on this socket? If it does not, the socket is closed (T2)."""
        if self._probing is None:
            self._probing = asyncio.get_running_loop().create_future()
            self._socket.probe(self._probed, PROBE_S)
        return await asyncio.shield(self._probing)

    def flush(self, now: datetime) -> None:
        """Send what is due, and look again when the next deadline is."""
        self._send()
        self._set_timer(now)

    # --- events -----------------------------------------------------------------------------------------

    def _handle(self, events: tuple[Event, ...], now: datetime) -> None:
        for event in events:
            match event:
                case CallReceived():
                    self._serve(event, now)
                case ResultReceived() | ErrorReceived():
                    self.orders.replied(event)
                case CallTimedOut():
                    self.orders.timed_out(event)
                case SendReceived():
                    self._take(event, now)
                case AnswerDisputed(_, code, text):
                    self.strayed("answer disputed", f"{code}: {text}")
                case CallRepeated(_, action):
                    self.strayed("call sent again", action)
                case ForeignResult(id):
                    self.strayed("answer to no call of ours", id)
                case Violation(fault, text, close):
                    self.strayed(fault.value, text)
                    if close is not None:
                        self.close(close, text)
        self._send()

    def _serve(self, call: CallReceived, now: datetime) -> None:
        """Read, decide, commit, answer: in this order (P1).

        A task, which costs more than the decision, is made only where more than the commit is awaited.
        """
        self.busy = True
        self.settling.heard(call.action)
        try:
            call, doubted = self._unsealed(call)
            if doubted is None and call.action in TIMED:
                self.clock_watch.read(call, now)
            ask = doubted or self._before_acceptance(call) or self._read(call, now)
            if isinstance(ask, bytes | Refusal):
                self._finish(call, ask)
            elif isinstance(ask, _KEPT) or (isinstance(ask, asks.GiveNotice) and ask.learned is not None):
                self._task = asyncio.get_running_loop().create_task(self._keep(call, ask))
            elif not self._serve_at_once(call, ask, now):
                self._task = asyncio.get_running_loop().create_task(self._serve_slowly(call, ask))
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    def _unsealed(self, call: CallReceived) -> tuple[CallReceived, Refusal | None]:
        """The call that a signed one holds, and its refusal if it is none of the station's."""
        self._opened = None
        try:
            if not is_signed(self.version.protocol, call.action):
                self._checks.check_unsigned(call.action)
                return call, None
            message = self._open(call, CALL)
        except Doubt as doubt:
            self.strayed(doubt.code, str(doubt))
            message = doubt.refusal
        if isinstance(message, Refusal):
            return msgspec.structs.replace(call, action=unsigned(call.action)), message
        self._opened = message
        return CallReceived(call.id, message.action, message.payload), None

    def _open(self, call: CallReceived | SendReceived, kind: int) -> Opened | Refusal:
        return self._checks.opened(call.id, call.action, call.payload, kind, self.version.dialect.memorable)

    def _before_acceptance(self, call: CallReceived) -> Refusal | None:
        """The refusal of what a station may not call before it is accepted; None: it may (rule 38)."""
        registered = self.seat.state.registered
        if registered is Admission.ACCEPTED:
            return None
        if may_call(registered, self.version.protocol, call.action, self.orders.invited):
            if call.action in TAKEN_ALWAYS:
                self.strayed("called before acceptance", f"{call.action}, taken all the same")
            return None
        return Refusal(Fault.SECURITY_ERROR, f"the station is not accepted: it is {registered.value}")

    def _read(self, call: CallReceived, now: datetime) -> asks.StationCall | bytes | Refusal:
        """What the station asks or tells; or the answer, where there is nothing to decide."""
        payload = call.payload if self.treatment is None else self._mended(call, self.treatment, now)
        read = self.version.read_call(call.action, payload, now, lenient=self._lenient)
        if isinstance(read, Refusal):
            return read
        for finding in read.findings:
            self._deviated(call.action, finding)
        if read.ask is None:
            assert read.answer is not None, "without an ask there is an answer"
            return read.answer
        return read.ask

    def _take(self, told: SendReceived, now: datetime) -> None:
        """Take what has no answer, whatever it holds; a station need not wait with it, so not all of it is kept."""
        if self.seat.state.registered is not Admission.ACCEPTED:
            self.strayed(EARLY, told.action)
            return
        if self._sent >= MOST_SENT:
            self.strayed(TOO_FAST, told.action)
            return
        told, read = self._read_sent(told, now)
        refused = isinstance(read, Refusal)
        self._gateway.tally.message(self.version, told.action, REFUSED if refused else TAKEN)
        if isinstance(read, Refusal):
            self.strayed(read.fault.value, f"{told.action} {read.text}")
            return
        for finding in read.findings:
            self._deviated(told.action, finding)
        if read.ask is not None:
            self._sent += 1
            self._gateway.spawn(self._keep_sent(read.ask))

    def _read_sent(self, told: SendReceived, now: datetime) -> tuple[SendReceived, ReadCall | Refusal]:
        if not is_signed(self.version.protocol, told.action):
            return told, self.version.read_send(told.action, told.payload, now)
        try:
            message = self._open(told, SEND)
        except Doubt as doubt:
            self.strayed(doubt.code, str(doubt))
            message = doubt.refusal
        if isinstance(message, Refusal):
            return msgspec.structs.replace(told, action=unsigned(told.action)), message
        self._checks.dealt_with(message, told.id, self.version.dialect.memorable)
        inner = SendReceived(told.id, message.action, message.payload)
        return inner, self.version.read_send(inner.action, inner.payload, now)

    async def _keep_sent(self, ask: asks.StationCall) -> None:
        """What is sent is not sent again, so it is lost if the store is down; it is of little weight."""
        try:
            await self._kept(ask)
        except SpineDown as down:
            self._gateway.spine_is_down(down)
        finally:
            self._sent -= 1

    def _serve_at_once(self, call: CallReceived, ask: asks.StationAsk, now: datetime) -> bool:
        if isinstance(ask, asks.SignCertificate | asks.Boot):
            return False
        if isinstance(ask, asks.Authorize) and ask.contract is not None:
            return False
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
            self._settle(call, ask, begun.answer)
        else:
            begun.commit.add_done_callback(partial(self._committed, call, ask, begun.answer))
        return True

    def _committed(
        self,
        call: CallReceived,
        ask: asks.StationAsk,
        answer: StationAnswer | None,
        commit: asyncio.Future[int],
    ) -> None:
        try:
            commit.result()
            self._settle(call, ask, answer)
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    async def _serve_slowly(self, call: CallReceived, ask: asks.StationAsk) -> None:
        try:
            if isinstance(ask, asks.Boot):
                self.settling.begin(booted=True)
                admission = await self._gateway.reception.judge(self.seat, ask)
                ask = msgspec.structs.replace(ask, admission=admission)
                self.treat(await self._gateway.treating.of_make(self.seat, make_of(ask)))
            token = _token_of(ask)
            if token is not None:
                known = await self._gateway.tokens.presented(self._owner, token)
                ask = msgspec.structs.replace(ask, token=known)  # type: ignore[type-var]
            if isinstance(ask, asks.Authorize | asks.StartSession | asks.UpdateSession | asks.EndSession):
                ask = await self._gateway.allowances.bounded(self.seat, ask)
            if isinstance(ask, asks.Authorize | asks.StartSession | asks.UpdateSession):
                ask = await self._gateway.partners.under(self.seat, ask)
            if isinstance(ask, asks.SignCertificate):
                ask = await self._gateway.signing.judged(self, ask)
            if isinstance(ask, asks.Authorize) and ask.contract is not None:
                ask = await self._gateway.contracts.judged(self.source, ask)
            answer = await self._gateway.allowances.sayable(self.seat, await self.seat.ask(ask))
            answer = await self._gateway.rights.told(self.seat, ask, answer)
            self._settle(call, ask, answer)
            if isinstance(ask, asks.SignCertificate):
                self._gateway.signing.nudge(self, asked=ask.kind)
            if isinstance(ask, asks.Boot) and ask.admission is Admission.PENDING:
                self._gateway.take_in(self)
            elif isinstance(ask, asks.Boot):
                self._gateway.restorer.booted(self)
                self._gateway.networks.booted(self)
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    async def _keep(self, call: CallReceived, ask: asks.StationCall) -> None:
        try:
            answer = await self._kept(ask)
            self._answer(call, answer)
            self._schedule(ask, answer)
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    def _schedule(self, ask: asks.StationCall, answer: StationAnswer | None) -> None:
        """Do what was promised to a car, now that it was told so."""
        planner, give = self._gateway.planner, self._gateway.spawn
        match ask, answer:
            case asks.TellNeeds(), NeedsAnswered(result=NeedsAnswer.PLANNED):
                give(planner.give(self.seat, self.version, ask.needs.evse_id))
            case asks.CheckSchedule(), ScheduleChecked(within=False):
                give(planner.give_again(self.seat, self.version, ask.evse_id))
            case asks.CheckSchedule(), _:
                planner.agreed(self.seat, ask.evse_id)
            case _:
                pass

    async def _kept(self, ask: asks.StationCall) -> StationAnswer | None:
        """Keep what the station tells, then have decided what is to be decided.

        Raises:
            SpineDown, StreamMoved: not all of it is kept.
        """
        match ask:
            case asks.Learn():
                return Kept(await self.learn(ask.learned))
            case asks.TransferData() if ask.vendor not in self._gateway.vendors:
                self.strayed("data of an unknown vendor", ask.vendor)
                return Transferred(known=False)
            case asks.TransferData():
                await self._kept(ask.told)
                return Transferred(known=True)
            case asks.SwapBatteries():
                return await self._kept(await judged(self._gateway.tokens, self.seat, ask))
            case asks.GiveNotice() if ask.learned is not None:
                await self.learn(ask.learned)
                if ask.token is not None:
                    known = await self._gateway.tokens.presented(self._owner, ask.token)
                    ask = msgspec.structs.replace(ask, token=known)
                return await self.seat.ask(ask)
            case asks.PullSetpoint():
                return await setpoint(self._gateway.mirror, self.seat, ask)
            case asks.TellNeeds():
                return await self._gateway.planner.told(self.seat, self.version, ask)
            case asks.CheckSchedule():
                return await self._gateway.planner.checked(self.seat, self.version, ask)
            case asks.LookUpStatus() | asks.LookUpChain() | asks.FetchContract():
                return await self._gateway.contracts.answered(self.source, ask)
            case asks.CheckVat():
                return await self._check_vat(ask)
            case _:
                return await self.seat.ask(ask)

    async def _check_vat(self, ask: asks.CheckVat) -> VatJudged:
        judged = await self._gateway.vat.judged(self.source, ask)
        session = running(self.seat, ask.evse_id) if ask.evse_id else None
        await self.learn(self._gateway.vat.record(judged, session.transaction_id if session else None))
        return judged

    def _follow_up(self, ask: asks.StationAsk) -> None:
        """Do what follows from an ask that is committed and answered."""
        awaiting = self.seat.state.awaiting_plan
        if isinstance(ask, asks.EndSession):
            self._gateway.spawn(self._forget_profiles(ask))
        elif awaiting and isinstance(ask, asks.StartSession | asks.UpdateSession):
            for session in filter(None, (running(self.seat, evse_id) for evse_id in awaiting)):
                self._gateway.spawn(self._gateway.planner.give_awaited(self.seat, self.version, session))

    async def _forget_profiles(self, ask: asks.EndSession) -> None:
        try:
            await session_ended(self._gateway.mirror, self.seat, ask)
        except SpineDown as down:
            self._gateway.spine_is_down(down)

    async def learn(self, learned: Learned) -> int:
        """Keep what the station has in store.

        Returns:
            How many things are not kept.
        Raises:
            SpineDown: nothing of it is kept.
        """
        left_out = await self._gateway.mirror.take(self.seat.owner, self.seat.station_id, learned)
        if left_out:
            self.strayed(
                "not kept in the mirror",
                f"{left_out} things told: too many, too long, or parts of nothing known",
            )
        return left_out

    def _settle(self, call: CallReceived, ask: asks.StationAsk, answer: StationAnswer | None) -> None:
        """Answer what is committed; of a session's end with its cost, if the version has a word for it."""
        session = self._session_of(answer)
        if session is not None and _samples_of(ask) and self._gateway.allowances.is_due(session):
            watch = self._gateway.allowances.watch(self.seat, session, _samples_of(ask))
            self._gateway.spawn(watch)
        if session is None or self.version.protocol is Protocol.OCPP16:
            self._answer(call, answer)
        elif isinstance(ask, asks.EndSession) and has_final_cost(session):
            assert isinstance(answer, SessionNoted), "only such an answer is of a session"
            self._task = asyncio.get_running_loop().create_task(
                self._answer_with_cost(call, answer, session.session_id)
            )
        else:
            self._answer(call, answer)
            if not session.ended_at and _samples_of(ask) and self._gateway.costs.is_due(session):
                self._gateway.spawn(self._tell_cost(session))
        self._follow_up(ask)

    def _session_of(self, answer: StationAnswer | None) -> SessionState | None:
        if not isinstance(answer, SessionNoted):
            return None
        return self.seat.state.session_by_transaction(answer.transaction_id)

    async def _answer_with_cost(self, call: CallReceived, answer: SessionNoted, session_id: str) -> None:
        try:
            cost = await self._gateway.costs.final(self.seat.owner, self.seat.station_id, session_id)
            self._answer(call, msgspec.structs.replace(answer, total_cost=cost))
        except Exception as error:  # noqa: BLE001  Every error is judged.
            self._fail(call, error)

    async def _tell_cost(self, session: SessionState) -> None:
        seat = self.seat
        await self._gateway.costs.tell_running(
            seat.owner, seat.station_id, self.protocol, session, self.orders.tell
        )

    def _answer(self, call: CallReceived, answer: StationAnswer | None) -> None:
        assert answer is not None, "every ask of a station has an answer"
        if isinstance(answer, Noted) and answer.left_out:
            self.strayed(LEFT_OUT, answer.left_out)
        self._finish(call, self.version.write_answer(call.action, answer))

    def _finish(self, call: CallReceived, answer: bytes | Refusal) -> None:
        """Send what is due, and begin with the next call if one is held."""
        self.busy = False
        if self.closed_for is not None:
            return
        refused = isinstance(answer, Refusal)
        self._gateway.tally.message(self.version, call.action, REFUSED if refused else ANSWERED)
        if isinstance(answer, Refusal):
            self.strayed(answer.fault.value, f"{call.action} {answer.text}")
            following = self.connection.refuse(call.id, answer.fault, answer.text)
        else:
            if self._opened is not None:
                self._checks.dealt_with(self._opened, call.id, self.version.dialect.memorable)
                answer = self._checks.answer(self._opened, answer, RESULT)
            following = self.connection.answer(call.id, answer)
        self._send()
        if self._leaving is not None:
            self.close(*self._leaving)  # A call that was held is sent again to whoever is next.
        elif following:
            self._handle(following, self._gateway.clock.now())

    def _fail(self, call: CallReceived, error: Exception) -> None:
        """Close the socket without an answer or an error, so that the station keeps the message (P8)."""
        self.busy = False
        self._gateway.tally.message(self.version, call.action, UNANSWERED)
        match error:
            case SpineDown():
                self._gateway.spine_is_down(error)
                self.close(TRY_AGAIN_LATER, "try again later")
            case StreamMoved():
                self.lost()
            case _:
                log.error("%s: %s could not be served", self.source, call.action, exc_info=error)
                self.strayed("internal error", call.action)
                self.close(INTERNAL_ERROR, "internal error")

    def _probed(self, alive: bool) -> None:
        assert self._probing is not None, "a probe is told once"
        self._probing.set_result(alive)
        if alive:
            asyncio.get_running_loop().call_later(PROBE_HOLDS_S, self._forget_probe)
        elif not self.ending:
            self.strayed("silent connection", "closed, for the station came anew and gave no sign on it")
            self.close(GOING_AWAY, "no answer to a ping")

    def _forget_probe(self) -> None:
        self._probing = None

    # --- quirks -----------------------------------------------------------------------------------------

    def _mended(self, call: CallReceived, treatment: Treatment, now: datetime) -> bytes:
        """The payload as it should have been; what is done to it was seen in OCPP 1.6 only."""
        if not treatment.mends_messages or self.version.protocol is not Protocol.OCPP16:
            return call.payload
        payload, had = mended(call.action, call.payload, treatment, now)
        for quirk in had:
            self.strayed(QUIRK + quirk.name, call.action)
        return payload

    def _mended_frame(self, frame: bytes) -> bytes:
        whole = mended_frame(frame)
        if whole != frame and self.treatment is not None:
            for quirk in self.treatment.quirks:
                if Repair.EMPTY_VALUES in quirk.does.repairs:
                    self.strayed(QUIRK + quirk.name, "a frame that was no JSON")
        return whole

    def _deviated(self, action: str, finding: Finding) -> None:
        """Count what was wrong with a message that was read: as expected of this model, or as news."""
        known = None
        if self.treatment is not None:
            known = self.treatment.explains(action, finding.rule, finding.pointer)
        code = finding.rule if known is None else QUIRK + known.name
        self.strayed(code, f"{action} {finding.pointer}: {finding.text}")

    # --- small things -----------------------------------------------------------------------------------

    def _send(self) -> None:
        for frame in self.connection.frames_to_send():
            self._socket.send(frame)
            if self._tap is not None:
                self._tap.sent(frame)

    def strayed(self, code: str, sample: str) -> None:
        self._gateway.findings.note(self.source, code, sample)

    def _set_timer(self, now: datetime) -> None:
        due = self.connection.due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max((due - now).total_seconds(), 0) + 0.01
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        now = self._gateway.clock.now()
        self._handle(self.connection.tick(now), now)
        self._set_timer(now)


def _token_of(ask: asks.StationAsk) -> asks.PresentedToken | None:
    match ask:
        case asks.StartSession() | asks.UpdateSession() | asks.EndSession():
            return ask.token
        case asks.Authorize() | asks.GiveNotice():
            return ask.token
        case _:
            return None


def _samples_of(ask: asks.StationAsk) -> tuple[MeterSample, ...]:
    return ask.samples if isinstance(ask, asks.StartSession | asks.UpdateSession) else ()
