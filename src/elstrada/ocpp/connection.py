"""One station's OCPP connection, sans-I/O: frames and the time in, events and frames out.

Each direction has its own machine, and the two never wait for each other, so calls may cross (rule 9):

    theirs:  idle --CALL--> open --answer/refuse--> idle        further CALLs are held, in order
    ours:    idle --call--> open --result/error/timeout--> idle further calls queue, in order

The connection knows calls and their ids, not what they mean; ``versions.Version`` knows that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from elstrada.ocpp.faults import Fault
from elstrada.ocpp.frames import (
    MAX_FRAME_BYTES,
    Broken,
    Call,
    CallError,
    CallResult,
    Hostile,
    ResultError,
    Send,
    call_frame,
    error_frame,
    read_frame,
    result_error_frame,
    result_frame,
    unknown_type,
)
from elstrada.ocpp.signed import unsigned

MAX_HELD = 32
"""CALLs of a station that does not wait for answers. More closes the connection."""
MAX_QUEUED = 32
"""Calls of ours that wait for the one in flight."""
BROKEN_ANSWER = "RpcFrameworkError"
"""The code of an error that stands for an answer nobody can read."""
MAX_EXPIRED = 8
"""Calls of ours that timed out and whose late answer we would still know."""
MAX_REMEMBERED = 8
"""Answers kept for a CALL that comes again (rule 12)."""
MAX_FOREIGN_PER_MINUTE = 10
"""Answers to calls we never made. More closes the connection (T12)."""
POLICY_VIOLATION = 1008


# --- events -----------------------------------------------------------------------------------


class CallReceived(msgspec.Struct, frozen=True):
    """The station calls. ``answer`` or ``refuse`` it by its id; until then no other call is handed out."""

    id: str
    action: str
    payload: bytes


class CallRepeated(msgspec.Struct, frozen=True):
    """The station sent a CALL again. Already dealt with: nothing to do but count (rule 12)."""

    id: str
    action: str


class SendReceived(msgspec.Struct, frozen=True):
    """The station tells something that has no answer (2.1)."""

    id: str
    action: str
    payload: bytes


class AnswerDisputed(msgspec.Struct, frozen=True):
    """The station could make nothing of an answer of ours (2.1). It was given; nothing is sent again."""

    id: str
    code: str
    text: str


class ResultReceived(msgspec.Struct, frozen=True):
    """The answer to a call of ours, or, with ``late``, to one that had timed out (rule 11)."""

    id: str
    action: str
    payload: bytes
    late: bool = False


class ErrorReceived(msgspec.Struct, frozen=True):
    """Like ResultReceived, when the station could not do it."""

    id: str
    action: str
    code: str
    text: str
    late: bool = False


class CallTimedOut(msgspec.Struct, frozen=True):
    """No answer came before the deadline; ``sent`` says whether the station ever saw the call."""

    id: str
    action: str
    sent: bool


class ForeignResult(msgspec.Struct, frozen=True):
    """An answer to no call of ours. Counted and dropped (T12)."""

    id: str


class Violation(msgspec.Struct, frozen=True):
    """The station strayed from the protocol. If an error was due, it is among the frames to send."""

    fault: Fault
    text: str
    close: int | None = None
    """The WebSocket close code with which this connection must end now."""


Event = (
    CallReceived
    | CallRepeated
    | SendReceived
    | AnswerDisputed
    | ResultReceived
    | ErrorReceived
    | CallTimedOut
    | ForeignResult
    | Violation
)


# --- the connection -----------------------------------------------------------------------------


class Dialect(msgspec.Struct, frozen=True):
    """What a connection must know of its OCPP version."""

    spelling: Mapping[Fault, str]
    """Error codes that this version spells in its own way."""
    memorable: frozenset[str]
    """Actions whose answers are kept for a repeated CALL: those that move a session on."""
    sends: bool = False
    """Does it know SEND and CALLRESULTERROR? Source: OCPP 2.1 part 4."""

    def code(self, fault: Fault) -> str:
        return self.spelling.get(fault, fault.value)


class _OurCall(msgspec.Struct):
    id: str
    action: str
    payload: bytes
    deadline: datetime


class _Answered(msgspec.Struct, frozen=True):
    call_hash: int
    frame: bytes


Answers = dict[str, _Answered]
"""Answers by message id. Hand them to the station's next connection, which may repeat a CALL."""


class Connection:
    """The RPC state of one station's socket. Everything that is rare is made when first needed."""

    __slots__ = (
        "_dialect",
        "_expired",
        "_foreign",
        "_foreign_since",
        "_held",
        "_open",
        "_open_hash",
        "_ours",
        "_out",
        "answers",
        "max_frame_bytes",
        "mend",
    )

    def __init__(
        self, dialect: Dialect, *, answers: Answers | None = None, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> None:
        self._dialect = dialect
        self.answers = answers
        self.max_frame_bytes = max_frame_bytes
        self.mend: Callable[[bytes], bytes] | None = None
        """Puts right a frame that is no JSON, of a station that is known to send such; None: nobody does."""
        self._open: Call | None = None
        self._open_hash = 0
        self._held: deque[tuple[Call, int]] | None = None
        self._ours: deque[_OurCall] | None = None
        self._expired: dict[str, str] | None = None
        self._foreign = 0
        self._foreign_since: datetime | None = None
        self._out: list[bytes] = []

    # --- from the socket ---

    def receive(self, frame: bytes, now: datetime) -> tuple[Event, ...]:
        """Take one text frame and say what it means. Never raises, whatever the frame holds."""
        read = read_frame(frame, self.max_frame_bytes)
        if self.mend is not None and isinstance(read, Broken):
            read = read_frame(self.mend(frame), self.max_frame_bytes)
        match read:
            case Call() as call:
                return self._receive_call(call, hash(frame))
            case CallResult(id, payload):
                return self._receive_answer(
                    id, now, lambda action, late: ResultReceived(id, action, bytes(payload), late)
                )
            case CallError(id, code, text):
                return self._receive_answer(
                    id, now, lambda action, late: ErrorReceived(id, action, code, text or "", late)
                )
            case Send(id, action, payload) if self._dialect.sends:
                return (SendReceived(id, action, bytes(payload)),)
            case ResultError(id, code, text) if self._dialect.sends:
                return (AnswerDisputed(id, code, text or ""),)
            case Send():
                return self._receive_broken(unknown_type(6), "", None)
            case ResultError():
                return self._receive_broken(unknown_type(5), "", None)
            case Broken(text, _, _, str(answers)) if self._awaits(answers):
                return (
                    Violation(Fault.RPC_FRAMEWORK_ERROR, text),
                    *self._receive_answer(
                        answers,
                        now,
                        lambda action, late: ErrorReceived(answers, action, BROKEN_ANSWER, text, late),
                    ),
                )
            case Broken(text, id, fault):
                return self._receive_broken(text, id, fault)
            case Hostile(close, text):
                return (Violation(Fault.RPC_FRAMEWORK_ERROR, text, close),)

    def frames_to_send(self) -> list[bytes]:
        """The frames that are due on the socket, in order; each is given out once."""
        frames, self._out = self._out, []
        return frames

    # --- their calls ---

    def answer(self, message_id: str, payload: bytes) -> tuple[Event, ...]:
        """Answer the open CALL with a result.

        Returns:
            The next CALL, if the station did not wait for this answer.
        """
        return self._close(message_id, result_frame(message_id, payload))

    def refuse(self, message_id: str, fault: Fault, text: str) -> tuple[Event, ...]:
        """Answer the open CALL with an error; returns as ``answer`` does.

        Never for a fault that passes: stations discard what is refused (rule 15).
        """
        return self._close(message_id, error_frame(message_id, self._dialect.code(fault), text))

    # --- our calls ---

    def call(
        self, action: str, payload: bytes, *, message_id: str, now: datetime, deadline: datetime
    ) -> bool:
        """Call the station, at once or when its turn comes; the deadline covers the waiting.

        Args:
            message_id: unique for ever, not guessable, at most 36 characters.
        Returns:
            False if too many calls wait already or the deadline has passed; nothing will happen then.
        """
        if self._ours is None:
            self._ours = deque()
        if len(self._ours) >= MAX_QUEUED or deadline <= now:
            return False
        self._ours.append(_OurCall(message_id, action, payload, deadline))
        if len(self._ours) == 1:
            self._send_next()
        return True

    @property
    def in_flight(self) -> str | None:
        """The id of the call of ours that the station was sent and has not answered; those after it wait."""
        return self._ours[0].id if self._ours else None

    def dispute(self, message_id: str, fault: Fault, text: str) -> None:
        """Tell the station that nothing can be made of its result; before 2.1 there is no word for it."""
        if self._dialect.sends:
            self._out.append(result_error_frame(message_id, self._dialect.code(fault), text))

    def due(self) -> datetime | None:
        """When ``tick`` has something to do next; None: not by itself."""
        return min((call.deadline for call in self._ours), default=None) if self._ours else None

    def tick(self, now: datetime) -> tuple[Event, ...]:
        """Give up on the calls whose deadline has passed."""
        if not self._ours or all(call.deadline > now for call in self._ours):
            return ()
        in_flight = self._ours[0]
        if in_flight.deadline > now:
            return self._give_up_waiting(now)
        self._ours.popleft()
        self._expire(in_flight)
        return (CallTimedOut(in_flight.id, in_flight.action, True), *self._go_on(now))

    # --- inside: their calls ---

    def _receive_call(self, call: Call, call_hash: int) -> tuple[Event, ...]:
        known = self.answers.get(call.id) if self.answers else None
        # A station that counts its ids from 1 after every boot reuses them for other calls.
        if known is not None and known.call_hash == call_hash:
            self._out.append(known.frame)
            return (CallRepeated(call.id, call.action),)
        if self._open is None:
            return self._hand_out(call, call_hash)
        if self._waits(call_hash):
            return (CallRepeated(call.id, call.action),)
        return self._hold(call, call_hash)

    def _waits(self, call_hash: int) -> bool:
        """Is this very CALL open or held already? Then its answer is still to come."""
        return call_hash == self._open_hash or any(waiting == call_hash for _, waiting in self._held or ())

    def _hold(self, call: Call, call_hash: int) -> tuple[Event, ...]:
        if self._held is None:
            self._held = deque()
        if len(self._held) >= MAX_HELD:
            text = f"{MAX_HELD} calls sent without waiting for an answer"
            return (Violation(Fault.PROTOCOL_ERROR, text, POLICY_VIOLATION),)
        self._held.append((call, call_hash))
        return ()

    def _hand_out(self, call: Call, call_hash: int) -> tuple[Event, ...]:
        self._open, self._open_hash = call, call_hash
        return (CallReceived(call.id, call.action, bytes(call.payload)),)

    def _close(self, message_id: str, frame: bytes) -> tuple[Event, ...]:
        call = self._open
        if call is None or call.id != message_id:
            raise LookupError(f"call {message_id} is not open; each call is answered once")
        self._out.append(frame)
        if unsigned(call.action) in self._dialect.memorable:
            self._remember(message_id, frame)
        self._open = None
        if not self._held:
            return ()
        return self._hand_out(*self._held.popleft())

    def _remember(self, message_id: str, frame: bytes) -> None:
        if self.answers is None:
            self.answers = {}
        self.answers.pop(message_id, None)
        self.answers[message_id] = _Answered(self._open_hash, frame)
        if len(self.answers) > MAX_REMEMBERED:
            del self.answers[next(iter(self.answers))]

    def _receive_broken(self, text: str, message_id: str, fault: Fault | None) -> tuple[Event, ...]:
        if fault is None:
            return (Violation(Fault.RPC_FRAMEWORK_ERROR, text),)
        self._out.append(error_frame(message_id, self._dialect.code(fault), text))
        return (Violation(fault, text),)

    # --- inside: our calls ---

    def _receive_answer(
        self, message_id: str, now: datetime, event: Callable[[str, bool], Event]
    ) -> tuple[Event, ...]:
        if self._ours and self._ours[0].id == message_id:
            call = self._ours.popleft()
            return (event(call.action, False), *self._go_on(now))
        if self._expired and message_id in self._expired:
            return (event(self._expired.pop(message_id), True),)
        return self._count_foreign(message_id, now)

    def _awaits(self, message_id: str) -> bool:
        """Is an answer to this call still of interest?"""
        in_flight = self._ours is not None and len(self._ours) > 0 and self._ours[0].id == message_id
        return in_flight or (self._expired is not None and message_id in self._expired)

    def _go_on(self, now: datetime) -> tuple[Event, ...]:
        """Send the next call that waits and is not late: a process that stood still finds some that are (P5)."""
        timed_out = self._give_up_waiting(now)
        self._send_next()
        return timed_out

    def _give_up_waiting(self, now: datetime) -> tuple[Event, ...]:
        """Drop what was not sent in time. One that is in flight has its time, or is gone already."""
        waiting = self._ours or ()
        timed_out = [call for call in waiting if call.deadline <= now]
        self._ours = deque(call for call in waiting if call.deadline > now) or None
        return tuple(CallTimedOut(call.id, call.action, False) for call in timed_out)

    def _send_next(self) -> None:
        if self._ours:
            call = self._ours[0]
            self._out.append(call_frame(call.id, call.action, call.payload))

    def _expire(self, call: _OurCall) -> None:
        if self._expired is None:
            self._expired = {}
        self._expired[call.id] = call.action
        if len(self._expired) > MAX_EXPIRED:
            del self._expired[next(iter(self._expired))]

    def _count_foreign(self, message_id: str, now: datetime) -> tuple[Event, ...]:
        if self._foreign_since is None or now - self._foreign_since >= timedelta(minutes=1):
            self._foreign, self._foreign_since = 0, now
        self._foreign += 1
        if self._foreign <= MAX_FOREIGN_PER_MINUTE:
            return (ForeignResult(message_id),)
        text = f"more than {MAX_FOREIGN_PER_MINUTE} answers a minute to calls never made"
        return (Violation(Fault.PROTOCOL_ERROR, text, POLICY_VIOLATION),)
