"""What partners tell of our drivers: sessions that we follow, CDRs that we record once; pushed or fetched alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from enum import Enum, auto

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.facts import CdrReceived, RoamedSessionChanged
from elstrada.model.ids import PartyId, cdr_stream, roamed_session_stream
from elstrada.model.party import Peer
from elstrada.model.session import Session
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.patch import is_older
from elstrada.roles.roaming.any_case import first_written, row_of
from elstrada.roles.roaming.holders import claimed_puts
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, Row, Spine, StreamMoved, Work

_TRIES = 5
_Beside = Callable[[str], Iterable[Put | Delete]]


class Taken(Enum):
    """What became of an object that a partner told."""

    CREATED = auto()
    CHANGED = auto()
    KNOWN = auto()
    """It is the same, or we know better already (R-34)."""
    NOT_OURS = auto()
    """Its token is another party's."""
    CONTRADICTED = auto()
    """Another CDR of its id is known."""
    BUSY = auto()
    """It changes too often to be kept now."""


async def take_session(
    means: Means,
    owner: PartyId,
    session: Session,
    identity: TokenIdentity,
    beside: _Beside = lambda _: (),
) -> Taken:
    """Record a session's new state, unless it is the one we know.

    Args:
        beside: what is kept with it, under its id as it was first written (R-22).
    """
    if identity.party != owner:
        return Taken.NOT_OURS
    spine = means.spine
    session_id = await first_written(spine, t.roamed_session, owner, session.party, session.id)
    session = msgspec.structs.replace(session, id=session_id)
    stream = roamed_session_stream(owner, session.party, session_id)
    for _ in range(_TRIES):
        version = await spine.version(stream)
        known = await known_session(spine, owner, session.party, session.id) if version else None
        now = means.clock.now()
        if known is not None and (
            known == session or is_older(session.last_updated, known.last_updated, now)
        ):
            return Taken.KNOWN
        claimed = await claimed_puts(spine, owner, identity, session.token_ref)
        work = Work(
            appends=(Append(stream, version, (RoamedSessionChanged(session),)),),
            writes=(*claimed, *beside(session_id)),
        )
        try:
            await spine.commit(work)
        except StreamMoved:
            continue
        return Taken.CHANGED if version else Taken.CREATED
    return Taken.BUSY


async def take_cdr(means: Means, peer: Peer, cdr: Cdr, identity: TokenIdentity, raw: bytes) -> Taken:
    """Record a CDR, once per party and id, in whatever case that is told (T19, R-22).

    Args:
        peer: who brought it.
        raw: the document as it came.
    """
    owner = peer.owner
    if identity.party != owner:
        return Taken.NOT_OURS
    spine = means.spine
    cdr_id = await first_written(spine, t.cdr, owner, cdr.party, cdr.id)
    cdr, stream = msgspec.structs.replace(cdr, id=cdr_id), cdr_stream(owner, cdr.party, cdr_id)
    content_hash = hashlib.sha256(raw).hexdigest()
    document: Row = {"hash": content_hash, "body": raw, "recorded_at": means.clock.now()}
    claimed = await claimed_puts(spine, owner, identity, cdr.token_ref)
    work = Work(
        appends=(Append(stream, 0, (CdrReceived(cdr, content_hash, peer.id),)),),
        writes=(Put(t.document, document), *claimed),
    )
    try:
        await spine.commit(work)
    except StreamMoved:
        first = (await spine.facts(stream, limit=1))[0].fact
        is_same = isinstance(first, CdrReceived) and (first.cdr == cdr or first.content_hash == content_hash)
        return Taken.KNOWN if is_same else Taken.CONTRADICTED
    return Taken.CREATED


async def known_session(spine: Spine, owner: PartyId, party: PartyId, session_id: str) -> Session | None:
    """A partner's session as we know it."""
    row = await row_of(spine, t.roamed_session, owner, party, session_id)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Session)
