"""A seat decides and commits one ask after the other, and never believes what it does not know.

Asks decided at once and asks that wait take turns, and see each other's facts.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from elstrada.charging.state import KEPT_SESSIONS
from elstrada.model import asks
from elstrada.model.answers import AskParty, CommandDone, SessionNoted, TellStation
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.facts import (
    CommandAnswered,
    CommandRequested,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
)
from elstrada.model.ids import PartyId
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Verdict
from elstrada.net.chance import SeededChance
from elstrada.roles.gateway.seat import RECALLED_AT_ONCE, SNAPSHOT_EVERY, Seat
from elstrada.spine.face import Append, SpineDown, StreamMoved, Work
from elstrada.spine.memory import MemorySpine

CPO = PartyId("SE", "ELS")
T0 = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def now(self) -> datetime:
        return self.at


class NoPeers:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class Weather:
    """Lets a commit through, and hides its outcome from the caller when told to (F5)."""

    def __init__(self) -> None:
        self.hide_next: str | None = None

    async def after(self, work: Work) -> None:
        kinds = [type(fact).__name__ for append in work.appends for fact in append.facts]
        if self.hide_next in kinds:
            self.hide_next = None
            raise SpineDown("the connection broke after COMMIT")


async def accepted(question: TellStation) -> asks.CommandReply:
    return asks.CommandReply(command_id=question.command_id, result=CommandResult.ACCEPTED)


def command(command_id: str) -> asks.Command:
    return asks.Command(command_id=command_id, name=CommandName.RESET, asked_by=CPO, deadline_s=20)


class Scene:
    def __init__(self) -> None:
        self.clock, self.weather = Clock(), Weather()
        self.spine = MemorySpine(self.clock, after=self.weather.after)

    async def seat(self, connection_id: str) -> Seat:
        seat = Seat(CPO, "S1", self.spine, self.clock, SeededChance(connection_id), NoPeers())
        await seat.load()
        await seat.ask(asks.Connect(protocol="ocpp1.6", connection_id=connection_id))
        seat.connection_id, seat.teller = connection_id, accepted
        return seat

    async def told(self, kind: type) -> int:
        return sum(isinstance(one.fact, kind) for one in await self.spine.read(0, 100_000))


@pytest.mark.parametrize("hidden", ["CommandRequested", "CommandAnswered"])
async def test_f5_a_commit_of_unknown_outcome_is_looked_up_before_the_next_decision(hidden: str) -> None:
    scene = Scene()
    await scene.spine.start()
    seat = await scene.seat("c1")
    scene.weather.hide_next = hidden
    with pytest.raises(SpineDown):
        await seat.ask(command("k1"))
    assert await seat.ask(command("k2")) == CommandDone(CommandResult.ACCEPTED)
    scene.clock.at += timedelta(seconds=30)
    await seat.ask(asks.Tick())
    assert await scene.told(CommandRequested) == 2
    assert await scene.told(CommandAnswered) == 2, "each command has exactly one result (P5)"


async def test_p5_time_that_a_commit_took_is_the_commands_own() -> None:
    """The teller learns until when the station may be told, however long ago the command was asked for."""
    scene, untils = Scene(), list[datetime]()
    seat = await scene.seat("c1")

    async def too_late(question: TellStation) -> asks.CommandReply:
        untils.append(question.until)
        return asks.CommandReply(command_id=question.command_id, result=CommandResult.TIMEOUT)

    seat.teller = too_late
    scene.clock.at += timedelta(seconds=5)
    ask = msgspec.structs.replace(command("k1"), asked_at=T0)
    assert await seat.ask(ask) == CommandDone(CommandResult.TIMEOUT)
    assert untils == [T0 + timedelta(seconds=20)]


async def test_a_seat_whose_station_came_back_elsewhere_never_writes_again() -> None:
    scene = Scene()
    await scene.spine.start()
    old = await scene.seat("c1")
    await scene.seat("c2")
    for _ in range(3):
        with pytest.raises(StreamMoved):
            await old.ask(command("k1"))
    assert await scene.told(CommandRequested) == 0


START = asks.StartSession(evse_id=1, connector_id=1, at=T0, meter_wh=0)


async def test_a_resent_start_waits_for_the_commit_of_the_first_and_gets_its_answer() -> None:
    """P1, P2: an ask that comes meanwhile is not decided on facts that may still be lost."""
    disk = asyncio.Event()

    async def before(_: Work) -> None:
        await disk.wait()

    clock = Clock()
    seat = Seat(CPO, "S1", MemorySpine(clock, before=before), clock, SeededChance(1), NoPeers())
    begun = seat.ask_at_once(START, T0)
    assert begun is not None
    assert begun.commit is not None
    assert seat.ask_at_once(START, T0) is None
    again = asyncio.ensure_future(seat.ask(START))
    await asyncio.sleep(0.01)
    assert not begun.commit.done()
    assert not again.done()
    disk.set()
    assert isinstance(begun.answer, SessionNoted)
    assert await again == begun.answer
    assert seat.version == 1
    repeated = seat.ask_at_once(START, T0)
    assert repeated is not None
    assert (repeated.answer, repeated.commit) == (begun.answer, None)


async def test_p2_a_forgotten_session_is_recalled_whole_however_much_its_station_told_meanwhile() -> None:
    """A car park behind one controller tells more of its other EVSEs in an hour than is read at once."""
    scene = Scene()
    seat = await scene.seat("c1")
    begun = await seat.ask(START)
    assert isinstance(begun, SessionNoted)
    beside = MeterSampled(
        evse_id=2, connector_id=1, samples=(MeterSample(at=T0, energy_wh=1),), session_id=None
    )
    await scene.spine.commit(Work((Append(seat.stream, seat.version, (beside,) * RECALLED_AT_ONCE),)))
    await seat.load()
    stop = asks.EndSession(transaction_id=begun.transaction_id, at=T0 + timedelta(minutes=1), meter_wh=10)
    await seat.ask(stop)
    for minute in range(1, KEPT_SESSIONS + 2):
        at = T0 + timedelta(minutes=minute)
        other = await seat.ask(msgspec.structs.replace(START, at=at))
        assert isinstance(other, SessionNoted)
        await seat.ask(asks.EndSession(transaction_id=other.transaction_id, at=at, meter_wh=0))
    assert seat.state.session_by_transaction(begun.transaction_id) is None, "it is forgotten"
    before = await scene.told(SessionEnded), await scene.told(SessionCompleted)
    await seat.ask(stop)
    assert (await scene.told(SessionEnded), await scene.told(SessionCompleted)) == before


async def test_however_short_its_connections_a_station_is_taken_over_by_reading_little() -> None:
    scene = Scene()
    for connection in range(8):
        seat = await scene.seat(f"c{connection}")
        for number in range(SNAPSHOT_EVERY // 4):
            status = ConnectorStatus.AVAILABLE if number % 2 else ConnectorStatus.CHARGING
            await seat.ask(asks.ReportStatus(evse_id=1, connector_id=1, status=status))
    assert len((await scene.spine.load(seat.stream)).facts) <= SNAPSHOT_EVERY
