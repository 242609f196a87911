"""Several nodes as real processes on a real PostgreSQL and a real NATS: one installation to whoever looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cluster import REST, Cluster, Node, cluster
from installation import Json, Nursery, wait_for
from market import CARD, Market, open_market
from ocpp_stations import Station16, plugged_in
from test_e2e_nodes import samples

from elstrada.charging.remote import LATE
from postgres_server import shared_server

STATION = "ALPHA-16"


@pytest.fixture(scope="module")
def installed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Market]]:
    """Two gateways and the rest, whose parties know each other."""
    with cluster(tmp_path_factory.mktemp("cluster"), nursery) as made:
        for node in made.nodes:
            node.up()
        yield made, open_market(made.rest, made.rest)


def test_each_node_says_who_and_how_it_is(installed: tuple[Cluster, Market]) -> None:
    nodes, _ = installed
    for node in nodes.nodes:
        assert node.health("/livez") == (200, b"alive\n")
        assert node.health("/readyz") == (200, b"ready\n")
        assert samples(node)["elstrada_nats_connected{}"] == 1
        assert not (node.data / "keys.json").exists(), "they share one file"
    lines = {line["node"]: line for line in nodes.rest.told("node", "list")}
    assert {name: (line["state"], line["roles"]) for name, line in lines.items()} == {
        "gate-1": ("serving", ["gateway"]),
        "gate-2": ("serving", ["gateway"]),
        "rest": ("serving", sorted(REST.split(","))),
    }
    held = [
        {name for name in samples(node) if name.startswith("elstrada_lease_held")} for node in nodes.nodes
    ]
    assert not held[0] & held[1]
    assert not held[1] & held[2], "each piece of work is one node's"
    assert sum("lease=follower:" in name for leases in held for name in leases) == 5 * 4, "of four shards"


def test_what_happens_at_one_gateway_is_billed_by_another_node(installed: tuple[Cluster, Market]) -> None:
    nodes, market = installed
    asyncio.run(charge(nodes.gateways[0], market.passwords[STATION]))
    lines = wait_for(lambda: nodes.rest.rows("select * from bill_line"), "the bill line")
    assert [int(line["quantity_kwh"]) for line in lines] == [8]
    page = nodes.rest.http("GET", "/")[1].decode()
    assert STATION in page
    for node in nodes.gateways:
        assert node.health("/readyz") == (200, b"ready\n")


async def charge(gateway: Node, password: str) -> None:
    began = datetime.now(UTC) - timedelta(minutes=15)
    async with plugged_in(Station16, STATION, gateway.stations_url, password) as station:
        assert await station.boot() == "Accepted"
        number = await station.begin(CARD, began, 1_000)
        await station.measure(number, began + timedelta(minutes=5), 4_000)
        await station.end(number, datetime.now(UTC), 9_000)


def test_a_command_reaches_the_gateway_that_holds_the_station(installed: tuple[Cluster, Market]) -> None:
    """P5."""
    nodes, market = installed
    for gateway in (*nodes.gateways, nodes.gateways[0]):
        asyncio.run(obey(nodes.rest, gateway, market.passwords[STATION]))
    away = nodes.rest.run("station", "command", STATION, "TRIGGER", "--message", "Heartbeat")
    assert (away.code, "OFFLINE" in away.stderr) == (4, True)


async def obey(rest: Node, gateway: Node, password: str) -> None:
    """Be connected here, and be told something by the desk elsewhere."""
    async with plugged_in(Station16, STATION, gateway.stations_url, password) as station:
        assert await station.boot() == "Accepted"
        told = await asyncio.to_thread(
            rest.told, "station", "command", STATION, "TRIGGER", "--message", "Heartbeat"
        )
        assert told["result"] == "ACCEPTED"
        assert station.commands.get_nowait() == ("TriggerMessage", {"message": "Heartbeat"})


@pytest.mark.slow
def test_a_gateway_that_stood_still_does_no_command_whose_asker_has_gone(
    installed: tuple[Cluster, Market],
) -> None:
    """P5, F11. Slow: the gateway is stopped for longer than the command's deadline and what the post adds."""
    nodes, market = installed
    gateway = nodes.gateways[0]

    async def stand_still() -> None:
        async with plugged_in(Station16, STATION, gateway.stations_url, market.passwords[STATION]) as station:
            assert await station.boot() == "Accepted"
            gateway.pause()
            try:
                asked = await asyncio.to_thread(
                    nodes.rest.run, "station", "command", STATION, "RESET", "--deadline-s", "2"
                )
            finally:
                gateway.go_on()
            assert (asked.code, "nobody knows whether RESET was done" in asked.stderr) == (7, True)
            (row,) = await asyncio.to_thread(
                wait_for, lambda: resets(nodes.rest), "the result to be recorded"
            )
            assert (row["result"], row["detail"]) == ("TIMEOUT", LATE)
            again = await asyncio.to_thread(
                nodes.rest.told, "station", "command", STATION, "TRIGGER", "--message", "Heartbeat"
            )
            assert again["result"] == "ACCEPTED"
            told = [station.commands.get_nowait()[0] for _ in range(station.commands.qsize())]
            assert told == ["TriggerMessage"]

    asyncio.run(stand_still())


def resets(node: Node) -> list[Json]:
    return node.rows("select result, detail from command where name = 'RESET' and result is not null")


def test_a_node_is_drained_from_another_and_its_stations_and_work_go_on(
    installed: tuple[Cluster, Market],
) -> None:
    """F22: its work is taken over at once, not when its leases would have run out."""
    nodes, market = installed
    leaving, staying = nodes.gateways
    took_over = time.monotonic()
    assert nodes.rest.told("node", "drain", "gate-1")["state"] == "draining"
    pid, leaving.pid = leaving.pid, None
    assert pid is not None
    assert leaving.starter.wait(pid) == 0
    wait_for(lambda: samples(staying).get("elstrada_lease_held{lease=gateway:sweep}"), "the sweep to go on")
    assert time.monotonic() - took_over < 12
    assert {line["node"] for line in nodes.rest.told("node", "list")} == {"gate-2", "rest"}
    asyncio.run(obey(nodes.rest, staying, market.passwords[STATION]))
    leaving.up()


@pytest.mark.slow
def test_the_stations_of_a_node_that_died_are_said_to_be_gone_by_another(
    installed: tuple[Cluster, Market],
) -> None:
    """F11, F1. Slow: a node is dead when it was not seen for 30 s."""
    nodes, market = installed
    dying, heir = nodes.gateways

    async def die() -> None:
        async with plugged_in(Station16, STATION, dying.stations_url, market.passwords[STATION]) as station:
            await station.boot()
            await asyncio.to_thread(dying.kill)

    asyncio.run(die())
    listed = {line["station"]: line for line in nodes.rest.told("station", "list")}
    assert listed[STATION]["connected"]
    began = time.monotonic()
    wait_for(lambda: not connected(nodes.rest), "the station to be gone")
    assert 20 < time.monotonic() - began < 60
    assert "gate-1 is gone" in heir.log.read_text() + nodes.rest.log.read_text()
    assert [line["state"] for line in nodes.rest.told("node", "list") if line["node"] == "gate-1"] == ["gone"]
    dying.up()


def connected(node: Node) -> bool:
    listed = {line["station"]: line for line in node.told("station", "list")}
    return bool(listed[STATION]["connected"])


@pytest.mark.slow
def test_without_nats_nodes_serve_and_say_what_is_amiss(installed: tuple[Cluster, Market]) -> None:
    """F8. Slow: it is worth telling after 30 s."""
    nodes, market = installed
    nodes.nats.kill()
    try:
        wait_for(lambda: b"degraded: NATS has been away" in nodes.rest.health("/readyz")[1], "the note")
        for node in nodes.nodes:
            assert node.health("/readyz")[0] == 200
        asyncio.run(session_is_stored(nodes, market))
    finally:
        asyncio.run(nodes.nats.start())
    wait_for(
        lambda: all(node.health("/readyz") == (200, b"ready\n") for node in nodes.nodes), "all to be well"
    )
    asyncio.run(obey(nodes.rest, nodes.gateways[1], market.passwords[STATION]))


async def session_is_stored(nodes: Cluster, market: Market) -> None:
    """P1 needs no transport."""
    async with plugged_in(
        Station16, STATION, nodes.gateways[0].stations_url, market.passwords[STATION]
    ) as station:
        number = await station.begin(CARD, datetime.now(UTC) - timedelta(minutes=3), 20_000)
        await station.end(number, datetime.now(UTC), 21_000)


def test_while_the_database_stands_still_no_node_is_ready_and_then_all_are(
    installed: tuple[Cluster, Market],
) -> None:
    """F4, P8: unready within five seconds, and well again without a restart."""
    nodes, _ = installed
    pids = [node.pid for node in nodes.nodes]
    shared_server().pause()
    try:
        began = time.monotonic()
        for node in nodes.nodes:
            wait_for(lambda node=node: node.health("/readyz")[0] == 503, "a node to be unready")
        assert time.monotonic() - began < 8
        assert b"the store cannot commit" in nodes.rest.health("/readyz")[1]
        assert nodes.rest.health("/livez")[0] == 200
    finally:
        shared_server().resume()
    wait_for(lambda: all(node.health("/readyz")[0] == 200 for node in nodes.nodes), "all to be ready")
    assert [node.pid for node in nodes.nodes] == pids


def test_two_processes_of_one_name_cannot_both_serve(installed: tuple[Cluster, Market]) -> None:
    nodes, _ = installed
    former = nodes.gateways[1]
    double = nodes.another("double", "gateway")
    double.config.write_text(double.config.read_text().replace('node = "double"', 'node = "gate-2"'))
    nodes.others.append(double)
    double.up()
    pid, former.pid = former.pid, None
    assert pid is not None
    assert former.starter.wait(pid) == 1
    assert "another process serves as node gate-2" in former.log.read_text()
    assert double.health("/readyz")[0] == 200
    double.down()
    nodes.others.remove(double)
    former.up()


@pytest.mark.slow
def test_the_work_of_a_node_that_was_killed_goes_on_at_another(installed: tuple[Cluster, Market]) -> None:
    """F1: every bill line once. Slow: leases of the killed node run out first."""
    nodes, market = installed
    heir = nodes.another("rest-2", "rater,biller")
    nodes.others.append(heir)
    heir.up()
    before = len(nodes.rest.rows("select 1 from cdr where owner = party"))
    asyncio.run(charge(nodes.gateways[0], market.passwords[STATION]))
    nodes.rest.kill()
    wait_for(lambda: followers_at(heir) == 3 * 4, "the heir to follow all shards")
    wait_for(lambda: len(heir.rows("select 1 from cdr where owner = party")) > before, "the CDR")
    nodes.rest.up()
    wait_for(lambda: everything_billed(heir), "every CDR to be billed once")
    heir.down()
    nodes.others.remove(heir)
    wait_for(lambda: followers_at(nodes.rest) == 5 * 4, "the work to come back")


def followers_at(node: Node) -> int:
    return sum("lease=follower:" in name for name in samples(node))


def everything_billed(node: Node) -> bool:
    issued = {row["session_id"] for row in node.rows("select session_id from cdr where owner = party")}
    lines = [row["cdr_id"] for row in node.rows("select cdr_id from bill_line")]
    assert len(lines) == len(set(lines))
    return len(lines) == len(issued) == len(node.rows("select 1 from session where completed_at is not null"))
