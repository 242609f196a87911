"""A station of 2.1 that prices by a tariff of ours is given the one that takes its place (I07)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from gateways import CPO, NOW, Node, place
from test_robustness import Talker, talking

from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.settling import SettleRules
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement
from elstrada.ocpp.v21.tariff import to_wire
from elstrada.roles.gateway.station_tariffs import OLD_TARIFF
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work


def tariff(price: str, day: int = 0, step_size: int = 1) -> Tariff:
    energy = PriceComponent(Dimension.ENERGY, Decimal(price), Decimal(25), step_size)
    at = NOW + timedelta(days=day)
    return Tariff(party=CPO, id="T7", currency="SEK", elements=(TariffElement((energy,)),), last_updated=at)


def name_of(one: Tariff) -> str:
    return to_wire(one, silence_is_no_tax=False).value.tariff_id


OLD, NEW = tariff("4.00"), tariff("5.00", 1)


class Scene:
    def __init__(self, node: Node, station: Talker) -> None:
        self.node, self.station = node, station

    async def put(self, one: Tariff) -> None:
        """As ``tariff put`` does."""
        key = {"owner": str(CPO), "party": str(CPO), "tariff_id": one.id}
        row = {**key, "document": msgspec.json.encode(one).decode(), "last_updated": one.last_updated}
        await self.node.spine.commit(Work(writes=(Put(t.tariff, row),)))

    async def called(self, status: str = "Accepted") -> list[tuple[str, Any]]:
        """What the station is called with because of one look; it answers each with this status."""
        await self.node.gateway.station_tariffs.look()
        calls: list[tuple[str, Any]] = []
        try:
            async with asyncio.timeout(0.5):
                while True:
                    _, message_id, action, fields = json.loads(await self.station.socket.recv())
                    calls.append((action, fields))
                    answer = {"status": "NoTariff" if action == "GetTariffs" else status}
                    await self.station.socket.send(json.dumps([3, message_id, answer]))
        except TimeoutError:
            return calls


@asynccontextmanager
async def scene(*evse_ids: int) -> AsyncIterator[Scene]:
    """A station that has the old tariff, at these EVSEs or all of them."""
    async with place() as home:
        (node,) = home.nodes.values()
        node.gateway.settle_rules = SettleRules(quiet_s=0)
        has: dict[str, object] = {"tariffId": name_of(OLD), "tariffKind": "DefaultTariff"}
        if evse_ids:
            has["evseIds"] = evse_ids
        item = Item(ItemKind.TARIFF, name_of(OLD), json.dumps(has))
        await node.gateway.mirror.take(CPO, "CP1", Learned(items=(item,)))
        async with talking(node, "CP1", "ocpp2.1") as station:
            await station.call("Heartbeat")
            here = Scene(node, station)
            await here.put(OLD)
            yield here


async def test_a_station_is_given_the_tariff_that_takes_the_place_of_the_one_it_has() -> None:
    async with scene() as here:
        assert await here.called() == [], "it has the one that counts"
        await here.put(NEW)
        (action, fields), last = await here.called()
        assert (action, fields["evseId"], fields["tariff"]["tariffId"]) == (
            "SetDefaultTariff",
            0,
            name_of(NEW),
        )
        assert fields["tariff"]["energy"]["prices"][0]["priceKwh"] == 5
        assert last == ("GetTariffs", {"evseId": 0})
        assert await here.called() == [], "it is given once"


async def test_at_the_evses_at_which_it_had_the_old_one() -> None:
    async with scene(1, 3) as here:
        await here.put(NEW)
        calls = await here.called()
        assert [(action, fields["evseId"]) for action, fields in calls] == [
            ("SetDefaultTariff", 1),
            ("SetDefaultTariff", 3),
            ("GetTariffs", 0),
        ]


async def test_one_by_which_it_would_come_to_other_prices_is_not_given_and_said() -> None:
    async with scene() as here:
        await here.put(tariff("5.00", 1, step_size=500))
        assert await here.called() == []
        assert here.node.count(OLD_TARIFF) == 1


async def test_a_station_that_does_not_take_it_is_asked_once_and_it_is_said() -> None:
    async with scene() as here:
        await here.put(NEW)
        assert [action for action, _ in await here.called("Rejected")] == ["SetDefaultTariff"]
        assert here.node.count(OLD_TARIFF) == 1
        assert await here.called() == []
