"""Verbs on one partner: what is known of it, and what its platform does otherwise than the standard has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.party import Peer, PeerState
from elstrada.model.peer_quirk import PeerQuirk, finding_of
from elstrada.ocpi.registration import renamed
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, line_of, needed, own_party
from elstrada.roles.desk.shapes import in_one_line
from elstrada.roles.quirks.peers import peer_quirks
from elstrada.roles.roaming.conduct import source
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work

MOST_FINDINGS = 100
_WORDS = {"on": True, "off": False}
_Partner = Annotated[str, Meta(description="Our name for the connection.")]
_Own = Annotated[str | None, Meta(description="Our party; needed only if there are several.")]


class ShowPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    party: _Own = None


class QuirkPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    quirk: Annotated[
        tuple[Annotated[str, Meta(max_length=60)], ...],
        Meta(description="NAME=on or NAME=off; repeatable. See `partner quirks`."),
    ]
    party: _Own = None


class ListPartnerQuirks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class PartnerQuirk(msgspec.Struct, frozen=True, kw_only=True):
    """A switch."""

    name: str
    reason: str
    """What such a partner does."""
    does: str
    """What we do about it when it is on."""
    sources: tuple[str, ...]


class PartnerFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What it sent that strays from the standard."""

    code: str
    count: int
    sample: str
    first_at: datetime
    last_at: datetime


class PartnerCard(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    partner: str
    state: PeerState
    version: str | None
    versions_url: str | None
    speaks_for: tuple[str, ...]
    modules: tuple[str, ...]
    """It offers, with its side of each."""
    quirks: tuple[str, ...]
    """Switched on."""
    suggested: tuple[str, ...]
    """That it shows, and that are off."""
    findings: tuple[PartnerFinding, ...]
    """The latest first."""
    changed_at: datetime


async def show_partner(desk: Desk, params: ShowPartner) -> PartnerCard:
    """Show a connection: who it is, what it offers, and how well it keeps to the standard."""
    peer, _ = await _peer(desk, params)
    return await _card(desk, peer)


async def quirk_partner(desk: Desk, params: QuirkPartner) -> PartnerCard:
    """Say what a partner's platform does otherwise; it holds from the next request on."""
    said = dict(_said(text) for text in params.quirk)
    if not said:
        raise Refused(Kind.USAGE, "no quirk is named", "add NAME=on or NAME=off", "/quirk")
    peer, row = await _peer(desk, params)
    kept = {quirk for quirk in PeerQuirk if said.get(quirk, peer.has(quirk))}
    changed = replace(peer, quirks=tuple(quirk for quirk in PeerQuirk if quirk in kept))
    if changed.has(PeerQuirk.MODULE_NAMES):
        changed = replace(changed, endpoints=renamed(changed.endpoints))
    columns: Row = {"owner": str(peer.owner), "peer_id": peer.id, "document": document(changed)}
    await desk.spine.commit(Work(writes=(Put(t.peer, columns, {"document": row["document"]}),)))
    return await _card(desk, changed)


async def list_quirks(desk: Desk, params: ListPartnerQuirks) -> tuple[PartnerQuirk, ...]:
    return tuple(
        PartnerQuirk(name=row.name.value, reason=row.reason, does=row.does, sources=row.sources)
        for row in peer_quirks()
    )


# --- below ------------------------------------------------------------------------------------------


def _said(text: str) -> tuple[PeerQuirk, bool]:
    name, _, word = text.partition("=")
    if word not in _WORDS:
        raise Refused(Kind.USAGE, f"{text!r} is not NAME=on or NAME=off", pointer="/quirk")
    if name not in frozenset(PeerQuirk):
        raise Refused(Kind.MISSING, f"there is no quirk {name!r}", "see `elstrada partner quirks`", "/quirk")
    return PeerQuirk(name), _WORDS[word]


async def _peer(desk: Desk, params: ShowPartner | QuirkPartner) -> tuple[Peer, Row]:
    owner = str((await own_party(desk, params.party)).id)
    what = f"partner {params.partner[:36]!r} of {owner}"
    row = await needed(desk, t.peer, what, "see `elstrada partner list`", owner=owner, peer_id=params.partner)
    return msgspec.json.decode(str(row["document"]), type=Peer), row


async def _card(desk: Desk, peer: Peer) -> PartnerCard:
    where = {"source": source(peer.owner, peer.id)}
    rows = await desk.spine.find(t.finding, where, order=("-last_at",), limit=MOST_FINDINGS)
    met = {str(row["code"]) for row in rows}
    return PartnerCard(
        party=str(peer.owner),
        partner=peer.id,
        state=peer.state,
        version=peer.version,
        versions_url=peer.versions_url,
        speaks_for=tuple(f"{entry.party} {entry.role.value}" for entry in peer.roles),
        modules=tuple(f"{one.identifier} {one.role.lower()}".strip() for one in peer.endpoints),
        quirks=tuple(quirk.value for quirk in peer.quirks),
        suggested=tuple(one.value for one in PeerQuirk if finding_of(one) in met and not peer.has(one)),
        findings=tuple(line_of(PartnerFinding, row) for row in rows),
        changed_at=peer.changed_at,
    )


# --- for people -------------------------------------------------------------------------------------


def _shown(card: PartnerCard) -> str:
    return "\n".join(in_one_line(line) for line in _lines(card))


def _lines(card: PartnerCard) -> Iterator[str]:
    yield f"{card.partner} of {card.party}: {card.state.value}, OCPI {card.version or 'not known yet'}"
    yield f"  versions    {card.versions_url or 'not known yet'}"
    yield f"  speaks for  {', '.join(card.speaks_for) or 'nobody yet'}"
    yield f"  offers      {', '.join(card.modules) or 'nothing yet'}"
    yield f"  quirks      {', '.join(card.quirks) or 'none'}"
    for name in card.suggested:
        yield f"  does {name}, which is off: see `elstrada partner quirks`"
    for one in card.findings:
        yield f"  {one.count} x {one.code}: {one.sample}"


SHOW = Verb(
    "partner show",
    "Show a roaming connection: whom it speaks for, what it offers, its quirks and findings.",
    ShowPartner,
    PartnerCard,
    show_partner,
    show=_shown,
    reads=True,
)
QUIRK = Verb(
    "partner quirk",
    "Say what a partner's platform does otherwise than the standard has it.",
    QuirkPartner,
    PartnerCard,
    quirk_partner,
    show=_shown,
)
QUIRKS = Verb(
    "partner quirks",
    "Show all quirks of partners' platforms that can be put up with.",
    ListPartnerQuirks,
    tuple[PartnerQuirk, ...],
    list_quirks,
    reads=True,
)
VERBS = (SHOW, QUIRK, QUIRKS)
