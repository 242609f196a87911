"""A real NATS server of one's own, on a free port of 127.0.0.1, that can be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.spine.nats_line import NatsLine
from elstrada.spine.nats_post import NatsPost

BINARY = Path(sys.executable).with_name("nats-server")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class NatsServer:
    """One server process at a time, always at the same address, with JetStream unless told otherwise."""

    def __init__(self, folder: Path, settings: str = "", *, jetstream: bool = True) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._store, self._settings = folder / "jetstream", folder / "nats.conf"
        kept = f'jetstream {{ store_dir: "{self._store}" }}\n' if jetstream else ""
        self._settings.write_text(f'listen: "127.0.0.1:{self.port}"\n{kept}{settings}\n')
        self._process: subprocess.Popen[bytes] | None = None

    def with_user(self, user: str) -> str:
        """The URL with what stands before the host."""
        return self.url.replace("://", f"://{user}@")

    async def start(self) -> None:
        await asyncio.to_thread(self.start_now)

    def start_now(self) -> None:
        """Start, and wait until it listens."""
        self._launch()
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the NATS server does not listen"
                time.sleep(0.02)
            else:
                return

    def _launch(self) -> None:
        assert self._process is None, "it runs"
        self._process = subprocess.Popen([BINARY, "-c", self._settings], stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it as SIGKILL does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Delete all that JetStream kept."""
        assert self._process is None, "it runs"
        shutil.rmtree(self._store, ignore_errors=True)


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
