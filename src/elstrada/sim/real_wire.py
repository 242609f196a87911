"""A station's line on a real WebSocket, for the demo."""

from __future__ import annotations

from itertools import cycle

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from elstrada.sim.wire import Badge, LineLost, Wire


class RealWire:
    """A ``Wire`` on an open WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed as gone:
            raise LineLost(str(gone)) from gone

    async def receive(self) -> str:
        try:
            return await self._socket.recv(decode=True)
        except ConnectionClosed as gone:
            raise LineLost(str(gone)) from gone

    async def close(self) -> None:
        await self._socket.close()


class RealDial:
    """Calls an operator at an address (``wire.Dial``)."""

    def __init__(self, *urls: str) -> None:
        """Know the operator's addresses.

        Args:
            urls: without the station's identity, such as ``ws://127.0.0.1:9000/ocpp/``; called in turn.
        """
        self._urls = cycle(urls)

    async def __call__(self, badge: Badge) -> Wire:
        try:
            socket = await connect(
                f"{next(self._urls)}{badge.station_id}",
                subprotocols=[Subprotocol(badge.protocol)],
                additional_headers={"Authorization": badge.basic},
                compression=None,
                ping_interval=None,  # The operator pings.
                proxy=None,
                close_timeout=1,
            )
        except (OSError, InvalidHandshake, TimeoutError) as refused:
            raise LineLost(str(refused)) from refused
        return RealWire(socket)
