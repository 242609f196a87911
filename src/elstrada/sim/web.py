"""HTTP between the parties of a world, in memory, with the faults that real peers have (F20)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from elstrada.model.http import HttpRequest, HttpResponse, Late, Unreachable
from elstrada.net.face import HttpHandler
from elstrada.sim.process import Process
from elstrada.sim.trace import Trace


class Fate(StrEnum):
    """What becomes of a request."""

    SERVED = "served"
    REQUEST_LOST = "request lost"
    RESPONSE_LOST = "response lost"
    FAILED_BEFORE = "500 before it was done"
    FAILED_AFTER = "500 after it was done"


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How the way between the parties is."""

    delay_s: tuple[float, float] = (0.005, 0.08)
    slow: float = 0.0
    """Part of the responses that take ``slow_s``."""
    slow_s: float = 6.0
    bad: float = 0.0
    """Part of the requests that meet a fate other than being served."""


FLOWING = Traffic()


class _Site(msgspec.Struct, frozen=True, eq=False):
    base_url: str
    handler: HttpHandler
    process: Process


class Web:
    """Every HTTP server of a world, by the beginning of its addresses."""

    def __init__(self, chance: random.Random, trace: Trace, traffic: Traffic = FLOWING) -> None:
        self.traffic = traffic
        self._chance, self._trace = chance, trace
        self._sites: list[_Site] = []
        self._closed: dict[str, None] = {}

    def serve(self, base_url: str, handler: HttpHandler, process: Process) -> None:
        """Answer at addresses that begin so, for as long as the process lives."""
        self._sites = [site for site in self._sites if site.base_url != base_url]
        self._sites.append(_Site(base_url, handler, process))

    @contextmanager
    def closed(self, base_url: str) -> Generator[None]:
        """For a while nobody answers at these addresses."""
        self._closed[base_url] = None
        try:
            yield
        finally:
            self._closed.pop(base_url, None)

    @contextmanager
    def worse(self, traffic: Traffic) -> Generator[None]:
        """For a while the way between all parties is like this."""
        self.traffic = traffic
        try:
            yield
        finally:
            self.traffic = FLOWING

    def client(self, process: Process) -> WebClient:
        """The ``HttpClient`` of a process."""
        return WebClient(self, process)

    async def carry(self, request: HttpRequest, remote: str) -> HttpResponse:
        """Bring a request to its server and the response back, or not.

        Raises:
            Unreachable: by the world's faults.
        """
        site, fate = self._site(request.path), self._fate()
        self._trace.note(remote, f"{request.method} {request.path} {fate.value}")
        await self._travel()
        if site is None or not site.process.alive or site.base_url in self._closed:
            raise Unreachable(f"{urlsplit(request.path).netloc} does not answer")
        if fate is Fate.REQUEST_LOST:
            await asyncio.Event().wait()  # The caller's patience ends this.
        if fate is Fate.FAILED_BEFORE:
            return HttpResponse(500, {"content-type": "text/html"}, b"<h1>Oops</h1>")
        response = await _served(site, request, remote)
        await self._travel()
        if fate is Fate.RESPONSE_LOST:
            raise Unreachable("connection reset by peer")
        return HttpResponse(500) if fate is Fate.FAILED_AFTER else response

    def _site(self, url: str) -> _Site | None:
        return next((site for site in self._sites if url.startswith(site.base_url)), None)

    def _fate(self) -> Fate:
        bad = self._chance.random() < self.traffic.bad
        return self._chance.choice(list(Fate)[1:]) if bad else Fate.SERVED

    async def _travel(self) -> None:
        slow = self._chance.random() < self.traffic.slow
        await asyncio.sleep(self.traffic.slow_s if slow else self._chance.uniform(*self.traffic.delay_s))


class WebClient:
    """An ``HttpClient`` on the virtual web."""

    def __init__(self, web: Web, process: Process) -> None:
        self._web, self._process = web, process

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        """Send one request. Raises Unreachable without a response in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._web.carry(request, self._process.name)
        except TimeoutError as nothing:
            raise Late(f"no response within {timeout_s} s") from nothing


async def _served(site: _Site, request: HttpRequest, remote: str) -> HttpResponse:
    """Let the server handle a request in its own process; it goes on even if the caller has given up."""
    task = site.process.spawn(site.handler.handle(_as_received(request), remote))
    await asyncio.wait({task})
    if task.cancelled():
        raise Unreachable("connection reset by peer")
    return task.result()


def _as_received(request: HttpRequest) -> HttpRequest:
    """A client's request as its server sees it: the path without the host, decoded."""
    address = urlsplit(request.path)
    query = dict(parse_qsl(address.query, keep_blank_values=True)) | dict(request.query)
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": address.netloc}
    return msgspec.structs.replace(request, path=unquote(address.path), query=query, headers=headers)
