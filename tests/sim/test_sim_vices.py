"""Faulty virtual stations do what their vices say, and what can be known of their sessions all the same."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from scripted_operator import ScriptedOperator
from test_sim_stations import EPOCH

from elstrada.sim.clock import SimClock
from elstrada.sim.curve import ac_curve
from elstrada.sim.habits import HONEST
from elstrada.sim.loop import run
from elstrada.sim.sockets import Socket
from elstrada.sim.station16 import Station16
from elstrada.sim.station21 import Station21
from elstrada.sim.station201 import Station201
from elstrada.sim.station_book import Charged, Kind
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.stations import VirtualStation
from elstrada.sim.vices import FAR_WH, MeterVice, Vices, babble, billable, shown_wh

EVERY = pytest.mark.parametrize("kind", [Station16, Station201, Station21])
Scene = Callable[[VirtualStation, "Recorder"], Awaitable[None]]


class Recorder(ScriptedOperator):
    """Keeps the frames that are no calls, too."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: list[str] = []

    async def send(self, text: str) -> None:
        if text in babble(old=True) or text in babble(old=False):
            self.odd.append(text)
        else:
            await super().send(text)


def live(
    kind: type[VirtualStation], vices: Vices, scene: Scene, clock: ClockHabit = ClockHabit.RIGHT
) -> Recorder:
    operator = Recorder()

    async def world() -> None:
        habits = msgspec.structs.replace(HONEST, vices=vices, clock=clock)
        socket = Socket(evse_id=1, power_w=11_000, register_wh=5_000_000)
        chance = random.Random(1)
        station = kind(
            "V01", "pw", (socket,), habits=habits, dial=operator, clock=SimClock(EPOCH), chance=chance
        )
        station.power_on()
        await asyncio.sleep(5)
        await scene(station, operator)
        await station.retire()
        assert len(asyncio.all_tasks()) == 1, "a retired station leaves nothing behind"

    run(world(), horizon_s=100_000)
    return operator


async def charge(station: VirtualStation, _: Recorder) -> None:
    await station.charge(1, "CARD", ac_curve(900, 11_000), 300)
    await asyncio.sleep(600)
    assert station.drained


def ends(operator: Recorder) -> list[tuple[str, int]]:
    """Message ids and places of what told an end."""
    return [
        (message_id, place)
        for place, (message_id, action, payload) in enumerate(operator.calls)
        if action == "StopTransaction" or payload.get("eventType") == "Ended"
    ]


@EVERY
def test_an_end_is_told_twice_under_two_ids(kind: type[VirtualStation]):
    (first, _), (second, _) = ends(live(kind, Vices(stops_again=True), charge))
    assert first != second
    assert len(ends(live(kind, Vices(), charge))) == 1


@pytest.mark.parametrize("kind", [Station201, Station21])
def test_a_start_is_told_after_its_end(kind: type[VirtualStation]):
    operator = live(kind, Vices(ends_first=True), charge)
    told = [payload["eventType"] for payload in operator.heard("TransactionEvent")]
    assert told[-2:] == ["Ended", "Started"]


def test_an_end_names_another_transaction():
    operator = live(Station16, Vices(misnames_stops=0), charge)
    assert [stop["transactionId"] for stop in operator.heard("StopTransaction")] == [0]
    assert {news["transactionId"] for news in operator.heard("MeterValues")} == {101}


@EVERY
def test_ids_begin_at_1_with_each_line_and_repeat(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: Recorder) -> None:
        operator.cut()
        await asyncio.sleep(60)

    operator = live(kind, Vices(counts_ids=True), scene)
    ids = [message_id for message_id, _, _ in operator.calls]
    assert ids[:2] == ["1", "2"]
    assert Counter(ids)["1"] == 2


@EVERY
def test_a_storm_tells_many_statuses_and_the_true_one_last(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: Recorder) -> None:
        await asyncio.sleep(5)

    operator = live(kind, Vices(storm=5), scene)
    told = operator.heard("StatusNotification", "NotifyEvent")
    assert len(told) == 6
    assert len({json.dumps(one, sort_keys=True) for one in told}) > 1
    assert "Available" in json.dumps(told[-1])


@EVERY
def test_it_boots_twice_babbles_and_tells_idle_registers(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: Recorder) -> None:
        await asyncio.sleep(3_000)

    operator = live(kind, Vices(boots_twice=True, babbles=True, idle_values=True), scene)
    assert len(operator.heard("BootNotification")) == 2
    assert len(set(operator.odd)) > 5
    assert all("transactionId" not in told for told in operator.heard("MeterValues"))
    assert "5000000" in json.dumps(operator.heard("MeterValues")[0])


@EVERY
@pytest.mark.parametrize(("vices", "by_60", "by_100"), [({}, 1, 1), ({"answers_late_s": 70.0}, 0, 1), ({"never_answers": True}, 0, 0)])  # fmt: skip
def test_it_answers_at_once_late_or_never(
    kind: type[VirtualStation], vices: dict[str, object], by_60: int, by_100: int
):
    counts: list[int] = []

    async def scene(station: VirtualStation, operator: Recorder) -> None:
        operator.command("TriggerMessage", {"requestedMessage": "StatusNotification"})
        for _ in range(2):
            await asyncio.sleep(50)
            counts.append(len(operator.replies))

    live(kind, msgspec.convert(vices, Vices), scene)
    assert counts == [by_60, by_100]


def test_clocks_without_a_zone_behind_and_jumping():
    def times(clock: ClockHabit) -> list[str]:
        operator = live(Station16, Vices(), charge, clock)
        return [payload["timestamp"] for payload in operator.heard("StartTransaction", "StatusNotification")]

    assert times(ClockHabit.ZONELESS)[0].startswith("2026-03-02T07:00:0")
    assert not times(ClockHabit.ZONELESS)[0].endswith("Z")
    assert times(ClockHabit.BEHIND)[0].startswith("2026-03-02T02:00:")
    assert {time[11:13] for time in times(ClockHabit.JUMPING)} <= {"04", "07", "10"}
    assert len({time[11:13] for time in times(ClockHabit.JUMPING)}) > 1


TRUE = 5_000_000, 5_000_300, 5_000_600, 5_000_900
"""Start, two samples and end."""


@pytest.mark.parametrize(
    ("vice", "shown", "known"),
    [
        (MeterVice.TRUE, TRUE, (900, 900)),
        (MeterVice.PER_SESSION, (0, 300, 600, 900), (900, 900)),
        (MeterVice.FALSE_ZERO, (0, 5_000_300, 5_000_600, 5_000_900), (600, 900)),
        (MeterVice.SPIKES, (5_000_000, 5_000_300, 5_000_600 + FAR_WH, 5_000_900), (900, 900)),
        (MeterVice.DIPS, (5_000_000, 5_000_300, 1_666_866, 5_000_900), (900, 900)),
        (MeterVice.RESTARTS, (5_000_000, 5_000_300, 600, 900), (0, 900)),
        (MeterVice.KILO, (5_000_000, 5_000, 5_000, 5_000_900), (900, 900)),
        (MeterVice.STOP_ZERO, (5_000_000, 5_000_300, 5_000_600, 0), (600, 900)),
        (MeterVice.STOP_SPIKE, (5_000_000, 5_000_300, 5_000_600, 5_000_900 + FAR_WH), (600, 900)),
    ],
)
def test_what_a_lying_meter_shows_and_what_can_be_known_of_it(
    vice: MeterVice, shown: tuple[int, ...], known: tuple[int, int]
):
    kinds = Kind.START, Kind.NEWS, Kind.NEWS, Kind.STOP
    numbers = 0, 1, 2, 2
    told = [shown_wh(vice, k, wh, TRUE[0], n) for k, wh, n in zip(kinds, TRUE, numbers, strict=True)]
    assert tuple(told) == shown
    truth = Charged(
        station_id="V01", evse_id=1, token_uid="X", started_at=EPOCH, meter_start_wh=TRUE[0],
        meter_stop_wh=TRUE[3], sampled_wh=[TRUE[1], TRUE[2]],
    )  # fmt: skip
    assert billable(vice, truth) == known
