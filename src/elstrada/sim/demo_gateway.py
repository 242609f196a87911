"""One gateway of the demo on many nodes, as a process of its own; ends when its standard input does.

python -m elstrada.sim.demo_gateway < order.json
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import msgspec
import uvloop
from pydantic import SecretStr

from elstrada.config import Config
from elstrada.model.node import Part
from elstrada.net.chance import SeededChance
from elstrada.net.clock import SystemClock
from elstrada.roles.engines import Engines
from elstrada.roles.ground import Ground
from elstrada.roles.house import House
from elstrada.roles.keys import load_keys
from elstrada.roles.serve import settle
from elstrada.settings import DatabaseSection, HealthSection, LimitsSection, NatsSection, StationsSection
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_engines import GatewayOrder
from elstrada.sim.demo_network import EPOCH, PARTIES


async def _serve(order: GatewayOrder) -> None:
    folder = Path(order.folder)
    config = Config(
        data_dir=folder / order.name,
        roles=(Part.GATEWAY,),
        database=DatabaseSection(url=SecretStr(order.database_url)),
        nats=NatsSection(url=SecretStr(order.nats_url)),
        stations=StationsSection(port=0),
        health=HealthSection(port=0),
        limits=LimitsSection(lame_duck_s=0),
    )
    clock = SimClock(EPOCH, order.speed, order.began)
    chance = SeededChance(f"demo/{order.seed}/{order.name}")
    engines = Engines(config, clock, chance, order.name)
    await engines.start()
    ground = Ground(
        spine=engines.spine,
        post=engines.post,
        keys=load_keys(folder / "keys.json"),
        clock=clock,
        wall=SystemClock(),
        chance=chance,
        node=order.name,
        transport=engines.amiss,
        tallies=engines.tallies,
    )
    house = House(config, PARTIES, ground)
    try:
        await house.open()
        settle()
        print(house.stations_url, flush=True)  # noqa: T201  To the demo that started it.
        await asyncio.to_thread(sys.stdin.buffer.read)
        await house.close()
    finally:
        await engines.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(_serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=GatewayOrder)))
