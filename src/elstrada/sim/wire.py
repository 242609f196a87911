"""What a virtual station knows of its line: the same in the simulator and on a real socket."""

from __future__ import annotations

import base64
from typing import Protocol

import msgspec


class LineLost(Exception):
    """The line is gone, or could not be had."""


class Wire(Protocol):
    """One open WebSocket, seen from the station."""

    async def send(self, text: str) -> None:
        """Send one text frame.

        Raises:
            LineLost: the line is known to be gone. A frame sent without error may be lost all the same.
        """
        ...

    async def receive(self) -> str:
        """Wait for the next text frame.

        Raises:
            LineLost: no more will come.
        """
        ...

    async def close(self) -> None:
        """Say goodbye. Harmless on a line that is gone."""
        ...


class Badge(msgspec.Struct, frozen=True):
    """With what a station knocks."""

    station_id: str
    password: str | bytes
    protocol: str
    """The subprotocol it speaks."""
    profile: int = 1
    """Its security profile: 1 plain with a password, 2 by TLS, 3 by TLS with a certificate of its own."""

    @property
    def basic(self) -> str:
        """The Authorization header."""
        password = self.password.encode() if isinstance(self.password, str) else self.password
        return f"Basic {base64.b64encode(f'{self.station_id}:'.encode() + password).decode()}"


class Dial(Protocol):
    """How a station reaches its operator."""

    async def __call__(self, badge: Badge) -> Wire:
        """Open a line.

        Raises:
            LineLost: nobody answers, or the station is refused.
        """
        ...
