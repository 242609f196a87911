"""Both gateways are restarted, one after the other, with all stations connected (F22)."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from books import check_log, told_of
from cluster import Cluster, Node, cluster
from installation import Nursery, wait_for
from load_stations import LoadStation
from market import CARD, Market, location, open_market

MANY = 2000
FEW = 400
"""As many as a shared machine has time for in every run."""
READINGS = 10_000
"""Nobody finishes a session here: the question is what happens to running ones."""
PAUSE_S = 4.0
MOST_AWAY_S = 60.0
DEFINITE = {"ACCEPTED", "OFFLINE", "TIMEOUT", "REJECTED"}
"""Results of a command; any one, as long as there is one within the deadline."""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
async def test_a_rolling_restart_loses_nothing_and_keeps_nobody_away_for_long(
    nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    """Slow: hundreds of stations connect, and move from one gateway to the other and back."""
    with cluster(tmp_path, nursery) as nodes:
        for node in nodes.nodes:
            await asyncio.to_thread(node.up)
        market = await asyncio.to_thread(open_market, nodes.rest, nodes.rest)
        stations = await asyncio.to_thread(make_stations, market, count)
        gate = asyncio.Event()
        gate.set()
        doors = nodes.doors
        working = [
            asyncio.create_task(station.work(doors if number % 2 else doors[::-1], gate))
            for number, station in enumerate(stations)
        ]
        await asyncio.to_thread(
            wait_for, lambda: all(station.answers >= 2 for station in stations), "everybody to charge"
        )
        for station in stations:
            station.longest_away_s = 0.0
        results: Counter[str] = Counter()
        commands = asyncio.create_task(command(nodes.rest, stations, results))
        begun = time.monotonic()
        for gateway in nodes.gateways:
            earlier = results.total()
            await asyncio.to_thread(gateway.down)
            await asyncio.to_thread(gateway.up)
            everybody = [station.answers for station in stations]
            await asyncio.to_thread(
                wait_for,
                lambda before=everybody: all(
                    station.answers > earlier for station, earlier in zip(stations, before, strict=True)
                ),
                "everybody to be answered again",
            )
            assert results.total() > earlier + 1, "hardly a command was under way"
        lasted = time.monotonic() - begun
        await asyncio.to_thread(wait_for, lambda: results.total() > 20, "commands enough to tell by")
        for task in (commands, *working):
            task.cancel()
        await asyncio.gather(commands, *working, return_exceptions=True)
        await asyncio.sleep(1)
        check_acknowledged(nodes, stations)
    away = sorted(station.longest_away_s for station in stations)
    assert away[-1] <= MOST_AWAY_S
    assert set(results) <= DEFINITE, results
    with capsys.disabled():
        print(
            f"\nboth restarted in {lasted:.0f} s; {told_of(stations)}; away {away[len(away) // 2]:.1f} s in the"
            f" median, {away[-1]:.1f} s at most; commands: {dict(results)}"
        )


def check_acknowledged(nodes: Cluster, stations: list[LoadStation]) -> None:
    """Every answered message is in the log once; beside them there is at most one per station, unanswered."""
    check_log(nodes.rest.rows, stations, unanswered=len(stations))


async def command(rest: Node, stations: list[LoadStation], results: Counter[str]) -> None:
    """Ask one station after the other for something, until cancelled, and count which result came how often."""
    for number in range(100_000):
        name = stations[number * 37 % len(stations)].name
        results[await asyncio.to_thread(commanded, rest, name)] += 1
        await asyncio.sleep(0.05)


def commanded(rest: Node, station: str) -> str:
    """The result of a harmless command, by the desk over HTTP; it must come within its deadline."""
    begun = time.monotonic()
    status, body = rest.ask(
        "station command", station=station, command="TRIGGER", message="Heartbeat", deadline_s=10
    )
    assert time.monotonic() - begun < 15, "later than its deadline"
    if status == 200:
        return json.loads(body)["result"]
    return next(word for word in DEFINITE if word in body.decode())


def make_stations(market: Market, count: int) -> list[LoadStation]:
    """Stations of both versions in one yard, all with a card that may be trusted."""
    uids = [f"E{number}" for number in range(count)]
    market.cpo.told("location", "put", "-", stdin=json.dumps(location(datetime.now(UTC), "YARD", uids)))
    made: list[LoadStation] = []
    for number in range(count):
        name = f"YARD-{number}"
        added = market.cpo.done("station add", station=name, place=[f"1=YARD/E{number}"])
        protocol = "ocpp1.6" if number % 2 else "ocpp2.0.1"
        station = LoadStation(name, added["password"], protocol, CARD, READINGS, seed=number // 2 + 1)
        station.pause_s, station.back_off_s = PAUSE_S, 1.0
        made.append(station)
    return made
