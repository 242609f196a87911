"""Virtual stations: what they say conforms to the official schemas, and they lose nothing they must keep."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from scripted_operator import ScriptedOperator

import ocpp
from elstrada.sim.clock import SimClock
from elstrada.sim.curve import ac_curve, dc_curve
from elstrada.sim.habits import HONEST, Habits
from elstrada.sim.loop import run
from elstrada.sim.sockets import Car, Socket
from elstrada.sim.station16 import Station16
from elstrada.sim.station21 import Station21
from elstrada.sim.station201 import Station201
from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.stations import VirtualStation

EPOCH = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SCHEMAS = Path(ocpp.__file__).parent
EVERY = pytest.mark.parametrize("kind", [Station16, Station201, Station21])
Scene = Callable[[VirtualStation, ScriptedOperator], Awaitable[None]]


def _play(kind: type[VirtualStation], scene: Scene, habits: Habits = HONEST, power_w: int = 11_000) -> None:
    """Live through a scene with one station and its operator."""

    async def world() -> None:
        operator = ScriptedOperator()
        phases = 3 if power_w < 50_000 else 0
        sockets = (Socket(evse_id=1, power_w=power_w, phases=phases, register_wh=5_000),)
        station = kind(
            "V01", "pw", sockets, habits=habits, dial=operator, clock=SimClock(EPOCH), chance=random.Random(1)
        )
        station.power_on()
        await asyncio.sleep(5)
        await scene(station, operator)
        await station.retire()
        assert len(asyncio.all_tasks()) == 1, "a retired station leaves nothing behind"

    run(world(), horizon_s=100_000)


def _schema(kind: type[VirtualStation], action: str) -> dict[str, object]:
    folder, ending = {Station16: ("v16", ""), Station201: ("v201", "Request"), Station21: ("v21", "Request")}[
        kind
    ]
    return json.loads((SCHEMAS / folder / "schemas" / f"{action}{ending}.json").read_text("utf-8-sig"))


@EVERY
@pytest.mark.parametrize("power_w", [11_000, 150_000])
def test_everything_it_says_conforms_to_the_official_schemas(kind: type[VirtualStation], power_w: int):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        curve = ac_curve(900, 11_000) if power_w < 50_000 else dc_curve(9_000, power_w, 20, 60)
        await station.charge(1, "CARD", curve, 900)
        await asyncio.sleep(600)
        seen = {action for _, action, _ in operator.calls}
        status = "NotifyEvent" if kind is Station21 else "StatusNotification"
        assert {"BootNotification", "Heartbeat", status, "Authorize"} <= seen
        for _, action, payload in operator.calls:
            jsonschema_rs.validator_for(_schema(kind, action)).validate(payload)

    _play(kind, scene)


def _registers(operator: ScriptedOperator) -> list[int]:
    """Every register the operator heard of, in order of arrival."""
    found: list[int] = []
    for payload in operator.heard("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent"):
        found += [payload[name] for name in ("meterStart", "meterStop") if name in payload]
        for value in payload.get("meterValue", []):
            energy = [v for v in value["sampledValue"] if v["measurand"].startswith("Energy")]
            found += [int(v["value"]) for v in energy]
    return found


@EVERY
def test_the_register_rises_from_start_to_stop_and_is_what_the_book_says(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        truth = await station.charge(1, "CARD", ac_curve(1_000, 11_000), 900)
        await asyncio.sleep(10)
        registers = _registers(operator)
        assert registers == sorted(registers)
        assert (registers[0], registers[-1]) == (truth.meter_start_wh, truth.meter_stop_wh)
        assert truth.energy_wh == 1_000
        assert station.drained

    _play(kind, scene)


@EVERY
def test_what_was_not_acknowledged_is_sent_again_on_a_new_line_with_its_first_time(
    kind: type[VirtualStation],
):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        operator.silent_about = {"StartTransaction", "TransactionEvent"}
        charging = asyncio.create_task(station.charge(1, "CARD", ac_curve(500, 11_000), 30))
        await asyncio.sleep(15)
        operator.silent_about = set()
        operator.cut()
        await charging
        await asyncio.sleep(60)
        first, second = [
            (message_id, payload)
            for message_id, action, payload in operator.calls
            if action == "StartTransaction" or payload.get("eventType") == "Started"
        ]
        assert first[1] == second[1]
        assert (first[0] == second[0]) is not new_id
        assert station.drained

    for new_id in (True, False):
        _play(kind, scene, Habits(new_id_on_resend=new_id))


@EVERY
def test_a_power_cut_ends_the_session_at_its_register_and_is_told_after_the_boot(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        charging = asyncio.create_task(station.charge(1, "CARD", ac_curve(5_000, 11_000), 3600))
        await asyncio.sleep(300)
        station.power_off()
        operator.cut()
        heard = len(operator.calls)
        await asyncio.sleep(600)
        assert len(operator.calls) == heard
        station.power_on()
        await asyncio.sleep(60)
        truth = await charging
        assert operator.calls[heard][1] == "BootNotification"
        stop = operator.heard("StopTransaction", "TransactionEvent")[-1]
        assert stop.get("reason") == "PowerLoss" or stop["transactionInfo"]["stoppedReason"] == "PowerLoss"
        assert truth.reason == "PowerLoss"
        assert (truth.ended_at - EPOCH).total_seconds() == pytest.approx(305)
        assert truth.energy_wh == pytest.approx(11_000 * 300 / 3600, abs=1)

    _play(kind, scene)


@EVERY
def test_a_refused_token_gets_no_energy(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        operator.status = "Invalid"
        assert await station.charge(1, "CARD", ac_curve(500, 11_000), 300) is None
        assert station.sockets[1].free
        assert station.book.sessions == []

    _play(kind, scene)


@EVERY
def test_a_remote_start_charges_the_car_that_waits_and_a_remote_stop_ends_it(kind: type[VirtualStation]):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        start, stop = (
            ("RemoteStartTransaction", "RemoteStopTransaction")
            if kind is Station16
            else ("RequestStartTransaction", "RequestStopTransaction")
        )
        ask = (
            {"connectorId": 1, "idTag": "APP"}
            if kind is Station16
            else {"evseId": 1, "remoteStartId": 7, "idToken": {"idToken": "APP", "type": "Central"}}
        )
        operator.command(start, ask)
        await asyncio.sleep(1)
        assert operator.replies[-1][2] == {"status": "Rejected"}, "no car waits"
        car = Car(curve=ac_curve(5_000, 11_000), stay_s=3600, started=asyncio.Event())
        waiting = asyncio.create_task(station.wait_for_remote_start(1, car, 60))
        await asyncio.sleep(1)
        operator.command(start, ask)
        assert await waiting
        await asyncio.sleep(120)
        [charge] = station.charges
        number = charge.truth.transaction_id
        operator.command(stop, {"transactionId": int(number) if kind is Station16 else number})
        await asyncio.sleep(60)
        assert [reply[2] for reply in operator.replies[1:]] == [{"status": "Accepted"}] * 2
        assert charge.truth.reason == "Remote"
        assert "Authorize" not in {action for _, action, _ in operator.calls}

    _play(kind, scene)


@EVERY
def test_reset_unlock_trigger_and_availability_are_answered_and_unknown_calls_refused(
    kind: type[VirtualStation],
):
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        old = kind is Station16
        operator.command("UnlockConnector", {"connectorId": 1} if old else {"evseId": 1, "connectorId": 1})
        operator.command("TriggerMessage", {"requestedMessage": "StatusNotification"})
        operator.command(
            "ChangeAvailability",
            {"connectorId": 1, "type": "Inoperative"} if old else {"operationalStatus": "Inoperative"},
        )
        operator.command("SetChargingProfile", {})
        operator.command("Reset", {"type": "Soft"} if old else {"type": "OnIdle"})
        await asyncio.sleep(2)
        replies = [reply[2] for reply in operator.replies]
        assert replies == [
            {"status": "Unlocked"},
            {"status": "Accepted"},
            {"status": "Accepted"},
            "NotImplemented",
            {"status": "Accepted"},
        ]
        assert station.sockets[1].status == "Unavailable"
        await asyncio.sleep(60)
        assert len(operator.heard("BootNotification")) == 2

    _play(kind, scene)


def test_a_clock_without_battery_says_1970_until_it_is_told():
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        operator.reachable = False
        operator.cut()
        station.power_off()
        station.power_on()
        charging = asyncio.create_task(station.charge(1, "CARD", ac_curve(500, 11_000), 300))
        await asyncio.sleep(60)
        operator.reachable = True
        await charging
        await asyncio.sleep(60)
        [start], [stop] = operator.heard("StartTransaction"), operator.heard("StopTransaction")
        assert start["timestamp"].startswith("1970-01-01T")
        assert stop["timestamp"].startswith("2026-03-02T")

    _play(Station16, scene, Habits(clock=ClockHabit.UNSET))


def test_events_of_2_0_1_are_numbered_without_gaps_unless_memory_was_short():
    async def scene(station: VirtualStation, operator: ScriptedOperator) -> None:
        operator.reachable = False
        operator.cut()
        await station.charge(1, "CARD", ac_curve(3_000, 11_000), 1_200)
        operator.reachable = True
        await asyncio.sleep(120)
        numbers = [payload["seqNo"] for payload in operator.heard("TransactionEvent")]
        assert numbers[0] == 0
        assert (numbers == list(range(len(numbers)))) is not drops
        assert operator.heard("TransactionEvent")[-1]["eventType"] == "Ended"

    for drops in (False, True):
        _play(Station201, scene, msgspec.structs.replace(HONEST, drops_updates=drops))
