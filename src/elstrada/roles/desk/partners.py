"""Verbs on roaming connections."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import Peer, PeerState
from elstrada.roles.desk import partner_bookings, partner_profiles, partner_reservations
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party, plain_id
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.roaming.registrar import NotRegistered
from elstrada.spine import tables as t
from elstrada.spine.face import Row

MOST_LISTED = 10_000
_Own = Annotated[str | None, Meta(description="Our party; needed only if there are several.")]
_Name = Annotated[str, Meta(description="Our name for the connection.")]


class AddPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Name
    party: _Own = None


class Handshake(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Name
    url: Annotated[str, Meta(max_length=255, description="The partner's versions URL.")]
    token: Annotated[
        str,
        Meta(
            min_length=1, max_length=64, description="The token A it gave us; - reads it from standard input."
        ),
    ]
    party: _Own = None


class ListPartners(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Only those of this party of ours.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = MOST_LISTED
    after: After = None


class Invitation(msgspec.Struct, frozen=True):
    party: str
    partner: str
    versions_url: str
    """What the partner needs beside the token."""
    token: str
    """Token A, shown this once; it serves one registration (R-05)."""


class PartnerLine(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    partner: str
    state: PeerState
    version: str | None
    speaks_for: tuple[str, ...]
    versions_url: str | None
    changed_at: datetime


async def add_partner(desk: Desk, params: AddPartner) -> Invitation:
    """Invite a partner: it registers with the token and the address shown."""
    assert desk.registrar is not None, "the table says that this verb needs the registrar"
    owner = (await own_party(desk, params.party)).id
    partner = plain_id(params.partner, what="a partner's name", pointer="/partner")
    try:
        token = await desk.registrar.invite(owner, partner)
    except NotRegistered as problem:
        raise Refused(Kind.CONFLICT, str(problem), "see `elstrada partner list`", "/partner") from None
    return Invitation(str(owner), partner, desk.versions_url, token)


async def handshake(desk: Desk, params: Handshake) -> PartnerLine:
    """Register with a partner that gave us a token A."""
    assert desk.registrar is not None, "the table says that this verb needs the registrar"
    owner = (await own_party(desk, params.party)).id
    partner = plain_id(params.partner, what="a partner's name", pointer="/partner")
    if re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", params.url) is None:
        says = f"not a versions URL: {params.url[:80]!r}; expected like https://partner.example/ocpi/versions"
        raise Refused(Kind.USAGE, says, pointer="/url")
    try:
        return _line(await desk.registrar.register(owner, partner, params.url, params.token))
    except NotRegistered as problem:
        if problem.unreachable:
            hint = "nothing is registered; see whether the address is right and the partner is up"
            raise Refused(Kind.UNREACHABLE, str(problem), hint, "/url") from None
        hint = "nothing is registered; ask the partner for a new token A if it has used up this one"
        raise Refused(Kind.REFUSED, str(problem), hint) from None


async def list_partners(desk: Desk, params: ListPartners) -> Page[PartnerLine]:
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "peer_id")
    rows = await page_of(desk, t.peer, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _line(_peer(row)))


def _peer(row: Row) -> Peer:
    return msgspec.json.decode(str(row["document"]), type=Peer)


def _line(peer: Peer) -> PartnerLine:
    return PartnerLine(
        party=str(peer.owner),
        partner=peer.id,
        state=peer.state,
        version=peer.version,
        speaks_for=tuple(f"{entry.party} {entry.role.value}" for entry in peer.roles),
        versions_url=peer.versions_url,
        changed_at=peer.changed_at,
    )


VERBS = (
    Verb(
        "partner add",
        "Invite a partner; its token is shown once.",
        AddPartner,
        Invitation,
        add_partner,
        Part.REGISTRAR,
        note="The token is shown this once: give it to the partner now, by a safe way.",
    ),
    Verb(
        "partner handshake",
        "Register with a partner that invited us.",
        Handshake,
        PartnerLine,
        handshake,
        Part.REGISTRAR,
    ),
    Verb(
        "partner list",
        "List roaming connections.",
        ListPartners,
        tuple[PartnerLine, ...],
        list_partners,
        reads=True,
    ),
    *partner_reservations.VERBS,
    *partner_profiles.VERBS,
    *partner_bookings.VERBS,
)
