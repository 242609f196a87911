"""A node is ready by what it gets done (F17, P8), and its metrics say the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from elstrada.model.facts import Fact, StationDisconnected
from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.node import NodeSeen, Part
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.net.chance import SeededChance
from elstrada.roles.health import Health
from elstrada.roles.keys import derived_keys
from elstrada.roles.lags import STILL_AFTER, Lags
from elstrada.roles.metrics import parts
from elstrada.roles.metrics.collector import Metrics
from elstrada.roles.metrics.post import CountedPost
from elstrada.roles.node import Hands, Node
from elstrada.roles.presence import Presence
from elstrada.roles.readiness import Readiness
from elstrada.spine.face import Append, Recorded, SpineDown, Work
from elstrada.spine.followers import Handle
from elstrada.spine.lease import Terms
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost

CPO = Party(PartyId("SE", "ELS"), (Role.CPO,), BusinessDetails("Els"))


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class NoHttp:
    async def send(self, request: HttpRequest, *, timeout_s: float = 10.0) -> object:
        raise AssertionError("nothing is sent here")


class Scene:
    """A node whose followers do what a test wants."""

    def __init__(self, step: Handle) -> None:
        self.clock, self.lag_s, self.amiss, self.down = Clock(), 0.0, "", False
        self.spine = MemorySpine(self.clock, before=self._gate)
        hands = Hands(
            spine=self.spine,
            keys=derived_keys("x"),
            clock=self.clock,
            chance=SeededChance("x"),
            http=NoHttp(),  # type: ignore[arg-type]
            public_url="http://els.example",
            wall=self.clock,
            terms=Terms(lasts_s=3600, renew_s=600, look_s=0.01),
            traced=lambda name, handle: step,
            node="n-1",
        )
        self.post = CountedPost(LocalPost())
        self.node = Node(hands, (CPO,), parts=frozenset({Part.RATER, Part.GATEWAY}), post=self.post)
        now = self.clock.now()
        me = NodeSeen(id="n-1", roles=(Part.RATER,), started_at=now, seen_at=now, version="1", address="")
        self.presence = Presence(self.spine, self.clock, me, displaced=lambda: None)
        self.lags = Lags(self.node)
        self.readiness = Readiness(
            self.node, self.presence, self.lags, lambda: self.lag_s, lambda: self.amiss
        )
        self.health = Health(self.readiness, self._metrics().exposed, "n-1")

    async def start(self) -> None:
        await self.presence.arrive()
        await self.node.start()
        self.readiness.starting = False

    async def ready(self) -> tuple[int, str]:
        answer = await self.health.handle(HttpRequest("GET", "/readyz"), "127.0.0.1")
        return answer.status, answer.body.decode()

    async def metric(self, name: str, **labels: str) -> float | None:
        """One sample; None where there is none."""
        answer = await self.health.handle(HttpRequest("GET", "/metrics"), "127.0.0.1")
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    async def happens(self, number: int) -> None:
        fact: Fact = StationDisconnected(connection_id="c", reason=str(number))
        stream = station_stream(CPO.id, "S1")
        await self.spine.commit(Work((Append(stream, number, (fact,)),)))

    async def _gate(self, _: Work) -> None:
        if self.down:
            raise SpineDown("disk full")

    def _metrics(self) -> Metrics:
        return Metrics(
            [
                lambda: parts.of_node(self.node, self.readiness, lambda: self.lag_s),
                lambda: parts.of_followers(self.lags, self.clock),
                lambda: parts.of_gateway(self.node, None),
                lambda: parts.of_roaming(self.node),
                self.post.gather,
            ]
        )


async def does_nothing(_: list[Recorded]) -> Work:
    return Work()


async def never_ends(_: list[Recorded]) -> Work:
    await asyncio.Event().wait()
    raise AssertionError("it waits for ever")


async def turns(times: int = 20) -> None:
    for _ in range(times):
        await asyncio.sleep(0.005)


@pytest.fixture
async def scene() -> Scene:
    return Scene(does_nothing)


async def test_a_node_is_ready_from_start_to_drain(scene: Scene) -> None:
    assert await scene.ready() == (503, "the node is starting\n")
    await scene.start()
    assert await scene.ready() == (200, "ready\n")
    assert await scene.metric("elstrada_ready") == 1
    scene.readiness.draining = True
    assert await scene.ready() == (503, "the node is leaving\n")
    assert await scene.metric("elstrada_ready") == 0
    await scene.node.stop()


async def test_a_store_that_does_not_commit_makes_it_unready(scene: Scene) -> None:
    """P8."""
    await scene.start()
    scene.down = True
    await scene.presence.beat()
    status, text = await scene.ready()
    assert (status, "the store cannot commit: disk full" in text) == (503, True)
    scene.down = False
    await scene.presence.beat()
    assert (await scene.ready())[0] == 200
    await scene.node.stop()


async def test_a_late_loop_makes_it_unready_and_lost_transport_is_only_told(scene: Scene) -> None:
    await scene.start()
    scene.lag_s = 12.0
    assert await scene.ready() == (503, "the event loop is 12 s late\n")
    scene.lag_s, scene.amiss = 0.0, "NATS has been away for 31 s"
    assert await scene.ready() == (200, "ready\ndegraded: NATS has been away for 31 s\n")
    await scene.node.stop()


async def test_a_follower_that_stands_still_while_facts_wait_makes_it_unready() -> None:
    """F17: alive, not working."""
    scene = Scene(never_ends)
    await scene.start()
    await scene.happens(0)
    await turns()
    await scene.lags.look()
    assert (await scene.ready())[0] == 200
    labels = {"follower": "rater", "shard": "0"}
    assert await scene.metric("elstrada_follower_lag_facts", **labels) == 1
    scene.clock.at += STILL_AFTER + timedelta(seconds=1)
    await scene.lags.look()
    status, text = await scene.ready()
    assert (status, "follower rater of shard 0 makes no progress: 1 facts wait" in text) == (503, True)
    assert await scene.metric("elstrada_follower_lag_seconds", **labels) == 61
    await scene.node.stop()


async def test_a_follower_that_works_or_has_nothing_to_do_does_not(scene: Scene) -> None:
    await scene.start()
    for number in range(3):
        await scene.happens(number)
        await turns()
        await scene.lags.look()
        scene.clock.at += 2 * STILL_AFTER
        await scene.lags.look()
        assert await scene.ready() == (200, "ready\n")
    assert await scene.metric("elstrada_follower_lag_facts", follower="rater", shard="0") == 0
    await scene.node.stop()


async def test_what_strays_is_counted_by_kind_and_never_by_station(scene: Scene) -> None:
    await scene.start()
    for number in range(500):
        scene.node.findings.note(f"station:SE*ELS/S{number}", "duplicate identity", "x")
        scene.node.findings.note(f"peer:SE*ELS/P{number}", f"code {number}", "x")
    assert await scene.metric("elstrada_findings_total", source="station", code="duplicate identity") == 500
    answer = await scene.health.handle(HttpRequest("GET", "/metrics"), "127.0.0.1")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    kinds = families["elstrada_findings"].samples
    assert len(kinds) <= 201
    assert sum(sample.value for sample in kinds) == 1000
    assert "S499" not in answer.body.decode()
    await scene.node.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("HEAD", "/readyz", 503),
        ("GET", "/version", 200),
        ("GET", "/", 404),
        ("GET", "/api/v1/desk/node-list", 404),
        ("POST", "/livez", 405),
    ],
)
async def test_the_health_listener_has_four_paths(scene: Scene, method: str, path: str, status: int) -> None:
    assert (await scene.health.handle(HttpRequest(method, path), "10.0.0.1")).status == status
