"""Verbs on how hubs are connected to their parties: hubs of ours, and those that tell us."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.party import ClientReason, ConnectionStatus, Role
from elstrada.roaming.clients import ClientKey, Known, Standing, changed, standings
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party, party_id
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.roaming.clients import OURS, TooMany, TooOften, known_of, note, of_party
from elstrada.roles.roaming.pulse import all_peers, pulses_of, silent_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where

_HELD_COUNTED = 1_000
_Client = Annotated[str, Meta(description="The party, like SE*RET.")]
_Role = Annotated[Role | None, Meta(description="In this role alone; by default in all that are known.")]
_Hub = Annotated[str | None, Meta(description="Our hub; needed only if there are several.")]


class ListClients(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: Annotated[ConnectionStatus | None, Meta(description="Only those of this status.")] = None
    party: Annotated[str | None, Meta(description="Only those that this party of ours knows of.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 100
    after: After = None


class OrderClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    client: _Client
    role: _Role = None
    party: _Hub = None


class ClientLine(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    """Of ours, which knows it: the hub, or whoever is told."""
    hub: str | None
    """Our name for the hub that tells of it; None: we are the hub."""
    client: str
    role: Role
    status: ConnectionStatus
    reason: ClientReason
    held: int
    """Objects that wait for it, counted no further than 1000."""
    last_updated: datetime


class ClientOrdered(msgspec.Struct, frozen=True, kw_only=True):
    party: str
    """Our hub."""
    client: str
    roles: tuple[Role, ...]
    status: ConnectionStatus
    """Of the first of these roles."""
    reason: ClientReason


async def list_clients(desk: Desk, params: ListClients) -> Page[ClientLine]:
    narrow: Where = {} if params.status is None else {"status": params.status.value}
    wheres = [{**narrow, "owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "hub", "party", "role")
    rows = await page_of(desk, t.client, wheres, order, limit=params.limit, after=params.after)
    lines = [await _line(desk, row) for row in rows]
    return Page.of(lines, rows.next)


async def plan(desk: Desk, params: OrderClient) -> ClientOrdered:
    """Tell all others that a party is to be connected some day, until it is released."""
    return await _order(desk, params, ConnectionStatus.PLANNED)


async def suspend(desk: Desk, params: OrderClient) -> ClientOrdered:
    """Tell all others that a party is not active, whatever it does, until it is released."""
    return await _order(desk, params, ConnectionStatus.SUSPENDED)


async def release(desk: Desk, params: OrderClient) -> ClientOrdered:
    """Let what is ordered for a party go: it is again what its registration and its silence make of it."""
    hub, client = await _hub(desk, params)
    known = await of_party(desk.spine, hub, client)
    ordered = [one for one in known if one.reason is ClientReason.OPERATOR and _is_meant(one, params)]
    if not ordered:
        says = f"nothing is ordered for {client} at {hub}"
        raise Refused(Kind.CONFLICT, says, "see `elstrada client list`", "/client")
    peers, pulses = await all_peers(desk.spine, hub), await pulses_of(desk.spine, hub)
    wanted = standings(hub, peers, silent_of(pulses))
    gone = Standing(ConnectionStatus.SUSPENDED, ClientReason.ENDED)
    for one in ordered:
        await _note(desk, hub, one.key, one, wanted.get(one.key, gone))
    return await _ordered(desk, hub, client, tuple(one.client.role for one in ordered))


async def _order(desk: Desk, params: OrderClient, status: ConnectionStatus) -> ClientOrdered:
    hub, client = await _hub(desk, params)
    known = {one.key: one for one in await of_party(desk.spine, hub, client) if _is_meant(one, params)}
    keys = list(known) or ([(client, params.role)] if params.role is not None else [])
    if not keys:
        says = f"{hub} does not know {client} yet, nor in which role it will come"
        raise Refused(Kind.USAGE, says, "say it with --role", "/role")
    for key in keys:
        await _note(desk, hub, key, known.get(key), Standing(status, ClientReason.OPERATOR))
    return await _ordered(desk, hub, client, tuple(role for _, role in keys))


async def _hub(desk: Desk, params: OrderClient) -> tuple[PartyId, PartyId]:
    """Our hub, and the party that is meant."""
    hub = await own_party(desk, params.party, Role.HUB)
    client = party_id(params.client, pointer="/client")
    if Role.HUB not in hub.roles:
        raise Refused(Kind.USAGE, f"{hub.id} is no hub", "see `elstrada party list`", "/party")
    if client == hub.id or params.role is Role.HUB:
        raise Refused(Kind.USAGE, f"{client} as a hub is nobody's client", pointer="/client")
    return hub.id, client


def _is_meant(one: Known, params: OrderClient) -> bool:
    return params.role in (None, one.client.role)


async def _note(desk: Desk, hub: PartyId, key: ClientKey, before: Known | None, wanted: Standing) -> None:
    client, reason = changed(key, before, wanted, desk.clock.now())
    try:
        await note(desk.spine, hub, client, reason, now=desk.clock.now())
    except (TooOften, TooMany) as problem:
        raise Refused(Kind.CONFLICT, str(problem), "look at it again and repeat the command") from None


async def _ordered(desk: Desk, hub: PartyId, client: PartyId, roles: tuple[Role, ...]) -> ClientOrdered:
    now = {one.client.role: one for one in await of_party(desk.spine, hub, client)}[roles[0]]
    return ClientOrdered(
        party=str(hub), client=str(client), roles=roles, status=now.client.status, reason=now.reason
    )


async def _line(desk: Desk, row: Row) -> ClientLine:
    known, hub, owner = known_of(row), str(row["hub"]), str(row["owner"])
    held: Where = {"owner": owner, "peer_id": hub, "held_for": str(known.client.party)}
    counted = [] if hub == OURS else await desk.spine.count(t.mark, held, most=_HELD_COUNTED)
    return ClientLine(
        party=owner,
        hub=hub or None,
        client=str(known.client.party),
        role=known.client.role,
        status=known.client.status,
        reason=known.reason,
        held=int(str(counted[0]["count"])) if counted else 0,
        last_updated=known.client.last_updated,
    )


VERBS = (
    Verb(
        "client list",
        "List how hubs are connected to their parties.",
        ListClients,
        tuple[ClientLine, ...],
        list_clients,
        reads=True,
    ),
    Verb(
        "client plan",
        "Have our hub say that a party is planned, until it is released.",
        OrderClient,
        ClientOrdered,
        plan,
    ),
    Verb(
        "client suspend",
        "Have our hub say that a party is suspended, until it is released.",
        OrderClient,
        ClientOrdered,
        suspend,
    ),
    Verb(
        "client release",
        "Let a party be again what its registration makes of it.",
        OrderClient,
        ClientOrdered,
        release,
    ),
)
