"""P1 to P4 of a real process: what was answered survives every SIGKILL, and counts once.

The serving process is ``elstrada serve``, forked from one that has imported everything already: an
import takes a second, and a hundred of them would be most of the test.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest
from books import answers, check_log, check_money, check_sessions, settled, told_of
from installation import PATIENCE_S, Installation, Nursery, free_port, serving, wait_for
from load_stations import LoadStation
from market import ASKING_CARD, CARD, Market, location, open_market

STATIONS = 100
KILLS = 100
MOST_ANSWERS = 250
"""Of one life, to all stations together."""
READINGS = 40
"""Meter values of a session: many lives long, and few sessions, since each ends in a CDR and a bill line."""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(900)
async def test_what_was_answered_survives_a_hundred_kills_exactly_once(
    nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow: 100 lives of a server under the load of 100 stations take about a minute on two cores."""
    home = Installation(tmp_path, nursery, http_port=free_port(), stations_port=free_port())
    with serving(home):
        market = await asyncio.to_thread(open_market, home, home)
        stations = await asyncio.to_thread(make_stations, market)
        begun = time.monotonic()
        restarts = await live_and_die(home, stations)
        lasted = time.monotonic() - begun
        check_log(home.rows, stations)
        await asyncio.to_thread(wait_for, lambda: settled(home.rows, stations), "every CDR and bill line")
    check_sessions(home.rows, stations)
    check_money(home.rows, stations)
    assert sum(station.repeats for station in stations) > KILLS, "the kills came in the middle of it"
    with capsys.disabled():
        print(f"\n{KILLS} kills in {lasted:.0f} s; {told_of(stations)}; {median(restarts):.2f} s to restart")


async def live_and_die(home: Installation, stations: list[LoadStation]) -> list[float]:
    """Kill the server again and again while the stations work, then let them finish.

    Each life ends after another number of answers, most often with the rest of the stations in the
    middle of coming back. Returns the seconds each restart took.
    """
    gate = asyncio.Event()
    gate.set()
    chance, restarts = random.Random(7), list[float]()
    working = [asyncio.create_task(station.work([home.stations_url], gate)) for station in stations]
    for _ in range(KILLS):
        enough = answers(stations) + chance.randrange(1, MOST_ANSWERS)
        while answers(stations) < enough:  # noqa: ASYNC110  The stations count, and tell nobody.
            await asyncio.sleep(0.002)
        gate.clear()
        await asyncio.to_thread(home.kill)
        began = time.monotonic()
        await asyncio.to_thread(home.start)
        restarts.append(time.monotonic() - began)
        gate.set()
    for station in stations:
        station.finishing = True
    await asyncio.wait_for(asyncio.gather(*working), PATIENCE_S)
    return restarts


def make_stations(market: Market) -> list[LoadStation]:
    """A yard of stations, half of each version; every tenth driver's card must be asked for."""
    uids = [f"E{number}" for number in range(STATIONS)]
    market.cpo.told("location", "put", "-", stdin=json.dumps(location(datetime.now(UTC), "YARD", uids)))
    made: list[LoadStation] = []
    for number in range(STATIONS):
        name = f"YARD-{number}"
        added = market.cpo.done("station add", station=name, place=[f"1=YARD/E{number}"])
        protocol = "ocpp1.6" if number % 2 else "ocpp2.0.1"
        card = ASKING_CARD if number % 10 == 5 else CARD
        made.append(LoadStation(name, added["password"], protocol, card, READINGS, seed=number // 2 + 1))
    return made
