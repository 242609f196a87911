"""Remote starts that a station accepts and that lead to nothing, over real sockets (rule 33)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import msgspec
import pytest
from gateways import CPO, KEYS, NOW, Node, Place, place
from test_robustness import talking

from elstrada.model import facts as f
from elstrada.model.asks import Command, PresentedToken
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.mirror import Attribute, ItemKind, Variable
from elstrada.model.unended import EndRules
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.ends import LED_TO_NOTHING, Ends
from elstrada.roles.gateway.starts import start_wait_s
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from nats_server import until


async def told(node: Node, variable: Variable, value: str) -> None:
    """The station's mirror says so."""
    said = msgspec.structs.replace(variable, attributes=(Attribute(type="Actual", value=value),))
    row = {
        "owner": str(CPO),
        "station_id": "CP1",
        "kind": ItemKind.VARIABLE.value,
        "key": said.key,
        "document": msgspec.json.encode(said).decode(),
        "reported_at": NOW,
    }
    await node.spine.commit(Work(writes=(Put(t.station_item, row),)))


OF_16 = Variable(name="ConnectionTimeOut")
OF_2X = Variable(component="TxCtrlr", name="EVConnectionTimeOut")


@pytest.mark.rule(33)
@pytest.mark.parametrize(
    ("variable", "value", "wait_s"),
    [
        (OF_16, "120", 180),
        (OF_2X, "60", 120),
        (OF_16, "0", 600),
        (OF_16, "a while", 600),
        (OF_16, "9" * 40, 600),
        (OF_16, "3600", 600),
        (Variable(name="HeartbeatInterval"), "300", 600),
    ],
)
async def test_a_station_waits_for_the_car_as_long_as_it_says(
    variable: Variable, value: str, wait_s: int
) -> None:
    async with place() as scene:
        (node,) = scene.nodes.values()
        await told(node, variable, value)
        assert await start_wait_s(node.spine, CPO, "CP1") == wait_s


def watched(scene: Place) -> Node:
    (node,) = scene.nodes.values()
    soon = timedelta(seconds=0.1)
    node.gateway.ends = Ends(node.gateway, node.spine, EndRules(), every=soon, away_every=soon, margin_s=0)
    return node


@pytest.mark.rule(33)
@pytest.mark.parametrize("follows", [False, True])
async def test_an_accepted_remote_start_without_a_session_is_told_to_whoever_looks(follows: bool) -> None:
    async with place() as scene:
        node = watched(scene)
        await told(node, OF_16, "1")
        async with talking(node) as station:
            await station.call("Heartbeat")
            ask = Command(
                command_id="k1",
                name=CommandName.START,
                asked_by=CPO,
                evse_id=1,
                token=PresentedToken("04A1", ref=KEYS.token_ref("04A1")),
            )
            asking = asyncio.create_task(reach.command(node.spine, node.post, CPO, "CP1", ask, timeout_s=6))
            async with asyncio.timeout(5):
                call = json.loads(await station.socket.recv())
            assert call[2] == "RemoteStartTransaction"
            await station.socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))
            assert (await asking).result is CommandResult.ACCEPTED  # type: ignore[union-attr]
            if follows:
                await station.start(at=f"{node.clock.now():%Y-%m-%dT%H:%M:%SZ}")
                await asyncio.sleep(3.5)
                assert scene.log(f.RemoteStartLapsed) == []
                return
            await until(lambda: len(scene.log(f.RemoteStartLapsed)) == 1)
            assert node.count(LED_TO_NOTHING) == 1
            row = await node.spine.get(t.command, owner=str(CPO), command_id="k1")
            assert row is not None
            assert row["result"] == "ACCEPTED"
            assert str(row["detail"]).startswith("accepted, but no session began within ")
