"""Figures over quarter-hours (pricing 5.4)."""

from __future__ import annotations

from decimal import Decimal

from quarter_rows import NOON, QUARTER, evse, part, register, whole

from elstrada.billing.metering.between import between_sessions
from elstrada.billing.metering.figures import Between, exceeded_for, figures, load, load_duration
from elstrada.model.quarter import QuarterSource

HALF_DAY = 48
ROWS = (
    part(0, begun=True, energy_wh=2_000, connected_s=600, charging_s=600),
    part(1),
    part(2, ended=True, energy_wh=0, charging_s=0, total_wh=4_750, total_s=2_400),
    part(1, evse_id=2, session_id="s2", begun=True, energy_wh=1_250),
    part(2, evse_id=2, session_id="s2", ended=True, energy_wh=3_000, total_wh=4_250, total_s=1_800),
)


def test_energy_time_and_sessions_are_summed_and_shares_are_of_all_evses() -> None:
    found = figures(ROWS, (), (evse(1), evse(2)), HALF_DAY)
    assert (found.energy_wh, found.begun, found.ended, found.failed) == (9_000, 2, 2, 0)
    assert (found.connected_s, found.charging_s) == (4_200, 3_300)
    assert found.connected_share == Decimal("0.0486")  # 4200 s of two half days.
    assert found.charging_share == Decimal("0.0382")
    assert found.energy_share == Decimal("0.0170")  # 9 kWh of 2 x 22 kW x 12 h.
    assert found.idle_share == Decimal("0.2143")
    assert (found.mean_wh, found.mean_s) == (4_500, 2_100)


def test_the_peak_is_a_whole_quarters_average_and_the_first_of_equals() -> None:
    found = figures(ROWS, (), (evse(1), evse(2)), HALF_DAY)
    assert (found.peak_w, found.peak_at) == (16_000, NOON + QUARTER)
    assert found.simultaneity == Decimal("0.6957")  # 16 of 11 + 12 kW.
    assert found.most_connected == 2
    even = figures((part(3), part(1)), (), (evse(),), 4)
    assert even.peak_at == NOON + QUARTER


def test_of_nothing_there_are_no_shares_and_no_zeros_in_their_place() -> None:
    found = figures((), (), (), 0)
    assert {found.success, found.connected_share, found.energy_share, found.mean_wh, found.peak_at} == {None}
    unknown = figures(ROWS, (), (evse(1), evse(2, None)), HALF_DAY)
    assert unknown.energy_share is None


def test_sessions_that_took_nothing_lower_the_success() -> None:
    rows = (whole(0), whole(1, 0), whole(2), whole(3))
    found = figures(rows, (), (evse(),), 4)
    assert (found.failed, found.success, found.mean_wh) == (1, Decimal("0.7500"), 7_500)


def test_the_load_duration_curve_falls_and_counts_quarters_without_load() -> None:
    curve = load_duration(load(ROWS), 8)
    assert curve == (16_000, 12_000, 8_000, 0, 0, 0, 0, 0)
    assert [exceeded_for(curve, percent) for percent in (0, 12, 13, 25, 38, 100)] == [
        16_000,
        16_000,
        12_000,
        12_000,
        0,
        0,
    ]
    assert exceeded_for((), 50) is None


def test_losses_are_of_what_both_meters_told() -> None:
    rows = (part(0, inlet_wh=1_100, outlet_wh=1_000), part(1, inlet_wh=900, outlet_wh=800), part(2))
    found = figures(rows, (), (evse(),), 4)
    assert (found.inlet_wh, found.outlet_wh, found.loss) == (2_000, 1_800, Decimal("0.1000"))
    assert figures((part(2),), (), (evse(),), 4).loss is None


def test_what_is_estimated_and_the_worst_phases_are_told() -> None:
    rows = (part(0, source=QuarterSource.ESTIMATED, imbalance_ma=900), part(1, imbalance_ma=1_200, peak_w=7))
    found = figures(rows, (), (evse(),), 4)
    assert (found.estimated_wh, found.imbalance_ma, found.highest_w) == (2_750, 1_200, 7)


def test_registers_rise_between_sessions_only_where_none_was_there() -> None:
    told = [register(n, 1_000 + 10 * n, 1_008 + 10 * n) for n in range(5)]
    free = between_sessions(told, ())
    assert [(one.quarter, one.energy_wh) for one in free] == [
        (NOON + n * QUARTER, 8 if n == 0 else 10) for n in range(5)
    ]
    busy = between_sessions(told, (part(2),))
    assert [(one.quarter, one.energy_wh) for one in busy] == [
        (NOON, 8),
        (NOON + QUARTER, 10),
        (NOON + 3 * QUARTER, 8),
        (NOON + 4 * QUARTER, 10),
    ]


def test_a_rise_over_a_long_silence_or_of_the_stations_own_meter_or_a_fall_is_nobodys() -> None:
    silent = between_sessions((register(0, 0, 5), register(6, 900, 905)), ())
    assert [one.energy_wh for one in silent] == [5, 5]
    assert between_sessions((register(0, 0, 5, evse_id=0),), ()) == ()
    assert between_sessions((register(0, 9, 5),), ()) == ()


def test_what_was_taken_between_sessions_is_a_sum_or_unknown() -> None:
    rises = (Between("CP1", 1, NOON, 8), Between("CP1", 1, NOON + QUARTER, 0))
    assert figures((), rises, (evse(),), 4).between_wh == 8
    assert figures((), (), (evse(),), 4).between_wh is None
