"""A memory spine that other processes share over a socket, so that one of them can be stopped by the system."""

from __future__ import annotations

import asyncio
import io
import pickle
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from sqlalchemy import Table

from elstrada.spine import tables
from elstrada.spine.face import Cell, SpineDown, StreamMoved, Where, Work
from elstrada.spine.memory import MemorySpine


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> str | None:
        return obj.name if isinstance(obj, Table) else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: str) -> Table:
        return tables.metadata.tables[pid]


async def _send(writer: asyncio.StreamWriter, content: object) -> None:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(content)
    writer.write(len(buffer.getvalue()).to_bytes(4, "big") + buffer.getvalue())
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> Any:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return _Unpickler(io.BytesIO(await reader.readexactly(size))).load()


class SharingServer:
    """Serves the questions and works of other processes on one spine."""

    def __init__(self, spine: MemorySpine) -> None:
        self._spine = spine
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, method, args, kwargs = await _receive(reader)
                task = asyncio.create_task(
                    self._serve(writer, number, getattr(self._spine, method), args, kwargs)
                )
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _serve(
        self,
        writer: asyncio.StreamWriter,
        number: int,
        method: Callable[..., Awaitable[object]],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> None:
        try:
            answer: object = await method(*args, **kwargs)
            refused = None
        except StreamMoved as moved:
            answer, refused = (moved.stream, moved.expected, moved.actual), "moved"
        except SpineDown as down:
            answer, refused = str(down), "down"
        await _send(writer, (number, refused, answer))


class SharedSpine:
    """The spine of another process (``face.Spine``, as far as a gateway needs it)."""

    def __init__(self) -> None:
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def connect(self, port: int) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._listening = asyncio.create_task(self._listen(reader))

    def commit(self, work: Work) -> asyncio.Future[int]:
        return asyncio.ensure_future(self._ask("commit", work))

    async def load(self, stream: str) -> Any:
        return await self._ask("load", stream)

    async def version(self, stream: str) -> Any:
        return await self._ask("version", stream)

    async def facts(self, stream: str, after_version: int = 0, limit: int = 10_000) -> Any:
        return await self._ask("facts", stream, after_version, limit)

    async def get(self, table: Table, **key: Cell) -> Any:
        return await self._ask("get", table, **key)

    async def find(self, table: Table, where: Where | None = None, **options: Any) -> Any:
        return await self._ask("find", table, where, **options)

    async def count(self, table: Table, where: Where | None = None, **options: Any) -> Any:
        return await self._ask("count", table, where, **options)

    async def _ask(self, method: str, *args: object, **kwargs: object) -> Any:
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        await _send(self._writer, (number, method, args, kwargs))
        refused, answer = await waiting
        if refused == "moved":
            raise StreamMoved(*answer)
        if refused == "down":
            raise SpineDown(answer)
        return answer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            number, refused, answer = await _receive(reader)
            self._waiting.pop(number).set_result((refused, answer))
