"""What breaks between many nodes loses nothing that was acknowledged, and nothing counts twice.

One season of faults under one load: a hundred stations at two gateways, everything in processes of its
own. The stations' own books are held against the database at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from books import answers, check_log, check_money, check_sessions, settled, told_of, unsettled
from cluster import Cluster, cluster
from installation import Nursery, wait_for
from load_stations import LoadStation
from market import open_market
from test_e2e_nothing_is_lost import make_stations

from cutting_proxy import Cut, CuttingProxy
from elstrada.roles.gateway.costs import FINAL_WITHIN_S
from postgres_server import PostgresServer

DRAINED_S = 60.0
"""After the last fault, until every session has its bill line (P6)."""
GOING_ON = 400
"""Messages answered between two faults."""


@dataclass
class Season:
    """Nodes under load."""

    nodes: Cluster
    postgres: PostgresServer
    line: CuttingProxy
    """Between every node and PostgreSQL."""
    stations: list[LoadStation]
    long: bool

    def last(self, seconds: float) -> float:
        """How long a fault lasts: a fifth of it in the short season."""
        return seconds if self.long else seconds / 5

    async def goes_on(self, what: str) -> None:
        """The network has come round when stations are answered again."""
        enough = answers(self.stations) + GOING_ON
        await asyncio.to_thread(wait_for, lambda: answers(self.stations) >= enough, f"answers after {what}")


Fault = Callable[[Season], Awaitable[None]]


async def each_node_is_killed(season: Season) -> None:
    """F1: SIGKILL of each role, one after the other."""
    for node in season.nodes.nodes:
        await asyncio.to_thread(node.crash)
        await season.goes_on(f"{node.folder.name} was killed")


async def postgres_is_killed(season: Season) -> None:
    """F3: kill -9 of the postmaster, and start."""
    await asyncio.to_thread(season.postgres.kill9)
    await asyncio.sleep(1)
    await asyncio.to_thread(season.postgres.start)
    await season.goes_on("PostgreSQL was killed")


async def commits_are_doubtful(season: Season) -> None:
    """F5: lines are cut when COMMIT is through and its answer is not, or before it."""
    line = season.line
    enough = line.cuts[Cut.AFTER] + (100 if season.long else 20)
    line.cut_often(0.02, seed=1)
    await asyncio.to_thread(wait_for, lambda: line.cuts[Cut.AFTER] >= enough, "doubtful commits")
    line.choose = lambda: Cut.NEVER
    await season.goes_on("commits were doubtful")


async def postgres_is_paused(season: Season) -> None:
    """F4, P8: no answer, no error, nobody ready; everything is in afterwards."""
    gateways = season.nodes.gateways
    await asyncio.to_thread(season.postgres.pause)
    # Whatever was under way has been answered: an end that is committed waits so long for its cost.
    await asyncio.sleep(FINAL_WITHIN_S + 1)
    before = answers(season.stations)
    await asyncio.to_thread(
        wait_for, lambda: not any(node.ready() for node in gateways), "nobody to be ready", within_s=15
    )
    await asyncio.sleep(season.last(60))
    assert answers(season.stations) == before, "nothing was acknowledged from memory"
    await asyncio.to_thread(season.postgres.resume)
    await season.goes_on("PostgreSQL was paused")
    await asyncio.to_thread(wait_for, lambda: all(node.ready() for node in gateways), "all to be ready")


async def nats_loses_everything(season: Season) -> None:
    """F8, F9: killed, restarted, killed again and its data deleted: the log knows it all."""
    nats = season.nodes.nats
    nats.kill()
    await season.goes_on("NATS was killed")
    await nats.start()
    await season.goes_on("NATS was back")
    nats.kill()
    nats.forget()
    await nats.start()
    await season.goes_on("NATS had lost everything")


async def a_gateway_is_paused(season: Season) -> None:
    """F11: beyond its lease; the other takes its stations, and what it says late is refused."""
    gateway = season.nodes.gateways[0]
    gateway.pause()
    try:
        await season.goes_on("a gateway was paused")
        await asyncio.sleep(season.last(60))
    finally:
        gateway.go_on()
    await season.goes_on("the gateway had woken")


FAULTS: tuple[Fault, ...] = (
    each_node_is_killed,
    postgres_is_killed,
    commits_are_doubtful,
    postgres_is_paused,
    nats_loses_everything,
    a_gateway_is_paused,
)


async def play(folder: Path, nursery: Nursery, faults: tuple[Fault, ...], *, long: bool) -> str:
    """Live through the faults, let the stations finish, and check every promise; returns what there was."""
    postgres = PostgresServer()
    try:
        await asyncio.to_thread(postgres.start)
        async with CuttingProxy(postgres.port).running() as line:
            with cluster(folder, nursery, server=postgres, database_port=line.port) as nodes:
                for node in nodes.nodes:
                    await asyncio.to_thread(node.up)
                market = await asyncio.to_thread(open_market, nodes.rest, nodes.rest)
                stations = await asyncio.to_thread(make_stations, market)
                told = await under_load(Season(nodes, postgres, line, stations, long), faults)
                check_log(nodes.rest.rows, stations)
                check_sessions(nodes.rest.rows, stations)
                check_money(nodes.rest.rows, stations)
                for node in nodes.nodes:
                    assert "never retrieved" not in node.log.read_text(), (
                        f"{node.folder.name} forgot a future"
                    )
                return "; ".join((*told, told_of(stations)))
    finally:
        postgres.remove()


async def under_load(season: Season, faults: tuple[Fault, ...]) -> list[str]:
    """Begin to charge, have the faults, and wait until everything is billed; returns how long each took."""
    told, gate, doors = list[str](), asyncio.Event(), season.nodes.doors
    gate.set()
    for station in season.stations:
        station.patience_s, station.back_off_s = 10.0, 0.5
    working = [
        asyncio.create_task(station.work(doors if number % 2 else doors[::-1], gate))
        for number, station in enumerate(season.stations)
    ]
    await season.goes_on("the start")
    for fault in faults:
        begun = time.monotonic()
        await fault(season)
        told.append(f"{fault.__name__} {time.monotonic() - begun:.0f} s")
    for station in season.stations:
        station.finishing = True
    begun = time.monotonic()
    await asyncio.wait_for(asyncio.gather(*working), DRAINED_S)
    rows = season.nodes.rest.rows
    try:
        await asyncio.to_thread(
            wait_for, lambda: settled(rows, season.stations), "every bill line", within_s=DRAINED_S
        )
    except AssertionError as late:
        late.add_note(await asyncio.to_thread(unsettled, rows))
        raise
    return [*told, f"all billed {time.monotonic() - begun:.0f} s after the last fault"]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
async def test_a_season_of_faults_loses_nothing_and_counts_nothing_twice(
    nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow: every kind of fault once, under the load of a hundred stations."""
    told = await play(tmp_path, nursery, FAULTS, long=False)
    with capsys.disabled():
        print(f"\n{told}")


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_ten_long_seasons(nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Soak: the faults at their full length, ten times."""
    told = await play(tmp_path, nursery, FAULTS * 10, long=True)
    with capsys.disabled():
        print(f"\n{told}")
