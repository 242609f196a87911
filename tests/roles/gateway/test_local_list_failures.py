"""A station that does not take its local list is left in peace, over real sockets, until an operator says otherwise."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import websockets
from gateways import CPO, KEYS, Fallbacks

from elstrada.charging.locallist import LONGEST_PAUSE, pause
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.waits import Looks
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.desk.face import Desk, Refusal
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.gateway.locallists import NOT_TAKEN
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from nats_server import until

LOOK_S, SETTLED_S = 0.05, 0.4
"""Between looks of the gateway, which are less frequent where nobody waits; and longer than several of them."""
STATION = f"station:{CPO}/CP1"


class MovedClock(SystemClock):
    """The time, and what a test puts to it."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Fixed(SystemChance):
    """Chance without spread, so that each pause is the longest of its kind."""

    def spread(self) -> float:
        return 1.0


class Station:
    """An OCPP 1.6 station that says of its list what a test tells it to say."""

    def __init__(self) -> None:
        self.version, self.says = 0, "Failed"
        self.asked: list[str] = []

    @property
    def lists(self) -> int:
        return self.asked.count("SendLocalList")

    async def run(self, socket: websockets.ClientConnection) -> None:
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in socket:
                match json.loads(frame):
                    case [2, message_id, action, payload]:
                        self.asked.append(action)
                        await socket.send(json.dumps([3, message_id, self.answer(action, payload)]))

    def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        match action:
            case "GetLocalListVersion":
                return {"listVersion": self.version}
            case "SendLocalList":
                if self.says == "Accepted":
                    self.version = payload["listVersion"]
                return {"status": self.says}
            case _:
                return {"configurationKey": [], "unknownKey": []}


class Place:
    def __init__(self) -> None:
        self.clock = MovedClock()
        self.spine, post = MemorySpine(self.clock), LocalPost()
        self.findings = Findings(self.spine, self.clock)
        self.gateway = Gateway(
            self.spine,
            KEYS,
            self.clock,
            Fixed(),
            Fallbacks(),
            self.findings,
            post,
            (CPO,),
            looks=Looks(lists_s=LOOK_S),
        )
        self.desk = Desk(spine=self.spine, keys=KEYS, clock=self.clock, chance=SystemChance(), post=post)
        self.port: int | None = None
        self.station, self.password = Station(), ""
        self.cards = 0

    async def done(self, name: str, /, **values: object) -> Any:
        verb = verb_named(name)
        assert verb is not None
        params = params_of(verb, values)
        return params if isinstance(params, Refusal) else await perform(self.desk, verb, params)

    async def card(self) -> None:
        """A token more, which would be news for the list."""
        self.cards += 1
        added = await self.done("token add", uid=f"CARD{self.cards}", contract="C1")
        assert not isinstance(added, Refusal), added

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        basic = base64.b64encode(f"CP1:{self.password}".encode()).decode()
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/CP1",
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {basic}"},
        ) as socket:
            running = asyncio.create_task(self.station.run(socket))
            yield
            running.cancel()

    @property
    def tries(self) -> int:
        """Those that came to nothing."""
        return self.findings.unsaved(STATION, NOT_TAKEN)

    async def state(self) -> str:
        row = await self.spine.get(t.local_list, owner=str(CPO), station_id="CP1")
        return str(row["state"]) if row else ""


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.spine.start()
    await settle_parties(place.spine, [Party(CPO, (Role.CPO, Role.EMSP), BusinessDetails("Us"), "SEK")])
    for name, values in (
        ("customer put", {"id": "K1", "name": "Anna Ek"}),
        ("plan put", {"id": "P1", "name": "El", "mode": "FIXED_PER_KWH", "price_per_kwh": "3.20"}),
        ("contract put", {"id": "C1", "customer": "K1", "plan": "P1", "supply_point": "735999"}),
    ):
        assert not isinstance(await place.done(name, **values), Refusal)
    await place.card()
    place.password = (await place.done("station add", station="CP1")).password
    await place.done("station whitelist", station="CP1", tokens="ALL")
    await place.gateway.start()
    server = await serve_stations(place.gateway, host="127.0.0.1", port=0, clock=place.clock)
    place.port = server.port
    yield place
    await server.close(per_second=10_000)
    await place.gateway.stop()


@pytest.mark.parametrize("says", ["Failed", "NotSupported", "VersionMismatch"])
async def test_a_list_that_is_not_taken_is_sent_ever_more_rarely_whatever_becomes_of_the_tokens(
    place: Place, says: str
) -> None:
    station, first_s = place.station, 3600 if says == "NotSupported" else 30
    station.says = says
    async with place.connected():
        await until(lambda: place.tries == 1, 5)
        for _ in range(3):
            await place.card()
            await asyncio.sleep(SETTLED_S / 2)
        assert station.lists == 1, "news is no reason"
        for tries, wait_s in ((2, first_s), (3, 2 * first_s), (4, 4 * first_s)):
            place.clock.ahead += timedelta(seconds=wait_s - 10)
            await asyncio.sleep(SETTLED_S)
            assert station.lists == tries - 1, "not yet"
            place.clock.ahead += timedelta(seconds=11)
            # Not before the gateway knows of it: to move its clock meanwhile would be a timeout.
            await until(lambda tries=tries: place.tries == tries, 5)
            assert station.lists == tries
        assert await place.state() == ("NOT_SUPPORTED" if says == "NotSupported" else "FAILED")


async def test_a_new_connection_is_no_reason_and_an_operators_word_is(place: Place) -> None:
    station = place.station
    async with place.connected():
        await until(lambda: place.tries == 1, 5)
    for _ in range(2):
        async with place.connected():
            await asyncio.sleep(SETTLED_S)
    assert station.lists == 1
    assert station.asked.count("GetLocalListVersion") == 1, "it is not asked for anything"
    async with place.connected():
        said = await place.done("station whitelist", station="CP1", sync=True)
        assert isinstance(said, Refusal)
        assert "SendLocalList" in said.says or "message 1 of 1" in said.says
        assert station.lists == 2
        station.says = "Accepted"
        said = await place.done("station whitelist", station="CP1", full=True)
        assert (said.state, said.entries) == ("IN_STEP", 1)
        await place.card()
        await until(lambda: station.lists == 4, 5)
        assert place.tries == 2, "and then all is as it was"


async def test_a_station_that_broke_off_is_seen_to_at_its_next_connection(place: Place) -> None:
    station = place.station
    station.says, silent = "Accepted", asyncio.Event()
    answer = station.answer

    def breaks_off(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "SendLocalList" and not silent.is_set():
            silent.set()
            raise websockets.ConnectionClosedError(None, None)
        return answer(action, payload)

    station.answer = breaks_off  # type: ignore[method-assign]
    async with place.connected():
        await asyncio.wait_for(silent.wait(), 5)
    async with place.connected():
        await until(lambda: station.version > 0, 5)


@pytest.mark.parametrize(
    "limit", [{"currency": "SEK", "top_up": "50"}, {"currency": "SEK", "most_cost": "20"}]
)
async def test_a_token_with_a_limit_is_judged_by_us_alone(place: Place, limit: dict[str, str]) -> None:
    station = place.station
    station.says = "Accepted"
    sent = list[tuple[str, bool]]()
    answer = station.answer

    def notes(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "SendLocalList":
            for entry in payload.get("localAuthorizationList", ()):
                sent.append((entry["idTag"], "idTagInfo" in entry))
        return answer(action, payload)

    station.answer = notes  # type: ignore[method-assign]
    async with place.connected():
        await until(lambda: ("CARD1", True) in sent, 5)
        assert not isinstance(await place.done("token limit", uid="CARD1", **limit), Refusal)
        await until(lambda: ("CARD1", False) in sent, 5)
        assert not isinstance(await place.done("token limit", uid="CARD1", remove=True), Refusal)
        await until(lambda: sent[-1] == ("CARD1", True), 5)
        await place.done("token tariff", uid="CARD1")
        assert (await place.done("station whitelist", station="CP1", full=True)).entries == 1


def test_pauses_grow_to_hours_and_no_two_stations_come_at_once() -> None:
    for unable in (False, True):
        pauses = [pause(n, 1.0, unable=unable) for n in range(1, 60)]
        assert pauses == sorted(pauses)
        assert pauses[-1] == LONGEST_PAUSE >= timedelta(hours=2)
        assert pause(5, 0.0, unable=unable) * 2 == pause(5, 1.0, unable=unable)
    assert pause(1, 0.0, unable=False) >= timedelta(seconds=15)
