"""The stream that moves the page: what it sends, how often, to how many."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC

import pytest
from litestar.types import Message, Scope
from web_world import (
    NOW,
    QUICK,
    StandingClock,
    empty_spine,
    finding,
    here,
    keep,
    metered,
    populate,
    serving,
    started,
    tell,
)

from elstrada.spine.face import SpineDown
from elstrada.spine.memory import MemorySpine
from elstrada.web import assets
from elstrada.web.events import Feed, Pace, message, messages, serve
from elstrada.web.render import FRAGMENTS, Renderer


def feed_over(spine: MemorySpine, pace: Pace = QUICK) -> Feed:
    renderers = {code: Renderer(code, assets.load(), UTC) for code in ("en", "sv")}
    return Feed(spine, StandingClock(), renderers, pace)


def watching(story: Callable[[MemorySpine, Feed, AsyncIterator[bytes]], Awaitable[None]]) -> None:
    """Tell a story to a populated spine while one page in English watches."""

    async def run() -> None:
        spine = empty_spine()
        await spine.start()
        await populate(spine)
        feed = feed_over(spine)
        async with feed.watched():
            stream = messages(feed, "en", "")
            assert await anext(stream) == b"retry: 1000\n\n"
            await asyncio.wait_for(story(spine, feed, stream), 20)

    asyncio.run(run())


def targets(sent: bytes) -> list[str]:
    return re.findall(r'hx-target="#(\w+)"', sent.decode())


def mark_of(sent: bytes) -> str:
    return sent.decode().split("\n")[0].removeprefix("id: ")


def test_a_new_page_gets_everything_once_and_then_only_what_changed():
    async def story(spine: MemorySpine, _: Feed, stream: AsyncIterator[bytes]) -> None:
        assert targets(await anext(stream)) == list(FRAGMENTS)
        await tell(spine, "ELS-001", metered("S00", 99_990, 22_000))
        sent = await anext(stream)
        assert targets(sent) == ["figures", "running"]
        assert b"99.99" in sent

    watching(story)


def test_a_page_that_comes_back_up_to_date_is_sent_nothing_again():
    async def first_message(seen: str) -> bytes:
        spine = empty_spine()
        await spine.start()
        await populate(spine)
        feed = feed_over(spine)
        async with feed.watched():
            stream = messages(feed, "en", seen)
            await anext(stream)
            return await anext(stream)

    sent = asyncio.run(first_message(""))
    assert asyncio.run(first_message(mark_of(sent))) == b": still here\n\n"
    assert asyncio.run(first_message("another")) == sent


def test_records_that_change_without_a_fact_are_seen_too():
    async def story(spine: MemorySpine, _: Feed, stream: AsyncIterator[bytes]) -> None:
        await anext(stream)
        await keep(spine, finding("address:198.51.100.9", "too-deep", 7, "[[[["))
        sent = await anext(stream)
        assert "strayed" in targets(sent)
        assert b"too-deep" in sent

    watching(story)


def test_a_burst_of_facts_is_not_a_burst_of_messages():
    pace = Pace(least_s=0.2, most_s=5)

    async def run() -> tuple[list[bytes], float]:
        spine = empty_spine()
        await spine.start()
        await populate(spine)
        feed, sent = feed_over(spine, pace), list[bytes]()
        began = time.monotonic()

        async def collect() -> None:
            async for body in messages(feed, "en", ""):
                sent.append(body)

        async with feed.watched():
            page = asyncio.create_task(collect())
            for number in range(100):
                await tell(spine, "ELS-001", metered("S00", 10_000 + 10 * number, 7_000))
                await asyncio.sleep(0.005)
            await asyncio.sleep(2 * pace.least_s)
            page.cancel()
        return sent[1:], time.monotonic() - began

    sent, lasted_s = asyncio.run(run())
    assert b"10.99" in sent[-1]  # The last state always arrives.
    # Half a second of facts and the pause after it, at five a second; on a busy machine it may last longer.
    assert 2 <= len(sent) <= 1 + lasted_s / pace.least_s


def test_many_pages_cost_one_reading_and_one_rendering():
    class Counting(MemorySpine):
        counts = 0

        async def count(self, *args: object, **how: object) -> list[object]:  # type: ignore[override]
            Counting.counts += 1
            return await super().count(*args, **how)  # type: ignore[return-value,arg-type]

    async def run() -> tuple[int, int]:
        spine = Counting(StandingClock())
        await spine.start()
        await populate(spine)
        feed = feed_over(spine, Pace(least_s=60))
        await feed.now()
        one = Counting.counts
        async with contextlib.AsyncExitStack() as open_pages:
            for _ in range(30):
                await open_pages.enter_async_context(feed.watched())
            streams = [messages(feed, "en", "") for _ in range(30)]
            for stream in streams:
                await anext(stream)
            await asyncio.gather(*(anext(stream) for stream in streams))
        return one, Counting.counts - one

    one, thirty = asyncio.run(run())
    assert thirty == one


def test_a_page_opened_after_a_pause_is_not_shown_what_was():
    async def run() -> None:
        spine = empty_spine()
        await spine.start()
        feed = feed_over(spine)
        async with feed.watched():
            await anext(stream := messages(feed, "en", ""))
            assert b"ELS-777" not in await anext(stream)
        await tell(spine, "ELS-777", *here("ELS-777"), started("S1"))
        async with feed.watched():
            await anext(stream := messages(feed, "en", ""))
            assert b"ELS-777" in await anext(stream)

    asyncio.run(run())


def test_a_store_that_is_down_for_a_while_only_pauses_the_page():
    class Flaky(MemorySpine):
        down = True

        async def count(self, *args: object, **how: object) -> list[object]:  # type: ignore[override]
            if self.down:
                raise SpineDown("disk")
            return await super().count(*args, **how)  # type: ignore[return-value,arg-type]

    async def run() -> None:
        spine = Flaky(StandingClock())
        await spine.start()
        feed = feed_over(spine)
        async with feed.watched():
            stream = messages(feed, "en", "")
            await anext(stream)
            assert await anext(stream) == b": still here\n\n"
            spine.down = False
            assert targets(await asyncio.wait_for(anext(stream), 5)) == list(FRAGMENTS)

    asyncio.run(run())


def test_every_line_of_a_message_is_data():
    sent = message({"running": "a\nb\r\n\n<p>c"}, "m1").decode()
    assert sent.startswith("id: m1\n")
    assert sent.endswith("\n\n")
    assert all(line.startswith("data: ") for line in sent.strip().split("\n")[1:])


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ui/events?lang=sv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return reader, writer


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def address():
    with serving() as site:
        yield site.address


def test_the_stream_is_never_stored_and_never_held_back(address: str):
    async def run() -> bytes:
        reader, writer = await opened(port_of(address))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        body = await asyncio.wait_for(reader.readuntil("Pågående".encode()), 5)
        writer.close()
        assert b"\nid: " in body
        return head.lower()

    head = asyncio.run(run())
    assert b"200 ok" in head
    for line in (
        b"cache-control: no-store",
        b"x-accel-buffering: no",
        b"text/event-stream",
        b"default-src 'none'",
    ):
        assert line in head


def test_more_pages_than_allowed_are_refused_and_a_page_that_left_makes_room(address: str):
    async def run() -> None:
        pages = [await opened(port_of(address)) for _ in range(QUICK.pages)]
        for reader, _ in pages:
            assert b"200" in await asyncio.wait_for(reader.readline(), 5)
        reader, writer = await opened(port_of(address))
        assert b"503" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        for _, writer in pages:
            writer.close()
        assert await answered(port_of(address))

    asyncio.run(run())


def test_a_page_that_stops_reading_is_dropped():
    """The server's ``send`` blocks once the socket's buffers are full; nobody waits for it for ever."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def run() -> bool:
        spine = empty_spine()
        await spine.start()
        feed = feed_over(spine, Pace(least_s=0.05, patience_s=0.2, pages=1))
        full: list[bool] = []

        async def send(part: Message) -> None:
            full.append(feed.full)
            if part["type"] == "http.response.body":
                await never()

        scope: Scope = {"type": "http", "headers": []}  # type: ignore[typeddict-item,assignment]
        async with asyncio.timeout(10):
            with pytest.raises(TimeoutError):
                await serve(feed, "en", scope, never, send)  # type: ignore[arg-type]
        assert full == [False, True]
        return feed.full

    assert asyncio.run(run()) is False


async def answered(port: int, tries: int = 30) -> bool:
    """The stream opens within so many tries of a tenth of a second."""
    for _ in range(tries):
        reader, writer = await opened(port)
        first = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        if b"200" in first:
            return True
        await asyncio.sleep(0.1)
    return False


def test_the_clock_moves_the_minutes_without_any_fact():
    async def run() -> None:
        spine = empty_spine()
        await spine.start()
        await tell(spine, "A", *here("A"), started("S1", minutes=5))
        clock = StandingClock()
        feed = Feed(spine, clock, {"en": Renderer("en", assets.load(), UTC)}, QUICK)
        async with feed.watched():
            stream = messages(feed, "en", "")
            await anext(stream)
            await anext(stream)
            clock.at = NOW.replace(minute=7)
            assert targets(await asyncio.wait_for(anext(stream), 5)) == ["running"]

    asyncio.run(run())
