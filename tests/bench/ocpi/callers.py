"""The load: callers on connections of their own, each asking again when it has its answer."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import cast

from documents import BEGUN, CARDS, LOCATIONS, OWN, PEER, TOKEN, card, location

CALLERS = 16
PAGE = 50
_PATIENCE_S = 60
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1.1 (200|201) ")


@dataclass
class Told:
    """What the callers have seen."""

    answered: int = 0
    refused: list[bytes] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    sample: bytes = b""
    """One whole body."""


def requests(scene: str, address: str) -> Iterator[bytes]:
    """The requests of a scene without end.

    Args:
        address: of the module, such as ``/ocpi/2.2.1/cpo/locations``.
    """
    encoded = base64.b64encode(TOKEN.encode()).decode()
    head = (
        f"host: 127.0.0.1\r\nauthorization: Token {encoded}\r\n"
        f"ocpi-from-country-code: {PEER[0]}\r\nocpi-from-party-id: {PEER[1]}\r\n"
        f"ocpi-to-country-code: {OWN[0]}\r\nocpi-to-party-id: {OWN[1]}\r\n"
    )
    if scene == "list":
        for number, offset in zip(count(), cycle(range(0, LOCATIONS, PAGE)), strict=False):
            yield f"GET {address}?offset={offset}&limit={PAGE} HTTP/1.1\r\n{head}{_ids(number)}\r\n".encode()
    elif scene == "put":
        bodies = [
            json.dumps(location(each, PEER, "@"), separators=(",", ":")).encode() for each in range(LOCATIONS)
        ]
        for number, each in zip(count(), cycle(range(LOCATIONS)), strict=False):
            # Each is news: a second later than the one before it.
            body = bodies[each].replace(b'"@"', _later(number // LOCATIONS))
            line = f"PUT {address}/{PEER[0]}/{PEER[1]}/L{each:06} HTTP/1.1\r\n{head}{_ids(number)}"
            yield line.encode() + _content(body)
    else:
        uids = [card(each)["uid"] for each in range(CARDS)]
        body = b'{"location_id":"L000001","evse_uids":["E000001-1"]}'
        for number, uid in zip(count(), cycle(uids), strict=False):
            line = f"POST {address}/{uid}/authorize?type=RFID HTTP/1.1\r\n{head}{_ids(number)}"
            yield line.encode() + _content(body)


def _later(seconds: int) -> bytes:
    day, second = divmod(seconds, 3600)
    return f'"{BEGUN[:8]}{3 + day:02}T12:{second // 60:02}:{second % 60:02}Z"'.encode()


def _ids(number: int) -> str:
    return f"x-request-id: 5b2f0c1e-0000-4000-8000-{number:012}\r\nx-correlation-id: 5b2f0c1e-0000-4000-9000-{number:012}\r\n"


def _content(body: bytes) -> bytes:
    return b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


class Caller(asyncio.Protocol):
    def __init__(self, asked: Iterator[bytes], told: Told) -> None:
        self._asked, self._told = asked, told
        self._held = bytearray()
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name.
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._wanted:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._held, 0, end + 2)
            assert found is not None, bytes(self._held[:500])
            self._head, self._wanted = end + 4, end + 4 + int(found[1])
        if len(self._held) >= self._wanted:
            self._answered()

    def _ask(self) -> None:
        self._at = time.perf_counter()
        self.transport.write(next(self._asked))

    def _answered(self) -> None:
        told = self._told
        told.answered += 1
        told.took_s.append(time.perf_counter() - self._at)
        if not _STATUS.match(self._held) or self._held.find(b'"status_code":1000') < 0:
            told.refused.append(bytes(self._held[-2000:]))
        told.sample = told.sample or bytes(self._held[self._head : self._wanted])
        del self._held[: self._wanted]
        self._wanted = 0
        self._ask()


@dataclass(frozen=True)
class Loaded:
    rate: float
    """Answers per second."""
    half_ms: float
    """Half of the answers took less."""
    p99_ms: float
    sample: bytes
    answered: int
    """In all, warming up included."""


async def drive(port: int, scene: str, address: str, seconds: float, warm_s: float = 1.0) -> Loaded:
    """Load the server behind a port."""
    told, asked = Told(), requests(scene, address)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Caller(asked, told), "127.0.0.1", port) for _ in range(CALLERS)
    ]
    await asyncio.sleep(warm_s)
    told.took_s.clear()
    before, begun = told.answered, time.perf_counter()
    await asyncio.sleep(seconds)
    while len(told.took_s) < CALLERS and time.perf_counter() - begun < _PATIENCE_S:  # noqa: ASYNC110  A mere look.
        await asyncio.sleep(0.1)  # Some take longer than that for one answer to each.
    done, took, times = told.answered - before, time.perf_counter() - begun, sorted(told.took_s)
    for transport, _ in made:
        transport.abort()
    assert not told.refused, told.refused[0]
    assert times, "nothing was answered"
    half, most = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    return Loaded(done / took, half * 1e3, most * 1e3, told.sample, told.answered)
