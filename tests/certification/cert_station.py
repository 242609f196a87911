"""A scripted station: it says what a case says, and holds what it hears against the official schemas."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import websockets
from cert_official import csms_departures, request_departures, response_departures

Json = Any
PATIENCE_S = 60.0
"""For an answer that takes a millisecond on an idle machine."""
MAX_MESSAGE_ID = 36


def now() -> str:
    """The time as stations write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Refused(Exception):
    """The CSMS answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class NotChosen(Exception):
    """The CSMS opened the connection, chose another subprotocol or none, and closed it at once."""


class Asked(NamedTuple):
    """A CALL of the CSMS."""

    station: Station
    message_id: str
    action: str
    payload: Json

    async def answer(self, **payload: Json) -> None:
        strayed = response_departures(self.station.protocol, self.action, payload)
        assert not strayed, f"the script itself strays: {strayed}"
        await self.station.send([3, self.message_id, payload])

    async def refuse(self, code: str) -> None:
        await self.station.send([4, self.message_id, code, "", {}])


class Station:
    """One station on one socket, with one call in flight at a time. ``departures`` must stay empty."""

    def __init__(self, name: str, password: str, protocol: str) -> None:
        self.name, self.protocol = name, protocol
        self.password: str | bytes = password
        self.offers: tuple[str, ...] = ()
        """Subprotocols, if it offers others beside its own."""
        self.departures: list[str] = []
        self._asked: asyncio.Queue[Asked] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._actions: dict[str, str] = {}
        self._heard_ids: set[str] = set()
        self._said = 0
        self._socket: websockets.ClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None

    # --- the connection ------------------------------------------------------------------------------

    async def connect(self, url: str, tls: ssl.SSLContext | None = None, username: str | None = None) -> None:
        """Open the socket.

        Args:
            username: beside the password; by default the station's own.
        Raises:
            websockets.InvalidStatus: the CSMS does not let it in.
            NotChosen: it does not speak the station's version.
        """
        shown = self.password.encode() if isinstance(self.password, str) else self.password
        basic = base64.b64encode(f"{username or self.name}:".encode() + shown).decode()
        self._socket = await websockets.connect(
            f"{url}/{self.name}",
            ssl=tls,
            subprotocols=[websockets.Subprotocol(one) for one in self.offers or (self.protocol,)],
            additional_headers={"Authorization": f"Basic {basic}"} if self.password else {},
            ping_interval=None,
            close_timeout=0.2,
        )
        if self._socket.subprotocol != self.protocol:
            async with asyncio.timeout(PATIENCE_S):
                await self._socket.wait_closed()
            raise NotChosen(self._socket.subprotocol)
        self._listening = asyncio.create_task(self._listen(self._socket))

    async def disconnect(self) -> None:
        """Close the socket, and read what was still on its way."""
        if self._socket is None or self._listening is None:
            return
        await self._socket.close()
        await self._listening
        self._socket = self._listening = None

    async def leave(self) -> None:
        """The end of the case: nothing strayed, and nothing was asked that the case does not know."""
        await self.disconnect()
        assert not self.departures, self.departures
        assert self._asked.empty(), f"not expected: {self._asked.get_nowait()[2:]}"

    @property
    def tls(self) -> ssl.SSLObject:
        """Of the connection: what was agreed in the handshake."""
        assert self._socket is not None, "it is connected"
        return self._socket.transport.get_extra_info("ssl_object")

    # --- calls of either side ------------------------------------------------------------------------

    async def call(self, action: str, /, **payload: Json) -> Json:
        """Say something, and return the CSMS's answer, which is held against its schema.

        Raises:
            Refused: it was answered with an error.
        """
        strayed = request_departures(self.protocol, action, payload)
        assert not strayed, f"the script itself strays: {strayed}"
        self._said += 1
        message_id = f"{self.name}-{self._said}"
        answer = self._answers[message_id] = asyncio.get_running_loop().create_future()
        self._actions[message_id] = action
        await self.send([2, message_id, action, payload])
        async with asyncio.timeout(PATIENCE_S):
            return await answer

    async def asked(self, action: str) -> Asked:
        """The next CALL of the CSMS, which must be this one."""
        async with asyncio.timeout(PATIENCE_S):
            asked = await self._asked.get()
        assert asked.action == action, f"expected {action}, was asked {asked.action} {asked.payload}"
        assert not self.departures, self.departures
        return asked

    async def send(self, frame: list[Json]) -> None:
        assert self._socket is not None, "it is connected"
        await self._socket.send(json.dumps(frame))

    async def _listen(self, socket: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in socket:
                self._hear(text)

    def _hear(self, text: str | bytes) -> None:
        match json.loads(text):
            case [2, str(message_id), str(action), dict(payload)]:
                self.departures += csms_departures(self.protocol, action, payload)
                if len(message_id) > MAX_MESSAGE_ID or message_id in self._heard_ids:
                    self.departures.append(f"message id too long or used before: {message_id}")
                self._heard_ids.add(message_id)
                self._asked.put_nowait(Asked(self, message_id, action, payload))
            case [3, str(message_id), dict(payload)] if message_id in self._answers:
                self.departures += response_departures(self.protocol, self._actions[message_id], payload)
                self._answers.pop(message_id).set_result(payload)
            case [4, str(message_id), str(code), str(description), dict()] if message_id in self._answers:
                self._answers.pop(message_id).set_exception(Refused(code, description))
            case frame:
                self.departures.append(f"not a frame that was due: {frame}")

    # --- what every case of 2.0.1 does ---------------------------------------------------------------

    async def boot(self, reason: str = "PowerUp", status: str = "Accepted") -> Json:
        """Reusable state Booted, of either version; or held or rejected, by another status."""
        if self.protocol == "ocpp1.6":
            told = await self.call(
                "BootNotification", chargePointVendor="Certain", chargePointModel="Wallbox"
            )
        else:
            of = {"vendorName": "Certain", "model": "Wallbox"}
            told = await self.call("BootNotification", reason=reason, chargingStation=of)
        assert told["status"] == status
        assert told["currentTime"].endswith("Z")
        assert told["interval"] > 0
        return told

    async def tell(self, status: str, evse: int = 1, connector: int = 1) -> None:
        """Tell of a connector's state, by each of the two messages that may."""
        if self.protocol == "ocpp1.6":
            await self.call("StatusNotification", connectorId=evse, errorCode="NoError", status=status)
            return
        told = await self.call(
            "StatusNotification",
            timestamp=now(),
            connectorStatus=status,
            evseId=evse,
            connectorId=connector,
        )
        assert told == {}
        await self.event("Connector", "AvailabilityState", status, evse=evse, connector=connector)

    async def event(
        self,
        component: str,
        variable: str,
        value: str,
        *,
        evse: int | None = None,
        connector: int | None = None,
        trigger: str = "Delta",
        **more: Json,
    ) -> None:
        """One NotifyEvent of 2.0.1, whose answer must be empty."""
        place = (
            {}
            if evse is None
            else {"evse": {"id": evse, **({"connectorId": connector} if connector else {})}}
        )
        self._said += 1
        data = {
            "eventId": self._said,
            "timestamp": now(),
            "trigger": trigger,
            "actualValue": value,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": component, **place},
            "variable": {"name": variable},
            **more,
        }
        assert await self.call("NotifyEvent", generatedAt=now(), seqNo=0, eventData=[data]) == {}


@contextlib.asynccontextmanager
async def connected(station: Station, url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Station]:
    """The station at its CSMS until the block ends; then nothing may have strayed."""
    await station.connect(url, tls)
    try:
        yield station
    except BaseException:
        await station.disconnect()
        raise
    await station.leave()
