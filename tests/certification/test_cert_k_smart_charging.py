"""K: charging profiles set, replaced, asked for and cleared, and schedules composed (part 6 section 3.12)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from cert_csms import VALID, Csms
from cert_station import Json, Station
from cert_visit import Visit, card

from elstrada.model.device import CommandResult

case = pytest.mark.case
_ids = count(1)
DURATION_S = 300


def moment(seconds: int = 0) -> str:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def profile(
    purpose: str = "TxDefaultProfile", kind: str = "Absolute", limit: float = 6.0, **more: Json
) -> Json:
    """A profile of one period, valid from now on; a relative one begins with the transaction."""
    schedule: Json = {
        "id": next(_ids),
        "chargingRateUnit": "A",
        "duration": DURATION_S,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit, "numberPhases": 3}],
    }
    made: Json = {
        "id": next(_ids),
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
    }
    if kind != "Relative":
        schedule["startSchedule"] = moment()
        made |= {"validFrom": moment(), "validTo": moment(DURATION_S)}
    return made | more


async def put(csms: Csms, station: Station, evse: int, given: Json) -> None:
    """The operator sets a profile, and the station takes it."""
    wanted = {"evseId": evse, "chargingProfile": given}
    asked, end = await csms.calls(station, "SetChargingProfile", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED


# --- set ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evse", "given"),
    [
        pytest.param(1, {}, marks=case("TC_K_01_CSMS")),
        pytest.param(0, {"purpose": "ChargingStationMaxProfile", "limit": 8.0}, marks=case("TC_K_03_CSMS")),
        pytest.param(0, {}, marks=case("TC_K_10_CSMS")),
        pytest.param(1, {"kind": "Recurring", "recurrencyKind": "Daily"}, marks=case("TC_K_19_CSMS")),
    ],
)
async def test_a_profile_is_set(csms: Csms, station: Station, evse: int, given: dict[str, Any]):
    await put(csms, station, evse, profile(**given))


@case("TC_K_04_CSMS")
async def test_a_profile_replaces_the_one_of_its_id(csms: Csms, station: Station):
    first = profile(limit=8.0)
    await put(csms, station, 1, first)
    await put(csms, station, 1, profile(limit=6.0, id=first["id"]))


@case("TC_K_70_CSMS")
async def test_profiles_stand_beside_each_other(csms: Csms, station: Station):
    first, second = profile(stackLevel=1), profile(stackLevel=2)
    assert first["id"] != second["id"]
    for given in (first, second):
        await put(csms, station, 1, given)


@case("TC_K_60_CSMS")
async def test_a_running_transaction_gets_a_profile(csms: Csms, station: Station):
    visit = Visit(station)
    await visit.charging()
    transaction_id = (await csms.session(station))["transaction_id"]
    assert transaction_id == visit.transaction_id
    await put(csms, station, 1, profile("TxProfile", "Relative", transactionId=transaction_id))


@case("TC_K_15_CSMS")
async def test_a_station_that_knows_no_profiles(csms: Csms, station: Station):
    wanted = {"evseId": 1, "chargingProfile": profile()}
    end = await csms.calls_in_vain(station, "SetChargingProfile", wanted, "NotSupported")
    assert CommandResult.NOT_SUPPORTED.value in end.says


@case("TC_K_37_CSMS")
async def test_a_remote_start_brings_a_profile(csms: Csms, station: Station):
    visit = Visit(station)
    given = profile("TxProfile", "Relative")
    wanted = {"idToken": card(VALID), "remoteStartId": 7, "evseId": 1, "chargingProfile": given}
    asked, end = await csms.calls(station, "RequestStartTransaction", wanted, status="Accepted")
    assert asked == wanted
    assert "transactionId" not in asked["chargingProfile"]
    assert end.result is CommandResult.ACCEPTED
    answer = await visit.event("RemoteStart", shows=card(), place=True, remote_start_id=7)
    assert answer["idTokenInfo"]["status"] == "Accepted"


# --- clear and get -----------------------------------------------------------------------------------

CRITERIA = {"chargingProfilePurpose": "TxDefaultProfile", "evseId": 1, "stackLevel": 1}


@pytest.mark.parametrize(
    ("wanted", "status", "result"),
    [
        pytest.param(
            {"chargingProfileCriteria": CRITERIA},
            "Accepted",
            CommandResult.ACCEPTED,
            marks=case("TC_K_06_CSMS"),
        ),
        pytest.param(
            {"chargingProfileCriteria": CRITERIA},
            "Unknown",
            CommandResult.UNKNOWN,
            marks=case("TC_K_08_CSMS"),
        ),
    ],
)
async def test_profiles_are_cleared(
    csms: Csms, station: Station, wanted: Json, status: str, result: CommandResult
):
    asked, end = await csms.calls(station, "ClearChargingProfile", wanted, status=status)
    assert asked == wanted
    assert end.result is result


async def reported(station: Station, number: int, evse: int, *profiles: Json, tbc: bool = False) -> None:
    told = await station.call(
        "ReportChargingProfiles",
        requestId=number,
        chargingLimitSource="CSO",
        evseId=evse,
        tbc=tbc,
        chargingProfile=list(profiles),
    )
    assert told == {}


async def ask(csms: Csms, station: Station, criterion: Json, **place: int) -> int:
    """The operator asks for profiles. Returns the number that the reports bear."""
    wanted = {"requestId": next(_ids), "chargingProfile": criterion, **place}
    asked, end = await csms.calls(station, "GetChargingProfiles", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED
    return asked["requestId"]


@case("TC_K_05_CSMS")
async def test_a_profile_is_cleared_by_its_id(csms: Csms, station: Station):
    known = profile("ChargingStationMaxProfile")
    number = await ask(csms, station, {})
    await reported(station, number, 0, known)
    wanted = {"chargingProfileId": known["id"]}
    asked, end = await csms.calls(station, "ClearChargingProfile", wanted, status="Accepted")
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED


PURPOSE = {"chargingProfilePurpose": "TxDefaultProfile"}


@pytest.mark.parametrize(
    ("criterion", "place"),
    [
        pytest.param(PURPOSE, {"evseId": 0}, marks=case("TC_K_29_CSMS")),
        pytest.param({}, {"evseId": 1}, marks=case("TC_K_30_CSMS")),
        pytest.param({"chargingProfileId": [4711]}, {}, marks=case("TC_K_32_CSMS")),
        pytest.param({"stackLevel": 1}, {"evseId": 1}, marks=case("TC_K_33_CSMS")),
        pytest.param({"chargingLimitSource": ["EMS"]}, {"evseId": 1}, marks=case("TC_K_34_CSMS")),
        pytest.param(PURPOSE, {"evseId": 1}, marks=case("TC_K_35_CSMS")),
        pytest.param({**PURPOSE, "stackLevel": 1}, {"evseId": 1}, marks=case("TC_K_36_CSMS")),
    ],
)
async def test_profiles_are_asked_for(csms: Csms, station: Station, criterion: Json, place: dict[str, int]):
    if place == {"evseId": 0}:
        await Visit(station).charging()
    number = await ask(csms, station, criterion, **place)
    await reported(station, number, place.get("evseId", 1), profile())


@case("TC_K_31_CSMS")
async def test_all_profiles_come_evse_by_evse(csms: Csms, station: Station):
    number = await ask(csms, station, {})
    for evse in (0, 1, 2):
        await reported(station, number, evse, profile(), tbc=evse < 2)


# --- composed schedules ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "evse",
    [pytest.param(1, marks=case("TC_K_43_CSMS")), pytest.param(0, marks=case("TC_K_44_CSMS"))],
)
async def test_a_schedule_is_composed(csms: Csms, station: Station, evse: int):
    wanted = {"duration": DURATION_S, "chargingRateUnit": "A", "evseId": evse}
    schedule = {
        "evseId": evse,
        "duration": DURATION_S,
        "scheduleStart": moment(),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
    }
    asked, end = await csms.calls(
        station, "GetCompositeSchedule", wanted, status="Accepted", schedule=schedule
    )
    assert asked == wanted
    assert end.result is CommandResult.ACCEPTED


# --- the general rules of section 3.1 ----------------------------------------------------------------


def period(start: int, **more: Json) -> Json:
    return {"startPeriod": start, "limit": 10.0, **more}


@pytest.mark.parametrize(
    ("periods", "pointer"),
    [
        ([period(0), period(60), period(60)], "2/startPeriod"),
        ([period(0), period(60), period(30)], "2/startPeriod"),
        ([period(10)], "0/startPeriod"),
        ([period(0, phaseToUse=2)], "0/phaseToUse"),
        ([period(0, phaseToUse=2, numberPhases=3)], "0/phaseToUse"),
    ],
)
async def test_a_schedule_without_sense_is_not_sent(
    csms: Csms, station: Station, periods: list[Json], pointer: str
):
    given = profile()
    given["chargingSchedule"][0]["chargingSchedulePeriod"] = periods
    payload = json.dumps({"evseId": 1, "chargingProfile": given})
    end = await csms.does("station call", station=station.name, action="SetChargingProfile", payload=payload)
    assert end.kind == "invalid", end
    where = f"/chargingProfile/chargingSchedule/0/chargingSchedulePeriod/{pointer}"
    assert [problem.pointer for problem in end.problems] == [where]


async def test_a_schedule_with_sense_is_sent(csms: Csms, station: Station):
    given = profile()
    periods = [period(0, phaseToUse=2, numberPhases=1), period(60), period(120)]
    given["chargingSchedule"][0]["chargingSchedulePeriod"] = periods
    await put(csms, station, 1, given)
