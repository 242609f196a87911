"""Two platforms meet: the handshake of both sides as pure steps (R-04 to R-12).

``discover`` is a conversation without a socket: it yields what to send and is given what came back.
The side that starts runs it with token A; the side that is asked runs it with token B before it
answers (R-08). ``may_register`` and the like decide what a state allows.

Source: OCPI 2.2.1 credentials, version_information_endpoint.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

import msgspec

from elstrada.model.party import BusinessDetails, Party, PartyRole, PeerEndpoint, PeerState, Role
from elstrada.ocpi import versions
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Outcome, Received, Sending, Silent, describe, object_of, objects_of
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.scalars import party
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.v221 import common
from elstrada.ocpi.v221.credentials import Credentials, CredentialsRole
from elstrada.ocpi.v221.versions import Version, VersionDetails

CREDENTIALS = "credentials"
SIDES: dict[Role, Side] = {
    Role.CPO: Side.CPO,
    Role.EMSP: Side.EMSP,
    Role.NSP: Side.EMSP,
    Role.NAP: Side.EMSP,
    Role.OTHER: Side.EMSP,
}
"""Which interfaces a role has. NSP, NAP and OTHER receive as an eMSP does (OCPI 2.2.1, broadcast push)."""
_MAX_VERSIONS, _MAX_ENDPOINTS, _MAX_ROLES = 50, 200, 1000


class Discovered(msgspec.Struct, frozen=True):
    """What a peer's versions say."""

    version: str
    endpoints: tuple[PeerEndpoint, ...]


class Unanswered(Refusal, frozen=True):
    """The peer gave no answer at all."""


Conversation = Generator[Sending, Outcome, Discovered | Refusal]
"""Yields what to send, is sent what came back, returns how it ended."""


def discover(versions_url: str) -> Conversation:
    """Find the best mutual version of a peer and its endpoints."""
    answer = yield Sending(endpoint=versions.GET_VERSIONS, base=versions_url)
    chosen = _choose(answer)
    if isinstance(chosen, Refusal):
        return chosen
    answer = yield Sending(endpoint=versions.GET_DETAILS, base=chosen.url)
    return _details(answer, chosen.version)


def endpoint_url(endpoints: Iterable[PeerEndpoint], module: str, role: str) -> str | None:
    """A peer's address for a module, chosen by identifier and role (R-12).

    The role of credentials means nothing. Identifiers compare without case.
    """
    for candidate in endpoints:
        same_role = module == CREDENTIALS or candidate.role.upper() == role.upper()
        if candidate.identifier.lower() == module.lower() and same_role:
            return candidate.url
    return None


def may(method: str, state: PeerState) -> Refusal | None:
    """Does the state of a registration allow a method on credentials? None means yes (R-06)."""
    registered = state is PeerState.ACTIVE
    if method == "POST" and registered:
        return Refusal(Why.NOT_ALLOWED, "already registered; PUT renews")
    if method in ("PUT", "DELETE") and not registered:
        return Refusal(Why.NOT_ALLOWED, "not registered; POST registers")
    return None


def read_roles(credentials: Credentials) -> tuple[PartyRole, ...] | Refusal:
    """The parties that a platform speaks for; each role of a party once (R-09)."""
    if not 0 < len(credentials.roles) <= _MAX_ROLES:
        return Refusal(Why.INVALID, f"roles: expected 1 to {_MAX_ROLES}, got {len(credentials.roles)}")
    roles: list[PartyRole] = []
    for index, entry in enumerate(credentials.roles):
        try:
            role = PartyRole(party(entry.country_code, entry.party_id), Role(entry.role), _business(entry))
        except ValueError as problem:
            return Refusal(Why.INVALID, f"roles/{index}: {problem}")
        if any((known.party, known.role) == (role.party, role.role) for known in roles):
            return Refusal(Why.INVALID, f"roles/{index}: {role.party} is {role.role.value} twice")
        roles.append(role)
    return tuple(roles)


def write_credentials(own: Party, token: str, versions_url: str) -> Credentials:
    """Our credentials for a peer: the token it must show us."""
    business = common.BusinessDetails(own.business.name, own.business.website)
    roles = tuple(
        CredentialsRole(
            role=role.value,
            business_details=business,
            party_id=own.id.party_id,
            country_code=own.id.country_code,
        )
        for role in own.roles
    )
    return Credentials(token=token, url=versions_url, roles=roles)


def sides_of(roles: Iterable[Role]) -> tuple[Side, ...]:
    """The interfaces that a party with these roles has."""
    return tuple(dict.fromkeys(SIDES[role] for role in roles if role in SIDES))


def _choose(answer: Outcome) -> Version | Refusal:
    if not isinstance(answer, Received):
        return _unusable("versions", answer)
    offered, _ = objects_of(answer, Version)
    best = versions.best_mutual(version.version for version in offered[:_MAX_VERSIONS])
    if best is None:
        spoken = ", ".join(versions.TABLES)
        return Refusal(Why.UNSUPPORTED_VERSION, f"no common version; we speak {spoken}")
    return next(version for version in offered if version.version == best)


def _details(answer: Outcome, version: str) -> Discovered | Refusal:
    if not isinstance(answer, Received):
        return _unusable(f"details of {version}", answer)
    try:
        details = object_of(answer, VersionDetails)
    except Mismatch as problem:
        return Refusal(Why.CANNOT_USE_CLIENT, f"details of {version}: {problem}")
    endpoints = tuple(
        PeerEndpoint(entry.identifier.lower(), entry.role.upper(), entry.url)
        for entry in details.endpoints[:_MAX_ENDPOINTS]
        if entry.url
    )
    if endpoint_url(endpoints, CREDENTIALS, "") is None:
        return Refusal(Why.NO_ENDPOINTS, f"details of {version} name no credentials endpoint")
    return Discovered(version, endpoints)


def _unusable(what: str, answer: Outcome) -> Refusal:
    kind = Unanswered if isinstance(answer, Silent) else Refusal
    return kind(Why.CANNOT_USE_CLIENT, f"{what}: {describe(answer)}")


def _business(entry: CredentialsRole) -> BusinessDetails:
    details = entry.business_details
    return BusinessDetails(details.name, details.website, details.logo.url if details.logo else None)
