"""One request on its way through the hub."""

from __future__ import annotations

import msgspec

from elstrada.model.http import HttpRequest
from elstrada.model.ids import PartyId
from elstrada.ocpi.body import Object
from elstrada.ocpi.headers import Ids, Routing
from elstrada.ocpi.hub import Place
from elstrada.ocpi.language import Language
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.peers import Caller


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    caller: Caller
    """Who asks, by its token; its ``own`` is the hub."""
    version: str
    """Of OCPI, in which it asks."""
    place: Place
    request: HttpRequest
    document: Object
    """The body as it was read; it is passed on as it came."""
    ids: Ids
    routing: Routing
    """As it was said."""

    @property
    def hub(self) -> PartyId:
        return self.caller.own.id

    @property
    def words(self) -> Language:
        return language(self.version)
