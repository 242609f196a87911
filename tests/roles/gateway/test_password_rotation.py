"""A station gets a new password over OCPP, and can come at any moment of it: A01, T5, rule 7.

Real sockets; whatever becomes of the answer, what the station holds is a password that opens the door.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import websockets
from gateways import CPO, KEYS, PASSWORD, Node, Place, place

from elstrada.model.asks import Command
from elstrada.model.device import CommandName, Station
from elstrada.model.facts import CommandAnswered, CommandRequested, StationPasswordChanged
from elstrada.model.ids import station_security_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.net.chance import SystemChance
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.passwords import ChangePassword, PasswordEnd, change_password
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.passwords import OLD_PASSWORD, UNSETTLED
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work
from nats_server import until

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
Answer = Callable[[str, dict[str, object]], object]
"""What a station says to a call: a payload, an error code as text, or None for silence."""


def said(status: str) -> Answer:
    def answer(action: str, payload: dict[str, object]) -> object:
        if action == "ChangeConfiguration":
            return {"status": status}
        (one,) = payload["setVariableData"]  # type: ignore[misc]
        result = {"attributeStatus": status, "component": one["component"], "variable": one["variable"]}  # type: ignore[index]
        return {"setVariableResult": [result]}

    return answer


def failing(code: str) -> Answer:
    return lambda _, __: code


def silent(_: str, __: dict[str, object]) -> None:
    return None


class Socket:
    """A station's end of a socket: it keeps what it is told as password, and answers as it is made to."""

    def __init__(self, socket: websockets.ClientConnection, answer: Answer, hang_up: bool) -> None:
        self.socket, self._answer, self._hang_up = socket, answer, hang_up
        self.told: list[str] = []
        self.beats = 0
        self.task = asyncio.create_task(self._listen())

    async def beat(self) -> None:
        before = self.beats
        await self.socket.send(json.dumps([2, f"b{before}", "Heartbeat", {}]))
        await until(lambda: self.beats > before)

    async def _listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                match json.loads(text):
                    case [2, message_id, action, payload]:
                        self.told.append(_password_in(action, payload))
                        if self._hang_up:
                            self.socket.transport.abort()
                            return
                        answer = self._answer(action, payload)
                        if isinstance(answer, str):
                            await self.socket.send(json.dumps([4, message_id, answer, "no", {}]))
                        elif answer is not None:
                            await self.socket.send(json.dumps([3, message_id, answer]))
                    case _:
                        self.beats += 1


def _password_in(action: str, payload: dict[str, object]) -> str:
    if action == "ChangeConfiguration":
        assert payload["key"] == "AuthorizationKey"
        return str(payload["value"])
    assert action == "SetVariables"
    (one,) = payload["setVariableData"]  # type: ignore[misc]
    assert (one["component"], one["variable"]) == ({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})  # type: ignore[index]
    return str(one["attributeValue"])  # type: ignore[index]


class Scene:
    def __init__(self, home: Place) -> None:
        self.home = home
        self.node: Node = home.nodes["n1"]
        self.desk = Desk(
            spine=self.node.spine,
            keys=KEYS,
            clock=self.node.clock,
            chance=SystemChance(),
            post=self.node.post,
        )

    @contextlib.asynccontextmanager
    async def connected(
        self,
        password: bytes | str = PASSWORD,
        answer: Answer = silent,
        *,
        version: str = V16,
        hang_up: bool = False,
    ) -> AsyncIterator[Socket]:
        shown = password.encode() if isinstance(password, str) else password
        basic = base64.b64encode(b"CP1:" + shown).decode()
        assert self.node.server is not None
        async with websockets.connect(
            f"ws://127.0.0.1:{self.node.server.port}/ocpp/CP1",
            subprotocols=[websockets.Subprotocol(version)],
            additional_headers={"Authorization": f"Basic {basic}"},
            close_timeout=0.2,
        ) as socket:
            station = Socket(socket, answer, hang_up)
            try:
                await station.beat()
                yield station
            finally:
                station.task.cancel()
        await until(lambda: not self.node.gateway.sockets())

    async def opens(self, password: bytes | str) -> bool:
        """Is this a password of the station? Its connection speaks, so that it counts as used."""
        try:
            async with self.connected(password):
                await asyncio.sleep(0.05)
                return True
        except websockets.InvalidStatus as refused:
            if refused.response.status_code != 401:
                raise
            return False

    async def change(self, **how: object) -> PasswordEnd | Refused:
        params = ChangePassword(station="CP1", **{"deadline_s": 1, **how})  # type: ignore[arg-type]
        try:
            return await change_password(self.desk, params)
        except Refused as refused:
            return refused

    async def row(self) -> Row:
        row = await self.node.spine.get(t.station, owner=str(CPO), station_id="CP1")
        assert row is not None
        return row

    async def steps(self) -> list[str]:
        recorded = await self.node.spine.facts(station_security_stream(CPO, "CP1"))
        return [one.fact.step.value for one in recorded if isinstance(one.fact, StationPasswordChanged)]

    def everything_kept(self) -> str:
        """All facts, records, findings and views, as text."""
        store = self.home.store
        return repr([store.streams, vars(store.tables), self.node.findings.noted, vars(self.node.findings)])


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with place() as home:
        scene = Scene(home)
        cpo = Party(CPO, (Role.CPO,), BusinessDetails("Els"), "SEK")
        await settle_parties(scene.node.spine, (cpo,))
        yield scene


@pytest.mark.parametrize("version", [V16, V201, V21])
async def test_an_accepted_password_is_the_only_one_from_then_on_a01_fr_03(
    scene: Scene, version: str
) -> None:
    async with scene.connected(version=version, answer=said("Accepted")) as station:
        end = await scene.change()
        assert isinstance(end, PasswordEnd), end
        assert (end.result, end.password) == ("changed", None)
        (new,) = station.told
    assert len(new) == 40
    assert len(bytes.fromhex(new)) == 20
    assert not await scene.opens(PASSWORD)
    assert await scene.opens(new)
    assert await scene.steps() == ["OFFERED", "ACCEPTED", "USED"]
    assert (await scene.row())["password_next_hash"] is None
    assert new not in scene.everything_kept()
    assert bytes.fromhex(new).hex() not in scene.everything_kept()


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        (V16, said("Rejected")),
        (V16, said("NotSupported")),
        (V16, failing("NotImplemented")),
        (V201, said("Rejected")),
        (V201, said("UnknownVariable")),
        (V21, said("NotSupportedAttributeType")),
    ],
)
async def test_a_refused_password_leaves_the_old_one_alone_a01_fr_04(
    scene: Scene, version: str, answer: Answer
) -> None:
    async with scene.connected(version=version, answer=answer) as station:
        refused = await scene.change()
        assert isinstance(refused, Refused)
        assert refused.refusal.kind is Kind.REFUSED
        assert "it keeps the one it has" in refused.refusal.says
        (new,) = station.told
    assert not await scene.opens(new)
    assert await scene.opens(PASSWORD)
    assert await scene.steps() == ["OFFERED", "REFUSED"]


@pytest.mark.parametrize("came_with", ["old", "new"])
@pytest.mark.parametrize(
    ("answer", "hang_up"),
    [(silent, False), (silent, True), (failing("InternalError"), False), (said("Odd"), False)],
    ids=["silence", "the line breaks", "an error that says nothing", "a word nobody knows"],
)
async def test_without_a_clear_answer_both_open_the_door_until_the_new_one_is_used_t5(
    scene: Scene, answer: Answer, hang_up: bool, came_with: str
) -> None:
    async with scene.connected(answer=answer, hang_up=hang_up) as station:
        refused = await scene.change()
        assert isinstance(refused, Refused)
        assert "both are taken" in refused.refusal.says
        (new,) = station.told
    source = f"station:{CPO}/CP1"
    assert scene.node.findings.unsaved(source, UNSETTLED) == 1
    if came_with == "old":
        # It may have the new one all the same, and take it up when it reboots: the old one proves nothing.
        assert await scene.opens(PASSWORD)
        assert scene.node.findings.unsaved(source, OLD_PASSWORD) == 1
        assert await scene.opens(PASSWORD)
    assert await scene.opens(bytes.fromhex(new))
    assert not await scene.opens(PASSWORD), "the new one was used"
    assert await scene.opens(bytes.fromhex(new))
    assert await scene.steps() == ["OFFERED", "USED"]


async def test_while_one_is_offered_the_same_is_told_again_so_there_are_never_three(scene: Scene) -> None:
    async with scene.connected(answer=silent) as station:
        await scene.change()
        await scene.change()
        assert len(set(station.told)) == 1
        assert len(station.told) == 2
    async with scene.connected(answer=said("Rejected")) as station:
        refused = await scene.change()
        assert isinstance(refused, Refused)
        assert "both are taken" in refused.refusal.says, "it may reject what it has taken before"
    new = station.told[0]
    async with scene.connected(answer=said("Accepted")) as station:
        assert isinstance(await scene.change(), PasswordEnd)
        assert station.told == [new]
    assert not await scene.opens(PASSWORD)
    assert await scene.opens(new)
    assert await scene.steps() == ["OFFERED", "ACCEPTED", "USED"]


async def test_a_station_that_must_reboot_first_may_come_with_either(scene: Scene) -> None:
    async with scene.connected(answer=said("RebootRequired")) as station:
        end = await scene.change()
        assert isinstance(end, PasswordEnd)
        assert end.result == "offered"
        (new,) = station.told
    assert await scene.opens(PASSWORD)
    assert await scene.opens(new)
    assert not await scene.opens(PASSWORD)


async def test_a_station_that_is_away_is_not_offered_anything(scene: Scene) -> None:
    refused = await scene.change()
    assert isinstance(refused, Refused)
    assert (refused.refusal.kind, await scene.steps()) == (Kind.UNREACHABLE, [])
    assert await scene.opens(PASSWORD)


async def test_by_hand_the_old_one_opens_until_the_new_one_is_used(scene: Scene) -> None:
    end = await scene.change(by_hand=True)
    assert isinstance(end, PasswordEnd)
    assert end.password is not None
    again = await scene.change(by_hand=True)
    assert isinstance(again, PasswordEnd)
    assert again.password == end.password
    await scene.node.gateway.roll.refresh()
    assert await scene.opens(PASSWORD)
    assert await scene.opens(end.password)
    assert not await scene.opens(PASSWORD)


async def test_one_that_was_accepted_and_not_used_is_not_followed_by_another(scene: Scene) -> None:
    """Else a third would be needed; by hand, whoever goes there has the last word."""
    async with scene.connected(answer=said("Accepted")) as station:
        await scene.change()
        refused = await scene.change()
        assert isinstance(refused, Refused)
        assert refused.refusal.kind is Kind.CONFLICT
        (lost,) = station.told
        end = await scene.change(by_hand=True)
        assert isinstance(end, PasswordEnd)
        assert end.password is not None
    await scene.node.gateway.roll.refresh()
    assert not await scene.opens(PASSWORD)
    assert await scene.opens(bytes.fromhex(lost))
    assert await scene.opens(end.password)
    assert not await scene.opens(bytes.fromhex(lost))


@pytest.mark.rule(7)
@pytest.mark.parametrize("shown", ["bytes", "text"])
async def test_a_new_password_is_kept_as_the_station_first_shows_it_rule_7(scene: Scene, shown: str) -> None:
    async with scene.connected(answer=said("Accepted")) as station:
        await scene.change()
        (new,) = station.told
    spellings: dict[str, bytes | str] = {"bytes": bytes.fromhex(new), "text": new}
    assert await scene.opens(spellings.pop(shown))
    assert not await scene.opens(spellings.popitem()[1])


@pytest.mark.rule(7)
@pytest.mark.parametrize("flagged", [True, False])
async def test_hexadecimal_text_is_a_password_of_stations_flagged_so_rule_7(
    scene: Scene, flagged: bool
) -> None:
    key = bytes(range(128, 148))
    row = {
        "owner": str(CPO),
        "station_id": "CP1",
        "password_hash": KEYS.station_hash("CP1", key),
        "document": msgspec.json.encode(Station(owner=CPO, id="CP1", hex_password=flagged)).decode(),
        "changed_at": scene.node.clock.now(),
    }
    await scene.node.spine.commit(Work(writes=(Put(t.station, row),)))
    await scene.node.gateway.roll.refresh()
    assert await scene.opens(key)
    assert await scene.opens(key.hex()) is flagged
    assert await scene.opens(key.hex().upper()) is flagged
    assert not await scene.opens(key.hex()[:-1] + "0")
    assert not await scene.opens(key.hex() + "zz")


async def test_the_command_is_a_fact_without_the_password(scene: Scene) -> None:
    async with scene.connected(answer=said("Accepted")):
        await scene.change()
    (requested,) = scene.home.log(CommandRequested)
    (answered,) = scene.home.log(CommandAnswered)
    assert isinstance(requested.fact, CommandRequested)
    assert (requested.fact.name, requested.fact.payload) == (CommandName.CHANGE_PASSWORD, None)
    assert isinstance(answered.fact, CommandAnswered)
    assert (answered.fact.detail, answered.fact.response) == ("Accepted", None)


async def test_a_change_that_nobody_was_offered_is_not_told(scene: Scene) -> None:
    async with scene.connected(answer=said("Accepted")) as station:
        ask = Command(command_id="C1", name=CommandName.CHANGE_PASSWORD, asked_by=CPO, deadline_s=1)
        done = await reach.command(scene.node.spine, scene.node.post, CPO, "CP1", ask, timeout_s=2)
        assert (done.result.value, station.told) == ("REJECTED", [])  # type: ignore[union-attr]
