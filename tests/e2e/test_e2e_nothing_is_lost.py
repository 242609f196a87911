"""P1 to P4 of a real process: what was answered survives every SIGKILL, and counts once.

The serving process is ``elstrada serve``, forked from one that has imported everything already: an
import takes a second, and a hundred of them would be most of the test.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest
from installation import PATIENCE_S, Installation, Json, Nursery, free_port, serving, wait_for
from load_stations import LoadStation, Said
from market import ASKING_CARD, CARD, Market, location, open_market

STATIONS = 100
KILLS = 100
MOST_ANSWERS = 250
"""Of one life, to all stations together."""
READINGS = 40
"""Meter values of a session: many lives long, and few sessions, since each ends in a CDR and a bill line."""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_what_was_answered_survives_a_hundred_kills_exactly_once(
    nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow: 100 lives of a server under the load of 100 stations take about a minute on two cores."""
    home = Installation(tmp_path, nursery, http_port=free_port(), stations_port=free_port(), starter=nursery)
    with serving(home):
        market = await asyncio.to_thread(open_market, home, home)
        stations = await asyncio.to_thread(make_stations, market)
        begun = time.monotonic()
        restarts = await live_and_die(home, stations)
        lasted = time.monotonic() - begun
        check_log(home, stations)
        await asyncio.to_thread(wait_for, lambda: settled(home, stations), "every CDR and bill line")
    check_sessions(home, stations)
    check_money(home, stations)
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
    working = [asyncio.create_task(station.work(home.stations_url, gate)) for station in stations]
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


def answers(stations: list[LoadStation]) -> int:
    """How many messages were answered so far."""
    return sum(station.answers for station in stations)


def told_of(stations: list[LoadStation]) -> str:
    repeats = sum(station.repeats for station in stations)
    sessions = sum(len(station.charged_wh) for station in stations)
    return f"{answers(stations)} messages answered, {repeats} sent again, {sessions} sessions"


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


# --- what must be true afterwards -----------------------------------------------------------------


def check_log(home: Installation, stations: list[LoadStation]) -> None:
    """Every answered message is in the log exactly once, and nothing that was never said."""
    answered = sum((station.answered for station in stations), Counter[Said]())
    assert set(answered.values()) == {1}
    logged = Counter(
        said
        for row in home.rows("select stream, kind, body from log where stream like 'station/%'")
        if row["kind"] in FACTS
        for said in told_by(row["stream"].split("/")[2], row["kind"], json.loads(row["body"]))
    )
    assert logged == answered


FACTS = {"SessionStarted": "meter_wh", "SessionEnded": "meter_wh", "MeterSampled": "energy_wh"}
"""The facts that stations' messages became, and where they keep the register."""


def told_by(station: str, kind: str, fact: Json) -> list[Said]:
    readings = fact["samples"] if kind == "MeterSampled" else [fact]
    return [Said(kind, station, datetime.fromisoformat(one["at"]), one[FACTS[kind]]) for one in readings]


def check_sessions(home: Installation, stations: list[LoadStation]) -> None:
    """Each session has the energy that its station measured."""
    measured = {(one.name, number): wh for one in stations for number, wh in one.charged_wh.items()}
    known = home.rows("select station_id, transaction_id, energy_wh, completed_at from session")
    assert {(row["station_id"], row["transaction_id"]): row["energy_wh"] for row in known} == measured
    assert all(row["completed_at"] for row in known)


def check_money(home: Installation, stations: list[LoadStation]) -> None:
    """Every session has one CDR, brought once to the eMSP, accepted once, billed once (P4)."""
    sessions = Counter(row["session_id"] for row in home.rows("select session_id from session"))
    facts = [
        (row["kind"], json.loads(row["body"]))
        for row in home.rows(
            "select kind, body from log where stream like 'cdr/%' or stream like 'contract/%'"
        )
    ]
    issued = [fact["cdr"] for kind, fact in facts if kind == "CdrIssued"]
    received = [fact["cdr"] for kind, fact in facts if kind == "CdrReceived"]
    checked = [fact for kind, fact in facts if kind == "CdrChecked"]
    lines = [fact["line"] for kind, fact in facts if kind == "BillLineAdded"]
    assert Counter(cdr["session_id"] for cdr in issued) == sessions
    assert Counter(cdr["session_id"] for cdr in received) == sessions
    assert [fact["accepted"] for fact in checked] == [True] * len(sessions)
    assert Counter(line["cdr_id"] for line in lines) == Counter(cdr["id"] for cdr in issued)
    charged = Decimal(sum(wh for one in stations for wh in one.charged_wh.values())) / 1000
    assert sum(Decimal(cdr["total_energy"]) for cdr in issued) == charged
    assert sum(Decimal(line["quantity_kwh"]) for line in lines) == charged


def settled(home: Installation, stations: list[LoadStation]) -> bool:
    """Has every session its bill line?"""
    (row,) = home.rows("select count(*) as lines from bill_line")
    return row["lines"] >= sum(len(station.charged_wh) for station in stations)
