"""The real clock, and both kinds of chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.net.chance import SeededChance, SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.face import Chance


def handful(chance: Chance) -> list[object]:
    return [chance.fresh(), chance.uuid(), chance.secret(), chance.spread(), chance.fresh()]


def test_the_clock_tells_utc() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


@pytest.mark.parametrize("chance", [SystemChance(), SeededChance(1)], ids=["system", "seeded"])
@pytest.mark.rule(16)
def test_what_chance_gives_is_fit_for_use(chance: Chance) -> None:
    for _ in range(200):
        fresh = chance.fresh()
        assert 1 <= fresh.number < 2**31  # T8: never 0, and an OCPP 1.6 integer
        assert len(fresh.id) <= 36
        assert UUID(chance.uuid()).version == 4
        assert 0 <= chance.spread() < 1
        secret = chance.secret()
        assert secret.isascii()
        assert secret.isprintable()
        assert len(secret) >= 43
    assert len({chance.secret() for _ in range(100)}) == 100


@given(st.integers() | st.text(max_size=20))
def test_the_same_seed_gives_the_same_world(seed: int | str) -> None:
    assert handful(SeededChance(seed)) == handful(SeededChance(seed))


def test_another_seed_gives_another_world_and_the_system_never_repeats() -> None:
    assert handful(SeededChance(1)) != handful(SeededChance(2))
    assert handful(SystemChance()) != handful(SystemChance())
