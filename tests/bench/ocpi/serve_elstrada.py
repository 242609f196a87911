"""Our office of OCPI behind our HTTP server, as a node has it, with a peer that is registered.

Arguments: a file with what it has, the token it is shown, and where it stores: ``memory`` or a file.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from documents import OWN, PEER

from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract
from elstrada.model.party import BusinessDetails, Party, PartyRole, Peer, PeerState, Role
from elstrada.net.chance import SystemChance
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.egress import EgressRules
from elstrada.net.http import Mount, listen, nowhere, serve_http
from elstrada.ocpi.body import shape
from elstrada.ocpi.versions import LANGUAGES, PREFIX
from elstrada.roles.findings import Findings
from elstrada.roles.keys import derived_keys
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Secrets
from elstrada.roles.roaming.rows import location_row, token_row
from elstrada.roles.roaming.wiring import Roaming, wire
from elstrada.roles.serve import settle
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from elstrada.spine.sqlite import SqliteSpine

ELS, RET = PartyId(*OWN), PartyId(*PEER)
WORDS = LANGUAGES["2.2.1"]
BOTH = (Role.CPO, Role.EMSP)


async def serve(has: dict[str, Any], token: str, store: str) -> None:
    clock = SystemClock()
    spine: Spine = MemorySpine(clock) if store == "memory" else SqliteSpine(Path(store), clock)
    await spine.start()
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    means = Means(
        spine=spine,
        clock=clock,
        chance=SystemChance(),
        keys=derived_keys("bench"),
        http=GuardedClient(EgressRules()),
        findings=Findings(spine, clock),
        public_url=url,
    )
    roaming = wire(means, LocalPost())
    await spine.commit(Work(writes=tuple(_records(has, means))))
    await _register(roaming, means, token)
    findings = means.findings
    server = await serve_http(
        [Mount(PREFIX, roaming.office)], nowhere, listening, strayed=findings.note_caller
    )
    settle()
    print(server.port, flush=True)
    await findings.run(1.0)


def _records(has: dict[str, Any], means: Means) -> list[Put]:
    """What a party has of its own: itself, its locations, its tokens and their contracts."""
    own = Party(ELS, BOTH, BusinessDetails("Norra Laddnätet"), "SEK")
    puts = [Put(t.party, {"party": str(ELS), "document": _text(own)})]
    for document in has["locations"]:
        location = WORDS.location.read(shape(document, WORDS.location.wire)).value
        puts.append(Put(t.location, location_row(ELS, location, "own")))
    for document in has["tokens"]:
        token = WORDS.token.read(shape(document, WORDS.token.wire)).value
        puts.append(Put(t.token, token_row(ELS, token, means.keys.token_ref(token.uid))))
        contract = Contract(
            id=token.contract_id,
            owner=ELS,
            customer_id="C",
            plan_id="P",
            supply_point_id="S",
            valid_from=date(2026, 1, 1),
        )
        row = {
            "owner": str(ELS),
            "contract_id": contract.id,
            "customer_id": "C",
            "document": _text(contract),
        }
        puts.append(Put(t.contract, row))
    return puts


async def _register(roaming: Roaming, means: Means, token: str) -> None:
    peer = Peer(
        owner=ELS,
        id="ret",
        state=PeerState.ACTIVE,
        version="2.2.1",
        roles=tuple(PartyRole(RET, role, BusinessDetails("Ret")) for role in BOTH),
        changed_at=means.clock.now(),
    )
    await roaming.peers.write(peer, Secrets(token_in=token), before=None)


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    objects, shown, stored = sys.argv[1:4]
    uvloop.run(serve(json.loads(Path(objects).read_text()), shown, stored))
