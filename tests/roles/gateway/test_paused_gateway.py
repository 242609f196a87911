"""A gateway whose process stood still: its stations have gone elsewhere, and it can do no harm (F11, T2)."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from gateways import CPO, Caller, Place, dial, place
from shared_spine import SharingServer

from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.model.ids import station_stream
from elstrada.spine import tables as t
from nats_server import until

HERE = Path(__file__).parent
STATIONS = tuple(f"CP{number}" for number in range(1, 21))
PAUSE_S = 12


class OtherProcess:
    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port


@asynccontextmanager
async def other_process(here: Place) -> AsyncIterator[OtherProcess]:
    """The node n1, in a process of its own, on the memory of this one."""
    assert here.nats is not None
    sharing = SharingServer(here.nodes["n2"].spine)
    arguments = [str(HERE / "paused_gateway.py"), str(await sharing.start()), here.nats.url, "n1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            port = int(await process.stdout.readline())
        yield OtherProcess(process, port)
    finally:
        process.kill()
        await process.wait()
        await sharing.close()


def statuses(here: Place, station_id: str) -> list[str]:
    """What the log knows of its connector."""
    recorded = here.store.streams.get(station_stream(CPO, station_id), [])
    return [one.fact.status.value for one in recorded if isinstance(one.fact, f.ConnectorStatusChanged)]


@pytest.mark.slow
async def test_a_gateway_that_stood_still_writes_nothing_late_and_lets_its_sockets_go_f11(
    tmp_path: Path,
) -> None:
    """Slow: the process is stopped for longer than its stations wait for anything."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(place(tmp_path, "n2", stations=STATIONS))
        other = await stack.enter_async_context(other_process(here))
        old: dict[str, Caller] = {}
        for name in STATIONS:
            old[name] = await stack.enter_async_context(dial(other.port, name))
            await old[name].status("1", "Available")
        await until(lambda: all("1" in caller.answered for caller in old.values()))

        other.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        for caller in list(old.values())[::2]:  # What the system takes in for it, it finds when it wakes up.
            await caller.status("late", "Faulted")
        new: dict[str, Caller] = {}
        for name in STATIONS:
            new[name] = await stack.enter_async_context(here.nodes["n2"].dial(name))
            await new[name].status("2", "Charging")
        await until(lambda: all("2" in caller.answered for caller in new.values()), 10)
        assert time.monotonic() - stopped < 10
        await asyncio.sleep(PAUSE_S - (time.monotonic() - stopped))

        other.process.send_signal(signal.SIGCONT)
        await until(lambda: all(caller.closed for caller in old.values()), 10)
        assert not [name for name in STATIONS if "late" in old[name].answered], "P1"
        for name in STATIONS:
            assert statuses(here, name) == ["Available", "Charging"]
            assert here.store.tables.get(t.station_state, (str(CPO), name))["node"] == "n2"  # type: ignore[index]
            assert await here.nodes["n2"].command(f"k-{name}", name) == CommandDone(
                CommandResult.ACCEPTED, "Accepted"
            )
        assert {name: caller.asked for name, caller in new.items()} == {name: ["Reset"] for name in STATIONS}
        assert not any(caller.asked for caller in old.values())
        assert not any(caller.closed for caller in new.values())
