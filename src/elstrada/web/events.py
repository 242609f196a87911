"""Pages that move: one stream of server-sent events per open page, fed by one watcher of the spine.

However many pages are open, the spine is read at most twice a second and each language is rendered
once per reading. Nothing runs while no page is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec
from litestar.types import Receive, Scope, Send

from elstrada.net.face import Clock
from elstrada.spine.face import Spine, SpineDown
from elstrada.web.operator.overview import Overview, overview
from elstrada.web.operator.reading import read
from elstrada.web.render import Fragments, Renderer


class Pace(msgspec.Struct, frozen=True):
    """How often what happens; and how many may watch."""

    least_s: float = 0.5
    """Between two readings: at most two updates a second."""
    rest: float = 10.0
    """Between two readings, in times of what the last one took: pages cost a tenth of the node at most."""
    most_s: float = 5.0
    """Without any fact: minutes pass, and records such as findings change without one."""
    heartbeat_s: float = 15.0
    """Without any message."""
    patience_s: float = 10.0
    """A page that takes no byte for so long is dropped."""
    pages: int = 200
    """Open at once."""


class Feed:
    """What the open pages show, kept fresh while there are any."""

    def __init__(
        self,
        spine: Spine,
        clock: Clock,
        renderers: Mapping[str, Renderer],
        pace: Pace | None = None,
        wall: Clock | None = None,
    ) -> None:
        """
        Args:
            wall: the machine's clock, by which nodes say that they live; by default the world's.
        """
        self.pace = pace or Pace()
        self._spine, self._clock, self._renderers = spine, clock, renderers
        self._wall = wall or clock
        self._committed: asyncio.Event | None = None
        self._turned = asyncio.Condition()
        self._turn = 0
        self._shown: Overview | None = None
        self._rendered: dict[str, Fragments] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._open = 0
        self.closed = asyncio.Event()
        """The node stops: streams end, and no new one begins."""

    @property
    def full(self) -> bool:
        """No more pages may watch."""
        return self._open >= self.pace.pages or self.closed.is_set()

    async def now(self) -> Overview:
        """A fresh reading.

        Raises:
            SpineDown: the store cannot be read.
        """
        return overview(await read(self._spine), self._clock.now(), self._wall.now())

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[asyncio.Task[None], None]:
        """Keep the feed turning, and give the task that turns it; the last one to leave stops it."""
        self._open += 1
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield self._watcher
        finally:
            self._open -= 1
            if self._open == 0:
                self._watcher.cancel()
                self._watcher, self._shown = None, None

    async def turn(self, after: int) -> int:
        """Wait for a reading later than the one numbered ``after``; 0 takes the newest there is."""
        async with self._turned:
            await self._turned.wait_for(lambda: self._shown is not None and self._turn > after)
            return self._turn

    def fragments(self, language: str) -> Fragments:
        """The newest reading in this language; there has been one."""
        assert self._shown is not None
        if language not in self._rendered:
            self._rendered[language] = self._renderers[language].fragments(self._shown)
        return self._rendered[language]

    async def _watch(self) -> None:
        if self._committed is None:
            self._committed = self._spine.watch()
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            self._committed.clear()
            # A store that is down is tried again at the same pace; pages keep what they have.
            with suppress(SpineDown):
                await self._read()
            await asyncio.sleep(max(self.pace.least_s, self.pace.rest * (now() - began)))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._committed.wait(), self.pace.most_s)

    async def _read(self) -> None:
        shown = await self.now()
        async with self._turned:
            self._shown, self._rendered = shown, {}
            self._turn += 1
            self._turned.notify_all()


async def messages(feed: Feed, language: str, seen: str) -> AsyncIterator[bytes]:
    """The stream of one page: what changed since the last message, or a heartbeat.

    Args:
        seen: mark of the last message that the page got, if it comes back (Last-Event-ID).
    """
    yield b"retry: 1000\n\n"
    now = asyncio.get_running_loop().time
    turn = 0
    last: Mapping[str, str] = {}
    due = now() + feed.pace.heartbeat_s
    while True:
        try:
            async with asyncio.timeout_at(due):
                turn = await feed.turn(turn)
        except TimeoutError:
            yield b": still here\n\n"
            due = now() + feed.pace.heartbeat_s
            continue
        fragments = feed.fragments(language)
        changed = changes(last, fragments.html)
        if changed and fragments.mark != seen:
            yield message(changed, fragments.mark)
            due = now() + feed.pace.heartbeat_s
        last, seen = fragments.html, ""


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The parts that are not as they were."""
    return {name: html for name, html in new.items() if old.get(name) != html}


def message(changed: Mapping[str, str], mark: str) -> bytes:
    """One SSE message in which htmx finds each part and its place."""
    parts = (
        f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">{html}</hx-partial>'
        for name, html in changed.items()
    )
    lines = "\n".join(parts).splitlines()
    return "".join([f"id: {mark}\n", *(f"data: {line}\n" for line in lines), "\n"]).encode()


async def serve(feed: Feed, language: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request for the stream, until the page goes away, stops reading, or the node stops."""
    seen = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"last-event-id"), "")
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),  # A proxy must not hold messages back.
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with feed.watched() as watcher:
        until = [
            asyncio.create_task(_send_all(feed, language, seen, send)),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(feed.closed.wait()),
        ]
        try:
            done, _ = await asyncio.wait((*until, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in until:
                task.cancel()
    for task in done:
        task.result()
    if feed.closed.is_set():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_all(feed: Feed, language: str, seen: str, send: Send) -> None:
    async for body in messages(feed, language, seen):
        async with asyncio.timeout(feed.pace.patience_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
