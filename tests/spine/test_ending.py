"""Tasks are ended for certain, also those that a library let survive a cancellation."""

from __future__ import annotations

import asyncio
import logging

import pytest

from elstrada.spine import ending
from elstrada.spine.ending import ended


async def test_a_task_whose_library_swallows_a_cancellation_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "_AGAIN_S", 0.01)
    answered = asyncio.get_running_loop().create_future()
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            try:
                await (answered if rounds == 1 else asyncio.sleep(10))
            except asyncio.CancelledError:
                # What ``asyncio.wait_for`` does before Python 3.12, when the answer comes in the same turn.
                if rounds > 1:
                    raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await ended(task)
    assert rounds == 2
    assert task.cancelled()


async def test_what_ended_tasks_fail_with_is_nobodys_business(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("late")

    async def fail_tidying() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await fail()

    tasks = [asyncio.create_task(fail()), asyncio.create_task(fail_tidying())]
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        await ended(*tasks)
        assert all(task.done() for task in tasks)
        await ended()
        del tasks
    assert not caplog.records
