"""A station written on the PyPI package ``ocpp``, over real sockets: what was said is in the wire log."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import ocpp.v16
import ocpp.v201
import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from wire_book import SUFFIX

from elstrada.model import asks
from elstrada.model.answers import AskParty
from elstrada.model.device import CommandName, Station
from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.token import Verdict
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.station_card import SHOW, ShowStation, StationCard, show_station
from elstrada.roles.findings import Findings
from elstrada.roles.gateway import reach
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.roles.wirelog.keeping import LOST, WireKeeper
from elstrada.roles.wirelog.reading import Logged, Wanted, every
from elstrada.roles.wirelog.store import Bounds
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost

CPO = PartyId("SE", "ELS")
KEYS = derived_keys("test")
PASSWORD = "a-machine-made-password"
UID = "04A2B3C4D5E6F7"


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class House:
    """A gateway with a wire log, and readers."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.folder, self.spine = folder, MemorySpine(clock)
        self.findings, self.post = Findings(self.spine, clock), LocalPost()
        self.keeper = WireKeeper(folder, "n1", Bounds(), clock)
        self.gateway = Gateway(
            self.spine,
            KEYS,
            clock,
            SystemChance(),
            Fallbacks(),
            self.findings,
            self.post,
            (CPO,),
            "n1",
            wire_log=self.keeper.log,
        )
        self.port = 0

    def dial(self, station: str, protocol: str, password: str = PASSWORD) -> websockets.connect:
        basic = base64.b64encode(f"{station}:{password}".encode()).decode()
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/{station}",
            subprotocols=[websockets.Subprotocol(protocol)],
            additional_headers={"Authorization": f"Basic {basic}"},
        )

    async def read(self, station: str, **wanted: Any) -> list[Logged]:
        await self.settled()
        path = self.folder / f"n1{SUFFIX}"
        return list(every([path], Wanted(station_id=station, **wanted)))

    async def settled(self) -> None:
        until = time.monotonic() + 20
        while not self.keeper.writer.idle:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)

    async def card(self, station: str) -> StationCard:
        await self.settled()
        desk = Desk(
            spine=self.spine,
            keys=KEYS,
            clock=SystemClock(),
            chance=SystemChance(),
            wire_log_dir=self.folder,
        )
        return await show_station(desk, ShowStation(station=station))


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    home = House(folder)
    await home.spine.start()
    await settle_parties(home.spine, [Party(CPO, (Role.CPO,), BusinessDetails("Us"), "SEK")])
    await home.spine.commit(Work(writes=tuple(record(name) for name in ("ST16", "ST201"))))
    home.keeper.writer.start()
    await home.gateway.start()
    server = await serve_stations(home.gateway, host="127.0.0.1", port=0, clock=SystemClock())
    home.port = server.port
    try:
        yield home
    finally:
        await server.close()
        await home.gateway.stop()
        await home.keeper.stop()


def record(name: str) -> Put:
    return Put(
        t.station,
        {
            "owner": str(CPO),
            "station_id": name,
            "password_hash": KEYS.station_hash(name, PASSWORD.encode()),
            "document": msgspec.json.encode(Station(owner=CPO, id=name)).decode(),
            "changed_at": datetime.now(UTC),
        },
    )


class Station16(ocpp.v16.ChargePoint):
    @on("Reset")
    def reset(self, type: str) -> result16.Reset:
        return result16.Reset(status="Accepted")


@contextlib.asynccontextmanager
async def running(station: ocpp.v16.ChargePoint | ocpp.v201.ChargePoint) -> AsyncIterator[None]:
    task = asyncio.create_task(station.start())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
            await task


async def talk16(home: House) -> None:
    async with home.dial("ST16", "ocpp1.6") as socket:
        station = Station16("ST16", socket)
        async with running(station):
            await station.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
            await station.call(call16.Heartbeat())
            await station.call(
                call16.StatusNotification(
                    connector_id=1,
                    error_code="NoError",
                    status="Available",
                    timestamp=datetime.now(UTC).isoformat(),
                )
            )
            await station.call(call16.Authorize(id_tag=UID))
            reset = asks.Command(command_id="k1", name=CommandName.RESET, asked_by=CPO)
            await reach.command(home.spine, home.post, CPO, "ST16", reset, timeout_s=5)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.rule(35)
async def test_every_frame_of_both_directions_is_there_and_paired(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await talk16(home)
        logged = await home.read("ST16")
        assert [(one.kind, one.action) for one in logged] == [
            ("opened", None),
            ("call", "BootNotification"),
            ("call", "Heartbeat"),
            ("call", "StatusNotification"),
            ("call", "Authorize"),
            ("call", "Reset"),
            ("closed", None),
        ]
        calls = [one for one in logged if one.kind == "call"]
        assert [one.outcome for one in calls] == ["answered"] * 5
        assert [one.direction for one in calls] == ["from station"] * 4 + ["to station"]
        assert calls[0].answer is not None
        assert calls[0].answer.outcome == "Accepted"
        assert {one.protocol for one in logged} == {"ocpp1.6"}


@pytest.mark.rule(35)
async def test_neither_the_password_nor_a_whole_uid_reaches_the_disk(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await talk16(home)
        async with home.dial("ST201", "ocpp2.0.1") as socket:
            station = ocpp.v201.ChargePoint("ST201", socket)
            async with running(station):
                await station.call(
                    call201.BootNotification(
                        charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp"
                    )
                )
                await station.call(call201.Authorize(id_token={"idToken": UID, "type": "ISO14443"}))
        with pytest.raises(websockets.InvalidStatus):
            await home.dial("ST16", "ocpp1.6", "a-wrong-password").__aenter__()
        await home.settled()
    lying = on_disk(tmp_path)
    assert b"Authorize" in lying
    basic = base64.b64encode(f"ST16:{PASSWORD}".encode())
    for secret in (UID.encode(), PASSWORD.encode(), b"a-wrong-password", basic):
        assert secret.lower() not in lying.lower()


@pytest.mark.rule(6)
async def test_a_refused_handshake_is_in_the_station_s_log_with_its_reason(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        with pytest.raises(websockets.InvalidStatus):
            await home.dial("ST16", "ocpp1.6", "a-wrong-password").__aenter__()
        with contextlib.suppress(websockets.WebSocketException):
            await home.dial("ST16", "ocpp0.1").__aenter__()
        told = [(one.kind, one.outcome, one.text) for one in await home.read("ST16")]
        assert told == [
            ("refused", "401", "wrong password, from 127.0.0.1"),
            ("refused", "101", "no common subprotocol: ocpp0.1 offered, from 127.0.0.1"),
        ]


async def test_the_card_of_a_station_tells_of_its_connections(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await talk16(home)
        card = await home.card("ST16")
        assert (card.vendor, card.model, card.connected) == ("V", "M", False)
        assert [(one.connector_id, one.status) for one in card.connectors] == [(1, "Available")]
        (connected,) = card.connections
        assert (connected.node, connected.remote, connected.security) == ("n1", "127.0.0.1", "plain")
        assert (connected.received, connected.sent) == (5, 5)
        assert connected.ended.startswith("1000 a regular end")
        assert connected.heartbeat_at is not None
        assert connected.clock_ahead_s == pytest.approx(0, abs=5)
        assert connected.answer_ms is not None
        assert connected.reply_ms is not None
        assert SHOW.show is not None
        shown = SHOW.show(card)
        for word in ("V M", "away since", "connector  1/1  Available", "127.0.0.1", "clock", "it answers in"):
            assert word in shown
        never = await home.card("ST201")
        assert (never.connections, never.wire_log) == ((), "")
        assert "never connected" in SHOW.show(never)


async def test_a_store_that_cannot_be_written_costs_lines_and_no_answer_and_the_operator_hears(
    tmp_path: Path,
) -> None:
    (tmp_path / "wire").write_text("a file where the folder should be")
    async with house(tmp_path / "wire") as home:
        await talk16(home)
        await home.settled()
        assert home.keeper.lost >= 12
        metrics = {metric.name: metric for metric in home.keeper.gather()}
        lines = {each.labels["outcome"]: each.value for each in metrics["elstrada_wire_log_lines"].samples}
        assert lines["lost"] >= 12
        assert lines["written"] == 0
        assert metrics["elstrada_wire_log_healthy"].samples[0].value == 0
        watching = asyncio.create_task(home.keeper.watch(home.findings, every_s=0.01))
        await asyncio.sleep(0.1)
        watching.cancel()
        assert home.findings.unsaved("node:n1", LOST) == 1
