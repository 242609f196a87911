"""Notices stations that name a transaction that another station began, or one of their own once more (T8).

Neither touches another session: names count at one station only, and a name used again is a session of its own.
But the first is how a thief would go about it, and the second how a station loses what it should tell apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from elstrada.model import facts as f
from elstrada.model.ids import PartyId
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine, SpineDown

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway

FOREIGN, USED_AGAIN = "transaction of another station", "transaction id used again"
"""Codes of findings."""
NAMELESS = frozenset({"", "0", "-1"})
"""What stations of 1.6 say that forgot the transaction."""
MOST_IN_HAND = 32
"""Looks at the same time; what comes beyond is not looked at, for whoever makes so many is said already."""
_MOST_ROWS = 20


class Namesakes:
    """Looks up sessions by the names that stations give, once the facts of it are committed."""

    def __init__(self, gateway: Gateway, spine: Spine) -> None:
        self._gateway, self._spine = gateway, spine
        self._in_hand = 0

    def note(self, owner: PartyId, station_id: str, facts: Iterable[f.StationFact]) -> None:
        """See what names these facts give; nothing is awaited."""
        for fact in facts:
            match fact:
                # A station that begins a session of a name may count from 1, as others do; one that never did so is odd.
                case f.SessionSeen() | f.StrayReported(session_id=None):
                    self._begin(owner, station_id, fact)
                case f.SessionStarted(seq_no=int()):  # In 1.6 the names are ours.
                    self._begin(owner, station_id, fact)
                case _:
                    pass

    def _begin(
        self, owner: PartyId, station_id: str, fact: f.SessionSeen | f.StrayReported | f.SessionStarted
    ) -> None:
        if fact.transaction_id in NAMELESS or self._in_hand >= MOST_IN_HAND:
            return
        self._in_hand += 1
        self._gateway.spawn(self._look(owner, station_id, fact))

    async def _look(
        self, owner: PartyId, station_id: str, fact: f.SessionSeen | f.StrayReported | f.SessionStarted
    ) -> None:
        try:
            begun = isinstance(fact, f.SessionStarted)
            where = {"owner": str(owner), "transaction_id": fact.transaction_id}
            rows = await self._spine.find(
                t.session, {**where, "station_id": station_id} if begun else where, limit=_MOST_ROWS
            )
            says = (
                _used_again(fact, rows) if isinstance(fact, f.SessionStarted) else _foreign(station_id, rows)
            )
            if says:
                text = f"transaction {fact.transaction_id} {says}"
                self._gateway.findings.note(
                    f"station:{owner}/{station_id}", USED_AGAIN if begun else FOREIGN, text
                )
        except SpineDown:
            pass  # A finding is worth no more than this; whoever needs the store says that it is down.
        finally:
            self._in_hand -= 1


def _foreign(station_id: str, rows: Iterable[Row]) -> str:
    others = sorted({str(row["station_id"]) for row in rows} - {station_id})
    return f"is of {others[0]}; nothing of that was touched" if others else ""


def _used_again(fact: f.SessionStarted, rows: Iterable[Row]) -> str:
    before = [str(row["session_id"]) for row in rows if row["session_id"] != fact.session_id]
    return f"was session {before[0]}, and is session {fact.session_id} now" if before else ""
