"""A process to be killed: appends to many streams, and says what was acknowledged after it was.

Usage: ``python killed_writer.py DATABASE``. Each line of output: stream number, version.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from elstrada.model.facts import StationConnected
from elstrada.spine.face import Append, Work
from elstrada.spine.sqlite import SqliteSpine

STREAMS = 50


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def _station(spine: SqliteSpine, number: int) -> None:
    stream = f"station/SE*ELS/CP{number}"
    version = (await spine.load(stream)).version
    while True:
        await spine.commit(Work(appends=(Append(stream, version, (StationConnected("ocpp1.6", "c"),)),)))
        version += 1
        os.write(1, f"{number} {version}\n".encode())


async def _main(path: Path) -> None:
    spine = SqliteSpine(path, _WallClock())
    await spine.start()
    await asyncio.gather(*(_station(spine, number) for number in range(STREAMS)))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
