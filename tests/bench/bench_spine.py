"""Facts per second through ``Spine.commit`` with full durability, on SQLite and on PostgreSQL.

Usage: ``python tests/bench/bench_spine.py [--engines sqlite,postgres] [--streams 1000] [--seconds 5] [--busy]``.
Each stream appends one meter sample at a time and waits for its commit, as a station does. The
PostgreSQL server runs on the same cores, with ``fsync`` and ``synchronous_commit`` on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from elstrada.model.facts import MeterSampled
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.quantity import MeterSample
from elstrada.spine.face import Append, Spine, Work
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.postgres_migrate import SHARDS
from elstrada.spine.sqlite import SqliteSpine
from postgres_server import PostgresServer, migrated_database

_OWNER = PartyId("SE", "ELS")
_START = datetime(2026, 3, 1, tzinfo=UTC)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@asynccontextmanager
async def _sqlite(directory: str, _: int) -> AsyncIterator[Spine]:
    spine = SqliteSpine(Path(directory) / "bench.db", _WallClock())
    await spine.start()
    yield spine
    await spine.close()


@asynccontextmanager
async def _postgres(directory: str, shards: int) -> AsyncIterator[Spine]:
    # Beside the directory, which is closed to the user that the server runs as.
    server = PostgresServer({"shared_buffers": "256MB"}, str(Path(directory).parent))
    server.start()
    try:
        with migrated_database(server, shards=shards) as url:
            spine = PostgresSpine(url, _WallClock())
            await spine.start()
            yield spine
            await spine.close()
    finally:
        server.remove()


_ENGINES: dict[str, Callable[[str, int], AbstractAsyncContextManager[Spine]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
}


async def _charge(spine: Spine, number: int, until: float) -> int:
    stream = station_stream(_OWNER, f"CP{number:04}")
    version = 0
    while time.perf_counter() < until:
        work = Work(appends=(Append(stream, version, (_sample(number, version),)),))
        await spine.commit(work)
        version += 1
    return version


def _sample(number: int, version: int) -> MeterSampled:
    at = _START + timedelta(seconds=10 * version)
    sample = MeterSample(at, energy_wh=1_000_000 + version * 30, power_w=11_000)
    return MeterSampled(1, 1, (sample,), f"session-{number}", version, version * 30, 11_000)


async def _keep_busy(until: float) -> None:
    """Everything else a loop does: half of its time in Python code that holds the interpreter."""
    while time.perf_counter() < until:
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0.005)


async def _measure(engine: str, directory: str, options: argparse.Namespace) -> float:
    streams, seconds, busy = options.streams, options.seconds, options.busy
    async with _ENGINES[engine](directory, options.shards) as spine:
        begin, cpu = time.perf_counter(), time.process_time()
        until = begin + seconds
        company = asyncio.create_task(_keep_busy(until)) if busy else None
        facts = sum(await asyncio.gather(*(_charge(spine, number, until) for number in range(streams))))
        elapsed, used = time.perf_counter() - begin, time.process_time() - cpu
        if company is not None:
            await company
    print(f"{engine}: {facts / elapsed:,.0f} facts/s: {facts:,} of {streams} streams in {elapsed:.1f} s")
    print(f"  {used / facts * 1e6:.1f} us of this process's time per fact, {used / elapsed:.0%} of a core")
    return facts / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="sqlite,postgres")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--shards", type=int, default=SHARDS, help="of the database on PostgreSQL")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--busy", action="store_true", help="let the event loop do other work half of the time"
    )
    parser.add_argument(
        "--directory", help="where the databases are made; default: the system's temporary one"
    )
    options = parser.parse_args()
    rates: list[float] = []
    for engine in options.engines.split(","):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            rates.append(asyncio.run(_measure(engine, directory, options)))
    if len(rates) > 1:
        print(f"ratio {rates[1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
