"""A wire log without a gateway: what was written, as it is read."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

from elstrada.net.clock import SystemClock
from elstrada.roles.wirelog.line import Line
from elstrada.roles.wirelog.reading import Connected, Logged, Wanted, connections, every
from elstrada.roles.wirelog.store import SUFFIX, Bounds
from elstrada.roles.wirelog.tap import Kind, Tap, WireLog
from elstrada.roles.wirelog.writer import Writer

OWNER, STATION = "SE*ELS", "CP1"


def line(station_id: str = STATION, connection_id: str = "c1") -> Line:
    return Line(
        owner=OWNER,
        station_id=station_id,
        connection_id=connection_id,
        protocol="ocpp1.6",
        remote="192.0.2.7",
        security="plain",
    )


class _Counted(WireLog):
    """Counts what there was room for."""

    count = 0

    def note(self, line: Line, kind: Kind, text: bytes, at: datetime | None = None, code: int = 0) -> None:
        dropped = self.dropped
        super().note(line, kind, text, at, code)
        self.count += self.dropped == dropped


class Book:
    """One node's wire log, and its readers."""

    def __init__(self, folder: Path, bounds: Bounds | None = None, waiting_bytes: int = 16 << 20) -> None:
        clock = SystemClock()
        self.folder, self.path = folder, folder / f"n1{SUFFIX}"
        self.log = self._counted = _Counted(clock, waiting_bytes)
        self.writer = Writer(self.log, self.path, bounds or Bounds(), clock)

    def __enter__(self) -> Book:
        self.writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.stop()

    def tap(self, station_id: str = STATION, connection_id: str = "c1") -> Tap:
        return self.log.tap(line(station_id, connection_id))

    def settle(self, within_s: float = 20.0) -> None:
        """Wait until nothing waits any more."""
        until = time.monotonic() + within_s
        while not self.writer.idle:
            assert time.monotonic() < until, "the writer does not catch up"
            time.sleep(0.02)

    @property
    def written(self) -> int:
        return self.writer.written

    @property
    def noted(self) -> int:
        """What went into the queue."""
        return self._counted.count

    def read(self, **wanted: object) -> list[Logged]:
        return list(every([self.path], Wanted(station_id=STATION, **wanted)))  # type: ignore[arg-type]

    def connections(self) -> list[Connected]:
        return connections([self.path], OWNER, STATION, 100)

    def bytes(self) -> bytes:
        """Everything in the files, as it lies on the disk."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob(f"*{SUFFIX}*")))
