"""Asks 2.x stations about sessions of which something is missing: do they go on, are messages in the queue? (E14)"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.session import doubtful
from elstrada.charging.state import SessionState
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command, QueueReport
from elstrada.model.device import CommandName
from elstrada.spine.face import SpineDown, StreamMoved

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

FIRST = timedelta(seconds=20)
"""After the end: most gaps close by themselves before, as the queue goes on."""
LONGEST = timedelta(hours=1)
"""Between two questions about one session; it begins with ``FIRST`` and doubles."""
MOST = 10_000
"""Sessions remembered; one that is forgotten is asked about too early."""


class _Status(msgspec.Struct, rename="camel"):
    messages_in_queue: bool
    ongoing_indicator: bool | None = None


class Inquirer:
    """Knows when each session is to be asked about next."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._next: dict[tuple[str, str], tuple[datetime, timedelta]] = {}

    def look(self, link: Link, now: datetime, open_: Iterable[SessionState] = ()) -> None:
        """Ask about a station's sessions that are due, if it has settled; nothing is awaited.

        Args:
            open_: those without an end that are in doubt as well.
        """
        if not link.settling.done:
            return  # Its queue may hold just what would be asked about.
        for session in (*doubtful(link.seat.state), *open_):
            key = (link.stream, session.session_id)
            first = now if session.ended_recorded_at is None else session.ended_recorded_at + FIRST
            due, wait = self._next.pop(key, (first, FIRST))
            if now >= due:
                due, wait = now + wait, min(2 * wait, LONGEST)
                self._gateway.spawn(self._inquire(link, session.session_id, session.transaction_id))
            self._next[key] = (due, wait)
            if len(self._next) > MOST:
                del self._next[next(iter(self._next))]

    async def _inquire(self, link: Link, session_id: str, transaction_id: str) -> None:
        command = Command(
            command_id=self._gateway.chance.uuid(),
            name=CommandName.CALL,
            asked_by=link.seat.owner,
            action="GetTransactionStatus",
            payload=json.dumps({"transactionId": transaction_id}),
        )
        try:
            done = await link.seat.ask(command)
            told = _told(done.response) if isinstance(done, CommandDone) else None
            if told is not None:
                report = QueueReport(
                    session_id=session_id, in_queue=told.messages_in_queue, ongoing=told.ongoing_indicator
                )
                await link.seat.ask(report)
        except StreamMoved:
            link.lost()
        except SpineDown as down:
            self._gateway.spine_is_down(down)


def _told(response: str | None) -> _Status | None:
    """What the station says; None if it says nothing of it."""
    try:
        return msgspec.json.decode(response or "", type=_Status)
    except msgspec.DecodeError:
        return None
