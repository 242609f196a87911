"""OCPI over real sockets, against what others would build on: npm ``fastify``, and PyPI's ``extrawest-ocpi``.

``list``: a page of 50 of 500 locations, three EVSEs each. ``put``: a location pushed to us: authenticated,
routed, read, validated, decided, translated, stored. ``authorize``: may this card charge?

Everybody looks up the token, checks the routing and echoes the ids; fastify validates and serialises by JSON
schema each time. Stores are in memory; ``--store file`` gives ours an SQLite file with every sync. The server
has one core and the load the other. Runs A B C A B C and prints rates, and ratios of the medians.

    .venv/bin/python tests/bench/bench_ocpi.py [list|put|authorize|all] [--seconds 4] [--rounds 3] [--store file]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import uvloop

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "ocpi"), str(HERE.parent), str(HERE.parent / "e2e")]
from bench_walk import cpu_s, pin  # noqa: E402
from callers import Loaded, drive  # noqa: E402
from documents import TOKEN, objects  # noqa: E402  Beside the servers that it loads.
from extrawest_peer import interpreter  # noqa: E402
from npm_parts import node  # noqa: E402

ADDRESSES = {
    "list": ("/ocpi/2.2.1/cpo/locations", "/ocpi/cpo/2.2.1/locations/"),
    "put": ("/ocpi/2.2.1/emsp/locations", "/ocpi/emsp/2.2.1/locations"),
    "authorize": ("/ocpi/2.2.1/emsp/tokens", "/ocpi/emsp/2.2.1/tokens"),
}
"""Of a scene's module: at ours and fastify's, and at extrawest's."""
WANTED = {
    "list": {"fastify": 2.0, "extrawest": 50.0},
    "put": {"fastify": 1.0, "extrawest": 15.0},
    "authorize": {"fastify": 1.0},
}
"""How often as fast as each ours should be."""


def command(name: str, has: str, store: str) -> list[str]:
    """How to start a contender; its packages are installed on first use."""
    if name == "elstrada":
        return [sys.executable, str(HERE / "ocpi" / "serve_elstrada.py"), has, TOKEN, store]
    if name == "fastify":
        return [node(HERE / "ocpi_fastify"), str(HERE / "ocpi_fastify" / "server.mjs"), has, TOKEN]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    return [str(interpreter()), str(HERE / "ocpi" / "serve_extrawest.py"), port, has, TOKEN]


@contextlib.contextmanager
def serving(name: str, stored: str) -> Iterator[tuple[int, int]]:
    """A contender on a core of its own: its process and port."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        has = Path(folder) / "objects.json"
        has.write_text(objects())
        store = stored if stored == "memory" else f"{folder}/store.db"
        server = subprocess.Popen(command(name, str(has), store), stdout=subprocess.PIPE, text=True)
        pin(server.pid, {0})
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            answers(port)
            yield server.pid, port
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()


def answers(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
    raise TimeoutError(f"nobody listens at {port}")


def measure(name: str, scene: str, given: argparse.Namespace) -> tuple[Loaded, float]:
    """Load a contender; returns what the load saw, and the server's processor time per request in microseconds."""
    with serving(name, given.store) as (process, port):
        address, used = ADDRESSES[scene][name == "extrawest"], cpu_s(process)
        loaded = uvloop.run(drive(port, scene, address, given.seconds))
        used = cpu_s(process) - used
    check(scene, loaded.sample)
    return loaded, used / loaded.answered * 1e6


def check(scene: str, sample: bytes) -> None:
    """Did the server do what it was asked to?"""
    data = json.loads(sample).get("data")
    if scene == "list":
        assert len(data) == 50, len(data)
        assert all(len(location["evses"]) == 3 for location in data)
    elif scene == "authorize":
        assert data["allowed"] == "ALLOWED", data


def compare(scene: str, given: argparse.Namespace) -> None:
    """Measure all, in turn, and say how ours stands to each."""
    names = [name for name in ("elstrada", *WANTED[scene]) if name in given.contenders]
    found: dict[str, list[tuple[Loaded, float]]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            loaded, cpu_us = measure(name, scene, given)
            found[name].append((loaded, cpu_us))
            print(
                f"{scene:10} {name:10} {loaded.rate:9.0f} a second, {cpu_us:7.0f} us of processor time each, half"
                f" within {loaded.half_ms:7.2f} ms, 99 % within {loaded.p99_ms:7.2f} ms",
                flush=True,
            )
    rates = {name: median(one.rate for one, _ in loads) for name, loads in found.items()}
    tails = {name: median(one.p99_ms for one, _ in loads) for name, loads in found.items()}
    costs = {name: median(cost for _, cost in loads) for name, loads in found.items()}
    for name in names[1:]:
        ratio, wanted = rates["elstrada"] / rates[name], WANTED[scene][name]
        verdict = "met" if ratio >= wanted else "NOT met"
        print(
            f"{scene}: {ratio:.2f}x {name} ({rates['elstrada']:.0f} against {rates[name]:.0f} a second), wanted"
            f" {wanted:g}x: {verdict}; by processor time {costs[name] / costs['elstrada']:.2f}x"
            f" ({costs['elstrada']:.0f} against {costs[name]:.0f} us); p99 {tails['elstrada']:.2f} against"
            f" {tails[name]:.2f} ms",
            flush=True,
        )


def main() -> None:
    words = argparse.ArgumentParser(description="Requests of OCPI per second over real sockets.")
    words.add_argument("scene", nargs="?", choices=(*WANTED, "all"), default="all")
    words.add_argument("--seconds", type=float, default=4.0)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--store", choices=("memory", "file"), default="memory", help="of ours")
    words.add_argument(
        "--contenders",
        nargs="+",
        choices=("elstrada", "fastify", "extrawest"),
        default=None,
        help="all if none",
    )
    given = words.parse_args()
    given.contenders = given.contenders or ["elstrada", "fastify", "extrawest"]
    pin(0, {1})
    for scene in WANTED if given.scene == "all" else (given.scene,):
        compare(scene, given)


if __name__ == "__main__":
    main()
