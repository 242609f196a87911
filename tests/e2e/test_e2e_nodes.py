"""Nodes as real processes on SQLite: any mix of roles, one after the other, and their orderly ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from platform import python_version

import pytest
from installation import (
    EXECUTABLE,
    PATIENCE_S,
    Installation,
    Nursery,
    environment,
    free_port,
    serving,
    wait_for,
)
from load_stations import LoadStation
from market import CARD, location, open_market
from ocpp_stations import Station16, plugged_in
from prometheus_client.parser import text_string_to_metric_families
from raw_socket import CLOSE, TEXT, RawSocket, Refused
from test_e2e_nothing_is_lost import check_log

STATIONS = 200
PER_SECOND = 100


def samples(home: Installation) -> dict[str, float]:
    """The metrics by name and labels; each has a help text, and a name that says its unit."""
    status, text = home.health("/metrics")
    assert status == 200
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_what_one_mix_of_roles_leaves_undone_the_next_does(nursery: Nursery, tmp_path: Path) -> None:
    settings = ('log.format = "json"', 'node = "n-1"')
    # One port for all lives: its two parties know each other's addresses.
    home = Installation(tmp_path, nursery, settings=settings, http_port=free_port())
    home.start()
    market = open_market(home, home)
    assert home.stop() == 0

    home.start("--roles", "gateway")
    assert not home.http_url
    assert not (home.data / "server.json").exists()
    assert home.health("/livez") == (200, b"alive\n")
    assert home.health("/readyz") == (200, b"ready\n")
    asyncio.run(charge(home, market.passwords["ALPHA-16"]))
    told = samples(home)
    assert (
        told["elstrada_station_messages_total{action=StartTransaction,outcome=answered,version=ocpp1.6}"] == 1
    )
    assert (
        told["elstrada_build_info{node=n-1,python=" + python_version() + ",roles=gateway,version=0.1.0}"] == 1
    )
    assert told["elstrada_station_knocks_refused_total{status=404}"] == 1
    assert not [name for name in told if "follower_lag" in name]
    refused = home.run("station", "list")
    assert (refused.code, "has the role pages" in refused.stderr) == (4, True)
    # Asked for by somebody else's process: SQLite serves one.
    second = subprocess.run(
        [EXECUTABLE, "--config", home.config, "serve", "--roles", "pages"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert "set database.url to a PostgreSQL" in second.stderr
    wait_for(
        lambda: home.rows("select 1 from session where completed_at is not null"), "the complete session"
    )
    assert home.stop() == 0
    assert not home.rows("select 1 from cdr")

    home.start("--roles", "rater,biller")
    assert not home.http_url
    assert not home.stations_url
    wait_for(lambda: home.rows("select 1 from cdr where party = owner"), "the CDR")
    wait_for(lambda: "elstrada_follower_lag_facts{follower=rater,shard=0}" in samples(home), "the lag")
    assert samples(home)["elstrada_lease_held{lease=follower:rater/0}"] == 1
    assert home.stop() == 0
    assert not home.rows("select 1 from bill_line")

    home.start("--roles", "roamer,biller,pages")
    wait_for(lambda: home.rows("select 1 from bill_line"), "the bill line")
    lines = home.told("node", "list")
    assert [(line["node"], line["state"], line["roles"]) for line in lines] == [
        ("n-1", "serving", ["biller", "pages", "roamer"])
    ]
    told = samples(home)
    assert told["elstrada_ocpi_requests_served_total{outcome=done,version=2.3.0}"] > 0
    assert told["elstrada_ocpi_requests_sent_total{outcome=received,owner=SE*ELS,peer=retail-el}"] > 0
    assert home.stop() == 0
    check_log_lines(home)


async def charge(home: Installation, password: str) -> None:
    """One session of a card that needs no asking, with a wrong knock before."""
    with pytest.raises(Refused, match="404"):
        await RawSocket.dial(home.stations_url, "NOBODY", "x" * 20, "ocpp1.6")
    began = datetime.now(UTC) - timedelta(minutes=15)
    async with plugged_in(Station16, "ALPHA-16", home.stations_url, password) as station:
        assert await station.boot() == "Accepted"
        number = await station.begin(CARD, began, 1_000)
        await station.measure(number, began + timedelta(minutes=5), 4_000)
        await station.end(number, datetime.now(UTC), 9_000)


def check_log_lines(home: Installation) -> None:
    """Every line is one JSON object that says who, when and what."""
    lines = [json.loads(line) for line in home.log.read_text().splitlines()]
    assert lines
    for line in lines:
        assert {"time", "level", "logger", "message", "node", "roles"} <= set(line)
        assert line["node"] == "n-1"
    assert {line["roles"] for line in lines} <= {
        "biller,gateway,pages,rater,roamer",
        "gateway",
        "biller,rater",
        "biller,pages,roamer",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve", "--roles", "gatway"], "'gatway' is no role; did you mean gateway?"),
        (["serve", "--roles", "gateway,xyzzy"], "'xyzzy' is no role; there are: gateway, roamer"),
        (["--set", "nats.url=nats://n:hunter2@h", "serve"], "nats.url is set and database.url is not"),
        (["--set", "database.url=mysql://u:hunter2@h/d", "serve"], "postgresql://"),
        (["serve", "--node", "a b"], "1 to 63 letters"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_in_words_and_without_secrets(
    nursery: Nursery, tmp_path: Path, arguments: list[str], says: str
) -> None:
    outcome = Installation(tmp_path, nursery).run(*arguments)
    assert outcome.code == 3
    assert says in outcome.stderr
    assert "hunter2" not in outcome.stderr + outcome.stdout


def test_passwords_in_addresses_are_not_shown(nursery: Nursery, tmp_path: Path) -> None:
    """T15."""
    home = Installation(
        tmp_path,
        nursery,
        settings=('database.url = "postgresql://e:hunter2@db/e"', 'nats.url = "nats://hunter2@n:4222"'),
    )
    shown = {line["key"]: line for line in home.told("config", "show")}
    assert shown["database.url"]["value"] == "postgresql://e:***@db/e"
    assert shown["nats.url"]["value"] == "nats://***@n:4222"
    assert shown["nats.url"]["origin"].endswith("elstrada.toml")


@pytest.mark.slow
async def test_a_node_under_load_ends_without_losing_an_acknowledged_message(
    nursery: Nursery, tmp_path: Path
) -> None:
    """F22, P1: unready first, then 200 stations told to leave with 1012 at the chosen rate. Slow: it drains twice."""
    settings = (f"limits.drain_per_second = {PER_SECOND}",)
    ports = {"http_port": free_port(), "stations_port": free_port()}
    home = Installation(tmp_path, nursery, settings=settings, **ports)
    with serving(home):
        stations = await asyncio.to_thread(make_stations, home)
        gate = asyncio.Event()
        gate.set()
        working = [asyncio.create_task(station.work([home.stations_url], gate)) for station in stations]
        watcher = await dialled(home, await asyncio.to_thread(add, home, "WATCHER"))
        watcher.send(json.dumps([2, "1", "Heartbeat", {}]).encode())
        assert (await watcher.receive())[0] == TEXT
        while min(station.answers for station in stations) < 3:  # noqa: ASYNC110  They tell nobody.
            await asyncio.sleep(0.01)
        before = sum(station.answers for station in stations)
        gate.clear()
        assert home.pid is not None
        began = time.monotonic()
        os.kill(home.pid, signal.SIGTERM)
        await asyncio.to_thread(wait_for, lambda: unready(home), "the node to say that it leaves")
        pid, home.pid = home.pid, None
        assert await asyncio.to_thread(home.starter.wait, pid) == 0
        lasted = time.monotonic() - began
        assert STATIONS / PER_SECOND <= lasted < STATIONS / PER_SECOND + 10
        opcode, payload = await watcher.receive()
        assert (opcode, int.from_bytes(payload[:2])) == (CLOSE, 1012)
        assert sum(station.answers for station in stations) > before, "calls were answered while others left"
        assert "sending 201 stations away" in home.log.read_text()

        await asyncio.to_thread(home.start)
        for station in stations:
            station.finishing = True
        gate.set()
        await asyncio.wait_for(asyncio.gather(*working), 60)
    check_log(home.rows, stations)


def unready(home: Installation) -> bool:
    status, text = home.health("/readyz")
    return status == 503 and text.startswith(b"the node is leaving\n")


def make_stations(home: Installation) -> list[LoadStation]:
    """A yard of stations of version 1.6, whose card anybody may use."""
    open_market(home, home)
    uids = [f"E{number}" for number in range(STATIONS)]
    home.told("location", "put", "-", stdin=json.dumps(location(datetime.now(UTC), "YARD", uids)))
    made: list[LoadStation] = []
    for number in range(STATIONS):
        added = home.done("station add", station=f"YARD-{number}", place=[f"1=YARD/E{number}"])
        made.append(LoadStation(f"YARD-{number}", added["password"], "ocpp1.6", CARD, 5, seed=number + 1))
    return made


def add(home: Installation, name: str) -> tuple[str, str, str]:
    """A station that only listens: what it dials with."""
    return name, home.done("station add", station=name)["password"], "ocpp1.6"


async def dialled(home: Installation, station: tuple[str, str, str]) -> RawSocket:
    """Its socket, from when the door knows it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Refused):
                return await RawSocket.dial(home.stations_url, *station)
            await asyncio.sleep(0.5)


def test_a_second_signal_ends_it_at_once(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path, nursery, settings=("limits.drain_per_second = 1",))
    home.start()
    asyncio.run(hold_two_and_interrupt(home))


async def hold_two_and_interrupt(home: Installation) -> None:
    """Four stations a second apart: the first signal takes three seconds and more, the second none."""
    sockets = [await dialled(home, await asyncio.to_thread(add, home, name)) for name in ("A", "B", "C", "D")]
    for number, socket in enumerate(sockets):
        socket.send(json.dumps([2, str(number), "Heartbeat", {}]).encode())
        assert (await socket.receive())[0] == TEXT
    assert home.pid is not None
    os.kill(home.pid, signal.SIGTERM)
    await asyncio.sleep(0.5)
    began = time.monotonic()
    os.kill(home.pid, signal.SIGTERM)
    pid, home.pid = home.pid, None
    assert await asyncio.to_thread(home.starter.wait, pid) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 0.5


def test_the_operator_drains_a_node_by_its_name(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path, nursery, settings=('node = "n-1"',))
    home.start()
    unknown = home.run("node", "drain", "n-2")
    assert (unknown.code, "there is no node 'n-2'" in unknown.stderr) == (1, True)
    assert home.told("node", "drain", "n-1") == {"node": "n-1", "state": "draining"}
    pid, home.pid = home.pid, None
    assert pid is not None
    assert home.starter.wait(pid) == 0
    assert home.rows("select count(*) as count from node") == [{"count": 0}]
    leases = Counter(row["expires_at"][:4] for row in home.rows("select expires_at from lease"))
    assert set(leases) == {"2000"}, "others need not wait"


def test_keys_of_another_database_are_refused(nursery: Nursery, tmp_path: Path) -> None:
    home = Installation(tmp_path, nursery)
    with serving(home):
        pass
    (home.data / "keys.json").unlink()
    without = home.run("serve")
    assert (without.code, "is missing: this database has its keys" in without.stderr) == (1, True)
    other = Installation(tmp_path / "other", nursery)
    with serving(other):
        pass
    (home.data / "keys.json").write_bytes((other.data / "keys.json").read_bytes())
    for command in (["serve"], ["station", "list"]):
        wrong = home.run(*command)
        assert (wrong.code, "holds other keys than those this database was made with" in wrong.stderr) == (
            1,
            True,
        )
