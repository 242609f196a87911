"""How a process that goes on until it is stopped is told to."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from elstrada.roles.serve import told_to_stop


async def _stops_at(number: signal.Signals) -> bool:
    stop = told_to_stop()
    os.kill(os.getpid(), number)
    try:
        async with asyncio.timeout(0.5):
            return await stop.wait()
    except TimeoutError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_a_supervisor_and_a_closed_terminal_end_it_in_order(number: signal.Signals):
    before = signal.signal(number, signal.SIG_DFL)  # Tests may run under nohup themselves.
    try:
        assert asyncio.run(_stops_at(number))
    finally:
        signal.signal(number, before)


def test_under_nohup_it_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert not asyncio.run(_stops_at(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
