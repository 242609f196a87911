"""A desk on a spine in memory."""

from __future__ import annotations

import pytest
from desk_book import StepClock

from elstrada.net.chance import SeededChance
from elstrada.roles.desk.face import Desk
from elstrada.roles.keys import derived_keys
from elstrada.spine.memory import MemorySpine


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def desk(clock: StepClock) -> Desk:
    return Desk(spine=MemorySpine(clock), keys=derived_keys("desk"), clock=clock, chance=SeededChance("desk"))
