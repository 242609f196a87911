"""What a station is told to do: each order is sent once at most, and has one result (P5)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from elstrada.charging.remote import LATE, NO_TURN
from elstrada.model import asks
from elstrada.model.admission import Admission
from elstrada.model.answers import TellStation
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.mirror import Learned
from elstrada.ocpp.connection import MAX_EXPIRED, CallTimedOut, ErrorReceived, ResultReceived
from elstrada.ocpp.quirks import bearable
from elstrada.ocpp.registration import invitation, withheld
from elstrada.ocpp.table import Sendable, Unsendable
from elstrada.spine.face import SpineDown

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

_Told = tuple[TellStation, "asyncio.Future[asks.CommandReply]"]


class Orders:
    """The calls that we make on one line."""

    __slots__ = ("_gateway", "_invited", "_link", "_overdue", "_told")

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self._gateway, self._link = gateway, link
        self._told: dict[str, _Told] | None = None
        """Those that wait for their reply, by the id of their call."""
        self._overdue: dict[str, TellStation] | None = None
        """Those that have timed out, likewise."""
        self._invited: set[str] | None = None

    @property
    def invited(self) -> Collection[str]:
        """Calls that we asked for while the station was not accepted."""
        return self._invited or ()

    async def tell(self, question: TellStation) -> asks.CommandReply:
        """Send a command, if there is time left, and wait for the station's reply or the deadline."""
        future: asyncio.Future[asks.CommandReply] = asyncio.get_running_loop().create_future()
        written = self._link.version.write_order(question.order)
        if isinstance(written, Unsendable):
            result = CommandResult.REJECTED if written.findings else CommandResult.NOT_SUPPORTED
            return _unsent(question, result, written.detail)
        if self._link.treatment is not None:
            written = bearable(written, self._link.treatment.quirks, self._evses())
            if isinstance(written, Unsendable):
                return _unsent(question, CommandResult.NOT_SUPPORTED, written.detail)
        held = withheld(self._link.seat.state.registered, written.action)
        if held is not None:
            return _unsent(question, CommandResult.REJECTED, held)
        message_id, now = self._gateway.chance.uuid(), self._gateway.clock.now()
        if question.until <= now:  # The commit took long, or this process stood still.
            return _unsent(question, CommandResult.TIMEOUT, LATE)
        if self._link.closed_for is not None:
            return _unsent(question, CommandResult.OFFLINE, "the station is not connected")
        if not self._link.connection.call(
            written.action, written.payload, message_id=message_id, now=now, deadline=question.until
        ):
            return _unsent(question, CommandResult.REJECTED, "too many commands wait for this station")
        self._told = self._told or {}
        self._told[message_id] = (question, future)
        self._invite(written)
        self._link.flush(now)
        return await future

    def broken(self) -> None:
        """The socket is gone: no reply comes any more."""
        in_flight = self._link.connection.in_flight
        for message_id, (question, _) in list((self._told or {}).items()):
            if message_id == in_flight:
                reply = _reply(question, CommandResult.TIMEOUT, "the connection broke before the reply")
            else:
                reply = _unsent(question, CommandResult.OFFLINE, "the connection broke before its turn came")
            self._resolve(message_id, reply)

    def replied(self, event: ResultReceived | ErrorReceived) -> None:
        """The station replied to a call of ours, in time or late."""
        if event.late:
            self._replied_late(event)
            return
        told = (self._told or {}).get(event.id)
        if told is None:
            return
        if isinstance(event, ResultReceived):
            self._dispute(event, told[0].order)
        reply, order = self._read_reply(event, told[0]), told[0].order
        learned = None
        if isinstance(event, ResultReceived) and order.name is CommandName.CALL:
            learned = self._link.version.learned(event.action, (order.payload or "").encode(), event.payload)
        if learned is None:
            self._resolve(event.id, reply)
        else:
            (self._told or {}).pop(event.id)  # Answered, even if the connection breaks now.
            self._gateway.spawn(self._learn(told[1], reply, learned))

    async def _learn(
        self, told: asyncio.Future[asks.CommandReply], reply: asks.CommandReply, learned: Learned
    ) -> None:
        """Keep what an answer tells before its asker learns of it, who may look at once."""
        try:
            await self._link.learn(learned)
        except SpineDown as down:
            self._gateway.spine_is_down(down)
        finally:
            if not told.done():
                told.set_result(reply)

    def _read_reply(self, event: ResultReceived | ErrorReceived, question: TellStation) -> asks.CommandReply:
        command_id, name = question.command_id, question.order.name
        if isinstance(event, ErrorReceived):
            return self._link.version.read_error(command_id, event.code, event.text)
        if name is CommandName.CALL:
            return self._link.version.read_response(command_id, question.order, event.payload)
        return self._link.version.read_reply(command_id, name, event.payload)

    def _replied_late(self, event: ResultReceived | ErrorReceived) -> None:
        """Say what the answer would have been: the command has its one result already, TIMEOUT (rule 11, P5)."""
        question = (self._overdue or {}).pop(event.id, None)
        if question is None:
            self._link.strayed("late answer", event.action)
            return
        reply = self._read_reply(event, question)
        self._link.strayed("late answer", f"{event.action}: {reply.result} to command {question.command_id}")

    def _dispute(self, event: ResultReceived, order: StationOrder) -> None:
        """Note a result that cannot be understood, and tell the station where its version has a word for it."""
        disputed = self._link.version.dispute(event.action, event.payload, order)
        if disputed is not None:
            self._link.strayed(disputed.fault.value, f"result of {event.action} {disputed.text}")
            self._link.connection.dispute(event.id, disputed.fault, disputed.text)

    def timed_out(self, event: CallTimedOut) -> None:
        """The station did not reply in time, or its turn did not come."""
        told = (self._told or {}).get(event.id)
        if told is not None:
            if not event.sent:
                self._resolve(event.id, _unsent(told[0], CommandResult.TIMEOUT, NO_TURN))
                return
            self._note_overdue(event.id, told[0])
            self._resolve(event.id, _reply(told[0], CommandResult.TIMEOUT, "no reply in time"))

    def _note_overdue(self, message_id: str, question: TellStation) -> None:
        """Remember a command whose answer may still come, for as long as the connection knows its call."""
        self._overdue = self._overdue or {}
        self._overdue[message_id] = question
        if len(self._overdue) > MAX_EXPIRED:
            del self._overdue[next(iter(self._overdue))]

    def _resolve(self, message_id: str, reply: asks.CommandReply) -> None:
        told = (self._told or {}).pop(message_id, None)
        if told is not None and not told[1].done():
            told[1].set_result(reply)

    # --- below ------------------------------------------------------------------------------------------

    def _invite(self, written: Sendable) -> None:
        """Remember what the station will call because it was told to (B02.FR.02)."""
        if self._link.seat.state.registered is Admission.ACCEPTED:
            return
        wanted = invitation(written.action, written.payload)
        if wanted is not None:
            self._invited = (self._invited or set()) | {wanted}

    def _evses(self) -> list[int]:
        """Those that the station told of."""
        evses = {int(place.partition("/")[0]) for place in self._link.seat.state.connectors}
        return sorted(evses - {0})


def _reply(question: TellStation, result: CommandResult, detail: str) -> asks.CommandReply:
    return asks.CommandReply(command_id=question.command_id, result=result, detail=detail)


def _unsent(question: TellStation, result: CommandResult, detail: str) -> asks.CommandReply:
    """What is said of a command that the station is not told."""
    return asks.CommandReply(command_id=question.command_id, result=result, detail=detail, unsent=True)
