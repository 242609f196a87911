"""Nodes know one another, and each knows by its own beat whether the store works (P8, F4)."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import pytest

from elstrada.model.node import NodeSeen, Part
from elstrada.roles import presence
from elstrada.roles.presence import GONE_AFTER, Presence, living, nodes
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, SpineDown, Work
from elstrada.spine.memory import MemorySpine, MemoryStore

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def now(self) -> datetime:
        return self.at


class Scene:
    """Nodes on one store."""

    def __init__(self) -> None:
        self.clock, self.store = Clock(), MemoryStore()
        self.displaced: list[str] = []

    def node(self, name: str, spine: MemorySpine | None = None) -> Presence:
        now = self.clock.now()
        me = NodeSeen(
            id=name,
            roles=(Part.GATEWAY, Part.PAGES),
            started_at=now,
            seen_at=now,
            version="1",
            address="http://127.0.0.1:1",
        )
        spine = spine or MemorySpine(self.clock, self.store)
        return Presence(spine, self.clock, me, displaced=lambda: self.displaced.append(name))


async def test_a_node_is_seen_until_it_departs_or_was_silent_for_long() -> None:
    scene = Scene()
    first, second = scene.node("n1"), scene.node("n2")
    await first.arrive()
    await second.arrive()
    assert await first.others() == [second.me]
    scene.clock.at += GONE_AFTER
    assert await first.beat()
    scene.clock.at += timedelta(seconds=1)
    spine = MemorySpine(scene.clock, scene.store)
    assert [node.id for node in await living(spine, scene.clock)] == ["n1"]
    await first.depart()
    assert await nodes(spine) == [second.me]


async def test_of_two_processes_of_one_name_the_former_ends() -> None:
    scene = Scene()
    former = scene.node("n1")
    await former.arrive()
    scene.clock.at += timedelta(seconds=1)
    present = scene.node("n1")
    await present.arrive()
    await asyncio.wait_for(former.run(beat_s=0), 5)
    assert scene.displaced == ["n1"]
    assert "another process" in former.trouble
    assert await present.beat()
    await former.depart()
    assert [node.id for node in await present.others()] == []
    assert len(await nodes(MemorySpine(scene.clock, scene.store))) == 1, (
        "the other life's record is left alone"
    )


async def test_a_record_that_somebody_removed_is_made_again() -> None:
    scene = Scene()
    node = scene.node("n1")
    await node.arrive()
    spine = MemorySpine(scene.clock, scene.store)
    await spine.commit(Work(writes=(Delete(t.node, {"id": "n1"}),)))
    assert await node.beat()
    assert await nodes(spine) == [node.me]


async def test_a_store_that_is_down_or_silent_is_trouble_until_a_beat_succeeds() -> None:
    fails = True

    async def before(_: Work) -> None:
        if fails:
            raise SpineDown("disk full")

    scene = Scene()
    spine = MemorySpine(scene.clock, scene.store, before=before)
    node = scene.node("n1", spine)
    assert await node.beat()
    assert "disk full" in node.trouble
    fails = False
    await node.arrive()
    assert await node.beat()
    assert node.trouble == ""


async def test_a_beat_that_fails_after_its_patience_is_trouble_and_leaves_no_future_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails_late(_: Work) -> None:
        await asyncio.sleep(0.2)
        raise SpineDown("the store went away")

    monkeypatch.setattr(presence, "PATIENCE_S", 0.05)
    scene = Scene()
    node = scene.node("n1", MemorySpine(scene.clock, scene.store, before=fails_late))
    assert await node.beat()
    assert node.trouble == "the store cannot commit: a sign of life: no commit within 0.1 s"
    await asyncio.sleep(0.3)
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
