"""Open routing: to whom a request goes that does not say so, from what the hub knows.

Source: OCPI 2.3.0 transport_and_format, open routing request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.ocpi.endpoints import Interface
from elstrada.ocpi.hub import text_at
from elstrada.roaming.routing import servers
from elstrada.roles.hub.book import Book
from elstrada.roles.hub.known import Known
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.routes import RESERVATION, SESSION, Routes, token_party


class Searching:
    """Finds receivers."""

    def __init__(self, known: Known, book: Book, routes: Routes) -> None:
        self._known, self._book, self._routes = known, book, routes

    async def receiver(self, passing: Passing, sender: PartyId) -> PartyId | None:
        """The one party that a request can be for; None: nobody is known, or several are."""
        found = await self._candidates(passing, sender)
        return found[0] if len(found) == 1 else None

    async def _candidates(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        place = passing.place
        match place.module, place.interface:
            case "tokens", Interface.SENDER if place.tail:
                return await self._known.issuers(passing.hub, place.tail[0])
            case (("locations" | "tariffs"), Interface.SENDER) if place.tail:
                return await self._known.owners(passing.hub, place.module, place.tail[0])
            case "commands", Interface.RECEIVER:
                return await self._of_command(passing, sender)
            case (("sessions" | "cdrs"), Interface.RECEIVER):
                return await self._of_session(passing, sender)
            case (("sessions" | "chargingprofiles"), _) if place.tail:
                return await self._routes.receivers(passing, SESSION, place.tail[0], sender)
            case _:
                return await self._alone(passing, sender)

    async def _of_command(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        location_id = text_at(passing.document, "location_id")
        if location_id is not None:
            return await self._known.owners(passing.hub, "locations", location_id)
        for kind, name in ((SESSION, "session_id"), (RESERVATION, "reservation_id")):
            named = text_at(passing.document, name)
            if named is not None:
                return await self._routes.receivers(passing, kind, named, sender)
        return ()

    async def _of_session(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        """The issuer of its token; of one that names its contract alone, the provider whose contract it is."""
        issuer = token_party(passing)
        if issuer is not None:
            return (issuer,)
        contract = text_at(passing.document, "auth_id")
        if contract is not None:
            identity = await self._known.of_contract(passing.hub, contract)
            return _provider(contract) if identity is None else (identity.party,)
        if passing.place.module == "sessions":
            return await self._routes.receivers(passing, SESSION, passing.place.tail[2], sender)
        return ()

    async def _alone(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        """The only other party there is that has the interface."""
        wanted: frozenset[Role] = servers(passing.place.module, passing.place.interface)
        peers = await self._book.platforms(passing.hub)
        return _sorted(
            entry.party
            for peer in peers
            for entry in peer.roles
            if peer.id != passing.caller.peer.id and entry.role in wanted
        )


def _provider(contract: str) -> Sequence[PartyId]:
    """The provider that a contract id begins with (eMI3: SE-RET-...)."""
    letters = contract.replace("-", "").replace("*", "")[:5]
    try:
        return (PartyId.parse(letters),)
    except ValueError:
        return ()


def _sorted(parties: Iterable[PartyId]) -> Sequence[PartyId]:
    return sorted(set(parties))
