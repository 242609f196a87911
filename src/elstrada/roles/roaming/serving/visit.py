"""A visit: one call of one caller, with what the office knows of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Party, Peer, Role
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import module_path
from elstrada.ocpi.scalars import party, same
from elstrada.ocpi.server import Call, Refusal, Result
from elstrada.ocpi.versions import PREFIX
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.callbacks import Callbacks
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.registrar import Registrar
from elstrada.roles.roaming.stock import Stock
from elstrada.spine.face import AnyOf, Between, Cell


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    means: Means
    stock: Stock
    registrar: Registrar
    callbacks: Callbacks
    commander: Commander
    own: Party
    """The party of ours that the caller deals with, by its token."""
    peer: Peer
    version: str
    call: Call

    @property
    def owner(self) -> str:
        return str(self.own.id)

    @property
    def list_url(self) -> str:
        """The public address of the list that was called."""
        return f"{self.means.public_url}{PREFIX}/{self.version}/{module_path(self.call.endpoint)}"

    def parties(self, role: Role) -> frozenset[PartyId]:
        """The caller's parties in a role: all, or the one its headers select among them (T18)."""
        registered = parties_of(self.peer, (role,))
        chosen = self.call.routing.from_party
        return registered if chosen is None else registered & {chosen}

    def between(self) -> Between:
        """The dates that a list asks for."""
        window = self.call.window
        assert window is not None, f"{self.call.endpoint.name} is not paged"
        return Between(window.date_from, window.date_to)


Handler = Callable[[Visit], Awaitable[Result]]

NOT_HERE = Refusal(Why.NOT_FOUND, "no such object")
"""To whoever asks for what is not there, or not theirs to know of: the same words (T18)."""


def any_of(parties: frozenset[PartyId]) -> AnyOf:
    values: tuple[Cell, ...] = tuple(sorted(str(party) for party in parties))
    return AnyOf(values)


def owner_in_path(visit: Visit) -> PartyId:
    """The party of an owned object's path; the office has let only the caller's own through."""
    return party(visit.call.path["country_code"], visit.call.path["party_id"])


def misplaced(visit: Visit, **ids: str) -> Refusal | None:
    """Do the identifiers of a body agree with those of its path (R-32)?

    Args:
        ids: by their name in the path.
    """
    for name, value in ids.items():
        if not same(visit.call.path[name], value):
            return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    return None
