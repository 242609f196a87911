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
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.routes import RESERVATION, SESSION, Routes, token_party
from elstrada.roles.roaming.marks import SEPARATOR
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Spine, Where

_MOST_ALIKE = 10
_BEHIND_SEPARATOR = chr(ord(SEPARATOR) + 1)


class Searching:
    """Finds receivers."""

    def __init__(self, spine: Spine, book: Book, routes: Routes) -> None:
        self._spine, self._book, self._routes = spine, book, routes

    async def receiver(self, passing: Passing, sender: PartyId) -> PartyId | None:
        """The one party that a request can be for; None: nobody is known, or several are."""
        found = await self._candidates(passing, sender)
        return found[0] if len(found) == 1 else None

    async def _candidates(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        place = passing.place
        match place.module, place.interface:
            case "tokens", Interface.SENDER if place.tail:
                return await self._issuers(passing, place.tail[0])
            case (("locations" | "tariffs"), Interface.SENDER) if place.tail:
                return await self._owners(passing, place.module, place.tail[0])
            case "commands", Interface.RECEIVER:
                return await self._of_command(passing, sender)
            case (("sessions" | "cdrs"), Interface.RECEIVER):
                return await self._of_session(passing, sender)
            case (("sessions" | "chargingprofiles"), _) if place.tail:
                return await self._routes.receivers(passing, SESSION, place.tail[0], sender)
            case _:
                return await self._alone(passing, sender)

    async def _issuers(self, passing: Passing, uid: str) -> Sequence[PartyId]:
        """The parties that have told the hub of a token of this uid, of whatever type."""
        begin = f"{uid.casefold()}{SEPARATOR}"
        behind = f"{uid.casefold()}{_BEHIND_SEPARATOR}"
        return await self._parties(passing, "tokens", Between(begin, behind))

    async def _owners(self, passing: Passing, module: str, object_id: str) -> Sequence[PartyId]:
        return await self._parties(passing, module, object_id.casefold())

    async def _parties(self, passing: Passing, module: str, object_id: str | Between) -> Sequence[PartyId]:
        where: Where = {"owner": str(passing.hub), "module": module, "object_id": object_id}
        rows = await self._spine.find(t.hub_copy, where, limit=_MOST_ALIKE)
        return _sorted(PartyId.parse(str(row["party"])) for row in rows)

    async def _of_command(self, passing: Passing, sender: PartyId) -> Sequence[PartyId]:
        location_id = text_at(passing.document, "location_id")
        if location_id is not None:
            return await self._owners(passing, "locations", location_id)
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
            return _provider(contract)
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
