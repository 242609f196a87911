"""What the wire log costs: a frame on the way of a message, a frame in the writer's thread, and a whole walk.

``frame``: the event loop's part per frame, and the writer's.
``walk``: the durable walk of bench_walk.py (200 stations over real sockets, SQLite) with the log on and off,
in turn; the load shares the cores.

    .venv/bin/python tests/bench/bench_wirelog.py [frame|walk|all] [--seconds 6] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from elstrada.net.clock import SystemClock
from elstrada.roles.wirelog.line import Line
from elstrada.roles.wirelog.store import SUFFIX, Bounds
from elstrada.roles.wirelog.tap import WireLog
from elstrada.roles.wirelog.writer import Writer

sys.path.insert(0, str(Path(__file__).parent))
from bench_walk import CONTENDERS, Contender, measure, python

FRAMES = {
    "without secrets": (
        b'[2,"1d6b9d5e-5d3f-4d7a-8f0e-2f1f6c1b3c11","StatusNotification",%s]'
        % b'{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"2026-03-01T12:00:00Z"}',
        b'[3,"1d6b9d5e-5d3f-4d7a-8f0e-2f1f6c1b3c11",{}]',
    ),
    "with a token": (
        b'[2,"1d6b9d5e-5d3f-4d7a-8f0e-2f1f6c1b3c12","StartTransaction",%s]'
        % b'{"connectorId":1,"idTag":"04A2B3C4D5E6F7","meterStart":0,"timestamp":"2026-03-01T12:00:00Z"}',
        b'[3,"1d6b9d5e-5d3f-4d7a-8f0e-2f1f6c1b3c12",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]',
    ),
}
PAIRS, ROUNDS = 5_000, 5


def frames() -> None:
    """Print the best of some rounds: what the machine does beside is no cost of ours."""
    for name, (call, answer) in FRAMES.items():
        hot, cold, kept = zip(*(_round(call, answer) for _ in range(ROUNDS)), strict=True)
        print(
            f"{name:16} {min(hot):6.2f} us on the way of a message (wanted: at most 2),"
            f" {min(cold):6.1f} us of the writer's, {kept[0]:4.0f} bytes in the file, per frame",
            flush=True,
        )


def _round(call: bytes, answer: bytes) -> tuple[float, float, float]:
    log = WireLog(SystemClock())
    tap = log.tap(Line(owner="SE*ELS", station_id="CP1", connection_id="c", protocol="ocpp1.6"))
    began = time.perf_counter()
    for _ in range(PAIRS):
        tap.received(call)
        tap.sent(answer)
    hot = time.perf_counter() - began
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / f"bench{SUFFIX}"
        writer, used = Writer(log, path, Bounds(), SystemClock()), time.process_time()
        writer.start()
        writer.stop()
        cold = time.process_time() - used
        assert writer.written == 2 * PAIRS + 1, writer.trouble
        size = path.stat().st_size
    return hot / PAIRS / 2 * 1e6, cold / PAIRS / 2 * 1e6, size / PAIRS / 2


def walk(stations: int, seconds: float, rounds: int) -> None:
    """Print rates and processor time with the log on and off, and their ratio."""
    store = CONTENDERS["elstrada"]
    CONTENDERS["elstrada, logged"] = Contender(
        lambda path, number: [python("serve_elstrada.py", number, "--store", path, "--wire-log")],
        store.stored,
    )
    rates = dict.fromkeys(("elstrada", "elstrada, logged"), 0.0)
    cpu = dict.fromkeys(rates, 0.0)
    for _ in range(rounds):
        for name in rates:
            cost = measure(name, stations, seconds, apart=False)
            rates[name] += cost.rate
            cpu[name] += cost.cpu_us
            print(f"{name:18} {cost.rate:9.0f} messages/s, {cost.cpu_us:6.0f} us each", flush=True)
    on, off = "elstrada, logged", "elstrada"
    print(f"{'on / off':18} {rates[on] / rates[off]:9.2f} of the rate, {cpu[on] / cpu[off]:.2f} of the time")


def main() -> None:
    words = argparse.ArgumentParser(description="What the wire log costs.")
    words.add_argument("what", nargs="?", choices=("frame", "walk", "all"), default="all")
    words.add_argument("--stations", type=int, default=200)
    words.add_argument("--seconds", type=float, default=6.0)
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    if given.what in ("frame", "all"):
        frames()
    if given.what in ("walk", "all"):
        walk(given.stations, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
