"""Sessions: ours for the eMSP of the token, theirs of our drivers for us to follow."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from elstrada.model.facts import RoamedSessionChanged
from elstrada.model.ids import roamed_session_stream
from elstrada.model.party import Role
from elstrada.model.session import Session
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import plain, shape
from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, merged, patch_time
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result, body_of
from elstrada.ocpi.v221 import sessions as wire
from elstrada.ocpi.v221 import translate
from elstrada.roles.roaming.holders import claimed_puts
from elstrada.roles.roaming.serving.visit import (
    NOT_HERE,
    Handler,
    Visit,
    any_of,
    misplaced,
    owner_in_path,
)
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Between, StreamMoved, Where, Work

_TRIES = 5
_STARTED = Between(low=datetime(1970, 1, 1, tzinfo=UTC))
"""Sessions whose start has not reached us yet are nobody's business."""


async def list_sessions(visit: Visit) -> Result:
    """A page of our sessions of the caller's tokens, in the order they began: that never changes."""
    if visit.call.window is None or visit.call.window.date_from is None:
        return Refusal(Why.INVALID, "date_from is required (R-30)")
    where: Where = {
        "owner": visit.owner,
        "token_party": any_of(visit.parties(Role.EMSP)),
        "updated_at": visit.between(),
        "started_at": _STARTED,
    }
    window = visit.call.window
    rows = await visit.means.spine.find(
        t.session, where, order=("started_at",), limit=window.limit, offset=window.offset
    )
    found = [await visit.stock.session(visit.own, row) for row in rows]
    items = tuple(translate.session_to_wire(*known).value for known in found if known is not None)
    counted = await visit.means.spine.count(t.session, where)
    return Listing(items, visit.list_url, int(str(counted[0]["count"])) if counted else 0)


async def get_session(visit: Visit) -> Result:
    known = await _known(visit)
    return NOT_HERE if known is None else Found(known)


async def put_session(visit: Visit) -> Result:
    put = body_of(visit.call, wire.Session)
    return misplaced(
        visit, country_code=put.country_code, party_id=put.party_id, session_id=put.id
    ) or await _store(visit, put)


async def patch_session(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.call.patch
    at = patch_time(patch)
    ids = {"country_code": path["country_code"], "party_id": path["party_id"], "id": path["session_id"]}
    name = changes_identity(dict(ids), patch)
    if name is not None:
        return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    known = await _known(visit)
    if known is None:
        return NOT_HERE
    if at < known.last_updated.at:
        return Done()  # We know better already.
    document = merged(plain(known), patch, appended=wire.APPENDED)
    return await _store(visit, wire.without_repeats(shape(document, wire.Session)))


async def _store(visit: Visit, session: wire.Session) -> Result:
    """Record the session's new state, unless it is the one we know."""
    translated, identity = translate.session_from_wire(session, visit.means.keys.token_ref)
    if identity.party != visit.own.id:
        return Refusal(Why.INVALID, "cdr_token is not of ours")
    stream = roamed_session_stream(visit.own.id, owner_in_path(visit), translated.value.id)
    spine = visit.means.spine
    for _ in range(_TRIES):
        version = (await spine.load(stream)).version
        known = await _stored(visit) if version else None
        if known is not None and (
            known == translated.value or translated.value.last_updated < known.last_updated
        ):
            return Done()  # No news, or we know better already.
        ref = translated.value.token_ref
        work = Work(
            appends=(Append(stream, version, (RoamedSessionChanged(translated.value),)),),
            writes=await claimed_puts(spine, visit.own.id, identity, ref),
        )
        try:
            await spine.commit(work)
        except StreamMoved:
            continue
        return Done(created=version == 0)
    return Refusal(Why.BUSY, "the session changes too often; try again")


async def _stored(visit: Visit) -> Session | None:
    row = await visit.means.spine.get(
        t.roamed_session,
        owner=visit.owner,
        party=str(owner_in_path(visit)),
        session_id=visit.call.path["session_id"],
    )
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Session)


async def _known(visit: Visit) -> wire.Session | None:
    session = await _stored(visit)
    if session is None:
        return None
    row = await visit.means.spine.get(t.identity, owner=visit.owner, ref=session.token_ref)
    if row is None:
        return None  # The driver was erased (T28); the peer may PUT the session again.
    identity = msgspec.json.decode(str(row["document"]), type=TokenIdentity)
    return translate.session_to_wire(session, identity).value


HANDLERS: dict[str, Handler] = {
    "list_sessions": list_sessions,
    "get_session": get_session,
    "put_session": put_session,
    "patch_session": patch_session,
}
