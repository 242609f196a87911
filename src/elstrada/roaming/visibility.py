"""Which peer may see, and gets, which object.

Locations and tariffs go to those who show them to drivers; sessions and CDRs only to the party that
issued the token (they are personal data); tokens to those who run stations.
Source: OCPI 2.2.1 topology, mod_locations (publish); R-39.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from elstrada.model.ids import PartyId
from elstrada.model.location import Location, PublishToken
from elstrada.model.party import Peer, PeerState, Role
from elstrada.model.token import Token

EMSP_LIKE = frozenset({Role.EMSP, Role.NSP, Role.NAP, Role.OTHER, Role.PTP})
"""They receive locations and tariffs."""
INVOICED = frozenset({Role.CPO, Role.EMSP})
"""They invoice each other for sessions: the CPO (direct billing) or the eMSP (reverse billing)."""
PAYERS = frozenset({Role.EMSP, Role.PTP})
"""Who answers for what is charged: by tokens that they issue, or for cards shown at their terminals."""
_PUBLIC_ONLY = frozenset({Role.NSP, Role.NAP, Role.OTHER})
"""They tell everybody what they receive."""


def listens(peer: Peer, module: str) -> bool:
    """Is the peer registered, and does it take pushes of this module?"""
    return peer.state is PeerState.ACTIVE and any(
        endpoint.identifier == module and endpoint.role == "RECEIVER" for endpoint in peer.endpoints
    )


def hears_profiles(peer: Peer) -> bool:
    """Is the peer registered, and does it want to hear what limits sessions that it has a say in?"""
    return peer.state is PeerState.ACTIVE and any(
        endpoint.identifier == "chargingprofiles" and endpoint.role == "SENDER" for endpoint in peer.endpoints
    )


def hears_of_bookable(peer: Peer) -> bool:
    """Is the peer told what can be booked? A hub is not: only locations, tariffs and tokens are for all behind it."""
    return peer.hub is None and listens(peer, "bookings")


def parties_of(peer: Peer, roles: Iterable[Role]) -> frozenset[PartyId]:
    """The peer's parties that have one of these roles."""
    wanted = frozenset(roles)
    return frozenset(entry.party for entry in peer.roles if entry.role in wanted)


def is_hub(peer: Peer) -> bool:
    """Does the peer route for others, and may it tell us of them?"""
    return peer.hub is not None


class Audience(StrEnum):
    """Whom a location is for. It stands in a column of its record, so that a list need not look at the others."""

    PUBLIC = "public"
    NAMED = "named"
    """Unpublished, for drivers it names: their eMSP needs it, open data does not."""
    NOBODY = "nobody"
    """Unpublished, and names nobody, such as a private charge point: it goes to no peer."""


def viewers_of(peer: Peer) -> frozenset[PartyId]:
    """The peer's parties that are told of locations and tariffs; a hub itself stands for all behind it."""
    return parties_of(peer, EMSP_LIKE) if peer.hub is None else frozenset((peer.hub,))


def audience_of(location: Location) -> Audience:
    if location.publish:
        return Audience.PUBLIC
    return Audience.NAMED if location.publish_allowed_to else Audience.NOBODY


def audiences_of(peer: Peer) -> tuple[Audience, ...]:
    """Whose locations the peer may have: what ``may_see_location`` says of one."""
    if peer.hub is not None:
        return (Audience.PUBLIC,)  # It is told to all who are behind the hub.
    roles = {entry.role for entry in peer.roles} & EMSP_LIKE
    if not roles:
        return ()
    return (Audience.NAMED, Audience.PUBLIC) if roles - _PUBLIC_ONLY else (Audience.PUBLIC,)


def may_see_location(peer: Peer, location: Location) -> bool:
    """May the peer have this location of ours?"""
    return audience_of(location) in audiences_of(peer)


def may_see_tariffs(peer: Peer) -> bool:
    return peer.hub is not None or any(entry.role in EMSP_LIKE for entry in peer.roles)


def may_see_sessions_of(peer: Peer, token_party: PartyId | None) -> bool:
    """May the peer have sessions and CDRs of tokens that this party issued?"""
    if token_party is None:
        return False
    # Whom a hub reaches changes while it is up; it refuses what is for nobody behind it.
    return token_party in parties_of(peer, PAYERS) or (peer.hub is not None and token_party != peer.owner)


def may_see_invoices_to(peer: Peer, party: PartyId) -> bool:
    """May the peer have what invoices to this party cover? Either side may invoice the other."""
    return party in parties_of(peer, INVOICED)


def may_see_tokens(peer: Peer) -> bool:
    return peer.hub is not None or any(entry.role is Role.CPO for entry in peer.roles)


def shown_to(location: Location, token: Token | None) -> bool:
    """May a driver with this token (None: nobody we know) be shown the location?"""
    if location.publish:
        return True
    return token is not None and any(_names(entry, token) for entry in location.publish_allowed_to)


def _names(entry: PublishToken, token: Token) -> bool:
    """Does an entry of publish_allowed_to mean this token? All that it says must fit; saying nothing fits nobody.

    Source: OCPI 2.2.1 mod_locations, PublishTokenType: a visual number or group needs its issuer.
    """
    said = (
        (entry.uid, token.uid),
        (entry.type, token.type),
        (entry.visual_number, token.visual_number),
        (entry.issuer, token.issuer),
        (entry.group_id, token.group_id),
    )
    meant = [(wanted, found) for wanted, found in said if wanted is not None]
    identifies = entry.uid is not None or (
        entry.issuer is not None and (entry.visual_number is not None or entry.group_id is not None)
    )
    return identifies and all(
        found is not None and wanted.casefold() == found.casefold() for wanted, found in meant
    )
