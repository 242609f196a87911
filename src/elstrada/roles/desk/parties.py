"""Verbs on our own parties."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.party import HUB_ALONE, BusinessDetails, Party, Role, may_act_in
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, own_parties, party_id
from elstrada.roles.desk.shapes import Currency, Name
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Spine, Work


class ListParties(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class PutParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str, Meta(description="Like SE*ELS.")]
    roles: Annotated[tuple[Role, ...], Meta(description="What it does on the market; repeatable.")]
    name: Annotated[Name, Meta(description="As drivers and peers see it.")]
    currency: Annotated[Currency, Meta(description="ISO 4217, of what it charges.")] = "EUR"
    website: Annotated[str | None, Meta(description="Its website.")] = None


class PartyLine(msgspec.Struct, frozen=True):
    party: str
    roles: tuple[Role, ...]
    name: str
    currency: str


async def list_parties(desk: Desk, params: ListParties) -> tuple[PartyLine, ...]:
    return tuple(_line(party) for party in await own_parties(desk.spine))


async def put_party(desk: Desk, params: PutParty) -> PartyLine:
    """Add a party, or change its name, roles or currency."""
    if not params.roles:
        raise Refused(Kind.USAGE, "a party has at least one role", "add --roles CPO or the like", "/roles")
    if not may_act_in(params.roles):
        raise Refused(Kind.USAGE, HUB_ALONE, pointer="/roles")
    business = BusinessDetails(params.name, website=params.website)
    party = Party(party_id(params.party), params.roles, business, params.currency)
    await desk.spine.commit(Work(writes=(_put(party),)))
    return _line(party)


async def settle_parties(spine: Spine, parties: Iterable[Party]) -> None:
    """Make the parties that the configuration names ours, as it names them."""
    known = {row["party"]: row["document"] for row in await spine.find(t.party)}
    changed = [party for party in parties if known.get(str(party.id)) != document(party)]
    if changed:
        await spine.commit(Work(writes=tuple(_put(party) for party in changed)))


def _put(party: Party) -> Put:
    return Put(t.party, {"party": str(party.id), "document": document(party)})


def _line(party: Party) -> PartyLine:
    return PartyLine(str(party.id), party.roles, party.business.name, party.currency)


VERBS = (
    Verb("party list", "List our parties.", ListParties, tuple[PartyLine, ...], list_parties, reads=True),
    Verb("party put", "Add or change one of our parties.", PutParty, PartyLine, put_party),
)
