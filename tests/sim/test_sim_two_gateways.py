"""Stations between two gateways: whatever breaks, each is owned by one, and nothing is lost or done twice."""

import subprocess
import sys
from pathlib import Path

import pytest
from test_sim_planted import HERE, planted
from two_gateways import live

pytestmark = pytest.mark.slow  # As a file: begun early, it is not what all others wait for.
CHUNK = 10


@pytest.mark.no_cover  # Everything they pass through is counted elsewhere.
@pytest.mark.parametrize("first", range(0, 40, CHUNK))
@pytest.mark.rule(12)
def test_every_promise_holds_between_two_gateways_in_the_world_of(first: int):
    """P1, P2, P3, P5, P6, T2."""
    handovers = 0
    for seed in range(first, first + CHUNK):
        problems, moves = live(seed)
        assert not problems, f"seed {seed}: {problems}"
        handovers += moves
    assert handovers > CHUNK, "stations do change nodes"


def test_a_world_of_two_gateways_is_the_same_each_time():
    assert live(5) == live(5)


def test_a_writer_that_does_not_heed_that_it_lost_its_stream_is_caught(tmp_path: Path):
    """T2: the test of these tests."""
    copy = planted(HERE / "planted" / "ignore-stale-owner.patch", tmp_path)
    script = "from two_gateways import live; print([live(seed)[0] for seed in (2, 3, 9)])"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{copy}:{HERE}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert "ended a connection that was over" in run.stdout
