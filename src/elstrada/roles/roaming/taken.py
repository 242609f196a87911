"""What partners' drivers have of us already, where that is bounded: sessions that run, and this month's CDRs."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from elstrada.model.agreement import Bounds
from elstrada.model.ids import PartyId
from elstrada.roaming.agreement import Taken
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row, Spine, Where
from elstrada.spine.paging import pages

_LATE = timedelta(minutes=1)
"""A CDR that another node recorded so long ago may have been seen by nobody yet."""
_MOST_MONTHS = 1_000

_Key = tuple[PartyId, PartyId, datetime]


class _Month:
    """The sum of a month's CDRs as far as they were read; only what came since is read again."""

    def __init__(self, begin: datetime) -> None:
        self.energy_wh, self.cost, self.read_to = 0, Decimal(0), begin
        self._lately: dict[str, datetime] = {}

    def add(self, row: Row) -> None:
        cdr_id, at = str(row["cdr_id"]), row["recorded_at"]
        assert isinstance(at, datetime), "a CDR is dated"
        if cdr_id in self._lately:
            return
        self._lately[cdr_id] = at
        energy_wh = int(Decimal(str(row["total_energy"] or 0)) * 1000)
        self.energy_wh += energy_wh if row["credits"] is None else -energy_wh
        self.cost += Decimal(str(row["total_before_taxes"] or 0))
        self.read_to = max(self.read_to, at)

    def forget(self) -> None:
        old = self.read_to - _LATE
        self._lately = {cdr_id: at for cdr_id, at in self._lately.items() if at >= old}


class Takings:
    """Counts, and keeps the sums of months."""

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._months: dict[_Key, _Month] = {}

    async def of(self, owner: PartyId, party: PartyId, bounds: Bounds, now: datetime) -> Taken:
        """What counts against these bounds; what they do not bound is not counted."""
        month = None
        if bounds.energy_wh is not None or bounds.cost is not None:
            month = await self._month(owner, party, now)
        running = (
            0 if bounds.open_sessions is None else await self._running(owner, party, bounds.open_sessions)
        )
        return Taken(
            open_sessions=running,
            energy_wh=month.energy_wh if month else 0,
            cost=month.cost if month else Decimal(0),
        )

    async def _running(self, owner: PartyId, party: PartyId, most: int) -> int:
        where: Where = {"owner": str(owner), "token_party": str(party), "ended_at": None}
        rows = await self._spine.count(t.session, where, most=most + 1)
        return int(str(rows[0]["count"])) if rows else 0

    async def _month(self, owner: PartyId, party: PartyId, now: datetime) -> _Month:
        begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        key = (owner, party, begin)
        if key not in self._months and len(self._months) >= _MOST_MONTHS:
            self._months.clear()
        month = self._months.setdefault(key, _Month(begin))
        since = max(begin, month.read_to - _LATE)
        where: Where = {
            "owner": str(owner),
            "token_party": str(party),
            "recorded_at": Between(since),
            "party": str(owner),
        }
        async for rows in pages(self._spine, t.cdr, where, ("recorded_at",)):
            for row in rows:
                month.add(row)
        month.forget()
        return month
