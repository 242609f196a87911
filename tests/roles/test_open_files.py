"""A server takes as many open files as it may have, and says when they are too few for its stations."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elstrada.net.clock import SystemClock
from elstrada.roles import open_files
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine

NOFILE = resource.RLIMIT_NOFILE
LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 400)); from elstrada.cli import main; main()"


async def recorded(count: int) -> MemorySpine:
    spine, clock = MemorySpine(SystemClock()), SystemClock()
    row = {"owner": "SE*ELS", "document": "{}", "changed_at": clock.now()}
    puts = (Put(t.station, row | {"station_id": f"S{number}"}) for number in range(count))
    await spine.commit(Work(writes=tuple(puts)))
    return spine


@pytest.mark.parametrize(("allowed", "said"), [(503, False), (502, True)])
async def test_too_few_for_the_stations_on_record_are_told(
    caplog: pytest.LogCaptureFixture, allowed: int, said: bool
) -> None:
    await open_files.warn_if_few(await recorded(3), allowed)
    told = [record.getMessage() for record in caplog.records]
    assert bool(told) is said
    assert all("may open 502 files, and 3 stations need 503" in line for line in told)


def test_a_server_raises_its_soft_limit_and_says_that_the_hard_one_is_low(tmp_path: Path) -> None:
    settings = {
        "ELSTRADA_DATA_DIR": str(tmp_path / "data"),
        "ELSTRADA_PARTIES": '[{"id": "SE*ELS", "roles": ["CPO"], "name": "Elstrada"}]',
        **{f"ELSTRADA_{name}__PORT": "0" for name in ("HTTP", "STATIONS", "HEALTH")},
    }
    for words in (
        ("party", "put", "SE*ELS", "--roles", "CPO", "--name", "Elstrada"),
        ("station", "add", "S1"),
    ):
        subprocess.run([*command(), *words], env=os.environ | settings, check=True, capture_output=True)
    with serving(tmp_path, os.environ | settings) as process:
        assert resource.prlimit(process.pid, NOFILE) == (400, 400)
    assert "may open 400 files, and 1 stations need 501" in (tmp_path / "err").read_text()


def command() -> list[str]:
    return [sys.executable, "-c", LIMITED]


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen([*command(), "serve"], env=environment, stdout=out, stderr=err)
    try:
        deadline = time.monotonic() + 30
        while "/readyz" not in (folder / "out").read_text():
            assert process.poll() is None, (folder / "err").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0
