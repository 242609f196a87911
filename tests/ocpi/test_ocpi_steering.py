"""Charging profiles and preferences on the wire and in the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.preferences import ChargingPreferences, ProfileType
from elstrada.model.profile import Period, RateUnit, Schedule
from elstrada.ocpi.body import encode, parse, shape
from elstrada.ocpi.limits import validate
from elstrada.ocpi.v221 import profiles, sessions, translate

START = datetime(2020, 1, 1, tzinfo=UTC)
_rate = st.decimals(0, 100_000, places=1)
_moment = st.integers(0, 600_000_000).map(lambda second: START + timedelta(seconds=second))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    steps = draw(st.lists(st.tuples(st.integers(1, 3600), _rate), max_size=20))
    starts = accumulate((step for step, _ in steps), initial=0)
    limits = [draw(_rate), *(limit for _, limit in steps)]
    return Schedule(
        unit=draw(st.sampled_from(RateUnit)).value,
        periods=tuple(
            Period(start_s=start, limit=limit) for start, limit in zip(starts, limits, strict=True)
        ),
        start=draw(st.none() | _moment),
        duration_s=draw(st.none() | st.integers(1, 100_000)),
        min_rate=draw(st.none() | _rate),
    )


@given(schedules())
def test_a_schedule_comes_back_from_the_wire_as_it_was(schedule: Schedule) -> None:
    written = translate.schedule_to_wire(schedule)
    read = shape(parse(encode(written)), profiles.ChargingProfile)
    assert validate(read) == ()
    assert translate.schedule_from_wire(read) == schedule


@given(schedules(), _moment)
def test_an_active_profile_comes_back_as_it_was(schedule: Schedule, at: datetime) -> None:
    active = Schedule(
        unit=schedule.unit,
        periods=schedule.periods,
        start=at,
        duration_s=schedule.duration_s,
        min_rate=schedule.min_rate,
    )
    read = shape(parse(encode(translate.active_to_wire(active))), profiles.ActiveChargingProfile)
    assert translate.active_from_wire(read) == active


@given(st.decimals(0, 1000, places=4))
def test_a_limit_is_cut_to_tenths_and_never_raised(limit: Decimal) -> None:
    document = {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": limit}],
    }
    read = translate.schedule_from_wire(shape(document, profiles.ChargingProfile))  # type: ignore[arg-type]
    found = read.periods[0].limit
    assert found is not None
    assert limit - Decimal("0.1") < found <= limit


@given(
    st.sampled_from(ProfileType),
    st.none() | _moment,
    st.none() | st.decimals(0, 500, places=3),
    st.booleans(),
)
def test_a_wish_comes_back_from_the_wire_as_it_was(
    kind: ProfileType, departure: datetime | None, need: Decimal | None, discharge: bool
) -> None:
    wish = ChargingPreferences(
        profile_type=kind, departure_time=departure, energy_need_kwh=need, discharge_allowed=discharge
    )
    read = shape(parse(encode(translate.preferences_to_wire(wish))), sessions.ChargingPreferences)
    assert validate(read) == ()
    assert translate.preferences_from_wire(read) == wish
