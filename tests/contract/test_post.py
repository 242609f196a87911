"""Post within a process: answered, or a clear no."""

from __future__ import annotations

import asyncio

import pytest

from elstrada.model.answers import CommandDone, Noted
from elstrada.model.asks import Beat, Tick
from elstrada.model.device import CommandResult
from elstrada.spine.post import Letter, LocalPost, NobodyThere, NoReply

_DONE = CommandDone(CommandResult.ACCEPTED)


async def _accept(_: Letter) -> Letter:
    return _DONE


async def _note(_: Letter) -> Letter:
    return Noted()


async def _never(_: Letter) -> Letter:
    await asyncio.Event().wait()
    return Noted()


def test_who_serves_an_address_answers_until_released() -> None:
    async def scene() -> None:
        post = LocalPost()
        with pytest.raises(NobodyThere, match="roamer"):
            await post.ask("roamer", Tick(), timeout_s=1)
        release = post.serve("roamer", _accept)
        assert await post.ask("roamer", Tick(), timeout_s=1) == _DONE
        release()
        with pytest.raises(NobodyThere):
            await post.ask("roamer", Tick(), timeout_s=1)

    asyncio.run(scene())


def test_the_newcomer_serves_and_the_old_one_cannot_release_it() -> None:
    async def scene() -> None:
        post = LocalPost()
        old = post.serve("roamer", _accept)
        post.serve("roamer", _note)
        old()
        assert await post.ask("roamer", Beat(), timeout_s=1) == Noted()

    asyncio.run(scene())


def test_silence_and_failure_are_no_reply() -> None:
    async def fail(_: Letter) -> Letter:
        raise KeyError("inside")

    async def scene() -> None:
        post = LocalPost()
        post.serve("silent", _never)
        post.serve("failing", fail)
        with pytest.raises(NoReply, match=r"silent gave no answer to Tick in 0\.01 s"):
            await post.ask("silent", Tick(), timeout_s=0.01)
        with pytest.raises(NoReply, match="failing failed on Tick: KeyError"):
            await post.ask("failing", Tick(), timeout_s=1)

    asyncio.run(scene())


def test_what_was_asked_goes_on_when_nobody_waits_any_longer() -> None:
    async def scene() -> None:
        post, done = LocalPost(), asyncio.Event()

        async def slow(_: Letter) -> Letter:
            await asyncio.sleep(0.02)
            done.set()
            return _DONE

        post.serve("slow", slow)
        with pytest.raises(NoReply):
            await post.ask("slow", Tick(), timeout_s=0.001)
        async with asyncio.timeout(1):
            await done.wait()

    asyncio.run(scene())


def test_an_address_that_hangs_takes_no_more_and_holds_up_no_other() -> None:
    """P7."""

    async def scene() -> None:
        post = LocalPost()
        post.serve("hanging", _never)
        post.serve("well", _accept)
        waiting = [asyncio.create_task(post.ask("hanging", Tick(), timeout_s=5)) for _ in range(100)]
        await asyncio.sleep(0)
        with pytest.raises(NoReply, match="100 asks"):
            await post.ask("hanging", Tick(), timeout_s=5)
        assert await post.ask("well", Tick(), timeout_s=1) == _DONE
        for task in waiting:
            task.cancel()

    asyncio.run(scene())
