"""The switch: takes what a party asks of the hub and has it go where it belongs (R-68 to R-71).

Whoever asks is known by its token; headers and paths choose among what that token may say, and nothing else.
"""

from __future__ import annotations

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId
from elstrada.ocpi import hub as wire
from elstrada.ocpi.body import MAX_BODY, BadJson
from elstrada.ocpi.codes import Why
from elstrada.ocpi.headers import Routing, read_ids, read_routing
from elstrada.ocpi.paging import read_window
from elstrada.ocpi.server import Refusal, Result, write
from elstrada.ocpi.versions import Address, language
from elstrada.roaming.routing import (
    Barred,
    Broadcast,
    Copy,
    Decision,
    Errand,
    Everything,
    Forward,
    Obstacle,
    Search,
    decide,
)
from elstrada.roles.hub.book import Book
from elstrada.roles.hub.copies import Copies
from elstrada.roles.hub.forwarder import Forwarder, has_been_here
from elstrada.roles.hub.journal import Entry, Journal
from elstrada.roles.hub.known import Known
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.relays import METHODS, PLACE, Relays
from elstrada.roles.hub.routes import Routes
from elstrada.roles.hub.searching import Searching
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Caller, Peers
from elstrada.spine.face import SpineDown

_NOT_HERE = Refusal(Why.NOT_FOUND, "no such address")
_WHY = {
    Obstacle.NAMELESS: Why.INVALID,
    Obstacle.FOREIGN: Why.INVALID,
    Obstacle.OUT_OF_PLACE: Why.NOT_FOUND,
    Obstacle.NOT_SHARED: Why.REFUSED,
    Obstacle.WITHOUT_RECEIVER: Why.INVALID,
}


class Switch:
    """Passes requests on."""

    def __init__(
        self, means: Means, peers: Peers, book: Book, forwarder: Forwarder, relays: Relays, copies: Copies
    ) -> None:
        self._means, self._peers, self._book = means, peers, book
        self._forwarder, self._relays, self._copies = forwarder, relays, copies
        self._routes = Routes(means)
        self._searching = Searching(Known(means.spine), book, self._routes)
        self.journal = Journal(means)

    async def handle(
        self, request: HttpRequest, address: Address, caller: Caller
    ) -> tuple[HttpResponse, Refusal | None]:
        """Answer one request; beside it, why it was refused by the hub itself, if it was."""
        entry = Entry(caller.own.id, caller.peer.id, request.method, self._means.clock.now())
        try:
            if address.path.partition("/")[0] == wire.RELAY:
                answer = await self._relayed(request, address, caller, entry)
            else:
                answer = await self._passed(request, address, caller, entry)
        except SpineDown:
            answer = Refusal(Why.BUSY, "nothing can be stored now")
        self.journal.note(entry, answer)
        refusal = answer if isinstance(answer, Refusal) else None
        if not isinstance(answer, HttpResponse):
            mute = language(address.version).sided
            routing = Routing() if mute else Routing(entry.sender, caller.own.id)
            answer = write(answer, self._means.clock.now(), ids=read_ids(request), routing=routing)
        return answer, refusal

    async def _passed(
        self, request: HttpRequest, address: Address, caller: Caller, entry: Entry
    ) -> HttpResponse | Result:
        passing = _read(request, address, caller)
        if isinstance(passing, Refusal):
            return passing
        entry.module = passing.place.module
        if has_been_here(request, passing.hub):
            return Refusal(Why.HUB, "this request has been through this hub before")
        decision = decide(_errand(passing), caller.peer.roles, passing.hub)
        entry.decided(decision)
        if isinstance(decision, Barred):
            return Refusal(_WHY[decision.obstacle], decision.message)
        refusal = _borrowed(passing, decision.sender)
        return refusal or await self._done(passing, decision, entry)

    async def _done(self, passing: Passing, decision: Decision, entry: Entry) -> HttpResponse | Result:
        match decision:
            case Broadcast():
                return await self._copies.tell(passing)
            case Copy():
                return await self._copies.one(passing)
            case Everything(sender):
                return self._page(passing, sender, await self._copies.page(passing, sender))
            case Search(sender):
                receiver = await self._searching.receiver(passing, sender)
                if receiver is None:
                    return Refusal(Why.UNKNOWN_RECEIVER, "whom this is for cannot be told; name it (OCPI-to)")
                return await self._carried(passing, sender, receiver, entry)
            case Forward(sender, receiver):
                return await self._carried(passing, sender, receiver, entry)
            case Barred():
                raise AssertionError("has been refused")

    async def _carried(
        self, passing: Passing, sender: PartyId, receiver: PartyId, entry: Entry
    ) -> HttpResponse | Result:
        entry.receiver = receiver
        answer = await self._forwarder.forward(passing, sender, receiver)
        if isinstance(answer, HttpResponse) and answer.status < 300:
            await self._routes.seen(passing, sender, receiver)
        return answer

    async def _relayed(
        self, request: HttpRequest, address: Address, caller: Caller, entry: Entry
    ) -> HttpResponse | Result:
        """An address that the hub has made: a result's once, any other for reading."""
        hub, address_id = caller.own.id, address.path.removesuffix("/").partition("/")[2]
        relay = await self._relays.find(hub, address_id)
        if relay is None or relay.user_peer != caller.peer.id:
            return _NOT_HERE
        entry.module, entry.sender, entry.receiver = relay.module, relay.user, relay.party
        entry.decision = f"relay {relay.kind}"
        if request.method != METHODS[relay.kind]:
            return Refusal(Why.NOT_ALLOWED, f"no {request.method[:8]} here")
        try:
            said = read_routing(request.headers).from_party
            document = wire.document_of(request)
        except BadJson as problem:
            return Refusal(Why.MALFORMED, str(problem))
        except ValueError as problem:
            return Refusal(Why.INVALID, str(problem))
        if said not in (None, relay.user):
            return Refusal(Why.INVALID, f"OCPI-from: this address is for {relay.user} (R-71)")
        peer = await self._peers.get(hub, relay.peer_id)
        if peer is None:
            return Refusal(Why.UNKNOWN_RECEIVER, f"{relay.party} is no longer known here")
        if relay.kind != PLACE:
            told = self._forwarder.result(relay, peer, request, address.version)
            if isinstance(told, Refusal):
                return told
            request = told
            if not await self._relays.claim(relay, address_id, wire.text_at(document, "result")):
                return _NOT_HERE
        return await self._forwarder.use(relay, peer, request, caller, address.version)

    def _page(self, passing: Passing, sender: PartyId, result: Result) -> HttpResponse | Result:
        """A page with its headers."""
        endpoint = passing.place.endpoint
        assert endpoint is not None
        if isinstance(result, Refusal) or not endpoint.paged:
            return result
        routing = Routing() if passing.words.sided else Routing(sender, passing.hub)
        window = read_window(passing.request.query)
        return write(result, self._means.clock.now(), ids=passing.ids, routing=routing, window=window)


def _read(request: HttpRequest, address: Address, caller: Caller) -> Passing | Refusal:
    """Understand a request as far as it has to be to pass it on."""
    try:
        place = wire.place(address.version, request.method, address.path)
        if isinstance(place, Why):
            return Refusal(place, f"no {request.method[:8]} here")
        return Passing(
            caller=caller,
            version=address.version,
            place=place,
            request=request,
            document=wire.document_of(request),
            ids=read_ids(request),
            routing=Routing() if language(address.version).sided else read_routing(request.headers),
        )
    except BadJson as problem:
        return Refusal(Why.TOO_LARGE if len(request.body) > MAX_BODY else Why.MALFORMED, str(problem))
    except ValueError as problem:
        return Refusal(Why.INVALID, str(problem))


def _errand(passing: Passing) -> Errand:
    place = passing.place
    return Errand(
        module=place.module,
        interface=place.interface,
        method=passing.request.method,
        is_list=place.endpoint is not None and place.endpoint.paged,
        owner=place.owner,
        sender=passing.routing.from_party,
        receiver=passing.routing.to_party,
        is_mute=passing.words.sided,
    )


def _borrowed(passing: Passing, sender: PartyId) -> Refusal | None:
    """Does an object that is pushed say that it is another party's (R-71)?"""
    place = passing.place
    # What a payment terminal names is its CPO, and not the provider that has it.
    owns = place.interface == "RECEIVER" and place.module != "payments"
    pushes = owns and passing.request.method != "GET"
    said = wire.party_at(passing.document)
    if pushes and said not in (None, sender):
        return Refusal(
            Why.INVALID, f"country_code and party_id: the object is of {said}, not of {sender} (R-71)"
        )
    return None
