"""The roll follows the records of stations, at little cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Table

from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.roles.gateway.roll import Roll
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Row, Where, Work
from elstrada.spine.memory import MemorySpine

CPO = PartyId("SE", "ELS")
T0 = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return T0


class CountedSpine(MemorySpine):
    """Counts the rows it gives out."""

    given = 0

    async def find(
        self,
        table: Table,
        where: Where | None = None,
        *,
        order: tuple[str, ...] = (),
        limit: int = 1000,
        offset: int = 0,
        after: Sequence[Cell] | None = None,
    ) -> list[Row]:
        rows = await super().find(table, where, order=order, limit=limit, offset=offset, after=after)
        self.given += len(rows)
        return rows


def put(name: str, at: datetime, password: Cell = b"hash") -> Put:
    document = msgspec.json.encode(Station(owner=CPO, id=name)).decode()
    row = {"owner": str(CPO), "station_id": name, "password_hash": password}
    return Put(t.station, {**row, "document": document, "changed_at": at})


async def test_a_station_added_or_changed_in_the_same_instant_is_not_missed() -> None:
    spine = CountedSpine(Clock())
    await spine.start()
    roll = Roll(spine, Clock())
    await spine.commit(Work(writes=(put("A", T0), put("B", T0))))
    await roll.refresh()
    await spine.commit(Work(writes=(put("C", T0), put("A", T0 + timedelta(seconds=1), b"new"))))
    await roll.refresh()
    assert len(roll) == 3
    assert [known.password_hash for known in roll.credentials("A", None)] == [b"new"]


async def test_a_refresh_without_news_reads_no_record() -> None:
    spine = CountedSpine(Clock())
    await spine.start()
    roll = Roll(spine, Clock())
    await spine.commit(Work(writes=tuple(put(f"S{number}", T0) for number in range(1500))))
    await roll.refresh()
    assert len(roll) == 1500
    given = spine.given
    await roll.refresh()
    assert spine.given == given


async def test_a_change_that_bears_an_earlier_time_is_seen_all_the_same() -> None:
    """Another node wrote it, whose clock is behind, or whose commit took long."""
    spine = MemorySpine(Clock())
    await spine.start()
    roll = Roll(spine, Clock())
    await spine.commit(Work(writes=(put("A", T0), put("B", T0 - timedelta(seconds=59)))))
    await roll.refresh()
    await spine.commit(Work(writes=(put("B", T0 - timedelta(seconds=50), b"new"),)))
    await roll.refresh()
    assert [known.password_hash for known in roll.credentials("B", None)] == [b"new"]


async def test_how_often_a_stranger_knocked_outlives_the_gateway_and_adds_up_over_nodes() -> None:
    spine = MemorySpine(Clock())
    await spine.start()
    first, second = Roll(spine, Clock()), Roll(spine, Clock())
    for roll in (first, second, first, second, Roll(spine, Clock())):
        roll.knocked_unknown("S7", "192.0.2.7", "ocpp1.6, ocpp2.0.1", "not on the roll")
        roll.knocked_unknown("S7", "192.0.2.7", "ocpp1.6, ocpp2.0.1", "not on the roll")
        await roll.keep()
    (row,) = await spine.find(t.unknown_station)
    assert (row["count"], row["protocols"]) == (10, "ocpp1.6, ocpp2.0.1")


async def test_a_stranger_who_was_adopted_is_unknown_no_more() -> None:
    spine = MemorySpine(Clock())
    await spine.start()
    roll = Roll(spine, Clock())
    roll.knocked_unknown("A", "192.0.2.7", "ocpp1.6", "not on the roll")
    await spine.commit(Work(writes=(put("A", T0),)))
    await roll.keep()
    assert await spine.find(t.unknown_station) == []
