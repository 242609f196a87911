"""PostgreSQL on a disk that fills up (F6)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from elstrada.model.facts import StationConnected
from elstrada.spine.face import Append, SpineDown, Work
from elstrada.spine.postgres import PostgresSpine
from postgres_server import PostgresServer, migrated_database

_DISK_BYTES = 160 * 2**20
_ROOM_BYTES = 12 * 2**20
_CP1 = "station/SE*ELS/CP1"


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own."""
    folder = Path(tempfile.mkdtemp(prefix="elstrada-small-"))
    options = f"size={_DISK_BYTES},mode=0755"
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        folder.rmdir()
        pytest.skip("no file system can be mounted here: that takes root")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def _work(version: int) -> Work:
    return Work(appends=(Append(_CP1, version, (StationConnected("ocpp1.6", os.urandom(20_000).hex()),)),))


async def _fill(spine: PostgresSpine, version: int) -> int:
    """Append behind ``version`` until the disk is full; returns the last version acknowledged."""
    for after in range(version, 10_000):
        try:
            await spine.commit(_work(after))
        except SpineDown:
            return after
    raise AssertionError("the disk never filled up")


async def _goes_on(spine: PostgresSpine) -> int:
    """The version after a commit that succeeds, as soon as one does."""
    async with asyncio.timeout(20):
        while True:
            try:
                version = (await spine.load(_CP1)).version
                await spine.commit(_work(version))
            except SpineDown:
                await asyncio.sleep(0.1)
            else:
                return version + 1


def test_a_full_disk_acknowledges_nothing_falsely_and_passes_f6(small_disk: Path) -> None:
    """P8. Whether PostgreSQL refuses a page or stops for want of room for its log, nothing is lost by it."""
    server = PostgresServer({"min_wal_size": "32MB", "max_wal_size": "32MB"}, str(small_disk))
    server.start()
    ballast = small_disk / "ballast"

    async def play(url: str) -> None:
        spine = PostgresSpine(url, _Clock())
        await spine.start()
        await spine.commit(_work(0))
        room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room - _ROOM_BYTES)
        acknowledged = await _fill(spine, 1)
        ballast.unlink()
        if not await asyncio.to_thread(server.answers):
            await asyncio.to_thread(server.start)
        last = await _goes_on(spine)
        facts = await spine.facts(_CP1, limit=100_000)
        assert [fact.version for fact in facts] == list(range(1, last + 1))
        # The commit that met the full disk may have been done, unheard.
        assert acknowledged + 1 <= last <= acknowledged + 2
        assert spine.failure is None
        await spine.close()

    try:
        with migrated_database(server) as url:
            asyncio.run(play(url))
    finally:
        server.remove()
