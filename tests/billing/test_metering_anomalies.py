"""What is odd in quarter-hours, each rule with what trips it and what does not (pricing 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from quarter_rows import NOON, part, whole

from elstrada.billing.metering.anomalies import (
    USUAL,
    Anomaly,
    Oddity,
    anomalies,
    fell_silent,
    meters_differ,
    night_consumption,
    nothing_taken,
    power_stuck,
    register_jumped,
    unusual_energy,
)
from elstrada.billing.metering.figures import Between
from elstrada.model.quarter import SessionQuarter

STOCKHOLM = ZoneInfo("Europe/Stockholm")
DAY = timedelta(days=1)
TODAY = date(2026, 3, 30)
DAYS = [TODAY - n * DAY for n in reversed(range(29))]


def usual(count: int, *others: int) -> list[SessionQuarter]:
    """Sessions of about 10 kWh, and then these."""
    energies = [10_000 + 500 * (n % 3 - 1) for n in range(count)]
    return [whole(2 * n, energy_wh) for n, energy_wh in enumerate([*energies, *others])]


def says(found: Sequence[Anomaly]) -> list[str]:
    return [one.says for one in found]


def test_a_session_far_from_the_others_is_unusual() -> None:
    (found,) = unusual_energy(usual(24, 20_000), USUAL)
    assert found.oddity is Oddity.UNUSUAL_ENERGY
    assert found.says == "session s48 took 20000 Wh, +24.5 standard deviations from the usual 10000 Wh"
    assert says(tuple(unusual_energy(usual(24, 11_500), USUAL))) == []


def test_with_few_sessions_nobody_knows_what_is_usual() -> None:
    assert list(unusual_energy(usual(18, 20_000), USUAL)) == []
    assert len(list(unusual_energy(usual(19, 20_000), USUAL))) == 1


def test_where_all_sessions_are_alike_a_small_difference_is_not_unusual() -> None:
    alike = [whole(2 * n) for n in range(20)]
    assert list(unusual_energy([*alike, whole(50, 10_399)], USUAL)) == []
    assert len(list(unusual_energy([*alike, whole(50, 10_401)], USUAL))) == 1


def test_three_sessions_in_a_row_that_took_nothing_are_told_once() -> None:
    rows = usual(2, 0, 0, 0, 0, 9_000, 0, 0)
    (found,) = nothing_taken(rows, USUAL)
    assert found.says == "4 sessions in a row took nothing, from s4 on"
    assert found.at == rows[5].quarter
    assert list(nothing_taken(usual(2, 0, 0, 9_000, 0, 0), USUAL)) == []


def _steady(power_w: int, energy_wh: int, count: int = 4) -> list[SessionQuarter]:
    rows = [part(n, least_w=power_w, peak_w=power_w, energy_wh=energy_wh) for n in range(1, count + 1)]
    return [part(0, begun=True), *rows, part(count + 1, ended=True)]


def test_power_that_stands_still_beside_another_register_is_stuck() -> None:
    (found,) = power_stuck(_steady(7_360, 2_750), USUAL)
    assert found.says == "told 7360 W for 4 quarters, while its register rose as by 11000 W"
    assert list(power_stuck(_steady(11_000, 2_750), USUAL)) == []  # Steady and true.
    assert list(power_stuck(_steady(7_360, 2_750, 3), USUAL)) == []
    assert list(power_stuck(_steady(0, 0), USUAL)) == []


def test_power_that_moves_or_pauses_is_not_stuck() -> None:
    moving = [msgspec.structs.replace(row, least_w=(row.peak_w or 1) - 1) for row in _steady(7_360, 2_750)]
    assert list(power_stuck(moving, USUAL)) == []
    torn = [row for row in _steady(7_360, 2_750, 6) if row.quarter != NOON + timedelta(minutes=45)]
    assert list(power_stuck(torn, USUAL)) == []


def rises(hour: int, energy_wh: int, day: int = 2) -> list[Between]:
    """Two quarters from a local hour on."""
    at = datetime(2026, 3, day, hour, tzinfo=STOCKHOLM).astimezone(NOON.tzinfo)
    return [Between("CP1", 1, at + n * timedelta(minutes=15), energy_wh) for n in range(2)]


def test_a_register_that_rises_at_night_without_a_session_is_odd() -> None:
    (found,) = night_consumption([*rises(23, 150), *rises(3, 150, day=3)], STOCKHOLM, USUAL)
    assert found.says.startswith("600 Wh in the night after 2026-03-02 without a session")
    assert list(night_consumption([*rises(23, 125), *rises(3, 125, day=3)], STOCKHOLM, USUAL)) == []
    assert list(night_consumption(rises(21, 900), STOCKHOLM, USUAL)) == []  # By day it is another matter.
    assert list(night_consumption([*rises(23, 150), *rises(23, 150, day=3)], STOCKHOLM, USUAL)) == []


def _mondays(*counts: int) -> list[SessionQuarter]:
    """So many sessions on each of the five Mondays until today."""
    noon = datetime(2026, 3, 2, 12, tzinfo=STOCKHOLM)
    return [
        whole((noon + timedelta(weeks=week, minutes=15 * n)).astimezone(NOON.tzinfo))
        for week, count in enumerate(counts)
        for n in range(count)
    ]


def test_a_weekday_that_always_had_sessions_and_has_none_fell_silent() -> None:
    (found,) = fell_silent(_mondays(3, 4, 5, 3, 0), DAYS, STOCKHOLM, USUAL)
    assert found.says == (
        "no session on 2026-03-30, while the same weekday had 3 or more in the 4 weeks before"
    )
    assert found.at == datetime(2026, 3, 29, 22, tzinfo=NOON.tzinfo)
    assert list(fell_silent(_mondays(3, 4, 5, 3, 1), DAYS, STOCKHOLM, USUAL)) == []
    assert list(fell_silent(_mondays(3, 4, 2, 3, 0), DAYS, STOCKHOLM, USUAL)) == []
    assert list(fell_silent(_mondays(3, 4, 5, 3, 0), DAYS[1:], STOCKHOLM, USUAL)) == []


@pytest.mark.parametrize(
    ("inlet_wh", "odd"), [(10_000, False), (9_901, False), (9_900, True), (11_764, False), (11_766, True)]
)
def test_meters_that_drift_apart_are_told(inlet_wh: int, odd: bool) -> None:
    rows = [part(0, inlet_wh=inlet_wh - 1_000, outlet_wh=9_000), part(1, inlet_wh=1_000, outlet_wh=1_000)]
    assert [one.oddity for one in meters_differ(rows, USUAL)] == [Oddity.METERS_DIFFER] * odd
    assert list(meters_differ(rows[1:], USUAL)) == []  # Too little to compare.


def test_a_register_that_jumps_between_sessions_is_told() -> None:
    rows = [
        whole(0, begun_wh=1_000, ended_wh=11_000),
        whole(4, begun_wh=11_900, ended_wh=21_900),
        whole(8, begun_wh=22_901, ended_wh=32_901),
        whole(12, begun_wh=32_000, ended_wh=42_000),
        whole(16),
        whole(20, begun_wh=0, ended_wh=10_000),
    ]
    assert says(tuple(register_jumped(rows, USUAL))) == [
        "22901 Wh after 21900 Wh: +1001 Wh between two sessions",
        "32000 Wh after 32901 Wh: -901 Wh between two sessions",
    ]


def test_sessions_of_one_quarter_are_compared_in_the_order_of_their_registers() -> None:
    rows = [
        part(0, session_id="z", ended=True, ended_wh=5_000),
        whole(0, 100, session_id="b", begun_wh=5_000, ended_wh=5_100),
        whole(0, 100, session_id="a", begun_wh=5_100, ended_wh=5_200),
        part(0, session_id="c", begun=True, begun_wh=5_200),
    ]
    for order in (rows, rows[::-1]):
        assert list(register_jumped(order, USUAL)) == []


def test_everything_odd_is_told_in_order_of_time_and_no_rule_mixes_evses() -> None:
    odd = [whole(2 * n, 0, evse_id=1 + n % 2) for n in range(4)]  # Two in a row at each.
    assert anomalies(odd, (), (), STOCKHOLM) == ()
    more = [*odd, *_steady(7_360, 2_750), whole(40, 0, evse_id=2)]
    found = anomalies(more, rises(23, 300), (), STOCKHOLM)
    assert [(one.oddity, one.evse_id) for one in found] == [
        (Oddity.POWER_STUCK, 1),
        (Oddity.NOTHING_TAKEN, 2),
        (Oddity.NIGHT_CONSUMPTION, 1),
    ]
    assert anomalies(more[::-1], rises(23, 300)[::-1], (), STOCKHOLM) == found


def test_thresholds_are_the_callers() -> None:
    strict = msgspec.structs.replace(USUAL, deviations=Decimal(1))
    assert len(list(unusual_energy(usual(24, 11_500), strict))) > 1
