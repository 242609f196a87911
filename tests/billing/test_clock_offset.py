"""A station's clock that is off by more than a minute is corrected where a whole session shows it (pricing 5.2)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import HOUR, MINUTE, START, ended, issue, sampled, started

from elstrada.billing.clock_offset import ClockOffset, clock_offset
from elstrada.billing.trace import by_our_clock, trace
from elstrada.model.facts import Fact, MeterSampled, SessionEnded
from elstrada.model.quantity import MeterSample
from elstrada.model.unended import Presumed

SECOND = timedelta(seconds=1)


def told_at(*pairs: tuple[Fact, float]) -> timedelta:
    """By how much the clock is ahead, by facts and the minutes of their record."""
    return clock_offset((fact, START + minute * MINUTE) for fact, minute in pairs).ahead


@pytest.mark.parametrize("ahead", [-300, -10, -1.02, 1.02, 10, 4_000])
def test_news_that_are_all_off_by_the_same_show_the_clock(ahead: float) -> None:
    end, _ = ended(60, 9_000)
    pairs: list[tuple[Fact, float]] = [(started(), 0), (sampled(30, 5_000), 30), (end, 60)]
    assert told_at(*((fact, minute - ahead) for fact, minute in pairs)) == ahead * MINUTE


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_a_minute_is_not_wrong(ahead: int) -> None:
    end, _ = ended(60, 9_000)
    assert told_at((started(), -ahead), (sampled(30, 1), 30 - ahead), (end, 60 - ahead)) == timedelta(0)


def test_what_waited_in_a_queue_shows_no_clock() -> None:
    end, _ = ended(60, 9_000)
    assert told_at((started(), 90), (sampled(30, 5_000), 90.6), (end, 91.2)) == timedelta(0)
    # Begun while it was away, the rest as it happened.
    assert told_at((started(), 10), (sampled(30, 5_000), 30), (end, 60)) == timedelta(0)


def test_what_is_said_in_one_breath_is_one_reading() -> None:
    end, _ = ended(1, 9_000)
    assert told_at((started(), 10), (sampled(0, 1), 10.2), (sampled(0, 2), 10.4), (end, 10.45)) == timedelta(
        0
    )


def test_times_that_are_not_the_stations_own_show_nothing() -> None:
    received = MeterSampled(1, 1, (MeterSample(START, 1, clock_suspect=True),), session_id="s1")
    presumed = SessionEnded("s1", START + 60 * MINUTE, presumed=next(iter(Presumed)))
    suspect = started(clock_suspect=True)
    news = [(fact, START + n * 10 * MINUTE) for n, fact in enumerate((received, presumed, suspect) * 3)]
    assert clock_offset(news) == ClockOffset()


@given(st.integers(-10_000, 10_000).filter(lambda s: abs(s) > 60), st.lists(st.integers(0, 59), min_size=3))
def test_delays_of_less_than_a_minute_do_not_hide_it(ahead_s: int, delays: list[int]) -> None:
    offset = ClockOffset()
    for number, delay in enumerate(delays):
        at = START + number * 2 * MINUTE
        offset = offset.after(sampled(number * 2, 1), at - ahead_s * SECOND + delay * SECOND)
    assert offset.ahead in ((ahead_s - delays[0]) * SECOND, timedelta(0))
    assert offset.agree


def test_a_session_is_priced_by_the_right_clock() -> None:
    # By its station from 16:30 to 17:30, and half an hour earlier in truth: nothing of it is dear.
    told = by_our_clock(trace(HOUR), 30 * MINUTE)
    cdr, _ = issue(told)
    assert (cdr.start_date_time, cdr.end_date_time) == (START - 30 * MINUTE, START + 30 * MINUTE)
    assert cdr.total_cost.before_taxes == 44
    assert cdr.remark == "the station's clock was 1800 s ahead: times moved"
    assert issue(trace(HOUR))[0].total_cost.before_taxes == 54
    assert by_our_clock(told, timedelta(0)) is told


def test_a_moved_session_keeps_lengths_and_energies() -> None:
    told = trace(HOUR)
    behind = by_our_clock(told, -10 * MINUTE)
    lasting: list[list[timedelta]] = [
        [one.end - one.period.start_date_time for one in t.measured] for t in (told, behind)
    ]
    assert lasting[0] == lasting[1]
    assert [one.period.dimensions for one in told.measured] == [
        one.period.dimensions for one in behind.measured
    ]
    moved: list[datetime] = [one.power[0].at for one in behind.measured if one.power]
    assert moved == [one.power[0].at + 10 * MINUTE for one in told.measured if one.power]
    assert behind.notes == ("the station's clock was 600 s behind: times moved",)
