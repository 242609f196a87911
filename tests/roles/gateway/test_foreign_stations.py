"""Stations written on the PyPI package ``ocpp`` talk to the gateway over real sockets and a real store."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v16
import ocpp.v21
import ocpp.v201
import pytest
import websockets
from ocpp.exceptions import NotSupportedError
from ocpp.messages import CallError
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from elstrada.charging.remote import NO_TURN
from elstrada.model import asks
from elstrada.model.answers import AskParty, CommandDone
from elstrada.model.device import CommandName, CommandResult, Station
from elstrada.model.facts import (
    CommandAnswered,
    CommandRequested,
    MeterSampled,
    SessionCompleted,
    SessionStarted,
    StationConnected,
)
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.token import Token, Verdict, Whitelist
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.desk.calls import CallEnd
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Spine, Work
from elstrada.spine.post import LocalPost
from elstrada.spine.sqlite import SqliteSpine

CPO, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
KEYS = derived_keys("test")
PASSWORD = "a-machine-made-password"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Fallbacks:
    """An authorizer whose peers are all away."""

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class House:
    def __init__(
        self, spine: Spine, gateway: Gateway, post: LocalPost, findings: Findings, port: int
    ) -> None:
        self.spine, self.gateway, self.post, self.findings, self.port = spine, gateway, post, findings, port
        self.desk = Desk(spine=spine, keys=KEYS, clock=SystemClock(), chance=SystemChance(), post=post)

    def dial(self, station: str, protocol: str, password: str = PASSWORD) -> websockets.connect:
        basic = base64.b64encode(f"{station}:{password}".encode()).decode()
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/{station}",
            subprotocols=[websockets.Subprotocol(protocol)],
            additional_headers={"Authorization": f"Basic {basic}"},
        )


def records() -> tuple[Put, ...]:
    token = Token(
        party=EMSP,
        uid="04A1B2C3",
        contract_id="SERETC00000001",
        issuer="Retailer",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=NOW,
    )
    stations = [
        Put(
            t.station,
            {
                "owner": str(CPO),
                "station_id": name,
                "password_hash": KEYS.station_hash(name, PASSWORD.encode()),
                "document": msgspec.json.encode(Station(owner=CPO, id=name)).decode(),
                "changed_at": NOW,
            },
        )
        for name in ("ST16", "ST201", "ST21")
    ]
    return (
        *stations,
        Put(
            t.token,
            {
                "owner": str(CPO),
                "party": str(EMSP),
                "uid": token.uid,
                "type": token.type,
                "ref": KEYS.token_ref(token.uid),
                "contract_id": token.contract_id,
                "document": msgspec.json.encode(token).decode(),
                "last_updated": NOW,
            },
        ),
    )


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    clock, chance = SystemClock(), SystemChance()
    spine = SqliteSpine(folder / "elstrada.db", clock)
    await spine.start()
    await spine.commit(Work(writes=records()))
    findings, post = Findings(spine, clock), LocalPost()
    gateway = Gateway(spine, KEYS, clock, chance, Fallbacks(), findings, post, (CPO,))
    await gateway.start()
    server = await serve_stations(gateway, host="127.0.0.1", port=0, clock=clock)
    try:
        yield House(spine, gateway, post, findings, server.port)
    finally:
        await server.close()
        await gateway.stop()
        await spine.close()


class Station16(ocpp.v16.ChargePoint):
    @on("Reset")
    def reset(self, type: str) -> result16.Reset:
        return result16.Reset(status="Accepted")


class Station201(ocpp.v201.ChargePoint):
    @on("RequestStopTransaction")
    def stop(self, transaction_id: str) -> result201.RequestStopTransaction:
        return result201.RequestStopTransaction(status="Accepted")


class Station21(ocpp.v21.ChargePoint):
    """Starts charging when told to, under the number it was given."""

    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        super().__init__(name, socket)
        self.told: asyncio.Queue[tuple[int, dict[str, str]]] = asyncio.Queue()
        self.variables: list[str] = []

    @on("RequestStartTransaction")
    def start_session(
        self, id_token: dict[str, str], remote_start_id: int, **_: object
    ) -> result21.RequestStartTransaction:
        self.told.put_nowait((remote_start_id, id_token))
        return result21.RequestStartTransaction(status="Accepted")

    @on("RequestStopTransaction")
    def stop_session(self, transaction_id: str) -> result21.RequestStopTransaction:
        return result21.RequestStopTransaction(status="Accepted")

    @on("SetVariables")
    def set_variables(self, set_variable_data: list[dict[str, Any]]) -> result21.SetVariables:
        self.variables += [data["attribute_value"] for data in set_variable_data]
        told = [
            {
                "attributeStatus": "RebootRequired",
                "component": {"name": data["component"]["name"]},
                "variable": {"name": data["variable"]["name"]},
            }
            for data in set_variable_data
        ]
        return result21.SetVariables(set_variable_result=told)

    @on("Reset")
    def refuse_to_reset(self, **_: object) -> None:
        raise NotSupportedError("not with token=c0rrect-horse")

    @on("GetVariables")
    async def get_variables(self, get_variable_data: list[dict[str, Any]]) -> None:
        await asyncio.Event().wait()

    @on("UnlockConnector")
    def unlock(self, evse_id: int, connector_id: int) -> result21.UnlockConnector:
        return result21.UnlockConnector(status="Unlocked")

    async def event(self, seq_no: int, kind: str, wh: int, **more: object) -> object:
        at = f"2026-03-01T08:{seq_no}0:00Z"
        return await self.call(
            call21.TransactionEvent(
                event_type=kind,
                timestamp=at,
                trigger_reason="MeterValuePeriodic",
                seq_no=seq_no,
                evse={"id": 1, "connectorId": 1},
                meter_value=[{"timestamp": at, "sampledValue": [{"value": wh}]}],
                **more,
            )
        )


@contextlib.asynccontextmanager
async def running(
    station: ocpp.v16.ChargePoint | ocpp.v201.ChargePoint | ocpp.v21.ChargePoint,
) -> AsyncIterator[None]:
    task = asyncio.create_task(station.start())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
            await task


async def test_a_session_of_a_foreign_1_6_station_is_in_the_log(tmp_path: Path) -> None:
    async with house(tmp_path) as home, home.dial("ST16", "ocpp1.6") as socket:
        station = Station16("ST16", socket)
        async with running(station):
            boot = await station.call(
                call16.BootNotification(charge_point_model="M", charge_point_vendor="V")
            )
            assert boot.status == "Accepted"
            assert (await station.call(call16.Authorize(id_tag="04a1b2c3"))).id_tag_info[
                "status"
            ] == "Accepted"
            assert (await station.call(call16.Authorize(id_tag="NOBODY"))).id_tag_info["status"] == "Invalid"
            start = call16.StartTransaction(
                connector_id=1, id_tag="04A1B2C3", meter_start=1000, timestamp="2026-03-01T08:00:00Z"
            )
            started = await station.call(start)
            assert (await station.call(start)).transaction_id == started.transaction_id
            values = {"value": "3.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"}
            await station.call(
                call16.MeterValues(
                    connector_id=1,
                    transaction_id=started.transaction_id,
                    meter_value=[{"timestamp": "2026-03-01T08:30:00Z", "sampledValue": [values]}],
                )
            )
            await station.call(
                call16.StopTransaction(
                    meter_stop=6000, timestamp="2026-03-01T09:00:00Z", transaction_id=started.transaction_id
                )
            )
            reset = asks.Command(command_id="k1", name=CommandName.RESET, asked_by=CPO)
            done = await reach.command(home.spine, home.post, CPO, "ST16", reset, timeout_s=5)
            assert done == CommandDone(CommandResult.ACCEPTED, "Accepted")
        facts = [r.fact for r in await home.spine.facts(station_stream(CPO, "ST16"))]
        assert sum(isinstance(fact, SessionStarted) for fact in facts) == 1
        (sampled,) = [fact for fact in facts if isinstance(fact, MeterSampled)]
        assert sampled.energy_wh == 2500
        (session,) = await home.spine.find(t.session, {"owner": str(CPO)})
        assert session["energy_wh"] == 5000


async def test_a_session_of_a_foreign_2_0_1_station_is_completed(tmp_path: Path) -> None:
    async with house(tmp_path) as home, home.dial("ST201", "ocpp2.0.1") as socket:
        station = Station201("ST201", socket)
        async with running(station):
            await station.call(
                call201.BootNotification(
                    charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp"
                )
            )
            for seq_no, (kind, wh) in enumerate([("Started", 100), ("Updated", 1600), ("Ended", 2100)]):
                event = call201.TransactionEvent(
                    event_type=kind,
                    timestamp=f"2026-03-01T08:{seq_no}0:00Z",
                    trigger_reason="MeterValuePeriodic",
                    seq_no=seq_no,
                    transaction_info={"transactionId": "tx-1"},
                    evse={"id": 1, "connectorId": 1},
                    id_token={"idToken": "04A1B2C3", "type": "ISO14443"} if kind == "Started" else None,
                    meter_value=[
                        {"timestamp": f"2026-03-01T08:{seq_no}0:00Z", "sampledValue": [{"value": wh}]},
                    ],
                )
                answer = await station.call(event)
                assert not isinstance(answer, CallError)
        facts = [r.fact for r in await home.spine.facts(station_stream(CPO, "ST201"))]
        (completed,) = [fact for fact in facts if isinstance(fact, SessionCompleted)]
        assert completed.energy_wh == 2000


async def test_a_foreign_2_1_station_charges_a_car_from_remote_start_to_stop(tmp_path: Path) -> None:
    async with house(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        station = Station21("ST21", socket)
        async with running(station):
            boot = await station.call(
                call21.BootNotification(charging_station={"model": "M", "vendorName": "V"}, reason="PowerUp")
            )
            assert boot.status == "Accepted"
            await station.call(
                call21.StatusNotification(
                    timestamp="2026-03-01T08:00:00Z", connector_status="Available", evse_id=1, connector_id=1
                )
            )
            card = {"idToken": "04A1B2C3", "type": "ISO14443"}
            judged = await station.call(call21.Authorize(id_token=card))
            assert judged.id_token_info["status"] == "Accepted"

            start = command(CommandName.START, evse_id=1, token=asks.PresentedToken("04A1B2C3"))
            assert await told(home, "ST21", start) == CommandDone(CommandResult.ACCEPTED, "Accepted")
            remote_start_id, shown = await asyncio.wait_for(station.told.get(), 5)
            assert shown["id_token"] == "04A1B2C3"
            begun = {
                "transactionId": "tx-21",
                "remoteStartId": remote_start_id,
                "operationMode": "ChargingOnly",
            }
            answer = await station.event(0, "Started", 100, transaction_info=begun, id_token=card)
            assert answer.id_token_info["status"] == "Accepted"
            running_on = {"transactionId": "tx-21", "chargingState": "Charging"}
            await station.event(
                1, "Updated", 1600, transaction_info=running_on, preconditioning_status="Ready"
            )
            # What 2.1 sends and nobody answers: the next answer is that of the next call.
            stream = {
                "id": 1,
                "pending": 0,
                "basetime": "2026-03-01T08:15:00Z",
                "data": [{"t": 0, "v": "230"}],
            }
            await socket.send(json.dumps([6, "s1", "NotifyPeriodicEventStream", stream]))
            await socket.send(json.dumps([5, "x1", "FormatViolation", "cannot read this", {}]))
            (session,) = await home.spine.find(t.session, {"owner": str(CPO)})
            stop = command(CommandName.STOP, session_id=str(session["session_id"]))
            assert await told(home, "ST21", stop) == CommandDone(CommandResult.ACCEPTED, "Accepted")
            unlock = command(CommandName.UNLOCK, evse_id=1, connector_id=1)
            assert await told(home, "ST21", unlock) == CommandDone(CommandResult.ACCEPTED, "Unlocked")
            ended = {"transactionId": "tx-21", "stoppedReason": "Remote"}
            answer = await station.event(2, "Ended", 2100, transaction_info=ended)
            assert not isinstance(answer, CallError)
        facts = [r.fact for r in await home.spine.facts(station_stream(CPO, "ST21"))]
        (started,) = [fact for fact in facts if isinstance(fact, SessionStarted)]
        assert started.command_id == start.command_id
        (completed,) = [fact for fact in facts if isinstance(fact, SessionCompleted)]
        assert completed.energy_wh == 2000
        assert home.gateway.tally.messages["ocpp2.1", "NotifyPeriodicEventStream", "taken"] == 1
        assert home.findings.unsaved("station:SE*ELS/ST21", "answer disputed") == 1


async def test_an_operators_call_reaches_a_foreign_station_and_its_answer_is_kept(tmp_path: Path) -> None:
    """Through the desk's verb, the post, the gateway and a real socket; the secret goes to the station only."""
    async with house(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        await put_party(home)
        station = Station21("ST21", socket)
        async with running(station):
            await station.call(call21.Heartbeat())
            data = {
                "attributeValue": "c0rrect-horse-battery",
                "component": {"name": "Modem"},
                "variable": {"name": "ApnPassword"},
            }
            end = await call(home, "ST21", "SetVariables", {"setVariableData": [data]})
            assert isinstance(end, CallEnd)
            assert (end.result, end.detail) == (CommandResult.ACCEPTED, "answered")
            (result,) = json.loads(bytes(end.response))["setVariableResult"]
            assert result["attributeStatus"] == "RebootRequired"
            assert station.variables == [data["attributeValue"]]

            refused = await call(home, "ST21", "Reset", {"type": "Immediate"})
            assert isinstance(refused, Refusal)
            assert (refused.kind, "NOT_SUPPORTED (NotSupported: not with token=***" in refused.says) == (
                Kind.REFUSED,
                True,
            )
            silent = await call(home, "ST21", "GetVariables", VARIABLE, deadline_s=1)
            assert isinstance(silent, Refusal)
            assert (silent.kind, "TIMEOUT" in silent.says) == (Kind.UNKNOWN, True)
            wrong = await call(home, "ST21", "SetVariables", {"setVariableData": [data | {"component": {}}]})
            assert isinstance(wrong, Refusal)
            assert [problem.pointer for problem in wrong.problems] == ["/setVariableData/0/component/name"]
            old = await call(home, "ST21", "ChangeConfiguration", {"key": "K", "value": "V"})
            assert isinstance(old, Refusal)
            assert (old.kind, "ocpp2.1" in old.says) == (Kind.USAGE, True)
        facts = [r.fact for r in await home.spine.facts(station_stream(CPO, "ST21"))]
        requested = [fact for fact in facts if isinstance(fact, CommandRequested)]
        answered = {fact.command_id: fact for fact in facts if isinstance(fact, CommandAnswered)}
        assert [fact.action for fact in requested] == ["SetVariables", "Reset", "GetVariables"]
        assert [answered[fact.command_id].result for fact in requested] == [
            "ACCEPTED",
            "NOT_SUPPORTED",
            "TIMEOUT",
        ]
        assert answered[end.command_id].response == bytes(end.response).decode()
        assert "ApnPassword" in (requested[0].payload or "")
        assert "c0rrect-horse" not in repr(facts)
        rows = await home.spine.find(t.command, {"owner": str(CPO)}, order=("requested_at",))
        assert [row["name"] for row in rows] == ["CALL SetVariables", "CALL Reset", "CALL GetVariables"]


async def test_a_2_1_station_is_told_that_its_result_makes_no_sense(tmp_path: Path) -> None:
    async with house(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        await socket.send('[2,"h1","Heartbeat",{}]')
        await socket.recv()
        asked = asyncio.create_task(told(home, "ST21", command(CommandName.RESET)))
        _, message_id, action, _ = json.loads(await socket.recv())
        await socket.send(json.dumps([3, message_id, {"state": "Accepted"}]))
        assert json.loads(await socket.recv())[:3] == [5, message_id, "OccurrenceConstraintViolation"]
        assert await asked == CommandDone(CommandResult.FAILED, "/status: missing")
        assert action == "Reset"
        assert home.findings.unsaved("station:SE*ELS/ST21", "OccurrenceConstraintViolation") == 1


async def test_the_gateway_itself_sends_no_call_that_the_version_does_not_know(tmp_path: Path) -> None:
    """The desk looks at the version of the last connection; by now the station may speak another."""
    async with house(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        await socket.send('[2,"h1","Heartbeat",{}]')
        await socket.recv()
        older = command(CommandName.CALL, action="ChangeConfiguration", payload="{}")
        assert await told(home, "ST21", older) == CommandDone(
            CommandResult.NOT_SUPPORTED,
            "no station is called with 'ChangeConfiguration' in ocpp2.1",
            unsent=True,
        )
        wrong = asks.Command(
            command_id="k2", name=CommandName.CALL, asked_by=CPO, action="Reset", payload="{}"
        )
        assert await told(home, "ST21", wrong) == CommandDone(
            CommandResult.REJECTED, "Reset /type: missing", unsent=True
        )


async def test_of_two_commands_on_a_line_that_breaks_only_the_one_that_was_sent_may_be_done(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as home:
        async with home.dial("ST21", "ocpp2.1") as socket:
            await socket.send('[2,"h1","Heartbeat",{}]')
            await socket.recv()
            first = asyncio.create_task(told(home, "ST21", command(CommandName.RESET)))
            assert json.loads(await socket.recv())[2] == "Reset"
            unlock = asks.Command(command_id="k2", name=CommandName.UNLOCK, asked_by=CPO, evse_id=1)
            second = asyncio.create_task(told(home, "ST21", unlock))
            async with asyncio.timeout(8):
                while await home.spine.get(t.command, owner=str(CPO), command_id="k2") is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert await first == CommandDone(CommandResult.TIMEOUT, "the connection broke before the reply")
        assert await second == CommandDone(
            CommandResult.OFFLINE, "the connection broke before its turn came", unsent=True
        )


async def test_a_command_whose_turn_does_not_come_was_never_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as home, home.dial("ST21", "ocpp2.1") as socket:
        await socket.send('[2,"h1","Heartbeat",{}]')
        await socket.recv()
        first = asyncio.create_task(told(home, "ST21", command(CommandName.RESET)))
        assert json.loads(await socket.recv())[2] == "Reset"
        unlock = asks.Command(command_id="k2", name=CommandName.UNLOCK, asked_by=CPO, evse_id=1, deadline_s=1)
        assert await told(home, "ST21", unlock) == CommandDone(CommandResult.TIMEOUT, NO_TURN, unsent=True)
        first.cancel()


@pytest.mark.rule(32)
async def test_a_call_to_a_station_that_is_away_is_not_made_whatever_it_holds(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await put_party(home)
        away = await call(home, "ST21", "Reset", {"type": "Immediate"})
        assert isinstance(away, Refusal)
        assert (away.kind, "OFFLINE" in away.says) == (Kind.UNREACHABLE, True)


VARIABLE = {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}}]}


async def put_party(home: House) -> None:
    await done(home.desk, "party put", party=str(CPO), roles=["CPO"], name="Elstrada Nord", currency="SEK")


async def call(home: House, station: str, action: str, payload: object, **more: object) -> object:
    text = json.dumps(payload)
    return await done(home.desk, "station call", station=station, action=action, payload=text, **more)


async def done(desk: Desk, name: str, /, **values: object) -> object:
    """Do a verb as the command line would."""
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values)
    assert not isinstance(params, Refusal), params
    return await perform(desk, verb, params)


def command(name: CommandName, **more: Any) -> asks.Command:
    return asks.Command(command_id=f"k-{name}", name=name, asked_by=CPO, **more)


async def told(home: House, station: str, ask: asks.Command) -> object:
    return await reach.command(home.spine, home.post, CPO, station, ask, timeout_s=5)


@pytest.mark.parametrize(
    ("station", "password", "status"),
    [("ST16", "wrong", 401), ("UNKNOWN", PASSWORD, 404), ("ST16", "", 401)],
)
async def test_t1_who_does_not_prove_its_identity_stays_outside(
    tmp_path: Path, station: str, password: str, status: int
) -> None:
    async with house(tmp_path) as home:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with home.dial(station, "ocpp1.6", password):
                pass
        assert refused.value.response.status_code == status
        await home.gateway.roll.save_unknown()
        unknown = [row["station_id"] for row in await home.spine.find(t.unknown_station)]
        assert unknown == (["UNKNOWN"] if status == 404 else [])


async def test_a_gateway_puts_right_what_a_database_says_of_it_f1_f11(tmp_path: Path) -> None:
    """Who was connected in its last life is not, and whoever is connected elsewhere now loses the socket here."""
    async with house(tmp_path) as home, home.dial("ST16", "ocpp1.6") as socket:
        await socket.send('[2,"1","Heartbeat",{}]')
        await socket.recv()
        former = StationConnected("ocpp2.0.1", "c-former", "node")
        elsewhere = StationConnected("ocpp1.6", "c-elsewhere", "other")
        await home.spine.commit(Work((Append(station_stream(CPO, "ST201"), 0, (former,)),)))
        await home.spine.commit(Work((Append(station_stream(CPO, "ST16"), 1, (elsewhere,)),)))
        assert await home.gateway.say_gone_of("node") == 1
        (here, away) = await home.spine.find(t.station_state, order=("station_id",))
        assert (here["connection_id"], here["node"]) == ("c-elsewhere", "other")
        assert (away["connection_id"], away["node"]) == (None, "node")
        async with asyncio.timeout(6):
            await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1012, "served elsewhere")
        assert await home.gateway.say_gone_of("other") == 1


async def test_what_is_closed_for_before_it_is_read_is_counted_as_well(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        async with home.dial("ST16", "ocpp1.6") as socket:
            await socket.send(b"a binary frame")
            await socket.wait_closed()
        await home.findings.flush()
        (found,) = await home.spine.find(t.finding, {"source": "station:SE*ELS/ST16"})
        assert (found["code"], found["count"]) == ("WebSocket 1003", 1)
