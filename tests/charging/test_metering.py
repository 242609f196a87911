"""Rule 27: stations that have no meter, or tell power only, are recognised."""

from __future__ import annotations

import msgspec
import pytest
from test_sessions import Desk, at, noted, sample, start16, stop16

from elstrada.charging.state import SessionState
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.metering import MeterLack
from elstrada.model.quantity import MeterSample


def completed(desk: Desk) -> f.SessionCompleted:
    (fact,) = (fact for fact, _ in desk.log if isinstance(fact, f.SessionCompleted))
    return fact


def power(seconds: float, power_w: int) -> MeterSample:
    return MeterSample(at=at(seconds), power_w=power_w)


def of_16(begin_wh: int, end_wh: int, *samples: MeterSample, lasts_s: float = 3600) -> f.SessionCompleted:
    """A session of 1.6, which names a register at both ends whether it has one or not."""
    desk = Desk()
    transaction = noted(desk.ask(start16(meter_wh=begin_wh), at(0))).transaction_id
    for one in samples:
        desk.ask(asks.UpdateSession(transaction_id=transaction, at=one.at, samples=(one,)), one.at)
    desk.ask(stop16(transaction, lasts_s, end_wh), at(lasts_s))
    return completed(desk)


@pytest.mark.rule(27)
def test_a_station_without_a_meter_is_recognised_by_a_register_that_stands_at_0() -> None:
    done = of_16(0, 0)
    assert done.meter_lacks == (MeterLack.NO_REGISTER,)
    assert (done.energy_wh, done.notes) == (
        0,
        ("Its station told no register above 0: no energy is counted.",),
    )


@pytest.mark.rule(27)
def test_a_station_that_tells_power_only_is_recognised_and_no_energy_is_made_of_it() -> None:
    done = of_16(0, 0, power(600, 7000), power(1200, 7000))
    assert done.meter_lacks == (MeterLack.POWER_ONLY,)
    assert done.energy_wh == 0
    assert done.notes == ("Its station told power, but no register above 0: no energy is counted.",)


@pytest.mark.parametrize("power_w", [0, None])
def test_power_of_nothing_is_no_power(power_w: int | None) -> None:
    assert of_16(0, 0, MeterSample(at=at(600), power_w=power_w)).meter_lacks == (MeterLack.NO_REGISTER,)


def test_a_short_session_may_well_have_taken_nothing() -> None:
    assert of_16(0, 0, lasts_s=299).meter_lacks == ()
    assert of_16(0, 0, lasts_s=300).meter_lacks == (MeterLack.NO_REGISTER,)


def test_a_register_that_stands_still_above_0_is_a_register() -> None:
    assert of_16(50_000, 50_000, sample(900, 50_000, 0)).meter_lacks == ()


@pytest.mark.rule(27)
def test_a_long_session_without_a_register_on_the_way_cannot_be_placed_in_time() -> None:
    assert of_16(1000, 9000, power(600, 7000)).meter_lacks == (MeterLack.NONE_WITHIN,)
    assert of_16(1000, 9000, power(600, 7000), lasts_s=1799).meter_lacks == ()
    assert of_16(1000, 9000, sample(600, 2000)).meter_lacks == ()


def of_201(*events: tuple[str, float, tuple[MeterSample, ...]]) -> f.SessionCompleted:
    desk = Desk()
    for number, (kind, seconds, samples) in enumerate(events):
        told = {"transaction_id": "tx", "at": at(seconds), "seq_no": number, "samples": samples}
        match kind:
            case "start":
                desk.ask(start16(**({"meter_wh": None} | told)), at(seconds))
            case "update":
                desk.ask(asks.UpdateSession(**told), at(seconds))  # type: ignore[arg-type]
            case _:
                desk.ask(asks.EndSession(**told), at(seconds))  # type: ignore[arg-type]
    return completed(desk)


def marked(seconds: float, wh: int, context: str) -> MeterSample:
    return MeterSample(at=at(seconds), energy_wh=wh, context=context)


@pytest.mark.rule(27)
def test_2_x_may_leave_out_either_end_and_the_report_says_which() -> None:
    begin, end = marked(0, 1000, "Transaction.Begin"), marked(3600, 9000, "Transaction.End")
    within = sample(900, 3000)
    whole = of_201(("start", 0, (begin,)), ("update", 900, (within,)), ("end", 3600, (end,)))
    assert whole.meter_lacks == ()
    no_begin = of_201(("start", 0, ()), ("update", 900, (within,)), ("end", 3600, (end,)))
    assert no_begin.meter_lacks == (MeterLack.NO_BEGIN,)
    no_end = of_201(("start", 0, (begin,)), ("update", 900, (within,)), ("end", 3600, ()))
    assert no_end.meter_lacks == (MeterLack.NO_END,)
    both_ends = of_201(("start", 0, (begin,)), ("end", 3600, (end,)))
    assert both_ends.meter_lacks == (MeterLack.NONE_WITHIN,)
    assert of_201(("start", 0, ()), ("end", 3600, ())).meter_lacks == (MeterLack.NO_REGISTER,)


def test_what_a_station_never_told_at_all_is_no_lack_of_its_meter() -> None:
    desk = Desk()
    desk.ask(asks.UpdateSession(transaction_id="tx", at=at(60), seq_no=1, samples=(sample(60, 500),)), at(60))
    desk.ask(asks.Tick(), at(60 + 72 * 3600))
    desk.ask(asks.Tick(), at(60 + 96 * 3600))
    assert completed(desk).meter_lacks == ()


def test_a_snapshot_from_before_this_was_kept_is_not_taken_for_the_whole_state() -> None:
    with pytest.raises(msgspec.ValidationError, match="told"):
        msgspec.convert({"session_id": "s1", "first_wh": 1000}, SessionState)
