"""Verbs on reservations of our drivers at partners' stations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.location import Location
from elstrada.model.party import Peer, PeerState, Role
from elstrada.model.token import Token
from elstrada.ocpi.v221.commands import ResultType
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party, party_id
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.reservations import Minutes, Until, time_of
from elstrada.roles.desk.shapes import Count, Text36
from elstrada.roles.roaming.clients import parties_through
from elstrada.roles.roaming.commander import ASKED, Ended, Wish
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Where

_Own = Annotated[str | None, Meta(description="Our eMSP; needed only if there are several.")]
_Partner = Annotated[str, Meta(description="Our name for the connection; see `elstrada partner list`.")]
_LIVING = frozenset({ResultType.ACCEPTED.value, ResultType.TIMEOUT.value, ASKED})
"""Of these it is known, or may be, that the CPO keeps them."""


class ReserveAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: _Partner
    location: Annotated[Text36, Meta(description="Id of the partner's location.")]
    token: Annotated[Text36, Meta(description="Uid of a token of ours.")]
    evse: Annotated[Text36 | None, Meta(description="Uid of one of its EVSEs; by default any.")] = None
    until: Until = None
    minutes: Minutes = None
    cpo: Annotated[
        str | None, Meta(description="Whose location; needed only if the partner has several CPOs.")
    ] = None
    party: _Own = None


class CancelAtPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reservation: Annotated[Text36, Meta(description="Its id; see `elstrada partner reservations`.")]
    party: _Own = None


class ListAtPartners(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partner: Annotated[str | None, Meta(description="Only at this one's stations.")] = None
    ended: Annotated[bool, Meta(description="Also those that are over, or came to nothing.")] = False
    party: _Own = None
    limit: Annotated[Count, Meta(description="Most lines, those that end last first.")] = 100
    after: After = None


class PartnerReservation(msgspec.Struct, frozen=True, kw_only=True):
    reservation_id: str
    peer_id: str
    party: str
    """The CPO."""
    location_id: str
    evse_uid: str | None
    """None: any of the location's."""
    token_ref: str
    state: str
    """OCPI's word for how it ended to make it: ACCEPTED while the CPO keeps it; else CANCELED or CANCELED_RESERVATION."""
    detail: str
    expires_at: datetime
    changed_at: datetime


async def reserve(desk: Desk, params: ReserveAtPartner) -> PartnerReservation:
    """Have a partner keep an EVSE for a token of ours."""
    assert desk.commander is not None, "the table says that this verb needs the commander"
    expires_at = time_of(desk, params.until, params.minutes)
    owner = (await own_party(desk, params.party, Role.EMSP)).id
    peer = await active_peer(desk, str(owner), params.partner)
    cpos = sorted(map(str, await parties_through(desk.spine, peer, Role.CPO)))
    if params.cpo is not None:
        cpos = [cpo for cpo in cpos if cpo == str(party_id(params.cpo, pointer="/cpo"))]
    if len(cpos) != 1:
        says = f"{params.partner} has {len(cpos)} such CPOs; expected one"
        raise Refused(Kind.USAGE, says, "say which with --cpo; see `elstrada partner list`", "/cpo")
    key = {"owner": str(owner), "party": cpos[0], "location_id": params.location}
    row = await needed(desk, t.location, f"location {params.location!r} of {cpos[0]} that we know", **key)
    location = msgspec.json.decode(str(row["document"]), type=Location)
    if params.evse is not None and params.evse not in {evse.uid for evse in location.evses}:
        says = f"location {params.location} has no EVSE with the uid {params.evse!r}"
        raise Refused(Kind.MISSING, says, pointer="/evse")
    wish = Wish(
        cpo=party_id(cpos[0]),
        token=await own_token(desk, str(owner), params.token),
        location_id=params.location,
        evse_uid=params.evse,
        expires_at=expires_at,
    )
    number, ended = await desk.commander.reserve(peer, wish)
    if ended.result is not ResultType.ACCEPTED:
        raise _refused(params.partner, "RESERVE_NOW", ended, f"the reservation was to be {number}")
    return await _line(desk, str(owner), number)


async def cancel(desk: Desk, params: CancelAtPartner) -> PartnerReservation:
    """Have a partner keep a reservation of ours no longer."""
    assert desk.commander is not None, "the table says that this verb needs the commander"
    owner = str((await own_party(desk, params.party, Role.EMSP)).id)
    what = f"reservation {params.reservation!r} of {owner} at a partner's"
    hint = "see `elstrada partner reservations`"
    row = await needed(desk, t.roamed_reservation, what, hint, owner=owner, reservation_id=params.reservation)
    if row["state"] not in _LIVING:
        raise Refused(Kind.CONFLICT, f"{what} is not kept: {row['state']}", hint, "/reservation")
    peer = await active_peer(desk, owner, str(row["peer_id"]))
    ended = await desk.commander.cancel(peer, row)
    if ended.result is not ResultType.ACCEPTED:
        raise _refused(peer.id, "CANCEL_RESERVATION", ended, hint)
    return await _line(desk, owner, params.reservation)


async def list_reservations(desk: Desk, params: ListAtPartners) -> Page[PartnerReservation]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.EMSP)).id)}
    if params.partner is not None:
        where = {**where, "peer_id": params.partner}
    wheres = [where]
    if not params.ended:
        where = {**where, "expires_at": Between(low=desk.clock.now())}
        wheres = [{**where, "state": state} for state in sorted(_LIVING)]
    order = ("-expires_at",)
    rows = await page_of(desk, t.roamed_reservation, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(PartnerReservation, row))


async def active_peer(desk: Desk, owner: str, name: str) -> Peer:
    hint = "see `elstrada partner list`"
    row = await needed(desk, t.peer, f"partner {name[:40]!r} of {owner}", hint, owner=owner, peer_id=name)
    peer = msgspec.json.decode(str(row["document"]), type=Peer)
    if peer.state is not PeerState.ACTIVE:
        raise Refused(Kind.CONFLICT, f"partner {name} is {peer.state.value}", hint, "/partner")
    return peer


async def own_token(desk: Desk, owner: str, uid: str) -> Token:
    """A token that we have issued, and that may charge: we authorize it by giving it to the CPO."""
    where = {"owner": owner, "party": owner, "ref": desk.keys.token_ref(uid)}
    rows = await desk.spine.find(t.token, where, limit=1)
    hint = "see `elstrada token list`"
    if not rows:
        raise Refused(Kind.MISSING, f"there is no such token of {owner}", hint, "/token")
    token = msgspec.json.decode(str(rows[0]["document"]), type=Token)
    if not token.valid:
        raise Refused(Kind.CONFLICT, "the token is blocked", hint, "/token")
    return token


async def _line(desk: Desk, owner: str, number: str) -> PartnerReservation:
    row = await desk.spine.get(t.roamed_reservation, owner=owner, reservation_id=number)
    assert row is not None, "its record was made before it was asked for"
    return line_of(PartnerReservation, row)


def _refused(partner: str, what: str, ended: Ended, hint: str) -> Refused:
    told = f"{ended.result.value} ({ended.detail})" if ended.detail else ended.result.value
    if ended.result is ResultType.TIMEOUT:
        says = f"nobody knows whether {what} was done: {partner} was asked, and it ended as {told}"
        return Refused(Kind.UNKNOWN, says, hint)
    return Refused(Kind.REFUSED, f"{partner} answered {what} with {told}", hint)


VERBS = (
    Verb(
        "partner reserve",
        "Have a partner keep an EVSE for a token of ours.",
        ReserveAtPartner,
        PartnerReservation,
        reserve,
        Part.COMMANDER,
        arguments=1,
    ),
    Verb(
        "partner unreserve",
        "Have a partner keep a reservation of ours no longer.",
        CancelAtPartner,
        PartnerReservation,
        cancel,
        Part.COMMANDER,
    ),
    Verb(
        "partner reservations",
        "List reservations of our drivers at partners' stations.",
        ListAtPartners,
        tuple[PartnerReservation, ...],
        list_reservations,
        reads=True,
    ),
)
