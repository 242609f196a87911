"""CDRs: ours for the eMSP of the token, theirs for us to pay. Insert only, once per (party, id) (T19)."""

from __future__ import annotations

import hashlib

import msgspec

from elstrada.model.facts import CdrReceived
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.party import Role
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import join
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result, body_of
from elstrada.ocpi.v221 import cdrs as wire
from elstrada.ocpi.v221 import translate
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.holders import claimed_puts
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of, owner_in_path
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Row, StreamMoved, Where, Work


async def list_cdrs(visit: Visit) -> Result:
    """A page of our CDRs of the caller's tokens, in the order we recorded them."""
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "token_party": any_of(visit.parties(Role.EMSP)),
        "recorded_at": visit.between(),
    }
    window = visit.call.window
    assert window is not None
    rows = await visit.means.spine.find(
        t.cdr, where, order=("recorded_at",), limit=window.limit, offset=window.offset
    )
    found = [await visit.stock.cdr_of(visit.own.id, row) for row in rows]
    items = tuple(translate.cdr_to_wire(*known).value for known in found if known is not None)
    counted = await visit.means.spine.count(t.cdr, where)
    return Listing(items, visit.list_url, int(str(counted[0]["count"])) if counted else 0)


async def post_cdr(visit: Visit) -> Result:
    """Record a CDR. The same one again is a success without a second; another of the same id is refused."""
    posted = body_of(visit.call, wire.Cdr)
    translated, identity = translate.cdr_from_wire(posted, visit.means.keys.token_ref)
    cdr = translated.value
    if cdr.party not in parties_of(visit.peer, (Role.CPO,)):
        return NOT_HERE
    if identity.party != visit.own.id:
        return Refusal(Why.INVALID, "cdr_token is not of ours")
    spine, stream = visit.means.spine, cdr_stream(visit.own.id, cdr.party, cdr.id)
    content_hash = hashlib.sha256(visit.call.raw).hexdigest()
    document: Row = {"hash": content_hash, "body": visit.call.raw, "recorded_at": visit.means.clock.now()}
    work = Work(
        appends=(Append(stream, 0, (CdrReceived(cdr, content_hash),)),),
        writes=(
            Put(t.document, document),
            *await claimed_puts(spine, visit.own.id, identity, cdr.token_ref),
        ),
    )
    location = _url(visit, cdr.party, cdr.id)
    try:
        await spine.commit(work)
    except StreamMoved:
        first = (await spine.facts(stream, limit=1))[0].fact
        if isinstance(first, CdrReceived) and (first.cdr == cdr or first.content_hash == content_hash):
            return Done(location=location)
        return Refusal(Why.REFUSED, "another CDR of this id is known; a CDR is corrected by a credit CDR")
    return Done(created=True, location=location)


async def get_cdr(visit: Visit) -> Result:
    """The CDR just as it was posted (R-40)."""
    row = await visit.means.spine.get(
        t.cdr, owner=visit.owner, party=str(owner_in_path(visit)), cdr_id=visit.call.path["cdr_id"]
    )
    if row is None or row["content_hash"] is None:
        return NOT_HERE
    document = await visit.means.spine.get(t.document, hash=row["content_hash"])
    body = None if document is None else document["body"]
    return Found(msgspec.Raw(body)) if isinstance(body, bytes) else NOT_HERE


def _url(visit: Visit, party: PartyId, cdr_id: str) -> str:
    return join(visit.list_url, party.country_code, party.party_id, cdr_id)


HANDLERS: dict[str, Handler] = {"list_cdrs": list_cdrs, "post_cdr": post_cdr, "get_cdr": get_cdr}
