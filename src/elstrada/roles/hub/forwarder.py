"""The forwarder: carries a request to the party it is for, and the answer back, and changes neither.

What leads on from there (the next page, a CDR's address, a command's result) is made to come through the hub as well.
"""

from __future__ import annotations

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi import hub as wire
from elstrada.ocpi.codes import Why
from elstrada.ocpi.headers import Ids, Routing, read_ids
from elstrada.ocpi.paging import next_link
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.versions import language, routed_url
from elstrada.roles.hub.book import Book
from elstrada.roles.hub.bridge import Asker, Bridge
from elstrada.roles.hub.carrier import Carrier
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.relays import PLACE, RESERVATION, RESULT, Relay, Relays
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.line import belongs_to
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Caller

RESPONSE_URL = "response_url"
_KEPT_OF_ANSWER = ("content-type", "x-total-count", "x-limit", "retry-after")
VIA = "via"
_RESERVE = ("RESERVE_NOW",)


class Forwarder:
    """Carries requests between parties."""

    def __init__(self, means: Means, book: Book, carrier: Carrier, relays: Relays, bridge: Bridge) -> None:
        self._means, self._book, self._carrier = means, book, carrier
        self._relays, self._bridge = relays, bridge

    async def forward(self, passing: Passing, sender: PartyId, receiver: PartyId) -> HttpResponse | Refusal:
        """Carry a request from one party to another."""
        place = passing.place
        found = await self._book.receiver(passing.hub, receiver, place.module, place.interface)
        if isinstance(found, Refusal):
            return found
        peer, base = found
        if peer.id == passing.caller.peer.id:
            return Refusal(Why.HUB, f"OCPI-to: {receiver} is on your own platform")
        going = await self._worded(passing, peer, sender)
        if isinstance(going, Refusal):
            return going
        going = await self._with_relay(passing, going, Routing(receiver, sender), peer)
        if isinstance(going, Refusal):
            return going
        headers = self._headers(passing, Routing(receiver, sender), peer)
        outgoing = HttpRequest(
            going.method, wire.below(base, place.tail, going.query), headers=headers, body=going.body
        )
        is_list = place.endpoint is not None and place.endpoint.paged
        wait_s = self._means.waits.passed_list_s if is_list else self._means.waits.passed_on_s
        answer = await self._carrier.carry(peer, outgoing, wait_s)
        if isinstance(answer, Refusal):
            return answer
        if peer.version != passing.version:
            told = await self._bridge.back(passing, peer, receiver, answer)
            if isinstance(told, Refusal):
                return told
            answer = told
        return await self._back(passing, Routing(receiver, sender), peer, base, answer)

    def result(self, relay: Relay, peer: Peer, request: HttpRequest, version: str) -> HttpRequest | Refusal:
        """A command's result as whoever gave the command has it."""
        if relay.module != "commands" or peer.version == version:
            return request
        body = self._bridge.result(request.body, language(version), language(peer.version))
        return body if isinstance(body, Refusal) else _with_body(request, body)

    async def use(
        self, relay: Relay, peer: Peer, request: HttpRequest, caller: Caller, version: str
    ) -> HttpResponse | Refusal:
        """Carry a request to the address that a relay stands for.

        Args:
            peer: the platform behind it.
            version: in which it was called.
        """
        if not belongs_to(peer, relay.url):
            # The platform has moved since: its present token is not for a former host (T16).
            return Refusal(Why.NOT_CONNECTED, f"{relay.party} is no longer at the address that it gave")
        ids = read_ids(request)
        routing = Routing(relay.party, relay.user)
        headers = wire.passed_on(request.headers) | self._fresh(ids) | _routed(routing, peer)
        outgoing = HttpRequest(request.method, relay.url, request.query, headers, request.body)
        answer = await self._carrier.carry(peer, outgoing, self._means.waits.passed_on_s)
        if isinstance(answer, Refusal):
            return answer
        if relay.kind == PLACE and peer.version != version:
            asker = Asker(relay.hub, caller.peer)
            told = await self._bridge.answered(
                answer, "", relay.module, language(peer.version), language(version), relay.party, asker
            )
            if isinstance(told, Refusal):
                return told
            answer = told
        kept = {name: answer.headers[name] for name in _KEPT_OF_ANSWER if name in answer.headers}
        following = next_link(answer.headers)
        if following is not None:
            if not belongs_to(peer, following):
                return Refusal(Why.HUB, "the receiver's Link leads to another host")
            kept["link"] = f'<{await self._relays.made(_at(relay, following), version)}>; rel="next"'
        if not language(version).sided:
            kept |= routing.swapped().headers()
        return HttpResponse(answer.status, kept | ids.headers(), answer.body)

    # --- there ------------------------------------------------------------------------------------------

    async def _worded(self, passing: Passing, peer: Peer, sender: PartyId) -> HttpRequest | Refusal:
        """The request as the receiver's version has it."""
        if peer.version == passing.version:
            return passing.request
        body = await self._bridge.there(passing, peer, sender)
        if isinstance(body, Refusal):
            return body
        request, query = passing.request, self._bridge.query(passing, peer)
        return _with_body(HttpRequest(request.method, request.path, query, request.headers), body)

    async def _with_relay(
        self, passing: Passing, going: HttpRequest, routing: Routing, peer: Peer
    ) -> HttpRequest | Refusal:
        """The request with the address for its result, if it brings one, replaced by one at the hub."""
        in_body = wire.text_at(passing.document, RESPONSE_URL)
        url = in_body or going.query.get(RESPONSE_URL)
        if url is None or going.method == "PATCH":
            return going
        if not belongs_to(passing.caller.peer, url):
            return Refusal(Why.INVALID, f"{RESPONSE_URL}: not at a host you registered with (T16)")
        assert routing.from_party is not None
        assert routing.to_party is not None
        reserves = passing.place.tail == _RESERVE
        relay = Relay(
            hub=passing.hub,
            kind=RESERVATION if reserves else RESULT,
            user_peer=peer.id,
            user=routing.to_party,
            peer_id=passing.caller.peer.id,
            party=routing.from_party,
            module=passing.place.module,
            url=url,
            until=wire.moment_at(passing.document, "expiry_date") if reserves else None,
        )
        ours = await self._relays.made(relay, peer.version or passing.version)
        if in_body is not None:
            return _with_body(going, wire.with_text(going.body, RESPONSE_URL, ours))
        query = {**going.query, RESPONSE_URL: ours}
        return HttpRequest(going.method, going.path, query, going.headers, going.body)

    def _headers(self, passing: Passing, routing: Routing, peer: Peer) -> dict[str, str]:
        going = wire.passed_on(passing.request.headers) | self._fresh(passing.ids) | _routed(routing, peer)
        going[VIA] = via(passing.request, passing.hub)
        return going

    def _fresh(self, ids: Ids) -> dict[str, str]:
        """A request's id is each hop's own; a correlation's goes through (R-14)."""
        chance = self._means.chance
        return Ids(chance.uuid(), ids.correlation_id or chance.uuid()).headers()

    # --- and back ---------------------------------------------------------------------------------------

    async def _back(
        self, passing: Passing, routing: Routing, peer: Peer, base: str, answer: HttpResponse
    ) -> HttpResponse | Refusal:
        headers = {name: answer.headers[name] for name in _KEPT_OF_ANSWER if name in answer.headers}
        following, location = next_link(answer.headers), answer.headers.get("location")
        if following is not None:
            ours = await self._ours(passing, routing, peer, base, following)
            if ours is None:
                return Refusal(Why.HUB, "the receiver's Link leads to another host")
            headers["link"] = f'<{ours}>; rel="next"'
        if location is not None and (ours := await self._ours(passing, routing, peer, base, location)):
            headers["location"] = ours
        headers |= passing.ids.headers()
        if not passing.words.sided:
            headers |= routing.swapped().headers()
        return HttpResponse(answer.status, headers, answer.body)

    async def _ours(self, passing: Passing, routing: Routing, peer: Peer, base: str, url: str) -> str | None:
        """The address at the hub for one that a party gave; None: it is not at that party's platform."""
        place = passing.place
        tail = wire.tail_of(url, base)
        if tail is not None and peer.version == passing.version:
            return routed_url(place.module, place.side, passing.version, self._means.public_url) + tail
        if not belongs_to(peer, url):
            who = source(peer.owner, peer.id)
            self._means.findings.note(who, "address elsewhere", "a Link or Location at another host")
            return None
        assert routing.from_party is not None
        assert routing.to_party is not None
        relay = Relay(
            hub=passing.hub,
            kind=PLACE,
            user_peer=passing.caller.peer.id,
            user=routing.from_party,
            peer_id=peer.id,
            party=routing.to_party,
            module=place.module,
            url=url,
        )
        return await self._relays.made(relay, passing.version)


def via(request: HttpRequest, hub: PartyId) -> str:
    """The hubs that a request has been through (RFC 9110 §7.6.3)."""
    before = request.headers.get(VIA, "")
    return f"{before}, {_name(hub)}" if before else _name(hub)


def has_been_here(request: HttpRequest, hub: PartyId) -> bool:
    """Does a request run in circles?"""
    return any(part.strip() == _name(hub) for part in request.headers.get(VIA, "").split(","))


def _name(hub: PartyId) -> str:
    return f"1.1 {hub.country_code}{hub.party_id}.ocpi-hub"


def _routed(routing: Routing, peer: Peer) -> dict[str, str]:
    """Who speaks to whom, in a version that can say so."""
    return {} if language(peer.version).sided else routing.headers()


def _with_body(request: HttpRequest, body: bytes) -> HttpRequest:
    return HttpRequest(request.method, request.path, request.query, request.headers, body)


def _at(relay: Relay, url: str) -> Relay:
    return Relay(
        hub=relay.hub,
        kind=PLACE,
        user_peer=relay.user_peer,
        user=relay.user,
        peer_id=relay.peer_id,
        party=relay.party,
        module=relay.module,
        url=url,
    )
