"""A disk that is full: no answer, no error, nothing lost, and on it goes when there is room again (F6, P8)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from books import answers, check_log, check_money, check_sessions, settled, told_of
from installation import Installation, Nursery, free_port, wait_for
from market import open_market
from test_e2e_nothing_is_lost import make_stations

SMALL, LARGER = "size=12m", "size=200m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "installation" / "data"
    folder.mkdir(parents=True)
    mounted = shutil.which("mount") and os.geteuid() == 0 and _mount(folder, SMALL) == 0
    if not mounted:
        pytest.skip("only root on Linux can mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def _mount(folder: Path, options: str) -> int:
    return subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
    ).returncode


@pytest.mark.slow
@pytest.mark.parametrize("billed", [False, pytest.param(True, marks=pytest.mark.soak)])
@pytest.mark.rule(15)
async def test_a_full_disk_stops_the_answers_and_loses_nothing(
    small_disk: Path, nursery: Nursery, capsys: pytest.CaptureFixture[str], billed: bool
) -> None:
    """Slow: a hundred stations fill a disk, wait before closed doors, and go on.

    With ``billed`` it fails at times: the last bill lines can take longer than a minute.
    """
    home = Installation(small_disk.parent, nursery, http_port=free_port(), stations_port=free_port())
    home.start()
    try:
        market = await asyncio.to_thread(open_market, home, home)
        stations = await asyncio.to_thread(make_stations, market)
        gate = asyncio.Event()
        gate.set()
        for station in stations:
            station.back_off_s = 0.5
        working = [asyncio.create_task(station.work([home.stations_url], gate)) for station in stations]
        await asyncio.to_thread(wait_for, lambda: not ready(home), "the disk to be full", every_s=0.02)
        await asyncio.sleep(1)
        full = answers(stations)
        await asyncio.sleep(3)
        assert answers(stations) - full <= len(stations), "it said that it cannot, and went on answering"
        await asyncio.to_thread(_enlarge, small_disk)
        begun = time.monotonic()
        enough = answers(stations) + 500
        await asyncio.to_thread(wait_for, lambda: answers(stations) > enough, "answers after all")
        took = time.monotonic() - begun
        for station in stations:
            station.finishing = True
        await asyncio.wait_for(asyncio.gather(*working), 60)
        check_log(home.rows, stations)
        if billed:
            await asyncio.to_thread(wait_for, lambda: settled(home.rows, stations), "every CDR and bill line")
            check_sessions(home.rows, stations)
            check_money(home.rows, stations)
        assert await asyncio.to_thread(home.stop) == 0
    finally:
        if home.pid is not None:
            home.kill()
    with capsys.disabled():
        print(f"\nfull after {full} answers; 500 more {took:.1f} s after there was room; {told_of(stations)}")


def ready(home: Installation) -> bool:
    return home.health("/readyz")[0] == 200


def _enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,{LARGER}", disk], check=True)
