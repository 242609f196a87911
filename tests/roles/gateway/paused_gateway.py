"""A gateway in a process of its own, for a test that stops the process. Prints the port of its sockets."""

from __future__ import annotations

import asyncio
import sys

from gateways import CPO, KEYS, Fallbacks
from shared_spine import SharedSpine

from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from nats_server import nats_post


async def main(spine_port: int, nats_url: str, node_id: str) -> None:
    clock, spine = SystemClock(), SharedSpine()
    await spine.connect(spine_port)
    async with nats_post(nats_url, node_id) as post:
        await post.announced()
        findings = Findings(spine, clock)  # type: ignore[arg-type]
        gateway = Gateway(spine, KEYS, clock, SystemChance(), Fallbacks(), findings, post, (CPO,), node_id)  # type: ignore[arg-type]
        await gateway.start()
        server = await serve_stations(gateway, host="127.0.0.1", port=0, clock=clock)
        print(server.port, flush=True)
        await asyncio.sleep(300)


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
