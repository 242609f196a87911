"""What stations in the field do, over real sockets: the sentences of docs/protocols/robustness.md."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import websockets
from gateways import CPO, KEYS, NOW, PASSWORD, Node, Place, place

from elstrada.charging.state import MOST_CONNECTORS
from elstrada.model import facts as f
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult, Protocol, Station
from elstrada.net.station_server import StationLimits
from elstrada.net.stations import serve_stations
from elstrada.roles.gateway.link import LEFT_OUT
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from nats_server import until


class Talker:
    """A station's end of one socket that waits for each answer, and answers no call by itself."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.called: list[list[Any]] = []
        """What the gateway called, and was not answered."""
        self._number = 0

    async def call(self, action: str, message_id: str | None = None, **payload: object) -> list[Any]:
        """The whole frame that answers a call."""
        self._number += 1
        message_id = message_id or f"{id(self)}-{self._number}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return await self.answer_to(message_id)

    async def answer_to(self, message_id: str) -> list[Any]:
        while True:
            async with asyncio.timeout(5):
                frame = json.loads(await self.socket.recv())
            if frame[0] in (3, 4) and frame[1] == message_id:
                return frame
            self.called.append(frame)

    async def start(self, at: str = "2026-03-01T08:00:00Z", message_id: str | None = None) -> int:
        answer = await self.call(
            "StartTransaction", message_id, connectorId=1, idTag="04A1", meterStart=1_000, timestamp=at
        )
        return answer[2]["transactionId"]

    async def stop(self, number: int) -> list[Any]:
        return await self.call(
            "StopTransaction", transactionId=number, meterStop=3_000, timestamp="2026-03-01T08:30:00Z"
        )


@asynccontextmanager
async def talking(
    node: Node, station_id: str = "CP1", *protocols: str, **options: Any
) -> AsyncIterator[Talker]:
    assert node.server is not None
    basic = base64.b64encode(f"{station_id}:{PASSWORD}".encode()).decode()
    offered = [websockets.Subprotocol(name) for name in protocols or ("ocpp1.6",)]
    async with websockets.connect(
        f"ws://127.0.0.1:{node.server.port}/ocpp/{station_id}",
        **({"subprotocols": offered} | options),
        additional_headers={"Authorization": f"Basic {basic}"},
        close_timeout=0.2,
    ) as socket:
        yield Talker(socket)


async def treated(scene: Place, **changes: object) -> Node:
    """A node that has heard of a changed record of CP1."""
    (node,) = scene.nodes.values()
    station = msgspec.structs.replace(Station(owner=CPO, id="CP1"), **changes)
    row = {
        "owner": str(CPO),
        "station_id": "CP1",
        "password_hash": KEYS.station_hash("CP1", PASSWORD.encode()),
        "document": msgspec.json.encode(station).decode(),
        "changed_at": NOW,
    }
    await node.spine.commit(Work(writes=(Put(t.station, row | {"changed_at": node.clock.now()}),)))
    await node.gateway.roll.refresh()
    return node


@pytest.mark.rule(3)
@pytest.mark.parametrize("pinged", [True, False])
async def test_a_station_that_never_answers_pings_can_be_left_in_peace(pinged: bool) -> None:
    async with place() as scene:
        node = await treated(scene, pinged=pinged)
        assert node.server is not None
        await node.server.close()
        limits = StationLimits(ping_interval_s=0.2, ping_timeout_s=0.2)
        node.server = await serve_stations(
            node.gateway, host="127.0.0.1", port=0, clock=node.clock, limits=limits
        )
        async with talking(node) as station:
            await station.call("Heartbeat")
            station.socket.transport.pause_reading()  # So it answers no ping either.
            await asyncio.sleep(1)
            assert sum(node.gateway.sockets().values()) == (0 if pinged else 1)
            station.socket.transport.resume_reading()


@pytest.mark.rule(4)
async def test_a_station_that_comes_back_without_a_boot_goes_on_where_it_was() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            number = await station.start()
        await until(lambda: not node.gateway.sockets())
        async with talking(node) as station:
            sample = {"timestamp": "2026-03-01T08:10:00Z", "sampledValue": [{"value": "2000"}]}
            metered = await station.call(
                "MeterValues", connectorId=1, transactionId=number, meterValue=[sample]
            )
            assert metered[0] == 3
            told = asyncio.create_task(node.command("c1"))
            call = json.loads(await station.socket.recv())
            assert call[2] == "Reset"
            await station.socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))
            answer = await told
            assert isinstance(answer, CommandDone)
            assert answer.result is CommandResult.ACCEPTED
            await station.stop(number)
        assert [one.fact.energy_wh for one in scene.log(f.SessionEnded)] == [2_000]  # type: ignore[union-attr]


@pytest.mark.rule(4)
async def test_a_boot_at_every_connection_closes_no_session() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            number = await station.start()
        for _ in range(3):
            await until(lambda: not node.gateway.sockets())
            async with talking(node) as station:
                booted = await station.call("BootNotification", chargePointVendor="V", chargePointModel="M")
                assert booted[2]["status"] == "Accepted"
        assert scene.log(f.SessionEnded) == []
        await until(lambda: not node.gateway.sockets())
        async with talking(node) as station:
            await station.stop(number)
        assert len(scene.log(f.SessionEnded)) == 1


@pytest.mark.rule(6)
@pytest.mark.parametrize("offer", [{"subprotocols": None}, {"subprotocols": ["ocpp1.6j"]}])
async def test_a_station_without_a_subprotocol_is_sent_away_unless_its_record_says_what_it_speaks(
    offer: dict[str, Any],
) -> None:
    async with place() as scene:
        node = await treated(scene)
        async with talking(node, **offer) as station:
            await station.socket.wait_closed()
            assert station.socket.close_code == 1002
        assert node.count("no common subprotocol") == 1
        node = await treated(scene, assumes=Protocol.OCPP16)
        async with talking(node, **offer) as station:
            assert station.socket.subprotocol is None
            assert (await station.call("Heartbeat"))[0] == 3
            assert scene.row()["protocol"] == "ocpp1.6"
        assert node.count("subprotocol assumed") == 1
        async with talking(node, "CP1", "ocpp2.0.1") as station:
            assert station.socket.subprotocol == "ocpp2.0.1", "what is offered goes before what is assumed"


@pytest.mark.rule(8)
async def test_a_station_that_changes_its_version_keeps_its_identity_and_is_held_to_the_right_schema() -> (
    None
):
    async with place() as scene:
        (node,) = scene.nodes.values()
        boot16 = {"chargePointVendor": "V", "chargePointModel": "M"}
        boot201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        for protocol, right, wrong in (("ocpp2.0.1", boot201, boot16), ("ocpp1.6", boot16, boot201)):
            async with talking(node, "CP1", protocol) as station:
                assert (await station.call("BootNotification", **right))[2]["status"] == "Accepted"
                assert (await station.call("BootNotification", **wrong))[0] == 4
                assert scene.row()["protocol"] == protocol
            await until(lambda: not node.gateway.sockets())


@pytest.mark.rule(11)
async def test_an_answer_after_its_deadline_is_matched_to_its_command_and_said() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            await station.call("Heartbeat")
            told = asyncio.create_task(node.command("c-late", deadline_s=1))
            call = json.loads(await station.socket.recv())
            answer = await told
            assert isinstance(answer, CommandDone)
            assert answer.result is CommandResult.TIMEOUT
            await station.socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))
            await until(lambda: node.count("late answer") == 1)
            await node.findings.flush()
            rows = await node.spine.find(t.finding, {"code": "late answer"})
            assert [row["sample"] for row in rows] == ["Reset: ACCEPTED to command c-late"]
        results = [one.fact.result for one in scene.log(f.CommandAnswered)]  # type: ignore[union-attr]
        assert results == [CommandResult.TIMEOUT], "a command has one result (P5)"


@pytest.mark.rule(12, 13)
@pytest.mark.parametrize("message_id", ["first", "second"])
async def test_a_start_that_comes_again_on_another_connection_gets_its_first_number(message_id: str) -> None:
    """Under its own id, and under a new one, as stations that make ids anew send it."""
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            number = await station.start(message_id="first")
        await until(lambda: not node.gateway.sockets())
        async with talking(node) as station:
            assert await station.start(message_id=message_id) == number
            assert await station.start("2026-03-01T09:00:00Z") != number
        assert len(scene.log(f.SessionStarted)) == 2


@pytest.mark.rule(16)
async def test_transaction_numbers_are_positive_and_differ_over_all_stations() -> None:
    async with place(stations=("CP1", "CP2", "CP3")) as scene:
        (node,) = scene.nodes.values()
        numbers: list[int] = []
        for name in ("CP1", "CP2", "CP3"):
            async with talking(node, name) as station:
                numbers += [await station.start(f"2026-03-01T08:{minute:02}:00Z") for minute in range(20)]
        assert min(numbers) > 0
        assert len(set(numbers)) == 60


INVALID = (
    b"}{",
    b"[]",
    b'[2,"1","StopTransaction",{}]',
    b'[2,"2","StartTransaction",{"connectorId":"one","idTag":4,"meterStart":1,"timestamp":"x"}]',
    b'[2,"3","Nonsense",{}]',
    b'[2,"4","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":1,"sampledValue":2}]}]',
    b'[3,"9",{}]',
)


@pytest.mark.rule(21)
async def test_a_flood_of_invalid_messages_does_not_slow_others() -> None:
    """Five thousand as fast as they go; they are answered, or their connection is closed and comes again."""
    async with place() as scene:
        (node,) = scene.nodes.values()
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                try:
                    async with talking(node, "CP2") as station:
                        reading = asyncio.create_task(_drain(station.socket))
                        for frame in INVALID * 100:
                            await station.socket.send(frame.decode())
                            sent += 1
                        reading.cancel()
                except (websockets.WebSocketException, OSError):
                    await asyncio.sleep(0.01)

        async with talking(node) as honest:
            await honest.call("Heartbeat")
            flooding = asyncio.create_task(flood())
            waits: list[float] = []
            while sent < 5_000:
                began = time.monotonic()
                assert (await honest.call("Heartbeat"))[0] == 3
                waits.append(time.monotonic() - began)
            flooding.cancel()
        assert len(waits) > 20
        assert sorted(waits)[len(waits) * 9 // 10] < 0.5, max(waits)
        assert max(waits) < 3


async def _drain(socket: websockets.ClientConnection) -> None:
    async for _ in socket:
        pass


@pytest.mark.rule(39)
async def test_what_is_unknown_never_breaks_the_connection() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            odd = await station.call("DataTransfer", vendorId="com.example", messageId="x", data="{}")
            assert odd[2] == {"status": "UnknownVendorId"}
            assert (await station.call("NoSuchAction"))[:3:2] == [4, "NotImplemented"]
            assert (await station.call("Heartbeat", customData={"vendorId": "V", "more": [1]}))[0] == 3
        await until(lambda: not node.gateway.sockets())
        async with talking(node, "CP1", "ocpp2.1") as station:
            odd = await station.call("DataTransfer", vendorId="com.example", data={"any": [1]})
            assert odd[2] == {"status": "UnknownVendorId"}
            assert (await station.call("NoSuchAction"))[:3:2] == [4, "NotImplemented"]
            assert (await station.call("Heartbeat", customData={"vendorId": "V", "more": [1]}))[0] == 3
            assert station.socket.close_code is None


async def test_connectors_beyond_the_most_are_answered_and_a_finding_and_charge_all_the_same() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            for connector in range(MOST_CONNECTORS + 3):
                answer = await station.call(
                    "StatusNotification", connectorId=connector, status="Available", errorCode="NoError"
                )
                assert answer[0] == 3
            assert node.count(LEFT_OUT) == 3
            assert len(node.gateway.links()[0].seat.state.connectors) == MOST_CONNECTORS
            answer = await station.call(
                "StartTransaction",
                connectorId=MOST_CONNECTORS + 1,
                idTag="04A1",
                meterStart=0,
                timestamp="2026-03-01T08:00:00Z",
            )
            await station.stop(answer[2]["transactionId"])
        rows = await node.spine.find(t.connector_state, {"owner": str(CPO)}, limit=10_000)
        assert len(rows) == MOST_CONNECTORS
        assert len(scene.log(f.SessionEnded)) == 1
