"""A TCP proxy before PostgreSQL that cuts a connection around its COMMIT (F5)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto


class Cut(Enum):
    """When a connection that sends COMMIT is cut."""

    NEVER = auto()
    BEFORE = auto()
    """PostgreSQL does not see the COMMIT."""
    AFTER = auto()
    """PostgreSQL sees it, and its answer is thrown away."""


class CuttingProxy:
    """Passes bytes on, until ``choose`` says otherwise of a COMMIT."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self.choose: Callable[[], Cut] = lambda: Cut.NEVER
        """Asked at every COMMIT."""
        self.cuts = dict.fromkeys(Cut, 0)
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where to connect instead of to PostgreSQL."""
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    def cut_often(self, probability: float, seed: int) -> None:
        """Cut at random, as often before as after."""
        chance = random.Random(seed)

        def choose() -> Cut:
            if chance.random() >= probability:
                return Cut.NEVER
            return chance.choice([Cut.BEFORE, Cut.AFTER])

        self.choose = choose

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            for task in self._lines:
                task.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of ours: asyncio's own would report as an error that it was cancelled at the end.
        task = asyncio.get_running_loop().create_task(self._pass(reader, writer))
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        deaf = asyncio.Event()
        back = asyncio.create_task(_pass_on(behind_reader, writer, deaf))
        with suppress(OSError):
            while content := await reader.read(65536):
                cut = self.choose() if b"COMMIT\0" in content else Cut.NEVER
                self.cuts[cut] += b"COMMIT\0" in content
                if cut is Cut.AFTER:
                    deaf.set()
                if cut is not Cut.BEFORE:
                    behind_writer.write(content)
                    await behind_writer.drain()
                if cut is Cut.AFTER:
                    # What it answers nobody hears; as a rule it has committed by then.
                    await asyncio.wait([back], timeout=5)
                if cut is not Cut.NEVER:
                    break
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        writer.close()
        behind_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
    with suppress(OSError):
        while content := await reader.read(65536):
            if deaf.is_set():
                return
            writer.write(content)
            await writer.drain()
    writer.close()
