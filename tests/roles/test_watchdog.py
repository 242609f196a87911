"""A process whose loop stands still ends itself, and says where it stood (F17)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

from elstrada.roles.watchdog import EXIT_STUCK, Watchdog

STUCK = """
import asyncio, logging, sys, time
from elstrada.roles.watchdog import Watchdog
logging.basicConfig()
async def main():
    watchdog = Watchdog(stuck_s=2)
    watchdog.start()
    print("watching", flush=True)
    {body}
asyncio.run(main())
"""


def started(body: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(body=body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "watching\n"
    return process


def test_a_loop_that_is_blocked_ends_the_process_with_its_stack() -> None:
    process = started("def somewhere_deep(): time.sleep(60)\n    somewhere_deep()")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == EXIT_STUCK
    assert "somewhere_deep" in errors


def test_a_loop_that_is_stuck_in_its_own_log_ends_too() -> None:
    """Nobody reads its standard error, and what it writes there waits for ever."""
    body = "await asyncio.sleep(0.1)\n    logging.error('x' * 10_000_000)"
    process = started(body)
    assert process.wait(timeout=30) == EXIT_STUCK
    process.kill()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_a_process_that_was_stopped_as_a_whole_goes_on() -> None:
    """F11: it is paused, not stuck."""
    process = started("await asyncio.sleep(4)\n    print('went on', flush=True)\n    watchdog.stop()")
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(process.pid, signal.SIGCONT)
    told, errors = process.communicate(timeout=30)
    assert (process.returncode, told, errors) == (0, "went on\n", "")


async def test_the_worst_lag_is_told_once() -> None:
    watchdog = Watchdog(stuck_s=30)
    watchdog.start()
    await asyncio.sleep(0.05)
    time.sleep(0.8)  # noqa: ASYNC251  It is the point.
    await asyncio.sleep(0.01)
    assert 0.2 < watchdog.take_worst() < 5
    assert watchdog.take_worst() < 0.2
    watchdog.stop()
