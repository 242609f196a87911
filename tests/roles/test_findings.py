"""What strayed is counted, survives a restart, and costs a bounded memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from elstrada.net.clock import SystemClock
from elstrada.roles.findings import MOST_KINDS, OVERFLOW, Findings
from elstrada.spine import tables as t
from elstrada.spine.face import SpineDown, Work
from elstrada.spine.memory import MemorySpine, MemoryStore
from elstrada.spine.sqlite import SqliteSpine


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)


async def test_counts_go_on_after_a_restart(tmp_path: Path) -> None:
    for expected in (2, 4):
        spine = SqliteSpine(tmp_path / "e.db", SystemClock())
        await spine.start()
        findings = Findings(spine, SystemClock())
        await findings.load()
        findings.note("station:SE*ELS/S1", "maxLength", "too\nlong")
        findings.note("station:SE*ELS/S1", "maxLength", "too\nlong")
        await findings.flush()
        (row,) = await spine.find(t.finding)
        assert (row["count"], row["sample"]) == (expected, "too·long")
        await spine.close()


async def test_more_kinds_than_are_kept_are_counted_together() -> None:
    spine = MemorySpine(Clock())
    await spine.start()
    findings = Findings(spine, Clock())
    for number in range(MOST_KINDS + 5):
        findings.note(f"address:{number}", "x", "y")
    await findings.flush()
    row = await spine.get(t.finding, source=OVERFLOW[0], code=OVERFLOW[1])
    assert row is not None
    assert row["count"] == 5


async def test_only_changes_are_written() -> None:
    spine = MemorySpine(Clock())
    await spine.start()
    findings = Findings(spine, Clock())
    findings.note("address:1", "x", "y")
    await findings.flush()
    before = await spine.find(t.finding)
    await findings.flush()
    assert await spine.find(t.finding) == before


async def test_nodes_that_count_side_by_side_lose_nothing_of_each_other() -> None:
    store = MemoryStore()
    nodes = [Findings(MemorySpine(Clock(), store), Clock()) for _ in range(5)]
    for _ in range(4):
        for node in nodes:
            node.note("peer:SE*ELS/P1", "R-12", "x")
            node.note("address:10.0.0.1", "HTTP 404", "y")
        await asyncio.gather(*(node.flush() for node in nodes))
    while any(node.unsaved("peer:SE*ELS/P1", "R-12") for node in nodes):
        await asyncio.gather(*(node.flush() for node in nodes))
    rows = await MemorySpine(Clock(), store).find(t.finding)
    assert [row["count"] for row in rows] == [20, 20]


async def test_what_cannot_be_written_is_counted_on_and_written_later() -> None:
    down = True

    async def gate(_: Work) -> None:
        if down:
            raise SpineDown("disk full")

    spine = MemorySpine(Clock(), before=gate)
    findings = Findings(spine, Clock())
    for number in range(3):
        findings.note("station:SE*ELS/S1", "x", str(number))
        await findings.flush()
    down = False
    await findings.flush()
    (row,) = await spine.find(t.finding)
    assert (row["count"], row["sample"]) == (3, "2")


async def test_a_node_that_stops_writes_what_it_has_counted() -> None:
    spine = MemorySpine(Clock())
    findings = Findings(spine, Clock())
    running = asyncio.create_task(findings.run(every_s=60))
    await asyncio.sleep(0)
    findings.note("station:SE*ELS/S1", "x", "y")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [row["count"] for row in await spine.find(t.finding)] == [1]
