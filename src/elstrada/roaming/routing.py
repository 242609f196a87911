"""Where a request that came to a hub goes. Pure: nothing is looked up here, only decided.

Source: OCPI 2.3.0 transport_and_format, message routing; R-69 to R-71.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import PartyRole, Role

SENDER, RECEIVER = "SENDER", "RECEIVER"
_CPO, _EMSP = frozenset({Role.CPO}), frozenset({Role.EMSP})
OPEN = frozenset({Role.NSP, Role.NAP, Role.OTHER})
"""They tell everybody what they receive."""
SENDERS: Mapping[str, frozenset[Role]] = {
    "locations": frozenset({Role.CPO, Role.NAP}),
    "tariffs": frozenset({Role.CPO, Role.NAP}),
    "sessions": _CPO,
    "cdrs": _CPO,
    "tokens": _EMSP,
    "commands": frozenset({Role.EMSP, Role.PTP}),
    "chargingprofiles": frozenset({Role.SCSP, Role.EMSP}),
    "bookings": _CPO,
    "payments": frozenset({Role.PTP}),
    "invoicereconciliation": _CPO | _EMSP,
}
"""Who has the sender interface of a module, and so calls the receivers'."""
RECEIVERS: Mapping[str, frozenset[Role]] = {
    "locations": _EMSP | OPEN | {Role.PTP},
    "tariffs": _EMSP | OPEN | {Role.PTP},
    "sessions": _EMSP | {Role.SCSP, Role.PTP},
    "cdrs": _EMSP | {Role.PTP},
    "tokens": _CPO,
    "commands": _CPO,
    "chargingprofiles": _CPO,
    "bookings": _EMSP,
    "payments": _CPO,
    "invoicereconciliation": _CPO | _EMSP,
}
"""Who has the receiver interface, and so calls the senders'."""
SHARED = frozenset({"locations", "tariffs", "tokens"})
"""What may be told to all. Sessions and CDRs concern one party alone (R-69)."""


class Obstacle(StrEnum):
    """Why a hub passes something on to nobody."""

    NAMELESS = "NAMELESS"
    """Who speaks is not said, and the platform has several parties."""
    FOREIGN = "FOREIGN"
    """It is said to come from a party that is not the caller's (R-71)."""
    OUT_OF_PLACE = "OUT_OF_PLACE"
    """Whoever speaks has not the role for it, or the object is another's."""
    NOT_SHARED = "NOT_SHARED"
    """It would go to all, and may not."""
    WITHOUT_RECEIVER = "WITHOUT_RECEIVER"
    """It must say to whom it goes."""


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, without the body."""

    module: str
    interface: str
    """Which is called: SENDER or RECEIVER."""
    method: str
    is_list: bool = False
    """It asks for all objects of a module."""
    owner: PartyId | None = None
    """Of the object, if the path names it."""
    sender: PartyId | None = None
    receiver: PartyId | None = None
    is_mute: bool = False
    """Its version cannot say who speaks to whom (2.1.1)."""


class Forward(msgspec.Struct, frozen=True):
    """To this party."""

    sender: PartyId
    receiver: PartyId


class Search(msgspec.Struct, frozen=True):
    """To whomever it concerns: open routing."""

    sender: PartyId


class Broadcast(msgspec.Struct, frozen=True):
    """Kept, and told to all others whom it concerns."""

    sender: PartyId


class Copy(msgspec.Struct, frozen=True):
    """One object, as the hub was told it."""

    sender: PartyId


class Everything(msgspec.Struct, frozen=True):
    """All objects that the hub was told (GET ALL)."""

    sender: PartyId


class Barred(msgspec.Struct, frozen=True):
    obstacle: Obstacle
    message: str


Decision = Forward | Search | Broadcast | Copy | Everything | Barred


def decide(errand: Errand, roles: Iterable[PartyRole], hub: PartyId) -> Decision:
    """What becomes of an errand.

    Args:
        roles: with which the caller registered: its token says who it is, headers only choose.
    """
    known = tuple(roles)
    sender = errand.sender or _only(known)
    if sender is None:
        return Barred(Obstacle.NAMELESS, "OCPI-from: you speak for several parties; say for which")
    held = {entry.role for entry in known if entry.party == sender}
    if not held:
        return Barred(Obstacle.FOREIGN, f"OCPI-from: {sender} is not among your roles (R-71)")
    if not held & callers(errand.module, errand.interface):
        return Barred(Obstacle.OUT_OF_PLACE, f"{errand.module} is not for your role")
    if errand.interface == RECEIVER and errand.owner not in (None, sender):
        return Barred(Obstacle.OUT_OF_PLACE, "no such object")
    if errand.receiver not in (None, hub):
        return Forward(sender, errand.receiver)
    return _unaddressed(errand, sender, is_to_hub=errand.receiver == hub)


def callers(module: str, interface: str) -> frozenset[Role]:
    """The roles that call an interface of a module."""
    return (SENDERS if interface == RECEIVER else RECEIVERS).get(module, frozenset())


def servers(module: str, interface: str) -> frozenset[Role]:
    """The roles that have an interface of a module."""
    return (RECEIVERS if interface == RECEIVER else SENDERS).get(module, frozenset())


def audience(roles: Iterable[PartyRole], module: str, *, is_public: bool) -> list[PartyId]:
    """The parties of a platform that a broadcast goes to.

    Args:
        is_public: everybody may know it; what is not goes to none who tell everybody (R-39).
    """
    wanted = servers(module, RECEIVER) - (frozenset() if is_public else OPEN)
    return sorted({entry.party for entry in roles if entry.role in wanted})


def _unaddressed(errand: Errand, sender: PartyId, *, is_to_hub: bool) -> Decision:
    """What is said to the hub itself, or to nobody in particular."""
    is_shared = errand.module in SHARED
    if errand.interface == SENDER and errand.method == "GET" and errand.is_list:
        if not is_to_hub and not errand.is_mute:
            return Barred(Obstacle.WITHOUT_RECEIVER, "OCPI-to: a list is asked of a party, or of the hub")
        if not is_shared:
            return Barred(Obstacle.NOT_SHARED, f"{errand.module} are listed by the party whose they are")
        return Everything(sender)
    if errand.interface == SENDER or not is_shared:
        if is_to_hub and errand.interface == RECEIVER:
            return Barred(
                Obstacle.NOT_SHARED, f"{errand.module} are for one party and never broadcast (R-69)"
            )
        return Search(sender)
    return Copy(sender) if errand.method == "GET" else Broadcast(sender)


def _only(roles: tuple[PartyRole, ...]) -> PartyId | None:
    parties = {entry.party for entry in roles}
    return parties.pop() if len(parties) == 1 else None
