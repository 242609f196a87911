"""Followers have their effect exactly once, wait out conflicts and outages, and stop at poison."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from elstrada.model.facts import StationConnected
from elstrada.spine import followers
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Recorded, SpineDown, Waiting, Work
from elstrada.spine.followers import Progress, Stopped, lag, run_follower
from elstrada.spine.memory import MemorySpine, MemoryStore

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_HELLO = StationConnected("ocpp1.6", "c")


class _Clock:
    def now(self) -> datetime:
        return _NOW


async def _say(spine: MemorySpine, count: int, station: str = "CP1") -> None:
    stream = f"station/SE*ELS/{station}"
    version = (await spine.load(stream)).version
    await spine.commit(Work(appends=(Append(stream, version, (_HELLO,) * count),)))


def _note(facts: list[Recorded]) -> Work:
    """A record per fact, which must not be there yet: an effect done twice would show."""
    rows = ({"name": f"{fact.position:03}", "value": "done"} for fact in facts)
    return Work(writes=tuple(Put(t.setting, row, {}) for row in rows))


async def _notes(spine: MemorySpine) -> list[int]:
    return [int(str(row["name"])) for row in await spine.find(t.setting)]


async def _noting(facts: list[Recorded]) -> Work:
    return _note(facts)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await holds():  # noqa: ASYNC110  There is no event for "all of it has happened".
            await asyncio.sleep(0.001)


def test_a_follower_wakes_for_news_and_handles_each_fact_once() -> None:
    async def scene() -> None:
        spine = MemorySpine(_Clock())
        progress = Progress()
        await _say(spine, 5)
        running = asyncio.create_task(
            run_follower(spine, "noter", _noting, clock=_Clock(), batch=2, progress=progress)
        )
        await _until(lambda: _noted(spine, 5))
        await _say(spine, 3)
        await _until(lambda: _noted(spine, 8))
        assert await spine.cursor("noter") == progress.position == 8
        assert await lag(spine, "noter") == Waiting(0)
        running.cancel()

    asyncio.run(scene())


async def _noted(spine: MemorySpine, count: int) -> bool:
    return await _notes(spine) == list(range(1, count + 1))


def test_two_nodes_that_follow_under_one_name_share_the_work() -> None:
    """The records would refuse an effect that is had twice, and each follower would stop there."""

    async def scene() -> None:
        spine = MemorySpine(_Clock())
        running = [
            asyncio.create_task(run_follower(spine, "noter", _noting, clock=_Clock(), batch=3)) for _ in "ab"
        ]
        for count in range(1, 21):
            await _say(spine, 7)
            await _until(lambda count=count: _noted(spine, 7 * count))
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()

    asyncio.run(scene())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_between_effect_and_cursor_is_impossible(moment: str) -> None:
    """F5: whether the commit fell to the crash or only its answer, effect and cursor are together."""

    async def scene() -> None:
        store = MemoryStore()
        talker = MemorySpine(_Clock(), store)
        await _say(talker, 10)
        for crash in range(1, 6):
            spine = _crashing(store, moment, at=crash)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await run_follower(spine, "noter", _noting, clock=_Clock(), batch=1)
            position = store.cursors.get(("noter", 0), 0)
            assert await _notes(talker) == list(range(1, position + 1))
        await _follow_to_end(MemorySpine(_Clock(), store))
        assert await _noted(talker, 10)

    asyncio.run(scene())


def _crashing(store: MemoryStore, moment: str, at: int) -> MemorySpine:
    """A spine that crashes around its ``at``-th commit."""
    commits = iter(range(1, 1000))

    async def gate(_: Work) -> None:
        if next(commits) >= at:
            spine.crash()

    spine = MemorySpine(_Clock(), store, **{moment: gate})
    return spine


async def _follow_to_end(spine: MemorySpine) -> None:
    running = asyncio.create_task(run_follower(spine, "noter", _noting, clock=_Clock()))
    await _until(lambda: _noted(spine, 10))
    running.cancel()


def test_a_conflict_makes_the_follower_look_again() -> None:
    async def scene() -> None:
        spine = MemorySpine(_Clock())
        looked: list[int] = []

        async def handle(facts: list[Recorded]) -> Work:
            version = (await spine.load("station/SE*ELS/other")).version
            looked.append(version)
            if len(looked) < 4:
                await _say(spine, 1, "other")
            mine = [fact for fact in facts if fact.stream.endswith("CP1")]
            return Work(appends=(Append("station/SE*ELS/other", version, (_HELLO,) * len(mine)),))

        await _say(spine, 1)
        running = asyncio.create_task(run_follower(spine, "copier", handle, clock=_Clock()))
        await _until(lambda: _at(spine, "copier", 5))
        assert looked[:4] == [0, 1, 2, 3]
        assert (await spine.load("station/SE*ELS/other")).version == 4
        running.cancel()

    asyncio.run(scene())


async def _at(spine: MemorySpine, follower: str, position: int) -> bool:
    return await spine.cursor(follower) == position


def test_followers_that_write_to_the_same_stream_take_turns() -> None:
    """Neither does anything twice; without turns whoever is second does."""

    async def scene() -> int:
        spine, turn, handled = MemorySpine(_Clock()), asyncio.Lock(), 0
        bill = "station/SE*ELS/BILL"

        async def add(facts: list[Recorded]) -> Work:
            nonlocal handled
            handled += len(facts)
            if facts[0].stream == bill:
                return Work()
            version = await spine.version(bill)
            await asyncio.sleep(0.001)
            return Work(appends=(Append(bill, version, (_HELLO,) * len(facts)),))

        async def billed() -> bool:
            return await spine.version(bill) == 2 * 20

        running = [
            asyncio.create_task(run_follower(spine, name, add, clock=_Clock(), batch=1, turn=turn))
            for name in ("left", "right")
        ]
        await _say(spine, 20)
        await _until(billed)
        await _until(lambda: _is_at_its_end(spine, "left"))
        await _until(lambda: _is_at_its_end(spine, "right"))
        for task in running:
            task.cancel()
        return handled

    assert asyncio.run(scene()) == 2 * (20 + 40)


async def _is_at_its_end(spine: MemorySpine, name: str) -> bool:
    return await lag(spine, name) == Waiting(0)


def test_poison_stops_its_follower_visibly_after_everything_before_it_took_effect() -> None:
    """F18: and a corrected handler carries on as if it had never failed."""
    tries: list[int] = []

    async def choking(facts: list[Recorded]) -> Work:
        if any(fact.position == 7 for fact in facts):
            tries.append(len(facts))
            raise ZeroDivisionError("seven")
        return _note(facts)

    async def scene() -> None:
        spine, progress = MemorySpine(_Clock()), Progress()
        await _say(spine, 10)
        for run in (1, 2):
            with pytest.raises(Stopped, match="position 7"):
                await run_follower(
                    spine, "noter", choking, clock=_Clock(), pauses_s=(0, 0, 0, 0, 0), progress=progress
                )
            assert await _noted(spine, 6)
            assert await lag(spine, "noter") == Waiting(4, _NOW)
            assert progress.stopped is not None
            assert "position 7, StationConnected of station/SE*ELS/CP1 version 7" in progress.stopped
            finding = await spine.get(t.finding, source="follower:noter", code="poison")
            assert finding is not None
            assert (finding["count"], finding["sample"]) == (run, progress.stopped)
        # The whole batch, then alone: once, and five times more.
        assert tries == [10, 1, 1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1, 1]
        await _follow_to_end(spine)
        following = asyncio.create_task(
            run_follower(spine, "noter", choking, clock=_Clock(), progress=progress)
        )
        await asyncio.sleep(0)
        assert progress.stopped is None, "it runs again"
        following.cancel()

    asyncio.run(scene())


def test_poison_is_told_only_once_it_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store goes down just then: the fact is tried again, and this time it passes."""
    monkeypatch.setattr(followers, "_DOWN_PAUSE_S", 0.001)
    tries = 0

    async def chokes_three_times(facts: list[Recorded]) -> Work:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise ZeroDivisionError("no")
        return _note(facts)

    async def no_finding(work: Work) -> None:
        if any(write.table is t.finding for write in work.writes):
            raise SpineDown("full")

    async def scene() -> None:
        spine, progress = MemorySpine(_Clock(), before=no_finding), Progress()
        await _say(spine, 1)
        following = asyncio.create_task(
            run_follower(spine, "noter", chokes_three_times, clock=_Clock(), pauses_s=(0,), progress=progress)
        )
        async with asyncio.timeout(5):
            while not await _at(spine, "noter", 1):  # noqa: ASYNC110  What is waited for sets no event.
                await asyncio.sleep(0.001)
        assert (progress.stopped, following.done()) == (None, False)
        following.cancel()

    asyncio.run(scene())


def test_a_store_that_is_down_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "_DOWN_PAUSE_S", 0.001)
    outage = iter(range(30))

    async def fail_at_first(work: Work) -> None:
        if work.advance is not None and next(outage, None) is not None:
            raise SpineDown("full")

    async def scene() -> None:
        spine = MemorySpine(_Clock(), before=fail_at_first)
        await _say(spine, 10)
        await _follow_to_end(spine)

    asyncio.run(scene())
