"""Charging profiles over real sockets: stations on the PyPI package, the real gateway, the real verbs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v16
import ocpp.v21
import ocpp.v201
import pytest
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v21 import call as call21
from ocpp.v201 import call as call201
from test_foreign_stations import CPO, House, house, running

from elstrada.model.mirror import ItemKind
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.profile import Profile
from elstrada.roles.desk.calls import CallEnd
from elstrada.roles.desk.face import Refusal
from elstrada.roles.desk.limit import LimitEnd
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.spine import tables as t

KEYS_16 = {
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "ChargeProfileMaxStackLevel": "3",
    "ChargingScheduleMaxPeriods": "24",
}


class Limiting:
    """What stations of every version do with profiles: refuse some purposes, and apply a limit or not."""

    vendor = "Foreign"

    def __init__(self, name: str, socket: Any) -> None:
        super().__init__(name, socket, response_timeout=30)  # type: ignore[call-arg]
        self.refused: set[str] = set()
        self.ignored: set[str] = set()
        """Purposes that are accepted and not applied (rule 30)."""
        self.tells_composite = True
        self.set: list[dict[str, Any]] = []
        self.cleared: list[int] = []
        self.applied = Decimal(32)

    def take(self, profile: dict[str, Any]) -> str:
        self.set.append(profile)
        purpose = profile["charging_profile_purpose"]
        if purpose in self.refused:
            return "Rejected"
        schedule = profile["charging_schedule"]
        schedule = schedule[0] if isinstance(schedule, list) else schedule
        if purpose not in self.ignored:
            self.applied = Decimal(str(schedule["charging_schedule_period"][0]["limit"]))
        return "Accepted"


class Limiting16(Limiting, ocpp.v16.ChargePoint):
    maximum = "ChargePointMaxProfile"

    async def begin(self) -> None:
        await self.call(
            call16.BootNotification(charge_point_model="Wallbox", charge_point_vendor=self.vendor)
        )
        await self.call(call16.StatusNotification(connector_id=1, error_code="NoError", status="Available"))

    async def session(self) -> str:
        started = await self.call(
            call16.StartTransaction(
                connector_id=1, id_tag="04A1B2C3", meter_start=0, timestamp=datetime.now(UTC).isoformat()
            )
        )
        return str(started.transaction_id)

    async def draw(self, transaction: str, amperes: str) -> None:
        values = [{"value": amperes, "measurand": "Current.Import", "unit": "A", "phase": "L1"}]
        at = datetime.now(UTC).isoformat()
        await self.call(
            call16.MeterValues(
                connector_id=1,
                transaction_id=int(transaction),
                meter_value=[{"timestamp": at, "sampledValue": values}],
            )
        )

    async def end(self, transaction: str) -> None:
        await self.call(
            call16.StopTransaction(
                meter_stop=1, timestamp=datetime.now(UTC).isoformat(), transaction_id=int(transaction)
            )
        )

    @on("GetConfiguration")
    def on_keys(self, key: list[str] | None = None) -> Any:
        known = [{"key": name, "readonly": True, "value": value} for name, value in KEYS_16.items()]
        return ocpp.v16.call_result.GetConfiguration(configuration_key=known)

    @on("SetChargingProfile")
    def on_set(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        return ocpp.v16.call_result.SetChargingProfile(status=self.take(cs_charging_profiles))

    @on("ClearChargingProfile")
    def on_clear(self, id: int) -> Any:
        self.cleared.append(id)
        return ocpp.v16.call_result.ClearChargingProfile(status="Accepted")

    @on("GetCompositeSchedule")
    def on_composite(self, connector_id: int, duration: int, **_: Any) -> Any:
        if not self.tells_composite:
            return ocpp.v16.call_result.GetCompositeSchedule(status="Rejected")
        return ocpp.v16.call_result.GetCompositeSchedule(
            status="Accepted",
            connector_id=connector_id,
            schedule_start=datetime.now(UTC).isoformat(),
            charging_schedule={
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float(self.applied)}],
            },
        )


class Limiting201(Limiting, ocpp.v201.ChargePoint):
    maximum = "ChargingStationMaxProfile"
    calls: Any = call201

    async def begin(self) -> None:
        await self.call(
            self.calls.BootNotification(
                charging_station={"model": "Column", "vendorName": self.vendor}, reason="PowerUp"
            )
        )
        await self.call(
            self.calls.StatusNotification(
                timestamp=datetime.now(UTC).isoformat(),
                connector_status="Available",
                evse_id=1,
                connector_id=1,
            )
        )

    async def session(self) -> str:
        await self._event("Started", 0)
        return "T-1"

    async def end(self, transaction: str) -> None:
        await self._event("Ended", 1)

    async def _event(self, kind: str, seq_no: int) -> None:
        await self.call(
            self.calls.TransactionEvent(
                event_type=kind,
                timestamp=datetime.now(UTC).isoformat(),
                trigger_reason="CablePluggedIn",
                seq_no=seq_no,
                transaction_info={"transactionId": "T-1"},
                evse={"id": 1, "connectorId": 1},
            )
        )

    @on("GetVariables")
    def on_variables(self, get_variable_data: list[dict[str, Any]]) -> Any:
        values = {"RateUnit": "A,W", "ProfileStackLevel": "5", "PeriodsPerSchedule": "24"}
        results = [
            {
                "attributeStatus": "Accepted",
                "attributeValue": values[one["variable"]["name"]],
                "component": {"name": one["component"]["name"]},
                "variable": {"name": one["variable"]["name"]},
            }
            for one in get_variable_data
        ]
        return self._call_result.GetVariables(get_variable_result=results)

    @on("SetChargingProfile")
    def on_set(self, evse_id: int, charging_profile: dict[str, Any]) -> Any:
        return self._call_result.SetChargingProfile(status=self.take(charging_profile))

    @on("ClearChargingProfile")
    def on_clear(self, charging_profile_id: int) -> Any:
        self.cleared.append(charging_profile_id)
        return self._call_result.ClearChargingProfile(status="Accepted")

    @on("GetCompositeSchedule")
    def on_composite(self, evse_id: int, duration: int, **_: Any) -> Any:
        if not self.tells_composite:
            return self._call_result.GetCompositeSchedule(status="Rejected")
        return self._call_result.GetCompositeSchedule(
            status="Accepted",
            schedule={
                "evseId": evse_id,
                "duration": duration,
                "scheduleStart": datetime.now(UTC).isoformat(),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float(self.applied)}],
            },
        )


class Limiting21(Limiting201):
    """The package checks its messages by the schemas of 2.1."""

    _call, _call_result, _ocpp_version = ocpp.v21.call, ocpp.v21.call_result, "2.1"
    calls = call21


KINDS = {
    "ST16": ("ocpp1.6", Limiting16),
    "ST201": ("ocpp2.0.1", Limiting201),
    "ST21": ("ocpp2.1", Limiting21),
}
EACH = pytest.mark.parametrize("name", sorted(KINDS))


@asynccontextmanager
async def inhabited(folder: Path) -> AsyncIterator[House]:
    """A house of a CPO."""
    async with house(folder) as home:
        await done(home, "party put", party=str(CPO), roles=["CPO"], name="Elstrada", currency="SEK")
        yield home


@asynccontextmanager
async def plugged(folder: Path, name: str) -> AsyncIterator[tuple[House, Any]]:
    protocol, kind = KINDS[name]
    async with inhabited(folder) as home, home.dial(name, protocol) as socket:
        station = kind(name, socket)
        async with running(station):
            await station.begin()
            yield home, station


async def done(home: House, verb: str, **values: object) -> Any:
    found = verb_named(verb)
    assert found is not None
    params = params_of(found, values, strict=False)
    assert not isinstance(params, Refusal), params
    return await perform(home.desk, found, params)


async def limit(home: House, name: str, **values: object) -> LimitEnd:
    end = await done(home, "station limit", station=name, **values)
    assert isinstance(end, LimitEnd), end
    return end


async def profiles(home: House, name: str) -> list[Profile]:
    return list(await home.gateway.mirror.profiles(CPO, name))


async def until_there_are(home: House, name: str, count: int) -> None:
    for _ in range(250):
        if len(await profiles(home, name)) == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await profiles(home, name))


async def findings(home: House, name: str) -> list[str]:
    rows = await home.spine.find(t.finding, {"source": f"station:{CPO}/{name}", "code": "limit not applied"})
    return [str(row["sample"]) for row in rows]


@pytest.mark.rule(28, 29, 30)
@EACH
async def test_a_limit_of_the_station_is_its_maximum_and_shown_by_its_composite_schedule(
    tmp_path: Path, name: str
) -> None:
    """Rules 28 to 30."""
    async with plugged(tmp_path, name) as (home, station):
        end = await limit(home, name, amperes="10.57")
        assert (end.purpose, end.limit, end.unit) == ("ChargingStationMaxProfile", Decimal("10.5"), "A")
        assert (end.shown_by, end.allowed, end.evse_id) == ("composite schedule", Decimal("10.5"), 0)
        (sent,) = station.set
        assert (sent["charging_profile_purpose"], sent["charging_profile_kind"]) == (
            station.maximum,
            "Absolute",
        )
        (kept,) = await profiles(home, name)
        assert (kept.id, kept.schedules[0].start is not None) == (end.profile_id, True)
        shown = await done(home, "station items", station=name, kind=ItemKind.CHARGING_PROFILE.value)
        verb = verb_named("station items")
        assert verb is not None
        assert verb.show is not None
        assert "ChargingStationMaxProfile of the station, level 0, Absolute: 10.5 A from" in verb.show(shown)
        assert (await limit(home, name, release=True)).released == (end.profile_id,)
        assert await profiles(home, name) == []


@pytest.mark.rule(28)
@EACH
async def test_what_is_refused_falls_back_to_the_next_purpose(tmp_path: Path, name: str) -> None:
    """Rule 28."""
    async with plugged(tmp_path, name) as (home, station):
        station.refused = {station.maximum}
        end = await limit(home, name, amperes=8)
        assert end.purpose == "TxDefaultProfile"
        assert end.tried[0].outcome == "REJECTED (Rejected)"
        transaction = await station.session()
        station.refused |= {"TxDefaultProfile"}
        own = await limit(home, name, amperes=7)
        assert (own.purpose, own.evse_id) == ("TxProfile", 1)
        assert str(station.set[-1]["transaction_id"]) == transaction


@EACH
async def test_a_sessions_profile_goes_with_it(tmp_path: Path, name: str) -> None:
    async with plugged(tmp_path, name) as (home, station):
        transaction = await station.session()
        (row,) = await home.spine.find(t.session, {"station_id": name})
        await limit(home, name, amperes=10)
        end = await limit(home, name, amperes=6, session=str(row["session_id"]))
        assert (end.purpose, end.tried[0].outcome) == ("TxProfile", "it would limit more than a session")
        assert len(await profiles(home, name)) == 2
        await station.end(transaction)
        await until_there_are(home, name, 1)


@pytest.mark.rule(30)
@EACH
async def test_what_is_accepted_and_not_applied_is_taken_back_and_an_alarm(tmp_path: Path, name: str) -> None:
    """Rule 30: the next purpose is tried, and the operator learns of it."""
    async with plugged(tmp_path, name) as (home, station):
        station.ignored = {station.maximum}
        end = await limit(home, name, amperes=0)
        assert end.purpose == "TxDefaultProfile"
        assert end.tried[0].outcome == "accepted and not applied: composite schedule shows 32.0 A"
        assert len(station.cleared) == 1
        assert [one.purpose for one in await profiles(home, name)] == ["TxDefaultProfile"]
        assert len(await findings(home, name)) == 1
        await limit(home, name, release=True)
        station.applied, station.ignored = Decimal(32), {station.maximum, "TxDefaultProfile"}
        refused = await done(home, "station limit", station=name, amperes=0)
        assert isinstance(refused, Refusal)
        assert "takes no such limit" in refused.says
        assert await profiles(home, name) == []


@pytest.mark.rule(30)
async def test_without_a_composite_schedule_the_meter_of_the_running_session_shows_it(
    tmp_path: Path,
) -> None:
    """Rule 30, measured."""
    async with plugged(tmp_path, "ST16") as (home, station):
        station.tells_composite = False
        idle = await limit(home, "ST16", amperes=16)
        assert idle.shown_by == "nothing yet"
        transaction = await station.session()

        async def measuring(amperes: str) -> None:
            for _ in range(20):
                await station.draw(transaction, amperes)
                await asyncio.sleep(0.1)

        drawing = asyncio.create_task(measuring("6.1"))
        held = await limit(home, "ST16", amperes=6, voltage=230, phases=1, watch_s=5)
        await drawing
        assert (held.purpose, held.shown_by) == ("ChargingStationMaxProfile", "meter")

        drawing = asyncio.create_task(measuring("16"))
        ignored = await done(
            home, "station limit", station="ST16", amperes=6, voltage=230, phases=1, watch_s=1
        )
        await drawing
        assert isinstance(ignored, Refusal) or ignored.tried[0].outcome.startswith("accepted and not applied")
        assert "meter shows 16 A" in (await findings(home, "ST16"))[0]


async def test_watts_are_amperes_only_where_voltage_and_phases_are_known(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ST16") as (home, station):
        refused = await done(home, "station limit", station="ST16", watts=4140)
        assert isinstance(refused, Refusal)
        assert refused.says.startswith("the station takes limits in A only")
        assert station.set == []
        end = await limit(home, "ST16", watts=4140, voltage=230, phases=3)
        assert (end.limit, end.unit) == (Decimal("6.0"), "A")


@pytest.mark.rule(28)
async def test_a_stations_quirk_is_not_tried(tmp_path: Path) -> None:
    """Rule 28, per model."""
    async with plugged(tmp_path, "ST16") as (home, station):
        station.vendor = "Schneider Electric"
        await station.begin()
        end = await limit(home, "ST16", amperes=6)
        assert end.purpose == "TxDefaultProfile"
        assert "load balancer" in end.tried[0].outcome
        assert len(station.set) == 1


# --- what stations ask ------------------------------------------------------------------------------


async def test_a_pulled_setpoint_follows_what_was_updated(tmp_path: Path) -> None:
    """2.1 K28.FR.07 and K28.FR.12."""

    class Dynamic(Limiting21):
        @on("UpdateDynamicSchedule")
        def on_update(self, **_: Any) -> Any:
            return ocpp.v21.call_result.UpdateDynamicSchedule(status="Accepted")

    profile = {
        "id": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Dynamic",
        "chargingSchedule": [
            {
                "id": 1,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}],
            }
        ],
    }

    async with inhabited(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        station = Dynamic("ST21", socket)
        async with running(station):
            await station.begin()
            for action, fields in (
                ("SetChargingProfile", {"evseId": 1, "chargingProfile": profile}),
                ("UpdateDynamicSchedule", {"chargingProfileId": 9, "scheduleUpdate": {"limit": 7400.5}}),
            ):
                payload = msgspec.json.encode(fields).decode()
                end = await done(home, "station call", station="ST21", action=action, payload=payload)
                assert isinstance(end, CallEnd), end
            pulled = await station.call(call21.PullDynamicScheduleUpdate(charging_profile_id=9))
            assert (pulled.status, pulled.schedule_update) == ("Accepted", {"limit": 7400.5})
            unknown = await station.call(call21.PullDynamicScheduleUpdate(charging_profile_id=10))
            assert unknown.status == "Rejected"


@pytest.mark.parametrize("name", ["ST201", "ST21"])
async def test_a_cars_schedule_is_held_against_our_limits(tmp_path: Path, name: str) -> None:
    """K17.FR.11, K17.FR.12."""
    async with plugged(tmp_path, name) as (home, station):
        await station.session()
        await limit(home, name, amperes=10)
        answers = []
        for amperes in (10, 11):
            schedule = {
                "id": 1,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amperes}],
            }
            told = await station.call(
                station.calls.NotifyEVChargingSchedule(
                    time_base=datetime.now(UTC).isoformat(), charging_schedule=schedule, evse_id=1
                )
            )
            answers.append(told.status)
        assert answers == ["Accepted", "Rejected"]
        rows = await home.spine.find(t.station_notice, {"station_id": name}, order=("version",))
        notices = [msgspec.json.decode(str(row["document"]), type=Notice) for row in rows]
        assert [(one.kind, one.status) for one in notices] == [
            (NoticeKind.EV_SCHEDULE, "Within"),
            (NoticeKind.EV_SCHEDULE, "Exceeds"),
        ]
        assert notices[1].text.startswith("11 A after 0 s, where 10")
