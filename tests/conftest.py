"""What all tests share."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Generator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from memory_folder import memory_folder

# How long an example takes tells of the machine and its neighbours, not of what is tested.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The continuous build tries the same examples each time, so that it tells of the change that it builds.
settings.register_profile("build", settings.get_profile("shared machine"), derandomize=True)
settings.register_profile("long", settings.get_profile("shared machine"), max_examples=5_000)
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on plain asyncio."""
    return "asyncio"


def pytest_configure() -> None:
    """Put temporary folders into memory where there is room: most of these tests wait for nothing but syncs.

    No test may rest on a disk that syncs: what a power cut leaves is tried on one that forgets
    (spine/forgetful_disk.py), and a process that is killed loses nothing that it has written.
    """
    if folder := memory_folder():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)


# --- who runs what ----------------------------------------------------------------------------------


WHOLE = "tests/deploy/"
"""A folder for one worker: it installs a wheel."""
APART = ("tests/sim/test_sim_worlds.py", "tests/sim/test_sim_planted.py")
"""Files whose tests share nothing and reckon for minutes: each test is for whoever is free."""


class Shares(LoadFileScheduling):
    """Gives a worker whole files, which share their servers."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(WHOLE):
            return WHOLE
        return nodeid if nodeid.startswith(APART) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares | None:
    """What ``--dist loadfile`` means here."""
    return Shares(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have several workers begin each file that takes long in the first half, and not all at once.

    At the end every worker has something to do then; and what waits in one is filled by what reckons in another.
    """
    if not hasattr(config, "workerinput"):
        return
    files = [list(file) for _, file in groupby(items, lambda item: item.path)]
    long = [file for file in files if any(_takes_long(item) for item in file)]
    rest = [file for file in files if file not in long]
    apart = len(rest) / 2 / max(len(long), 1)
    for number, file in enumerate(long):
        rest.insert(round(number * apart) + number, file)
    items[:] = [item for file in rest for item in file]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have those that are marked ``alone`` run one after the other, whichever workers have them.

    Each loads both cores and waits a bounded time for what it began. The turn is waited for before a
    test's own time is counted.
    """
    if item.get_closest_marker("alone") is None:
        return (yield)
    with Path(tempfile.gettempdir(), "elstrada-alone.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return (yield)


def _takes_long(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("slow", "browser"))
