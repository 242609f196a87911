"""Lines between virtual stations and a gateway, with the faults that real lines have.

Within one connection nothing is reordered; what is in flight when a line breaks is lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from elstrada.model.security import ClientCertificate, Secured
from elstrada.net.face import Admitted, Doorman, Knock, Line, Refused
from elstrada.net.silence import Probe
from elstrada.sim.clock import SimClock
from elstrada.sim.process import Process
from elstrada.sim.trace import Trace
from elstrada.sim.wire import Badge, LineLost, Wire

ABNORMAL = 1006
"""Close code of a line that just broke. Source: RFC 6455 §7.4.1."""
_CERTIFICATE_ENDS = datetime(2040, 1, 1, tzinfo=UTC)
PING_FINDS_OUT_S = 90.0
"""A server that pings each minute and waits 30 s has found a dead line by then."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How the lines are."""

    delay_s: tuple[float, float] = (0.01, 0.15)
    """Least and most, of one frame one way."""
    refuses: float = 0.0
    """Part of the calls that nobody answers."""


CALM = Weather()


class House(msgspec.Struct, frozen=True, eq=False):
    """A gateway that stations can reach, and the process it runs in."""

    doorman: Doorman
    process: Process


class Lines:
    """All WebSockets of a world."""

    def __init__(self, clock: SimClock, chance: random.Random, trace: Trace, weather: Weather = CALM) -> None:
        self.weather = weather
        self._clock, self._chance, self._trace = clock, chance, trace
        self._houses: list[House] = []
        self._open: list[_Connection] = []

    def open_house(self, house: House) -> None:
        """Stations reach this gateway from now on; several share the stations between them."""
        self._houses.append(house)

    def crash(self, process: Process) -> None:
        """A process has died: the operating system of its machine resets every line it held."""
        self._houses = [house for house in self._houses if house.process is not process]
        for connection in [c for c in self._open if c.house.process is process]:
            connection.reset()

    async def dial(self, badge: Badge) -> Wire:
        """Open a line to one of the gateways (``wire.Dial``)."""
        await asyncio.sleep(self._delay())
        if not self._houses or self._chance.random() < self.weather.refuses:
            raise LineLost("nobody answers")
        house = self._chance.choice(self._houses)
        verdict = house.process.call(house.doorman.admit, self._knock(badge))
        if isinstance(verdict, Refused):
            raise LineLost(f"refused with {verdict.status}")
        connection = _Connection(self, house, badge.station_id)
        self._open.append(connection)
        connection.open(verdict)
        return connection.wire

    def admits(self, badge: Badge) -> bool:
        """Would somebody with this be let in? None is, while nobody answers."""
        return any(
            isinstance(house.process.call(house.doorman.admit, self._knock(badge)), Admitted)
            for house in self._houses
        )

    def of(self, station_id: str) -> list[_Connection]:
        """The lines a station holds, or that a gateway believes it holds; the newest last."""
        return [connection for connection in self._open if connection.station_id == station_id]

    def cut(self, station_id: str) -> None:
        """Break a station's lines. Both ends notice at once."""
        for connection in self.of(station_id):
            connection.cut()

    def go_dead(self, station_id: str) -> None:
        """Break a station's lines without a word: only silence tells (rule 3, half-open)."""
        for connection in self.of(station_id):
            connection.go_dead()

    def note(self, station_id: str, what: str) -> None:
        self._trace.note(station_id, what)

    def gone(self, connection: _Connection) -> None:
        """Forget a connection that is over at both ends."""
        if connection in self._open:
            self._open.remove(connection)

    def pipe(self, deliver: Callable[[str], None]) -> _Pipe:
        return _Pipe(self._delay, deliver)

    def _delay(self) -> float:
        return self._chance.uniform(*self.weather.delay_s)

    def _knock(self, badge: Badge) -> Knock:
        headers = {"sec-websocket-protocol": badge.protocol}
        if badge.profile < 3:
            headers["authorization"] = badge.basic
        return Knock(f"/ocpp/{badge.station_id}", headers, "192.0.2.1", self._clock.now(), _secured(badge))


def _secured(badge: Badge) -> Secured | None:
    """What TLS would tell of who comes: here nobody encrypts, and nobody lies about it either."""
    if badge.profile == 1:
        return None
    if badge.profile == 2:
        return Secured()
    return Secured(ClientCertificate(badge.station_id, "Elstrada", _CERTIFICATE_ENDS))


class _Pipe:
    """Frames one way, in order, each after a delay of its own."""

    def __init__(self, delay: Callable[[], float], deliver: Callable[[str], None]) -> None:
        self._delay, self._deliver = delay, deliver
        self._loop = asyncio.get_running_loop()
        # The wire is nobody's: what is in flight outlives the process that sent it.
        self._context = contextvars.Context()
        self._flying: deque[tuple[str, asyncio.TimerHandle]] = deque()
        self._last = 0.0

    def push(self, frame: str) -> None:
        self._last = max(self._loop.time() + self._delay(), self._last)
        handle = self._loop.call_at(self._last, self._land, context=self._context)
        self._flying.append((frame, handle))

    def after_all(self, function: Callable[[], None]) -> None:
        """Call a function when all that flies now has landed."""
        self._last = max(self._loop.time() + self._delay(), self._last)
        self._loop.call_at(self._last + 1e-6, function, context=self._context)

    def lose(self) -> None:
        """Nothing that flies lands."""
        while self._flying:
            self._flying.popleft()[1].cancel()

    def _land(self) -> None:
        # Timers of one instant fire in any order; the frames land in theirs.
        frame, _ = self._flying.popleft()
        self._deliver(frame)


class _Connection:
    """One WebSocket with its two ends, each of which learns of the end in its own time."""

    def __init__(self, lines: Lines, house: House, station_id: str) -> None:
        self.house, self.station_id = house, station_id
        self.wire = _StationEnd(self)
        self.up, self.down = lines.pipe(self._arrive), lines.pipe(self._return)
        self._lines = lines
        self._socket = _GatewayEnd(self)
        self._line: Line | None = None
        self._dead = False
        """What is said from now on vanishes, and nobody is told."""
        self._probes: list[Probe] = []

    def open(self, admitted: Admitted) -> None:
        self._line = self.house.process.call(self.house.doorman.opened, self._socket, admitted)
        self._lines.note(self.station_id, f"opens a line to {self.house.process.name}")

    def say(self, pipe: _Pipe, frame: str) -> None:
        if not self._dead:
            pipe.push(frame)

    def probe(self, answered: Callable[[bool], None], within_s: float) -> None:
        """Ping the station. Its network answers for as long as it has the line."""
        probe = Probe(asyncio.get_running_loop(), answered, within_s)
        self._probes.append(probe)
        if not self._dead:
            self.down.after_all(self._pinged)

    def cut(self) -> None:
        self._lines.note(self.station_id, "line is cut")
        self._break()
        self.wire.lose()
        self._tell_gateway(ABNORMAL, "connection lost")

    def go_dead(self) -> None:
        self._lines.note(self.station_id, "line goes dead")
        self._break()
        loop = asyncio.get_running_loop()
        loop.call_later(PING_FINDS_OUT_S, self._tell_gateway, ABNORMAL, "no answer to a ping")

    def reset(self) -> None:
        self._break()
        self._line = None
        self.wire.lose()
        self._lines.gone(self)

    def station_left(self) -> None:
        """The station said goodbye: what it sent before still arrives."""
        if self._dead:
            return
        self._dead = True
        self.down.lose()
        self.up.after_all(lambda: self._tell_gateway(1000, "goodbye"))

    def gateway_left(self, code: int, reason: str) -> None:
        """The gateway said goodbye: what it sent before still arrives."""
        self._dead = True
        self.down.after_all(self.wire.lose)
        self.up.lose()
        self.up.after_all(lambda: self._tell_gateway(code, reason))

    def _pinged(self) -> None:
        if not self._dead:
            self.up.after_all(self._sign_of_life)

    def _sign_of_life(self) -> None:
        if not self._dead:
            self._end_probes(True)

    def _end_probes(self, alive: bool) -> None:
        probes, self._probes = self._probes, []
        for probe in probes:
            self.house.process.call(probe.end, alive)

    def _break(self) -> None:
        self._dead = True
        self.up.lose()
        self.down.lose()

    def _arrive(self, frame: str) -> None:
        if self._line is not None:
            self._sign_of_life()
            self._lines.note(self.station_id, f"-> {frame}")
            self.house.process.call(self._line.received, frame.encode())

    def _return(self, frame: str) -> None:
        self._lines.note(self.station_id, f"<- {frame}")
        self.wire.hear(frame)

    def _tell_gateway(self, code: int, reason: str) -> None:
        line, self._line = self._line, None
        self._lines.gone(self)
        self._end_probes(False)
        if line is not None and self.house.process.alive:
            self.house.process.call(line.closed, code, reason)


class _StationEnd:
    """The ``Wire`` in a station's hands."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._lost = False

    async def send(self, text: str) -> None:
        if self._lost:
            raise LineLost("the line is gone")
        self._connection.say(self._connection.up, text)

    async def receive(self) -> str:
        frame = None if self._lost and self._heard.empty() else await self._heard.get()
        if frame is None:
            raise LineLost("the line is gone")
        return frame

    async def close(self) -> None:
        if not self._lost:
            self._lost = True
            self._heard.put_nowait(None)
            self._connection.station_left()

    def hear(self, frame: str) -> None:
        if not self._lost:
            self._heard.put_nowait(frame)

    def lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._heard.put_nowait(None)


class _GatewayEnd:
    """The ``StationSocket`` in a gateway's hands."""

    remote = "192.0.2.1"

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._open = True

    def send(self, frame: bytes) -> None:
        if self._open and self._connection.house.process.alive:
            self._connection.say(self._connection.down, frame.decode())

    def close(self, code: int, reason: str) -> None:
        if self._open and self._connection.house.process.alive:
            self._open = False
            self._connection.gateway_left(code, reason)

    def leave_unpinged(self) -> None:
        """Nobody pings here but a probe."""

    def probe(self, answered: Callable[[bool], None], within_s: float) -> None:
        if self._open:
            self._connection.probe(answered, within_s)
        else:
            asyncio.get_running_loop().call_soon(answered, False)
