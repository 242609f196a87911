"""The reaper: a partner's session that stays PENDING, and of which nothing more is told, is none (R-56).

Its driver is not charging, and nobody shall wait for its CDR. What its CPO tells later counts all the same.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import msgspec

from elstrada.model.facts import RoamedSessionLapsed
from elstrada.model.ids import PartyId, roamed_session_stream
from elstrada.model.party import Role
from elstrada.model.session import Session, SessionStatus
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.conduct import source
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Between, Row, StreamMoved, Work

PENDING_AT_MOST = timedelta(hours=1)
"""From when we last heard of it. Our own stations have ten minutes; the standard says nothing."""
_AT_ONCE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reaper:
    """Ends what never began."""

    def __init__(self, means: Means, peers: Peers) -> None:
        self._means, self._peers = means, peers

    async def reap(self) -> None:
        """Hold INVALID what has been PENDING for too long; whoever hears of it meanwhile goes first."""
        until = self._means.clock.now() - PENDING_AT_MOST
        where = {"status": SessionStatus.PENDING.value, "recorded_at": Between(_EPOCH, until)}
        for row in await self._means.spine.find(
            t.roamed_session, where, order=("recorded_at",), limit=_AT_ONCE
        ):
            with contextlib.suppress(StreamMoved):
                await self._reap(row)

    async def _reap(self, row: Row) -> None:
        owner, party, session_id = PartyId.parse(str(row["owner"])), str(row["party"]), str(row["session_id"])
        stream = roamed_session_stream(owner, PartyId.parse(party), session_id)
        version = await self._means.spine.version(stream)
        row = (
            await self._means.spine.get(
                t.roamed_session, owner=str(owner), party=party, session_id=session_id
            )
            or row
        )
        recorded_at = row["recorded_at"]
        assert isinstance(recorded_at, datetime), "it was found by it"
        waited = self._means.clock.now() - recorded_at
        if row["status"] != SessionStatus.PENDING.value or waited <= PENDING_AT_MOST:
            return
        session = msgspec.json.decode(str(row["document"]), type=Session)
        session = msgspec.structs.replace(session, status=SessionStatus.INVALID)
        fact = RoamedSessionLapsed(session, waited // timedelta(seconds=1))
        await self._means.spine.commit(Work(appends=(Append(stream, version, (fact,)),)))
        await self._note(owner, session)

    async def _note(self, owner: PartyId, session: Session) -> None:
        text = f"session {session.id[:36]} of {session.party} did not begin; it is INVALID here"
        for peer in await self._peers.of(owner):
            if session.party in parties_of(peer, (Role.CPO,)):
                self._means.findings.note(source(owner, peer.id), "SESSION PENDING", text)
