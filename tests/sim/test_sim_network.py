"""Virtual lines: order kept, what flies is lost with the line, each end learns of it in its own time."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from elstrada.net.face import Admitted, Knock, Refused, StationSocket
from elstrada.sim.clock import SimClock
from elstrada.sim.loop import run
from elstrada.sim.network import House, Lines
from elstrada.sim.process import Process
from elstrada.sim.trace import Trace
from elstrada.sim.wire import Badge, LineLost

BADGE = Badge("V01", "secret", "ocpp1.6")
EPOCH = datetime(2026, 3, 2, tzinfo=UTC)


class Gate:
    """A doorman who lets everybody in but one, and writes down what it hears."""

    def __init__(self) -> None:
        self.knocks: list[Knock] = []
        self.heard: list[bytes] = []
        self.ends: list[tuple[float, int]] = []
        self.socket: StationSocket | None = None

    def admit(self, knock: Knock) -> Admitted | Refused:
        self.knocks.append(knock)
        return Refused(404) if knock.path.endswith("stranger") else Admitted("SE*ELS", "V01", "ocpp1.6")

    def opened(self, socket: StationSocket, admitted: Admitted) -> "Gate":
        self.socket = socket
        return self

    def received(self, frame: bytes) -> None:
        self.heard.append(frame)

    def closed(self, code: int, reason: str) -> None:
        self.ends.append((asyncio.get_running_loop().time(), code))


def _lines(gate: Gate) -> tuple[Lines, Process]:
    clock = SimClock(EPOCH)
    lines = Lines(clock, random.Random(1), Trace(clock))
    process = Process("node")
    lines.open_house(House(gate, process))
    return lines, process


def test_frames_arrive_in_the_order_they_were_sent_however_long_each_takes():
    async def world() -> None:
        gate = Gate()
        lines, _ = _lines(gate)
        wire = await lines.dial(BADGE)
        for number in range(50):
            await wire.send(str(number))
        await asyncio.sleep(10)
        assert gate.heard == [str(number).encode() for number in range(50)]
        for number in range(50):
            gate.socket.send(str(number).encode())
        assert [await wire.receive() for _ in range(50)] == [str(number) for number in range(50)]

    run(world(), shuffle="1")


def test_a_knock_shows_identity_password_and_subprotocol():
    async def world() -> None:
        gate = Gate()
        await _lines(gate)[0].dial(BADGE)
        [knock] = gate.knocks
        assert knock.path == "/ocpp/V01"
        assert knock.headers["authorization"] == "Basic VjAxOnNlY3JldA=="
        assert knock.headers["sec-websocket-protocol"] == "ocpp1.6"

    run(world())


def test_a_refused_station_has_no_line():
    async def world() -> None:
        with pytest.raises(LineLost, match="404"):
            await _lines(Gate())[0].dial(Badge("stranger", "x", "ocpp1.6"))

    run(world())


def test_a_cut_loses_what_flies_and_both_ends_know():
    async def world() -> None:
        gate = Gate()
        lines, _ = _lines(gate)
        wire = await lines.dial(BADGE)
        await wire.send("lost")
        gate.socket.send(b"lost too")
        lines.cut("V01")
        with pytest.raises(LineLost):
            await wire.receive()
        with pytest.raises(LineLost):
            await wire.send("again")
        await asyncio.sleep(10)
        assert gate.heard == []
        assert [code for _, code in gate.ends] == [1006]

    run(world())


def test_a_dead_line_says_nothing_until_the_gateway_pings():
    async def world() -> None:
        gate = Gate()
        lines, _ = _lines(gate)
        wire = await lines.dial(BADGE)
        began = asyncio.get_running_loop().time()
        lines.go_dead("V01")
        await wire.send("into the void")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.receive(), 300)
        assert gate.heard == []
        [(at, code)] = gate.ends
        assert (at - began, code) == (pytest.approx(90), 1006)

    run(world())


def test_what_was_sent_before_a_goodbye_still_arrives():
    async def world() -> None:
        gate = Gate()
        lines, _ = _lines(gate)
        wire = await lines.dial(BADGE)
        await wire.send("last words")
        await wire.close()
        await asyncio.sleep(5)
        assert gate.heard == [b"last words"]
        assert [code for _, code in gate.ends] == [1000]
        wire = await lines.dial(BADGE)
        gate.socket.send(b"ours")
        gate.socket.close(1012, "service restart")
        gate.socket.send(b"never")
        assert await wire.receive() == "ours"
        with pytest.raises(LineLost):
            await wire.receive()

    run(world())


def test_a_killed_process_does_nothing_more_and_its_lines_are_reset():
    async def world() -> None:
        gate = Gate()
        lines, process = _lines(gate)
        wire = await lines.dial(BADGE)
        done: list[str] = []

        async def work() -> None:
            asyncio.get_running_loop().call_later(5, done.append, "timer")
            await asyncio.sleep(5)
            done.append("task")

        process.spawn(work())
        await asyncio.sleep(1)
        process.kill()
        lines.crash(process)
        gate.socket.send(b"from the grave")
        with pytest.raises(LineLost):
            await wire.receive()
        await asyncio.sleep(60)
        assert (done, gate.ends) == ([], [])
        with pytest.raises(LineLost):
            await lines.dial(BADGE)

    run(world())
