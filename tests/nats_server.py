"""A real NATS server of one's own, on a free port of 127.0.0.1, that can be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.sim import servers
from elstrada.spine.nats_line import NatsLine
from elstrada.spine.nats_post import NatsPost


class NatsServer(servers.NatsServer):
    """One server that can be killed, paused and made to forget."""

    async def start(self) -> None:
        await asyncio.to_thread(self.start_now)

    def with_user(self, user: str) -> str:
        """The URL with what stands before the host."""
        return self.url.replace("://", f"://{user}@")

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.end(signal.SIGKILL)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Delete all that JetStream kept."""
        assert not self.running
        shutil.rmtree(self.store, ignore_errors=True)


@contextmanager
def nats_server(folder: Path, settings: str = "", *, jetstream: bool = True) -> Iterator[NatsServer]:
    """A server that is started by the test and ended after it."""
    server = NatsServer(folder, settings, jetstream=jetstream)
    try:
        yield server
    finally:
        server.kill()


async def until(holds: Callable[[], bool], timeout_s: float = 8.0) -> None:
    """Wait for what no event tells of."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def nats_line(url: str, name: str = "a test") -> AsyncIterator[NatsLine]:
    line = NatsLine([url], name=name, clock=SystemClock(), spread=SystemChance().spread)
    await line.start()
    try:
        yield line
    finally:
        await line.close()


@asynccontextmanager
async def nats_post(url: str, node_id: str) -> AsyncIterator[NatsPost]:
    """A node's post, which need not be connected yet."""
    async with nats_line(url, node_id) as line:
        post = NatsPost(line, node_id)
        await post.start()
        try:
            yield post
        finally:
            await post.close()
