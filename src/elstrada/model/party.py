"""Parties and the roaming connections (peers) between them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.peer_quirk import PeerQuirk


class Role(StrEnum):
    """A market role. Source: OCPI 2.3.0 types; HUB and PTP are read in every version."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    PTP = "PTP"
    SCSP = "SCSP"


HUB_ALONE = "a hub has no other role: give what else you do on the market a party of its own"


def may_act_in(roles: Iterable[Role]) -> bool:
    """May one party have these roles together? A hub stands between others and is none of them."""
    named = set(roles)
    return Role.HUB not in named or len(named) == 1


class BusinessDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """Name and address of a business as shown to drivers."""

    name: str
    website: str | None = None
    logo_url: str | None = None


class Party(msgspec.Struct, frozen=True):
    """One of our own parties: whom this installation acts for."""

    id: PartyId
    roles: tuple[Role, ...]
    business: BusinessDetails
    currency: str = "EUR"
    """ISO 4217, of what it charges."""


class PartyRole(msgspec.Struct, frozen=True):
    """A role that a peer's credentials name."""

    party: PartyId
    role: Role
    business: BusinessDetails


class ConnectionStatus(StrEnum):
    """How a hub is connected to a party of its. Source: OCPI 2.2.1 mod_hub_client_info."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    """It has never been connected yet."""
    SUSPENDED = "SUSPENDED"
    """It is no longer active."""


class ClientInfo(msgspec.Struct, frozen=True):
    """What a hub tells of one role of a party that is connected to it."""

    party: PartyId
    role: Role
    status: ConnectionStatus
    last_updated: datetime


class ClientReason(StrEnum):
    """Why a party's status at a hub is as it is."""

    REGISTERED = "REGISTERED"
    ENDED = "ENDED"
    """Its registration ended, or it is no longer among its platform's roles."""
    HEARD = "HEARD"
    SILENT = "SILENT"
    """It did not answer when it was asked whether it lives."""
    OPERATOR = "OPERATOR"
    """An operator ordered it, so that nothing else changes it."""
    TOLD = "TOLD"
    """The hub said so."""
    UNLISTED = "UNLISTED"
    """The hub's list no longer has it."""


class PeerState(StrEnum):
    """Where a registration stands (one direction implies the other: OCPI registers both at once)."""

    INVITED = "INVITED"
    """We gave out token A and wait."""
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class PeerEndpoint(msgspec.Struct, frozen=True):
    """One module address from a peer's version details."""

    identifier: str
    """Module id, lower case."""
    role: str
    """SENDER or RECEIVER."""
    url: str


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A party's platform at the other end of OCPI, as one of our parties sees it. Holds no secret."""

    owner: PartyId
    """Our party."""
    id: str
    """Our name for the connection, unique per owner."""
    state: PeerState
    version: str | None = None
    """OCPI version in use."""
    versions_url: str | None = None
    roles: tuple[PartyRole, ...] = ()
    endpoints: tuple[PeerEndpoint, ...] = ()
    quirks: tuple[PeerQuirk, ...] = ()
    """What it does otherwise than the standard has it, as an operator said."""
    changed_at: datetime
    hub: PartyId | None = None
    """The peer's own party as a hub, through which others are reached; None: it is none."""

    def has(self, quirk: PeerQuirk) -> bool:
        return quirk in self.quirks
