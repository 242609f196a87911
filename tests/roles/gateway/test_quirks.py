"""Rows of the table of quirks, over real sockets: what each does, and how it is without it.

What stations send here is what the sources of the rows show.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from gateways import CPO, NOW, STREAM, Node, Place, place
from test_robustness import Talker, talking, treated

from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult, EvsePlace, Protocol
from elstrada.model.location import GeoLocation, Location
from elstrada.net.station_server import StationLimits
from elstrada.net.stations import serve_stations
from elstrada.ocpp.v16.keys import KEYS
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.configuring import Configured, tell_all
from elstrada.roles.quirks.table import ours
from elstrada.sim.records import put_location
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

WITH_AND_WITHOUT = pytest.mark.parametrize("known", [True, False], ids=["known", "not known"])
BEGIN, MIDDLE, END = "2026-03-01T08:00:00Z", "2026-03-01T08:10:00Z", "2026-03-01T08:30:00Z"


class Scene:
    """One station that has booted, and the gateway that it talks to."""

    def __init__(self, home: Place, node: Node, station: Talker) -> None:
        self.home, self.node, self.station = home, node, station

    def log(self, kind: type[f.Fact]) -> list[Any]:
        return [one.fact for one in self.home.log(kind)]

    async def session(self) -> dict[str, object]:
        (row,) = await self.node.spine.find(t.session, {"owner": str(CPO), "station_id": "CP1"})
        return dict(row)

    async def energy_wh(self) -> object:
        """Of the session, as far as known by now."""
        return (await self.session())["energy_wh"] or 0

    async def start(self, wh: int, at: str = BEGIN) -> int:
        started = await self.station.call(
            "StartTransaction", connectorId=1, idTag="04A1", meterStart=wh, timestamp=at
        )
        return started[2]["transactionId"]

    async def stop(self, number: int, wh: int, at: str = END, **more: object) -> list[Any]:
        return await self.station.call(
            "StopTransaction", transactionId=number, meterStop=wh, timestamp=at, **more
        )

    async def raw(self, frame: str, message_id: str) -> list[Any]:
        await self.station.socket.send(frame)
        return await self.station.answer_to(message_id)

    async def told(self, **ask: Any) -> tuple[CommandDone, list[Any] | None]:
        """How a command ended, and the call that came of it; None: none did."""
        command = Command(command_id=self.node.gateway.chance.uuid(), asked_by=CPO, deadline_s=5, **ask)
        post = self.node.post
        giving = asyncio.create_task(reach.command(self.node.spine, post, CPO, "CP1", command, timeout_s=6))
        receiving = asyncio.create_task(self.station.socket.recv())
        await asyncio.wait({giving, receiving}, return_when=asyncio.FIRST_COMPLETED)
        call = None
        if receiving.done():
            call = json.loads(receiving.result())
            await self.station.socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))
        else:
            receiving.cancel()
        done = await giving
        assert isinstance(done, CommandDone)
        return done, call


@asynccontextmanager
async def booted(
    vendor: str, model: str = "X", firmware: str | None = None, *, without: str = "", **record: Any
) -> AsyncIterator[Scene]:
    """A station of a make.

    Args:
        without: the quirk that an operator says it does not have.
    """
    async with place() as home:
        node = await treated(home, quirks={without: False} if without else {}, **record)
        async with talking(node) as station:
            told = {"firmwareVersion": firmware} if firmware else {}
            answer = await station.call(
                "BootNotification", chargePointVendor=vendor, chargePointModel=model, **told
            )
            assert answer[0] == 3
            yield Scene(home, node, station)


def off(name: str, known: bool) -> str:
    """The quirk to go without."""
    assert ours().named(name) is not None
    return "" if known else name


# --- messages that are not as they should be ---------------------------------------------------------


@WITH_AND_WITHOUT
async def test_aefa_meter_values_without_a_value_for_their_transaction(known: bool) -> None:
    name = "aefa-empty-transaction-id"
    async with booted("AEFA", "Home OCPP", "SW:A1B_2.8-HW:B07_0.5", without=off(name, known)) as scene:
        number = await scene.start(1_000)
        sampled = '{"value":"1750","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register"}'
        value = f'{{"timestamp":"{MIDDLE}","sampledValue":[{sampled}]}}'
        frame = f'[2,"m9","MeterValues",{{"connectorId":1,"transactionId":,"meterValue":[{value}]}}]'
        answer = await scene.raw(frame, "m9" if known else "-1")
        assert answer[0] == (3 if known else 4)
        assert await scene.energy_wh() == (750 if known else 0)
        assert scene.node.count(f"quirk {name}") == (2 if known else 0), "the frame, and the field left out"
        assert scene.node.count("RpcFrameworkError") == (0 if known else 1)
        await scene.stop(number, 2_000)
        assert await scene.energy_wh() == 1_000


@WITH_AND_WITHOUT
async def test_zjbeny_samples_that_begin_with_a_comma(known: bool) -> None:
    name = "zjbeny-empty-sample"
    async with booted("ZJBENY", "BCP-B2N-L", "1.0.23", without=off(name, known)) as scene:
        number = await scene.start(139_000)
        sampled = (
            ',{"value":"139955","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register"}'
        )
        value = f'{{"timestamp":"{MIDDLE}","sampledValue":[{sampled}]}}'
        frame = f'[2,"m9","MeterValues",{{"connectorId":1,"transactionId":{number},"meterValue":[{value}]}}]'
        answer = await scene.raw(frame, "m9" if known else "-1")
        assert answer[0] == (3 if known else 4)
        assert await scene.energy_wh() == (955 if known else 0)
        assert scene.node.count(f"quirk {name}") == (1 if known else 0)


@WITH_AND_WITHOUT
@pytest.mark.parametrize("vendor", ["", "Huawei"])
async def test_huawei_a_meter_value_that_is_no_list(known: bool, vendor: str) -> None:
    name = "huawei-lone-meter-value"
    async with booted(vendor, "ACChargePoint", without=off(name, known)) as scene:
        number = await scene.start(5_000)
        sampled = {"value": "5.25", "measurand": "Energy.Active.Import.Register", "unit": "kWh"}
        answer = await scene.station.call(
            "MeterValues",
            connectorId=1,
            transactionId=number,
            meterValue={"timestamp": MIDDLE, "sampledValue": [sampled]},
        )
        assert answer[0] == (3 if known else 4)
        assert await scene.energy_wh() == (250 if known else 0)
        assert scene.node.count("TypeConstraintViolation") == (0 if known else 1)


@WITH_AND_WITHOUT
async def test_openevse_sampled_values_that_are_numbers(known: bool) -> None:
    name = "openevse-number-values"
    async with booted("OpenEVSE", "Advanced Series", "5.1.0", without=off(name, known)) as scene:
        number = await scene.start(100)
        sampled = {"value": 604.213, "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        answer = await scene.station.call(
            "MeterValues",
            connectorId=1,
            transactionId=number,
            meterValue=[{"timestamp": MIDDLE, "sampledValue": [sampled]}],
        )
        assert answer[0] == 3
        assert await scene.energy_wh() == 504
        assert scene.node.count("type") == (0 if known else 1), "read all the same, and news"


@WITH_AND_WITHOUT
@pytest.mark.rule(22)
async def test_growatt_times_without_a_zone(known: bool) -> None:
    name, location = "growatt-local-time", "L1"
    places = (EvsePlace(1, location, "E1"),)
    async with place() as home:
        node = await treated(home, quirks={} if known else {name: False}, places=places)
        await node.spine.commit(Work(writes=(in_rome(location),)))
        async with talking(node) as station:
            await station.call("BootNotification", chargePointVendor="Growatt", chargePointModel="THOR_11AS")
            scene = Scene(home, node, station)
            number = await scene.start(0, "2025-10-19T15:28:07")
            await scene.stop(number, 6_000, "2025-10-19T16:28:07")
            session = await scene.session()
            assert session["energy_wh"] == 6_000, "whatever its clock says"
            told = (session["started_at"], session["ended_at"])
            wanted = tuple(datetime(2025, 10, 19, hour, 28, 7, tzinfo=UTC) for hour in (13, 14))
            assert (told == wanted) is known, "else they are the times of receipt"
            assert scene.node.count("clock") == (0 if known else 2)
            assert [one.clock_suspect for one in scene.log(f.SessionStarted)] == [not known]


async def test_growatt_times_without_a_zone_stay_in_doubt_where_no_zone_is_known() -> None:
    async with booted("Growatt", "THOR_11AS") as scene:
        await scene.start(0, "2025-10-19T15:28:07")
        assert scene.node.count("clock") == 1
        assert [one.clock_suspect for one in scene.log(f.SessionStarted)] == [True]


def in_rome(location_id: str) -> Put:
    location = Location(
        party=CPO,
        id=location_id,
        publish=True,
        address="Via Appia 1",
        city="Roma",
        country="ITA",
        coordinates=GeoLocation("41.9", "12.5"),
        time_zone="Europe/Rome",
        last_updated=NOW,
    )
    return put_location(location)


@WITH_AND_WITHOUT
async def test_sigen_a_token_with_a_tail(known: bool) -> None:
    name, token = "sigen-long-token", "X16WG99J2QIEGCC0MCJ5"
    async with booted("Sigen", "EVDC", without=off(name, known)) as scene:
        started = await scene.station.call(
            "StartTransaction", connectorId=1, idTag=token, meterStart=250_000, timestamp=BEGIN
        )
        await scene.stop(started[2]["transactionId"], 250_390, idTag=token + "-")
        assert await scene.energy_wh() == 390
        (begun,), (ended,) = scene.log(f.SessionStarted), scene.log(f.SessionEnded)
        assert (ended.token_ref == begun.token_ref) is known, "else an unknown card seems to have ended it"
        assert scene.node.count("maxLength") == (0 if known else 1)
        assert scene.node.count(f"quirk {name}") == (1 if known else 0)


# --- registers ---------------------------------------------------------------------------------------


@WITH_AND_WITHOUT
@pytest.mark.rule(26)
async def test_openevse_registers_in_kwh_that_are_called_wh(known: bool) -> None:
    async with booted("OpenEVSE", "Advanced Series", "4.2.2", without=off("openevse-kwh", known)) as scene:
        number = await scene.start(361)
        sampled = {"value": "362", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        power = {"value": "9451", "measurand": "Power.Active.Import", "unit": "W"}
        await scene.station.call(
            "MeterValues",
            connectorId=1,
            transactionId=number,
            meterValue=[{"timestamp": MIDDLE, "sampledValue": [power, sampled]}],
        )
        assert await scene.energy_wh() == (1_000 if known else 1)
        (metered,) = scene.log(f.MeterSampled)
        assert metered.samples[0].power_w == 9_451, "what is right stays as it is"
        await scene.stop(number, 363)
        assert await scene.energy_wh() == (2_000 if known else 2)


async def test_openevse_of_later_firmware_is_left_alone() -> None:
    """Its make is judged anew when it boots with other firmware, on the same connection too."""
    async with booted("OpenEVSE", "Advanced Series", "4.2.2") as scene:
        number = await scene.start(361)
        await scene.stop(number, 362)
        assert await scene.energy_wh() == 1_000
        boot = {"chargePointVendor": "OpenEVSE", "chargePointModel": "Advanced Series"}
        await scene.station.call("BootNotification", firmwareVersion="5.0.0", **boot)
        number = await scene.start(362_000, "2026-03-01T09:00:00Z")
        await scene.stop(number, 363_500, "2026-03-01T09:30:00Z")
        assert [one.energy_wh for one in scene.log(f.SessionEnded)] == [1_000, 1_500]


@WITH_AND_WITHOUT
async def test_growatt_the_begin_in_every_message(known: bool) -> None:
    name = "growatt-repeated-begin"
    async with booted("Growatt", "THOR_22AS", without=off(name, known)) as scene:
        number = await scene.start(157_440)
        energy = {"format": "Raw", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        sampled = [
            {"value": "163630", "context": "Sample.Periodic", **energy},
            {"value": "157440", "context": "Transaction.Begin", **energy},
        ]
        await scene.station.call(
            "MeterValues",
            connectorId=1,
            transactionId=number,
            meterValue=[{"timestamp": MIDDLE, "sampledValue": sampled}],
        )
        assert await scene.energy_wh() == (6_190 if known else 0), "what the page shows meanwhile"
        await scene.stop(number, 170_000)
        assert await scene.energy_wh() == 12_560


# --- deviations that are read as they are ------------------------------------------------------------

STATUS = {"connectorId": 1, "status": "Available"}
ENERGY = {"value": "1000", "measurand": "Energy.Active.Import.Register"}


@WITH_AND_WITHOUT
@pytest.mark.rule(20)
@pytest.mark.parametrize(
    ("name", "make", "rule", "action", "fields"),
    [
        (
            "charge-amps-hertz",
            ("Charge Amps", "HALO"),
            "enum",
            "MeterValues",
            [{"timestamp": MIDDLE, "sampledValue": [ENERGY, {"value": "50.0", "unit": "Hz"}]}],
        ),
        (
            "vestel-empty-samples",
            ("VESTEL", "EVC04"),
            "minItems",
            "MeterValues",
            [{"timestamp": MIDDLE, "sampledValue": []}],
        ),
        ("legrand-error-code", ("Legrand", "GreenUp"), "enum", "StatusNotification", "Error"),
        (
            "alfen-context",
            ("Alfen BV", "NG910"),
            "enum",
            "MeterValues",
            [{"timestamp": MIDDLE, "sampledValue": [{**ENERGY, "context": "Sample"}]}],
        ),
    ],
)
async def test_deviations_that_are_known_of_a_model_are_no_news(
    known: bool, name: str, make: tuple[str, str], rule: str, action: str, fields: Any
) -> None:
    async with booted(*make, without=off(name, known)) as scene:
        if action == "MeterValues":
            answer = await scene.station.call(action, connectorId=1, meterValue=fields)
        else:
            answer = await scene.station.call(action, **STATUS, errorCode=fields)
        assert answer[0] == 3, "it is read and answered in any case"
        assert scene.node.count(f"quirk {name}") == (1 if known else 0)
        assert scene.node.count(rule) == (0 if known else 1)
        again = await scene.station.call("StatusNotification", **STATUS, errorCode="NoError", info="x" * 60)
        assert again[0] == 3
        assert scene.node.count("maxLength") == 1, "what else strays is news"


# --- the line ----------------------------------------------------------------------------------------


@WITH_AND_WITHOUT
@pytest.mark.rule(3)
@pytest.mark.parametrize(
    ("name", "vendor"), [("en-plus-no-pong", "EN+"), ("evduty-no-pong", "EVduty")], ids=str
)
async def test_a_model_that_never_answers_pings_is_left_in_peace(known: bool, name: str, vendor: str) -> None:
    async with place() as home:
        node = await treated(home, quirks={} if known else {name: False})
        assert node.server is not None
        await node.server.close()
        limits = StationLimits(ping_interval_s=0.2, ping_timeout_s=0.2)
        node.server = await serve_stations(
            node.gateway, host="127.0.0.1", port=0, clock=node.clock, limits=limits
        )
        for boots in (True, False):  # The second time its make is known from the first.
            async with talking(node) as station:
                if boots:
                    await station.call("BootNotification", chargePointVendor=vendor, chargePointModel="X")
                await station.call("Heartbeat")
                station.socket.transport.pause_reading()  # So it answers no ping either.
                await asyncio.sleep(0.8)
                assert sum(node.gateway.sockets().values()) == (1 if known else 0)
                station.socket.transport.resume_reading()


@pytest.mark.rule(6)
@WITH_AND_WITHOUT
async def test_grizzl_e_no_subprotocol(known: bool) -> None:
    """It spoke OCPP 1.6 with older firmware, and offers nothing since its update."""
    name = "grizzl-e-no-subprotocol"
    async with place() as home:
        node = await treated(home, quirks={} if known else {name: False})
        async with talking(node) as station:
            await station.call(
                "BootNotification", chargePointVendor="United Chargers", chargePointModel="GRS"
            )
        async with talking(node, subprotocols=None) as station:
            await station.socket.wait_closed()
            assert station.socket.close_code == 1002, "its make has to be looked up first"
        async with talking(node, subprotocols=None) as station:
            if known:
                assert (await station.call("Heartbeat"))[0] == 3
            else:
                await station.socket.wait_closed()
                assert station.socket.close_code == 1002
        assert node.count("subprotocol assumed") == (1 if known else 0)


# --- what it is told ---------------------------------------------------------------------------------

ALL_KEYS: dict[str, Any] = {"name": CommandName.CALL, "action": "GetConfiguration", "payload": "{}"}
FIVE_KEYS = {**ALL_KEYS, "payload": json.dumps({"key": [f"K{number}" for number in range(5)]})}
FOUR_KEYS = {**ALL_KEYS, "payload": json.dumps({"key": [f"K{number}" for number in range(4)]})}
TRIGGER: dict[str, Any] = {"name": CommandName.TRIGGER, "message": "MeterValues"}
ABB = ("ABB", "CDT_TACW11::NET_WIFI", "TAC3Z9119006710273::V1.8.21")
UCHEN = ("UCHEN", "DUOSIDA Mode3@96A", "V2.5@322795f+337,F75.M16.wifi2,ws,V2.0@5bac49d+65")
GO_E = ("go-e", "go-eCharger_V4", "055.5")


@WITH_AND_WITHOUT
@pytest.mark.parametrize(
    ("name", "make", "barred", "borne"),
    [
        ("abb-terra-ac-all-keys", ABB, ALL_KEYS, FIVE_KEYS),
        ("uchen-four-keys", UCHEN, ALL_KEYS, FOUR_KEYS),
        ("uchen-four-keys", UCHEN, FIVE_KEYS, FOUR_KEYS),
        ("go-e-trigger-meter-values", GO_E, {**TRIGGER, "evse_id": 1}, {**TRIGGER, "message": "Heartbeat"}),
    ],
    ids=["abb all", "uchen all", "uchen five", "go-e"],
)
async def test_calls_that_a_model_does_not_bear_are_not_sent(
    known: bool, name: str, make: tuple[str, str, str], barred: dict[str, Any], borne: dict[str, Any]
) -> None:
    async with booted(*make, without=off(name, known)) as scene:
        done, call = await scene.told(**barred)
        assert (call is None) is known
        if known:
            assert done.result is CommandResult.NOT_SUPPORTED
            row = ours().named(name)
            assert row is not None
            assert row.reason[:40] in done.detail, "the asker is told why"
        _, call = await scene.told(**borne)
        assert call is not None, "what it bears is sent"


@WITH_AND_WITHOUT
@pytest.mark.parametrize(
    ("name", "make", "most"),
    [("abb-terra-ac-all-keys", ABB, 20), ("uchen-four-keys", UCHEN, 4)],
    ids=["abb", "uchen"],
)
async def test_a_model_that_cannot_be_asked_for_all_its_keys_is_asked_for_those_of_the_standard(
    known: bool, name: str, make: tuple[str, str, str], most: int
) -> None:
    async with booted(*make, without=off(name, known)) as scene:
        asked: list[list[str]] = []

        async def call(action: str, fields: Mapping[str, object]) -> CommandDone:
            payload = json.dumps(fields)
            done, call = await scene.told(name=CommandName.CALL, action=action, payload=payload)
            assert call is not None, "it bears this question"
            asked.append(call[3].get("key", []))
            return done

        link = scene.node.gateway.held(STREAM)
        assert link is not None
        station = Configured(
            spine=scene.node.spine,
            owner=CPO,
            station_id="CP1",
            protocol=Protocol.OCPP16,
            call=call,
            quirks=link.quirks,
        )
        assert (await tell_all(station, 1)).result is CommandResult.ACCEPTED
        if not known:
            assert asked == [[]]
            return
        assert max(len(keys) for keys in asked) == most
        assert [key for keys in asked for key in keys] == list(KEYS)


@WITH_AND_WITHOUT
@pytest.mark.parametrize(
    ("name", "vendor", "ask", "action"),
    [
        ("abl-trigger-names-connector", "ABL", TRIGGER, "TriggerMessage"),
        (
            "phoenix-start-names-connector",
            "Phoenix Contact GmbH & Co. KG",
            {"name": CommandName.START, "token": PresentedToken("04A1")},
            "RemoteStartTransaction",
        ),
    ],
    ids=["abl", "phoenix"],
)
async def test_a_model_that_wants_its_connector_named_has_it_named(
    known: bool, name: str, vendor: str, ask: dict[str, Any], action: str
) -> None:
    async with booted(vendor, without=off(name, known)) as scene:
        await scene.station.call("StatusNotification", connectorId=0, status="Available", errorCode="NoError")
        await scene.station.call("StatusNotification", **STATUS, errorCode="NoError")
        _, call = await scene.told(**ask)
        assert call is not None
        assert call[2] == action
        assert call[3].get("connectorId") == (1 if known else None)
        second = {**STATUS, "connectorId": 2}
        await scene.station.call("StatusNotification", **second, errorCode="NoError")
        done, call = await scene.told(**ask)
        assert (call is None) is known, "of two, nobody can tell which is meant"
        if known:
            assert done.result is CommandResult.NOT_SUPPORTED
            assert done.detail.startswith("a connector has to be named, of 2")
        _, call = await scene.told(**ask, evse_id=2)
        assert call is not None
        assert call[3]["connectorId"] == 2


# --- who says so -------------------------------------------------------------------------------------


async def test_an_operator_may_say_that_a_station_has_a_quirk_that_its_make_does_not_tell() -> None:
    async with place() as home:
        node = await treated(home, quirks={"openevse-kwh": True})
        async with talking(node) as station:
            scene = Scene(home, node, station)
            number = await scene.start(361)
            await scene.stop(number, 362)
            assert await scene.energy_wh() == 1_000, "without a boot too"
