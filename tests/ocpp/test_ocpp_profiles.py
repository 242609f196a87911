"""What messages tell of the charging profiles in a station, in one shape over all versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from elstrada.model import answers, asks
from elstrada.model.mirror import Cleared, Expected, ItemKind, Learned, Part, Variable
from elstrada.model.needs import NeedsAnswer
from elstrada.model.notices import NoticeKind
from elstrada.model.profile import (
    OURS,
    Abilities,
    Limit,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Schedule,
)
from elstrada.ocpp.faults import Refusal
from elstrada.ocpp.profiles import abilities
from elstrada.ocpp.table import ReadCall, Sendable
from elstrada.ocpp.versions import OCPP16, OCPP21, OCPP201, Version
from elstrada.ocpp.wire import encode

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
KIND = ItemKind.CHARGING_PROFILE
PROFILE_16 = {
    "chargingProfileId": 7,
    "transactionId": 42,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "validTo": "9999-12-31T23:59:59Z",
    "chargingSchedule": {
        "duration": 600,
        "startSchedule": "2026-03-01T18:00:00+01:00",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 300, "limit": 6.1, "numberPhases": 1},
            {"startPeriod": 0, "limit": 16},
        ],
    },
}
PROFILE_2X = {
    "id": 7,
    "transactionId": "42",
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "validTo": "9999-12-31T23:59:59Z",
    "chargingSchedule": [{"id": 1, **PROFILE_16["chargingSchedule"]}],  # type: ignore[dict-item]
}
DYNAMIC = {
    "id": 9,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Dynamic",
    "dynUpdateInterval": 30,
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11000, "limit_L2": 3600.5, "operationMode": "ChargingOnly"}
            ],
        }
    ],
}
ACCEPTED = {"status": "Accepted"}


def call_of(version: Version, action: str, **fields: object) -> Any:
    read = version.read_call(action, json.dumps(fields).encode(), NOW)
    assert isinstance(read, ReadCall), read
    return read.ask


def answered(version: Version, action: str, request: object, response: object) -> Learned:
    learned = version.learned(action, json.dumps(request).encode(), json.dumps(response).encode())
    assert learned is not None
    return learned


def profiles(learned: Learned) -> list[Profile]:
    assert all(item.kind is KIND for item in learned.items)
    return [msgspec.json.decode(item.document, type=Profile) for item in learned.items]


def cleared(*fields: dict[str, object]) -> tuple[Cleared, ...]:
    return tuple(Cleared(KIND, tuple(one.items())) for one in fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "request_"),
    [
        (OCPP16, {"connectorId": 1, "csChargingProfiles": PROFILE_16}),
        (OCPP201, {"evseId": 1, "chargingProfile": PROFILE_2X}),
        (OCPP21, {"evseId": 1, "chargingProfile": PROFILE_2X}),
    ],
    ids=["1.6", "2.0.1", "2.1"],
)
def test_an_accepted_profile_has_the_same_shape_in_every_version(version: Version, request_: Any) -> None:
    (profile,) = profiles(answered(version, "SetChargingProfile", request_, ACCEPTED))
    periods = (
        Period(start_s=0, limit=Decimal(16)),
        Period(start_s=300, limit=Decimal("6.1"), phases=1),
    )
    expected = Profile(
        id=7,
        evse_id=1,
        stack_level=2,
        purpose="TxProfile",
        kind="Absolute",
        transaction_id="42",
        valid_to=datetime(2200, 1, 1, tzinfo=UTC),
        source=OURS,
        schedules=(Schedule(unit="A", periods=periods, start=NOW, duration_s=600),),
        wire=profile.wire,
    )
    assert profile == expected
    told = request_.get("csChargingProfiles") or request_["chargingProfile"]
    assert json.loads(bytes(profile.wire)) == told
    again = version.profiles.again(profile)
    assert json.loads(encode(again)) == request_  # type: ignore[arg-type]
    refused = answered(version, "SetChargingProfile", request_, {"status": "Rejected"})
    assert refused == Learned()


def test_1_6_replaces_what_has_the_same_level_purpose_and_connector() -> None:
    """1.6 §3.13.2; in 2.x only the same number is replaced (K01.FR.05)."""
    request = {"connectorId": 1, "csChargingProfiles": PROFILE_16}
    learned = answered(OCPP16, "SetChargingProfile", request, ACCEPTED)
    assert learned.cleared == cleared({"evse_id": 1, "stack_level": 2, "purpose": "TxProfile"})
    newer = answered(OCPP201, "SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE_2X}, ACCEPTED)
    assert newer.cleared == ()


def test_the_whole_stations_maximum_has_one_name() -> None:
    profile = {**PROFILE_16, "chargingProfilePurpose": "ChargePointMaxProfile"}
    request = {"connectorId": 0, "csChargingProfiles": profile}
    (kept,) = profiles(answered(OCPP16, "SetChargingProfile", request, ACCEPTED))
    assert kept.purpose == Purpose.STATION_MAX


def test_a_start_brings_its_sessions_profile() -> None:
    nameless = {key: value for key, value in PROFILE_16.items() if key != "transactionId"}
    old = answered(OCPP16, "RemoteStartTransaction", {"idTag": "A", "chargingProfile": nameless}, ACCEPTED)
    (profile,) = profiles(old)
    assert (profile.evse_id, profile.transaction_id) == (None, None)
    newer = {key: value for key, value in PROFILE_2X.items() if key != "transactionId"}
    request = {
        "idToken": {"idToken": "A", "type": "Central"},
        "remoteStartId": 1,
        "evseId": 2,
        "chargingProfile": newer,
    }
    for version in (OCPP201, OCPP21):
        (profile,) = profiles(
            answered(version, "RequestStartTransaction", request, {**ACCEPTED, "transactionId": "T5"})
        )
        assert (profile.evse_id, profile.transaction_id) == (2, "T5")
    without = {**request}
    del without["chargingProfile"]
    assert answered(OCPP201, "RequestStartTransaction", without, ACCEPTED) == Learned()


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_a_report_comes_per_source_and_evse(version: Version) -> None:
    """K09.FR.02."""
    ask = call_of(
        version,
        "ReportChargingProfiles",
        requestId=5,
        chargingLimitSource="EMS",
        evseId=0,
        tbc=True,
        chargingProfile=[{**PROFILE_2X, "chargingProfilePurpose": "ChargingStationExternalConstraints"}],
    )
    assert ask.learned.part == Part(kind=KIND, request_id=5, seq_no=None, last=False)
    (profile,) = profiles(ask.learned)
    assert (profile.source, profile.evse_id, profile.is_ours) == ("EMS", 0, False)


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_asked_for_by_every_source_a_station_names_all_it_has(version: Version) -> None:
    """K09.FR.03 demands a criterion, so this is how everything is asked for."""
    everyone = {"chargingLimitSource": ["EMS", "Other", "SO", "CSO"]}

    def learned(criteria: object, status: str, **more: object) -> Learned:
        request = {"requestId": 5, "chargingProfile": criteria, **more}
        return answered(version, "GetChargingProfiles", request, {"status": status})

    whole = Learned(expected=Expected(kind=KIND, request_id=5, whole=True))
    part = Learned(expected=Expected(kind=KIND, request_id=5, whole=False))
    assert learned(everyone, "Accepted") == whole
    assert learned({}, "Accepted") == whole
    assert learned(everyone, "Accepted", evseId=1) == part
    assert learned({"stackLevel": 0}, "Accepted") == part
    assert learned({"chargingLimitSource": ["CSO"]}, "Accepted") == part
    assert learned(everyone, "NoProfiles") == Learned(replaces=frozenset({KIND}))
    none = learned({"chargingProfileId": [1, 2], "stackLevel": 0}, "NoProfiles", evseId=1)
    assert none.cleared == cleared(
        {"id": 1, "stack_level": 0, "evse_id": 1}, {"id": 2, "stack_level": 0, "evse_id": 1}
    )
    assert learned({"chargingLimitSource": ["SO"]}, "NoProfiles").cleared == cleared({"source": "SO"})


def test_a_clearing_by_number_or_by_criteria_never_reaches_what_others_set() -> None:
    """K10.FR.03, K10.FR.04, K10.FR.09; 1.6 §5.5."""
    gone = Learned(gone=((KIND, "7"),))
    assert answered(OCPP16, "ClearChargingProfile", {"id": 7}, ACCEPTED) == gone
    assert answered(OCPP16, "ClearChargingProfile", {"id": 7}, {"status": "Unknown"}) == gone
    assert answered(OCPP201, "ClearChargingProfile", {"chargingProfileId": 7}, ACCEPTED) == gone
    criteria = {"chargingProfilePurpose": "ChargePointMaxProfile", "connectorId": 0}
    some = answered(OCPP16, "ClearChargingProfile", criteria, ACCEPTED)
    assert some.cleared == cleared({"evse_id": 0, "purpose": "ChargingStationMaxProfile"})
    everything = answered(OCPP16, "ClearChargingProfile", {}, ACCEPTED)
    assert [dict(one.fields)["purpose"] for one in everything.cleared] == [
        "ChargingStationMaxProfile",
        "TxDefaultProfile",
        "TxProfile",
        "PriorityCharging",
    ]
    unknown = answered(OCPP21, "ClearChargingProfile", {"chargingProfileId": 7}, {"status": "Unknown"})
    assert unknown.gone == ()
    assert all(dict(one.fields)["id"] == 7 for one in unknown.cleared)


# --- dynamic profiles -------------------------------------------------------------------------------


def dynamic() -> Profile:
    (profile,) = profiles(
        answered(OCPP21, "SetChargingProfile", {"evseId": 1, "chargingProfile": DYNAMIC}, ACCEPTED)
    )
    return profile


def test_an_update_changes_what_it_names_and_keeps_the_rest() -> None:
    """2.1 K28.FR.06."""
    request = {"chargingProfileId": 9, "scheduleUpdate": {"limit": 7400.5, "setpoint": 7000}}
    learned = answered(OCPP21, "UpdateDynamicSchedule", request, ACCEPTED)
    assert learned.adjusted is not None
    assert learned.adjusted.profile_id == 9
    assert answered(OCPP21, "UpdateDynamicSchedule", request, {"status": "Rejected"}) == Learned()

    after = dynamic().adjusted(learned.adjusted.update.encode())
    assert after.schedules[0].periods[0].limit == Decimal("7400.5")
    wire = json.loads(bytes(after.wire))
    assert wire["dynUpdateInterval"] == 30
    assert wire["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {
            "startPeriod": 0,
            "limit": 7400.5,
            "limit_L2": 3600.5,
            "operationMode": "ChargingOnly",
            "setpoint": 7000,
        }
    ]
    fixed = msgspec.structs.replace(dynamic(), kind=ProfileKind.ABSOLUTE)
    assert fixed.adjusted(b'{"limit": 1}') == fixed


def test_a_station_that_pulls_gets_the_current_setpoint_or_learns_that_there_is_none() -> None:
    """2.1 K28.FR.07, K28.FR.12."""
    assert call_of(OCPP21, "PullDynamicScheduleUpdate", chargingProfileId=9) == asks.PullSetpoint(9)
    setpoint = dynamic().setpoint
    assert setpoint is not None
    given = OCPP21.write_answer("PullDynamicScheduleUpdate", answers.Setpoint(setpoint.decode()))
    assert given == b'{"status":"Accepted","scheduleUpdate":{"limit":11000,"limit_L2":3600.5}}'
    refused = json.loads(OCPP21.write_answer("PullDynamicScheduleUpdate", answers.Setpoint()))
    assert refused == {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    (fixed,) = profiles(
        answered(OCPP21, "SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE_2X}, ACCEPTED)
    )
    assert fixed.setpoint is None


def test_a_profile_that_gives_back_loses_nothing() -> None:
    """2.1 block Q: what no field of ours holds stands in the station's words."""
    period = {
        "startPeriod": 0,
        "limit": 11000,
        "dischargeLimit": -5000.5,
        "setpoint": -3000,
        "setpoint_L2": -1000,
        "operationMode": "LocalFrequency",
        "v2xBaseline": 250,
        "v2xFreqWattCurve": [{"frequency": 49.9, "power": -3000}, {"frequency": 50.1, "power": 3000}],
    }
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    told = {
        "id": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "transactionId": "T1",
        "maxOfflineDuration": 600,
        "chargingSchedule": [schedule],
    }
    fields = {"evseId": 1, "chargingProfile": told}
    (kept,) = profiles(answered(OCPP21, "SetChargingProfile", fields, ACCEPTED))
    assert kept.schedules[0].periods == (
        Period(
            start_s=0,
            limit=Decimal(11000),
            mode="LocalFrequency",
            setpoint=Decimal(-3000),
            discharge_limit=Decimal("-5000.5"),
        ),
    )
    assert json.loads(msgspec.json.encode(OCPP21.profiles.again(kept))) == fields


# --- ISO 15118 --------------------------------------------------------------------------------------


IN_2X = pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
STATUSES = {
    NeedsAnswer.PLANNED: ("Accepted", "Accepted"),
    NeedsAnswer.LATER: ("Processing", "Processing"),
    NeedsAnswer.NO_PLAN: ("Rejected", "NoChargingProfile"),
    NeedsAnswer.NOT_ALLOWED: ("Rejected", "Rejected"),
}


@IN_2X
def test_a_cars_needs_are_told_and_noted(version: Version) -> None:
    """K15.FR.01."""
    parameters = {"energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}
    needs = {
        "requestedEnergyTransfer": "AC_three_phase",
        "departureTime": "2026-03-02T06:00:00Z",
        "acChargingParameters": parameters,
    }
    ask = call_of(version, "NotifyEVChargingNeeds", evseId=2, chargingNeeds=needs, maxScheduleTuples=12)
    told = ask.needs
    assert (told.evse_id, told.transfer, told.energy_wh, told.max_periods) == (
        2,
        "AC_three_phase",
        20_000,
        12,
    )
    assert (told.min_a, told.max_a, told.max_voltage, told.max_w) == (6, 16, 230, None)
    assert told.departure == datetime(2026, 3, 2, 6, tzinfo=UTC)
    notice = ask.notice
    assert (notice.kind, notice.evse_id, notice.status) == (NoticeKind.EV_NEEDS, 2, "AC_three_phase")
    assert notice.text == "leaves at 2026-03-02 06:00:00Z"
    assert (
        json.loads(notice.document)["chargingNeeds"] == json.loads(bytes(told.wire))["chargingNeeds"] == needs
    )


@IN_2X
def test_a_battery_that_names_no_energy_wants_to_be_full(version: Version) -> None:
    parameters = {"evMaxCurrent": 300, "evMaxVoltage": 400, "evEnergyCapacity": 60_000, "stateOfCharge": 20}
    for more, energy_wh in (({}, 48_000), ({"fullSoC": 80}, 36_000), ({"energyAmount": 7}, 7)):
        needs = {"requestedEnergyTransfer": "DC", "dcChargingParameters": {**parameters, **more}}
        told = call_of(version, "NotifyEVChargingNeeds", evseId=1, chargingNeeds=needs).needs
        assert (told.energy_wh, told.max_a, told.is_dc) == (energy_wh, 300, True)


@IN_2X
def test_an_amount_that_no_car_has_is_a_finding(version: Version) -> None:
    parameters = {"energyAmount": -5, "evMinCurrent": 6, "evMaxCurrent": 10**9, "evMaxVoltage": 230}
    needs = {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": parameters}
    payload = json.dumps({"evseId": 1, "chargingNeeds": needs}).encode()
    read = version.read_call("NotifyEVChargingNeeds", payload, NOW)
    assert not isinstance(read, Refusal)
    assert isinstance(read.ask, asks.TellNeeds)
    assert (read.ask.needs.energy_wh, read.ask.needs.max_a) == (None, None)
    at = "/chargingNeeds/acChargingParameters"
    assert [one.pointer for one in read.findings] == [f"{at}/energyAmount", f"{at}/evMaxCurrent"]


def test_a_car_of_iso_15118_20_tells_its_limits_in_other_fields() -> None:
    """2.1 part 2, Q01, V2XChargingParametersType: where phases are told, the plain field is L1."""
    more = {
        "maxChargePower": 3600,
        "maxChargePower_L2": 3600,
        "maxChargePower_L3": 3600.5,
        "maxDischargePower": 5000,
        "minChargePower": 1400,
        "evTargetEnergyRequest": -100,
    }
    needs = {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": more}
    told = call_of(OCPP21, "NotifyEVChargingNeeds", evseId=1, chargingNeeds=needs).needs
    assert (told.max_w, told.min_w, told.energy_wh) == (Decimal("10800.5"), 1400, 0)
    assert (told.discharges, told.is_dc) == (True, False)


@pytest.mark.parametrize(("result", "statuses"), STATUSES.items())
def test_needs_are_answered_in_each_versions_words(result: NeedsAnswer, statuses: tuple[str, str]) -> None:
    """K15.FR.03 to .05; 2.1: Rejected denies the kind of energy, so what has no plan is NoChargingProfile."""
    for version, status in zip((OCPP201, OCPP21), statuses, strict=True):
        silent = version.write_answer("NotifyEVChargingNeeds", answers.NeedsAnswered(result))
        assert json.loads(silent) == {"status": status}
        why = version.write_answer("NotifyEVChargingNeeds", answers.NeedsAnswered(result, "for a reason"))
        info = {"reasonCode": "Unspecified", "additionalInfo": "for a reason"}
        assert json.loads(why) == {"status": status, "statusInfo": info}


@pytest.mark.parametrize("version", [OCPP201, OCPP21], ids=["2.0.1", "2.1"])
def test_a_cars_schedule_counts_from_its_time_base(version: Version) -> None:
    """K15.FR.10 to .12."""
    ask = call_of(
        version,
        "NotifyEVChargingSchedule",
        evseId=1,
        timeBase="2026-03-01T17:00:00Z",
        chargingSchedule=PROFILE_2X["chargingSchedule"][0],  # type: ignore[index]
    )
    assert ask.evse_id == 1
    assert (ask.schedule.start, ask.schedule.unit) == (NOW, "A")
    for within, status in ((True, "Accepted"), (False, "Rejected")):
        payload = version.write_answer("NotifyEVChargingSchedule", answers.ScheduleChecked(within))
        assert json.loads(payload) == {"status": status}


# --- limits of ours ---------------------------------------------------------------------------------


@pytest.mark.rule(29)
@pytest.mark.parametrize("version", [OCPP16, OCPP201, OCPP21], ids=["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("purpose", [Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX])
def test_a_limit_is_a_sendable_profile_that_is_read_back_as_it_was(
    version: Version, purpose: Purpose
) -> None:
    """Rule 29: it is absolute, so it says when it begins."""
    limit = Limit(
        profile_id=3,
        evse_id=0 if purpose is Purpose.STATION_MAX else 1,
        purpose=purpose,
        stack_level=1,
        unit=RateUnit.A,
        limit=Decimal("16.5"),
        start=NOW,
        until=datetime(2026, 3, 1, 18, tzinfo=UTC),
        transaction_id="42" if purpose is Purpose.TX else None,
    )
    payload = encode(version.profiles.limited(limit))
    assert isinstance(version.write_call("SetChargingProfile", payload), Sendable)
    (kept,) = profiles(answered(version, "SetChargingProfile", json.loads(payload), ACCEPTED))
    (schedule,) = kept.schedules
    assert (kept.id, kept.evse_id, kept.purpose, kept.transaction_id) == (
        3,
        limit.evse_id,
        purpose,
        limit.transaction_id,
    )
    assert (schedule.start, schedule.duration_s, schedule.periods[0].limit) == (NOW, 3600, Decimal("16.5"))
    for order in (("ClearChargingProfile", version.profiles.cleared(3)), version.profiles.abilities):
        assert isinstance(version.write_call(order[0], encode(order[1])), Sendable)
    asked = encode(version.profiles.asked(1, 60, RateUnit.A))
    assert isinstance(version.write_call("GetCompositeSchedule", asked), Sendable)


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (
            OCPP16,
            {
                "connectorId": 1,
                "scheduleStart": "2026-03-01T17:00:00Z",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
                },
            },
        ),
        *(
            (
                version,
                {
                    "schedule": {
                        "evseId": 1,
                        "duration": 60,
                        "scheduleStart": "2026-03-01T17:00:00Z",
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
                    }
                },
            )
            for version in (OCPP201, OCPP21)
        ),
    ],
    ids=["1.6", "2.0.1", "2.1"],
)
def test_a_composite_schedule_is_read(version: Version, told: dict[str, object]) -> None:
    schedule = version.profiles.composed(json.dumps({**ACCEPTED, **told}).encode())
    assert schedule is not None
    assert (schedule.start, schedule.unit, schedule.periods) == (
        NOW,
        "A",
        (Period(start_s=0, limit=Decimal(6)),),
    )
    for nothing in (b'{"status":"Rejected"}', b'{"status":"Accepted"}', b"[]"):
        assert version.profiles.composed(nothing) is None


@pytest.mark.rule(28)
def test_what_a_station_takes_is_read_from_its_keys_and_variables() -> None:
    """Rule 28."""
    keys = [
        {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current, Power"},
        {"key": "ChargeProfileMaxStackLevel", "readonly": True, "value": "3"},
        {"key": "ChargingScheduleMaxPeriods", "readonly": True, "value": "24.0"},
        {"key": "MaxChargingProfilesInstalled", "readonly": True, "value": "many"},
    ]
    old = answered(OCPP16, "GetConfiguration", {}, {"configurationKey": keys})
    ctrlr = {"name": "SmartChargingCtrlr"}
    new = answered(
        OCPP201,
        "GetVariables",
        {"getVariableData": [{"component": ctrlr, "variable": {"name": "RateUnit"}}]},
        {
            "getVariableResult": [
                {
                    "attributeStatus": "Accepted",
                    "attributeValue": value,
                    "component": ctrlr,
                    "variable": {"name": name},
                }
                for name, value in (("RateUnit", "A,W"), ("ProfileStackLevel", "8"))
            ]
        },
    )

    def read(learned: Learned, version: Version) -> Abilities:
        variables = [msgspec.json.decode(item.document, type=Variable) for item in learned.items]
        return abilities(variables, version.profiles.keys)

    both = frozenset(RateUnit)
    assert read(old, OCPP16) == Abilities(units=both, max_stack_level=3, max_periods=24)
    assert read(new, OCPP201) == Abilities(units=both, max_stack_level=8)
    assert not read(Learned(), OCPP16).are_told


@pytest.mark.rule(29)
@pytest.mark.parametrize("kind", ["Absolute", "Recurring", "Relative"])
@pytest.mark.parametrize("begins", [True, False], ids=["with a start", "without"])
def test_a_profile_whose_start_does_not_fit_its_kind_is_not_sent(kind: str, begins: bool) -> None:
    """Rule 29; K01.FR.40 and K01.FR.41."""
    fits = begins == (kind != "Relative")
    start = {"startSchedule": "2026-03-01T17:00:00Z"} if begins else {}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}], **start}
    same = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": kind}
    old = {"chargingProfileId": 1, **same, "chargingSchedule": schedule}
    new = {"id": 1, **same, "chargingSchedule": [{"id": 1, **schedule}]}
    token = {"idToken": "A", "type": "Central"}
    calls = (
        (OCPP16, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": old}),
        (OCPP16, "RemoteStartTransaction", {"idTag": "A", "chargingProfile": old}),
        (OCPP201, "SetChargingProfile", {"evseId": 1, "chargingProfile": new}),
        (OCPP21, "SetChargingProfile", {"evseId": 1, "chargingProfile": new}),
        (OCPP21, "RequestStartTransaction", {"idToken": token, "remoteStartId": 1, "chargingProfile": new}),
    )
    for version, action, fields in calls:
        written = version.write_call(action, json.dumps(fields).encode())
        assert isinstance(written, Sendable) == fits, (version.protocol, action)
        if not isinstance(written, Sendable):
            (finding,) = written.findings
            assert finding.rule == "rule 29"
            assert finding.pointer.endswith("/startSchedule")
