"""What must be done once is done by one node, and by the next when that one goes."""

from __future__ import annotations

import asyncio

import pytest

from elstrada.net.clock import SystemClock
from elstrada.roles.leading import Leader
from elstrada.spine.followers import Stopped
from elstrada.spine.lease import Terms
from elstrada.spine.memory import MemorySpine, MemoryStore

QUICK = Terms(lasts_s=0.5, renew_s=0.1, look_s=0.05, margin_s=0.1)


class Diary:
    """Who was at work, and never two at once."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self.began: list[str] = []
        self.most = 0

    def job(self, who: str):
        async def work() -> None:
            self.at_work.append(who)
            self.began.append(who)
            self.most = max(self.most, len(self.at_work))
            try:
                await asyncio.Event().wait()
            finally:
                self.at_work.remove(who)

        return work


async def until(holds, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  What is waited for sets no event.
            await asyncio.sleep(0.01)


def leader(store: MemoryStore, who: str) -> tuple[Leader, MemorySpine]:
    spine = MemorySpine(SystemClock(), store)
    return Leader(spine, SystemClock(), who, QUICK), spine


async def test_a_node_that_stops_hands_over_at_once() -> None:
    store, diary = MemoryStore(), Diary()
    (first, _), (second, _) = leader(store, "n1"), leader(store, "n2")
    first.lead("sweep", diary.job("n1"))
    await until(lambda: diary.at_work == ["n1"])
    second.lead("sweep", diary.job("n2"))
    await asyncio.sleep(3 * QUICK.lasts_s)
    assert diary.began == ["n1"]
    began = asyncio.get_running_loop().time()
    await first.stop()
    await until(lambda: diary.at_work == ["n2"])
    assert asyncio.get_running_loop().time() - began < QUICK.lasts_s
    await second.stop()
    assert (diary.most, first.held, second.held) == (1, [], [])


async def test_a_node_that_cannot_reach_the_store_stops_before_another_begins() -> None:
    store, diary = MemoryStore(), Diary()
    (first, lost), (second, _) = leader(store, "n1"), leader(store, "n2")
    first.lead("sweep", diary.job("n1"))
    await until(lambda: diary.at_work == ["n1"])
    second.lead("sweep", diary.job("n2"))
    lost.crash()
    await until(lambda: diary.at_work == ["n2"])
    assert (diary.began, diary.most) == (["n1", "n2"], 1)
    await asyncio.gather(first.stop(), second.stop())


async def test_a_job_that_fails_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    """Else one mistake would end it for the whole installation, while its lease seems to be well."""
    store, diary = MemoryStore(), Diary()
    first, _ = leader(store, "n1")
    works, begun = diary.job("n1"), 0

    async def fails_twice() -> None:
        nonlocal begun
        begun += 1
        if begun <= 2:
            raise RuntimeError("a mistake")
        await works()

    first.lead("courier", fails_twice)
    await until(lambda: diary.at_work == ["n1"])
    assert (begun, first.holds("courier")) == (3, True)
    assert caplog.text.count("a part of the node stopped") == 2
    await first.stop()
    assert not diary.at_work


async def test_a_follower_that_stopped_stays_where_it_stopped(caplog: pytest.LogCaptureFixture) -> None:
    """Else a fact that nobody can handle would stop every node in turn."""
    store, diary = MemoryStore(), Diary()
    (first, _), (second, _) = leader(store, "n1"), leader(store, "n2")

    async def fails() -> None:
        raise Stopped("cannot be handled")

    first.lead("rater/0", fails)
    await until(lambda: bool(caplog.records))
    second.lead("rater/0", diary.job("n2"))
    await asyncio.sleep(2 * QUICK.lasts_s)
    assert (first.holds("rater/0"), diary.began) == (True, [])
    assert caplog.text.count("a part of the node stopped") == 1
    await first.stop()
    await until(lambda: diary.at_work == ["n2"])
    await second.stop()
