"""Stations written on the PyPI package ``ocpp`` and its messages: nothing of ours is in them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import ocpp.v16
import ocpp.v21
import ocpp.v201
import websockets
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

SILENCE = "silence"
"""Instead of an answer to a Reset: none, ever."""


def wire(at: datetime) -> str:
    """A time as stations write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Station16(ocpp.v16.ChargePoint):
    """An OCPP 1.6 station with one connector. Commands are kept, and answered as ``answers`` says."""

    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket, response_timeout=60)
        self.commands: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.answers: dict[str, str] = {}

    def _commanded(self, name: str, **details: Any) -> str:
        self.commands.put_nowait((name, details))
        return self.answers.get(name, "Accepted")

    async def boot(self) -> str:
        answer = await self.call(
            call16.BootNotification(charge_point_model="Wallbox", charge_point_vendor="Foreign")
        )
        return answer.status

    async def status(self, status: str) -> None:
        await self.call(call16.StatusNotification(connector_id=1, error_code="NoError", status=status))

    async def authorize(self, card: str) -> str:
        return (await self.call(call16.Authorize(id_tag=card))).id_tag_info["status"]

    async def begin(self, card: str, at: datetime, wh: int) -> int:
        answer = await self.call(
            call16.StartTransaction(connector_id=1, id_tag=card, meter_start=wh, timestamp=wire(at))
        )
        assert answer.id_tag_info["status"] == "Accepted"
        return answer.transaction_id

    async def measure(self, transaction_id: int, at: datetime, wh: int) -> None:
        value = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        power = {"value": "11.0", "measurand": "Power.Active.Import", "unit": "kW"}
        meter_value = [{"timestamp": wire(at), "sampledValue": [value, power]}]
        await self.call(
            call16.MeterValues(connector_id=1, transaction_id=transaction_id, meter_value=meter_value)
        )

    async def end(self, transaction_id: int, at: datetime, wh: int) -> None:
        await self.call(
            call16.StopTransaction(
                meter_stop=wh, timestamp=wire(at), transaction_id=transaction_id, reason="Local"
            )
        )

    @on("Reset")
    async def on_reset(self, type: str) -> result16.Reset:
        status = self._commanded("Reset", type=type)
        if status == SILENCE:
            await asyncio.Event().wait()
        return result16.Reset(status=status)

    @on("UnlockConnector")
    def on_unlock(self, connector_id: int) -> result16.UnlockConnector:
        status = self._commanded("UnlockConnector", connector_id=connector_id)
        return result16.UnlockConnector(status="Unlocked" if status == "Accepted" else status)

    @on("TriggerMessage")
    def on_trigger(self, requested_message: str, connector_id: int | None = None) -> result16.TriggerMessage:
        return result16.TriggerMessage(status=self._commanded("TriggerMessage", message=requested_message))

    @on("ChangeAvailability")
    def on_availability(self, connector_id: int, type: str) -> result16.ChangeAvailability:
        return result16.ChangeAvailability(status=self._commanded("ChangeAvailability", type=type))

    @on("RemoteStartTransaction")
    def on_start(self, id_tag: str, **more: Any) -> result16.RemoteStartTransaction:
        return result16.RemoteStartTransaction(
            status=self._commanded("RemoteStartTransaction", id_tag=id_tag)
        )

    @on("RemoteStopTransaction")
    def on_stop(self, transaction_id: int) -> result16.RemoteStopTransaction:
        return result16.RemoteStopTransaction(
            status=self._commanded("RemoteStopTransaction", transaction_id=transaction_id)
        )


class Station201(ocpp.v201.ChargePoint):
    """An OCPP 2.0.1 station with one EVSE, likewise."""

    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket, response_timeout=60)
        self.commands: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.answers: dict[str, str] = {}
        self._seq_no = 0

    def _commanded(self, name: str, **details: Any) -> str:
        self.commands.put_nowait((name, details))
        return self.answers.get(name, "Accepted")

    async def boot(self) -> str:
        station = {"model": "Column", "vendor_name": "Foreign"}
        return (await self.call(call201.BootNotification(charging_station=station, reason="PowerUp"))).status

    async def status(self, status: str) -> None:
        await self.call(
            call201.StatusNotification(
                timestamp=wire(datetime.now(UTC)), connector_status=status, evse_id=1, connector_id=1
            )
        )

    async def authorize(self, card: str) -> str:
        answer = await self.call(call201.Authorize(id_token={"id_token": card, "type": "ISO14443"}))
        return answer.id_token_info["status"]

    async def event(
        self, kind: str, transaction_id: str, at: datetime, wh: int, trigger: str, **more: Any
    ) -> Any:
        """A TransactionEvent; returns its answer."""
        register = {"value": wh, "measurand": "Energy.Active.Import.Register"}
        answer = await self.call(
            call201.TransactionEvent(
                event_type=kind,
                timestamp=wire(at),
                trigger_reason=trigger,
                seq_no=self._seq_no,
                transaction_info={"transaction_id": transaction_id, "charging_state": "Charging"},
                evse={"id": 1, "connector_id": 1},
                meter_value=[{"timestamp": wire(at), "sampled_value": [register]}],
                **more,
            )
        )
        self._seq_no += 1
        return answer

    @on("Reset")
    def on_reset(self, type: str, **more: Any) -> result201.Reset:
        return result201.Reset(status=self._commanded("Reset", type=type))

    @on("RequestStartTransaction")
    def on_start(
        self, id_token: dict[str, Any], remote_start_id: int, **more: Any
    ) -> result201.RequestStartTransaction:
        status = self._commanded(
            "RequestStartTransaction", id_token=id_token, remote_start_id=remote_start_id
        )
        return result201.RequestStartTransaction(status=status)

    @on("RequestStopTransaction")
    def on_stop(self, transaction_id: str) -> result201.RequestStopTransaction:
        status = self._commanded("RequestStopTransaction", transaction_id=transaction_id)
        return result201.RequestStopTransaction(status=status)

    @on("UnlockConnector")
    def on_unlock(self, evse_id: int, connector_id: int) -> result201.UnlockConnector:
        status = self._commanded("UnlockConnector", evse_id=evse_id, connector_id=connector_id)
        return result201.UnlockConnector(status="Unlocked" if status == "Accepted" else status)


class Station21(Station201):
    """An OCPP 2.1 station that needs nothing of what 2.1 adds; the package checks its messages by 2.1's schemas."""

    _call, _call_result, _ocpp_version = ocpp.v21.call, ocpp.v21.call_result, "2.1"


PROTOCOLS = {Station16: "ocpp1.6", Station201: "ocpp2.0.1", Station21: "ocpp2.1"}


def _protocol(kind: type[Station16] | type[Station201]) -> str:
    """The newest that a kind of station, or what it is a kind of, speaks."""
    return next(PROTOCOLS[one] for one in kind.__mro__ if one in PROTOCOLS)


@contextlib.asynccontextmanager
async def plugged_in(
    kind: type[Station16] | type[Station201], name: str, stations_url: str, password: str
) -> AsyncIterator[Any]:
    """A station of this kind, connected and listening until the block ends."""
    socket = await _dialled(kind, name, stations_url, password)
    async with socket:
        station = kind(name, socket)
        listening = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await listening


async def _dialled(
    kind: type[Station16] | type[Station201], name: str, stations_url: str, password: str
) -> websockets.ClientConnection:
    """Dial until let in: a station that was just added is known at the door within a second or two."""
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        try:
            return await websockets.connect(
                f"{stations_url}{name}",
                subprotocols=[websockets.Subprotocol(_protocol(kind))],
                additional_headers={"Authorization": f"Basic {basic}"},
                open_timeout=60,
            )
        except websockets.InvalidStatus as refused:
            if refused.response.status_code != 404 or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.5)
