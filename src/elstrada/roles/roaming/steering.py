"""Steering: which parties have a say in how a session of ours charges, and how often they may speak.

Who asks at all has a record, from its first request on; once the station has taken a profile of its, it is told
when something else changes what is active (OCPI mod_charging_profiles, PUT).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Delete, Put, Row, RowMoved, Work

WINDOW = timedelta(minutes=1)
MOST_ASKED = 12
"""Requests for one session within a window: each is a call of its station, which may be on a slow line."""
_TRIES = 5
_KEPT_FOR = timedelta(days=90)
_MOST_FORGOTTEN, _MOST_STEERED = 100, 1000


async def may_ask(means: Means, peer: Peer, session_id: str, party: PartyId) -> bool:
    """Count a request; False: it comes too soon after others."""
    key: Row = {"owner": str(peer.owner), "session_id": session_id, "party": str(party)}
    for _ in range(_TRIES):
        now = means.clock.now()
        row = await means.spine.get(t.steering, **key)
        if row is None:
            fresh: Row = {**key, "peer_id": peer.id, "set_at": None, "window_at": now, "asked": 1}
            writes = (Put(t.steering, fresh, {}), *await _forgotten(means, peer.owner))
        else:
            window_at, asked = row["window_at"], row["asked"]
            assert isinstance(window_at, datetime)
            assert isinstance(asked, int)
            if now - window_at >= WINDOW:
                window_at, asked = now, 0
            if asked >= MOST_ASKED:
                return False
            counted = {**row, "peer_id": peer.id, "window_at": window_at, "asked": asked + 1}
            before = {name: row[name] for name in ("peer_id", "window_at", "asked", "set_at")}
            writes = (Put(t.steering, counted, before),)
        try:
            await means.spine.commit(Work(writes=writes))
        except RowMoved:
            continue
        return True
    return False


async def took(means: Means, owed: Row) -> None:
    """A station has taken a profile; its sender shall hear what becomes of it.

    Args:
        owed: the record of the result, in ``callback``.
    """
    key: Row = {"owner": owed["owner"], "session_id": owed["session_id"], "party": owed["asked_by"]}
    for _ in range(_TRIES):
        row = await means.spine.get(t.steering, **key)
        if row is None:
            return  # It was forgotten, as the session has been over for long.
        put = Put(
            t.steering, {**row, "set_at": means.clock.now()}, {"asked": row["asked"], "set_at": row["set_at"]}
        )
        try:
            await means.spine.commit(Work(writes=(put,)))
        except RowMoved:
            continue
        return


async def steered_at(means: Means, owner: PartyId, station_id: str) -> list[Row]:
    """Whose profiles were taken, for the sessions that run at a station."""
    where = {"owner": str(owner), "station_id": station_id, "ended_at": None}
    running = await means.spine.find(t.session, where, limit=_MOST_STEERED)
    if not running:
        return []
    ids = AnyOf(tuple(str(row["session_id"]) for row in running))
    rows = await means.spine.find(t.steering, {"owner": str(owner), "session_id": ids}, limit=_MOST_STEERED)
    return [row for row in rows if row["set_at"] is not None]


async def _forgotten(means: Means, owner: PartyId) -> list[Delete]:
    """Those that spoke last so long ago that their sessions are over."""
    old = Between(high=means.clock.now() - _KEPT_FOR)
    rows = await means.spine.find(
        t.steering, {"owner": str(owner), "window_at": old}, order=("window_at",), limit=_MOST_FORGOTTEN
    )
    key = ("owner", "session_id", "party")
    return [Delete(t.steering, {name: row[name] for name in key}) for row in rows]
