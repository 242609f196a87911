"""What we ask of a station by ourselves waits until it has settled, over real sockets (rule 5)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from gateways import PASSWORD, Node, Place, holds, place
from test_gateway_unended import held_to
from test_robustness import treated

from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult
from elstrada.model.locallist import ListRule
from elstrada.model.settling import SettleRules
from elstrada.model.unended import EndRules
from elstrada.model.waits import Looks
from nats_server import until

QUIET_S = 0.6
LOOK_S = Looks().lists_s
PATIENT = SettleRules(quiet_s=QUIET_S, most_s=60)
CONFIGURATION: dict[str, Any] = {"configurationKey": [], "unknownKey": []}


class Returning:
    """A station's end of one socket: it answers what it is asked, and notes when it was."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.asked: list[tuple[str, float]] = []
        self._number = 0
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._listening = asyncio.create_task(self._listen())
        self._version = 0

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.asked]

    async def call(self, action: str, **payload: object) -> Any:
        self._number += 1
        message_id = f"{id(self)}-{self._number}"
        self._answers[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(5):
            return await self._answers[message_id]

    async def boot(self) -> None:
        await self.call("BootNotification", chargePointVendor="Els", chargePointModel="One")

    async def status(self, connector: int = 1, status: str = "Available") -> None:
        await self.call("StatusNotification", connectorId=connector, status=status, errorCode="NoError")

    async def tell_its_queue(self, for_s: float) -> float:
        """Say something again and again, as a station that was away for long; when it said the last."""
        end = time.monotonic() + for_s
        count = 0
        while time.monotonic() < end:
            count += 1
            await self.status(1 + count % 2, ("Available", "Preparing")[count // 2 % 2])
            await asyncio.sleep(QUIET_S / 6)
        return time.monotonic()

    async def _listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                match json.loads(text):
                    case [2, message_id, action, payload]:
                        self.asked.append((action, time.monotonic()))
                        await self.socket.send(json.dumps([3, message_id, self._answer(action, payload)]))
                    case [3, message_id, answer]:
                        self._answers.pop(message_id).set_result(answer)
                    case other:
                        raise AssertionError(other)

    def _answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "SendLocalList":
            self._version = payload["listVersion"]
        if action == "GetLocalListVersion":
            return {"listVersion": self._version}
        return CONFIGURATION if action == "GetConfiguration" else {"status": "Accepted"}

    async def stop(self) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening


@asynccontextmanager
async def back(node: Node, protocol: str = "ocpp1.6") -> AsyncIterator[Returning]:
    """CP1 on a new socket."""
    assert node.server is not None
    basic = base64.b64encode(f"CP1:{PASSWORD}".encode()).decode()
    async with websockets.connect(
        f"ws://127.0.0.1:{node.server.port}/ocpp/CP1",
        subprotocols=[websockets.Subprotocol(protocol)],
        additional_headers={"Authorization": f"Basic {basic}"},
        close_timeout=0.2,
    ) as socket:
        station = Returning(socket)
        try:
            yield station
        finally:
            await station.stop()


async def listing(scene: Place, rules: SettleRules = PATIENT) -> Node:
    """A node for whose station a local list waits."""
    node = await treated(scene, local_list=ListRule())
    node.gateway.settle_rules = rules
    return node


@pytest.mark.rule(5)
async def test_a_list_that_waits_is_given_when_the_station_has_told_what_it_kept() -> None:
    async with place() as scene:
        node = await listing(scene)
        async with back(node) as station:
            await station.boot()
            last = await station.tell_its_queue(2 * LOOK_S)
            assert station.asked == [], "it was asked while it told what it kept"
            await until(lambda: "SendLocalList" in station.actions)
            assert station.asked[0][1] - last >= QUIET_S * 0.8


@pytest.mark.rule(5)
async def test_a_station_that_is_never_quiet_is_asked_after_a_while() -> None:
    async with place() as scene:
        node = await listing(scene, SettleRules(quiet_s=QUIET_S, most_s=1.5))
        async with back(node) as station:
            began = time.monotonic()
            await station.boot()
            talk = asyncio.create_task(station.tell_its_queue(8))
            await until(lambda: "SendLocalList" in station.actions)
            assert not talk.done()
            assert station.asked[0][1] - began >= 1.4
            talk.cancel()


@pytest.mark.rule(5)
async def test_heartbeats_do_not_keep_a_station_from_being_asked() -> None:
    async with place() as scene:
        node = await listing(scene)
        async with back(node) as station:
            await station.boot()
            async with asyncio.timeout(8):
                while "SendLocalList" not in station.actions:
                    await station.call("Heartbeat")
                    await asyncio.sleep(QUIET_S / 10)


@pytest.mark.rule(5)
async def test_each_is_asked_at_most_once_however_often_the_station_comes_back_or_boots() -> None:
    async with place() as scene:
        node = await listing(scene)
        for _ in range(3):
            async with back(node) as station:
                await station.boot()
                await station.status()
                assert station.asked == []
            await until(lambda: not node.gateway.sockets())
        async with back(node) as station:
            await station.boot()
            await until(lambda: station.actions.count("GetLocalListVersion") == 2)
            await station.boot()
            await holds(lambda: len(station.asked) == 4, 3 * LOOK_S)
            asked = ["GetConfiguration", "GetLocalListVersion", "SendLocalList", "GetLocalListVersion"]
            assert station.actions == asked


@pytest.mark.rule(5)
async def test_what_an_operator_asks_is_not_held_back() -> None:
    async with place() as scene:
        node = await listing(scene)
        async with back(node) as station:
            await station.boot()
            done = await node.command("c1")
            assert isinstance(done, CommandDone)
            assert done.result is CommandResult.ACCEPTED
            assert station.actions == ["Reset"]


@pytest.mark.rule(5)
async def test_a_session_in_doubt_is_asked_about_when_the_station_has_told_what_it_kept() -> None:
    doubtful_s = 2
    async with place() as scene:
        node = held_to(scene, EndRules(contradicted_s=doubtful_s, silent_s=3600, grace_s=1))
        node.gateway.settle_rules = PATIENT
        async with back(node, "ocpp2.0.1") as station:
            await station.call(
                "TransactionEvent",
                eventType="Started",
                timestamp="2026-03-01T08:00:00Z",
                triggerReason="Authorized",
                seqNo=0,
                transactionInfo={"transactionId": "tx1"},
                evse={"id": 1, "connectorId": 1},
                idToken={"idToken": "04A1", "type": "ISO14443"},
            )
            end = time.monotonic() + 2 * doubtful_s
            while time.monotonic() < end:
                await station.call(
                    "StatusNotification",
                    timestamp="2026-03-01T08:00:00Z",
                    connectorStatus="Occupied",
                    evseId=1,
                    connectorId=1,
                )
                await asyncio.sleep(QUIET_S / 6)
            assert station.asked == []
            await until(lambda: station.actions == ["GetTransactionStatus"])
