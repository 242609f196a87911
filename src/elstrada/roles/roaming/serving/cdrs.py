"""CDRs: ours for the eMSP of the token, theirs for us to pay. Insert only, once per (party, id) (T19)."""

from __future__ import annotations

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import join
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roaming.visibility import PAYERS
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.received import Taken, take_cdr
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of, named_token, owner_in_path
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Where
from elstrada.spine.paging import EVER


async def list_cdrs(visit: Visit) -> Result:
    """A page of our CDRs of the caller's tokens, in the order we recorded them."""
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "token_party": any_of(visit.parties(*PAYERS)),
        "recorded_at": Between(visit.between().low or EVER.low, visit.between().high),
    }
    found = await page(visit, t.cdr, where, "token_party", ("recorded_at",))
    if isinstance(found, Refusal):
        return found
    known = [await visit.stock.cdr_of(visit.own.id, row) for row in found.rows]
    items = tuple([await _told(visit, *one) for one in known if one is not None])
    return Listing(items, visit.list_url, found.total, found.place)


async def _told(visit: Visit, cdr: Cdr, identity: TokenIdentity) -> msgspec.Struct:
    """A CDR in the caller's words, with its place if they hold it."""
    place = await visit.place(cdr.party, cdr.cdr_location.id)
    return visit.words.cdr.write(cdr, identity, place).value


async def post_cdr(visit: Visit) -> Result:
    """Record a CDR. The same one again is a success without a second; another of the same id is refused."""
    cpo = visit.caller(Role.CPO)
    if cpo is None:
        return NOT_HERE
    named = await named_token(visit, visit.words.cdr.contract(visit.body))
    if isinstance(named, Refusal):
        return named
    cdr, identity = visit.words.cdr.read(visit.body, visit.means.keys.token_ref, cpo, named)
    if cdr.party not in visit.speakers((Role.CPO,), chosen=False):
        return NOT_HERE
    location = _url(visit, cdr.party, cdr.id)
    taken = await take_cdr(visit.means, visit.peer, cdr, identity, visit.call.raw)
    match taken:
        case Taken.NOT_OURS:
            return Refusal(Why.INVALID, "cdr_token is not of ours")
        case Taken.CONTRADICTED:
            says = "another CDR of this id is known; a CDR is corrected by a credit CDR"
            return Refusal(Why.REFUSED, says)
        case _:
            return Done(created=taken is Taken.CREATED, location=location)


async def get_cdr(visit: Visit) -> Result:
    """The CDR just as it was posted (R-40)."""
    spine, named = visit.means.spine, visit.call.path["cdr_id"]
    row = await row_of(spine, t.cdr, visit.own.id, owner_in_path(visit), named)
    if row is None or row["content_hash"] is None:
        return NOT_HERE
    document = await spine.get(t.document, hash=row["content_hash"])
    body = None if document is None else document["body"]
    return Found(msgspec.Raw(body)) if isinstance(body, bytes) else NOT_HERE


def _url(visit: Visit, party: PartyId, cdr_id: str) -> str:
    return join(visit.list_url, party.country_code, party.party_id, cdr_id)


HANDLERS: dict[str, Handler] = {"list_cdrs": list_cdrs, "post_cdr": post_cdr, "get_cdr": get_cdr}
