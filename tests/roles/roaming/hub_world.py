"""A hub and those behind it, each on a node of its own, who can reach each other only by HTTP messages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from roaming_world import Answer, Clock, Net, Node, call, known
from wire_documents import LOCATION, but

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, Role
from elstrada.model.waits import Waits
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.headers import Routing
from elstrada.spine import tables as t
from elstrada.spine.memory import MemorySpine

HUB, ELS, NOR = PartyId("SE", "HUB"), PartyId("SE", "ELS"), PartyId("NO", "NOR")
RET, DAN = PartyId("SE", "RET"), PartyId("DK", "DAN")
Answers = Callable[[HttpRequest], Awaitable[HttpResponse | None]]
PLACE = but(LOCATION, x_unknown={"kept": ["as", 1.50]})


class HubWorld:
    """A hub; CPOs ELS and NOR, eMSPs RET and DAN, all of one version unless told otherwise."""

    def __init__(
        self,
        version: str = "2.2.1",
        others: dict[str, str] | None = None,
        *,
        net: Net | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.net, self.clock, self.waits = net or Net(), Clock(), waits or Waits()
        self.hub = self._node("hub", ("2.1.1", "2.2.1", "2.3.0"))
        self.version = version
        self.at = {HUB: self.hub}
        for party, name in ((ELS, "els"), (NOR, "nor"), (RET, "ret"), (DAN, "dan")):
            self.at[party] = self._node(name, ((others or {}).get(name, version),))

    @property
    def els(self) -> Node:
        return self.at[ELS]

    @property
    def ret(self) -> Node:
        return self.at[RET]

    def restart_hub(self) -> None:
        """A new process of the hub, with what the old one has written."""
        self.at[HUB] = self.hub = Node(
            self.net, self.clock, "hub.example", self.hub.spine, self.waits, self.hub.means.versions
        )

    def _node(self, name: str, versions: tuple[str, ...]) -> Node:
        return Node(self.net, self.clock, f"{name}.example", MemorySpine(self.clock), self.waits, versions)

    async def open(self) -> HubWorld:
        """All registered with the hub, which invited them."""
        await self.hub.party(HUB, Role.HUB)
        for party in (ELS, NOR):
            await self.at[party].party(party, Role.CPO)
        for party in (RET, DAN):
            await self.at[party].party(party, Role.EMSP)
        for party in (ELS, NOR, RET, DAN):
            await self.join(party)
        await self.settle()
        self.net.sent.clear()
        return self

    async def join(self, party: PartyId) -> None:
        token_a = await self.hub.roaming.registrar.invite(HUB, party.party_id.lower())
        url = self.hub.versions_url
        if self.at[party].means.versions == ("2.1.1",):
            # It meets the hub on one side of the market, as which one its address says.
            url = self.hub.means.versions_url_at(Side.EMSP if party in (ELS, NOR) else Side.CPO)
        await self.at[party].roaming.registrar.register(party, "hub", url, token_a)

    async def settle(self) -> None:
        for node in self.at.values():
            await node.settle()

    async def peer(self, party: PartyId) -> Peer:
        """A party's platform, as the hub knows it."""
        return known(await self.hub.roaming.peers.get(HUB, party.party_id.lower()))

    async def token(self, party: PartyId) -> str:
        """What a party shows the hub."""
        peer = known(await self.at[party].roaming.peers.get(party, "hub"))
        return known(await self.at[party].roaming.peers.token_out(peer))

    async def ask(
        self,
        party: PartyId,
        method: str,
        path: str,
        body: object = None,
        *,
        to: PartyId | None = None,
        said: PartyId | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """A request of a party at the hub, by hand.

        Args:
            to: in whose name it is addressed; None: to nobody.
            said: from whom it says it is; by default from the party itself.
        """
        routing = Routing(to, said or party).headers()
        shown = await self.token(party)
        version = self.version
        return await call(
            self.hub, shown, method, f"{version}/{path}", body, query=query, headers=routing | (headers or {})
        )

    def answers(self, party: PartyId, answer: Answers) -> None:
        """Let a party's platform answer as told, and by itself where that gives None."""
        host = f"{party.party_id.lower()}.example"
        before = self.net.hosts[host]

        async def handle(request: HttpRequest) -> HttpResponse:
            return await answer(request) or await before(request)

        self.net.hosts[host] = handle

    def to_party(self, party: PartyId, method: str = "") -> list[HttpRequest]:
        """What was sent to a party's platform."""
        host = f"https://{party.party_id.lower()}.example/"
        return [one for one in self.net.sent if one.path.startswith(host) and method in ("", one.method)]

    async def log(self) -> list[dict[str, Any]]:
        """The routing log, oldest first."""
        await self.hub.roaming.switch.journal.flush()
        return [dict(row) for row in await self.hub.spine.find(t.hub_exchange, order=("at",))]


def envelope(data: object = None, code: int = 1000) -> bytes:
    told: dict[str, object] = {"status_code": code, "timestamp": "2026-02-03T12:00:00Z"}
    return json.dumps(told if data is None else told | {"data": data}).encode()
