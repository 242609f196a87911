"""Opening hours of registers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.datex.hours import open_minutes, parse_hours
from elstrada.model.location import Hours, RegularHours


def test_a_place_that_never_closes_is_known_as_such() -> None:
    assert parse_hours("24/7") == Hours(twentyfourseven=True)


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("Mo 08:00-12:00,Mo 14:00-18:30", [(1, "08:00", "12:00"), (1, "14:00", "18:30")]),
        ("Sa-Mo 09:00-24:00", [(1, "09:00", "00:00"), (6, "09:00", "00:00"), (7, "09:00", "00:00")]),
        ("Su 07:00-20:59; Sa 07:00-20:59", [(6, "07:00", "20:59"), (7, "07:00", "20:59")]),
        ("08:30-20:30", [(day, "08:30", "20:30") for day in range(1, 8)]),
    ],
)
def test_spans_are_read_in_the_order_of_the_week(text: str, periods: list[tuple[int, str, str]]) -> None:
    hours = parse_hours(text)
    assert hours is not None
    assert hours.regular_hours == tuple(RegularHours(*period) for period in periods)


@pytest.mark.parametrize("text", ["", "le matin", "Mo 8:00-12:00", "Mo 08:00-24:30", "Mo 08:00-12:00, sauf"])
def test_half_understood_hours_are_not_understood(text: str) -> None:
    assert parse_hours(text) is None


def test_a_day_from_midnight_to_midnight_is_open_all_day() -> None:
    hours = parse_hours("Mo 00:00-00:00")
    assert hours is not None
    assert open_minutes(hours) == 24 * 60


@given(st.text(max_size=60))
def test_no_text_is_more_than_not_understood(text: str) -> None:
    parse_hours(text)
