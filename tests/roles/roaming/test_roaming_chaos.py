"""Peers that fail in every way at once: each CDR is applied once, and the healthy one waits for nobody (P4, P7)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
import pytest
from roaming_world import ELS, Node, World, aio, furnish, give, issued, token

from elstrada.model import facts as f
from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.party import Role
from elstrada.model.token import Token
from elstrada.model.waits import Waits
from elstrada.ocpi.versions import TABLES
from elstrada.spine.memory import MemorySpine

HEALTHY = "healthy"
CDRS = 20
"""For each peer."""
STEPS_OF_ISSUE = 100
MOST_DELAY_S = 5

Host = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def _errs_after(inner: Host, asked: HttpRequest) -> HttpResponse:
    """Applied, and said to be an error."""
    await inner(asked)
    return HttpResponse(500, {}, b'{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}')


async def _lost_after(inner: Host, asked: HttpRequest) -> HttpResponse:
    """Applied, and the answer is lost."""
    await inner(asked)
    raise Unreachable("no whole response within 10 s")


async def _html(inner: Host, asked: HttpRequest) -> HttpResponse:
    """Not applied: somebody else answers, and says that all is well."""
    return HttpResponse(200, {"content-type": "text/html"}, b"<html>It works!</html>")


async def _slow(inner: Host, asked: HttpRequest) -> HttpResponse:
    """Applied, after as long as anybody waits."""
    for _ in range(_TURNS * 10):
        await asyncio.sleep(0)
    await inner(asked)
    raise Unreachable("no whole response within 10 s")


async def _half(inner: Host, asked: HttpRequest) -> HttpResponse:
    """Applied, and the body breaks off."""
    response = await inner(asked)
    return msgspec.structs.replace(response, body=response.body[: len(response.body) // 2])


WAYS = {"errs": _errs_after, "lost": _lost_after, "html": _html, "slow": _slow, "half": _half}
_TURNS = 200
"""Of the event loop in a second of the world: enough for all that nobody holds up."""


@pytest.mark.parametrize("seed", range(3))
def test_each_cdr_is_applied_once_and_the_healthy_peer_waits_for_nobody(seed: int) -> None:
    @aio
    async def scene() -> None:
        chance = random.Random(seed)
        world = World(versions=(chance.choice(tuple(TABLES)),))
        await world.els.party(ELS, Role.CPO)
        await furnish(world)
        peers = {name: await _peer(world, name, number) for number, name in enumerate((HEALTHY, *WAYS))}
        await world.els.settle()
        for name, way in WAYS.items():
            _fails(world, name, way, chance)
        issued_at = dict[str, datetime]()
        arrived_at = dict[str, datetime]()
        for step in range(STEPS_OF_ISSUE + 2_000):
            if step < STEPS_OF_ISSUE and step % (STEPS_OF_ISSUE // CDRS) == 0:
                for number, name in enumerate(peers):
                    cdr_id = f"{name}-{step}"
                    issued_at[cdr_id] = world.clock.now()
                    fact = _issued(world, cdr_id, _token_of(number))
                    await world.els.happen(cdr_stream(ELS, ELS, cdr_id), fact)
            await world.els.follow()
            await world.els.roaming.courier.start_rounds()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            for fact in await peers[HEALTHY].spine.read(0, limit=10_000):
                if isinstance(fact.fact, f.CdrReceived):
                    arrived_at.setdefault(fact.fact.cdr.id, world.clock.now())
            if step >= STEPS_OF_ISSUE and await world.els.marks() == []:
                break
            world.clock.pass_by(seconds=1)
        assert await world.els.marks() == [], "brought in the end"
        for name, node in peers.items():
            applied = Counter(
                fact.fact.cdr.id
                for fact in await node.spine.read(0, limit=10_000)
                if isinstance(fact.fact, f.CdrReceived)
            )
            assert applied == {cdr_id: 1 for cdr_id in issued_at if cdr_id.startswith(f"{name}-")}
        told = Counter(
            recorded.stream
            for recorded in await world.els.spine.read(0, limit=100_000)
            if isinstance(recorded.fact, f.CdrDelivered)
        )
        assert set(told.values()) == {1}
        assert len(told) == len(issued_at)
        delays = [(arrived_at[one] - issued_at[one]).total_seconds() for one in arrived_at]
        assert len(delays) == CDRS
        assert max(delays) < MOST_DELAY_S

    scene()


async def _peer(world: World, name: str, number: int) -> Node:
    """An eMSP of its own, registered with our CPO, with a driver."""
    node = Node(
        world.net,
        world.clock,
        f"{name}.example",
        MemorySpine(world.clock),
        Waits(),
        world.els.means.versions,
    )
    own = _token_of(number)
    party = own.party
    await node.party(party, Role.EMSP)
    await give(node, own)
    token_a = await node.roaming.registrar.invite(party, "els")
    await world.els.roaming.registrar.register(ELS, name, node.versions_url, token_a)
    await node.settle()
    return node


def _fails(
    world: World,
    name: str,
    way: Callable[[Host, HttpRequest], Awaitable[HttpResponse]],
    chance: random.Random,
) -> None:
    """Let a peer fail in its way, three times out of four."""
    inner = world.net.hosts[f"{name}.example"]

    async def host(asked: HttpRequest) -> HttpResponse:
        return await (way(inner, asked) if chance.random() < 0.75 else inner(asked))

    world.net.hosts[f"{name}.example"] = host


def _token_of(number: int) -> Token:
    party = PartyId("NL", f"E{number:02}")
    return token(party=party, uid=f"04AA{number:02}", contract_id=f"NLE{number:02}C00000001")


def _issued(world: World, cdr_id: str, of: Token) -> f.CdrIssued:
    made = issued(world, cdr_id)
    ref = world.els.means.keys.token_ref(of.uid)
    return msgspec.structs.replace(
        made, cdr=msgspec.structs.replace(made.cdr, token_ref=ref, token_party=of.party)
    )
