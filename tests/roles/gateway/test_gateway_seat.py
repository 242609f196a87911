"""Asks decided at once and asks that wait take turns, and see each other's facts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from elstrada.model import asks
from elstrada.model.answers import AskParty, SessionNoted
from elstrada.model.ids import PartyId
from elstrada.model.token import Verdict
from elstrada.net.chance import SeededChance
from elstrada.roles.gateway.seat import Seat
from elstrada.spine.face import Work
from elstrada.spine.memory import MemorySpine

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = asks.StartSession(evse_id=1, connector_id=1, at=NOW, meter_wh=0)


class _Clock:
    def now(self) -> datetime:
        return NOW


class _Nobody:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


def test_a_resent_start_waits_for_the_commit_of_the_first_and_gets_its_answer():
    """P1, P2: an ask that comes meanwhile is not decided on facts that may still be lost."""

    async def scene() -> None:
        disk = asyncio.Event()

        async def before(_: Work) -> None:
            await disk.wait()

        seat = Seat(
            PartyId("SE", "ELS"),
            "CP1",
            MemorySpine(_Clock(), before=before),
            _Clock(),
            SeededChance(1),
            _Nobody(),
        )
        begun = seat.ask_at_once(START, NOW)
        assert begun is not None
        assert begun.commit is not None
        assert seat.ask_at_once(START, NOW) is None
        again = asyncio.ensure_future(seat.ask(START))
        await asyncio.sleep(0.01)
        assert not begun.commit.done()
        assert not again.done()
        disk.set()
        assert isinstance(begun.answer, SessionNoted)
        assert await again == begun.answer
        assert seat.version == 1
        repeated = seat.ask_at_once(START, NOW)
        assert repeated is not None
        assert (repeated.answer, repeated.commit) == (begun.answer, None)

    asyncio.run(scene())
