"""Sessions: ours for the eMSP of the token, theirs of our drivers for us to follow."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from elstrada.model.reservation import ReservationState
from elstrada.model.session import Session
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.patch import changes_identity, is_older, once_each, patch_time
from elstrada.ocpi.server import Done, Listing, Refusal, Result
from elstrada.ocpi.surplus import patched_surplus, surplus_of
from elstrada.roaming.visibility import PAYERS
from elstrada.roles.roaming.holders import kept_identity
from elstrada.roles.roaming.leaves import Rows
from elstrada.roles.roaming.received import Taken, known_session, take_session
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.surplus import SESSION, kept_surplus, surplus_writes, told
from elstrada.roles.roaming.serving.visit import (
    LONG_AGO,
    NOT_HERE,
    Handler,
    Visit,
    any_of,
    misplaced,
    named_token,
    owner_in_path,
)
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Where

_UNUSED = AnyOf(
    tuple(
        sorted(
            state.value
            for state in set(ReservationState) - {ReservationState.UNCERTAIN, ReservationState.USED}
        )
    )
)
"""Reservations that are shown in lists of sessions."""
_BEHIND = "R"
"""Begins a place among the reservations, which stand behind all sessions. No place begins with it itself."""
_STARTED = Between(low=datetime(1970, 1, 1, tzinfo=UTC))
"""Sessions whose start has not reached us yet are nobody's business."""


async def list_sessions(visit: Visit) -> Result:
    """A page of our sessions of the caller's tokens, in the order they began: that never changes.

    Behind them the reservations of these tokens that no session has used.
    """
    if visit.call.window is None or visit.call.window.date_from is None:
        return Refusal(Why.INVALID, "date_from is required (R-30)")
    where: Where = {
        "owner": visit.owner,
        "token_party": any_of(visit.parties(*PAYERS)),
        "updated_at": visit.between(),
        "started_at": _STARTED,
    }
    window = visit.call.window
    reserved: Where = {
        "owner": visit.owner,
        "token_party": any_of(visit.parties(*PAYERS)),
        "changed_at": visit.between(),
        "reserved_at": _STARTED,
        "state": _UNUSED,
    }
    rows = Rows((), await visit.stock.totals.of(t.session, where), "")
    if not window.place.startswith(_BEHIND):
        found = await page(visit, t.session, where, "token_party", ("started_at",), window)
        if isinstance(found, Refusal):
            return found
        rows = found
    behind = msgspec.structs.replace(
        window,
        place=window.place.removeprefix(_BEHIND) if window.place.startswith(_BEHIND) else "",
        offset=max(window.offset - rows.total, 0),
        limit=0 if rows.place else window.limit - len(rows.rows),
    )
    kept = await page(visit, t.reservation, reserved, "token_party", ("reserved_at",), behind)
    if isinstance(kept, Refusal):
        return kept
    place = rows.place or (kept.place and _BEHIND + kept.place)
    if not place and kept.total and not behind.limit:
        place = _BEHIND  # The page was full of sessions.
    known = [await visit.stock.session(visit.own, row) for row in rows.rows]
    known += [await visit.stock.reservation(visit.own, row) for row in kept.rows]
    written = [await _told(visit, *one) for one in known if one is not None]
    items = tuple(translated.value for translated in written if not translated.misleads)
    return Listing(items, visit.list_url, rows.total + kept.total, place)


async def get_session(visit: Visit) -> Result:
    known = await _known(visit)
    written = None if known is None else await _told(visit, *known)
    if known is None or written is None or written.misleads:
        return NOT_HERE
    return told(written.value, await kept_surplus(visit, SESSION, known[0].party, known[0].id))


async def _told(visit: Visit, session: Session, identity: TokenIdentity) -> Translated[msgspec.Struct]:
    """A session in the caller's words, with its place if they hold it."""
    place = await visit.place(session.party, session.location_id)
    return visit.words.session.write(session, identity, place)


async def put_session(visit: Visit) -> Result:
    named = await named_token(visit, visit.words.session.contract(visit.body))
    if isinstance(named, Refusal):
        return named
    session, identity = visit.words.session.read(
        visit.body, visit.means.keys.token_ref, owner_in_path(visit), named
    )
    owner = session.party
    return misplaced(
        visit, country_code=owner.country_code, party_id=owner.party_id, session_id=session.id
    ) or await _store(visit, session, identity, surplus_of(visit.call.document, visit.words.session.wire))


async def patch_session(visit: Visit) -> Result:
    path = visit.call.path
    visit.patch(LONG_AGO)  # Is it dated?
    ids = {"country_code": path["country_code"], "party_id": path["party_id"], "id": path["session_id"]}
    name = changes_identity(dict(ids), visit.call.patch)
    if name is not None:
        return Refusal(Why.INVALID, f"{name} of the path and of the body differ")
    known = await _known(visit)
    if known is None:
        return NOT_HERE
    patch = visit.patch(known[0].last_updated)
    if is_older(patch_time(patch), known[0].last_updated, visit.means.clock.now()):
        return Done()  # We know better already.
    session, identity = visit.words.session.patched(
        *known, patch, visit.means.keys.token_ref, visit.words.appended, known[0].party
    )
    before = await kept_surplus(visit, SESSION, session.party, session.id)
    surplus = patched_surplus(before, visit.call.patch, visit.words.session.wire)
    return await _store(visit, once_each(session), identity, surplus)


async def _store(visit: Visit, session: Session, identity: TokenIdentity, surplus: Object) -> Result:
    """Record the session's new state, unless it is the one we know."""
    taken = await take_session(
        visit.means,
        visit.own.id,
        session,
        identity,
        lambda session_id: surplus_writes(visit, surplus, SESSION, session.party, session_id),
    )
    match taken:
        case Taken.NOT_OURS:
            return Refusal(Why.INVALID, "cdr_token is not of ours")
        case Taken.BUSY:
            return Refusal(Why.BUSY, "the session changes too often; try again")
        case _:
            return Done(created=taken is Taken.CREATED)


async def _known(visit: Visit) -> tuple[Session, TokenIdentity] | None:
    spine, party = visit.means.spine, owner_in_path(visit)
    session = await known_session(spine, visit.own.id, party, visit.call.path["session_id"])
    if session is None:
        return None
    identity = await kept_identity(spine, visit.own.id, session.token_ref, visit.own.id)
    # Where the driver was erased (T28), the peer may PUT the session again.
    return None if identity is None else (session, identity)


HANDLERS: dict[str, Handler] = {
    "list_sessions": list_sessions,
    "get_session": get_session,
    "put_session": put_session,
    "patch_session": patch_session,
}
