"""Transaction messages per second over real sockets, against what others would build on.

``durable``: the whole walk against a CSMS on the ``ocpp`` package, both on SQLite. Both check the
station's password, decode, validate, decide (a new transaction id, resends known by content), commit
with ``synchronous=FULL``, and only then answer.

``postgres``: the same on one PostgreSQL; ours as two gateways, as an installation of several nodes has
them, theirs as it can be run, in one process with 16 connections and one transaction per message.

``words``: without a store, against npm ``ws`` with ``ajv`` and a fixed answer per action.

``floor``: bare picows that reads, validates and gives the same fixed answers, against the same: what no
Python server in one process can do better, whatever it leaves out.

Servers, PostgreSQL and load (200 stations, each waiting for its answer before its next message) share
two cores; ``--apart`` gives the servers one and the load the other, for a quiet reading of the time per
message. Runs A B A B and prints each rate, and the ratio of the sums.

``sweep``: ours alone on PostgreSQL under 10 to 5,000 stations, with what a message costs the gateways,
PostgreSQL and the disk; the figures behind the model in docs/performance.md.

    .venv/bin/python tests/bench/bench_walk.py [durable|postgres|words|floor|sweep|all] [--seconds 8] [--stations 200]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import uvloop

import ocpp
from elstrada.sim.servers import PostgresServer
from elstrada.spine.postgres_migrate import migrate_postgres

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "walk"))
from load import drive  # noqa: E402  Beside the servers that it loads.

Command = list[str]
_KINDS = "('SessionStarted', 'MeterSampled', 'SessionEnded')"
_LOGGED = f"SELECT count(*) FROM log WHERE kind IN {_KINDS}"
_KEPT = "SELECT count(*) FROM message"


@dataclass(frozen=True)
class Contender:
    """How to start its servers on a store, and how many messages that holds in the end."""

    commands: Callable[[str, int], list[Command]]
    stored: str = ""
    """The query that counts them; empty: there is no store."""
    migrates: bool = False
    """The store must have our tables before."""


def python(script: str, stations: int, *arguments: str) -> Command:
    return [sys.executable, str(HERE / "walk" / script), "--stations", str(stations), *arguments]


def node(_: str, __: int) -> list[Command]:
    """The ws + ajv peer; installs its packages on first use."""
    folder = HERE / "ws_ajv"
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)
    schemas = Path(ocpp.__file__).parent
    return [
        ["node", str(folder / "peer.mjs"), "serve", *(str(schemas / v / "schemas") for v in ("v16", "v201"))]
    ]


def gateways(number: int) -> Callable[[str, int], list[Command]]:
    return lambda store, stations: [
        python("serve_elstrada.py", stations, "--store", store, "--node", f"bench-{each}")
        for each in range(number)
    ]


def csms(store: str, stations: int) -> list[Command]:
    return [python("serve_ocpp.py", stations, "--store", store)]


CONTENDERS = {
    "elstrada": Contender(gateways(1), _LOGGED),
    "ocpp": Contender(csms, _KEPT),
    "elstrada-pg": Contender(gateways(2), _LOGGED, migrates=True),
    "ocpp-pg": Contender(csms, _KEPT),
    "elstrada-words": Contender(lambda _, stations: [python("serve_words.py", stations)]),
    "floor": Contender(lambda _, stations: [python("serve_floor.py", stations)]),
    "ws+ajv": Contender(node),
}
PAIRS = {
    "durable": ("elstrada", "ocpp", 10),
    "postgres": ("elstrada-pg", "ocpp-pg", 10),
    "words": ("elstrada-words", "ws+ajv", 1.5),
    "floor": ("floor", "ws+ajv", 1.5),
}


def cpu_s(process: int) -> float:
    """Processor time a process has used, where the system tells; else not a number."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What was measured, per message where it says so."""

    rate: float
    """Messages per second."""
    cpu_us: float
    """Processor time of the servers, per message, without PostgreSQL."""
    postgres_us: float = 0.0
    """Processor time of PostgreSQL, per message."""
    wal_bytes: float = 0.0
    """Written ahead by PostgreSQL, per message."""
    log_bytes: float = 0.0
    """Of a fact in the log, with its index."""


def measure(name: str, stations: int, seconds: float, *, apart: bool) -> Cost:
    """Load a contender's servers."""
    contender = CONTENDERS[name]
    with store_for(name, contender) as store, contextlib.ExitStack() as stack:
        servers = [started(command, stack, apart=apart) for command in contender.commands(store, stations)]
        ports = [int(server.stdout.readline()) for server in servers if server.stdout]
        used, beneath = sum(cpu_s(server.pid) for server in servers), Beneath.now(store)
        done, took, sent = uvloop.run(drive(ports, stations, seconds))
        used, since = sum(cpu_s(server.pid) for server in servers) - used, Beneath.now(store)
        held = stored(store, contender.stored) if contender.stored else done
        assert held >= done, f"{done} messages were answered, {held} are stored"
        return Cost(
            done / took,
            used / sent * 1e6,
            (since.cpu_s - beneath.cpu_s) / sent * 1e6,
            (since.wal_bytes - beneath.wal_bytes) / sent,
            since.log_bytes / held,
        )


class Beneath(NamedTuple):
    """What PostgreSQL has used so far; zeros where there is none."""

    cpu_s: float = 0.0
    wal_bytes: float = 0.0
    log_bytes: float = 0.0

    @classmethod
    def now(cls, store: str) -> Beneath:
        if not store.startswith("postgresql://"):
            return cls()
        server, database = _postgres[0], store.rsplit("/", 1)[1]
        tree = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('log')"
        wal = server.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn", database)[0][0]
        has_log = server.execute("SELECT to_regclass('log') IS NOT NULL", database)[0][0]
        log = server.execute(tree, database)[0][0] if has_log else 0
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        used = [cpu_s(int(child)) for child in children]
        # A child that has gone meanwhile has no figure.
        return cls(sum(one for one in used if one == one), float(str(wal)), float(str(log)))


def started(command: Command, stack: contextlib.ExitStack, *, apart: bool) -> subprocess.Popen[str]:
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pin(server.pid, {0} if apart else {0, 1})
    stack.callback(server.wait)
    stack.callback(server.send_signal, signal.SIGKILL)
    return server


_numbers = count()
_postgres: list[PostgresServer] = []


@contextlib.contextmanager
def store_for(name: str, contender: Contender) -> Iterator[str]:
    """A new SQLite file or PostgreSQL database, on a disk and with every sync."""
    if not name.endswith("-pg"):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            yield f"{folder}/store.db"
        return
    if not _postgres:
        # Its folder must be open to another user when this one is root; /var/tmp is a disk.
        _postgres.append(PostgresServer({"shared_buffers": "256MB", "max_wal_size": "4GB"}, "/var/tmp"))
        _postgres[0].start()
    server, database = _postgres[0], f"bench_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {database} TEMPLATE template0")
    if contender.migrates:
        migrate_postgres(server.url(database), datetime.now(UTC))
    yield server.url(database)


def stored(store: str, query: str) -> int:
    if store.startswith("postgresql://"):
        return int(str(_postgres[0].execute(query, store.rsplit("/", 1)[1])[0][0]))
    return sqlite3.connect(store).execute(query).fetchone()[0]


def pin(process: int, cores: set[int]) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, cores)


def compare(ours: str, theirs: str, given: argparse.Namespace) -> float:
    """Measure both, in turn; ours to theirs."""
    rates: dict[str, float] = {ours: 0.0, theirs: 0.0}
    for _ in range(given.rounds):
        for name in rates:
            cost = measure(name, given.stations, given.seconds, apart=given.apart)
            rates[name] += cost.rate
            print(f"{name:14} {told(cost)}", flush=True)
    return rates[ours] / rates[theirs]


def told(cost: Cost) -> str:
    beneath = f" and {cost.postgres_us:.0f} us of PostgreSQL's" if cost.postgres_us else ""
    return f"{cost.rate:9.0f} messages/s, {cost.cpu_us:6.0f} us of processor time each{beneath}"


def sweep(seconds: float) -> None:
    """What a message costs, by how many stations there are."""
    for stations in (10, 50, 200, 1000, 5000):
        cost = measure("elstrada-pg", stations, seconds, apart=False)
        print(
            f"{stations:5} stations: {told(cost)}, {cost.wal_bytes:.0f} bytes ahead, {cost.log_bytes:.0f} in"
            " the log",
            flush=True,
        )


def main() -> None:
    words = argparse.ArgumentParser(description="Transaction messages per second over real sockets.")
    words.add_argument("what", nargs="?", choices=(*PAIRS, "sweep", "all"), default="all")
    words.add_argument("--stations", type=int, default=200)
    words.add_argument("--seconds", type=float, default=8.0)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--apart", action="store_true", help="servers on one core, load on the other")
    given = words.parse_args()
    pin(0, {1} if given.apart else {0, 1})
    try:
        if given.what == "sweep":
            sweep(given.seconds)
        for what, (ours, theirs, wanted) in PAIRS.items():
            if given.what in (what, "all"):
                print(f"{what}: {ours} against {theirs}")
                print(f"{'ratio':14} {compare(ours, theirs, given):9.2f}  (wanted: at least {wanted})")
    finally:
        for server in _postgres:
            server.remove()


if __name__ == "__main__":
    main()
