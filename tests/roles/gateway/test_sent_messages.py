"""What a station of 2.1 sends without waiting for an answer is kept as fast as the store takes it, and no faster."""

from __future__ import annotations

import asyncio
import json

import pytest
from gateways import Node, place
from test_robustness import Talker, talking, treated

from elstrada.model.admission import Admission, AdmittedBy, StationAdmission
from elstrada.roles.gateway.link import EARLY, MOST_SENT, TOO_FAST
from elstrada.spine import tables as t
from elstrada.spine.face import Work
from nats_server import until

AT = "2026-03-01T08:00:00Z"
STREAM: dict[str, object] = {"id": 1, "variableMonitoringId": 9, "params": {}}


async def told(station: Talker, value: int) -> None:
    """A value of the stream."""
    fields = {"id": 1, "pending": 0, "basetime": AT, "data": [{"t": 0, "v": str(value)}]}
    await station.socket.send(json.dumps([6, f"s{value}", "NotifyPeriodicEventStream", fields]))


def values_in(node: Node) -> list[str]:
    rows = [row for row in node.spine.store.tables.rows(t.station_item) if row["kind"] == "EVENT_STREAM"]
    return [value for row in rows for _, value in json.loads(str(row["document"])).get("latest", ())]


async def test_t12_values_that_come_faster_than_they_are_kept_are_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on = asyncio.Event()

    async def before(work: Work) -> None:
        if any(write.table is t.station_item for write in work.writes):
            await goes_on.wait()

    async with place() as scene:
        (node,) = scene.nodes.values()
        async with talking(node, "CP1", "ocpp2.1") as station:
            opened = await station.call("OpenPeriodicEventStream", constantStreamData=STREAM)
            assert opened[2] == {"status": "Accepted"}
            monkeypatch.setattr(node.spine, "_before", before)
            for value in range(MOST_SENT + 50):
                await told(station, value)
            try:
                await until(lambda: node.count(TOO_FAST) == 50)
            finally:
                goes_on.set()
            await until(lambda: str(MOST_SENT - 1) in values_in(node))
            await told(station, 1_000)
            await until(lambda: "1000" in values_in(node))
            assert str(MOST_SENT) not in values_in(node)


async def test_what_a_station_sends_before_it_is_accepted_is_not_kept() -> None:
    """B02.FR.02, B03.FR.03: it has no answer, so there is none to refuse it with."""
    held = StationAdmission(state=Admission.PENDING, by=AdmittedBy.OPERATOR)
    async with place() as scene:
        node = await treated(scene, admission=held)
        async with talking(node, "CP1", "ocpp2.1") as station:
            await station.call("OpenPeriodicEventStream", constantStreamData=STREAM)
            booted = await station.call(
                "BootNotification", reason="PowerUp", chargingStation={"vendorName": "V", "model": "M"}
            )
            assert booted[2]["status"] == "Pending"
            await told(station, 1)
            await until(lambda: node.count(EARLY) == 1)
            assert values_in(node) == []
