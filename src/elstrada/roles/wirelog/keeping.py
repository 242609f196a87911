"""A node's wire log from its start to its end, and what became of it for those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics_core import Metric

from elstrada.net.face import Clock
from elstrada.roles.findings import Findings
from elstrada.roles.metrics.words import gauge, one, total
from elstrada.roles.wirelog.store import SUFFIX, Bounds
from elstrada.roles.wirelog.tap import WireLog
from elstrada.roles.wirelog.writer import Writer

LOOK_S = 5.0
LOST = "wire log lines lost"


class WireKeeper:
    """The queue and the thread that empties it, as one thing."""

    def __init__(self, folder: Path, node: str, bounds: Bounds, clock: Clock) -> None:
        self.log = WireLog(clock)
        self.writer = Writer(self.log, folder / f"{node}{SUFFIX}", bounds, clock)
        self._source = f"node:{node}"

    @property
    def lost(self) -> int:
        """Entries that will never be in the file."""
        return self.log.dropped + self.writer.lost

    async def watch(self, findings: Findings, every_s: float = LOOK_S) -> None:
        """Tell the operator of lost lines, until cancelled."""
        told = 0
        while True:
            await asyncio.sleep(every_s)
            lost = self.lost
            if lost > told:
                why = self.writer.trouble or "the writer is behind"
                findings.note(self._source, LOST, f"{lost - told} lines: {why}")
                told = lost

    async def stop(self) -> None:
        """Write what waits, in a thread of its own: the disk may be slow."""
        await asyncio.to_thread(self.writer.stop)

    def gather(self) -> Iterable[Metric]:
        """Its metrics."""
        writer = self.writer
        ends = {("written",): writer.written, ("dropped",): self.log.dropped, ("lost",): writer.lost}
        yield total("wire_log_lines", "Lines of the wire log, by what became of them.", ends, ("outcome",))
        yield gauge("wire_log_waiting", "Lines that wait to be written.", one(self.log.waiting))
        yield gauge("wire_log_size_bytes", "Of the wire log's file.", one(writer.size_bytes))
        yield gauge(
            "wire_log_healthy",
            "0 while lines are lost because the file cannot be written.",
            one(not writer.trouble),
        )
