"""Two nodes as processes of their own, each on SQLite: one has locations, the other pulls them all.

Arguments: ``fill FILE COUNT``, ``serve FILE``, ``pull FILE URL``. The last prints a line of JSON: what was kept,
and after each page the seconds since the start and the processor's.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import uvloop

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, Party, PartyRole, Peer, PeerEndpoint, PeerState, Role
from elstrada.net.chance import SystemChance
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.egress import EgressRules
from elstrada.net.http import Mount, listen, nowhere, serve_http
from elstrada.ocpi.versions import PREFIX
from elstrada.roles.findings import Findings
from elstrada.roles.keys import derived_keys
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Secrets
from elstrada.roles.roaming.rows import location_row
from elstrada.roles.roaming.stock import OWN
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.post import LocalPost
from elstrada.spine.sqlite import SqliteSpine

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
TOKEN = "pull-" + "t" * 32
EVSES = 3
_BEGUN = datetime(2026, 2, 3, 12, tzinfo=UTC)
_BATCH = 1_000


def location(number: int) -> Location:
    at = _BEGUN + timedelta(seconds=number)
    connectors = tuple(
        Connector(
            id=name,
            standard="IEC_62196_T2_COMBO",
            format="CABLE",
            power_type="DC",
            max_voltage=920,
            max_amperage=200,
            tariff_ids=("T1",),
            last_updated=at,
        )
        for name in ("1", "2")
    )
    evses = tuple(
        Evse(
            uid=f"E{number:06}-{each}",
            evse_id=f"SE*ELS*E{number:06}*{each}",
            status=EvseStatus.AVAILABLE,
            connectors=connectors,
            last_updated=at,
        )
        for each in range(EVSES)
    )
    return Location(
        party=ELS,
        id=f"L{number:06}",
        name=f"Norra torget {number}",
        address=f"Norra torget {number}",
        city="Umeå",
        country="SWE",
        coordinates=GeoLocation("63.825848", "20.263035"),
        evses=evses,
        time_zone="Europe/Stockholm",
        last_updated=at,
    )


async def fill(path: str, count: int) -> None:
    """A database of a party with so many locations."""
    spine = await _opened(path)
    own = Party(ELS, (Role.CPO,), BusinessDetails("Elstrada"))
    await spine.commit(Work(writes=(Put(t.party, {"party": str(ELS), "document": _text(own)}),)))
    for first in range(0, count, _BATCH):
        made = map(location, range(first, min(first + _BATCH, count)))
        await spine.commit(Work(writes=tuple(Put(t.location, location_row(ELS, each, OWN)) for each in made)))
    await spine.close()


async def serve(path: str) -> None:
    """Serve what a database has, until killed; prints the address first."""
    spine, listening = await _opened(path), listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    means = _means(spine, url, GuardedClient(EgressRules()))
    roaming = wire(means, LocalPost())
    peer = Peer(
        owner=ELS,
        id="ret",
        state=PeerState.ACTIVE,
        version="2.2.1",
        roles=(PartyRole(RET, Role.EMSP, BusinessDetails("Ret")),),
        changed_at=means.clock.now(),
    )
    await roaming.peers.write(peer, Secrets(token_in=TOKEN), before=None)
    await serve_http([Mount(PREFIX, roaming.office)], nowhere, listening)
    print(url, flush=True)
    await asyncio.Event().wait()


async def pull(path: str, url: str) -> None:
    """Fetch all locations from a node."""
    spine = await _opened(path)
    client = Timed(GuardedClient(EgressRules(plain_http=True, networks=("127.0.0.0/8",))))
    means = _means(spine, "http://127.0.0.1:1", client)
    roaming = wire(means, LocalPost())
    peer = Peer(
        owner=RET,
        id="els",
        state=PeerState.ACTIVE,
        version="2.2.1",
        versions_url=f"{url}/ocpi/versions",
        roles=(PartyRole(ELS, Role.CPO, BusinessDetails("Els")),),
        endpoints=(PeerEndpoint("locations", "SENDER", f"{url}/ocpi/2.2.1/cpo/locations"),),
        changed_at=means.clock.now(),
    )
    await roaming.peers.write(peer, Secrets(token_out=TOKEN), before=None)
    pulled = await roaming.puller.pull(peer, "locations")
    kept = (await spine.count(t.location, {"owner": str(RET), "party": str(ELS)}))[0]["count"]
    await spine.close()
    told = {"kept": pulled.kept, "rows": kept, "pages": client.pages, "end": repr(pulled.outcome)[:80]}
    print(json.dumps(told), flush=True)
    await asyncio.Event().wait()  # Somebody looks at the memory it took, and ends it.


class Timed:
    """A client that notes when it is asked for each page."""

    def __init__(self, client: GuardedClient) -> None:
        self._client, self._begun = client, time.perf_counter()
        self.pages: list[tuple[float, float]] = []

    async def send(self, request: HttpRequest, *, timeout_s: float) -> HttpResponse:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.pages.append((time.perf_counter() - self._begun, used.ru_utime + used.ru_stime))
        return await self._client.send(request, timeout_s=timeout_s)


def _means(spine: SqliteSpine, url: str, client: GuardedClient | Timed) -> Means:
    clock = SystemClock()
    return Means(
        spine=spine,
        clock=clock,
        chance=SystemChance(),
        keys=derived_keys("pull"),
        http=client,
        findings=Findings(spine, clock),
        public_url=url,
    )


async def _opened(path: str) -> SqliteSpine:
    spine = SqliteSpine(Path(path), SystemClock())
    await spine.start()
    return spine


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", file, number]:
            uvloop.run(fill(file, int(number)))
        case ["serve", file]:
            uvloop.run(serve(file))
        case ["pull", file, address]:
            uvloop.run(pull(file, address))
        case told:
            raise SystemExit(f"expected fill, serve or pull, got {told}")
