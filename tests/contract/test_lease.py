"""Leases on every engine: one holder at a time, whoever crashes, pauses or has a wrong clock (F11)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from spine_engines import ENGINES, Engine, on

from elstrada.spine import tables as t
from elstrada.spine.face import Put, RowMoved, Spine, Work
from elstrada.spine.lease import Lease, Terms
from elstrada.spine.memory import MemorySpine

TERMS = Terms(lasts_s=15, renew_s=5, look_s=1, margin_s=2.5)
Scene = Callable[[Spine], Awaitable[None]]


class Clock:
    """A node's own clock, which a test sets."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return self.at

    def passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scene], None]:
    engine: Engine = request.param
    return lambda scene: on(engine, tmp_path, scene)


def lease(spine: Spine, clock: Clock, holder: str, name: str = "rater/0") -> Lease:
    return Lease(spine, clock, name, holder, TERMS)


def test_one_holds_it_and_renews_it_while_another_looks_on(play: Callable[[Scene], None]) -> None:
    async def scene(spine: Spine) -> None:
        clock = Clock()
        first, second = lease(spine, clock, "n1"), lease(spine, clock, "n2")
        assert await first.keep()
        for _ in range(10):
            clock.passes(5)
            assert not await second.keep()
            assert await first.keep()
        assert (first.epoch, second.held) == (1, False)

    play(scene)


def test_of_many_who_reach_for_it_at_once_one_gets_it(play: Callable[[Scene], None]) -> None:
    async def scene(spine: Spine) -> None:
        clock = Clock()
        many = [lease(spine, clock, f"n{number}") for number in range(20)]
        assert sum(await asyncio.gather(*(one.keep() for one in many))) == 1
        clock.passes(60)
        assert sum(await asyncio.gather(*(one.keep() for one in many))) == 1

    play(scene)


def test_one_that_is_dated_in_the_future_is_free_once_nobody_renews_it(play: Callable[[Scene], None]) -> None:
    """Its holder's clock was a day ahead: the others would stand still for as long."""
    short = Terms(lasts_s=0.5, renew_s=0.1, look_s=0.1, margin_s=0.1)

    async def scene(spine: Spine) -> None:
        wrong = Clock(86_400)
        ahead, heir = (
            Lease(spine, wrong, "rater/0", "n1", short),
            Lease(spine, Clock(), "rater/0", "n2", short),
        )
        for _ in range(4):
            assert await ahead.keep()
            assert not await heir.keep()
            await asyncio.sleep(0.2)
            wrong.passes(0.2)
        assert await ahead.keep()
        assert not await heir.keep()
        begun = asyncio.get_running_loop().time()
        while not await heir.keep():  # noqa: ASYNC110  A mere look, as of who would like to hold it.
            await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() - begun >= short.lasts_s
        assert heir.epoch == ahead.epoch + 1

    play(scene)


def test_it_is_taken_from_a_dead_node_a_margin_after_its_end(play: Callable[[Scene], None]) -> None:
    async def scene(spine: Spine) -> None:
        clock = Clock()
        dead, heir = lease(spine, clock, "n1"), lease(spine, clock, "n2")
        await dead.keep()
        clock.passes(TERMS.lasts_s + TERMS.margin_s - 0.001)
        assert not await heir.keep()
        clock.passes(0.001)
        assert await heir.keep()
        assert heir.epoch == dead.epoch + 1

    play(scene)


@pytest.mark.parametrize("ahead_s", [-5.0, -2.5, 0.0, 2.5, 5.0])
def test_no_two_believe_they_hold_it_while_clocks_differ_by_twice_the_margin(
    play: Callable[[Scene], None], ahead_s: float
) -> None:
    async def scene(spine: Spine) -> None:
        mine, theirs = Clock(), Clock(ahead_s)
        paused, heir = lease(spine, mine, "n1"), lease(spine, theirs, "n2")
        await paused.keep()
        held_by_heir = False
        for _ in range(300):
            mine.passes(0.1)
            theirs.passes(0.1)
            held_by_heir = await heir.keep()
            assert not (paused.held and held_by_heir)
        assert held_by_heir

    play(scene)


def test_what_a_former_holder_commits_late_is_refused_by_the_epoch(play: Callable[[Scene], None]) -> None:
    """F11: it was paused past the end of its lease, between looking at its clock and committing."""

    async def scene(spine: Spine) -> None:
        clock = Clock()
        paused, heir = lease(spine, clock, "n1"), lease(spine, clock, "n2")
        await paused.keep()
        done = Put(t.setting, {"name": "by", "value": "n1"})
        await spine.commit(Work(writes=(done, paused.fence())))
        clock.passes(60)
        await heir.keep()
        with pytest.raises(RowMoved):
            await spine.commit(Work(writes=(Put(t.setting, {"name": "by", "value": "late"}), paused.fence())))
        row = await spine.get(t.setting, name="by")
        assert row is not None
        assert row["value"] == "n1"
        await heir.release()
        clock.passes(1)
        assert await paused.keep()
        assert paused.epoch == 3

    play(scene)


def test_what_is_released_is_free_at_once(play: Callable[[Scene], None]) -> None:
    async def scene(spine: Spine) -> None:
        clock = Clock()
        first, second = lease(spine, clock, "n1"), lease(spine, clock, "n2")
        await first.keep()
        await first.release()
        assert not first.held
        assert await second.keep()
        await first.release()
        assert second.held
        clock.passes(5)
        assert await second.keep()

    play(scene)


def test_a_node_that_comes_back_need_not_wait_for_its_former_life(play: Callable[[Scene], None]) -> None:
    async def scene(spine: Spine) -> None:
        clock = Clock()
        former, present = lease(spine, clock, "n1"), lease(spine, clock, "n1")
        await former.keep()
        assert await present.keep()
        clock.passes(5)
        assert not await former.keep(), "the former life finds itself replaced when it renews"
        assert (former.epoch, present.epoch) == (1, 2)

    play(scene)


async def test_while_the_store_is_down_a_lease_runs_out_and_is_taken_again() -> None:
    clock = Clock()
    spine = MemorySpine(clock)
    await spine.start()
    mine = lease(spine, clock, "n1")
    assert await mine.keep()
    spine.crash()
    clock.passes(5)
    assert await mine.keep(), "what is held stays held until its end"
    clock.passes(7.5)
    assert not await mine.keep()
    mine = Lease(MemorySpine(clock, spine.store), clock, mine.name, mine.holder, TERMS)
    assert await mine.keep()
