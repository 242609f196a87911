"""Finding a CDR that a command names, and the line that tells of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from elstrada.model.cdr import IN_DOUBT, CdrState
from elstrada.model.ids import PartyId
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.lookups import line_of, needed, own_parties, own_party, party_id
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Where

Own = Annotated[str | None, Meta(description="Whose copy, one of our parties; all by default.")]
Issuer = Annotated[str | None, Meta(description="The CPO that issued it; needed only if two did.")]
CheckNumber = Annotated[str, Meta(pattern="^(V(0[1-9]|[1-4][0-9]|5[0-2])|RATE)$")]
"""V01 to V52, or RATE: something of ours is missing."""
_MOST_COPIES = 20
_OWN = (CdrState.ISSUED, CdrState.WITHHELD, CdrState.DELIVERED)
"""States of those that we issued."""


class Named(Protocol):
    """Parameters that name a CDR."""

    @property
    def cdr(self) -> str: ...
    @property
    def party(self) -> str | None: ...
    @property
    def issuer(self) -> str | None: ...


class CdrLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    party: str
    cdr_id: str
    state: str | None
    session_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    total_energy: Decimal | None
    """kWh."""
    total_before_taxes: Decimal | None
    total_after_taxes: Decimal | None
    currency: str | None
    findings: str | None
    """Why it is held, one finding a line."""
    credited_by: str | None
    """The credit CDR by which we took it back."""
    replaced_by: str | None
    """The CDR that took its place after that."""


async def copies_of(desk: Desk, params: Named) -> list[Row]:
    """The copies our parties have of the CDR meant, of one issuer; at least one."""
    owners = [await own_party(desk, params.party)] if params.party else await own_parties(desk.spine)
    where: Where = {"cdr_id": params.cdr, "owner": AnyOf(tuple(str(owner.id) for owner in owners))}
    if params.issuer is not None:
        where = {**where, "party": str(party_id(params.issuer, pointer="/issuer"))}
    rows = await desk.spine.find(t.cdr, where, limit=_MOST_COPIES)
    if not rows:
        raise Refused(Kind.MISSING, f"there is no CDR {params.cdr[:40]!r}", "see `elstrada cdr list`", "/cdr")
    issuers = sorted({str(row["party"]) for row in rows})
    if len(issuers) > 1:
        says = f"several parties issued a CDR {params.cdr}: {', '.join(issuers)}"
        raise Refused(Kind.USAGE, says, "say which with --issuer", "/issuer")
    return rows


async def own_copy(desk: Desk, params: Named) -> Row:
    """The copy meant; one that we issued goes before one that came to us."""
    rows = await copies_of(desk, params)
    return next((row for row in rows if row["cost"] is not None), rows[0])


async def received_copy(desk: Desk, params: Named) -> Row:
    """The copy that came to a party of ours, those in doubt first; else our own."""
    rows = await copies_of(desk, params)
    return min(rows, key=lambda row: (row["state"] not in IN_DOUBT, row["state"] in _OWN))


async def shown_line(desk: Desk, owner: PartyId, party: PartyId, cdr_id: str) -> CdrLine:
    """The CDR as it stands now."""
    key = {"owner": str(owner), "party": str(party), "cdr_id": cdr_id}
    return line_of(CdrLine, await needed(desk, t.cdr, f"CDR {cdr_id}", **key))


def key_of(row: Row) -> tuple[PartyId, PartyId, str]:
    """Whose copy, whose CDR, and its id."""
    return party_id(str(row["owner"])), party_id(str(row["party"])), str(row["cdr_id"])
