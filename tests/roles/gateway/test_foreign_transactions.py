"""A station cannot touch another's session, whatever transaction it names (T8; CVE-2026-28230, CVE-2024-25407)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from gateways import CPO, PASSWORD, Place, place

from elstrada.model import facts as f
from elstrada.model.ids import station_stream
from elstrada.roles.gateway.namesakes import FOREIGN, USED_AGAIN
from elstrada.spine import tables as t
from nats_server import until

V16, V201 = "ocpp1.6", "ocpp2.0.1"
AT, LATER = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"
NEIGHBOURS = 200
"""Numbers on either side of the one that is guessed."""


class Station:
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket, self._number = socket, 0

    async def call(self, action: str, **payload: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send(json.dumps([2, f"m{self._number}", action, payload]))
        kind, message_id, answer = json.loads(await asyncio.wait_for(self._socket.recv(), 5))
        assert (kind, message_id) == (3, f"m{self._number}"), "never an error: the station would discard it"
        return answer

    async def event(self, kind: str, transaction_id: str, at: str, seq_no: int, wh: int) -> dict[str, Any]:
        return await self.call(
            "TransactionEvent",
            eventType=kind,
            timestamp=at,
            triggerReason="MeterValuePeriodic",
            seqNo=seq_no,
            transactionInfo={"transactionId": transaction_id},
            evse={"id": 1, "connectorId": 1},
            meterValue=[{"timestamp": at, "sampledValue": [{"value": wh}]}],
        )


@contextlib.asynccontextmanager
async def station(home: Place, name: str, version: str) -> AsyncIterator[Station]:
    basic = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    server = home.nodes["n1"].server
    assert server is not None
    async with websockets.connect(
        f"ws://127.0.0.1:{server.port}/ocpp/{name}",
        subprotocols=[websockets.Subprotocol(version)],
        additional_headers={"Authorization": f"Basic {basic}"},
        close_timeout=0.2,
    ) as socket:
        yield Station(socket)


@pytest.fixture
async def home() -> AsyncIterator[Place]:
    async with place(stations=("CP1", "CP2")) as made:
        yield made


def said_of(home: Place, name: str) -> list[f.Fact]:
    return [one.fact for one in home.store.streams.get(station_stream(CPO, name), [])]


async def session_of(home: Place, name: str) -> list[dict[str, object]]:
    rows = await home.nodes["n1"].spine.find(t.session, {"owner": str(CPO), "station_id": name})
    return [dict(row) for row in rows]


async def test_1_6_a_guessed_number_stops_and_moves_nothing(home: Place) -> None:
    async with station(home, "CP1", V16) as victim, station(home, "CP2", V16) as thief:
        begun = await victim.call("StartTransaction", connectorId=1, idTag="CARD", meterStart=0, timestamp=AT)
        number = begun["transactionId"]
        facts, rows = said_of(home, "CP1"), await session_of(home, "CP1")
        assert len(rows) == 1
        for guess in range(max(number - NEIGHBOURS, 1), min(number + NEIGHBOURS, 2**31 - 1)):
            value = [{"timestamp": LATER, "sampledValue": [{"value": "99000"}]}]
            await thief.call("MeterValues", connectorId=1, transactionId=guess, meterValue=value)
            answer = await thief.call(
                "StopTransaction", transactionId=guess, meterStop=99_000, timestamp=LATER, idTag="THIEF"
            )
            assert "transactionId" not in answer
        assert said_of(home, "CP1") == facts
        assert await session_of(home, "CP1") == rows
        strays = {one.transaction_id for one in said_of(home, "CP2") if isinstance(one, f.StrayReported)}
        assert str(number) in strays, "it is kept for review, at the station that sent it"
        assert await session_of(home, "CP2") == []
        ended = await victim.call("StopTransaction", transactionId=number, meterStop=1000, timestamp=LATER)
        assert isinstance(ended, dict)
    (row,) = await session_of(home, "CP1")
    assert row["energy_wh"] == 1000


async def test_2_x_another_stations_transaction_of_the_same_name_is_another_session(home: Place) -> None:
    async with station(home, "CP1", V201) as victim, station(home, "CP2", V201) as thief:
        await victim.event("Started", "TX-1", AT, 0, 0)
        facts, rows = said_of(home, "CP1"), await session_of(home, "CP1")
        await thief.event("Updated", "TX-1", LATER, 1, 99_000)
        await thief.event("Ended", "TX-1", LATER, 2, 99_000)
        assert said_of(home, "CP1") == facts
        assert await session_of(home, "CP1") == rows
        (theirs,) = await session_of(home, "CP2")
        assert theirs["session_id"] != rows[0]["session_id"]
        await victim.event("Ended", "TX-1", LATER, 1, 1000)
    (row,) = await session_of(home, "CP1")
    assert row["energy_wh"] == 1000


def noted(home: Place, name: str, code: str) -> int:
    return home.nodes["n1"].findings.unsaved(f"station:{CPO}/{name}", code)


async def test_1_6_who_names_anothers_transaction_is_said(home: Place) -> None:
    async with station(home, "CP1", V16) as victim, station(home, "CP2", V16) as thief:
        begun = await victim.call("StartTransaction", connectorId=1, idTag="CARD", meterStart=0, timestamp=AT)
        stop = {"meterStop": 99_000, "timestamp": LATER}
        await thief.call("StopTransaction", transactionId=-1, **stop)
        await thief.call("StopTransaction", transactionId=begun["transactionId"], **stop)
        await until(lambda: noted(home, "CP2", FOREIGN) == 1)
        assert noted(home, "CP1", FOREIGN) == 0, "it is the victim"


async def test_2_x_who_names_anothers_transaction_is_said_and_who_counts_from_one_is_not(home: Place) -> None:
    async with station(home, "CP1", V201) as victim, station(home, "CP2", V201) as other:
        await victim.event("Started", "1", AT, 0, 0)
        await other.event("Started", "1", AT, 0, 0)
        await other.event("Updated", "1", LATER, 1, 500)
        await victim.event("Started", "2", LATER, 0, 0)
        await other.event("Updated", "2", LATER, 1, 500)
        await until(lambda: noted(home, "CP2", FOREIGN) == 1)
        assert noted(home, "CP1", FOREIGN) == 0


async def test_2_x_a_station_that_uses_a_transactions_name_again_is_said(home: Place) -> None:
    async with station(home, "CP1", V201) as one:
        for at, wh in ((AT, 0), (AT, 0), (LATER, 900)):
            await one.event("Started", "1", at, 0, wh)
            await one.event("Ended", "1", at, 1, wh)
        await until(lambda: noted(home, "CP1", USED_AGAIN) == 1)
        assert len(await session_of(home, "CP1")) == 2, "the start that came again is none"
