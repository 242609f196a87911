"""A station's clock that is wrong by hours is found out over real sockets, and so is that it is right again."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gateways import CPO, KEYS, Caller, Fallbacks, dial, records
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.clock import AGREE_S, RIGHT_S, WRONG_S, judged, with_reading
from elstrada.model import facts as f
from elstrada.model.clock import ClockReading, WrongClock
from elstrada.model.ids import station_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.station_card import SHOW, ShowStation, show_station
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.clock_watch import CLOCK_RIGHT, CLOCK_WRONG
from elstrada.roles.gateway.gateway import Gateway
from elstrada.spine.face import Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from nats_server import until

STEP = timedelta(minutes=1)
_ids = map(str, itertools.count(1))
_statuses = itertools.cycle(["Preparing", "Finishing"])


class MovedClock(SystemClock):
    """The time, and what a test puts to it."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Place:
    def __init__(self) -> None:
        self.clock = MovedClock()
        self.spine = MemorySpine(self.clock)
        self.findings = Findings(self.spine, self.clock)
        post = LocalPost()
        self.gateway = Gateway(
            self.spine, KEYS, self.clock, SystemChance(), Fallbacks(), self.findings, post, (CPO,)
        )
        self.desk = Desk(spine=self.spine, keys=KEYS, clock=self.clock, chance=SystemChance(), post=post)
        self.port: int | None = None

    def count(self, code: str) -> int:
        return self.findings.unsaved(f"station:{CPO}/CP1", code)

    async def says(self, caller: Caller, offset: timedelta, action: str = "StatusNotification") -> None:
        """A minute later the station says something by its clock."""
        self.clock.ahead += STEP
        at = (self.clock.now() + offset).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {
            "connectorId": 1,
            "status": next(_statuses),
            "errorCode": "NoError",
            "timestamp": at,
        }
        if action == "MeterValues":
            told = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": [{"value": "1"}]}]}
        message_id = next(_ids)
        await caller.send(message_id, action, **told)
        await until(lambda: message_id in caller.answered, 3)

    async def judgements(self) -> list[f.StationClockJudged]:
        recorded = await self.spine.facts(station_stream(CPO, "CP1"), limit=1000)
        return [one.fact for one in recorded if isinstance(one.fact, f.StationClockJudged)]

    async def card(self) -> Any:
        return await show_station(self.desk, ShowStation(station="CP1"))


@contextlib.asynccontextmanager
async def serving(place: Place) -> AsyncIterator[None]:
    await place.gateway.start()
    server = await serve_stations(place.gateway, host="127.0.0.1", port=0, clock=place.clock)
    place.port = server.port
    try:
        yield
    finally:
        await server.close(per_second=10_000)
        await place.gateway.stop()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.spine.start()
    await settle_parties(place.spine, [Party(CPO, (Role.CPO,), BusinessDetails("Us"), "SEK")])
    await place.spine.commit(Work(writes=records("CP1")))
    async with serving(place):
        yield place


@pytest.mark.parametrize(
    ("offset", "needed", "told"),
    [
        (timedelta(hours=3, minutes=2), 2, "3 h 02 min ahead of ours, since "),
        (timedelta(days=400), 2, "400 d 0 h ahead of ours, since "),
        (-timedelta(hours=2), 3, "2 h 00 min behind ours, since "),
        (-timedelta(days=9000), 3, "9000 d 0 h behind ours, since "),
    ],
)
async def test_a_wrong_clock_is_a_finding_until_it_is_right_again(
    place: Place, offset: timedelta, needed: int, told: str
) -> None:
    assert place.port is not None
    async with dial(place.port) as caller:
        first_at = place.clock.now() + STEP
        for _ in range(needed - 1):
            await place.says(caller, offset)
        assert await place.judgements() == []
        await place.says(caller, offset)
        await until(lambda: place.count(CLOCK_WRONG) == 1, 3)
        (judgement,) = await place.judgements()
        assert abs(judgement.ahead_s - offset.total_seconds()) < 60
        assert judgement.wrong_since is not None
        assert abs(judgement.wrong_since - first_at) < timedelta(seconds=20)
        for _ in range(3):
            await place.says(caller, offset)
        card = await place.card()
        assert (card.clock_ahead_s, card.clock_wrong_since) == (judgement.ahead_s, judgement.wrong_since)
        assert SHOW.show is not None
        assert f"  clock      {told}" in SHOW.show(card)
        for _ in range(3):
            await place.says(caller, timedelta(seconds=-3))
        await until(lambda: place.count(CLOCK_RIGHT) == 1, 3)
        assert (await place.judgements())[1:] == [
            f.StationClockJudged(ahead_s=(await place.judgements())[1].ahead_s)
        ]
        card = await place.card()
        assert (card.clock_ahead_s, card.clock_wrong_since) == (None, None)
        assert "  clock " not in SHOW.show(card)
        assert place.count(CLOCK_WRONG) == 1


async def test_it_is_remembered_over_connections_and_told_once(place: Place) -> None:
    assert place.port is not None
    for _ in range(2):
        async with dial(place.port) as caller:
            for _ in range(3):
                await place.says(caller, timedelta(hours=5))
        await until(lambda: not place.gateway.links(), 3)
    assert len(await place.judgements()) == place.count(CLOCK_WRONG) == 1
    async with dial(place.port) as caller:
        for _ in range(3):
            await place.says(caller, timedelta(hours=8))
        await until(lambda: place.count(CLOCK_WRONG) == 2, 3)
    first, second = await place.judgements()
    assert second.wrong_since == first.wrong_since, "another offset of the same trouble"
    assert second.ahead_s - first.ahead_s == pytest.approx(3 * 3600, abs=60)


async def test_what_waited_in_a_queue_and_what_is_near_enough_says_nothing(place: Place) -> None:
    assert place.port is not None
    async with dial(place.port) as caller:
        for _ in range(4):
            await place.says(caller, -timedelta(hours=6), "MeterValues")
        for minutes in (59, -59, 5):
            for _ in range(3):
                await place.says(caller, timedelta(minutes=minutes))
        for hours in (2, 4, 6, 8):
            await place.says(caller, -timedelta(hours=hours))
    assert await place.judgements() == []
    assert place.count(CLOCK_WRONG) == 0


# --- the readings ------------------------------------------------------------------------------------

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_what_is_said_in_one_breath_is_one_reading() -> None:
    readings: tuple[ClockReading, ...] = ()
    for n in range(10):
        reading = ClockReading(AT + timedelta(seconds=n), 3 * WRONG_S)
        readings = with_reading(readings, reading, live=True)
    assert judged(None, readings) is None


@given(st.lists(st.integers(-RIGHT_S + 1, RIGHT_S - 1), max_size=20), st.booleans())
def test_a_clock_that_is_near_enough_is_never_wrong(offsets: list[int], live: bool) -> None:
    readings: tuple[ClockReading, ...] = ()
    for n, offset in enumerate(offsets):
        readings = with_reading(readings, ClockReading(AT + n * STEP, offset), live=live)
        assert judged(None, readings) is None


@given(st.lists(st.integers(-(10**7), 10**7), max_size=30))
def test_few_readings_are_kept_and_they_agree(offsets: list[int]) -> None:
    readings: tuple[ClockReading, ...] = ()
    for n, offset in enumerate(offsets):
        readings = with_reading(readings, ClockReading(AT + n * STEP, offset), live=True)
        assert len(readings) <= 3
        pairs = itertools.pairwise(readings)
        assert all(abs(one.ahead_s - other.ahead_s) <= AGREE_S for one, other in pairs)


def test_between_wrong_and_right_nothing_is_said() -> None:
    known = WrongClock(2 * WRONG_S, AT)
    readings = tuple(ClockReading(AT + n * STEP, RIGHT_S + 60) for n in range(3))
    assert judged(known, readings) is None
    assert judged(None, readings) is None
