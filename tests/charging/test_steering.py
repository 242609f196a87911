"""A partner's limits over time, as the profile that a station is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.composite import Supply
from elstrada.charging.limits import FIRST_ID, Running
from elstrada.charging.needs import plan_id
from elstrada.charging.steering import Unable, steered, steered_id
from elstrada.model.profile import Abilities, Period, Profile, RateUnit, Schedule, SessionProfile

RUNNING = Running(session_id="S1", transaction_id="7", evse_id=2)
SUPPLY = Supply(voltage=230, phases=3)
WANTED = Schedule(
    unit="A", periods=(Period(start_s=0, limit=Decimal(6)), Period(start_s=60, limit=Decimal(16)))
)


def profile(number: int, **changes: Any) -> Profile:
    made = Profile(
        id=number,
        evse_id=2,
        stack_level=0,
        purpose="TxProfile",
        kind="Absolute",
        transaction_id="7",
        source="CSO",
        schedules=(WANTED,),
        wire=msgspec.Raw(b"{}"),
    )
    return msgspec.structs.replace(made, **changes)


def put(*installed: Profile, wanted: Schedule = WANTED, **able: Any) -> SessionProfile | Unable:
    return steered(wanted, RUNNING, installed, Abilities(**able), SUPPLY, ())


def test_it_is_the_sessions_own_and_replaces_what_the_partner_wanted_before() -> None:
    made = put(profile(steered_id(2), stack_level=3))
    assert isinstance(made, SessionProfile)
    assert (made.profile_id, made.evse_id, made.transaction_id, made.stack_level) == (7_850_002, 2, "7", 0)
    assert made.schedule == WANTED


@pytest.mark.parametrize(
    "other",
    [
        profile(FIRST_ID + 22),
        profile(5),
        profile(5, transaction_id=None),
        profile(5, transaction_id=None, evse_id=0),
    ],
)
def test_what_limits_the_session_already_is_not_overruled(other: Profile) -> None:
    made = put(other)
    assert isinstance(made, Unable)
    assert not made.for_ever


@pytest.mark.parametrize(
    "other",
    [
        profile(5, transaction_id="8"),
        profile(5, transaction_id=None, evse_id=1),
        profile(5, purpose="TxDefaultProfile", transaction_id=None),
        profile(5, purpose="ChargingStationMaxProfile", transaction_id=None, evse_id=0),
    ],
)
def test_what_limits_others_or_everything_does_not_stand_against_it(other: Profile) -> None:
    assert isinstance(put(other), SessionProfile)


def test_it_leads_over_the_plan_of_a_car() -> None:
    made = put(profile(plan_id(2), stack_level=4))
    assert isinstance(made, SessionProfile)
    assert made.stack_level == 5


def test_more_periods_than_the_station_takes_are_never_taken() -> None:
    made = put(max_periods=1)
    assert isinstance(made, Unable)
    assert made.for_ever


def test_without_a_supply_the_other_unit_cannot_be_had() -> None:
    made = steered(WANTED, RUNNING, (), Abilities(units=frozenset({RateUnit.W})), None, ())
    assert isinstance(made, Unable)
    assert made.for_ever


@given(
    st.sampled_from(RateUnit),
    st.sampled_from(RateUnit),
    st.lists(st.decimals(0, 10_000, places=1), min_size=1, max_size=20),
)
def test_in_whatever_unit_it_never_allows_more_than_was_wanted(
    asked: RateUnit, taken: RateUnit, limits: list[Decimal]
) -> None:
    periods = tuple(Period(start_s=60 * place, limit=limit) for place, limit in enumerate(limits))
    made = put(wanted=Schedule(unit=asked.value, periods=periods), units=frozenset({taken}))
    assert isinstance(made, SessionProfile)
    assert made.schedule.unit == taken
    volts = Decimal(230 * 3)
    for before, after in zip(periods, made.schedule.periods, strict=True):
        assert before.limit is not None
        assert after.limit is not None
        watts = before.limit * volts if asked is RateUnit.A else before.limit
        allowed = after.limit * volts if taken is RateUnit.A else after.limit
        assert watts - volts / 10 - 1 <= allowed <= watts
        assert after.start_s == before.start_s
