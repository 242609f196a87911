"""The OCPP versions we speak, and everything about them behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache

import msgspec

from elstrada.model.answers import StationAnswer
from elstrada.model.asks import CommandReply
from elstrada.model.device import CommandName, CommandResult, Protocol, StationOrder
from elstrada.model.mirror import Learned
from elstrada.ocpp.connection import Dialect
from elstrada.ocpp.faults import SPELLING_16, Fault, Finding, Refusal, refusal
from elstrada.ocpp.frames import MAX_DEPTH, nests_deeper_than
from elstrada.ocpp.intake import Intake, Unreadable
from elstrada.ocpp.locallist import ListDialect
from elstrada.ocpp.parts import meaning, parts_of
from elstrada.ocpp.profiles import ProfileWords, starts
from elstrada.ocpp.results import RESULT_OF_STATUS
from elstrada.ocpp.schema import Reader, parse, validate
from elstrada.ocpp.table import Inbound, Learning, Outbound, ReadCall, Sendable, Unsendable
from elstrada.ocpp.v16 import contracts as contracts16
from elstrada.ocpp.v16 import locallist as lists16
from elstrada.ocpp.v16 import messages as messages16
from elstrada.ocpp.v16 import mirror as mirror16
from elstrada.ocpp.v16 import profiles as profiles16
from elstrada.ocpp.v16 import translate as translate16
from elstrada.ocpp.v21 import messages as messages21
from elstrada.ocpp.v21 import mirror as mirror21
from elstrada.ocpp.v21 import profiles as profiles21
from elstrada.ocpp.v21 import translate as translate21
from elstrada.ocpp.v201 import locallist as lists201
from elstrada.ocpp.v201 import messages as messages201
from elstrada.ocpp.v201 import mirror as mirror201
from elstrada.ocpp.v201 import profiles as profiles201
from elstrada.ocpp.v201 import translate as translate201
from elstrada.ocpp.wire import Wire, encode
from elstrada.redaction import redacted

MAX_DETAIL = 250
MAX_CALL_BYTES = 256 * 1024
"""Of the fields of a call: three schedules of a thousand periods each take half of it."""
BOTH_WAYS = frozenset({"DataTransfer"})
"""What both sides may call."""


class Version(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One version of OCPP: wire bytes to our words and back."""

    protocol: Protocol
    dialect: Dialect
    messages: Mapping[str, tuple[type[Wire], type[Wire]]]
    """Request and response of all that is called, in either direction."""
    inbound: Mapping[str, Inbound]
    outbound: Mapping[CommandName, Outbound]
    from_answers: Mapping[str, Learning]
    """What answers to calls of ours tell of a station's store."""
    lists: ListDialect
    """How it speaks of local authorization lists."""
    profiles: ProfileWords
    """How it speaks of charging profiles."""
    fault_within: Mapping[str, Callable[[StationOrder, bytes], str]] = {}
    """By action of ours whose answer holds a message of its own: what keeps that from being read, if anything."""
    sends: frozenset[str] = frozenset()
    """Actions that stations send and do not call."""

    @property
    def actions(self) -> frozenset[str]:
        """All that the standard knows."""
        return self.sends.union(self.messages)

    def knows(self, action: str) -> bool:
        """Does the standard?"""
        return action in self.messages or action in self.sends

    @property
    def to_station(self) -> frozenset[str]:
        """What a station may be called with. The schemas name no direction: it is what stations do not call."""
        return (frozenset(self.messages) - self.inbound.keys()) | BOTH_WAYS

    def read_call(
        self, action: str, payload: bytes, received_at: datetime, *, lenient: bool = True
    ) -> ReadCall | Refusal:
        """Understand a station's CALL.

        Args:
            lenient: read what can be read and report the rest as findings (rule 20); otherwise any
                departure from the schema is refused.
        """
        row = self.inbound.get(action)
        if row is None:
            return self._unanswerable(action)
        read = row.reader.read(payload)
        if isinstance(read, Refusal):
            return read
        findings = (*_CALLED, *read.findings) if action in self.sends else read.findings
        if findings and not lenient:
            return refusal(findings, findings[0])
        intake = Intake(received_at, findings)
        try:
            ask = row.to_ask(read.message, intake)
        except Unreadable as problem:
            return problem.refusal
        if ask is not None:
            return ReadCall(ask, None, intake.findings)
        assert row.plain is not None, f"{action}: with nothing to ask, the row says what to answer"
        return ReadCall(None, encode(row.plain(read.message, intake)), intake.findings)

    def read_send(self, action: str, payload: bytes, received_at: datetime) -> ReadCall | Refusal:
        """Understand a station's SEND, which is never answered: a Refusal is for our books only."""
        if action not in self.sends:
            return Refusal(Fault.MESSAGE_TYPE_NOT_SUPPORTED, "not an action that is sent without an answer")
        row = self.inbound[action]
        read = row.reader.read(payload)
        if isinstance(read, Refusal):
            return read
        intake = Intake(received_at, read.findings)
        return ReadCall(row.to_ask(read.message, intake), None, intake.findings)

    def write_answer(self, action: str, answer: StationAnswer) -> bytes:
        """The payload that answers a CALL of this action."""
        return encode(self.inbound[action].from_answer(answer))

    def write_order(self, order: StationOrder) -> Sendable | Unsendable:
        """Put an order in this version's words."""
        if order.name is CommandName.CALL:
            return self.write_call(order.action or "", (order.payload or "").encode())
        row = self.outbound[order.name]
        request = row.to_request(order)
        if isinstance(request, Sendable | Unsendable):
            return request
        return Sendable(row.action, encode(request))

    def write_call(self, action: str, payload: bytes) -> Sendable | Unsendable:
        """A call with fields of somebody's choice: sent as it is if it conforms to the letter, else not at all."""
        if action not in self.to_station:
            return Unsendable(f"no station is called with {action[:50]!r} in {self.protocol}")
        if len(payload) > MAX_CALL_BYTES or nests_deeper_than(payload, MAX_DEPTH - 1):
            return Unsendable(f"the fields exceed {MAX_CALL_BYTES} bytes or nest deeper than {MAX_DEPTH - 1}")
        try:
            document = parse(payload)
            findings = validate(document, self.messages[action][0]) or starts(action, document)
        except (ValueError, RecursionError) as problem:
            findings = (Finding("", "json", str(problem)),)
        if not findings:
            return Sendable(action, payload)
        first = findings[0]
        return Unsendable(f"{action} {first.pointer or '/'}: {first.text}"[:MAX_DETAIL], findings)

    def read_response(self, command_id: str, order: StationOrder, payload: bytes) -> CommandReply:
        """What a station's CALLRESULT to a call of somebody's choice means; it is kept, whatever it holds."""
        action = order.action or ""
        read = _response_reader(self.messages[action][1]).read(payload)
        disputed = self.dispute(action, payload, order)
        if isinstance(read, Refusal):
            result, detail = CommandResult.FAILED, read.text
        elif disputed is not None:
            result, detail = CommandResult.FAILED, disputed.text
        else:
            status = getattr(read.message, "status", None)
            if status:
                result, said = RESULT_OF_STATUS.get(status, CommandResult.FAILED), str(status)
            else:
                result, said = meaning(parts_of(read.message))
            strayed = "".join(f"; {one.pointer or '/'}: {one.text}" for one in read.findings)
            detail = f"{said}{strayed}"
        return CommandReply(
            command_id=command_id, result=result, detail=detail[:MAX_DETAIL], response=payload.decode()
        )

    def learned(self, action: str, request: bytes, response: bytes) -> Learned | None:
        """What the answer to a call of ours tells of the station's store; None: nothing."""
        row = self.from_answers.get(action)
        if row is None:
            return None
        asked, answered = row.request.read(request), row.response.read(response)
        if isinstance(asked, Refusal) or isinstance(answered, Refusal):
            return None
        return row.learned(asked.message, answered.message)

    def dispute(self, action: str, payload: bytes, order: StationOrder) -> Refusal | None:
        """Why a station's CALLRESULT to this order cannot be understood; None if it can."""
        read = _response_reader(self.messages[action][1]).read(payload)
        if isinstance(read, Refusal):
            return read
        examine = self.fault_within.get(action)
        fault = "" if examine is None else examine(order, payload)
        return refusal((), Finding("/data", "json", fault)) if fault else None

    def read_reply(self, command_id: str, name: CommandName, payload: bytes) -> CommandReply:
        """What a station's CALLRESULT to an order means."""
        row = self.outbound[name]
        read = row.reader.read(payload)
        if isinstance(read, Refusal):
            return CommandReply(
                command_id=command_id, result=CommandResult.FAILED, detail=read.text[:MAX_DETAIL]
            )
        status = row.status(read.message)
        result = row.results.get(status, CommandResult.FAILED)
        return CommandReply(command_id=command_id, result=result, detail=status[:MAX_DETAIL])

    def read_error(self, command_id: str, code: str, text: str) -> CommandReply:
        """What a station's CALLERROR to an order means."""
        unsupported = code in (Fault.NOT_IMPLEMENTED, Fault.NOT_SUPPORTED)
        result = CommandResult.NOT_SUPPORTED if unsupported else CommandResult.FAILED
        detail = redacted(f"{code}: {text}"[:MAX_DETAIL])
        return CommandReply(command_id=command_id, result=result, detail=detail)

    def _unanswerable(self, action: str) -> Refusal:
        if self.knows(action):
            return Refusal(Fault.NOT_SUPPORTED, f"{action} is not offered here")
        return Refusal(Fault.NOT_IMPLEMENTED, "no such action in this version")


@cache
def _response_reader(kind: type[Wire]) -> Reader[Wire]:
    return Reader(kind)


_CALLED = (Finding("", "send", "expected as SEND, came as CALL"),)

OCPP16 = Version(
    protocol=Protocol.OCPP16,
    dialect=Dialect(SPELLING_16, translate16.MEMORABLE),
    messages=messages16.ACTIONS,
    inbound=translate16.INBOUND,
    fault_within={"DataTransfer": contracts16.fault_of_reply},
    outbound=translate16.OUTBOUND,
    from_answers=mirror16.FROM_ANSWERS,
    lists=lists16.LISTS,
    profiles=profiles16.WORDS,
)
OCPP201 = Version(
    protocol=Protocol.OCPP201,
    dialect=Dialect({}, translate201.MEMORABLE),
    messages=messages201.ACTIONS,
    inbound=translate201.INBOUND,
    outbound=translate201.OUTBOUND,
    from_answers=mirror201.FROM_ANSWERS,
    lists=lists201.LISTS,
    profiles=profiles201.WORDS,
)
OCPP21 = Version(
    protocol=Protocol.OCPP21,
    dialect=Dialect({}, translate21.MEMORABLE, sends=True),
    messages=messages21.ACTIONS,
    inbound=translate21.INBOUND,
    outbound=translate21.OUTBOUND,
    from_answers=mirror21.FROM_ANSWERS,
    lists=lists201.LISTS,
    profiles=profiles21.WORDS,
    sends=frozenset(messages21.SENDS),
)
VERSIONS: Mapping[str, Version] = {version.protocol.value: version for version in (OCPP21, OCPP201, OCPP16)}
"""By WebSocket subprotocol, best first."""


def negotiate(offered: Sequence[str], allowed: Sequence[str] = tuple(VERSIONS)) -> Version | None:
    """Choose the best version that both sides speak; None if there is none.

    Args:
        offered: the values of Sec-WebSocket-Protocol. Our preference counts, not their order.
        allowed: what this station may speak.
    """
    for name, version in VERSIONS.items():
        if name in offered and name in allowed:
            return version
    return None
