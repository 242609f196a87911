"""Transaction messages per second over real sockets, against what others would build on.

``durable``: the whole walk against a CSMS on the ``ocpp`` package, both on SQLite. Both check the
station's password, decode, validate, decide (a new transaction id, resends known by content), commit
with ``synchronous=FULL``, and only then answer.

``words``: the same without a store, against npm ``ws`` with ``ajv`` and a fixed answer per action.

Servers and load (200 stations, each waiting for its answer before its next message) share two cores;
``--apart`` gives the servers one and the load the other, for a quiet reading of the time per message.
Runs A B A B and prints each rate, and the ratio of the sums.

    .venv/bin/python tests/bench/bench_walk.py [durable|words|all] [--seconds 8] [--stations 200]
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

import ocpp

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "walk"))
from load import drive  # noqa: E402  Beside the servers that it loads.


@dataclass(frozen=True)
class Contender:
    """How to start its server in a folder of its own, and how many messages that holds in the end."""

    command: Callable[[Path, int], list[str]]
    stored: Callable[[Path], int] | None = None


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, str(HERE / "walk" / script), *arguments]


def node(_: Path, __: int) -> list[str]:
    """The ws + ajv peer; installs its packages on first use."""
    folder = HERE / "ws_ajv"
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)
    schemas = Path(ocpp.__file__).parent
    return [
        "node",
        str(folder / "peer.mjs"),
        "serve",
        *(str(schemas / v / "schemas") for v in ("v16", "v201")),
    ]


def rows(name: str, query: str) -> Callable[[Path], int]:
    return lambda folder: sqlite3.connect(folder / name).execute(query).fetchone()[0]


_KINDS = "('SessionStarted', 'MeterSampled', 'SessionEnded')"
CONTENDERS = {
    "elstrada": Contender(
        lambda folder, stations: python(
            "serve_elstrada.py", "--store", f"{folder}/e.db", "--stations", str(stations)
        ),
        rows("e.db", f"SELECT count(*) FROM log WHERE kind IN {_KINDS}"),
    ),
    "ocpp": Contender(
        lambda folder, stations: python(
            "serve_ocpp.py", "--store", f"{folder}/o.db", "--stations", str(stations)
        ),
        rows("o.db", "SELECT count(*) FROM message"),
    ),
    "elstrada-words": Contender(
        lambda _, stations: python("serve_words.py", "--stations", str(stations)),
    ),
    "ws+ajv": Contender(node),
}
PAIRS = {"durable": ("elstrada", "ocpp", 10), "words": ("elstrada-words", "ws+ajv", 1.5)}


def cpu_s(process: int) -> float:
    """Processor time a process has used, where the system tells; else not a number."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(contender: Contender, stations: int, seconds: float, *, apart: bool) -> tuple[float, float]:
    """Messages per second, and the server's processor time per message in microseconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        server = subprocess.Popen(contender.command(Path(name), stations), stdout=subprocess.PIPE, text=True)
        pin(server.pid, {0} if apart else {0, 1})
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            used = cpu_s(server.pid)
            done, took, sent = uvloop.run(drive([port], stations, seconds))
            used = cpu_s(server.pid) - used
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
        held = contender.stored(Path(name)) if contender.stored else done
        assert held >= done, f"{done} messages were answered, {held} are stored"
        return done / took, used / sent * 1e6


def pin(process: int, cores: set[int]) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, cores)


def compare(ours: str, theirs: str, given: argparse.Namespace) -> float:
    """Measure both, in turn; ours to theirs."""
    rates: dict[str, float] = {ours: 0.0, theirs: 0.0}
    for _ in range(given.rounds):
        for name in rates:
            rate, cpu_us = measure(CONTENDERS[name], given.stations, given.seconds, apart=given.apart)
            rates[name] += rate
            print(f"{name:14} {rate:9.0f} messages/s, {cpu_us:6.0f} us of processor time each", flush=True)
    return rates[ours] / rates[theirs]


def main() -> None:
    words = argparse.ArgumentParser(description="Transaction messages per second over real sockets.")
    words.add_argument("what", nargs="?", choices=(*PAIRS, "all"), default="all")
    words.add_argument("--stations", type=int, default=200)
    words.add_argument("--seconds", type=float, default=8.0)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--apart", action="store_true", help="servers on one core, load on the other")
    given = words.parse_args()
    pin(0, {1} if given.apart else {0, 1})
    for what, (ours, theirs, wanted) in PAIRS.items():
        if given.what in (what, "all"):
            print(f"{what}: {ours} against {theirs}")
            print(f"{'ratio':14} {compare(ours, theirs, given):9.2f}  (wanted: at least {wanted})")


if __name__ == "__main__":
    main()
