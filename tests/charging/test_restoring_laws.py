"""Which profiles a station must have, and what its composite schedule shows of them: laws (rule 31)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.composite import Moment, limit_at
from elstrada.charging.restoring import is_over, lacking, owed, place_of
from elstrada.model.profile import OURS, Period, Profile, ProfileKind, Purpose, RateUnit, Schedule

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STATION = Moment(0, RateUnit.A, None, None, NOW, priority=False)


def profile(number: int = 1, limit: int = 10, **more: object) -> Profile:
    fields: dict[str, object] = {
        "evse_id": 0,
        "stack_level": 0,
        "purpose": Purpose.STATION_MAX.value,
        "kind": ProfileKind.ABSOLUTE.value,
        "source": OURS,
        "schedules": (
            Schedule(
                unit="A",
                start=NOW - timedelta(hours=1),
                duration_s=more.pop("duration_s", None),  # type: ignore[arg-type]
                periods=(Period(start_s=0, limit=Decimal(limit)),),
            ),
        ),
        "wire": msgspec.Raw(b"{}"),
    }
    return Profile(id=number, **(fields | more))  # type: ignore[arg-type]


MAXIMA = st.lists(st.integers(0, 32), min_size=1, max_size=4).map(
    lambda limits: [profile(number, limit, stack_level=number) for number, limit in enumerate(limits, 1)]
)


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (profile(), True),
        (profile(source="EMS"), False),
        (profile(purpose=Purpose.EXTERNAL.value), False),
        (profile(valid_to=NOW), False),
        (profile(valid_from=NOW + timedelta(days=1)), True),
        (profile(duration_s=3600), False),
        (profile(duration_s=3601), True),
        (profile(duration_s=3600, kind=ProfileKind.RECURRING.value, recurrency="Daily"), True),
        (profile(purpose=Purpose.TX.value, transaction_id="T1"), True),
        (profile(purpose=Purpose.TX.value, transaction_id="T2"), False),
        (profile(purpose=Purpose.TX.value), False),
        (profile(purpose=Purpose.PRIORITY.value, transaction_id="T2"), False),
    ],
)
def test_what_is_ours_and_not_over_is_owed_and_of_sessions_what_goes_on(one: Profile, wanted: bool) -> None:
    assert (owed([one], {"T1"}, NOW) == (one,)) is wanted


@given(st.integers(1, 100_000), st.integers(0, 200_000))
def test_what_is_over_stays_over_and_limits_nothing(duration_s: int, after_s: int) -> None:
    one = profile(duration_s=duration_s)
    at = NOW + timedelta(seconds=after_s)
    assert is_over(one, at) is (limit_at([one], STATION, at) is None)
    assert not is_over(one, at) or is_over(one, at + timedelta(days=1))


@given(MAXIMA, st.integers(0, 64))
def test_what_a_station_allows_within_its_profiles_shows_none_missing(
    profiles: list[Profile], above: int
) -> None:
    wanted = limit_at(profiles, STATION, NOW)
    assert wanted is not None
    assert lacking(profiles, profiles, STATION, wanted - min(above, wanted), NOW).missing == ()
    seen = lacking(profiles, profiles, STATION, wanted + above + 1, NOW)
    # The one that leads is missing whenever more is allowed than it allows.
    assert profiles[-1] in seen.missing
    assert lacking(profiles, profiles, STATION, None, NOW).missing == tuple(profiles)


def test_what_limits_nothing_now_is_not_known_to_be_missing() -> None:
    later = profile(2, valid_from=NOW + timedelta(days=1))
    seen = lacking([profile(), later], [profile(), later], STATION, None, NOW)
    assert (seen.missing, seen.unknown) == ((profile(),), (later,))


def test_limits_that_cannot_be_compared_are_unknown() -> None:
    in_watts = STATION._replace(unit=RateUnit.W)
    assert lacking([profile()], [profile()], in_watts, Decimal(1), NOW).unknown == (profile(),)


def test_a_default_of_all_evses_shows_where_a_session_runs_else_at_the_first_evse() -> None:
    default = profile(purpose=Purpose.TX_DEFAULT.value)
    assert place_of(default, {"T1": 2}, {1, 2}) == 2
    assert place_of(default, {}, {3, 1}) == 1
    assert place_of(default, {}, set()) is None
    assert place_of(profile(), {"T1": 2}, {1, 2}) == 0
