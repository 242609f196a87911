"""A visit: one call of one caller, with what the office knows of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Party, Peer, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.editions import with_room
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.language import Language
from elstrada.ocpi.patch import without_identity
from elstrada.ocpi.scalars import party, same
from elstrada.ocpi.server import Call, Refusal, Result
from elstrada.ocpi.versions import LANGUAGES, module_url
from elstrada.roaming.agreement import (
    Terms,
    agreeing,
    as_text,
    hides_nothing,
    seeing,
    shown,
    shows_tariff,
)
from elstrada.roaming.visibility import EMSP_LIKE, may_see_location, parties_of
from elstrada.roles.roaming.callbacks import Callbacks
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.holders import token_of_contract
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.registrar import Registrar
from elstrada.roles.roaming.steersman import Steersman
from elstrada.roles.roaming.stock import Stock
from elstrada.spine.face import AnyOf, Between, Cell


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    means: Means
    stock: Stock
    registrar: Registrar
    callbacks: Callbacks
    commander: Commander
    steersman: Steersman
    own: Party
    """The party of ours that the caller deals with, by its token."""
    peer: Peer
    version: str
    call: Call
    side: Side = Side.NONE
    """Of the market, if the address is one side's (2.1.1)."""
    terms: Terms
    """What is agreed with the caller."""

    @property
    def owner(self) -> str:
        return str(self.own.id)

    @property
    def words(self) -> Language:
        """Of the version that the caller speaks."""
        return LANGUAGES[self.version]

    @property
    def body(self) -> msgspec.Struct:
        """What the caller sent, as its version has it."""
        assert self.call.body is not None, f"{self.call.endpoint.name} has no body"
        return self.call.body

    @property
    def list_url(self) -> str:
        """The public address of the list that was called."""
        return module_url(self.call.endpoint, self.version, self.means.public_url)

    def patch(self, known: datetime) -> Object:
        """The patch with its date, and without what names its object: see ``ocpi.patch.changes_identity``.

        Args:
            known: the date of what it changes.
        Raises:
            Mismatch: it lacks the date that its version demands (R-33).
        """
        return without_identity(self.words.dated(self.call.patch, self.means.clock.now(), known))

    def caller(self, *roles: Role) -> PartyId | None:
        """Whose an object is that does not say so itself: the caller's one party in the roles."""
        return min(self.parties(*roles), default=None)

    def parties(self, *roles: Role) -> frozenset[PartyId]:
        """The caller's parties in some of the roles with which the module is agreed: all, or the one its headers
        select among them (T18)."""
        return self.speakers(roles)

    def speakers(self, roles: Iterable[Role], chosen: bool = True) -> frozenset[PartyId]:
        """As ``parties``, of several roles.

        Args:
            chosen: only the one that the headers select, if they do.
        """
        registered, named = parties_of(self.peer, roles), self.call.routing.from_party
        speaking = registered & {named} if chosen and named is not None else registered
        endpoint = self.call.endpoint
        return agreeing(self.terms, speaking, endpoint.module, endpoint.interface.value)

    def seen(self, location: Location) -> Location | None:
        """A location of ours as the caller is shown it; None: for the caller there is no such."""
        if not may_see_location(self.peer, location):
            return None
        parties = seeing(self.terms, self._viewers(), location)
        return with_room(self.peer, shown(self.terms, parties, location)) if parties else None

    @property
    def sees_all(self) -> bool:
        """Is every location that is for the caller's roles shown to it just as it is?"""
        whole = not self.peer.has(PeerQuirk.EDITION_1)
        return whole and hides_nothing(self.terms, self._viewers())

    @property
    def view(self) -> str:
        """The same for whoever is shown the same, in the same words."""
        quirks = ",".join(sorted(quirk.value for quirk in self.peer.quirks))
        return f"{self.version} {quirks} {as_text(self.terms, self._viewers())}"

    def may_see_tariff(self, tariff_id: str) -> bool:
        return shows_tariff(self.terms, self._viewers(), tariff_id)

    def _viewers(self) -> frozenset[PartyId]:
        """For whom the caller looks; a header that names a party of another role selects nobody among these."""
        meant = self.call.routing.from_party in parties_of(self.peer, EMSP_LIKE)
        return self.speakers(EMSP_LIKE, chosen=meant)

    async def place(self, party: PartyId, location_id: str) -> Location | None:
        """Where a session or CDR of the caller's own driver was, if its version embeds that, at its own tariffs."""
        found = await self.stock.embedded(self.words, self.own.id, party, location_id)
        return found if found is None or party != self.own.id else shown(self.terms, self._viewers(), found)

    def between(self) -> Between:
        """The dates that a list asks for."""
        window = self.call.window
        assert window is not None, f"{self.call.endpoint.name} is not paged"
        return Between(window.date_from, window.date_to)


Handler = Callable[[Visit], Awaitable[Result]]

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The date of what is not known yet."""
NOT_HERE = Refusal(Why.NOT_FOUND, "no such object")
"""To whoever asks for what is not there, or not theirs to know of: the same words (T18)."""


def any_of(parties: frozenset[PartyId]) -> AnyOf:
    values: tuple[Cell, ...] = tuple(sorted(str(party) for party in parties))
    return AnyOf(values)


def owner_in_path(visit: Visit) -> PartyId:
    """The party of an owned object's path; the office has let only the caller's own through."""
    return party(visit.call.path["country_code"], visit.call.path["party_id"])


async def named_token(visit: Visit, contract_id: str | None) -> TokenIdentity | Refusal | None:
    """The token of ours that is meant by a contract, if a session or CDR names no more (2.1.1)."""
    if contract_id is None:
        return None
    found = await token_of_contract(visit.means.spine, visit.own.id, contract_id)
    return found or Refusal(Why.INVALID, "auth_id: no token of ours has it")


def misplaced(visit: Visit, **ids: str) -> Refusal | None:
    """Do the identifiers of a body agree with those of its path (R-32)?

    Args:
        ids: by their name in the path.
    """
    for name, value in ids.items():
        if not same(visit.call.path[name], value):
            return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    return None
