"""Stations that are all cut off at once and all come back at once, and bystanders that are commanded meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from installation import Installation
from raw_socket import TEXT, RawSocket, Refused

BOOT = ("BootNotification", {"chargePointVendor": "Storm", "chargePointModel": "Storm"})


@dataclass
class Storm:
    """What a storm came to, in seconds."""

    served_s: list[float] = field(default_factory=list)
    """From the cut to each station's answered Heartbeat."""
    commands_s: list[float] = field(default_factory=list)
    """How long each command to a bystander took."""
    knocks: int = 0
    """Handshakes tried; more than there are stations if some were not let in at once."""

    def __str__(self) -> str:
        *_, p99 = quantiles(self.served_s, n=100)
        return (
            f"{len(self.served_s)} stations served again: the last after {max(self.served_s):.1f} s,"
            f" 99 % after {p99:.1f} s, {self.knocks} knocks;"
            f" {len(self.commands_s)} commands meanwhile, the slowest {max(self.commands_s):.2f} s"
        )


class Returner:
    """A station that boots and beats, and comes back when its line is gone, backing off as OCPP says."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self._url, self._name, self._password = url, name, password
        self._socket: RawSocket | None = None
        self._number = 0
        self.knocks = 0

    async def come(self) -> None:
        """Dial until let in, boot, and beat until that is answered."""
        pause_s = 0.2
        while True:
            try:
                self.knocks += 1
                async with asyncio.timeout(20):
                    self._socket = await RawSocket.dial(self._url, self._name, self._password, "ocpp1.6")
                    await self._call(*BOOT)
                    await self._call("Heartbeat", {})
                return
            except (OSError, EOFError, Refused, TimeoutError):
                await asyncio.sleep(pause_s * random.uniform(1, 2))
                pause_s = min(2 * pause_s, 5)

    def cut(self, *, silently: bool) -> RawSocket | None:
        """Lose the line; silently: the other side hears nothing of it."""
        socket, self._socket = self._socket, None
        if socket is not None and not silently:
            socket.abort()
        return socket

    async def obey(self) -> None:
        """Accept every command until cancelled."""
        assert self._socket is not None
        while True:
            opcode, payload = await self._socket.receive()
            frame = json.loads(payload) if opcode == TEXT else None
            if frame and frame[0] == 2:
                self._socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]).encode())

    async def _call(self, action: str, payload: object) -> None:
        assert self._socket is not None
        self._number += 1
        message_id = f"{self._name}-{self._number}-{self.knocks}"
        self._socket.send(json.dumps([2, message_id, action, payload]).encode())
        while True:
            opcode, content = await self._socket.receive()
            if opcode == TEXT and json.loads(content)[:2] == [3, message_id]:
                return


async def weather(
    home: Installation,
    passwords: dict[str, str],
    bystanders: Sequence[str],
    *,
    within_s: float,
    silently: bool = False,
) -> Storm:
    """Let all but the bystanders be cut off and come back at once."""
    stations = {name: Returner(home.stations_url, name, password) for name, password in passwords.items()}
    await asyncio.gather(*(station.come() for station in stations.values()))
    obeying = [asyncio.create_task(stations[name].obey()) for name in bystanders]
    storm = Storm()
    commanding = asyncio.create_task(_command(home, bystanders, storm))
    returning = [station for name, station in stations.items() if name not in bystanders]
    for station in returning:
        station.knocks = 0
    try:
        dead = [station.cut(silently=silently) for station in returning]
        cut_at = time.monotonic()
        async with asyncio.timeout(within_s):
            storm.served_s = await asyncio.gather(*(_back(station, cut_at) for station in returning))
        storm.knocks = sum(station.knocks for station in returning)
        await asyncio.sleep(1)  # A command is under way when the last has come.
    finally:
        for task in (commanding, *obeying):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    for socket in dead:
        if socket is not None:
            socket.abort()
    return storm


async def _back(station: Returner, cut_at: float) -> float:
    await station.come()
    return time.monotonic() - cut_at


async def _command(home: Installation, bystanders: Sequence[str], storm: Storm) -> None:
    """Trigger the bystanders in turn, without end."""
    while True:
        for name in bystanders:
            began = time.monotonic()
            done = await asyncio.to_thread(
                home.done, "station command", station=name, command="TRIGGER", message="Heartbeat"
            )
            assert done["result"] == "ACCEPTED", done
            storm.commands_s.append(time.monotonic() - began)
            await asyncio.sleep(0.02)
