"""OCPP's remote procedure calls from a station's side, in plain JSON.

Written apart from ``elstrada.ocpp`` on purpose: what both sides took from one mistake would show nowhere.
Source: OCPP-J 1.6 §4; OCPP 2.0.1 part 4 §4.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import cast

from elstrada.sim.station_book import Payload
from elstrada.sim.wire import LineLost, Wire
from elstrada.spine.ending import ended

CALL, RESULT, ERROR = 2, 3, 4

Answer = Callable[[str, Payload], Payload | None]
"""Serves one call of the operator: its action and payload; None when the action is not known here."""


class NoReply(Exception):
    """The operator did not reply in time."""


class Complaint(Exception):
    """The operator replied with an error."""


class Talk:
    """One open line: our calls one at a time, the operator's as they come."""

    def __init__(
        self, wire: Wire, answer: Answer, patience_s: float, *, late_s: float = 0.0, mute: bool = False
    ) -> None:
        """
        Args:
            late_s: how long it takes to answer the operator.
            mute: it never does.
        """
        self._wire, self._answer, self._patience_s = wire, answer, patience_s
        self._late_s, self._mute = late_s, mute
        self._owed: dict[asyncio.Task[None], None] = {}
        self._turn = asyncio.Lock()
        self._waiting: tuple[str, asyncio.Future[Payload]] | None = None

    async def listen(self) -> None:
        """Take frames until the line is lost.

        Raises:
            LineLost: always, in the end.
        """
        while True:
            await self._hear(await self._wire.receive())

    async def call(self, message_id: str, action: str, payload: Payload) -> Payload:
        """Call the operator and wait for the result.

        Raises:
            LineLost, NoReply: it may or may not have been received.
            Complaint: it was answered with an error.
        """
        async with self._turn:
            reply: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._waiting = (message_id, reply)
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._wire.send(json.dumps([CALL, message_id, action, payload]))
                    return await reply
            except TimeoutError as silence:
                raise NoReply(f"no reply to {action} within {self._patience_s} s") from silence
            finally:
                self._waiting = None

    async def say(self, frame: str) -> None:
        """Send a frame, whatever it is, and wait for nothing."""
        await self._wire.send(frame)

    async def close(self) -> None:
        await ended(*self._owed)
        await self._wire.close()

    async def _hear(self, frame: str) -> None:
        match cast(list[object], json.loads(frame)):
            case [2, str(message_id), str(action), payload]:
                await self._called(message_id, action, cast(Payload, payload))
            case [3, str(message_id), payload]:
                self._replied(message_id, cast(Payload, payload))
            case [4, str(message_id), str(code), *rest]:
                self._replied(message_id, Complaint(f"{code} {rest[:1]}"))
            case _:
                raise LineLost(f"the operator sent no OCPP frame: {frame[:80]}")

    async def _called(self, message_id: str, action: str, payload: Payload) -> None:
        if self._mute:
            return
        if not self._late_s:
            await self._serve(message_id, action, payload)
            return
        task = asyncio.get_running_loop().create_task(self._serve_late(message_id, action, payload))
        self._owed[task] = None
        task.add_done_callback(lambda done: self._owed.pop(done, None))

    async def _serve_late(self, message_id: str, action: str, payload: Payload) -> None:
        await asyncio.sleep(self._late_s)
        with contextlib.suppress(LineLost):
            await self._serve(message_id, action, payload)

    async def _serve(self, message_id: str, action: str, payload: Payload) -> None:
        answer = self._answer(action, payload)
        frame: list[object]
        if answer is None:
            frame = [ERROR, message_id, "NotImplemented", f"{action} is not known here", {}]
        else:
            frame = [RESULT, message_id, answer]
        await self._wire.send(json.dumps(frame))

    def _replied(self, message_id: str, reply: Payload | Complaint) -> None:
        if self._waiting is None or self._waiting[0] != message_id or self._waiting[1].done():
            return  # A reply to what we stopped waiting for.
        if isinstance(reply, Complaint):
            self._waiting[1].set_exception(reply)
        else:
            self._waiting[1].set_result(reply)
