"""How hubs are connected to their parties: what is known of it, and how it is noted.

We may be a hub ourselves (``OURS``), or have one that tells us; each hub speaks for itself alone.
"""

from __future__ import annotations

from datetime import datetime

from elstrada.model.facts import ClientInfoChanged
from elstrada.model.ids import PartyId, client_stream
from elstrada.model.party import ClientInfo, ClientReason, ConnectionStatus, Peer, Role
from elstrada.ocpi.patch import is_older
from elstrada.roaming.clients import Known
from elstrada.roaming.visibility import is_hub, parties_of
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Row, Spine, StreamMoved, Work

OURS = ""
"""In the place of a hub's name: the owner itself is the hub."""
MOST_CLIENTS = 10_000
"""Roles of parties that one hub may tell of."""
_TRIES = 5
_BEST_FIRST = (
    ConnectionStatus.CONNECTED,
    ConnectionStatus.OFFLINE,
    ConnectionStatus.PLANNED,
    ConnectionStatus.SUSPENDED,
)


class TooOften(Exception):
    """Others changed the same party again and again meanwhile; nothing was noted."""

    def __str__(self) -> str:
        return "others changed the party again and again meanwhile"


class TooMany(Exception):
    """The hub tells of more parties than anybody has; nothing was noted."""

    def __str__(self) -> str:
        return f"the hub tells of more than {MOST_CLIENTS} parties"


async def status_of(spine: Spine, owner: PartyId, party: PartyId, hub: str = OURS) -> ConnectionStatus | None:
    """How a hub is connected to a party, in whichever of its roles that is best; None: it knows no such party.

    Args:
        owner: our party: the hub itself, or whoever is told.
        hub: our name for the hub that tells us.
    """
    known = await of_party(spine, owner, party, hub)
    return min((one.client.status for one in known), key=_BEST_FIRST.index, default=None)


async def away(spine: Spine, peer: Peer, party: PartyId | None) -> ConnectionStatus | None:
    """Why nothing may be sent to a party by way of a peer: its hub told us this status; None: it may.

    Source: OCPI 2.2.1 mod_hub_client_info, Scenarios.
    """
    if not is_hub(peer) or party is None or party == peer.hub:
        return None
    status = await status_of(spine, peer.owner, party, peer.id)
    return None if status is ConnectionStatus.CONNECTED else status


async def is_connected(spine: Spine, peer: Peer, party: PartyId) -> bool:
    """May a hub of ours pass on to a party of a peer? One that has only just registered is not noted yet."""
    status = await status_of(spine, peer.owner, party)
    return status in (None, ConnectionStatus.CONNECTED)


async def of_party(spine: Spine, owner: PartyId, party: PartyId, hub: str = OURS) -> list[Known]:
    """A party in each of its roles."""
    where = {"owner": str(owner), "hub": hub, "party": str(party)}
    return [known_of(row) for row in await spine.find(t.client, where, limit=len(Role))]


async def of_hub(spine: Spine, owner: PartyId, hub: str = OURS) -> list[Known]:
    """All that a hub is connected to."""
    where = {"owner": str(owner), "hub": hub}
    return [known_of(row) for row in await spine.find(t.client, where, limit=MOST_CLIENTS)]


async def parties_through(spine: Spine, peer: Peer, role: Role) -> frozenset[PartyId]:
    """The parties that a peer speaks for in a role; of a hub those as well that it has told us of since.

    In 2.2.1 a hub names itself alone when it registers, and in 2.3.0 whom it reached then.
    """
    named = parties_of(peer, (role,))
    if not is_hub(peer):
        return named
    told = await of_hub(spine, peer.owner, peer.id)
    return named | {one.client.party for one in told if one.client.role is role}


def known_of(row: Row) -> Known:
    """From its row of the view."""
    return Known(client_of(row), ClientReason(str(row["reason"])))


def client_of(row: Row) -> ClientInfo:
    """The same, as peers are told of it."""
    last_updated = row["last_updated"]
    assert isinstance(last_updated, datetime)
    return ClientInfo(
        party=PartyId.parse(str(row["party"])),
        role=Role(str(row["role"])),
        status=ConnectionStatus(str(row["status"])),
        last_updated=last_updated,
    )


async def note(
    spine: Spine, owner: PartyId, client: ClientInfo, reason: ClientReason, hub: str = OURS, *, now: datetime
) -> bool | None:
    """Note what a party's status is, unless we know it or better (R-34).

    Returns:
        True: it was not known at all; None: it is no news.
    Raises:
        TooOften: others were always first.
        TooMany: there is no room for one more.
    """
    stream = client_stream(owner, client.party, hub)
    for _ in range(_TRIES):
        version = await spine.version(stream)
        row = await spine.get(
            t.client, owner=str(owner), hub=hub, party=str(client.party), role=client.role.value
        )
        known = None if row is None else known_of(row)
        if known is not None and _is_no_news(known, client, reason, now):
            return None
        if known is None and await _is_full(spine, owner, hub):
            raise TooMany
        fact = ClientInfoChanged(client, hub, reason)
        try:
            await spine.commit(Work(appends=(Append(stream, version, (fact,)),)))
        except StreamMoved:
            continue
        return known is None
    raise TooOften


def _is_no_news(known: Known, client: ClientInfo, reason: ClientReason, now: datetime) -> bool:
    same = known.client.status is client.status and known.reason is reason
    older = is_older(client.last_updated, known.client.last_updated, now)
    return older or (same and client.last_updated == known.client.last_updated)


async def _is_full(spine: Spine, owner: PartyId, hub: str) -> bool:
    [counted] = await spine.count(t.client, {"owner": str(owner), "hub": hub}, most=MOST_CLIENTS)
    return int(str(counted["count"])) >= MOST_CLIENTS
