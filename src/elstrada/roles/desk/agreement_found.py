"""Finding a partner that a command names, and what is agreed with it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.agreement import ALL_PARTIES, DEFAULT, Agreement
from elstrada.model.facts import AgreementEnded, AgreementMade
from elstrada.model.ids import PartyId, agreement_stream
from elstrada.model.party import Peer
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import needed, own_party, party_id
from elstrada.roles.roaming.agreements import agreement_in
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Row, Work

Partner = Annotated[str, Meta(description="Our name for the connection.")]
PartnerParty = Annotated[
    str | None, Meta(description="A party of the partner; by default all without an agreement of their own.")
]
OwnParty = Annotated[str | None, Meta(description="Our party; needed only if there are several.")]


async def partner(desk: Desk, named: str, party: str | None) -> tuple[PartyId, Peer]:
    """Our party, and its partner of that name."""
    owner = (await own_party(desk, party)).id
    what = f"partner {named[:36]!r} of {owner}"
    row = await needed(desk, t.peer, what, "see `elstrada partner list`", owner=str(owner), peer_id=named)
    return owner, msgspec.json.decode(str(row["document"]), type=Peer)


def with_party(peer: Peer, named: str | None) -> PartyId | None:
    """The partner's party that is named; None: all of them."""
    if named is None:
        return None
    wanted = party_id(named, pointer="/with_party")
    speaks_for = sorted({str(entry.party) for entry in peer.roles})
    if speaks_for and str(wanted) not in speaks_for:
        says = f"{peer.id} does not speak for {wanted}; it does for {', '.join(speaks_for)}"
        raise Refused(Kind.MISSING, says, "see `elstrada partner list`", "/with_party")
    return wanted


async def known(desk: Desk, owner: PartyId, peer_id: str, of: PartyId | None) -> tuple[Agreement, Row | None]:
    """What is agreed with that party: by itself, else with all, else by default."""
    for party in dict.fromkeys((str(of or ALL_PARTIES), ALL_PARTIES)):
        row = await desk.spine.get(t.agreement, owner=str(owner), peer_id=peer_id, party=party)
        if row is not None:
            return agreement_in(row), row
    return DEFAULT, None


async def say(desk: Desk, owner: PartyId, peer_id: str, fact: AgreementMade | AgreementEnded) -> None:
    """Record what was agreed, or that it was ended."""
    stream = agreement_stream(owner, peer_id)
    version = await desk.spine.version(stream)
    await desk.spine.commit(Work(appends=(Append(stream, version, (fact,)),)))
