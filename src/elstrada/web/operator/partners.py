"""Partners, and what is agreed with them: the list, and the page of one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Table

from elstrada.model.agreement import ALL_PARTIES, DEFAULT, Agreement
from elstrada.model.party import ConnectionStatus, Peer, PeerState
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine, Where
from elstrada.web.operator.listing import Part, part_of
from elstrada.web.operator.reading import COUNTED

MOST_AGREEMENTS = 100
"""With one partner, on its page."""
_ORDER = ("owner", "peer_id")


class PartnerLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    """Our party."""
    peer_id: str
    state: PeerState
    version: str
    """Of OCPI; empty: none yet."""
    roles: tuple[str, ...]
    """Parties with their role and name."""


class Partners(msgspec.Struct, frozen=True):
    """A part of the list."""

    part: Part[PartnerLine]


class Standing(StrEnum):
    """Does an agreement hold now?"""

    HOLDS = "HOLDS"
    LATER = "LATER"
    OVER = "OVER"


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement with one party of a partner, or with all others."""

    party: str
    """Empty: all those without an agreement of their own."""
    standing: Standing
    agreement: Agreement
    until: datetime | None
    """When it ended or will; None: that is open."""
    tariffs: tuple[tuple[str, str], ...]
    """A tariff of ours, and where it is shown and paid; empty: wherever no other says more."""
    places: tuple[str, ...]
    """That are named, by id, group or country."""
    checks: tuple[str, ...]
    """Of its CDRs, whose severity is another than by default: number and severity."""
    note: str
    changed_at: datetime | None


class PartnerPage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of one partner says."""

    line: PartnerLine
    hub: str
    """Its party as a hub; empty: it is none."""
    quirks: tuple[str, ...]
    changed_at: datetime
    waiting: int
    """Objects of which it lacks the newest state, counted up to ``COUNTED``."""
    problem: str
    """Why it did not answer when we, its hub, last asked whether it lives."""
    behind: int
    """Roles of parties behind it, a hub, likewise."""
    away: int
    """Of these, those that it is not connected to now."""
    agreements: tuple[Agreed, ...]
    default: Agreement = DEFAULT
    """What holds with whoever has no agreement."""


async def read_partners(spine: Spine, after: str) -> Partners:
    """Our connections, by our party and name.

    Raises:
        NoPlace: ``after`` is no place in this list.
    """
    part = await part_of(spine, t.peer, [{}], _ORDER, after)
    return Partners(part.of(lambda row: _line(_peer(row))))


async def read_partner(spine: Spine, owner: str, peer_id: str, now: datetime) -> PartnerPage | None:
    """One connection; None if there is none of that name."""
    row = await spine.get(t.peer, owner=owner, peer_id=peer_id)
    if row is None:
        return None
    peer = _peer(row)
    key: Where = {"owner": owner, "peer_id": peer_id}
    pulse = await spine.get(t.pulse, owner=owner, peer_id=peer_id)
    rows = await spine.find(t.agreement, key, order=("party",), limit=MOST_AGREEMENTS)
    behind = {} if peer.hub is None else await _behind(spine, owner, peer_id)
    return PartnerPage(
        line=_line(peer),
        hub="" if peer.hub is None else str(peer.hub),
        quirks=tuple(quirk.value for quirk in peer.quirks),
        changed_at=peer.changed_at,
        waiting=await _count(spine, t.mark, key),
        problem="" if pulse is None else str(pulse["problem"] or ""),
        behind=min(sum(behind.values()), COUNTED),
        away=min(sum(behind.values()) - behind.get(ConnectionStatus.CONNECTED, 0), COUNTED),
        agreements=tuple(agreed(one, now) for one in rows),
    )


def agreed(row: Row, now: datetime) -> Agreed:
    """An agreement from its row; one that was ended holds no longer than to its end."""
    made = DEFAULT if row["document"] is None else msgspec.json.decode(str(row["document"]), type=Agreement)
    ended_at = row["ended_at"] if isinstance(row["ended_at"], datetime) else None
    until = min((at for at in (made.valid_to, ended_at) if at is not None), default=None)
    begins = made.valid_from
    standing = Standing.HOLDS
    if until is not None and until <= now:
        standing = Standing.OVER
    elif begins is not None and now < begins:
        standing = Standing.LATER
    return Agreed(
        party="" if row["party"] == ALL_PARTIES else str(row["party"]),
        standing=standing,
        agreement=made,
        until=until,
        tariffs=tuple(
            (one.tariff_id, "/".join(filter(None, (one.location_id, one.evse_uid, one.connector_id))))
            for one in made.tariffs
        ),
        places=(*made.places.locations, *made.places.groups, *made.places.countries),
        checks=tuple(
            f"{number} {severity.value}" for number, severity in sorted(made.cdrs.severities.items())
        ),
        note=str(row["note"] or ""),
        changed_at=row["changed_at"] if isinstance(row["changed_at"], datetime) else None,
    )


async def _behind(spine: Spine, owner: str, peer_id: str) -> dict[ConnectionStatus, int]:
    """How many roles of parties a hub is connected to, by how."""
    return {
        status: await _count(spine, t.client, {"owner": owner, "status": status.value, "hub": peer_id})
        for status in ConnectionStatus
    }


async def _count(spine: Spine, table: Table, where: Where) -> int:
    return sum(msgspec.convert(row["count"], int) for row in await spine.count(table, where, most=COUNTED))


def _peer(row: Row) -> Peer:
    return msgspec.json.decode(str(row["document"]), type=Peer)


def _line(peer: Peer) -> PartnerLine:
    return PartnerLine(
        owner=str(peer.owner),
        peer_id=peer.id,
        state=peer.state,
        version=peer.version or "",
        roles=tuple(f"{one.party} {one.role.value} · {one.business.name}" for one in peer.roles),
    )
