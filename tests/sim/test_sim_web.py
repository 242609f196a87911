"""HTTP in memory: a request is served, lost, answered in vain or refused, and a server outlives its caller."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.sim.clock import SimClock
from elstrada.sim.loop import run
from elstrada.sim.process import Process
from elstrada.sim.trace import Trace
from elstrada.sim.web import Traffic, Web

GET = HttpRequest(
    "GET", "http://els.example/ocpi/a%20b?limit=5", {"offset": "0"}, {"Authorization": "Token x"}
)


class Server:
    """Answers with what it was asked, after a while."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.asked: list[HttpRequest] = []
        self.done = 0

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        self.asked.append(request)
        await asyncio.sleep(self.takes_s)
        self.done += 1
        return HttpResponse(200, {}, remote.encode())


def _web(server: Server) -> tuple[Web, Process, Process]:
    clock = SimClock(datetime(2026, 3, 2, tzinfo=UTC))
    web = Web(random.Random(1), Trace(clock))
    here, there = Process("caller"), Process("server")
    web.serve("http://els.example", server, there)
    return web, here, there


def test_a_request_arrives_as_a_server_sees_it_and_the_response_comes_back():
    async def world() -> None:
        server = Server()
        web, here, _ = _web(server)
        response = await web.client(here).send(GET, timeout_s=10.0)
        assert (response.status, response.body) == (200, b"caller")
        [request] = server.asked
        assert request.path == "/ocpi/a b"
        assert request.query == {"limit": "5", "offset": "0"}
        assert request.headers["authorization"] == "Token x"

    run(world())


def test_nobody_answers_at_an_unknown_address_in_an_outage_or_after_a_crash():
    async def world() -> None:
        server = Server()
        web, here, there = _web(server)
        client = web.client(here)
        with pytest.raises(Unreachable):
            await client.send(HttpRequest("GET", "http://other.example/"), timeout_s=10.0)
        with web.closed("http://els.example"), pytest.raises(Unreachable):
            await client.send(GET, timeout_s=10.0)
        assert (await client.send(GET, timeout_s=10.0)).status == 200
        there.kill()
        with pytest.raises(Unreachable):
            await client.send(GET, timeout_s=10.0)

    run(world())


def test_a_server_that_dies_over_a_request_resets_the_connection():
    async def world() -> None:
        server = Server(takes_s=5)
        web, here, there = _web(server)
        asyncio.get_running_loop().call_later(2, there.kill)
        with pytest.raises(Unreachable, match="reset"):
            await web.client(here).send(GET, timeout_s=10.0)
        assert server.done == 0

    run(world())


def test_a_caller_who_gives_up_does_not_stop_what_was_begun():
    async def world() -> None:
        server = Server(takes_s=30)
        web, here, _ = _web(server)
        with pytest.raises(Unreachable, match="10"):
            await web.client(here).send(GET, timeout_s=10.0)
        await asyncio.sleep(60)
        assert server.done == 1

    run(world())


def test_bad_traffic_brings_every_fate_and_some_of_them_after_the_deed():
    async def world() -> None:
        server = Server()
        web, here, _ = _web(server)
        ends: dict[str, int] = {}
        with web.worse(Traffic(bad=1.0)):
            for _ in range(100):
                try:
                    end = str((await web.client(here).send(GET, timeout_s=10.0)).status)
                except Unreachable as problem:
                    end = str(problem)
                ends[end] = ends.get(end, 0) + 1
        assert set(ends) == {"500", "connection reset by peer", "no response within 10.0 s"}
        assert 0 < server.done < 100
        assert (await web.client(here).send(GET, timeout_s=10.0)).status == 200

    run(world())
