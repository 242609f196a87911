"""Sessions whose end never comes, over real sockets (rule 18)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from gateways import CPO, Fallbacks, Node, Place, place
from test_robustness import Talker, talking

from elstrada.model import facts as f
from elstrada.model.unended import EndRules, Presumed
from elstrada.net.chance import SystemChance
from elstrada.roles.gateway.ends import METER_LACKS, PRESUMED, TOO_LATE, Ends
from elstrada.roles.gateway.seat import Seat
from elstrada.spine import tables as t
from nats_server import until

SHORT = EndRules(contradicted_s=1, silent_s=3600, grace_s=1)
LONG_GRACE = EndRules(contradicted_s=1, silent_s=3600, grace_s=3600)


def held_to(scene: Place, rules: EndRules) -> Node:
    """The one node, with a shorter wait."""
    (node,) = scene.nodes.values()
    soon = timedelta(seconds=0.1)
    node.gateway.ends = Ends(node.gateway, node.spine, rules, every=soon, away_every=soon)
    return node


async def begun_and_forgotten(station: Talker) -> int:
    """A session of 2 kWh, of which the station tells no end, though its connector is free."""
    number = await station.start()
    values = [{"timestamp": "2026-03-01T08:10:00Z", "sampledValue": [{"value": "3000"}]}]
    await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=values)
    await station.call(
        "StatusNotification",
        connectorId=1,
        status="Available",
        errorCode="NoError",
        timestamp="2026-03-01T08:20:00Z",
    )
    return number


def ends(scene: Place) -> list[f.SessionEnded]:
    return [one.fact for one in scene.log(f.SessionEnded)]  # type: ignore[misc]


async def row(scene: Place) -> dict[str, Any]:
    (node,) = scene.nodes.values()
    (found,) = await node.spine.find(t.session, {"owner": str(CPO)})
    return found


@pytest.mark.rule(18)
async def test_a_session_that_a_station_forgot_is_closed_with_its_last_register_and_a_finding() -> None:
    async with place() as scene:
        node = held_to(scene, SHORT)
        async with talking(node) as station:
            await begun_and_forgotten(station)
            await until(lambda: len(scene.log(f.SessionCompleted)) == 1)
            (end,) = ends(scene)
            assert (end.presumed, end.energy_wh) == (Presumed.CONNECTOR_FREE, 2000)
            assert (await row(scene))["presumed"] == "CONNECTOR_FREE"
            assert node.count(PRESUMED) == 1


@pytest.mark.rule(18)
async def test_an_end_that_comes_after_all_replaces_the_presumed_one() -> None:
    async with place() as scene:
        node = held_to(scene, LONG_GRACE)
        async with talking(node) as station:
            number = await begun_and_forgotten(station)
            await until(lambda: len(ends(scene)) == 1)
            assert (await station.stop(number))[0] == 3
            presumed, true = ends(scene)
            assert (presumed.energy_wh, true.energy_wh, true.presumed) == (2000, 2000, None)
            assert (await row(scene))["presumed"] is None


@pytest.mark.rule(18)
async def test_an_end_after_the_completion_is_answered_kept_and_a_finding_with_both_figures() -> None:
    async with place() as scene:
        node = held_to(scene, SHORT)
        async with talking(node) as station:
            number = await begun_and_forgotten(station)
            await until(lambda: len(scene.log(f.SessionCompleted)) == 1)
            for _ in range(2):
                await station.call(
                    "StopTransaction",
                    transactionId=number,
                    meterStop=9_000,
                    timestamp="2026-03-01T08:30:00Z",
                )
            (stray,) = scene.log(f.StrayReported)
            assert isinstance(stray.fact, f.StrayReported)
            assert (stray.fact.energy_wh, stray.fact.completed_wh) == (8000, 2000)
            assert len(ends(scene)) == len(scene.log(f.SessionCompleted)) == 1
            assert node.count(TOO_LATE) == 1


@pytest.mark.rule(18)
@pytest.mark.parametrize(("ongoing", "presumed"), [(False, [Presumed.NOT_ONGOING]), (True, [])])
async def test_a_station_of_2_x_is_asked_whether_a_silent_session_goes_on(
    ongoing: bool, presumed: list[Presumed]
) -> None:
    """E14: GetTransactionStatus; nothing else speaks against the session here."""
    rules = EndRules(contradicted_s=2, silent_s=3600, grace_s=1)
    async with place() as scene:
        node = held_to(scene, rules)
        async with talking(node, "CP1", "ocpp2.0.1") as station:
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
            async with asyncio.timeout(10):
                frame = json.loads(await station.socket.recv())
            assert frame[2:] == ["GetTransactionStatus", {"transactionId": "tx1"}]
            answer = {"ongoingIndicator": ongoing, "messagesInQueue": False}
            await station.socket.send(json.dumps([3, frame[1], answer]))
            await until(lambda: len(scene.log(f.SessionQueueReported)) == 1)
            if presumed:
                await until(lambda: len(ends(scene)) == 1)
            assert [end.presumed for end in ends(scene)] == presumed


@pytest.mark.rule(18)
async def test_a_session_at_a_station_that_never_comes_back_is_found_by_its_silence() -> None:
    async with place() as scene:
        rules = EndRules(contradicted_s=3600, silent_s=2, grace_s=1)
        node = held_to(scene, rules)
        async with talking(node) as station:
            await station.start()
        await until(lambda: scene.row()["connection_id"] is None)
        assert await node.gateway.ends.away([CPO]) == set(), "it is not silent yet"
        await asyncio.sleep(2.2)
        assert await node.gateway.ends.away([CPO]) == {(str(CPO), "CP1")}
        seat = Seat(CPO, "CP1", node.spine, node.clock, SystemChance(), Fallbacks())
        await seat.load()
        await seat.ask(node.gateway.ends.tick)
        assert [end.presumed for end in ends(scene)] == [Presumed.SILENCE]
        await asyncio.sleep(1.2)
        assert await node.gateway.ends.away([CPO]) == {(str(CPO), "CP1")}, (
            "its end is presumed for long enough"
        )
        await seat.ask(node.gateway.ends.tick)
        assert len(scene.log(f.SessionCompleted)) == 1
        await asyncio.sleep(0.2)
        assert await node.gateway.ends.away([CPO]) == set()


@pytest.mark.rule(27)
async def test_what_a_meter_lacks_is_a_finding_on_its_station() -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node) as station:
            await station.stop(await station.start())
            await until(lambda: len(scene.log(f.SessionCompleted)) == 1, timeout_s=40)
            assert node.count(METER_LACKS) == 1
            assert (await row(scene))["meter_lacks"] == "NONE_WITHIN"
