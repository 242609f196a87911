"""A process to be killed: appends to many streams, and says what was acknowledged after it was.

Usage: ``python killed_writer.py DATABASE``, a file or an address of PostgreSQL. Each line of output: stream
number, version.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from elstrada.model.facts import StationConnected
from elstrada.spine.face import Append, Spine, Work
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.sqlite import SqliteSpine

STREAMS = 50


def killed_after(seconds: float, database: str) -> dict[int, int]:
    """Run this program, kill it some time after every stream has begun, and return what was acknowledged of each."""
    with subprocess.Popen([sys.executable, __file__, database], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        acknowledged: dict[int, int] = {}
        while len(acknowledged) < STREAMS:
            line = child.stdout.readline()
            assert line, "it ended by itself"
            _note(acknowledged, line)
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        for line in child.stdout:
            _note(acknowledged, line)
    return acknowledged


def _note(acknowledged: dict[int, int], line: bytes) -> None:
    """Take a line in; the kill may have cut the last one short."""
    if line.endswith(b"\n"):
        number, version = line.split()
        acknowledged[int(number)] = int(version)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def _station(spine: Spine, number: int) -> None:
    stream = f"station/SE*ELS/CP{number}"
    version = (await spine.load(stream)).version
    while True:
        await spine.commit(Work(appends=(Append(stream, version, (StationConnected("ocpp1.6", "c"),)),)))
        version += 1
        os.write(1, f"{number} {version}\n".encode())


async def _main(database: str) -> None:
    if database.startswith("postgresql:"):
        spine: Spine = PostgresSpine(database, _WallClock())
    else:
        spine = SqliteSpine(Path(database), _WallClock())
    await spine.start()
    await asyncio.gather(*(_station(spine, number) for number in range(STREAMS)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
