"""Worlds whose stations have a quirk: every promise holds where it is known of their make, and not where it is not."""

from __future__ import annotations

import msgspec
import pytest

from elstrada.sim.plans import WorldPlan, world_plan
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.vices import NONE
from elstrada.sim.world import simulate


def by_the_wall(seed: int, make: tuple[str, str]) -> WorldPlan:
    """The world of a seed, but all its stations speak OCPP 1.6, know the time, and tell it without its zone."""
    plan = world_plan(seed)
    stations = []
    for station in plan.stations:
        habits = msgspec.structs.replace(
            station.habits,
            clock=ClockHabit.RIGHT,
            wall_clock="Europe/Stockholm",
            make=make,
            reorders=False,
            seq_always_zero=False,
            drops_updates=False,
            cable_first=False,
            vices=NONE,
        )
        stations.append(msgspec.structs.replace(station, version="1.6", habits=habits))
    return msgspec.structs.replace(plan, stations=tuple(stations))


@pytest.mark.rule(22)
def test_sessions_are_true_where_it_is_known_that_a_make_tells_the_time_on_the_wall() -> None:
    reports = [simulate(seed, by_the_wall(seed, ("Growatt", "THOR_11AS"))) for seed in range(8)]
    assert [str(report) for report in reports if report.problems] == []
    assert sum(report.sessions for report in reports) > 10


def test_the_same_of_a_make_that_nothing_is_known_of_has_sessions_at_the_times_of_receipt() -> None:
    problems = simulate(2, by_the_wall(2, ("Unheard", "Of"))).problems
    assert any("is completed with" in problem for problem in problems)
