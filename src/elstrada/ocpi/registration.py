"""Two platforms meet: the handshake of both sides as pure steps (R-04 to R-12).

``discover`` is a conversation without a socket: it yields what to send and is given what came back.
The side that starts runs it with token A; the side that is asked runs it with token B before it
answers (R-08). ``may_register`` and the like decide what a state allows.

In 2.1.1 neither endpoints nor credentials name a role. It follows from ours, as the market has two
sides, and where we are both, from the side that the peer's addresses name.

Source: OCPI 2.2.1 and 2.1.1 credentials, version_information_endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from urllib.parse import urlsplit

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, Party, PartyRole, PeerEndpoint, PeerState, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi import versions
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Declined, Outcome, Received, Sending, Silent, describe, object_of, objects_of
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Interface, Side
from elstrada.ocpi.language import Language
from elstrada.ocpi.scalars import party
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.v211 import credentials as v211
from elstrada.ocpi.v221 import common
from elstrada.ocpi.v221.credentials import Credentials, CredentialsRole
from elstrada.ocpi.v221.versions import EndpointUrl, Version, VersionDetails
from elstrada.ocpi.v230 import credentials as v230

CREDENTIALS = "credentials"
PAYMENTS = "payments"
SIDES: dict[Role, tuple[Side, ...]] = {
    Role.CPO: (Side.CPO,),
    Role.EMSP: (Side.EMSP,),
    Role.NSP: (Side.EMSP,),
    Role.NAP: (Side.EMSP,),
    Role.OTHER: (Side.EMSP,),
    Role.PTP: (Side.EMSP, Side.PTP),
}
"""Which interfaces a role has. NSP, NAP and OTHER receive as an eMSP does (OCPI 2.2.1, broadcast push), and so
does a PTP, which has payment terminals besides (OCPI 2.3.0 mod_payments)."""
MARKET = (Side.CPO, Side.EMSP)
"""The two sides that 2.1.1 knows, each with addresses of its own."""
_FACED: dict[Side, Side] = {Side.CPO: Side.EMSP, Side.EMSP: Side.CPO}
_ROLES: dict[Side, Role] = {Side.CPO: Role.CPO, Side.EMSP: Role.EMSP}
_SEGMENTS: dict[Side, frozenset[str]] = {Side.CPO: frozenset({"cpo"}), Side.EMSP: frozenset({"emsp", "msp"})}
"""By which an address names its side, as those of the standard's examples do."""
_OF_EMSP = frozenset({"tokens", "commands"})
"""Modules whose objects are the eMSP's; all others of 2.1.1 are the CPO's."""
_ALIASES = {"booking": "bookings"}
_MAX_VERSIONS, _MAX_ENDPOINTS, _MAX_ROLES = 50, 200, 1000


class Discovered(msgspec.Struct, frozen=True):
    """What a peer's versions say."""

    version: str
    endpoints: tuple[PeerEndpoint, ...]


class Unanswered(Refusal, frozen=True):
    """The peer gave no answer at all."""


AnyCredentials = Credentials | v211.Credentials

Conversation = Generator[Sending, Outcome, Discovered | Refusal]
"""Yields what to send, is sent what came back, returns how it ended."""


def discover(
    versions_url: str,
    spoken: Iterable[str],
    sides: Iterable[Side] = (),
    *,
    plain: bool = False,
    quirks: Collection[PeerQuirk] = (),
) -> Conversation:
    """Find the best mutual version of a peer and its endpoints.

    Args:
        spoken: the versions that we want to speak with it.
        sides: of the market, on which we meet it.
        plain: try the token as 2.1.1 shows it first. As long as the peer's version is not known, the
            other form is tried as well, if 2.1.1 is spoken at all (R-02).
        quirks: of the peer, as far as they are known before it is.
    """
    wanted, raw = tuple(spoken), PeerQuirk.RAW_TOKEN_SHOWN in quirks
    plain = plain or raw
    forms = (plain, not plain) if any(versions.language(each).plain_token for each in wanted) else (False,)
    answer = yield from _ask(Sending(endpoint=versions.GET_VERSIONS, base=versions_url), forms)
    chosen = _choose(answer, wanted)
    if isinstance(chosen, Refusal):
        return chosen
    words = versions.language(chosen.version)
    forms = (True, False) if words.plain_token or raw else (False,)
    answer = yield from _ask(Sending(endpoint=versions.GET_DETAILS, base=chosen.url), forms)
    found = _details(answer, words, tuple(sides))
    if isinstance(found, Refusal) or PeerQuirk.MODULE_NAMES not in quirks:
        return found
    return msgspec.structs.replace(found, endpoints=renamed(found.endpoints))


def renamed(endpoints: Iterable[PeerEndpoint]) -> tuple[PeerEndpoint, ...]:
    """The endpoints with the standard's identifiers, if they are those but for case and signs between letters."""
    return tuple(
        msgspec.structs.replace(one, identifier=_MODULES.get(_letters(one.identifier), one.identifier))
        for one in endpoints
    )


def misnamed(endpoints: Iterable[PeerEndpoint]) -> tuple[str, ...]:
    """Identifiers that are some module's, written otherwise."""
    return tuple(
        one.identifier
        for one in endpoints
        if _MODULES.get(_letters(one.identifier), one.identifier) != one.identifier
    )


def _letters(identifier: str) -> str:
    return "".join(filter(str.isalnum, identifier.lower()))


_MODULES = {_letters(one.module): one.module for table in versions.TABLES.values() for one in table}


def _ask(sending: Sending, forms: tuple[bool, ...]) -> Generator[Sending, Outcome, Outcome]:
    """Ask with the token in one form after the other, until the peer takes one."""
    for form in forms[:-1]:
        answer = yield msgspec.structs.replace(sending, plain=form)
        if not isinstance(answer, Declined):
            return answer
    return (yield msgspec.structs.replace(sending, plain=forms[-1]))


def endpoint_url(endpoints: Iterable[PeerEndpoint], module: str, role: str) -> str | None:
    """A peer's address for a module, chosen by identifier and role (R-12).

    The role of credentials means nothing. Identifiers compare without case.
    """
    for candidate in endpoints:
        same_role = module == CREDENTIALS or candidate.role.upper() == role.upper()
        if module_named(candidate.identifier) == module.lower() and same_role:
            return candidate.url
    return None


def module_named(identifier: str) -> str:
    """A module's identifier as we write it, in lower case. The text of bookings calls theirs ``Booking``."""
    told = identifier.lower()
    return _ALIASES.get(told, told)


def may(method: str, state: PeerState) -> Refusal | None:
    """Does the state of a registration allow a method on credentials? None means yes (R-06)."""
    registered = state is PeerState.ACTIVE
    if method == "POST" and registered:
        return Refusal(Why.NOT_ALLOWED, "already registered; PUT renews")
    if method in ("PUT", "DELETE") and not registered:
        return Refusal(Why.NOT_ALLOWED, "not registered; POST registers")
    return None


def read_roles(credentials: AnyCredentials, roles: Iterable[Role] = ()) -> tuple[PartyRole, ...] | Refusal:
    """The parties that a platform speaks for; each role of a party once (R-09).

    Args:
        roles: in which we meet it, for credentials that do not say.
    """
    if isinstance(credentials, v211.Credentials):
        return _flat_roles(credentials, roles)
    if not 0 < len(credentials.roles) <= _MAX_ROLES:
        return Refusal(Why.INVALID, f"roles: expected 1 to {_MAX_ROLES}, got {len(credentials.roles)}")
    found: list[PartyRole] = []
    for index, entry in enumerate(credentials.roles):
        try:
            of = party(entry.country_code, entry.party_id)
            role = PartyRole(of, Role(entry.role), _business(entry.business_details))
        except ValueError as problem:
            return Refusal(Why.INVALID, f"roles/{index}: {problem}")
        if any((known.party, known.role) == (role.party, role.role) for known in found):
            return Refusal(Why.INVALID, f"roles/{index}: {role.party} is {role.role.value} twice")
        found.append(role)
    return tuple(found)


def hub_of(credentials: AnyCredentials, roles: Iterable[PartyRole]) -> PartyId | None:
    """The party of a platform as a hub: as 2.3.0 names it, or in 2.2.1 by its role; None: it is no hub."""
    named = credentials.hub_party_id if isinstance(credentials, v230.Credentials) else None
    if named:
        try:
            return party(named[:2], named[2:])
        except ValueError:
            return None
    return next((entry.party for entry in roles if entry.role is Role.HUB), None)


def write_credentials(
    own: Party,
    token: str,
    versions_url: str,
    version: str = "2.2.1",
    reached: Iterable[PartyRole] = (),
    endpoints: Iterable[PeerEndpoint] = (),
    quirks: Collection[PeerQuirk] = (),
) -> AnyCredentials:
    """Our credentials for a peer: the token it must show us.

    Args:
        reached: the parties behind us, if we are a hub; from 2.3.0 on they are named.
        endpoints: of the peer, by which it is known what words it takes.
        quirks: of the peer, likewise.
    """
    business = common.BusinessDetails(own.business.name, own.business.website)
    if versions.language(version).sided:
        return v211.Credentials(
            token=token,
            url=versions_url,
            business_details=business,
            party_id=own.id.party_id,
            country_code=own.id.country_code,
        )
    roles = tuple(_written(own.id, role, business) for role in _told_roles(own.roles, endpoints, quirks))
    if Role.HUB in own.roles and version == "2.3.0":
        behind = (
            _written(
                entry.party, entry.role, common.BusinessDetails(entry.business.name, entry.business.website)
            )
            for entry in reached
        )
        # It must have one at least, and HUB is none there: a hub with nobody behind it names itself as OTHER.
        roles = tuple(behind)[:_MAX_ROLES] or (_written(own.id, Role.OTHER, business),)
        hub = own.id.country_code + own.id.party_id
        return v230.Credentials(token=token, url=versions_url, roles=roles, hub_party_id=hub)
    return Credentials(token=token, url=versions_url, roles=roles)


def _told_roles(
    roles: Iterable[Role], endpoints: Iterable[PeerEndpoint], quirks: Collection[PeerQuirk]
) -> tuple[Role, ...]:
    """Our roles in words that the peer takes: no edition's enum has PTP, so only who serves PTPs is told it.

    Everybody else hears OTHER, which is what the enum has for a role that it does not name.
    """
    serves_ptp = endpoint_url(endpoints, PAYMENTS, Interface.RECEIVER.value) is not None
    takes_ptp = serves_ptp and PeerQuirk.PTP_AS_OTHER not in quirks
    told = (Role.OTHER if role is Role.PTP and not takes_ptp else role for role in roles)
    return tuple(dict.fromkeys(told))


def credentials_of(received: Received, version: str) -> AnyCredentials:
    """A peer's credentials in its answer.

    Raises:
        Mismatch: another shape.
    """
    if version == "2.3.0":
        return object_of(received, v230.Credentials)
    return object_of(received, v211.Credentials if versions.language(version).sided else Credentials)


def roles_met(sides: Iterable[Side], endpoints: Iterable[PeerEndpoint] = ()) -> tuple[Role, ...]:
    """The roles of a peer that does not name any: the other side of the market than ours.

    Args:
        sides: on which we meet it.
        endpoints: of the peer, which narrow it down where we are on both.
    """
    facing = [_FACED[side] for side in dict.fromkeys(sides) if side in _FACED]
    offered = {
        side for found in endpoints for side in facing if found.role == _interface(found.identifier, side)
    }
    return tuple(_ROLES[side] for side in facing if not offered or side in offered)


def sides_of(roles: Iterable[Role]) -> tuple[Side, ...]:
    """The interfaces that a party with these roles has. A hub has all: it stands for whoever is behind it."""
    named = tuple(roles)
    if Role.HUB in named:
        return tuple(side for side in Side if side is not Side.NONE)
    return tuple(dict.fromkeys(side for role in named for side in SIDES.get(role, ())))


def lacking(roles: Iterable[Role]) -> frozenset[str]:
    """Modules of its sides that a party with these roles has no use for: a PTP issues no tokens."""
    return frozenset({"tokens"}) if set(roles) == {Role.PTP} else frozenset()


def hub_or_not(roles: Iterable[Role]) -> frozenset[bool]:
    """Whether a party with these roles is a hub (True), something else (False), or both."""
    return frozenset(role is Role.HUB for role in roles)


def _choose(answer: Outcome, spoken: tuple[str, ...]) -> Version | Refusal:
    if not isinstance(answer, Received):
        return _unusable("versions", answer)
    offered, _ = objects_of(answer, Version)
    best = versions.best_mutual((version.version for version in offered[:_MAX_VERSIONS]), spoken)
    if best is None:
        return Refusal(Why.UNSUPPORTED_VERSION, f"no common version; we speak {', '.join(spoken)}")
    return next(version for version in offered if version.version == best)


def _details(answer: Outcome, words: Language, sides: tuple[Side, ...]) -> Discovered | Refusal:
    version = words.version
    if not isinstance(answer, Received):
        return _unusable(f"details of {version}", answer)
    try:
        details = object_of(answer, VersionDetails)
    except Mismatch as problem:
        return Refusal(Why.CANNOT_USE_CLIENT, f"details of {version}: {problem}")
    endpoints = tuple(
        endpoint
        for entry in details.endpoints[:_MAX_ENDPOINTS]
        if entry.url
        for endpoint in (_unsided(entry, sides) if words.sided else (_named(entry, entry.role),))
    )
    if endpoint_url(endpoints, CREDENTIALS, "") is None:
        return Refusal(Why.NO_ENDPOINTS, f"details of {version} name no credentials endpoint")
    return Discovered(version, endpoints)


def _named(entry: EndpointUrl, role: str) -> PeerEndpoint:
    return PeerEndpoint(module_named(entry.identifier), role.upper(), entry.url)


def _unsided(entry: EndpointUrl, sides: Iterable[Side]) -> tuple[PeerEndpoint, ...]:
    """An endpoint that names no role, as the interface of the side we face; of both if it can be either."""
    if entry.identifier.lower() == CREDENTIALS:
        return (_named(entry, ""),)
    facing = [_FACED[side] for side in dict.fromkeys(sides) if side in _FACED]
    segments = _segments(entry.url)
    named = [side for side in facing if _SEGMENTS[side].intersection(segments)]
    return tuple(_named(entry, _interface(entry.identifier.lower(), side)) for side in named or facing)


def _segments(url: str) -> list[str]:
    try:
        return urlsplit(url).path.lower().split("/")
    except ValueError:
        return []  # No address at all; nothing will ever be sent there.


def _interface(module: str, side: Side) -> str:
    """The interface of a module that a side of the market has: its objects are its own, or it keeps them."""
    owner = Side.EMSP if module in _OF_EMSP else Side.CPO
    return (Interface.SENDER if side is owner else Interface.RECEIVER).value


def _unusable(what: str, answer: Outcome) -> Refusal:
    kind = Unanswered if isinstance(answer, Silent) else Refusal
    return kind(Why.CANNOT_USE_CLIENT, f"{what}: {describe(answer)}")


def _written(of: PartyId, role: Role, business: common.BusinessDetails) -> CredentialsRole:
    return CredentialsRole(
        role=role.value, business_details=business, party_id=of.party_id, country_code=of.country_code
    )


def _flat_roles(credentials: v211.Credentials, roles: Iterable[Role]) -> tuple[PartyRole, ...] | Refusal:
    try:
        of = party(credentials.country_code, credentials.party_id)
    except ValueError as problem:
        return Refusal(Why.INVALID, f"party_id: {problem}")
    business = _business(credentials.business_details)
    return tuple(PartyRole(of, role, business) for role in roles)


def _business(details: common.BusinessDetails) -> BusinessDetails:
    return BusinessDetails(details.name, details.website, details.logo.url if details.logo else None)
