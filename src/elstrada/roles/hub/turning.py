"""One object of one version in another's words, by way of the model, with all that is lost on the way."""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Mismatch, Object, shape
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.language import Language
from elstrada.roles.hub.known import Known

_OF_MODULE = {
    "locations": "location",
    "tariffs": "tariff",
    "tokens": "token",
    "sessions": "session",
    "cdrs": "cdr",
}
_VERBS = frozenset({"get", "show", "put", "post"})
HELD = frozenset({"session", "cdr"})
NOUNS = frozenset({"location", "evse", "connector", "tariff", "token"}) | HELD


def kind_of(name: str, module: str) -> str | None:
    """What kind of object an endpoint has, by its name in the table; None: it has none of these."""
    verb, _, kind = name.partition("_")
    if verb == "list" or not name:
        return _OF_MODULE.get(module)
    return kind if kind in NOUNS and verb in _VERBS else None


class Turning:
    """Translates objects."""

    def __init__(self, known: Known) -> None:
        self._known = known

    async def turned(
        self, kind: str, document: Object, of: Language, to: Language, party: PartyId, hub: PartyId
    ) -> Translated[msgspec.Struct]:
        """An object in another version.

        Args:
            party: whose it is, where its version does not say so.
        Raises:
            Mismatch: it is not of its version, or the hub does not know what it refers to.
        """
        if kind in HELD:
            return await self._held(kind, document, of, to, party, hub)
        match kind:
            case "location":
                read = of.location.read(shape(document, of.location.wire), party)
                written = to.location.write(read.value)
            case "evse":
                read = of.evse.read(shape(document, of.evse.wire), party)
                written = to.evse.write(read.value)
            case "connector":
                read = of.connector.read(shape(document, of.connector.wire), party)
                written = to.connector.write(read.value)
            case "tariff":
                read = of.tariff.read(shape(document, of.tariff.wire), party)
                written = to.tariff.write(read.value)
            case _:
                read = of.token.read(shape(document, of.token.wire), party)
                written = to.token.write(read.value)
        return Translated(written.value, (*read.losses, *written.losses))

    async def _held(
        self, kind: str, document: Object, of: Language, to: Language, party: PartyId, hub: PartyId
    ) -> Translated[msgspec.Struct]:
        if kind == "session":
            wire = shape(document, of.session.wire)
            identity = await self._identity(of.session.contract(wire), hub)
            session, named = of.session.read(wire, _as_it_is, party, identity)
            place = await self._known.place(hub, session.party, session.location_id) if to.embeds else None
            return to.session.write(session, named, place)
        wire = shape(document, of.cdr.wire)
        identity = await self._identity(of.cdr.contract(wire), hub)
        cdr, named = of.cdr.read(wire, _as_it_is, party, identity)
        place = await self._known.place(hub, cdr.party, cdr.cdr_location.id) if to.embeds else None
        return to.cdr.write(cdr, named, place)

    async def _identity(self, contract_id: str | None, hub: PartyId) -> TokenIdentity | None:
        if contract_id is None:
            return None
        found = await self._known.of_contract(hub, contract_id)
        if found is None:
            raise Mismatch("auth_id: the hub knows no token of this contract")
        return found


def _as_it_is(uid: str) -> str:
    """The model's name for a token; it leaves the model at once and is kept nowhere."""
    return uid
