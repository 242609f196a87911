"""Our gateway on its store, with stations and a trusted card on the roll."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop
from shared import PASSWORD, TOKEN, names

from elstrada.model.answers import AskParty
from elstrada.model.device import Station
from elstrada.model.ids import PartyId
from elstrada.model.token import Token, Verdict, Whitelist
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import Keys, derived_keys
from elstrada.roles.serve import settle
from elstrada.roles.wirelog.keeping import WireKeeper
from elstrada.roles.wirelog.store import Bounds
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, Work
from elstrada.spine.post import LocalPost
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.sqlite import SqliteSpine

OWNER, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")


class NoPeers:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


async def serve(store: str, stations: int, node: str, *, logged: bool) -> None:
    keys, clock = derived_keys("bench"), SystemClock()
    on_postgres = store.startswith("postgresql://")
    spine: Spine = PostgresSpine(store, clock) if on_postgres else SqliteSpine(Path(store), clock)
    await spine.start()
    await spine.commit(Work(writes=(*_stations(keys, stations), _token(keys))))
    findings = Findings(spine, clock)
    wire = WireKeeper(Path(store).parent, node, Bounds(), clock) if logged else None
    gateway = Gateway(
        *(spine, keys, clock, SystemChance(), NoPeers(), findings, LocalPost(), (OWNER,), node),
        wire_log=wire and wire.log,
    )
    if wire is not None:
        wire.writer.start()
    await gateway.start()
    server = await serve_stations(gateway, host="127.0.0.1", port=0, clock=clock)
    settle()
    print(server.port, flush=True)
    await asyncio.Event().wait()


def _stations(keys: Keys, stations: int) -> list[Put]:
    return [
        Put(
            t.station,
            {
                "owner": str(OWNER),
                "station_id": name,
                "password_hash": keys.station_hash(name, PASSWORD.encode()),
                "document": msgspec.json.encode(Station(owner=OWNER, id=name)).decode(),
                "changed_at": datetime.now(UTC),
            },
        )
        for name in names(stations)
    ]


def _token(keys: Keys) -> Put:
    token = Token(
        party=EMSP,
        uid=TOKEN,
        contract_id="C",
        issuer="I",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=datetime.now(UTC),
    )
    return Put(
        t.token,
        {
            "owner": str(OWNER),
            "party": str(EMSP),
            "uid": TOKEN,
            "type": "RFID",
            "ref": keys.token_ref(TOKEN),
            "contract_id": "C",
            "document": msgspec.json.encode(token).decode(),
            "last_updated": token.last_updated,
        },
    )


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("--store", required=True, help="a file, or postgresql://...")
    words.add_argument("--stations", type=int, required=True)
    words.add_argument("--node", default="bench")
    words.add_argument("--wire-log", action="store_true", help="beside the store")
    given = words.parse_args()
    uvloop.run(serve(given.store, given.stations, given.node, logged=given.wire_log))
