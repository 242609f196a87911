"""All stations come back at once: after a cut of the network, a restart of a router, a power cut in a town.

``make soak`` lets two thousand come back; what that took is in docs/performance.md.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from installation import Installation, Nursery, serving
from storm import Storm, weather

BYSTANDERS = [f"BY-{n}" for n in range(3)]


@dataclass
class Town:
    """A serving installation and its stations."""

    home: Installation
    passwords: dict[str, str]

    async def weather(self, count: int, *, within_s: float, silently: bool = False) -> Storm:
        """Let so many of its stations come back at once."""
        names = [*(name for name in self.passwords if name not in BYSTANDERS)][:count]
        chosen = {name: self.passwords[name] for name in (*names, *BYSTANDERS)}
        storm = await weather(self.home, chosen, BYSTANDERS, within_s=within_s, silently=silently)
        print(storm)
        assert len(storm.served_s) == count
        assert max(storm.commands_s) < 5
        return storm


@contextmanager
def built(folder: Path, nursery: Nursery, count: int) -> Iterator[Town]:
    with serving(Installation(folder, nursery)) as home:
        names = [*(f"CP-{n:04}" for n in range(count)), *BYSTANDERS]
        yield Town(home, {name: home.done("station add", station=name)["password"] for name in names})


@pytest.fixture(scope="module")
def town(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with built(tmp_path_factory.mktemp("town"), nursery, 200) as made:
        yield made


@pytest.mark.rule(2)
async def test_thirty_stations_that_drop_and_return_are_served_within_five_seconds(town: Town) -> None:
    await town.weather(30, within_s=5)


@pytest.mark.rule(2, 37)
async def test_two_hundred_stations_come_back_at_once_and_others_are_commanded_meanwhile(town: Town) -> None:
    await town.weather(200, within_s=20)


@pytest.mark.rule(1, 2)
async def test_two_hundred_whose_old_sockets_never_said_goodbye_come_back_as_well(town: Town) -> None:
    """Slow, six seconds: each must wait until its old socket has failed to answer a ping (T2)."""
    storm = await town.weather(200, within_s=30, silently=True)
    assert min(storm.served_s) > 4, "a newcomer waits for the old socket's sign of life"


@pytest.mark.soak
@pytest.mark.rule(2, 37)
@pytest.mark.parametrize("silently", [False, True])
async def test_two_thousand_stations_come_back_within_a_minute(
    nursery: Nursery, tmp_path: Path, silently: bool
) -> None:
    """Slow: two thousand stations are entered first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 10_000)), hard))
    with built(tmp_path, nursery, 2_000) as town:
        await town.weather(2_000, within_s=60, silently=silently)
