"""Whoever stops waiting for a commit leaves nothing behind that asyncio would complain of."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from elstrada.spine.face import SpineDown, Work
from elstrada.spine.lease import Lease, Terms
from elstrada.spine.memory import MemorySpine
from elstrada.spine.patience import within


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What asyncio says of futures whose exception nobody looked at; it says so when they are collected."""
    gc.collect()
    return [record.getMessage() for record in caplog.records if record.name == "asyncio"]


def test_a_commit_in_time_gives_what_it_comes_to() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        done, failed = loop.create_future(), loop.create_future()
        loop.call_later(0.01, done.set_result, 7)
        loop.call_later(0.01, failed.set_exception, ValueError("as it is"))
        assert await within(done, 5, "a work") == 7
        with pytest.raises(ValueError, match="as it is"):
            await within(failed, 5, "a work")

    asyncio.run(play())


def test_a_commit_that_takes_too_long_is_as_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        commit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with pytest.raises(SpineDown, match=r"a work: no commit within 0\.0 s"):
            await within(commit, 0.01, "a work")
        assert commit.done(), "a writer sees that nobody waits"

    asyncio.run(play())
    assert complaints(caplog) == []


async def stops_waiting(lease: Lease) -> None:
    assert not await lease.keep()


async def is_cancelled(lease: Lease) -> None:
    keeping = asyncio.create_task(lease.keep())
    await asyncio.sleep(0.02)
    keeping.cancel()
    await asyncio.wait({keeping})


@pytest.mark.parametrize("keeper", [stops_waiting, is_cancelled])
def test_a_lease_whose_store_fails_after_its_patience_leaves_no_future_behind(
    caplog: pytest.LogCaptureFixture, keeper: Callable[[Lease], asyncio.Future[None]]
) -> None:
    """The store that goes away fails each commit some seconds later, when its holder waits no more."""

    async def fails_late(_: Work) -> None:
        await asyncio.sleep(0.2)
        raise SpineDown("the store went away")

    async def play() -> None:
        spine = MemorySpine(Clock(), before=fails_late)
        await keeper(Lease(spine, Clock(), "rater/0", "n1", Terms(lasts_s=0.05)))
        await asyncio.sleep(0.3)

    asyncio.run(play())
    assert complaints(caplog) == []
