"""How far followers are behind while two gateways are loaded as much as the machine gives.

Two gateways and one node for the rest, each ``elstrada serve``, on PostgreSQL (every commit synced) and
NATS; 200 stations that begin, measure and end sessions without a pause, each of which becomes a CDR that
goes over OCPI and a bill line. The rest's /metrics tell how old the oldest fact is that a follower has
not handled, asked twice a second.

    .venv/bin/python tests/bench/bench_lag.py [--seconds 20] [--stations 200]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]
import test_e2e_nothing_is_lost as yard  # noqa: E402  What the end-to-end tests build with.
from books import answers  # noqa: E402
from cluster import Node, cluster  # noqa: E402
from installation import Nursery  # noqa: E402
from market import open_market  # noqa: E402

from postgres_server import PostgresServer  # noqa: E402

_LAG = re.compile(r'^elstrada_follower_lag_seconds\{follower="(\w+)",shard="\d+"\} (\S+)$', re.MULTILINE)
READINGS = 20
"""Meter values of a session: a busy network has one end for twenty of them."""


def lags(rest: Node) -> dict[str, float]:
    """Seconds that each follower is behind, at the shard where it is worst."""
    worst: defaultdict[str, float] = defaultdict(float)
    for follower, seconds in _LAG.findall(rest.health("/metrics")[1].decode()):
        worst[follower] = max(worst[follower], float(seconds))
    assert worst, "the rest follows the log"
    return worst


async def measure(stations: int, seconds: float) -> None:
    yard.STATIONS, yard.READINGS = stations, READINGS
    nursery, postgres = Nursery(), PostgresServer(within="/var/tmp")
    seen: defaultdict[str, list[float]] = defaultdict(list)
    try:
        postgres.start()
        with (
            tempfile.TemporaryDirectory() as folder,
            cluster(Path(folder), nursery, server=postgres) as nodes,
        ):
            for node in nodes.nodes:
                await asyncio.to_thread(node.up)
            made = yard.make_stations(await asyncio.to_thread(open_market, nodes.rest, nodes.rest))
            gate = asyncio.Event()
            gate.set()
            for station in made:
                station.pause_s = 0.0
            working = [asyncio.create_task(station.work(nodes.doors, gate)) for station in made]
            await asyncio.sleep(5)
            before = answers(made)
            for _ in range(int(seconds * 2)):
                await asyncio.sleep(0.5)
                for follower, lag in (await asyncio.to_thread(lags, nodes.rest)).items():
                    seen[follower].append(lag)
            done = answers(made) - before
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
    finally:
        postgres.remove()
        nursery.close()
    print(f"{stations} stations, {done / seconds:.0f} messages/s answered")
    for follower, found in sorted(seen.items()):
        print(f"{follower:8} behind: median {median(found):.2f} s, worst {max(found):.2f} s")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="How far followers are behind under full load.")
    words.add_argument("--stations", type=int, default=200)
    words.add_argument("--seconds", type=float, default=20.0)
    given = words.parse_args()
    asyncio.run(measure(given.stations, given.seconds))
