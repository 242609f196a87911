"""Nodes know one another, and each knows by its own beat whether the store works (P8, F4)."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import pytest

from elstrada.model.node import GONE_AFTER, NodeSeen, NodeState, Part, state_of
from elstrada.roles import presence
from elstrada.roles.presence import Presence, living, nodes
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, SpineDown, Work
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


async def test_a_node_that_drains_is_seen_to_and_its_next_life_is_not() -> None:
    scene = Scene()
    node = scene.node("n1")
    await node.arrive()
    scene.clock.at += timedelta(seconds=60)
    await node.leave()
    scene.clock.at += timedelta(seconds=2)
    assert await node.beat()
    assert await state_of_n1(scene) is NodeState.DRAINING
    scene.clock.at += timedelta(seconds=2)
    await scene.node("n1").arrive()
    assert await state_of_n1(scene) is NodeState.SERVING


async def test_a_drain_begins_though_the_store_is_down() -> None:
    async def fails(_: Work) -> None:
        raise SpineDown("disk full")

    scene = Scene()
    node = scene.node("n1", MemorySpine(scene.clock, scene.store, before=fails))
    await node.leave()
    assert "disk full" in node.trouble


async def test_a_role_of_a_newer_version_does_not_hide_its_node_f23() -> None:
    scene = Scene()
    await scene.node("n1").arrive()
    spine = MemorySpine(scene.clock, scene.store)
    await spine.commit(Work(writes=(Put(t.node, {"id": "n1", "roles": "gateway,planner"}),)))
    assert [node.roles for node in await nodes(spine)] == [(Part.GATEWAY,)]


async def state_of_n1(scene: Scene) -> NodeState:
    [seen] = await nodes(MemorySpine(scene.clock, scene.store))
    return state_of(scene.clock.now(), seen.started_at, seen.seen_at, seen.leaving_at)
