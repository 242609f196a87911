"""Stations that only charge: light, both versions, and each keeps a book of what was answered.

A message is sent again until it is answered, on the next connection if need be, as OCPP demands of
transaction messages (1.6 §3.7.1, 2.0.1 part 2 E04). Half of the stations repeat the message id, half
make a new one.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from raw_socket import CLOSE, TEXT, RawSocket, Refused

Json = Any


@dataclass(frozen=True)
class Said:
    """What a message told, in words that stand in the log as well."""

    kind: str
    """The name of the fact it must become."""
    station: str
    at: datetime
    wh: int


@dataclass(frozen=True)
class Message:
    action: str
    payload: Json
    tells: tuple[Said, ...]


Script = Generator[Message, Json, None]


class LoadStation:
    """One station and its book."""

    def __init__(self, name: str, password: str, protocol: str, card: str, readings: int, seed: int) -> None:
        self.name, self.protocol = name, protocol
        self.answered: Counter[Said] = Counter()
        self.charged_wh: dict[str, int] = {}
        """Energy by transaction, of those whose end was answered."""
        self.answers = 0
        """Messages answered; one may tell of two things."""
        self.repeats = 0
        """Messages sent more than once."""
        self.finishing = False
        """Begin no further session."""
        self._password, self._card, self._readings = password, card, readings
        self._chance = random.Random(seed)
        self._keeps_ids = seed % 2 == 0
        self._wh = 1_000_000 * seed
        self._last = datetime.now(UTC)
        self._numbers = 0

    async def work(self, stations_url: str, open_gate: asyncio.Event) -> None:
        """Charge until ``finishing`` and the session in hand is over, through every loss of the line."""
        script = self._sessions()
        message = next(script)
        sent_as = ""
        while True:
            await open_gate.wait()
            try:
                socket = await RawSocket.dial(stations_url, self.name, self._password, self.protocol)
            except (OSError, EOFError, Refused):
                await asyncio.sleep(0.02)
                continue
            try:
                while True:
                    if sent_as:
                        self.repeats += 1
                    sent_as = sent_as if sent_as and self._keeps_ids else self._fresh_id()
                    answer = await self._call(socket, sent_as, message)
                    self.answered.update(message.tells)
                    self.answers += 1
                    sent_as = ""
                    message = script.send(answer)
                    await asyncio.sleep(self._chance.uniform(0, 0.04))
            except StopIteration:
                return
            except (OSError, EOFError):
                await asyncio.sleep(0.02)
            finally:
                socket.close()

    async def _call(self, socket: RawSocket, message_id: str, message: Message) -> Json:
        socket.send(json.dumps([2, message_id, message.action, message.payload]).encode())
        while True:
            opcode, payload = await socket.receive()
            if opcode == CLOSE:
                raise ConnectionError("the server said goodbye")
            if opcode == TEXT:
                kind, answered, *rest = json.loads(payload)
                assert (kind, answered) == (3, message_id), payload
                return rest[0]

    # --- what it has to say -------------------------------------------------------------------------

    def _sessions(self) -> Script:
        session = self._session_16 if self.protocol == "ocpp1.6" else self._session_201
        while not self.finishing:
            yield from session()

    def _session_16(self) -> Script:
        begun, at = self._wh, self._moment()
        start = {"connectorId": 1, "idTag": self._card, "meterStart": begun, "timestamp": _wire(at)}
        answer = yield Message("StartTransaction", start, (self._said("SessionStarted", at),))
        number = answer["transactionId"]
        for _ in range(self._readings):
            at = self._drawn()
            value = {"value": str(self._wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
            reading = {"timestamp": _wire(at), "sampledValue": [value]}
            payload = {"connectorId": 1, "transactionId": number, "meterValue": [reading]}
            yield Message("MeterValues", payload, (self._said("MeterSampled", at),))
        at = self._drawn()
        stop = {"transactionId": number, "meterStop": self._wh, "timestamp": _wire(at)}
        yield Message("StopTransaction", stop, (self._said("SessionEnded", at),))
        self.charged_wh[str(number)] = self._wh - begun

    def _session_201(self) -> Script:
        begun, transaction_id = self._wh, self._fresh_id()
        token = {"idToken": {"idToken": self._card, "type": "ISO14443"}}
        yield self._event("Started", "SessionStarted", 0, transaction_id, self._moment(), token)
        for seq_no in range(1, self._readings + 1):
            yield self._event("Updated", None, seq_no, transaction_id, self._drawn(), {})
        yield self._event("Ended", "SessionEnded", self._readings + 1, transaction_id, self._drawn(), {})
        self.charged_wh[transaction_id] = self._wh - begun

    def _event(
        self, kind: str, fact: str | None, seq_no: int, transaction_id: str, at: datetime, more: Json
    ) -> Message:
        value = {"value": self._wh, "measurand": "Energy.Active.Import.Register"}
        payload = {
            "eventType": kind,
            "timestamp": _wire(at),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": transaction_id},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": _wire(at), "sampledValue": [value]}],
            **more,
        }
        tells = (self._said("MeterSampled", at), *((self._said(fact, at),) if fact else ()))
        return Message("TransactionEvent", payload, tells)

    def _said(self, kind: str, at: datetime) -> Said:
        return Said(kind, self.name, at, self._wh)

    def _drawn(self) -> datetime:
        """The car has drawn some energy; now."""
        self._wh += self._chance.randrange(1, 400)
        return self._moment()

    def _moment(self) -> datetime:
        """Now, in whole milliseconds, and never the same twice."""
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + timedelta(milliseconds=1))
        return self._last

    def _fresh_id(self) -> str:
        self._numbers += 1
        return f"{self.name}-{self._numbers}"


def _wire(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"
