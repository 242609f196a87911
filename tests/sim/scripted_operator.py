"""An operator in a few lines: it answers a virtual station as told, and remembers what it heard."""

import asyncio
import json
from collections.abc import Callable

from elstrada.sim.station_book import Payload
from elstrada.sim.wire import Badge, LineLost, Wire

NOW = "2026-03-02T07:00:00Z"


class ScriptedOperator:
    """Both the dial and the wire of one station."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Payload]] = []
        """Message id, action, payload, in order of arrival."""
        self.replies: list[list[object]] = []
        """What the station replied to our calls."""
        self.silent_about: set[str] = set()
        """Actions that are heard and not answered."""
        self.status = "Accepted"
        self.reachable = True
        self._next_transaction = 100
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()

    async def __call__(self, badge: Badge) -> Wire:
        if not self.reachable:
            raise LineLost("nobody answers")
        self._inbox = asyncio.Queue()
        return self

    async def send(self, text: str) -> None:
        message = json.loads(text)
        if message[0] != 2:
            self.replies.append(message)
            return
        _, message_id, action, payload = message
        self.calls.append((message_id, action, payload))
        if action not in self.silent_about:
            self._inbox.put_nowait(json.dumps([3, message_id, self._answer(action, payload)]))

    async def receive(self) -> str:
        frame = await self._inbox.get()
        if frame is None:
            raise LineLost("cut")
        return frame

    async def close(self) -> None:
        self._inbox.put_nowait(None)

    def cut(self) -> None:
        self._inbox.put_nowait(None)

    def command(self, action: str, payload: Payload) -> None:
        self._inbox.put_nowait(json.dumps([2, f"command-{action}", action, payload]))

    def heard(self, *actions: str) -> list[Payload]:
        """Payloads of these actions, in order."""
        return [payload for _, action, payload in self.calls if action in actions]

    def _answer(self, action: str, payload: Payload) -> Payload:
        return _ANSWERS.get(action, lambda operator, payload: {})(self, payload)

    def start_transaction(self, payload: Payload) -> Payload:
        self._next_transaction += 1
        return {"transactionId": self._next_transaction, "idTagInfo": {"status": self.status}}


_ANSWERS: dict[str, Callable[[ScriptedOperator, Payload], Payload]] = {
    "BootNotification": lambda operator, _: {"status": "Accepted", "currentTime": NOW, "interval": 300},
    "Heartbeat": lambda operator, _: {"currentTime": NOW},
    "Authorize": lambda operator, _: {
        "idTagInfo": {"status": operator.status},
        "idTokenInfo": {"status": operator.status},
    },
    "StartTransaction": ScriptedOperator.start_transaction,
}
