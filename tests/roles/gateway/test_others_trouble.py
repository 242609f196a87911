"""One station's trouble is not the others': its history is away, or a fault of ours shows at it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateways import KEYS, Fallbacks, place

from elstrada.charging import remote, unended
from elstrada.charging.state import StationState
from elstrada.model.ids import PartyId
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.gateway.seat import Seat
from elstrada.spine import tables as t
from elstrada.spine.archived.month import ArchiveAway
from elstrada.spine.face import SpineDown
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost

OWNER = PartyId("SE", "ELS")
T0 = datetime(2026, 3, 1, tzinfo=UTC)
AWAY = ArchiveAway("2026-01.parquet is missing")


async def gateway() -> tuple[Gateway, MemorySpine]:
    clock = SystemClock()
    spine = MemorySpine(clock)
    await spine.start()
    findings = Findings(spine, clock)
    return Gateway(spine, KEYS, clock, SystemChance(), Fallbacks(), findings, LocalPost(), (OWNER,)), spine


@pytest.mark.parametrize("trouble", [AWAY, KeyError("a mistake")], ids=["history away", "fault of ours"])
async def test_stations_behind_one_that_cannot_be_looked_after_are_looked_after(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    async def waiting(_: object) -> set[tuple[str, str]]:
        return {(str(OWNER), name) for name in ("A", "B", "C")}

    async def load(seat: Seat) -> None:
        looked_at.append(seat.station_id)
        if seat.station_id == "A":
            raise trouble

    subject, _ = await gateway()
    monkeypatch.setattr(subject.ends, "waiting", waiting)
    monkeypatch.setattr(Seat, "load", load)
    await subject._sweep()
    assert looked_at == ["A", "B", "C"]
    assert subject.ready


def found(*_: object) -> tuple[int, ...]:
    return (1,)


@pytest.mark.parametrize("trouble", [AWAY, KeyError("a mistake")], ids=["history away", "fault of ours"])
@pytest.mark.parametrize("what", ["waits", "has_open_sessions", "awaits_a_start"])
async def test_time_passes_for_connected_stations_behind_one_in_trouble(
    what: str, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, asked = {"CP1", "CP2", "CP3"}, set[str]()

    async def ask(seat: Seat, _: object) -> None:
        asked.add(seat.station_id)
        if seat.station_id == "CP1":
            raise trouble

    async with place() as here, AsyncExitStack() as dialled:
        (node,) = here.nodes.values()
        for name in sorted(names):
            await (await dialled.enter_async_context(node.dial(name))).served()
        monkeypatch.setattr(Seat, "ask", ask)
        monkeypatch.setattr(StationState, what, True)
        monkeypatch.setattr(unended, "presume", found)
        monkeypatch.setattr(remote, "unfollowed", found)
        monkeypatch.setattr(node.gateway.ends, "_next", T0)
        await node.gateway._tick()
        assert asked == names
        monkeypatch.undo()


async def test_a_clock_that_is_put_back_keeps_nobody_out_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, _ = await gateway()
    subject.spine_is_down(SpineDown("no store"))
    assert not subject.ready
    at = subject.clock.now() - timedelta(hours=1)
    monkeypatch.setattr(subject.clock, "now", lambda: at)
    assert subject.ready


async def test_the_sweep_ends_where_the_store_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waiting(_: object) -> set[tuple[str, str]]:
        return {(str(OWNER), "A")}

    async def load(_: Seat) -> None:
        raise SpineDown("no store")

    subject, _ = await gateway()
    monkeypatch.setattr(subject.ends, "waiting", waiting)
    monkeypatch.setattr(Seat, "load", load)
    with pytest.raises(SpineDown):
        await subject._sweep()


async def test_a_station_whose_history_is_away_keeps_out_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Seat.load

    async def load(seat: Seat) -> None:
        if seat.station_id == "CP1":
            raise AWAY
        await usual(seat)

    monkeypatch.setattr(Seat, "load", load)
    async with place(tmp_path, "n1") as here:
        node = here.nodes["n1"]
        async with node.dial() as socket:
            assert await socket.gone() == (1013, "try again later")
        assert node.gateway.ready, "others may come"
        await node.gateway.findings.flush()
        row = await node.spine.get(t.finding, source="archive", code="history away")
        assert row is not None
        assert "2026-01.parquet" in str(row["sample"])
