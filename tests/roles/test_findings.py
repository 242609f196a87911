"""What strayed is counted, survives a restart, and costs a bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from elstrada.net.clock import SystemClock
from elstrada.roles.findings import MOST_KINDS, OVERFLOW, Findings
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine
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
