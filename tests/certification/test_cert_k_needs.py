"""K: charging by ISO 15118, a car's needs and schedules, and their renegotiation (part 6 section 3.12)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cert_csms import Csms
from cert_station import Json, Station, now
from cert_visit import Visit

case = pytest.mark.case
NEEDS: Json = {
    "requestedEnergyTransfer": "AC_three_phase",
    "acChargingParameters": {
        "energyAmount": 50_000,
        "evMinCurrent": 6,
        "evMaxCurrent": 32,
        "evMaxVoltage": 230,
    },
}


class Car:
    """A car of ISO 15118 at EVSE 1, whose transaction is authorized."""

    def __init__(self, station: Station) -> None:
        self.station, self.visit = station, Visit(station)

    async def comes(self) -> None:
        """EVConnectedPreSession and Authorized."""
        await self.visit.ev_connected()
        await self.visit.authorized()

    async def needs(self, needs: Json = NEEDS) -> str:
        told = await self.station.call(
            "NotifyEVChargingNeeds", evseId=1, chargingNeeds=needs, maxScheduleTuples=10
        )
        return told["status"]

    async def gets(self) -> Json:
        """The schedule of the SetChargingProfile, which the station takes."""
        asked = await self.station.asked("SetChargingProfile")
        profile = asked.payload["chargingProfile"]
        assert asked.payload["evseId"] == 1
        assert profile["chargingProfilePurpose"] == "TxProfile"
        assert profile["transactionId"] == self.visit.transaction_id
        (schedule,) = profile["chargingSchedule"]
        assert len(schedule["chargingSchedulePeriod"]) <= 10
        await asked.answer(status="Accepted")
        return schedule

    async def will(self, schedule: Json) -> str:
        told = await self.station.call(
            "NotifyEVChargingSchedule", timeBase=now(), evseId=1, chargingSchedule=schedule
        )
        return told["status"]

    async def charges(self, trigger: str = "ChargingStateChanged") -> None:
        await self.visit.event(trigger, chargingState="Charging")

    async def smart_charging(self, needs: Json = NEEDS) -> Json:
        """ISO15118SmartCharging."""
        assert await self.needs(needs) == "Accepted"
        schedule = await self.gets()
        assert await self.will(schedule) == "Accepted"
        await self.charges()
        return schedule


@pytest.fixture
async def car(station: Station) -> Car:
    newcomer = Car(station)
    await newcomer.comes()
    return newcomer


def limits(schedule: Json) -> list[Any]:
    return [one["limit"] for one in schedule["chargingSchedulePeriod"]]


def doubled(schedule: Json) -> Json:
    periods = [{**one, "limit": one["limit"] * 2} for one in schedule["chargingSchedulePeriod"]]
    return {**schedule, "chargingSchedulePeriod": periods}


@case("TC_K_53_CSMS")
async def test_a_car_gets_a_schedule_for_its_needs(csms: Csms, car: Car):
    """And no second one without a cause: the station leaves with nothing more to be asked."""
    schedule = await car.smart_charging()
    assert (limits(schedule), schedule["chargingRateUnit"]) == ([32], "A")
    assert list(await csms.items(car.station, "EV_NEEDS")) == ["1"]
    assert (await csms.items(car.station, "EV_SCHEDULE"))["1"]["within"] is True
    await asyncio.sleep(0.2)


@case("TC_K_53_CSMS")
async def test_a_schedule_keeps_within_what_is_installed(csms: Csms, car: Car):
    given = {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargingStationMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 5,
                "chargingRateUnit": "A",
                "startSchedule": now(),
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 10.0},
                    {"startPeriod": 1800, "limit": 5.0},
                    {"startPeriod": 3600, "limit": 20.0},
                ],
            }
        ],
    }
    wanted = {"evseId": 0, "chargingProfile": given}
    await csms.calls(car.station, "SetChargingProfile", wanted, status="Accepted")
    # 5 A are less than the car charges with.
    assert limits(await car.smart_charging()) == [10, 0, 20]


@case("TC_K_55_CSMS")
async def test_a_car_that_exceeds_its_schedule_is_given_it_again(csms: Csms, car: Car):
    assert await car.needs() == "Accepted"
    schedule = await car.gets()
    assert await car.will(doubled(schedule)) == "Rejected"
    again = await car.gets()
    await car.charges()
    assert await car.will(again) == "Accepted"
    await car.charges("ChargingRateChanged")
    assert [one[0] for one in await csms.notices(car.station, "EV_SCHEDULE")] == ["Exceeds", "Within"]


@case("TC_K_55_CSMS")
async def test_a_car_that_never_keeps_to_its_schedule_is_left_to_its_station(csms: Csms, car: Car):
    """K16.FR.08 has no end of its own."""
    assert await car.needs() == "Accepted"
    for _ in range(4):
        assert await car.will(doubled(await car.gets())) == "Rejected"
    await asyncio.sleep(0.2)
    assert await car.will(doubled({"id": 1, "chargingRateUnit": "A", **PERIOD})) == "Rejected"


PERIOD: Json = {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 32}]}


@case("TC_K_57_CSMS")
async def test_a_car_renegotiates(csms: Csms, car: Car):
    await car.smart_charging()
    parameters = {**NEEDS["acChargingParameters"], "evMaxCurrent": 16}
    less = {**NEEDS, "acChargingParameters": parameters}
    assert await car.needs(less) == "Accepted"
    schedule = await car.gets()
    assert limits(schedule) == [16]
    assert await car.will(schedule) == "Accepted"


@case("TC_K_58_CSMS")
async def test_the_operator_renegotiates(csms: Csms, car: Car):
    await car.smart_charging()
    session = (await csms.session(car.station))["session_id"]
    doing = asyncio.create_task(csms.done("session renegotiate", session=session))
    schedule = await car.gets()
    end = await doing
    assert (end.transaction_id, end.evse_id) == (car.visit.transaction_id, 1)
    assert await car.will(schedule) == "Accepted"
    await car.charges("ChargingRateChanged")


@case("TC_K_59_CSMS")
async def test_a_car_tells_its_needs_again_when_the_operator_renegotiates(csms: Csms, car: Car):
    await car.smart_charging()
    session = (await csms.session(car.station))["session_id"]
    doing = asyncio.create_task(csms.done("session renegotiate", session=session))
    await car.gets()
    await doing
    assert await car.needs() == "Accepted"
    schedule = await car.gets()
    assert await car.will(schedule) == "Accepted"


async def test_needs_without_a_session_are_planned_when_it_begins(csms: Csms, station: Station):
    """K15.FR.05."""
    early = Car(station)
    assert await early.needs() == "Processing"
    await early.visit.ev_connected()
    assert limits(await early.gets()) == [32]
    await early.visit.authorized()


async def test_a_car_that_cannot_be_planned_for_is_told_why(csms: Csms, car: Car):
    """K15.FR.04."""
    told = await car.station.call(
        "NotifyEVChargingNeeds", evseId=1, chargingNeeds={"requestedEnergyTransfer": "DC"}
    )
    assert told["status"] == "Rejected"
    assert told["statusInfo"]["additionalInfo"].startswith("neither the car nor the EVSE says")


async def test_what_a_car_said_goes_with_its_session(csms: Csms, car: Car):
    await car.smart_charging()
    await car.visit.event("EVDeparted", "Ended", stoppedReason="EVDisconnected")
    for _ in range(100):
        if not await csms.items(car.station, "EV_NEEDS"):
            break
        await asyncio.sleep(0.02)
    for kind in ("EV_NEEDS", "EV_SCHEDULE", "CHARGING_PROFILE"):
        assert await csms.items(car.station, kind) == {}
