"""Facts per second through ``SqliteSpine.commit`` with full durability.

Usage: ``taskset -c 0 python tests/bench/bench_spine.py [--streams 1000] [--seconds 5] [--busy]``.
Each stream appends one meter sample at a time and waits for its commit, as a station does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from elstrada.model.facts import MeterSampled
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.quantity import MeterSample
from elstrada.spine.face import Append, Work
from elstrada.spine.sqlite import SqliteSpine

_OWNER = PartyId("SE", "ELS")
_START = datetime(2026, 3, 1, tzinfo=UTC)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def _charge(spine: SqliteSpine, number: int, until: float) -> int:
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


async def _measure(path: Path, streams: int, seconds: float, busy: bool) -> None:
    spine = SqliteSpine(path, _WallClock())
    await spine.start()
    begin, cpu = time.perf_counter(), time.process_time()
    until = begin + seconds
    company = asyncio.create_task(_keep_busy(until)) if busy else None
    facts = sum(await asyncio.gather(*(_charge(spine, number, until) for number in range(streams))))
    elapsed, used = time.perf_counter() - begin, time.process_time() - cpu
    if company is not None:
        await company
    await spine.close()
    print(f"{facts / elapsed:,.0f} facts/s: {facts:,} facts of {streams} streams in {elapsed:.1f} s")
    print(f"{used / facts * 1e6:.1f} us of processor time per fact, {used / elapsed:.0%} of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--busy", action="store_true", help="let the event loop do other work half of the time"
    )
    parser.add_argument("--directory", help="where the database is made; default: the system's temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory) / "bench.db"
        asyncio.run(_measure(path, options.streams, options.seconds, options.busy))


if __name__ == "__main__":
    main()
