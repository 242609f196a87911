"""One object of one version in another's words, by way of the model, with all that is lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Mismatch, Object, shape
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.language import Language
from elstrada.ocpi.surplus import carried
from elstrada.roles.hub.known import Known

_OF_MODULE = {
    "locations": "location",
    "tariffs": "tariff",
    "tokens": "token",
    "sessions": "session",
    "cdrs": "cdr",
}
_VERBS = frozenset({"get", "show", "put", "post"})
_WIRE: dict[str, Callable[[Language], type[msgspec.Struct]]] = {
    "location": lambda words: words.location.wire,
    "evse": lambda words: words.evse.wire,
    "connector": lambda words: words.connector.wire,
    "tariff": lambda words: words.tariff.wire,
    "token": lambda words: words.token.wire,
    "session": lambda words: words.session.wire,
    "cdr": lambda words: words.cdr.wire,
}
"""A version's structs of what is translated."""
HELD = frozenset({"session", "cdr"})
NOUNS = frozenset(_WIRE)


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
    ) -> Translated[object]:
        """An object in another version, with what its own did not know of it.

        Args:
            party: whose it is, where its version does not say so.
        Raises:
            Mismatch: it is not of its version, or the hub does not know what it refers to.
        """
        wire = shape(document, _WIRE[kind](of))
        if kind in HELD:
            told = await self._held(kind, wire, of, to, party, hub)
        else:
            told = _shown(kind, wire, of, to, party)
        return carried(document, type(wire), told)

    async def _held(
        self, kind: str, wire: msgspec.Struct, of: Language, to: Language, party: PartyId, hub: PartyId
    ) -> Translated[msgspec.Struct]:
        if kind == "session":
            identity = await self._identity(of.session.contract(wire), hub)
            session, named = of.session.read(wire, _as_it_is, party, identity)
            place = await self._known.place(hub, session.party, session.location_id) if to.embeds else None
            return to.session.write(session, named, place)
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


def _shown(
    kind: str, wire: msgspec.Struct, of: Language, to: Language, party: PartyId
) -> Translated[msgspec.Struct]:
    """What is for all, in another version, with what is lost on the way into the model and out of it."""
    match kind:
        case "location":
            read = of.location.read(wire, party)
            written = to.location.write(read.value)
        case "evse":
            read = of.evse.read(wire, party)
            written = to.evse.write(read.value)
        case "connector":
            read = of.connector.read(wire, party)
            written = to.connector.write(read.value)
        case "tariff":
            read = of.tariff.read(wire, party)
            written = to.tariff.write(read.value)
        case _:
            read = of.token.read(wire, party)
            written = to.token.write(read.value)
    return Translated(written.value, (*read.losses, *written.losses))


def _as_it_is(uid: str) -> str:
    """The model's name for a token; it leaves the model at once and is kept nowhere."""
    return uid
