"""Stations that only charge: light, both versions, and each keeps a book of what was answered.

A message is sent again until it is answered, on the next connection if need be, as OCPP demands of
transaction messages (1.6 §3.7.1, 2.0.1 part 2 E04). Half of the stations repeat the message id, half
make a new one.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from raw_socket import CLOSE, PING, PONG, TEXT, RawSocket, Refused

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


_DIAL_S = 5.0

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
        self.commands = 0
        """Of the server's, carried out."""
        self.longest_away_s = 0.0
        """From the loss of the line to the next answer."""
        self.finishing = False
        """Begin no further session."""
        self.patience_s = 30.0
        """For an answer; then the line is given up, as stations do."""
        self.pause_s = 0.02
        """Between an answer and the next message, on average."""
        self.back_off_s = 0.02
        """Before the next call at a door, on average."""
        self._password, self._card, self._readings = password, card, readings
        self._chance = random.Random(seed)
        self._keeps_ids = seed % 2 == 0
        self._wh = 1_000_000 * seed
        self._last = datetime.now(UTC)
        self._numbers = 0

    async def work(self, urls: Sequence[str], open_gate: asyncio.Event) -> None:
        """Charge until ``finishing`` and the session in hand is over, through every loss of the line.

        Args:
            urls: of the gateways, up to and with the slash before the identity; tried in turn.
        """
        doors = cycle(urls)
        script = self._sessions()
        message = next(script)
        sent_as, lost_at = "", 0.0
        while True:
            await open_gate.wait()
            try:
                async with asyncio.timeout(_DIAL_S):
                    socket = await RawSocket.dial(next(doors), self.name, self._password, self.protocol)
            except (OSError, EOFError, Refused, TimeoutError):
                await asyncio.sleep(self._chance.uniform(0.01, 2 * self.back_off_s))
                continue
            line = _Line(socket, self)
            try:
                while True:
                    if sent_as:
                        self.repeats += 1
                    sent_as = sent_as if sent_as and self._keeps_ids else self._fresh_id()
                    async with asyncio.timeout(self.patience_s):
                        answer = await line.call(sent_as, message)
                    if lost_at:
                        self.longest_away_s = max(self.longest_away_s, time.monotonic() - lost_at)
                        lost_at = 0.0
                    self.answered.update(message.tells)
                    self.answers += 1
                    sent_as = ""
                    message = script.send(answer)
                    await line.stay(self._chance.uniform(0, 2 * self.pause_s))
            except StopIteration:
                return
            except (OSError, EOFError, TimeoutError):
                lost_at = lost_at or time.monotonic()
                await asyncio.sleep(self._chance.uniform(0.01, 2 * self.back_off_s))
            finally:
                line.close()

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


class _Line:
    """An open socket: commands and pings are answered at once, whatever the station is doing."""

    def __init__(self, socket: RawSocket, station: LoadStation) -> None:
        self._socket, self._station = socket, station
        self._answers: asyncio.Queue[Json] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())
        # How it ended is looked at by whoever waits; nobody need wait.
        self._listening.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def call(self, message_id: str, message: Message) -> Json:
        """Send a message and wait for its answer; it is never an error, or billing data would be lost (P8).

        Raises:
            OSError, EOFError: the line is gone.
        """
        self._socket.send(json.dumps([2, message_id, message.action, message.payload]).encode())
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait({answer, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._listening
        kind, answered, *rest = answer.result()
        assert (kind, answered) == (3, message_id), answer.result()
        return rest[0]

    async def stay(self, seconds: float) -> None:
        """Do nothing for a while; raises as ``call`` when the line goes meanwhile."""
        done, _ = await asyncio.wait({self._listening}, timeout=seconds)
        for ended in done:
            ended.result()

    def close(self) -> None:
        self._listening.cancel()
        self._socket.close()

    async def _listen(self) -> None:
        while True:
            opcode, payload = await self._socket.receive()
            if opcode == CLOSE:
                raise ConnectionError("the server said goodbye")
            if opcode == PING:
                self._socket.send(payload, PONG)
            if opcode == TEXT:
                frame = json.loads(payload)
                if frame[0] == 2:
                    self._station.commands += 1
                    self._socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]).encode())
                else:
                    self._answers.put_nowait(frame)


def _wire(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"
