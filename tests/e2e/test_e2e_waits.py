"""A serving process waits for others as long as its configuration says, and no longer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from installation import CPO, Installation, Nursery, serving
from ocpp_stations import SILENCE, Station16, plugged_in

SETTINGS = ("limits = { command_s = 1, peer_s = 1 }",)
STATION = "S1"


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("waits")
    with serving(Installation(folder, nursery, (CPO,), SETTINGS)) as installation:
        yield installation


async def test_a_silent_station_has_command_s(home: Installation) -> None:
    """P5. By default it would be 30 s."""
    password = await asyncio.to_thread(home.told, "station", "add", STATION)
    async with plugged_in(Station16, STATION, home.stations_url, password["password"]) as station:
        assert await station.boot() == "Accepted"
        station.answers["Reset"] = SILENCE
        began = time.monotonic()
        outcome = await asyncio.to_thread(home.run, "station", "command", STATION, "RESET", "--json")
        assert (outcome.code, "TIMEOUT" in outcome.json["says"]) == (7, True)
        assert time.monotonic() - began < 8


def test_a_silent_peer_has_peer_s(home: Installation) -> None:
    """F20. By default it would be 10 s."""
    with silence() as url:
        began = time.monotonic()
        arguments = ("--url", f"{url}/ocpi/versions", "--token", "secret-a", "--json")
        outcome = home.run("partner", "handshake", "friend", *arguments)
        assert outcome.code == 4, outcome
        assert "no whole response within 1 s" in outcome.json["says"]
        assert time.monotonic() - began < 8


@contextmanager
def silence() -> Iterator[str]:
    """A server that lets everybody in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        let_in: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    let_in.append(listening.accept()[0])
            except OSError:
                return  # It was closed.

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in let_in:
            one.close()
