"""Ten thousand worlds. Slow because it is a soak: about an hour on two cores."""

import pytest

from elstrada.sim.world import simulate

CHUNK = 100


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(10_000, 20_000, CHUNK))
def test_every_promise_holds_in_the_hundred_worlds_from(first: int):
    for seed in range(first, first + CHUNK):
        report = simulate(seed)
        assert not report.problems, str(report)
