"""What the hub knows from its copies that a translation needs: a contract's token, a session's place."""

from __future__ import annotations

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.token import Token, TokenIdentity
from elstrada.ocpi.body import shape
from elstrada.ocpi.versions import language
from elstrada.roles.hub.keeping import document_of
from elstrada.roles.roaming.marks import SEPARATOR
from elstrada.roles.roaming.rows import identity_of
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine, Where

_MOST_ALIKE = 10
_BEHIND_SEPARATOR = chr(ord(SEPARATOR) + 1)


class Known:
    """Reads copies into the model."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine

    async def issuers(self, hub: PartyId, uid: str) -> list[PartyId]:
        """The parties that have told the hub of a token of this uid, of whatever type."""
        return sorted({PartyId.parse(str(row["party"])) for row in await self._tokens(hub, uid)})

    async def owners(self, hub: PartyId, module: str, object_id: str) -> list[PartyId]:
        """The parties that have told the hub of an object of this id."""
        where: Where = {"owner": str(hub), "module": module, "object_id": object_id.casefold()}
        rows = await self._spine.find(t.hub_copy, where, limit=_MOST_ALIKE)
        return sorted({PartyId.parse(str(row["party"])) for row in rows})

    async def token(self, hub: PartyId, party: PartyId, uid: str) -> Token | None:
        """A token of a party, of whatever type."""
        rows = [row for row in await self._tokens(hub, uid) if row["party"] == str(party)]
        return _token(rows[0], party) if rows else None

    async def of_contract(self, hub: PartyId, contract_id: str) -> TokenIdentity | None:
        """A token of a contract, for what names no more (2.1.1): always the same of several."""
        where: Where = {"owner": str(hub), "contract_id": contract_id.casefold()}
        rows = await self._spine.find(t.hub_copy, where, order=("party", "object_id"), limit=1)
        return identity_of(_token(rows[0], PartyId.parse(str(rows[0]["party"])))) if rows else None

    async def place(self, hub: PartyId, party: PartyId, location_id: str) -> Location | None:
        row = await self._spine.get(
            t.hub_copy,
            owner=str(hub),
            module="locations",
            party=str(party),
            object_id=location_id.casefold(),
        )
        if row is None:
            return None
        noun = language(str(row["version"])).location
        return noun.read(shape(document_of(row), noun.wire), party).value

    async def _tokens(self, hub: PartyId, uid: str) -> list[Row]:
        begin, behind = (f"{uid.casefold()}{end}" for end in (SEPARATOR, _BEHIND_SEPARATOR))
        where: Where = {"owner": str(hub), "module": "tokens", "object_id": Between(begin, behind)}
        return await self._spine.find(t.hub_copy, where, limit=_MOST_ALIKE)


def _token(row: Row, party: PartyId) -> Token:
    noun = language(str(row["version"])).token
    return noun.read(shape(document_of(row), noun.wire), party).value
