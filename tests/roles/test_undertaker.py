"""Who is dead, and who has a wrong clock: the undertaker believes nobody's clock, its own neither."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from elstrada.model.facts import StationConnected
from elstrada.model.ids import PartyId, station_stream
from elstrada.roles.undertaker import Undertaker
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, Work
from elstrada.spine.memory import MemorySpine

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
OWNER = PartyId("SE", "ELS")


class Noon:
    def now(self) -> datetime:
        return NOON


class Scene:
    """A node ``other`` that holds a station, and an undertaker on another node."""

    def __init__(self, ahead: timedelta) -> None:
        self.spine, self.buried, self._beats = MemorySpine(Noon()), list[str](), 0
        self._ahead = ahead
        self.undertaker = Undertaker(self.spine, Noon(), "me", self._bury)

    async def _bury(self, node: str) -> int:
        self.buried.append(node)
        return 1

    async def begin(self) -> None:
        await self.spine.start()
        stream = station_stream(OWNER, "CP1")
        await self.spine.commit(
            Work((Append(stream, 0, (StationConnected("ocpp1.6", "c1", node="other"),)),))
        )
        await self.beat()

    async def beat(self) -> None:
        """It says that it lives, by its own clock."""
        self._beats += 1
        row = {
            "id": "other",
            "roles": "gateway",
            "started_at": NOON,
            "seen_at": NOON + self._ahead + timedelta(seconds=2 * self._beats),
            "version": "1",
            "address": "",
        }
        await self.spine.commit(Work(writes=(Put(t.node, row),)))

    async def look(self) -> list[str]:
        await self.undertaker.look()
        return self.buried


@pytest.mark.parametrize("ahead", [timedelta(minutes=-5), timedelta(days=1), timedelta(days=-3)], ids=str)
def test_a_node_whose_clock_is_wrong_is_not_dead_while_it_beats_and_is_once_it_does_not(
    ahead: timedelta,
) -> None:
    """The clock that is wrong may as well be the undertaker's."""

    async def scene() -> None:
        one = Scene(ahead)
        await one.begin()
        for _ in range(5):
            assert not await one.look()
            await one.beat()
        assert await one.spine.get(t.node, id="other") is not None
        assert not await one.look()
        assert await one.look() == ["other"]

    asyncio.run(scene())


def test_a_node_without_a_record_is_dead_by_the_second_look() -> None:
    async def scene() -> None:
        one = Scene(timedelta(0))
        await one.begin()
        row = await one.spine.get(t.node, id="other")
        assert row is not None
        await one.spine.commit(Work(writes=(Delete(t.node, {"id": "other"}, {"seen_at": row["seen_at"]}),)))
        assert not await one.look()
        assert await one.look() == ["other"]

    asyncio.run(scene())
