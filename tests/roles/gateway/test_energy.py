"""Energy over real sockets: limits of others, priority, setpoints, giving back, batteries; independent stations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v21
import pytest
from ocpp.routing import on
from ocpp.v21 import call as call21
from test_foreign_stations import CPO, House, running
from test_profiles import Limiting21, done, inhabited, limit, plugged, profiles

from elstrada.model.facts import AuthorizationDecided
from elstrada.model.ids import station_stream
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.token import Allowed
from elstrada.roles.desk.commands import CommandEnd
from elstrada.roles.desk.face import Kind, Refusal
from elstrada.roles.desk.session_card import SessionCard
from elstrada.roles.desk.table import verb_named
from elstrada.sim.records import put_location
from elstrada.spine import tables as t
from elstrada.spine.face import Work

CARD = "04A1B2C3"
IN_2X = pytest.mark.parametrize("name", ["ST201", "ST21"])
AC = {"energyAmount": 20_000, "evMinCurrent": 6, "evMaxCurrent": 32, "evMaxVoltage": 230}
DYNAMIC = {
    "id": 9,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Dynamic",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": 3000, "limit": 11000}
            ],
        }
    ],
}


class Energetic(Limiting21):
    """Takes all that 2.1 has for energy, and says what it was asked."""

    def __init__(self, name: str, socket: Any) -> None:
        super().__init__(name, socket)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.says = "Accepted"

    @on("UsePriorityCharging")
    def on_priority(self, **fields: Any) -> Any:
        self.asked.append(("UsePriorityCharging", fields))
        return ocpp.v21.call_result.UsePriorityCharging(status=self.says)  # type: ignore[arg-type]

    @on("UpdateDynamicSchedule")
    def on_update(self, **fields: Any) -> Any:
        self.asked.append(("UpdateDynamicSchedule", fields))
        return ocpp.v21.call_result.UpdateDynamicSchedule(status=self.says)  # type: ignore[arg-type]

    @on("NotifyAllowedEnergyTransfer")
    def on_allowed(self, **fields: Any) -> Any:
        self.asked.append(("NotifyAllowedEnergyTransfer", fields))
        return ocpp.v21.call_result.NotifyAllowedEnergyTransfer(status=self.says)  # type: ignore[arg-type]

    @on("AFRRSignal")
    def on_signal(self, **fields: Any) -> Any:
        self.asked.append(("AFRRSignal", fields))
        return ocpp.v21.call_result.AFRRSignal(status=self.says)  # type: ignore[arg-type]

    @on("RequestBatterySwap")
    def on_swap(self, **fields: Any) -> Any:
        self.asked.append(("RequestBatterySwap", fields))
        return ocpp.v21.call_result.RequestBatterySwap(status=self.says)  # type: ignore[arg-type]

    async def needs(self, transfer: str = "AC_three_phase", **more: Any) -> str:
        needs = {"requestedEnergyTransfer": transfer, "acChargingParameters": AC, **more}
        told = await self.call(call21.NotifyEVChargingNeeds(charging_needs=needs, evse_id=1))
        return str(told.status)


@asynccontextmanager
async def energetic(folder: Path) -> AsyncIterator[tuple[House, Energetic]]:
    async with inhabited(folder) as home, home.dial("ST21", "ocpp2.1") as socket:
        station = Energetic("ST21", socket)
        async with running(station):
            await station.begin()
            yield home, station


async def session(home: House, name: str) -> SessionCard:
    (row,) = await home.spine.find(t.session, {"station_id": name})
    card = await done(home, "session show", session=str(row["session_id"]))
    assert isinstance(card, SessionCard), card
    return card


async def planned(station: Limiting21, count: int) -> dict[str, Any]:
    """The profile that the station was given."""
    for _ in range(250):
        if len(station.set) == count:
            return station.set[-1]
        await asyncio.sleep(0.02)
    raise AssertionError(station.set)


# --- limits of others -------------------------------------------------------------------------------


@IN_2X
async def test_what_others_limit_counts_until_they_do_no_longer(tmp_path: Path, name: str) -> None:
    """K11, K12; K13, K14."""
    async with plugged(tmp_path, name) as (home, station):
        for source, amperes in (("EMS", 10), ("SO", 8), ("EMS", 12)):
            schedule = {
                "id": 1,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}],
            }
            await station.call(
                station.calls.NotifyChargingLimit(
                    charging_limit={"chargingLimitSource": source, "isGridCritical": False},
                    charging_schedule=[schedule],
                    evse_id=1,
                )
            )
        told = {(one.source, one.schedules[0].periods[0].limit) for one in await profiles(home, name)}
        assert told == {("EMS", 12), ("SO", 8)}
        await station.session()
        own = await limit(home, name, amperes=16, session=(await session(home, name)).session_id)
        assert own.allowed == 8
        for source, allowed in (("SO", 12), ("EMS", 16)):
            await station.call(station.calls.ClearedChargingLimit(charging_limit_source=source))
            again = await limit(home, name, amperes=16, session=(await session(home, name)).session_id)
            assert again.allowed == allowed


async def test_a_limit_without_a_schedule_says_not_how_much(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST21") as (home, station):
        schedule = {
            "id": 1,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 500}],
        }
        sun = {"chargingLimitSource": "SolarRoof", "isLocalGeneration": True}
        await station.call(call21.NotifyChargingLimit(charging_limit=sun, charging_schedule=[schedule]))
        (roof,) = await profiles(home, "ST21")
        assert (roof.purpose, roof.evse_id, roof.is_ours) == ("LocalGeneration", 0, False)
        await station.call(call21.NotifyChargingLimit(charging_limit=sun))
        assert await profiles(home, "ST21") == []


async def test_a_plan_keeps_within_what_others_limit(tmp_path: Path) -> None:
    async with energetic(tmp_path) as (_, station):
        await station.session()
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.5}],
        }
        await station.call(
            call21.NotifyChargingLimit(
                charging_limit={"chargingLimitSource": "EMS"}, charging_schedule=[schedule]
            )
        )
        assert await station.needs() == "Accepted"
        given = await planned(station, 1)
        periods = given["charging_schedule"][0]["charging_schedule_period"]
        assert [one["limit"] for one in periods] == [9.5]


async def test_a_plan_keeps_within_what_the_evse_gives_where_it_stands(tmp_path: Path) -> None:
    """The location says the most, the voltage and the phases, so that the energy is known too."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    connector = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=16,
        last_updated=at,
    )
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=at)
    harbour = Location(
        party=CPO,
        id="L1",
        address="Kajen 1",
        city="Karlshamn",
        country="SWE",
        coordinates=GeoLocation("56.17", "14.86"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        last_updated=at,
    )
    async with energetic(tmp_path) as (home, station):
        await home.spine.commit(Work(writes=(put_location(harbour),)))
        placed = await done(home, "station place", station="ST21", place=["1=L1/E1"])
        assert not isinstance(placed, Refusal), placed
        await station.session()
        leaves = datetime.now(UTC) + timedelta(hours=1, seconds=1)
        assert await station.needs(departureTime=leaves.isoformat()) == "Accepted"
        given = await planned(station, 1)
        periods = given["charging_schedule"][0]["charging_schedule_period"]
        assert [(one["limit"], one["number_phases"]) for one in periods] == [(16, 3)]
        number = (await session(home, "ST21")).session_id
        end = await done(home, "session renegotiate", session=number)
        # An hour, less what this test takes, of 16 A on 3 phases of 230 V.
        assert 10_900 <= end.energy_wh <= 11_043
        assert end.missing_wh == 20_000 - end.energy_wh
        assert shown("session renegotiate", end).endswith(f", {end.missing_wh} Wh less than it wants")


async def test_the_operator_reads_how_a_car_charges(tmp_path: Path) -> None:
    async with energetic(tmp_path) as (home, station):
        await station.session()
        assert await station.needs(departureTime="2199-03-02T06:00:00Z") == "Accepted"
        await planned(station, 1)
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "duration": 600,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 40}],
        }
        told = await station.call(
            call21.NotifyEVChargingSchedule(
                time_base=datetime.now(UTC).isoformat(), charging_schedule=schedule, evse_id=1
            )
        )
        assert told.status == "Rejected"
        await planned(station, 2)
        card = shown("session show", await session(home, "ST21")).splitlines()
        lines = card[next(index for index, line in enumerate(card) if line.startswith("needs: ")) :]
        assert lines[0] == ("needs: AC_three_phase, 20000 Wh, until 2199-03-02 06:00:00Z, 6 to 32 A")
        assert lines[1].startswith(
            "given: TxProfile of EVSE 1, level 0, Absolute, session T-1: 32.0 A on 3 phases"
        )
        assert lines[2].startswith("will charge: 40 A from ")
        assert lines[2].endswith("; beyond the limits: 40 A after 0 s, where 32.0 are allowed")
        end = await done(home, "session renegotiate", session=(await session(home, "ST21")).session_id)
        assert shown("session renegotiate", end).startswith("EVSE 1 of ST21: 32.0 A on 3 phases from ")
        await station.end("T-1")
        number = (await session(home, "ST21")).session_id
        ended = await done(home, "session renegotiate", session=number)
        assert isinstance(ended, Refusal)
        assert ended.says.endswith("has ended")


def shown(name: str, end: Any) -> str:
    verb = verb_named(name)
    assert verb is not None
    assert verb.show is not None
    return verb.show(end)


@IN_2X
async def test_a_schedule_that_the_station_does_not_take_is_a_finding(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        station.refused = {"TxProfile"}
        await station.session()
        needs = {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": AC}
        told = await station.call(station.calls.NotifyEVChargingNeeds(charging_needs=needs, evse_id=1))
        assert told.status == "Accepted"
        await planned(station, 1)
        number = (await session(home, name)).session_id
        refused = await done(home, "session renegotiate", session=number)
        assert isinstance(refused, Refusal)
        assert refused.kind is Kind.REFUSED
        await home.findings.flush()
        where = {"source": f"station:{CPO}/{name}", "code": "no schedule for a car's needs"}
        (finding,) = await home.spine.find(t.finding, where)
        assert finding["sample"] == "SetChargingProfile was answered REJECTED (Rejected)"


async def test_a_car_that_said_nothing_is_given_nothing(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST16") as (home, station):
        await station.session()
        refused = await done(home, "session renegotiate", session=(await session(home, "ST16")).session_id)
        assert isinstance(refused, Refusal)
        assert refused.says.endswith("has not said what it needs")
        assert station.set == []


# --- priority ---------------------------------------------------------------------------------------


async def test_a_session_in_a_hurry_charges_by_the_profile_for_that(tmp_path: Path) -> None:
    """2.1 K21, K22."""
    async with energetic(tmp_path) as (home, station):
        transaction = await station.session()
        number = (await session(home, "ST21")).session_id
        hasty = {**DYNAMIC, "chargingProfilePurpose": "PriorityCharging", "chargingProfileKind": "Absolute"}
        schedule = {
            **DYNAMIC["chargingSchedule"][0],  # type: ignore[dict-item]
            "chargingRateUnit": "A",
            "startSchedule": datetime.now(UTC).isoformat(),
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 32}],
        }
        fields = {"evseId": 1, "chargingProfile": {**hasty, "chargingSchedule": [schedule]}}
        payload = msgspec.json.encode(fields).decode()
        await done(home, "station call", station="ST21", action="SetChargingProfile", payload=payload)
        assert (await limit(home, "ST21", amperes=6, session=number)).allowed == 6
        end = await done(home, "session hurry", session=number)
        assert isinstance(end, CommandEnd), end
        assert station.asked == [("UsePriorityCharging", {"transaction_id": transaction, "activate": True})]
        assert (await session(home, "ST21")).has_priority
        assert (await limit(home, "ST21", amperes=6, session=number)).allowed == 32
        await station.call(call21.NotifyPriorityCharging(activated=False, transaction_id=transaction))
        assert not (await session(home, "ST21")).has_priority
        await station.call(call21.NotifyPriorityCharging(activated=True, transaction_id=transaction))
        assert (await session(home, "ST21")).has_priority
        await done(home, "session hurry", session=number, off=True)
        assert not (await session(home, "ST21")).has_priority
        station.says = "NoProfile"
        refused = await done(home, "session hurry", session=number)
        assert isinstance(refused, Refusal)
        assert not (await session(home, "ST21")).has_priority


async def test_an_older_station_is_not_asked_what_its_version_has_no_words_for(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST201") as (home, station):
        await station.session()
        number = (await session(home, "ST201")).session_id
        for verb, params in (
            ("session hurry", {"session": number}),
            ("session allow", {"session": number, "transfer": ["DC_BPT"]}),
            ("station signal", {"station": "ST201", "signal": 500}),
            ("station swap", {"station": "ST201", "token": "04A1B2C3"}),
        ):
            refused = await done(home, verb, **params)
            assert isinstance(refused, Refusal), refused
            assert (refused.kind, refused.hint) == (Kind.REFUSED, "stations of ocpp2.1 have it")
            assert refused.says.startswith("ST201 speaks ocpp2.0.1, which has no ")


# --- dynamic profiles -------------------------------------------------------------------------------


async def test_a_setpoint_is_changed_and_pulled(tmp_path: Path) -> None:
    """2.1 K28.FR.06, K28.FR.07."""
    async with energetic(tmp_path) as (home, station):
        payload = msgspec.json.encode({"evseId": 1, "chargingProfile": DYNAMIC}).decode()
        await done(home, "station call", station="ST21", action="SetChargingProfile", payload=payload)
        end = await done(
            home, "station setpoint", station="ST21", profile=9, setpoint="-2500.5", discharge_limit="-4000"
        )
        assert isinstance(end, CommandEnd), end
        update = {"setpoint": -2500.5, "discharge_limit": -4000}
        assert station.asked == [
            ("UpdateDynamicSchedule", {"charging_profile_id": 9, "schedule_update": update})
        ]
        (kept,) = await profiles(home, "ST21")
        period = kept.schedules[0].periods[0]
        assert (period.mode, period.limit) == ("CentralSetpoint", 11000)
        assert (period.setpoint, period.discharge_limit) == (Decimal("-2500.5"), -4000)
        pulled = await station.call(call21.PullDynamicScheduleUpdate(charging_profile_id=9))
        assert pulled.schedule_update == {"limit": 11000, "setpoint": -2500.5, "discharge_limit": -4000}
        strange = await done(home, "station setpoint", station="ST21", profile=9, discharge_limit="5")
        assert isinstance(strange, Refusal)
        assert strange.kind is Kind.INVALID
        await limit(home, "ST21", amperes=10)
        fixed = next(one.id for one in await profiles(home, "ST21") if one.id != 9)
        for profile, kind in ((fixed, Kind.CONFLICT), (10, Kind.MISSING)):
            refused = await done(home, "station setpoint", station="ST21", profile=profile, limit="1")
            assert isinstance(refused, Refusal)
            assert refused.kind is kind
        assert len(station.asked) == 1


# --- giving back ------------------------------------------------------------------------------------


async def test_a_car_may_give_back_only_where_that_is_allowed(tmp_path: Path) -> None:
    """2.1 block Q: without a word it may charge, and no more."""
    async with energetic(tmp_path) as (home, station):
        transaction = await station.session()
        number = (await session(home, "ST21")).session_id
        assert await station.needs("AC_BPT") == "Rejected"
        allowed = ["AC_three_phase", "AC_BPT"]
        end = await done(home, "session allow", session=number, transfer=allowed)
        assert isinstance(end, CommandEnd), end
        fields = {"transaction_id": transaction, "allowed_energy_transfer": allowed}
        assert station.asked == [("NotifyAllowedEnergyTransfer", fields)]
        more = {"maxChargePower": 11000, "maxDischargePower": 5000, "evTargetEnergyRequest": 9000}
        assert await station.needs("AC_BPT", v2xChargingParameters=more) == "Accepted"
        await planned(station, 1)
        assert await station.needs("DC_BPT") == "Rejected"
        card = await session(home, "ST21")
        assert card.allowed_transfer == tuple(allowed)
        assert card.needs is not None
        assert card.needs.transfer == "DC_BPT"
        assert [one.purpose for one in card.profiles] == ["TxProfile"]
        refused = await done(home, "session renegotiate", session=number)
        assert isinstance(refused, Refusal)
        assert refused.says == "DC_BPT is not allowed, but AC_three_phase, AC_BPT"


async def test_a_token_may_give_energy_back_and_its_station_is_told_so(tmp_path: Path) -> None:
    """2.1 Q01.FR.01: in the answer to Authorize, to stations that say that they can take energy back."""
    async with energetic(tmp_path) as (home, station):
        shown: Any = {"id_token": CARD, "type": "ISO14443"}
        modes = ("AC_three_phase", "AC_BPT")
        end = await done(home, "token allow", uid=CARD, transfer=(*modes, *modes))
        assert not isinstance(end, Refusal), end
        answer = await station.call(call21.Authorize(id_token=shown))
        assert (answer.id_token_info["status"], answer.allowed_energy_transfer) == ("Accepted", None)
        await reported(station, "ISO15118Ctrlr", "V2XChargingCtrlr")
        answer = await station.call(call21.Authorize(id_token=shown))
        assert answer.allowed_energy_transfer == list(modes)
        other: Any = {"id_token": "04FFFFFFFFFFFF", "type": "ISO14443"}
        assert (await station.call(call21.Authorize(id_token=other))).allowed_energy_transfer is None

        at, place = datetime.now(UTC).isoformat(), {"id": 1, "connectorId": 1}
        begun = call21.TransactionEvent(
            event_type="Started",  # type: ignore[arg-type]
            timestamp=at,
            trigger_reason="Authorized",  # type: ignore[arg-type]
            seq_no=0,
            transaction_info={"transactionId": "T-1"},  # type: ignore[arg-type]
            evse=place,  # type: ignore[arg-type]
            id_token=shown,
        )
        await station.call(begun)
        more = {"maxChargePower": 11000, "maxDischargePower": 5000, "evTargetEnergyRequest": 9000}
        assert await station.needs("AC_BPT", v2xChargingParameters=more) == "Accepted"
        assert await station.needs("DC_BPT", v2xChargingParameters=more) == "Rejected"
        assert (await session(home, "ST21")).allowed_transfer == modes
        await done(home, "token allow", uid=CARD)
        assert (await station.call(call21.Authorize(id_token=shown))).allowed_energy_transfer is None
        assert await station.needs("AC_BPT", v2xChargingParameters=more) == "Rejected"


async def reported(station: Energetic, *components: str) -> None:
    """The station tells that these are at work."""
    values = [{"value": "true", "mutability": "ReadWrite"}]
    told = [
        {"component": {"name": name}, "variable": {"name": "Enabled"}, "variable_attribute": values}
        for name in components
    ]
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    await station.call(call21.NotifyReport(request_id=1, generated_at=at, seq_no=0, report_data=told))


async def test_a_signal_of_the_grid_is_passed_on(tmp_path: Path) -> None:
    """2.1 block Q, AFRRSignal."""
    async with energetic(tmp_path) as (home, station):
        end = await done(home, "station signal", station="ST21", signal=-500, at="2026-03-01T17:00:00Z")
        assert isinstance(end, CommandEnd), end
        fields = {"timestamp": "2026-03-01T17:00:00.000Z", "signal": -500}
        assert station.asked == [("AFRRSignal", fields)]


# --- batteries --------------------------------------------------------------------------------------


async def test_who_swaps_batteries_is_judged(tmp_path: Path) -> None:
    """2.1 S01, S02."""
    async with energetic(tmp_path) as (home, station):
        end = await done(home, "station swap", station="ST21", token="04A1B2C3")
        assert isinstance(end, CommandEnd), end
        ((_, asked),) = station.asked
        assert asked["id_token"] == {"id_token": "04A1B2C3", "type": "ISO14443"}
        stranger = await done(home, "station swap", station="ST21", token="04FFFFFF")
        assert isinstance(stranger, Refusal)
        assert stranger.kind is Kind.MISSING
        battery = {"evseId": 1, "serialNumber": "B1", "soC": 80, "soH": 97.5}
        for uid, kind in (("04A1B2C3", "ISO14443"), ("04FFFFFF", "ISO14443"), ("", "NoAuthorization")):
            await station.call(
                call21.BatterySwap(
                    battery_data=[battery],
                    event_type="BatteryIn",  # type: ignore[arg-type]
                    id_token={"idToken": uid, "type": kind},  # type: ignore[arg-type]
                    request_id=asked["request_id"],
                )
            )
        lines = await done(home, "station notices", station="ST21", kind="BATTERY_SWAP")
        notices = [(line.severity, line.answer) for line in reversed(lines)]
        assert notices == [(7, "ALLOWED"), (5, "NOT_ALLOWED"), (5, "no token")]
        stream = station_stream(CPO, "ST21")
        recorded = await home.spine.facts(stream, limit=1_000)
        judged = [one.fact.allowed for one in recorded if isinstance(one.fact, AuthorizationDecided)]
        assert judged == [Allowed.ALLOWED, Allowed.NOT_ALLOWED]
