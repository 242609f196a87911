"""A command whose server dies under it: nobody claims to know how it ended, and to repeat it is safe."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from installation import Installation, Nursery, free_port, serving
from market import STATION_16, Market, open_market
from ocpp_stations import SILENCE, Station16, plugged_in

UNKNOWN, UNREACHABLE = 7, 4


@asynccontextmanager
async def at_work(home: Installation) -> AsyncGenerator[Market]:
    with serving(home):
        yield await asyncio.to_thread(open_market, home, home)


@asynccontextmanager
async def plugged(market: Market) -> AsyncGenerator[Station16]:
    url, password = market.cpo.stations_url, market.passwords[STATION_16]
    async with plugged_in(Station16, STATION_16, url, password) as station:
        assert await station.boot() == "Accepted"
        yield station


async def test_a_command_whose_server_is_killed_is_neither_a_success_nor_a_failure(
    nursery: Nursery, tmp_path: Path
) -> None:
    home = Installation(tmp_path, nursery, http_port=free_port(), stations_port=free_port())
    async with at_work(home) as market:
        reset = ("station", "command", STATION_16, "RESET")
        async with plugged(market) as station:
            station.answers["Reset"] = SILENCE
            asked = asyncio.create_task(asyncio.to_thread(home.run, *reset, "--json"))
            await asyncio.wait_for(station.commands.get(), 30)
            # The station has it, the log has it, and nobody will ever say how it ended.
            await asyncio.to_thread(home.kill)
            lost = await asked
        assert (lost.code, lost.json["kind"]) == (UNKNOWN, "unknown"), lost
        assert "nobody knows whether station command was done" in lost.json["says"]
        command_id = lost.json["hint"].split("--command-id ")[1].split(":")[0]

        await asyncio.to_thread(home.start)
        listed = await asyncio.to_thread(home.told, "station", "commands", STATION_16)
        assert [line["command_id"] for line in listed if line["name"] == "RESET"] == [command_id]
        async with plugged(market) as station:
            again = await asyncio.to_thread(home.run, *reset, "--command-id", command_id, "--json")
            assert again.code in (UNKNOWN, UNREACHABLE), again
            assert station.commands.empty(), "it was given once"
            other = await asyncio.to_thread(
                home.run,
                "station",
                "command",
                STATION_16,
                "UNLOCK",
                "--evse",
                "1",
                "--command-id",
                command_id,
            )
            assert other.code == 1, other
            # An order of its own is given.
            assert (await asyncio.to_thread(home.run, *reset, "--json")).code == 0
            assert (await asyncio.wait_for(station.commands.get(), 10))[0] == "Reset"


@pytest.mark.parametrize(
    ("says", "arguments", "code"),
    [
        (b"", ("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada"), UNKNOWN),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{",
            ("token", "limit", "ABC", "--top-up", "5"),
            UNKNOWN,
        ),
        (b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 4\r\n\r\nnginx", ("node", "drain", "n1"), UNKNOWN),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", ("node", "drain", "n1"), UNREACHABLE),
        (b"", ("party", "list"), UNREACHABLE),
    ],
)
def test_what_is_said_of_an_answer_that_never_came_whole(
    nursery: Nursery, tmp_path: Path, says: bytes, arguments: tuple[str, ...], code: int
) -> None:
    """A server that takes the request whole and goes; what only reads is not done, and harms nobody."""
    home = Installation(tmp_path, nursery, http_port=free_port(), stations_port=free_port())
    with goes_after_asking(says) as url:
        settings = ("--set", f"desk.url={url}", "--set", f"desk.secret={'s' * 40}")
        outcome = home.run(*settings, *arguments)
    assert outcome.code == code, outcome
    assert ("nobody knows" in outcome.stderr) == (code == UNKNOWN)
    if code == UNKNOWN:
        assert "elstrada" in outcome.stderr.split("nobody knows")[1], "it tells where to look"


@contextmanager
def goes_after_asking(says: bytes) -> Generator[str]:
    """A server that reads one request to its end, says this, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                got = b""
                while not _whole(got):
                    got += connection.recv(65_536)
                connection.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def _whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    ]
    return bool(end) and len(body) >= int(lengths[0])
