"""What registers count: a meter that stumbles bills neither its odometer nor its stumble (rules 23 and 25; P3)."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from test_metering import completed
from test_sessions import Desk, at, noted, sample, start16, stop16

from elstrada.charging.registers import KEPT_PEAKS, Shown, with_peak
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.metering import MeterLack, RegisterTurn, TurnKind
from elstrada.model.quantity import MeterSample, Reading

FAR = 50_000_000


def session(
    begin_wh: int, end_wh: int, *samples: MeterSample, lasts_s: float = 600, told_at_once: bool = False
) -> f.SessionCompleted:
    """A session of ten minutes with these registers, told as they come or all at once by a clock not believed."""
    desk = Desk()

    def when(seconds: float) -> float:
        return lasts_s if told_at_once else seconds

    start = start16(when(0), meter_wh=begin_wh, clock_suspect=told_at_once)
    transaction = noted(desk.ask(start, at(when(0)))).transaction_id
    for one in samples:
        told_at = at(lasts_s) if told_at_once else one.at
        told = msgspec.structs.replace(one, at=told_at, clock_suspect=told_at_once)
        update = asks.UpdateSession(transaction_id=transaction, at=told.at, samples=(told,))
        desk.ask(update, told.at)
    end = stop16(transaction, lasts_s, end_wh, clock_suspect=told_at_once)
    desk.ask(end, at(lasts_s))
    return completed(desk)


@pytest.mark.rule(25)
@pytest.mark.parametrize("end_wh", [0, FAR, 700_000 + FAR], ids=["nothing", "far", "further"])
def test_an_end_that_cannot_be_counts_no_energy_and_the_last_true_register_stands_for_it(end_wh: int) -> None:
    done = session(700_000, end_wh, sample(200, 703_000), sample(400, 706_000))
    assert done.energy_wh == 6_000
    assert done.notes == (f"Its last register, {end_wh} Wh, cannot be and does not count.",)


@pytest.mark.rule(25)
def test_an_end_that_cannot_be_counts_nothing_where_no_other_register_was_told() -> None:
    assert session(700_000, FAR).energy_wh == 0


@pytest.mark.rule(25)
@pytest.mark.parametrize(("begin_wh", "end_wh"), [(60_000_000, 12_000), (700_000, FAR)], ids=["falls", "far"])
def test_energy_that_is_not_believed_is_told_with_both_registers(begin_wh: int, end_wh: int) -> None:
    done = session(begin_wh, end_wh)
    assert (done.energy_wh, done.begun_wh, done.doubted_wh) == (0, begin_wh, end_wh)
    believed = session(700_000, 709_000)
    assert (believed.begun_wh, believed.doubted_wh) == (None, None)


@pytest.mark.rule(25)
@pytest.mark.parametrize("odd_wh", [0, 703, FAR], ids=["falls", "is in kWh", "spikes"])
def test_one_odd_reading_on_the_way_changes_nothing(odd_wh: int) -> None:
    done = session(700_000, 709_000, sample(200, 703_000), sample(400, odd_wh))
    assert (done.energy_wh, done.notes) == (9_000, ())


@pytest.mark.rule(25)
def test_while_a_session_runs_a_reading_that_cannot_be_is_left_out_of_its_energy() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=700_000), at(0))).transaction_id
    for one in (sample(100, 701_000), sample(200, FAR), sample(300, 703_000)):
        desk.ask(asks.UpdateSession(transaction_id=transaction, at=one.at, samples=(one,)), one.at)
    assert [
        (fact.samples[0].energy_wh, fact.energy_wh)
        for fact in desk.told(f.MeterSampled)
        if isinstance(fact, f.MeterSampled)
    ] == [(701_000, 1_000), (FAR, 1_000), (703_000, 3_000)]


@pytest.mark.rule(23)
@pytest.mark.parametrize("spike_s", [50, 300])
def test_a_spike_after_a_start_at_0_is_not_where_the_register_went_on(spike_s: float) -> None:
    done = session(0, 9_000, sample(100, 1_500), sample(spike_s, FAR))
    assert (done.energy_wh, done.notes) == (9_000, ())


@pytest.mark.rule(23)
def test_a_false_0_and_an_end_that_cannot_be_leave_what_rose_between() -> None:
    done = session(0, FAR, sample(100, 8_000_000), sample(300, 8_004_000))
    assert done.energy_wh == 4_000


def test_megawatts_are_believed_of_a_register_that_did_not_begin_at_0() -> None:
    assert session(700_000, 1_300_000).energy_wh == 600_000


@pytest.mark.rule(22)
def test_a_queue_told_at_once_by_a_clock_that_is_not_believed_counts_all_the_same() -> None:
    assert session(0, 30_000, sample(100, 5_000), told_at_once=True).energy_wh == 30_000
    assert session(700_000, 730_000, told_at_once=True).energy_wh == 30_000
    assert session(700_000, FAR, sample(100, 705_000), told_at_once=True).energy_wh == 5_000
    assert session(0, 8_004_000, sample(100, 8_000_000), told_at_once=True).energy_wh == 4_000


@pytest.mark.rule(23)
@pytest.mark.parametrize("order", list(permutations((1_000, 1_600, 2_300))))
def test_a_false_0_told_out_of_order_by_a_clock_that_is_not_believed_counts_from_the_lowest(
    order: tuple[int, ...],
) -> None:
    told = [sample(100 + number, 8_000_000 + wh) for number, wh in enumerate(order)]
    assert session(0, 8_002_300, *told, told_at_once=True).energy_wh == 1_300


@pytest.mark.rule(22)
def test_a_session_that_ended_before_it_began_counts_from_its_first_news_to_its_end() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(3 * 3_600, meter_wh=700_000), at(0))).transaction_id
    desk.ask(stop16(transaction, 600, 709_000), at(600))
    done = completed(desk)
    assert (done.started_at, done.ended_at, done.energy_wh) == (at(0), at(600), 9_000)
    assert done.notes == (
        "By its station's clock it ended before it began; it counts by when its news came.",
    )


def test_the_highest_registers_are_kept_whatever_the_order_they_come_in() -> None:
    shown = [Shown(wh, at(wh)) for wh in (5, 9, 7, 9, 3, 8)] + [Shown(9, at(1))]
    kept = set[tuple[Shown, ...]]()
    for order in permutations(shown):
        peaks: tuple[Shown, ...] = ()
        for one in order:
            peaks = with_peak(peaks, one)
        kept.add(peaks)
    assert kept == {(Shown(9, at(1)), Shown(8, at(8)), Shown(7, at(7)), Shown(5, at(5)))}
    assert len(kept.pop()) == KEPT_PEAKS


# --- registers that fall and go on (pricing 5.2) --------------------------------------------------------------


@pytest.mark.parametrize("modulus", [10**6, 10**8, 10**9, 2**32])
def test_a_register_that_passes_its_last_digit_counts_on(modulus: int) -> None:
    done = session(modulus - 3_000, 6_000, sample(200, modulus - 500), sample(400, 2_000))
    assert (done.energy_wh, done.doubted_wh) == (9_000, None)
    assert done.turn == RegisterTurn(TurnKind.ROLLOVER, modulus, 0)
    assert done.notes == (
        f"The register passed {modulus} Wh and began again at 0: the energy counts over it.",
    )


@pytest.mark.parametrize(
    ("begin_wh", "end_wh"),
    [(98_900_000, 6_000), (99_990_000, 1_100_000), (99_990_000, 0)],
    ids=["began below", "ended above", "ended at 0"],
)
def test_a_fall_to_0_or_farther_than_a_hundredth_from_the_modulus_is_no_rollover(
    begin_wh: int, end_wh: int
) -> None:
    done = session(begin_wh, end_wh)
    assert (done.energy_wh, done.doubted_wh, done.turn) == (0, end_wh, None)


def test_a_rollover_that_no_station_could_give_is_not_believed() -> None:
    done = session(4_260_000_000, 40_000_000, lasts_s=60)
    assert (done.energy_wh, done.doubted_wh) == (0, 40_000_000)


@pytest.mark.rule(25)
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_register_that_was_reset_counts_before_and_after_in_any_order(order: tuple[int, ...]) -> None:
    rows = (sample(100, 703_000), sample(200, 706_000), sample(300, 40), sample(400, 1_040))
    done = session(700_000, 2_040, *(rows[n] for n in order))
    assert (done.energy_wh, done.doubted_wh) == (8_000, None)
    assert done.turn == RegisterTurn(TurnKind.RESET, 706_000, 40)


@pytest.mark.rule(25)
@pytest.mark.parametrize(
    ("rows", "end_wh"),
    [((sample(200, 40),), 0), ((sample(200, 40),), 40), ((sample(200, 400_000),), 400_500)],
    ids=["does not go on", "stands still", "is not near 0"],
)
def test_a_fall_from_which_it_does_not_go_on_is_no_reset(rows: tuple[MeterSample, ...], end_wh: int) -> None:
    done = session(700_000, end_wh, *rows)
    assert (done.energy_wh, done.doubted_wh, done.turn) == (0, end_wh, None)


def test_while_a_session_runs_its_energy_never_falls_at_a_reset() -> None:
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=700_000), at(0))).transaction_id
    for one in (sample(100, 703_000), sample(200, 40), sample(300, 540), sample(400, 1_040)):
        desk.ask(asks.UpdateSession(transaction_id=transaction, at=one.at, samples=(one,)), one.at)
    told = [fact.energy_wh for fact in desk.told(f.MeterSampled) if isinstance(fact, f.MeterSampled)]
    assert told == [3_000, 3_000, 3_500, 4_000]


# --- two meters (pricing 5.1) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_of_registers_at_two_places_only_those_of_the_better_count(order: tuple[int, ...]) -> None:
    rows = (
        MeterSample(at(100), 50_000, register_at="Inlet"),
        MeterSample(at(150), 3_000, register_at="Outlet"),
        MeterSample(at(200), 51_500, register_at="Inlet"),
        MeterSample(at(250), 4_000, register_at="Outlet"),
    )
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=2_500), at(0))).transaction_id
    for one in (rows[n] for n in order):
        desk.ask(asks.UpdateSession(transaction_id=transaction, at=one.at, samples=(one,)), at(300))
    (session,) = desk.state.sessions.values()
    assert (session.energy_wh, session.first_wh, session.last_wh) == (1_500, 3_000, 4_000)
    assert [peak.wh for peak in session.peaks] == [4_000, 3_000]


def test_where_only_the_grids_side_is_metered_that_counts() -> None:
    rows = [MeterSample(at(seconds), 700_000 + 10 * seconds, register_at="Inlet") for seconds in (100, 200)]
    assert session(700_000, 709_000, *rows).energy_wh == 9_000


# --- intervals (pricing 5.1) ------------------------------------------------------------------------------------


def interval(
    seconds: float, wh: str, context: str = "Sample.Periodic", register: int | None = None
) -> MeterSample:
    told = (Reading("Energy.Active.Import.Interval", Decimal(wh), "Wh"),)
    return MeterSample(at(seconds), register, context=context, readings=told)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_intervals_count_where_no_register_was_told_and_never_two_kinds_of_them(
    order: tuple[int, ...],
) -> None:
    rows = (
        interval(100, "1000.5"),
        interval(200, "1500.5"),
        interval(200, "1500.5", "Transaction.End"),
        interval(0, "2400", "Sample.Clock"),
    )
    done = session(0, 0, *(rows[n] for n in order))
    assert (done.energy_wh, done.meter_lacks) == (2_501, (MeterLack.INTERVALS_ONLY,))
    assert done.notes == ("Its station told no register above 0: the energy of its intervals is added.",)


def test_aligned_intervals_count_where_none_was_sampled() -> None:
    assert (
        session(0, 0, interval(0, "900", "Sample.Clock"), interval(300, "600", "Sample.Clock")).energy_wh
        == 1_500
    )


@pytest.mark.parametrize(
    ("begin_wh", "end_wh", "register"), [(0, 9_000, None), (700_000, 709_000, None), (0, 9_000, 4_000)]
)
def test_beside_a_register_no_interval_counts(begin_wh: int, end_wh: int, register: int | None) -> None:
    done = session(begin_wh, end_wh, interval(100, "1000"), interval(200, "1500", register=register))
    assert done.energy_wh == 9_000
    assert MeterLack.INTERVALS_ONLY not in done.meter_lacks


def test_the_phases_of_an_interval_are_added_at_its_best_place() -> None:
    measurand = "Energy.Active.Import.Interval"
    readings = (
        *(Reading(measurand, Decimal(100), "Wh", phase) for phase in ("L1", "L2", "L3")),
        Reading(measurand, Decimal(330), "Wh", None, "Inlet"),
        Reading(measurand, Decimal(7), "varh"),
    )
    assert session(0, 0, MeterSample(at(100), readings=readings)).energy_wh == 300


@pytest.mark.parametrize("wh", ["50000000", "-1500"], ids=["more than any station gives", "given back"])
def test_intervals_that_cannot_be_count_no_energy_and_are_a_lack(wh: str) -> None:
    done = session(0, 0, interval(100, "1000"), interval(200, wh))
    assert (done.energy_wh, done.meter_lacks) == (0, (MeterLack.NO_REGISTER,))
    assert done.notes == ("Its station told no register above 0: no energy is counted.",)
